//! Grouped aggregation over event time, one epoch after the other.
//!
//! While an epoch runs, its rows go into partial accumulators of their groups. When it closes, the
//! stored state of exactly those groups is merged with the partial one, the watermark closes the
//! panes it reached, and out come the rows to emit and the change of state to make durable. What
//! always holds: the cost follows the groups touched and closed, and after [`Aggregate::close`] the
//! table is the state at the end of that epoch, nothing of the next one.
//!
//! Late rows (their group's event time is at or below the previous epoch's watermark, Spark's rule
//! for late input) are dropped and counted, the groups too: Spark drops after it grouped. Not here: expressions (see [`super::prepare`]),
//! sliding windows (rows arrive unnested), retraction.

use super::accumulate::{Function, Partial};
use super::prepare::{KeyHasher, Prepared};
use super::stateless::{batch_of, boolean};
use crate::error::{from_arrow, unbuildable};
use crate::spec::{AggregateSpec, EventTimeKey, EventTimeKind, OutputMode};
use crate::state::{Codec, Layout, NEVER, Row, Table, key_group, owner};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::compute::{filter_record_batch, not};
use arrow::datatypes::{DataType, SchemaRef, TimestampMicrosecondType};
use arrow::record_batch::RecordBatch;
use datafusion::common::{HashMap, HashSet};
use std::sync::Arc;
use thalweg_common::Result;

/// What one worker's part of an aggregate gives at the end of an epoch.
#[derive(Debug, Default)]
pub(crate) struct Closed {
    pub emit: Option<RecordBatch>,
    /// Upserts and tombstones, in the layout of state files.
    pub delta: Vec<RecordBatch>,
    pub rows_total: u64,
    pub rows_updated: u64,
    pub rows_removed: u64,
    /// Groups of the epoch that were too late, and the rows that they had.
    pub groups_late: u64,
    pub rows_late: u64,
    pub memory_bytes: u64,
}

/// One worker's part of an aggregate.
pub(crate) struct Aggregate {
    functions: Vec<Function>,
    prepared: Prepared,
    event_time: Option<EventTimeKey>,
    output: SchemaRef,
    mode: OutputMode,
    keys: KeyHasher,
    states: Codec,
    layout: Layout,
    table: Table,
    epoch: Touched,
}

/// The groups that the running epoch touched.
struct Touched {
    index: HashMap<Arc<[u8]>, usize>,
    keys: Vec<(i64, Arc<[u8]>)>,
    partials: Vec<Partial>,
    late: HashSet<Box<[u8]>>,
    rows_late: u64,
}

