//! Drops rows whose key has been seen.
//!
//! The first row of a key passes, in the order in which rows arrive; which of several rows of one epoch that is
//! may differ in a replay, as in Spark. Keys expire with the watermark, if they can (see [`Expiry`]).

use super::evaluate::Evaluate;
use super::event_time::event_times;
use super::key_encoder::KeyEncoder;
use super::operator::{EmittedRows, EpochDescriptor, EpochReport, Operator, StateReport};
use super::stateless::batch_of;
use crate::error::other_layout;
use crate::spec::{DeduplicateSpec, Expiry};
use crate::state::{
    ExpiringKeys, GroupsOfKeys, KeyRange, KeyedState, NEVER, RowCodec, StateFormat, StateLayout, TimedKey,
    key_group,
};
use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Int64Type, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::HashMap;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_values::errors::from_arrow;

/// The name of the only state of a deduplication.
const KEYS: &str = "keys";
/// Spark's name of the metric.
const DUPLICATES: &str = "numDroppedDuplicateRows";

/// Returns what puts the keys in front of the columns of the rows.
pub(crate) fn deduplicate_input(spec: &DeduplicateSpec) -> Result<Evaluate> {
    let columns = spec.schema.fields().iter().enumerate();
    let columns = columns.map(|(i, f)| Arc::new(Column::new(f.name(), i)) as Arc<dyn PhysicalExpr>);
    Evaluate::new(spec.keys.iter().cloned().chain(columns).collect(), &spec.schema)
}

/// The keys that one worker owns and has seen.
pub(crate) struct Deduplicate {
    spec: DeduplicateSpec,
    encoder: KeyEncoder,
    /// Encodes the time at which a key expires.
    times: RowCodec,
    layout: StateLayout,
    seen: ExpiringKeys,
    /// The keys that are new in the running epoch.
    fresh: HashMap<Arc<[u8]>, i64>,
    late_us: i64,
    watermark_us: i64,
    rows_late: u64,
    duplicates: u64,
}

impl Deduplicate {
    /// # Errors
    /// If a type cannot be a key.
    pub(crate) fn new(spec: &DeduplicateSpec, input: &SchemaRef) -> Result<Self> {
        let keys: Vec<DataType> =
            input.fields().iter().take(spec.keys.len()).map(|f| f.data_type().clone()).collect();
        Ok(Self {
            encoder: KeyEncoder::new(&keys)?,
            times: RowCodec::new(&[DataType::Int64])?,
            layout: StateLayout::new(&keys, &[DataType::Int64]),
            spec: spec.clone(),
            seen: ExpiringKeys::default(),
            fresh: HashMap::new(),
            late_us: i64::MIN,
            watermark_us: i64::MIN,
            rows_late: 0,
            duplicates: 0,
        })
    }

    /// Returns the event time of each row, by which it may be late.
    fn late_times(&self, rows: &RecordBatch) -> Result<Option<Vec<Option<i64>>>> {
        self.spec
            .event_time
            .map(|column| event_times(rows.columns().get(self.spec.keys.len() + column)))
            .transpose()
    }

    /// Returns when the key of each row expires if it is new.
    fn expiries(&self, rows: &RecordBatch) -> Result<Vec<i64>> {
        let column = |at: usize| event_times(rows.columns().get(at));
        Ok(match self.spec.expiry {
            Expiry::Never => vec![NEVER; rows.num_rows()],
            Expiry::Key(key) => column(key)?.into_iter().map(|t| t.unwrap_or(NEVER)).collect(),
            // As in Spark, a row without an event time counts as one of 1970.
            Expiry::After { column: at, delay_us } => {
                let times = column(self.spec.keys.len() + at)?;
                times.into_iter().map(|t| t.unwrap_or(0).saturating_add(delay_us)).collect()
            }
        })
    }

    fn state<'a>(&'a self, groups: GroupsOfKeys<'a>) -> StateFormat<'a> {
        StateFormat { keys: self.encoder.codec(), values: &self.times, layout: &self.layout, groups }
    }
}

impl Operator for Deduplicate {
    fn start_epoch(&mut self, epoch: &EpochDescriptor) -> Result<()> {
        // A drain closes what holds rows back. Keys stay, so that a query that goes on later still knows them.
        let is_drain = epoch.watermark_us == i64::MAX;
        let watermark_us = if is_drain { epoch.late_us } else { epoch.watermark_us };
        (self.late_us, self.watermark_us) = (epoch.late_us, watermark_us);
        Ok(())
    }

