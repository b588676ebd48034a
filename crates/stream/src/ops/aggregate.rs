//! Aggregates groups over event time, one epoch after the other.
//!
//! During an epoch its rows are accumulated in the partial states of their groups. When the epoch closes, the
//! stored states of exactly these groups are merged with the partial ones, and the watermark closes the panes
//! that it reached. The results are the rows to emit and the state changes to make durable. What always
//! holds: the cost is proportional to the groups touched and closed, and after the close of an epoch the
//! table is the state at the end of that epoch.
//!
//! Late rows are dropped and counted. By Spark's rule a row is late if the event time of its group is at or
//! below the watermark of the previous epoch. Late groups are counted too, since Spark drops rows after it
//! has grouped them. Groups of panes of sliding windows are merged by [`super::panes`]. Not here: expressions
//! (see [`super::aggregate_input`]), retraction.

use super::accumulate::{MergeableAggregate, PartialState};
use super::aggregate_input::AggregateInputLayout;
use super::event_time::event_times;
use super::key_encoder::KeyEncoder;
use super::operator::{EmittedRows, EpochDescriptor, EpochReport, Operator, StateReport};
use super::panes::{Panes, WindowMerge};
use super::stateless::{batch_of, boolean};
use crate::error::other_layout;
use crate::spec::{AggregateSpec, EventTimeKey, SlidingWindows};
use crate::state::{
    EncodedRows, KeyRange, KeyedState, NEVER, RowCodec, StateFormat, StateLayout, StateRow, StateTable,
    TimedKey,
};
use arrow::array::{ArrayRef, BooleanArray};
use arrow::compute::{filter_record_batch, not};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::{HashMap, HashSet};
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_connectors::OutputMode;
use thalweg_values::errors::from_arrow;

/// Number of late input rows. Spark's `numRowsDroppedByWatermark` counts late groups, since Spark drops late
/// rows after it has grouped them.
const INPUT_ROWS_LATE: &str = "numInputRowsDroppedByWatermark";
/// The name of the only state of an aggregate.
const GROUPS: &str = "groups";

/// The groups of an aggregate that one worker owns.
pub(crate) struct Aggregate {
    functions: Vec<MergeableAggregate>,
    input: AggregateInputLayout,
    event_time: Option<EventTimeKey>,
    windows: Option<SlidingWindows>,
    output: SchemaRef,
    mode: OutputMode,
    keys: KeyEncoder,
    state_codec: RowCodec,
    state_layout: StateLayout,
    table: StateTable,
    groups: EpochGroups,
    late_us: i64,
    watermark_us: i64,
}

/// Returns the encoder of the group columns. The panes of a key are on one worker, which merges them.
pub(crate) fn aggregate_keys(spec: &AggregateSpec, input: &AggregateInputLayout) -> Result<KeyEncoder> {
    match (spec.windows, spec.event_time) {
        (Some(_), Some(key)) => KeyEncoder::without(&input.key_types(), key.group_index),
        _ => KeyEncoder::new(&input.key_types()),
    }
}

/// The groups that the running epoch has touched.
struct EpochGroups {
    index: HashMap<Arc<[u8]>, usize>,
    keys: Vec<(i64, Arc<[u8]>)>,
    partials: Vec<PartialState>,
    late: HashSet<Box<[u8]>>,
    rows_late: u64,
}

impl EpochGroups {
    fn new(functions: &[MergeableAggregate]) -> Result<Self> {
        let partials = functions.iter().map(MergeableAggregate::partial).collect::<Result<_>>()?;
        Ok(Self { index: HashMap::new(), keys: Vec::new(), partials, late: HashSet::new(), rows_late: 0 })
    }

    fn drop_late<'a>(&mut self, keys: impl Iterator<Item = &'a [u8]>) {
        for key in keys {
            self.rows_late += 1;
            if !self.late.contains(key) {
                self.late.insert(key.into());
            }
        }
    }

    fn group(&mut self, pane: i64, key: &[u8]) -> usize {
        if let Some(known) = self.index.get(key) {
            return *known;
        }
        let key: Arc<[u8]> = key.into();
        self.index.insert(Arc::clone(&key), self.keys.len());
        self.keys.push((pane, key));
        self.keys.len() - 1
    }
}

