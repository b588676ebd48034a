//! Observes the event times of an epoch, from which the coordinator computes the next watermark.

use super::operator::{EmittedRows, EpochDescriptor, EpochReport, Operator};
use crate::error::unsupported;
use arrow::array::AsArray;
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use arrow::record_batch::RecordBatch;
use thalweg_common::Result;

const US_PER_MS: i64 = 1000;

/// The event times of an epoch, in whole milliseconds as Spark counts them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct EventTimes {
    pub count: u64,
    pub sum_ms: i128,
    /// Least and greatest; undefined while `count` is 0.
    pub min_ms: i64,
    pub max_ms: i64,
}

impl EventTimes {
    fn observe(&mut self, us: i64) {
        let ms = us.div_euclid(US_PER_MS);
        self.merge(&Self { count: 1, sum_ms: i128::from(ms), min_ms: ms, max_ms: ms });
    }

    /// Adds the event times that another worker observed.
    pub(crate) fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        // The bounds of no event time are no bounds.
        let fresh = self.count == 0;
        self.min_ms = if fresh { other.min_ms } else { self.min_ms.min(other.min_ms) };
        self.max_ms = if fresh { other.max_ms } else { self.max_ms.max(other.max_ms) };
        self.count += other.count;
        self.sum_ms += other.sum_ms;
    }
}

/// Observes a column of event times; rows pass unchanged.
#[derive(Debug)]
pub(crate) struct Watermark {
    column: usize,
    times: EventTimes,
}

impl Watermark {
    pub(crate) fn new(column: usize) -> Self {
        Self { column, times: EventTimes::default() }
    }
}

impl Operator for Watermark {
    fn start_epoch(&mut self, _epoch: &EpochDescriptor) -> Result<()> {
        Ok(())
    }

    fn process(&mut self, _input: usize, rows: RecordBatch, output: &mut EmittedRows) -> Result<()> {
        let column =
            rows.columns().get(self.column).ok_or_else(|| unsupported("a watermark without its column"))?;
        let DataType::Timestamp(TimeUnit::Microsecond, _) = column.data_type() else {
            return Err(unsupported("a watermark on a column that is not a timestamp"));
        };
        let times = column.as_primitive::<TimestampMicrosecondType>();
        times.iter().flatten().for_each(|us| self.times.observe(us));
        output.emit(rows);
        Ok(())
    }

    fn close_epoch(&mut self, _output: &mut EmittedRows) -> Result<EpochReport> {
        Ok(EpochReport { times: Some(std::mem::take(&mut self.times)), ..EpochReport::default() })
    }
}
