//! Plans seconds through the log of the source and computes their rows.

use crate::connector::{Connector, ReadRequest};
use crate::descriptor::{ConnectorDescriptor, OptionSpec, OptionType, StreamRead};
use crate::stream::{Guarantee, Offset, StreamSource, Subtask};
use arrow::array::{ArrayRef, Int64Array, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use futures::stream::{self, BoxStream};
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use thalweg_common::clock::{Clock, SystemClock};
use thalweg_common::lock::lock;
use thalweg_common::{Error, Result};
use thalweg_storage::{MetadataLog, checkpoint_corrupt};

const BATCH_ROWS: u16 = 8192;
const US_PER_SECOND: i64 = 1_000_000;

static DESCRIPTOR: ConnectorDescriptor = ConnectorDescriptor {
    stream_read: Some(StreamRead {
        options: &[&[
            OptionSpec::new("rowsPerSecond", OptionType::PositiveCount, "How many rows each second has.")
                .default("1"),
            OptionSpec::new(
                "numPartitions",
                OptionType::Count,
                "Without effect: workers share rows out evenly.",
            ),
            OptionSpec::only("rampUpTime", "0", "All seconds have as many rows."),
        ]],
        guarantee: Guarantee::ExactlyOnce,
        needs_schema: false,
    }),
    ..ConnectorDescriptor::new("rate", "Numbered rows, so many in each second since the query first ran.")
};

/// The format `rate`.
#[derive(Debug, Clone)]
pub struct Rate {
    clock: Arc<dyn Clock>,
}

impl Default for Rate {
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock::default()) }
    }
}

impl Rate {
    /// Creates the connector with another clock than the system's.
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self { clock }
    }
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("timestamp", thalweg_values::types::timestamp(), true),
        Field::new("value", DataType::Int64, true),
    ]))
}

fn rows_per_second(request: &ReadRequest) -> Result<i64> {
    let options = &request.options;
    if request.schema.is_some() {
        return Err(Error::unsupported("a schema for the source rate, which has its own"));
    }
    // Workers share the rows out evenly, so the number of partitions changes nothing.
    options.count("numPartitions")?;
    match options.count("rowsPerSecond")? {
        None => Ok(1),
        Some(0) => Err(options.bad("rowsPerSecond", "a number above 0")),
        Some(n) => i64::try_from(n).map_err(|_| options.bad("rowsPerSecond", "a smaller number")),
    }
}

#[async_trait]
impl Connector for Rate {
    fn descriptor(&self) -> &ConnectorDescriptor {
        &DESCRIPTOR
    }

    async fn stream_schema(&self, request: &ReadRequest) -> Result<SchemaRef> {
        rows_per_second(request)?;
        Ok(schema())
    }

    async fn source(&self, request: ReadRequest, log: MetadataLog) -> Result<Arc<dyn StreamSource>> {
        let rows = rows_per_second(&request)?;
        // The first run decides when the query started; later ones read its entry.
        let now = self.clock.now_micros();
        let start_us = log_entry(&log.create_or_get(0, json!(now).to_string().into()).await?)?;
        Ok(Arc::new(RateSource {
            rows,
            start_us,
            opened: (now - start_us, self.clock.monotonic()),
            clock: Arc::clone(&self.clock),
            log,
            frozen: Mutex::new(None),
        }))
    }
}

#[derive(Debug)]
struct RateSource {
    rows: i64,
    start_us: i64,
    /// When this run opened the source: microseconds since the query first ran, and the monotonic time.
    opened: (i64, Duration),
    clock: Arc<dyn Clock>,
    log: MetadataLog,
    /// The last second that is read, once the input is frozen.
    frozen: Mutex<Option<i64>>,
}

/// The end of a plan, in seconds since the start of the query.
#[derive(Debug, Clone, Copy)]
struct PlanEnd {
    plan: u64,
    second: i64,
}

impl PlanEnd {
    /// The end before the first plan.
    const START: Self = Self { plan: 0, second: 0 };

    /// Reads an offset, which is an end as a checkpoint keeps it.
    fn from_offset(offset: &Offset) -> Result<Self> {
        let plan = offset.get("plan").and_then(serde_json::Value::as_u64);
        let second = offset.get("second").and_then(serde_json::Value::as_i64);
        plan.zip(second)
            .map(|(plan, second)| Self { plan, second })
            .ok_or_else(|| checkpoint_corrupt(format!("'{offset}' is not an offset of the source rate.")))
    }

