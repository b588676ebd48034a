//! Computes every row and keeps none, for measurements: the format `noop`.

use crate::connector::{Connector, OutputMode, SinkRequest, WriteReport, WriteRequest};
use crate::descriptor::{BatchWrite, ConnectorDescriptor, SinkTarget, StreamWrite};
use crate::stream::{Commit, Guarantee, Staged, StreamSink};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::execution::SendableRecordBatchStream;
use futures::TryStreamExt;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_common::ids::{Epoch, Generation};
use thalweg_values::errors::from_datafusion;

static DESCRIPTOR: ConnectorDescriptor = ConnectorDescriptor {
    batch_write: Some(BatchWrite { options: &[], atomic: true, overwrites_partitions: false }),
    stream_write: Some(StreamWrite {
        options: &[],
        guarantee: Guarantee::AtLeastOnce,
        output_modes: &OutputMode::ALL,
        needs_checkpoint: false,
        target: SinkTarget::Path,
    }),
    ..ConnectorDescriptor::new("noop", "Computes every row and keeps none, for measuring.")
};

/// The format `noop`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Noop;

#[async_trait]
impl Connector for Noop {
    fn descriptor(&self) -> &ConnectorDescriptor {
        &DESCRIPTOR
    }

    async fn write(
        &self,
        _request: WriteRequest,
        mut rows: SendableRecordBatchStream,
    ) -> Result<WriteReport> {
        let mut report = WriteReport::default();
        while let Some(batch) = rows.try_next().await.map_err(from_datafusion)? {
            report.rows += batch.num_rows() as u64;
        }
        Ok(report)
    }

    async fn sink(&self, _request: SinkRequest) -> Result<Arc<dyn StreamSink>> {
        Ok(Arc::new(NoopSink))
    }
}

#[derive(Debug)]
struct NoopSink;

#[async_trait]
impl StreamSink for NoopSink {
    fn description(&self) -> String {
        "NoopSink".to_owned()
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::AtLeastOnce
    }

    async fn fence(&self, _generation: Generation) -> Result<Option<Commit>> {
        // No commit is remembered, so the checkpoint decides which epoch was the last.
        Ok(None)
    }

    async fn stage(&self, _epoch: Epoch, _chunk: usize, _rows: Vec<RecordBatch>) -> Result<Option<Staged>> {
        Ok(None)
    }

    async fn commit(&self, _epoch: Epoch, _staged: Vec<Staged>) -> Result<()> {
        Ok(())
    }
}