    fn process(&mut self, _input: usize, rows: RecordBatch, output: &mut EmittedRows) -> Result<()> {
        let keys = self.encoder.keys(&rows)?;
        let (late, expiries) = (self.late_times(&rows)?, self.expiries(&rows)?);
        let wanted: Vec<TimedKey<'_>> =
            keys.iter().zip(expiries).map(|(key, time)| TimedKey { time, key }).collect();
        let seen = self.seen.get_many(&wanted);
        let (mut keep, mut new) = (Vec::with_capacity(rows.num_rows()), Vec::new());
        for (row, (wanted, seen)) in wanted.iter().zip(seen).enumerate() {
            let time = late.as_ref().and_then(|times| times.get(row).copied().flatten());
            let is_late = time.is_some_and(|t| t <= self.late_us);
            // An earlier row of the batch may have the key.
            let is_new = !is_late && seen.is_none() && !self.fresh.contains_key(wanted.key);
            if is_new {
                self.fresh.insert(wanted.key.into(), wanted.time);
                new.push((*wanted, ()));
            }
            self.rows_late += u64::from(is_late);
            self.duplicates += u64::from(!is_late && !is_new);
            keep.push(is_new);
        }
        self.seen.put_many(new.into_iter());
        let passed = filter_record_batch(&rows, &BooleanArray::from(keep)).map_err(from_arrow)?;
        let columns = passed.columns().iter().skip(self.spec.keys.len()).cloned().collect();
        output.emit(batch_of(&self.spec.schema, columns, passed.num_rows())?);
        Ok(())
    }

    fn close_epoch(&mut self, _output: &mut EmittedRows) -> Result<EpochReport> {
        let fresh = std::mem::take(&mut self.fresh);
        let expired = self.seen.take_until(self.watermark_us);
        // A key that expires in this epoch needs no state in the file, and one that came in it no tombstone.
        let open: Vec<(&Arc<[u8]>, i64)> =
            fresh.iter().map(|(k, e)| (k, *e)).filter(|(_, e)| *e > self.watermark_us).collect();
        let times: ArrayRef = Arc::new(open.iter().map(|(_, expires)| *expires).collect::<Int64Array>());
        let times = self.times.encode(&[times], open.len())?;
        let upserts = open.iter().zip(times.iter()).map(|((key, _), time)| (key.as_ref(), time)).collect();
        let groups = |keys: &[&[u8]]| self.encoder.groups_of(keys);
        let gone = expired.iter().filter(|k| !fresh.contains_key(k.as_ref())).map(AsRef::as_ref).collect();
        let state = StateReport {
            deltas: vec![(KEYS, self.state(&groups).delta(upserts, gone)?)],
            rows_total: self.seen.rows() as u64,
            rows_updated: fresh.len() as u64,
            rows_removed: expired.len() as u64,
            rows_dropped_by_watermark: std::mem::take(&mut self.rows_late),
            memory_bytes: self.seen.bytes() as u64,
            metrics: vec![(DUPLICATES, std::mem::take(&mut self.duplicates))],
            closed_until_us: None,
        };
        Ok(EpochReport { state: Some(state), ..EpochReport::default() })
    }

    fn restore(&mut self, state: &str, rows: &RecordBatch, owned: KeyRange) -> Result<()> {
        if state != KEYS {
            return Err(Error::internal(format!("the state '{state}' of a deduplication, which has {KEYS}")));
        }
        let other = || other_layout("a deduplication");
        if !self.layout.is_of(rows) {
            return Err(other());
        }
        let keys = self.encoder.encode(&self.layout.keys(rows), rows.num_rows())?;
        let live = self.layout.live(rows)?;
        let columns = self.layout.states(rows);
        let times = columns.first().and_then(|c| c.as_primitive_opt::<Int64Type>());
        let times = times.ok_or_else(other)?;
        for (row, key) in keys.iter().enumerate().filter(|(_, key)| owned.contains(key_group(key))) {
            self.seen.remove(key);
            if live.value(row) {
                self.seen.put_many([(TimedKey { time: times.value(row), key }, ())].into_iter());
            }
        }
        Ok(())
    }
}
