//! Tests joins without a runtime.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::ops::{EpochTables, StateReport};
use crate::spec::{Expiry, OperatorId, StaticJoinSpec, StaticJoinType, StaticRead, StaticTable};
use arrow::array::{AsArray, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use thalweg_common::ids::Epoch;

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("k", DataType::Utf8, true), Field::new("v", DataType::Int64, true)]))
}

fn joined() -> SchemaRef {
    let fields = [schema(), schema()];
    Arc::new(Schema::new(fields.iter().flat_map(|s| s.fields().iter().cloned()).collect::<Vec<_>>()))
}

fn rows(rows: &[(Option<&str>, i64)]) -> RecordBatch {
    let keys: StringArray = rows.iter().map(|(k, _)| *k).collect();
    let values: Int64Array = rows.iter().map(|(_, v)| Some(*v)).collect();
    RecordBatch::try_new(schema(), vec![Arc::new(keys), Arc::new(values)]).unwrap()
}

fn key() -> Vec<Arc<dyn PhysicalExpr>> {
    vec![Arc::new(Column::new("k", 0))]
}

fn epoch(watermark_us: i64, tables: EpochTables) -> EpochDescriptor {
    let (late_us, processing_time_us) = (i64::MIN, 0);
    EpochDescriptor { epoch: Epoch(0), watermark_us, late_us, processing_time_us, tables: Arc::new(tables) }
}

/// The values of both sides of what was emitted, in order.
fn values(output: &mut EmittedRows) -> Vec<(Option<i64>, Option<i64>)> {
    let of = |batch: &RecordBatch| {
        let column =
            |place: usize| batch.column(place).as_primitive::<Int64Type>().iter().collect::<Vec<_>>();
        column(1).into_iter().zip(column(3)).collect::<Vec<_>>()
    };
    let mut all: Vec<_> = output.take().iter().flat_map(of).collect();
    all.sort_unstable();
    all
}

#[derive(Debug)]
struct NoTable;

#[async_trait::async_trait]
impl StaticTable for NoTable {
    async fn read(&self, _request: StaticRead) -> Result<RecordBatch> {
        Err(Error::internal("the rows of the table come with the epoch"))
    }
}

fn lookup(join_type: StaticJoinType) -> StaticJoinSpec {
    StaticJoinSpec {
        join_type,
        stream_is_left: true,
        stream_keys: key(),
        table_keys: key(),
        filter: None,
        table: Arc::new(NoTable),
        table_schema: schema(),
        joined_schema: joined(),
        output_schema: joined(),
    }
}

#[test]
fn each_epoch_joins_with_its_own_table_and_null_keys_match_nothing() {
    let id = OperatorId::new("lookup", 0);
    let mut join = StaticJoin::new(id.clone(), &lookup(StaticJoinType::Outer)).unwrap();
    let mut output = EmittedRows::default();
    let input = rows(&[(Some("a"), 1), (Some("b"), 2), (None, 3)]);
    for (table, expected) in [
        (
            vec![(Some("a"), 10), (Some("a"), 11), (None, 12)],
            [(1, Some(10)), (1, Some(11)), (2, None), (3, None)].to_vec(),
        ),
        (vec![(Some("b"), 20)], [(1, None), (2, Some(20)), (3, None)].to_vec()),
        (vec![], [(1, None), (2, None), (3, None)].to_vec()),
    ] {
        let tables = EpochTables::from([(id.clone(), rows(&table))]);
        join.start_epoch(&epoch(0, tables)).unwrap();
        join.process(0, input.clone(), &mut output).unwrap();
        let expected: Vec<_> = expected.into_iter().map(|(v, found)| (Some(v), found)).collect();
        assert_eq!(values(&mut output), expected);
    }
    join.start_epoch(&epoch(0, EpochTables::new())).unwrap();
    assert!(join.process(0, input, &mut output).unwrap_err().message().contains("lookup-0"));
}

/// A join whose rows only the end of the input removes.
fn stream_join() -> (StreamJoin, [Evaluate; 2]) {
    let side = || StreamJoinSide {
        keys: key(),
        event_time: None,
        filter: None,
        expiry: Expiry::Never,
        schema: schema(),
    };
    let spec = StreamJoinSpec {
        join_type: JoinType::Full,
        left: side(),
        right: side(),
        filter: None,
        joined_schema: joined(),
        output_schema: joined(),
    };
    let inputs = [stream_join_input(&spec.left).unwrap(), stream_join_input(&spec.right).unwrap()];
    (StreamJoin::new(&spec, [inputs[0].schema(), inputs[1].schema()]).unwrap(), inputs)
}

