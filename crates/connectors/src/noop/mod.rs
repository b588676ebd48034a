//! The format `noop`: computes every row and keeps none, for measuring.

use crate::connector::{Connector, SinkRequest, WriteReport, WriteRequest};
use crate::stream::{Commit, Guarantee, Staged, StreamSink};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::execution::SendableRecordBatchStream;
use futures::TryStreamExt;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_common::ids::{Epoch, Generation};
use thalweg_values::errors::from_datafusion;

/// The format `noop`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Noop;

#[async_trait]
impl Connector for Noop {
    fn name(&self) -> &'static str {
        "noop"
    }

    async fn write(&self, request: WriteRequest, mut rows: SendableRecordBatchStream) -> Result<WriteReport> {
        request.options.finish("noop")?;
        let mut report = WriteReport::default();
        while let Some(batch) = rows.try_next().await.map_err(from_datafusion)? {
            report.rows += batch.num_rows() as u64;
        }
        Ok(report)
    }

    async fn sink(&self, request: SinkRequest) -> Result<Arc<dyn StreamSink>> {
        request.options.finish("noop")?;
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
        Ok(None)
    }

    async fn stage(&self, _epoch: Epoch, _chunk: usize, _rows: Vec<RecordBatch>) -> Result<Option<Staged>> {
        Ok(None)
    }

    async fn commit(&self, _epoch: Epoch, _staged: Vec<Staged>) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::{batch, options, stream_of};

    #[tokio::test]
    async fn rows_are_counted_and_gone() {
        let request = |pairs: &[(&str, &str)]| WriteRequest {
            path: String::new(),
            mode: crate::WriteMode::Append,
            partition_by: vec![],
            replace: false,
            options: options(pairs),
            time_zone: "UTC".to_owned(),
        };
        let rows = || stream_of(batch("n int", &[&["1"], &["2"]]));
        assert_eq!(Noop.write(request(&[]), rows()).await.unwrap().rows, 2);
        assert_eq!(
            Noop.write(request(&[("x", "1")]), rows()).await.unwrap_err().class(),
            "UNSUPPORTED_OPTION"
        );
    }
}