impl Touched {
    fn new(functions: &[Function]) -> Result<Self> {
        let partials = functions.iter().map(Function::partial).collect::<Result<_>>()?;
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
    /// If a type can't be a key or a function keeps no mergeable state.
    pub(crate) fn new(spec: &AggregateSpec, prepared: &Prepared, mode: OutputMode) -> Result<Self> {
        let functions = spec.aggregates.iter().map(Function::new).collect::<Result<Vec<_>>>()?;
        let states: Vec<DataType> = functions.iter().flat_map(|f| f.states.clone()).collect();
        Ok(Self {
            epoch: Touched::new(&functions)?,
            functions,
            event_time: spec.event_time,
            output: Arc::clone(&spec.output_schema),
            mode,
            keys: KeyHasher::new(prepared)?,
            layout: Layout::new(&prepared.key_types(), &states),
            states: Codec::new(&states)?,
            table: Table::default(),
            prepared: prepared.clone(),
        })
    }

    /// Takes what this worker owns out of a batch of a state file. Files come oldest first.
    pub(crate) fn restore(&mut self, batch: &RecordBatch, worker: usize, workers: usize) -> Result<()> {
        let columns = self.layout.keys(batch);
        let panes = self.panes(&columns, batch.num_rows())?;
        let keys = self.keys.encode(&columns, batch.num_rows())?;
        let states = self.states.encode(&self.layout.states(batch), batch.num_rows())?;
        let live = self.layout.live(batch)?;
        for (row, (pane, key)) in panes.into_iter().zip(keys.iter()).enumerate() {
            if owner(key_group(key), workers) != worker {
                continue;
            }
            match live.value(row) {
                true => self.table.put(pane, key, states.get(row)),
                false => self.table.remove(pane, key),
            }
        }
        Ok(())
    }

    /// Adds prepared rows to the running epoch; `late_us` is the watermark below which rows are late.
    pub(crate) fn update(&mut self, batch: &RecordBatch, late_us: i64) -> Result<()> {
        let mut panes = self.panes(batch.columns(), batch.num_rows())?;
        let is_late = |pane: &i64| *pane <= late_us && *pane != NEVER;
        let mut batch = batch.clone();
        if panes.iter().any(is_late) {
            let late: BooleanArray = panes.iter().map(|p| Some(is_late(p))).collect();
            let dropped = self.keys.keys(&filter_record_batch(&batch, &late).map_err(from_arrow)?)?;
            self.epoch.drop_late(dropped.iter());
            batch = filter_record_batch(&batch, &not(&late).map_err(from_arrow)?).map_err(from_arrow)?;
            panes.retain(|p| !is_late(p));
        }
        if panes.is_empty() {
            return Ok(());
        }
        let keys = self.keys.keys(&batch)?;
        let of: Vec<usize> =
            panes.iter().zip(keys.iter()).map(|(pane, key)| self.epoch.group(*pane, key)).collect();
        let groups = self.epoch.keys.len();
        for (partial, (arguments, filter)) in self.epoch.partials.iter_mut().zip(&self.prepared.calls) {
            let arguments = batch.columns().get(arguments.clone()).unwrap_or_default();
            let filter = filter.and_then(|f| batch.columns().get(f)).map(boolean).transpose()?;
            partial.update(arguments, filter.as_ref(), &of, groups)?;
        }
        Ok(())
    }

    /// Ends the running epoch with its watermark.
    pub(crate) fn close(&mut self, watermark_us: i64) -> Result<Closed> {
        let touched = std::mem::replace(&mut self.epoch, Touched::new(&self.functions)?);
        let (groups_late, rows_late) = (touched.late.len() as u64, touched.rows_late);
        let partial = touched.partials.into_iter().map(Partial::finish).collect::<Result<Vec<_>>>()?;
        let (states, known) = self.merge(&touched.keys, partial)?;
        let encoded = self.states.encode(&states.concat(), touched.keys.len())?;
        for ((pane, key), state) in touched.keys.iter().zip(encoded.iter()) {
            self.table.put(*pane, key, state);
        }
        let closed = self.table.close(watermark_us);
        let emit = match self.mode {
            OutputMode::Append => self.emit_closed(&closed)?,
            OutputMode::Update => self.emit(touched.keys.iter().map(|(_, k)| k.as_ref()), &states)?,
        };
        let stays = |i: &usize| touched.keys.get(*i).is_some_and(|(pane, _)| *pane > watermark_us);
        let upserts: Vec<usize> = (0..touched.keys.len()).filter(stays).collect();
        let fresh: HashSet<&[u8]> =
            touched.keys.iter().zip(&known).filter(|(_, k)| !**k).map(|((_, key), _)| key.as_ref()).collect();
        let gone: Vec<&[u8]> = closed.iter().map(|r| r.key.as_ref()).filter(|k| !fresh.contains(k)).collect();
        let upserts: Vec<(&[u8], &[u8])> = upserts
            .into_iter()
            .filter_map(|i| touched.keys.get(i).map(|(_, key)| (key.as_ref(), encoded.get(i))))
            .collect();
        Ok(Closed {
            emit,
            // Spark counts a group that is touched and closed in one epoch too.
            rows_updated: touched.keys.len() as u64,
            rows_removed: closed.len() as u64,
            delta: self.delta(upserts, gone)?,
            rows_total: self.table.rows() as u64,
            groups_late,
            rows_late,
            memory_bytes: self.table.bytes() as u64,
        })
    }

    /// The new state of touched groups, per function, and which of them were stored before.
    fn merge(
        &self,
        keys: &[(i64, Arc<[u8]>)],
        partial: Vec<Vec<ArrayRef>>,
    ) -> Result<(Vec<Vec<ArrayRef>>, Vec<bool>)> {
        let stored: Vec<Option<&[u8]>> = keys.iter().map(|(pane, key)| self.table.get(*pane, key)).collect();
        let known: Vec<bool> = stored.iter().map(Option::is_some).collect();
        let of: Vec<usize> = known.iter().enumerate().filter(|(_, k)| **k).map(|(i, _)| i).collect();
        if of.is_empty() {
            return Ok((partial, known));
        }
        let old = self.states.decode(stored.into_iter().flatten())?;
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

    fn emit_closed(&self, closed: &[Row]) -> Result<Option<RecordBatch>> {
        let flat = self.states.decode(closed.iter().map(|r| r.state.as_ref()))?;
        let mut flat = flat.into_iter();
        let states: Vec<Vec<ArrayRef>> =
            self.functions.iter().map(|f| flat.by_ref().take(f.states.len()).collect()).collect();
        self.emit(closed.iter().map(|r| r.key.as_ref()), &states)
    }

    /// One output row per key.
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

    /// The change of state, sorted by key group, as at most one batch.
    fn delta(&self, mut upserts: Vec<(&[u8], &[u8])>, mut gone: Vec<&[u8]>) -> Result<Vec<RecordBatch>> {
        upserts.sort_unstable_by_key(|(key, _)| (key_group(key), *key));
        gone.sort_unstable_by_key(|key| (key_group(key), *key));
        let mut delta = Vec::new();
        if !upserts.is_empty() {
            let groups = upserts.iter().map(|(key, _)| key_group(key)).collect();
            let keys = self.keys.columns(upserts.iter().map(|(key, _)| *key))?;
            let states = self.states.decode(upserts.iter().map(|(_, state)| *state))?;
            delta.push(self.layout.batch(groups, keys, Some(states))?);
        }
        if !gone.is_empty() {
            let groups = gone.iter().map(|key| key_group(key)).collect();
            let keys = self.keys.columns(gone)?;
            delta.push(self.layout.batch(groups, keys, None)?);
        }
        Ok(delta)
    }

    /// The event time at which every row's group closes.
    fn panes(&self, groups: &[ArrayRef], rows: usize) -> Result<Vec<i64>> {
        let Some(key) = self.event_time else { return Ok(vec![NEVER; rows]) };
        let column =
            groups.get(key.group_index).ok_or_else(|| unbuildable("an event time that is no group"))?;
        let times = match key.kind {
            EventTimeKind::Instant => column,
            EventTimeKind::WindowEnd => {
                let window = column.as_struct_opt().and_then(|s| s.columns().get(1));
                window.ok_or_else(|| unbuildable("a window without an end"))?
            }
        };
        let times = times.as_primitive_opt::<TimestampMicrosecondType>();
        let times = times.ok_or_else(|| unbuildable("an event time that is no timestamp"))?;
        Ok((0..rows)
            .map(|i| if column.is_null(i) || times.is_null(i) { NEVER } else { times.value(i) })
            .collect())
    }
}