    fn from_start(start: Option<&Offset>) -> Result<Self> {
        start.map_or(Ok(Self::START), Self::from_offset)
    }

    fn to_offset(self) -> Offset {
        json!({"plan": self.plan, "second": self.second})
    }
}

impl RateSource {
    fn second_now(&self) -> i64 {
        let (since_start_us, monotonic) = self.opened;
        // A time of day that is set while the query runs must neither stop the rows nor make many of them at once.
        let elapsed = self.clock.monotonic().saturating_sub(monotonic).as_micros();
        let elapsed_us = i64::try_from(elapsed).unwrap_or(i64::MAX);
        since_start_us.saturating_add(elapsed_us).max(0) / US_PER_SECOND
    }
}

#[async_trait]
impl StreamSource for RateSource {
    fn description(&self) -> String {
        format!("RateStream[rowsPerSecond={}]", self.rows)
    }

    fn schema(&self) -> SchemaRef {
        schema()
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::ExactlyOnce
    }

    async fn freeze(&self) -> Result<()> {
        *lock(&self.frozen) = Some(self.second_now());
        Ok(())
    }

    async fn plan(&self, start: Option<&Offset>) -> Result<Option<Offset>> {
        // A plan that is in the log counts, whatever the time: the generation before may have read its rows.
        let start = PlanEnd::from_start(start)?;
        let plan = start.plan + 1;
        let end = |planned: &[u8]| Ok(Some(PlanEnd { plan, second: log_entry(planned)? }.to_offset()));
        if let Some(planned) = self.log.get(plan).await? {
            return end(&planned);
        }
        let frozen = *lock(&self.frozen);
        let second = frozen.unwrap_or_else(|| self.second_now());
        // The current second is not complete yet, so it is planned after it has ended.
        if second <= start.second {
            return Ok(None);
        }
        end(&self.log.create_or_get(plan, json!(second).to_string().into()).await?)
    }

    async fn read(
        &self,
        start: Option<&Offset>,
        end: &Offset,
        subtask: Subtask,
    ) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        let first = PlanEnd::from_start(start)?.second * self.rows;
        let last = PlanEnd::from_offset(end)?.second * self.rows;
        let (rows, start_us) = (self.rows, self.start_us);
        // Subtasks get the batches in turn, so that each row belongs to one subtask, whatever their number.
        let starts = (first..last).step_by(usize::from(BATCH_ROWS));
        let own = starts.skip(subtask.index).step_by(subtask.parallelism.max(1));
        let batch = move |from: i64| batch(from..last.min(from + i64::from(BATCH_ROWS)), rows, start_us);
        Ok(Box::pin(stream::iter(own.map(batch))))
    }

    /// The last second, which need not be planned: only progress reports show it.
    async fn latest(&self) -> Result<Option<Offset>> {
        Ok(Some(json!({"second": self.second_now()})))
    }

    async fn release(&self, _end: &Offset) -> Result<()> {
        Ok(())
    }
}

fn batch(values: std::ops::Range<i64>, rows: i64, start_us: i64) -> Result<RecordBatch> {
    // The second and the fraction are computed apart: a product with the number of a row leaves 64 bits at 10^13 rows.
    let time = |v: i64| start_us + (v / rows) * US_PER_SECOND + (v % rows) * US_PER_SECOND / rows;
    let times: TimestampMicrosecondArray = values.clone().map(time).collect::<Vec<_>>().into();
    let columns: Vec<ArrayRef> =
        vec![Arc::new(times.with_timezone("UTC")), Arc::new(Int64Array::from_iter_values(values))];
    RecordBatch::try_new(schema(), columns)
        .map_err(|e| Error::internal(format!("rows of the source rate: {e}")))
}

/// Reads an entry of the source's log: the start in microseconds, or the second at which a plan ends.
fn log_entry(bytes: &[u8]) -> Result<i64> {
    serde_json::from_slice(bytes)
        .map_err(|e| checkpoint_corrupt(format!("An entry of the log of a source rate is corrupt: {e}.")))
}
