//! Hits fail points: the hook of the process, and in tests a probe per query.
//!
//! A probe may return an error (the generation dies there) or wait (the generation is frozen there).

use crate::planted::Planted;
use thalweg_common::Result;
use thalweg_common::fail_point::{self, FailPoint};
use thalweg_common::ids::Epoch;

/// What a test does at a fail point of one query.
#[cfg(test)]
#[async_trait::async_trait]
pub(crate) trait Probe: Send + Sync + std::fmt::Debug {
    async fn at(&self, point: FailPoint, epoch: Epoch) -> Result<()>;
}

/// What tests plant into a query; nothing outside of tests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hooks {
    pub planted: Planted,
    #[cfg(test)]
    pub probe: Option<std::sync::Arc<dyn Probe>>,
}

impl Hooks {
    /// Hits a fail point.
    ///
    /// # Errors
    /// Only if a test says so.
    pub(crate) async fn hit(&self, point: FailPoint, _epoch: Epoch) -> Result<()> {
        fail_point::hit(point);
        #[cfg(test)]
        if let Some(probe) = &self.probe {
            probe.at(point, _epoch).await?;
        }
        Ok(())
    }
}
