//! Defines the trait of all operators, and what they get and return.
//!
//! An operator runs on every worker and sees one epoch at a time: [`Operator::start_epoch`], any number of
//! [`Operator::process`], [`Operator::close_epoch`]. The runtime keeps rows of later epochs back, so that the
//! state after `close_epoch` is the state at the end of that epoch and nothing else.

use super::EventTimes;
use crate::spec::OperatorId;
use crate::state::KeyRange;
use arrow::record_batch::RecordBatch;
use std::collections::BTreeMap;
use std::sync::Arc;
use thalweg_common::ids::Epoch;
use thalweg_common::{Error, Result};

/// What determines an epoch, as far as operators need it. Times are microseconds since 1970.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct EpochDescriptor {
    pub epoch: Epoch,
    /// State up to this time is closed at the end of the epoch.
    pub watermark_us: i64,
    /// Rows up to this time are late: it is the watermark of the epoch before.
    pub late_us: i64,
    pub processing_time_us: i64,
    /// The rows of the bounded tables that the epoch joins with.
    pub tables: Arc<EpochTables>,
}

/// The rows of bounded tables, by the operators that join with them.
pub(crate) type EpochTables = BTreeMap<OperatorId, RecordBatch>;

impl EpochDescriptor {
    /// Returns the descriptor for an operator whose watermark is behind that of the query.
    pub(crate) fn behind(&self, lag_us: i64) -> Self {
        // The end of the input closes everything, however old it is.
        let behind = |us: i64| if us == i64::MAX { us } else { us.saturating_sub(lag_us) };
        Self { watermark_us: behind(self.watermark_us), late_us: behind(self.late_us), ..self.clone() }
    }
}

/// An operator on one worker.
pub(crate) trait Operator {
    /// Starts an epoch, before its first row.
    fn start_epoch(&mut self, epoch: &EpochDescriptor) -> Result<()>;

    /// Processes rows of the running epoch, which arrived at `input`. An operator that would emit too much at once leaves
    /// some of them ([`EmittedRows::leave`]); it gets them again.
    fn process(&mut self, input: usize, rows: RecordBatch, output: &mut EmittedRows) -> Result<()>;

    /// Closes the running epoch: all its rows have been processed, and state up to its watermark is evicted.
    fn close_epoch(&mut self, output: &mut EmittedRows) -> Result<EpochReport>;

    /// Restores what the worker owns of one state from a batch of a state file. Batches come oldest first.
    fn restore(&mut self, state: &str, _rows: &RecordBatch, _owned: KeyRange) -> Result<()> {
        Err(Error::internal(format!("the state '{state}' of an operator that keeps none")))
    }
}

/// The rows that an operator emits before those after it process them. The rows that follow from one row of its input
/// may be more. Small in tests, so that they interrupt chunks.
pub(crate) const EMITTED_ROWS_MAX: usize = if cfg!(test) { 16 } else { 128 << 10 };

/// Collects the rows that an operator emits.
#[derive(Debug, Default)]
pub(crate) struct EmittedRows {
    emitted: Vec<RecordBatch>,
    left: Option<RecordBatch>,
}

impl EmittedRows {
    pub(crate) fn emit(&mut self, rows: RecordBatch) {
        if rows.num_rows() > 0 {
            self.emitted.push(rows);
        }
    }

    /// Leaves rows of the input for later.
    pub(crate) fn leave(&mut self, rows: RecordBatch) {
        self.left = Some(rows);
    }

    pub(crate) fn take_left(&mut self) -> Option<RecordBatch> {
        self.left.take()
    }

    pub(crate) fn take(&mut self) -> Vec<RecordBatch> {
        std::mem::take(&mut self.emitted)
    }
}

/// What an operator of one worker did in an epoch.
#[derive(Debug, Default)]
pub(crate) struct EpochReport {
    /// The event times that a watermark operator has observed.
    pub times: Option<EventTimes>,
    /// The changes of a stateful operator.
    pub state: Option<StateReport>,
}

/// The changes of named states, in the layout of state files.
pub(crate) type StateDeltas = Vec<(&'static str, Vec<RecordBatch>)>;

/// What a stateful operator of one worker did in an epoch.
#[derive(Debug, Default)]
pub(crate) struct StateReport {
    pub deltas: StateDeltas,
    pub rows_total: u64,
    pub rows_updated: u64,
    pub rows_removed: u64,
    /// What Spark counts as dropped because it is late: rows, or groups of an aggregate.
    pub rows_dropped_by_watermark: u64,
    pub memory_bytes: u64,
    /// Further metrics, by the names of the report.
    pub metrics: Vec<(&'static str, u64)>,
    /// The latest event time of what was closed and written: rows up to it can never count again. An operator that
    /// writes nothing when it closes reports none.
    pub closed_until_us: Option<i64>,
}
