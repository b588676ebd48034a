//! Joins two streams on equal keys.
//!
//! A row of one side is joined with the rows of its key that the other side has in state, and is then kept
//! itself. So each pair is found once: when the second of its rows arrives. When the epoch closes, the rows
//! that the watermark has reached are removed, and those of a preserved side (the left one of a left outer
//! join) that nothing has matched are emitted with nulls. What always holds: a removed row cannot match any
//! row that is not late. Late rows are dropped and counted.
//!
//! The states are `left` and `right`. Their files have the join keys and the number of the row among those of
//! its key as key columns, and as state columns whether the row has been matched, and its columns.

mod side;
mod static_table;
#[cfg(test)]
mod tests;

pub(crate) use self::static_table::StaticJoin;

use self::side::{RowKeys, Side};
use super::evaluate::Evaluate;
use super::operator::{EMITTED_ROWS_MAX, EmittedRows, EpochDescriptor, EpochReport, Operator, StateReport};
use super::processing_time::EpochTimeExprs;
use super::stateless::{batch_of, boolean, evaluate};
use crate::spec::{StreamJoinSide, StreamJoinSpec};
use crate::state::{KeyRange, KeyedRow, KeyedState, RowSlot};
use arrow::array::{Array, ArrayRef, BooleanArray, UInt64Array, new_null_array};
use arrow::compute::{filter, filter_record_batch, not, take};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::{HashSet, JoinType};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_values::errors::from_arrow;

/// The names of the states, by input.
const STATES: [&str; 2] = ["left", "right"];
/// Pairs of equal keys that are decoded and tested at a time, which bounds their memory.
const PAIRS_MAX: usize = 8192;
const LEFT: usize = 0;

/// Returns what puts the keys of a side in front of its columns.
pub(crate) fn stream_join_input(side: &StreamJoinSide) -> Result<Evaluate> {
    let columns = side.schema.fields().iter().enumerate();
    let columns = columns.map(|(i, f)| Arc::new(Column::new(f.name(), i)) as Arc<dyn PhysicalExpr>);
    Evaluate::new(side.keys.iter().cloned().chain(columns).collect(), &side.schema)
}

/// A join of the rows that one worker owns.
pub(crate) struct StreamJoin {
    join_type: JoinType,
    /// The condition besides the keys; empty if there is none.
    filter: EpochTimeExprs,
    joined: SchemaRef,
    output: SchemaRef,
    sides: [Side; 2],
    late_us: i64,
    watermark_us: i64,
}

/// Rows of the input whose key a row of the other side has.
#[derive(Default)]
struct Pairs {
    /// The places of the rows in their batch.
    rows: Vec<u64>,
    slots: Vec<RowSlot>,
}

/// What has been matched by the rows of a batch.
struct Matches {
    /// Which of the rows.
    rows: Vec<bool>,
    /// The rows of the other side that were not matched before, if that matters.
    slots: HashSet<RowSlot>,
}

impl StreamJoin {
    /// `inputs` are the columns of the prepared rows of both sides.
    ///
    /// # Errors
    /// If a column has a type that state cannot have.
    pub(crate) fn new(spec: &StreamJoinSpec, inputs: [&SchemaRef; 2]) -> Result<Self> {
        let preserved = spec.preserves();
        let [left, right] = inputs;
        let semi = spec.join_type == JoinType::LeftSemi;
        Ok(Self {
            join_type: spec.join_type,
            filter: EpochTimeExprs::new(spec.filter.iter().cloned().collect()),
            joined: Arc::clone(&spec.joined_schema),
            output: Arc::clone(&spec.output_schema),
            sides: [
                Side::new(&spec.left, left, (preserved[0], preserved[0] || semi))?,
                Side::new(&spec.right, right, (preserved[1], preserved[1]))?,
            ],
            late_us: i64::MIN,
            watermark_us: i64::MIN,
        })
    }

    /// Joins rows with those that the other side has.
    fn probe(
        &self,
        input: usize,
        rows: &RecordBatch,
        keys: &RowKeys,
        output: &mut EmittedRows,
    ) -> Result<Matches> {
        let (_, other) = self.mine_and_other(input)?;
        let mut matches = Matches { rows: vec![false; rows.num_rows()], slots: HashSet::new() };
        let mut pairs = Pairs::default();
        // The rows of one key may be many, so the pairs are tested in blocks and not row by row.
        for (row, found) in keys.found_in(other).into_iter().enumerate() {
            for slot in found {
                pairs.rows.push(row as u64);
                pairs.slots.push(*slot);
                if pairs.rows.len() == PAIRS_MAX {
                    self.join(input, rows, std::mem::take(&mut pairs), (&mut matches, output))?;
                }
            }
        }
        self.join(input, rows, pairs, (&mut matches, output))?;
        Ok(matches)
    }