impl Aggregate {
    /// # Errors
    /// If a type cannot be a key, or a function has no mergeable state.
    pub(crate) fn new(spec: &AggregateSpec, input: &AggregateInputLayout, mode: OutputMode) -> Result<Self> {
        let functions = spec.aggregates.iter().map(MergeableAggregate::new).collect::<Result<Vec<_>>>()?;
        let states: Vec<DataType> = functions.iter().flat_map(|f| f.states.clone()).collect();
        Ok(Self {
            groups: EpochGroups::new(&functions)?,
            functions,
            event_time: spec.event_time,
            windows: spec.windows,
            output: Arc::clone(&spec.output_schema),
            mode,
            keys: aggregate_keys(spec, input)?,
            state_layout: StateLayout::new(&input.key_types(), &states),
            state_codec: RowCodec::new(&states)?,
            table: StateTable::default(),
            input: input.clone(),
            late_us: i64::MIN,
            watermark_us: i64::MIN,
        })
    }

    /// Adds an input batch to the running epoch.
    fn update(&mut self, batch: &RecordBatch) -> Result<()> {
        let late_us = self.late_us;
        let mut panes = self.panes(batch.columns(), batch.num_rows())?;
        // Keys without an event time never close, so none of them is late.
        let is_late = |pane: &i64| *pane <= late_us && *pane != NEVER;
        let mut batch = batch.clone();
        if panes.iter().any(is_late) {
            let late: BooleanArray = panes.iter().map(|p| Some(is_late(p))).collect();
            // Spark counts late groups and not rows, so the keys are needed once more.
            let dropped = self.keys.keys(&filter_record_batch(&batch, &late).map_err(from_arrow)?)?;
            self.groups.drop_late(dropped.iter());
            batch = filter_record_batch(&batch, &not(&late).map_err(from_arrow)?).map_err(from_arrow)?;
            panes.retain(|p| !is_late(p));
        }
        if panes.is_empty() {
            return Ok(());
        }
        let keys = self.keys.keys(&batch)?;
        let of: Vec<usize> =
            panes.iter().zip(keys.iter()).map(|(pane, key)| self.groups.group(*pane, key)).collect();
        let groups = self.groups.keys.len();
        // Without its filter a call would return another value, so a bug that loses a column must not pass.
        let lost = || Error::internal("a column of a streaming aggregate is not in its input");
        for (partial, (arguments, filter)) in self.groups.partials.iter_mut().zip(&self.input.calls) {
            let arguments = batch.columns().get(arguments.clone()).ok_or_else(lost)?;
            let filter =
                filter.map(|f| batch.columns().get(f).ok_or_else(lost).and_then(boolean)).transpose()?;
            partial.update(arguments, filter.as_ref(), &of, groups)?;
        }
        Ok(())
    }

    /// Merges the partial states of touched groups with the stored ones. Returns the states per function, and
    /// which groups were stored before.
    fn merge(
        &self,
        keys: &[(i64, Arc<[u8]>)],
        partial: Vec<Vec<ArrayRef>>,
    ) -> Result<(Vec<Vec<ArrayRef>>, Vec<bool>)> {
        let wanted: Vec<TimedKey<'_>> =
            keys.iter().map(|(time, key)| TimedKey { time: *time, key }).collect();
        let stored = self.table.get_many(&wanted);
        let known: Vec<bool> = stored.iter().map(Option::is_some).collect();
        let of: Vec<usize> = known.iter().enumerate().filter(|(_, k)| **k).map(|(i, _)| i).collect();
        if of.is_empty() {
            return Ok((partial, known));
        }
        // Only stored states are decoded: most groups of a fast stream are new.
        let old = self.state_codec.decode(stored.into_iter().flatten())?;
        let each: Vec<usize> = (0..keys.len()).collect();
        let mut old = old.as_slice();
        let mut merged = Vec::with_capacity(partial.len());
        for (function, new) in self.functions.iter().zip(&partial) {
            let (mine, rest) = old.split_at(function.states.len().min(old.len()));
            old = rest;
            merged.push(function.merge(&[(mine, &of), (new, &each)], keys.len())?);
        }
        Ok((merged, known))
    }

