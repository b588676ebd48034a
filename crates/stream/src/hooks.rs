//! I/O edges as the driver crosses them: the process-wide hook, and in tests one per query.
//!
//! A test's probe may fail (the generation dies there) or wait (it is frozen there).

use crate::planted::Planted;
use thalweg_common::Result;
use thalweg_common::edge::{self, Edge};
use thalweg_common::ids::Epoch;

/// What a test does at an edge of one query.
#[cfg(test)]
#[async_trait::async_trait]
pub(crate) trait Probe: Send + Sync + std::fmt::Debug {
    async fn at(&self, edge: Edge, epoch: Epoch) -> Result<()>;
}

/// What tests plant into a query; nothing outside of tests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hooks {
    pub planted: Planted,
    #[cfg(test)]
    pub probe: Option<std::sync::Arc<dyn Probe>>,
}

impl Hooks {
    /// Crosses an edge.
    ///
    /// # Errors
    /// Only if a test says so.
    pub(crate) async fn cross(&self, edge: Edge, _epoch: Epoch) -> Result<()> {
        edge::cross(edge);
        #[cfg(test)]
        if let Some(probe) = &self.probe {
            probe.at(edge, _epoch).await?;
        }
        Ok(())
    }
}