    /// Tests pairs and emits those that the condition joins.
    fn join(
        &self,
        input: usize,
        rows: &RecordBatch,
        pairs: Pairs,
        (matches, output): (&mut Matches, &mut EmittedRows),
    ) -> Result<()> {
        if pairs.rows.is_empty() {
            return Ok(());
        }
        let (_, other) = self.mine_and_other(input)?;
        // Only the rows of the block are decoded: the state of a side may be far larger than a batch.
        let places = UInt64Array::from(pairs.rows);
        let mine = rows.columns().iter().map(|c| take(c, &places, None)).collect::<Result<Vec<_>, _>>();
        let mine = mine.map_err(from_arrow)?;
        let theirs = other.decode_slots(&pairs.slots)?;
        let columns = if input == LEFT { [mine, theirs].concat() } else { [theirs, mine].concat() };
        let joined = batch_of(&self.joined, columns, places.len())?;
        let passes = passes(&self.filter, &joined)?;
        let mut is_first = vec![false; places.len()];
        for (pair, slot) in pairs.slots.iter().enumerate().filter(|(pair, _)| passes.value(*pair)) {
            if let Some(matched) = matches.rows.get_mut(places.value(pair) as usize) {
                *matched = true;
            }
            if other.tracks_matches
                && other.rows.get(*slot).is_some_and(|kept| !kept.matched)
                && let Some(is_first) = is_first.get_mut(pair)
            {
                *is_first = matches.slots.insert(*slot);
            }
        }
        match (self.join_type, input) {
            // The row itself is emitted after its last pair.
            (JoinType::LeftSemi, LEFT) => {}
            // A row of the left side is emitted with its first pair.
            (JoinType::LeftSemi, _) => {
                let first = BooleanArray::from(is_first);
                let left = joined.columns().iter().take(self.output.fields().len());
                let left =
                    left.map(|c| filter(c, &first)).collect::<Result<Vec<_>, _>>().map_err(from_arrow)?;
                output.emit(batch_of(&self.output, left, first.true_count())?);
            }
            _ => {
                let joined = filter_record_batch(&joined, &passes).map_err(from_arrow)?;
                output.emit(batch_of(&self.output, joined.columns().to_vec(), joined.num_rows())?);
            }
        }
        Ok(())
    }

    /// Emits rows of a preserved side that expired without a match, with nulls for the other side.
    fn emit_unmatched(&self, input: usize, expired: &[KeyedRow], output: &mut EmittedRows) -> Result<()> {
        let (mine, _) = self.mine_and_other(input)?;
        let unmatched: Vec<&KeyedRow> = expired.iter().filter(|row| !row.matched).collect();
        if !mine.is_preserved || unmatched.is_empty() {
            return Ok(());
        }
        self.emit_with_nulls(input, mine.decode(unmatched.iter().copied())?, unmatched.len(), output)
    }

    fn emit_with_nulls(
        &self,
        input: usize,
        columns: Vec<ArrayRef>,
        rows: usize,
        output: &mut EmittedRows,
    ) -> Result<()> {
        let (_, other) = self.mine_and_other(input)?;
        let nulls = other.schema.fields().iter().map(|f| new_null_array(f.data_type(), rows)).collect();
        let columns = if input == LEFT { [columns, nulls].concat() } else { [nulls, columns].concat() };
        output.emit(batch_of(&self.output, columns, rows)?);
        Ok(())
    }

    /// Emits the rows of a preserved side that cannot have a match by their own columns; returns the others.
    fn without_matchless(
        &self,
        input: usize,
        rows: RecordBatch,
        output: &mut EmittedRows,
    ) -> Result<RecordBatch> {
        let (mine, _) = self.mine_and_other(input)?;
        let columns = mine.columns(&rows)?;
        let may_match = passes(&mine.filter, &columns)?;
        if may_match.true_count() == rows.num_rows() {
            return Ok(rows);
        }
        // As in Spark, these are not kept: nothing can change what is emitted for them.
        let matchless =
            filter_record_batch(&columns, &not(&may_match).map_err(from_arrow)?).map_err(from_arrow)?;
        self.emit_with_nulls(input, matchless.columns().to_vec(), matchless.num_rows(), output)?;
        filter_record_batch(&rows, &may_match).map_err(from_arrow)
    }

    /// Leaves the rows whose pairs would be too many; returns the others with their keys.
    fn rows_at_once(
        &self,
        input: usize,
        rows: RecordBatch,
        output: &mut EmittedRows,
    ) -> Result<(RecordBatch, RowKeys)> {
        let (mine, other) = self.mine_and_other(input)?;
        let keys = mine.keys(&rows)?;
        let now = at_once(&rows, keys.found_in(other).iter().map(|found| found.len()), output);
        if now.num_rows() == rows.num_rows() {
            return Ok((rows, keys));
        }
        let keys = mine.keys(&now)?;
        Ok((now, keys))
    }

    fn mine_and_other(&self, input: usize) -> Result<(&Side, &Side)> {
        let [left, right] = &self.sides;
        match input {
            0 => Ok((left, right)),
            1 => Ok((right, left)),
            _ => Err(no_side(input)),
        }
    }