    fn emit_closed(&self, closed: &[StateRow]) -> Result<Option<RecordBatch>> {
        let states = self.decode(closed.iter().map(|r| r.state.as_ref()))?;
        self.emit(closed.iter().map(|r| r.key.as_ref()), &states)
    }

    fn emit_all(&self) -> Result<Option<RecordBatch>> {
        let all = self.table.scan(..);
        let states = self.decode(all.iter().map(|(_, state)| *state))?;
        self.emit(all.iter().map(|(key, _)| *key), &states)
    }

    /// Emits the sliding windows that the watermark closes in this epoch.
    fn emit_windows(&self, windows: SlidingWindows, window: usize, output: &mut EmittedRows) -> Result<()> {
        let times = windows.times_of_panes(self.late_us, self.watermark_us);
        let Some(times) = times else { return Ok(()) };
        let panes = self.table.scan(times);
        let panes = Panes {
            keys: self.keys.columns(panes.iter().map(|(key, _)| *key))?,
            states: self.decode(panes.iter().map(|(_, state)| *state))?,
        };
        let merge = WindowMerge { windows, window, functions: &self.functions, output: &self.output };
        merge.emit(&panes, (self.late_us, self.watermark_us), output)
    }

    /// Decodes states to the columns of each function.
    fn decode<'a>(&self, states: impl Iterator<Item = &'a [u8]>) -> Result<Vec<Vec<ArrayRef>>> {
        let mut flat = self.state_codec.decode(states)?.into_iter();
        Ok(self.functions.iter().map(|f| flat.by_ref().take(f.states.len()).collect()).collect())
    }

    /// Builds the output rows, one per key.
    fn emit<'a>(
        &self,
        keys: impl ExactSizeIterator<Item = &'a [u8]>,
        states: &[Vec<ArrayRef>],
    ) -> Result<Option<RecordBatch>> {
        let rows = keys.len();
        if rows == 0 {
            return Ok(None);
        }
        let mut columns = self.keys.columns(keys)?;
        for (function, states) in self.functions.iter().zip(states) {
            columns.push(function.values(states, rows)?);
        }
        batch_of(&self.output, columns, rows).map(Some)
    }

    /// Builds the state changes: the touched groups that stay open, and tombstones of those that are closed. `known` says
    /// which of the touched groups were stored before.
    fn delta(
        &self,
        touched: &[(i64, Arc<[u8]>)],
        (states, known): (&EncodedRows, &[bool]),
        closed: &[StateRow],
    ) -> Result<Vec<RecordBatch>> {
        // A group that closes in this epoch needs no state in the file.
        let open = touched.iter().enumerate().filter(|(_, (pane, _))| *pane > self.watermark_us);
        let upserts = open.map(|(i, (_, key))| (key.as_ref(), states.get(i))).collect();
        // A group that was opened in this epoch is in no state file, so closing it needs no tombstone.
        let fresh: HashSet<&[u8]> =
            touched.iter().zip(known).filter(|(_, k)| !**k).map(|((_, key), _)| key.as_ref()).collect();
        let gone = closed.iter().map(|r| r.key.as_ref()).filter(|k| !fresh.contains(k)).collect();
        let groups = |keys: &[&[u8]]| self.keys.groups_of(keys);
        let (keys, values, layout) = (self.keys.codec(), &self.state_codec, &self.state_layout);
        let format = StateFormat { keys, values, layout, groups: &groups };
        format.delta(upserts, gone)
    }

    /// Returns the event time at which the group of each row closes.
    fn panes(&self, groups: &[ArrayRef], rows: usize) -> Result<Vec<i64>> {
        // Without an event time only a drain closes groups.
        let Some(key) = self.event_time else { return Ok(vec![NEVER; rows]) };
        let closes = |time: i64| self.windows.map_or(time, |windows| windows.last_end(time));
        Ok(event_times(groups.get(key.group_index))?.into_iter().map(|t| t.map_or(NEVER, closes)).collect())
    }
}

