//! Prints the rows of each epoch.

use crate::connector::{Connector, OutputMode, SinkRequest};
use crate::descriptor::{ConnectorDescriptor, OptionSpec, OptionType, SinkTarget, StreamWrite};
use crate::staging::Staging;
use crate::stream::{Commit, Guarantee, Staged, StreamSink};
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use std::fmt;
use std::sync::Arc;
use thalweg_common::fail_point::{FailPoint, hit};
use thalweg_common::ids::{Epoch, Generation};
use thalweg_common::{Error, Result};

/// Takes the text of one epoch.
pub type Print = Arc<dyn Fn(String) + Send + Sync>;
/// Renders rows as Spark's `show` does.
pub type Show = Arc<dyn Fn(&RecordBatch, EpochStyle<'_>) -> Result<String> + Send + Sync>;

/// How a console shows the rows of an epoch.
#[derive(Debug, Clone, Copy)]
pub struct EpochStyle<'a> {
    /// How many rows are shown at most.
    pub rows: usize,
    /// Whether long cells are cut.
    pub truncate: bool,
    /// The time zone in which times are shown.
    pub time_zone: &'a str,
}

/// As wide as that of Spark's console sink.
const RULE: &str = "-------------------------------------------";

static DESCRIPTOR: ConnectorDescriptor = ConnectorDescriptor {
    stream_write: Some(StreamWrite {
        options: &[&[
            OptionSpec::new("numRows", OptionType::Count, "The most rows that are shown of an epoch.")
                .default("20"),
            OptionSpec::new("truncate", OptionType::Flag, "Long values are cut.").default("true"),
        ]],
        guarantee: Guarantee::AtLeastOnce,
        output_modes: &OutputMode::ALL,
        needs_checkpoint: false,
        target: SinkTarget::Path,
    }),
    ..ConnectorDescriptor::new("console", "Prints the rows of each epoch as a table.")
};

/// The format `console`.
#[derive(Clone)]
pub struct Console {
    print: Print,
    show: Show,
}

impl Console {
    /// Creates a console that renders with `show` and hands the text to `print`.
    pub fn new(print: Print, show: Show) -> Self {
        Self { print, show }
    }
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Console")
    }
}

#[async_trait]
impl Connector for Console {
    fn descriptor(&self) -> &ConnectorDescriptor {
        &DESCRIPTOR
    }

    async fn sink(&self, request: SinkRequest) -> Result<Arc<dyn StreamSink>> {
        request.check_unpartitioned("console")?;
        let rows = request.options.count("numRows")?.unwrap_or(20);
        let truncate = request.options.flag("truncate", true)?;
        Ok(Arc::new(ConsoleSink {
            console: self.clone(),
            schema: request.schema,
            rows: usize::try_from(rows).unwrap_or(usize::MAX),
            truncate,
            time_zone: request.time_zone,
            staging: Staging::default(),
        }))
    }
}

#[derive(Debug)]
struct ConsoleSink {
    console: Console,
    schema: SchemaRef,
    rows: usize,
    truncate: bool,
    time_zone: String,
    staging: Staging,
}

#[async_trait]
impl StreamSink for ConsoleSink {
    fn description(&self) -> String {
        format!("ConsoleSink[numRows={}, truncate={}]", self.rows, self.truncate)
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::AtLeastOnce
    }

    async fn fence(&self, _generation: Generation) -> Result<Option<Commit>> {
        // There is nothing to exclude: what an older generation prints cannot be taken back.
        hit(FailPoint::SinkFence);
        hit(FailPoint::SinkFenced);
        Ok(None)
    }

    async fn stage(&self, _epoch: Epoch, _chunk: usize, rows: Vec<RecordBatch>) -> Result<Option<Staged>> {
        Ok(self.staging.stage(rows))
    }

    async fn commit(&self, epoch: Epoch, staged: Vec<Staged>) -> Result<()> {
        let rows = self.staging.take(&staged, &self.schema)?;
        let all = concat_batches(&self.schema, &rows)
            .map_err(|e| Error::internal(format!("rows for the console: {e}")))?;
        let style = EpochStyle { rows: self.rows, truncate: self.truncate, time_zone: &self.time_zone };
        let table = (self.console.show)(&all, style)?;
        // Rendered before the commit, so that rows that cannot be shown fail the epoch and print nothing.
        hit(FailPoint::SinkCommit);
        (self.console.print)(format!("{RULE}\nBatch: {epoch}\n{RULE}\n{table}\n"));
        hit(FailPoint::SinkCommitted);
        Ok(())
    }
}