    fn side_mut(&mut self, input: usize) -> Result<&mut Side> {
        self.sides.get_mut(input).ok_or_else(|| no_side(input))
    }

    fn other_mut(&mut self, input: usize) -> Result<&mut Side> {
        let [left, right] = &mut self.sides;
        Ok(if input == LEFT { right } else { left })
    }
}

/// Returns the first of the rows, which have at most [`EMITTED_ROWS_MAX`] pairs, and leaves the others; `pairs` are those
/// of each row.
fn at_once(rows: &RecordBatch, pairs: impl Iterator<Item = usize>, output: &mut EmittedRows) -> RecordBatch {
    let mut sum = 0usize;
    let fits = |pairs: &usize| {
        sum = sum.saturating_add(*pairs);
        sum <= EMITTED_ROWS_MAX
    };
    // At least one: otherwise a row with more pairs would be left for ever.
    let first = pairs.take_while(fits).count().max(1);
    if first >= rows.num_rows() {
        return rows.clone();
    }
    output.leave(rows.slice(first, rows.num_rows() - first));
    rows.slice(0, first)
}

/// Returns which pairs a condition joins; it is empty if all are joined.
fn passes(condition: &EpochTimeExprs, joined: &RecordBatch) -> Result<BooleanArray> {
    let mut all = BooleanArray::from(vec![true; joined.num_rows()]);
    // A condition over no rows may still fail on its constants, which no row asks for.
    for condition in condition.exprs().iter().filter(|_| joined.num_rows() > 0) {
        let condition = boolean(&evaluate(condition, joined)?)?;
        all = (0..joined.num_rows()).map(|i| Some(condition.is_valid(i) && condition.value(i))).collect();
    }
    Ok(all)
}

fn no_side(input: usize) -> Error {
    Error::internal(format!("input {input} of a join of two streams"))
}

impl Operator for StreamJoin {
    fn start_epoch(&mut self, epoch: &EpochDescriptor) -> Result<()> {
        (self.late_us, self.watermark_us) = (epoch.late_us, epoch.watermark_us);
        for side in &mut self.sides {
            side.rows.end_restore();
            side.filter.start_epoch(epoch.processing_time_us)?;
        }
        self.filter.start_epoch(epoch.processing_time_us)
    }

    fn process(&mut self, input: usize, rows: RecordBatch, output: &mut EmittedRows) -> Result<()> {
        let late_us = self.late_us;
        let mine = self.side_mut(input)?;
        let rows = mine.without_late(&rows, late_us)?;
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let rows = self.without_matchless(input, rows, output)?;
        let (rows, keys) = self.rows_at_once(input, rows, output)?;
        let (mine, _) = self.mine_and_other(input)?;
        let columns = mine.columns(&rows)?;
        let Matches { rows: matched, slots } = self.probe(input, &columns, &keys, output)?;
        // After all pairs, since the rows of the other side are borrowed while they are tested.
        let other = self.other_mut(input)?;
        slots.into_iter().for_each(|slot| other.rows.mark_matched(slot));
        let is_semi = self.join_type == JoinType::LeftSemi && input == LEFT;
        if is_semi {
            let emitted =
                filter_record_batch(&columns, &BooleanArray::from(matched.clone())).map_err(from_arrow)?;
            output.emit(batch_of(&self.output, emitted.columns().to_vec(), emitted.num_rows())?);
        }
        let watermark_us = self.watermark_us;
        self.side_mut(input)?.keep(&rows, (&keys, watermark_us), |row| {
            let matched = matched.get(row).copied().unwrap_or(false);
            // Nothing follows from a row of a semi join that is emitted already.
            (!is_semi || !matched).then_some(matched)
        })
    }

    fn close_epoch(&mut self, output: &mut EmittedRows) -> Result<EpochReport> {
        let mut state = StateReport::default();
        for (input, name) in STATES.into_iter().enumerate() {
            let watermark_us = self.watermark_us;
            // After all rows of the epoch: one of them may match a row that the watermark removes now.
            let expired = self.side_mut(input)?.rows.take_until(watermark_us);
            self.emit_unmatched(input, &expired, output)?;
            let mine = self.side_mut(input)?;
            state.deltas.push((name, mine.delta(&expired)?));
            state.rows_total += mine.rows.rows() as u64;
            state.rows_updated += std::mem::take(&mut mine.rows_kept);
            state.rows_removed += expired.iter().filter(|row| row.is_stored).count() as u64;
            state.rows_dropped_by_watermark += std::mem::take(&mut mine.rows_late);
            state.memory_bytes += mine.rows.bytes() as u64;
        }
        Ok(EpochReport { state: Some(state), ..EpochReport::default() })
    }

    fn restore(&mut self, state: &str, rows: &RecordBatch, owned: KeyRange) -> Result<()> {
        let input = STATES.iter().position(|name| *name == state);
        let input =
            input.ok_or_else(|| Error::internal(format!("the state '{state}' of a join of two streams")))?;
        self.side_mut(input)?.restore(rows, owned)
    }
}