impl Operator for Aggregate {
    fn start_epoch(&mut self, epoch: &EpochDescriptor) -> Result<()> {
        (self.late_us, self.watermark_us) = (epoch.late_us, epoch.watermark_us);
        Ok(())
    }

    fn process(&mut self, _input: usize, rows: RecordBatch, _output: &mut EmittedRows) -> Result<()> {
        self.update(&rows)
    }

    fn close_epoch(&mut self, output: &mut EmittedRows) -> Result<EpochReport> {
        let watermark_us = self.watermark_us;
        // The next epoch starts empty even if closing this one fails.
        let touched = std::mem::replace(&mut self.groups, EpochGroups::new(&self.functions)?);
        let (groups_late, rows_late) = (touched.late.len() as u64, touched.rows_late);
        let partial = touched.partials.into_iter().map(PartialState::finish).collect::<Result<Vec<_>>>()?;
        let (states, known) = self.merge(&touched.keys, partial)?;
        let encoded = self.state_codec.encode(&states.concat(), touched.keys.len())?;
        let keys = touched.keys.iter().map(|(time, key)| TimedKey { time: *time, key });
        self.table.put_many(keys.zip(encoded.iter()));
        // After the merge: a group may get its last rows in the epoch that closes it.
        if let (Some(windows), Some(key)) = (self.windows, self.event_time) {
            self.emit_windows(windows, key.group_index, output)?;
        }
        let closed = match self.mode {
            // Every epoch emits all groups, so none may be removed.
            OutputMode::Complete => vec![],
            OutputMode::Append | OutputMode::Update => self.table.take_until(watermark_us),
        };
        let emit = match self.mode {
            // Windows of panes are emitted already.
            OutputMode::Append if self.windows.is_some() => None,
            OutputMode::Append => self.emit_closed(&closed)?,
            OutputMode::Complete => self.emit_all()?,
            OutputMode::Update => self.emit(touched.keys.iter().map(|(_, k)| k.as_ref()), &states)?,
        };
        emit.into_iter().for_each(|rows| output.emit(rows));
        let delta = self.delta(&touched.keys, (&encoded, &known), &closed)?;
        let state = StateReport {
            // As in Spark, a group that is touched and closed in the same epoch counts.
            rows_updated: touched.keys.len() as u64,
            rows_removed: closed.len() as u64,
            deltas: vec![(GROUPS, delta)],
            rows_total: self.table.rows() as u64,
            rows_dropped_by_watermark: groups_late,
            memory_bytes: self.table.bytes() as u64,
            metrics: vec![(INPUT_ROWS_LATE, rows_late)],
            // Groups without an event time are written by each drain, and none of their rows is late.
            closed_until_us: closed.iter().map(|row| row.pane).filter(|pane| *pane != NEVER).max(),
        };
        Ok(EpochReport { state: Some(state), ..EpochReport::default() })
    }

    fn restore(&mut self, state: &str, batch: &RecordBatch, owned: KeyRange) -> Result<()> {
        if state != GROUPS {
            return Err(Error::internal(format!("the state '{state}' of an aggregate, which has {GROUPS}")));
        }
        if !self.state_layout.is_of(batch) {
            return Err(other_layout("an aggregate"));
        }
        let columns = self.state_layout.keys(batch);
        let panes = self.panes(&columns, batch.num_rows())?;
        let keys = self.keys.encode(&columns, batch.num_rows())?;
        let states = self.state_codec.encode(&self.state_layout.states(batch), batch.num_rows())?;
        let live = self.state_layout.live(batch)?;
        let groups = self.keys.groups(&columns, &keys)?;
        for (row, ((pane, key), group)) in panes.into_iter().zip(keys.iter()).zip(groups).enumerate() {
            // A segment may have key groups of several workers.
            if !owned.contains(group) {
                continue;
            }
            match live.value(row) {
                true => self.table.put_many([(TimedKey { time: pane, key }, states.get(row))].into_iter()),
                false => self.table.remove(pane, key),
            }
        }
        Ok(())
    }
}
