//! Hits fail points: the hook of the process, and in tests a probe per query.
//!
//! A probe may return an error (the generation dies there) or wait (the generation is frozen there).

use crate::injected_bugs::InjectedBugs;
use thalweg_common::Result;
use thalweg_common::fail_point::{self, FailPoint};
use thalweg_common::ids::Epoch;

/// What a test does when one query hits a fail point.
#[cfg(test)]
#[async_trait::async_trait]
pub(crate) trait FailPointProbe: Send + Sync + std::fmt::Debug {
    async fn on_hit(&self, point: FailPoint, epoch: Epoch) -> Result<()>;
}

/// What tests change in a query; empty outside of tests.
#[derive(Debug, Clone, Default)]
pub(crate) struct TestHooks {
    pub injected: InjectedBugs,
    #[cfg(test)]
    pub probe: Option<std::sync::Arc<dyn FailPointProbe>>,
}

impl TestHooks {
    /// Hits a fail point.
    ///
    /// # Errors
    /// Only an error that a probe returns.
    pub(crate) async fn hit(&self, point: FailPoint, _epoch: Epoch) -> Result<()> {
        fail_point::hit(point);
        #[cfg(test)]
        if let Some(probe) = &self.probe {
            probe.on_hit(point, _epoch).await?;
        }
        Ok(())
    }
}