/// Processes rows until none are left; returns the most rows that were emitted at once.
fn process_all(
    operator: &mut dyn Operator,
    (input, rows): (usize, RecordBatch),
    output: &mut EmittedRows,
) -> usize {
    let (mut most, mut left) = (0, Some(rows));
    let mut before = output.take();
    while let Some(rows) = left.take() {
        operator.process(input, rows, output).unwrap();
        left = output.take_left();
        let emitted = output.take();
        most = most.max(emitted.iter().map(RecordBatch::num_rows).sum());
        before.extend(emitted);
    }
    before.into_iter().for_each(|rows| output.emit(rows));
    most
}

fn process(
    (join, inputs): &mut (StreamJoin, [Evaluate; 2]),
    input: usize,
    rows: RecordBatch,
    output: &mut EmittedRows,
) -> usize {
    let mut prepared = EmittedRows::default();
    inputs[input].process(0, rows, &mut prepared).unwrap();
    prepared.take().into_iter().map(|rows| process_all(join, (input, rows), output)).max().unwrap_or(0)
}

/// Rows of one key, which have `count` values.
fn hot(count: usize) -> RecordBatch {
    rows(&(0..count as i64).map(|v| (Some("hot"), v)).collect::<Vec<_>>())
}

fn all_pairs(left: usize, right: usize) -> Vec<(Option<i64>, Option<i64>)> {
    (0..left as i64).flat_map(|l| (0..right as i64).map(move |r| (Some(l), Some(r)))).collect()
}

#[test]
fn rows_of_one_key_are_joined_a_few_at_once() {
    let mut output = EmittedRows::default();
    let mut streams = stream_join();
    streams.0.start_epoch(&epoch(0, EpochTables::new())).unwrap();
    let count = EMITTED_ROWS_MAX / 2 - 1;
    assert_eq!(process(&mut streams, 0, hot(count), &mut output), 0);
    assert_eq!(process(&mut streams, 1, hot(7), &mut output), 2 * count);
    assert_eq!(values(&mut output), all_pairs(count, 7));
    // One row with more pairs than that passes.
    process(&mut streams, 0, hot(EMITTED_ROWS_MAX), &mut output);
    output.take();
    let most = process(&mut streams, 1, rows(&[(Some("hot"), 1)]), &mut output);
    assert_eq!(most, count + EMITTED_ROWS_MAX);
    let state = close(&mut streams.0, &mut output);
    assert_eq!(state.rows_total as usize, count + 7 + EMITTED_ROWS_MAX + 1);
}

#[test]
fn rows_of_one_key_are_joined_with_a_table_a_few_at_once() {
    let id = OperatorId::new("lookup", 0);
    for join_type in [StaticJoinType::Inner, StaticJoinType::Outer] {
        let mut join = StaticJoin::new(id.clone(), &lookup(join_type)).unwrap();
        let mut output = EmittedRows::default();
        let count = EMITTED_ROWS_MAX / 2 - 1;
        join.start_epoch(&epoch(0, EpochTables::from([(id.clone(), hot(count))]))).unwrap();
        assert_eq!(process_all(&mut join, (0, hot(7)), &mut output), 2 * count);
        assert_eq!(values(&mut output), all_pairs(7, count));
    }
}

fn close(join: &mut StreamJoin, output: &mut EmittedRows) -> StateReport {
    join.close_epoch(output).unwrap().state.unwrap()
}

/// The end of the input emits what nothing has matched, also after a restart between the rows of a pair.
#[test]
fn a_pair_is_found_across_a_restart_and_unmatched_rows_are_emitted_at_the_end() {
    let mut before = stream_join();
    let mut output = EmittedRows::default();
    before.0.start_epoch(&epoch(0, EpochTables::new())).unwrap();
    process(&mut before, 0, rows(&[(Some("a"), 1), (Some("a"), 2), (Some("b"), 3), (None, 4)]), &mut output);
    process(&mut before, 1, rows(&[(Some("a"), 10), (None, 11)]), &mut output);
    assert_eq!(values(&mut output), [(Some(1), Some(10)), (Some(2), Some(10))]);
    let state = close(&mut before.0, &mut output);
    assert_eq!((state.rows_total, state.rows_updated, state.rows_removed), (6, 6, 0));
    let mut after = stream_join();
    for (name, batches) in &state.deltas {
        batches.iter().for_each(|rows| after.0.restore(name, rows, KeyRange::of(0, 1)).unwrap());
    }
    assert!(after.0.restore("middle", &rows(&[]), KeyRange::of(0, 1)).is_err());
    after.0.start_epoch(&epoch(i64::MAX, EpochTables::new())).unwrap();
    process(&mut after, 1, rows(&[(Some("b"), 12)]), &mut output);
    assert_eq!(values(&mut output), [(Some(3), Some(12))]);
    let state = close(&mut after.0, &mut output);
    assert_eq!(values(&mut output), [(None, Some(11)), (Some(4), None)]);
    assert_eq!((state.rows_total, state.rows_removed, state.memory_bytes), (0, 6, 0));
}
