//! Tests the operators without a runtime.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod functions;
mod restore;

use super::aggregate::Aggregate;
use super::aggregate_input::aggregate_input;
use super::evaluate::Evaluate;
use super::stateless::Steps;
use super::{EmittedRows, EpochDescriptor, Operator, StateReport};
use crate::spec::*;
use crate::state::KeyRange;
use arrow::array::*;
use arrow::datatypes::*;
use arrow::record_batch::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
use datafusion::functions_aggregate::{count::count_udaf, sum::sum_udaf};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateExprBuilder;
use datafusion::physical_expr::expressions::col;
use std::sync::Arc;
use thalweg_common::ids::Epoch;
use thalweg_connectors::OutputMode;

const US: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

fn window() -> DataType {
    DataType::Struct(Fields::from(vec![Field::new("start", US, true), Field::new("end", US, true)]))
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("w", window(), true), Field::new("v", DataType::Int64, true)]))
}

/// Rows of (window end or none, value).
fn rows(rows: &[(Option<i64>, Option<i64>)]) -> RecordBatch {
    let times = |shift: i64| -> ArrayRef {
        let ends = rows.iter().map(|r| r.0.map(|e| e + shift));
        Arc::new(ends.collect::<TimestampMicrosecondArray>())
    };
    let nulls = rows.iter().map(|r| r.0.is_some()).collect::<Vec<_>>().into();
    let DataType::Struct(fields) = window() else { unreachable!() };
    let windows = StructArray::new(fields, vec![times(-10), times(0)], Some(nulls));
    let values: Int64Array = rows.iter().map(|r| r.1).collect();
    RecordBatch::try_new(schema(), vec![Arc::new(windows), Arc::new(values)]).unwrap()
}

fn spec(grouped: bool) -> AggregateSpec {
    let v = || col("v", &schema()).unwrap();
    let call = |function, name: &str| AggregateFunctionCall {
        function: Arc::new(
            AggregateExprBuilder::new(function, vec![v()]).schema(schema()).alias(name).build().unwrap(),
        ),
        filter: None,
    };
    let distinct = AggregateExprBuilder::new(count_udaf(), vec![v()]).schema(schema()).alias("d").distinct();
    let distinct = AggregateFunctionCall { function: Arc::new(distinct.build().unwrap()), filter: None };
    let mut fields = vec![
        Field::new("sum", DataType::Int64, true),
        Field::new("count", DataType::Int64, true),
        Field::new("distinct", DataType::Int64, true),
    ];
    if grouped {
        fields.insert(0, Field::new("w", window(), true));
    }
    let group: Vec<Arc<dyn PhysicalExpr>> = if grouped { vec![col("w", &schema()).unwrap()] } else { vec![] };
    AggregateSpec {
        group,
        aggregates: vec![call(sum_udaf(), "sum"), call(count_udaf(), "count"), distinct],
        event_time: grouped.then_some(EventTimeKey { group_index: 0, kind: EventTimeKind::WindowEnd }),
        windows: None,
        input_schema: schema(),
        output_schema: Arc::new(Schema::new(fields)),
    }
}

fn build(spec: &AggregateSpec, mode: OutputMode) -> (Evaluate, Aggregate) {
    let (input, layout) = aggregate_input(spec).unwrap();
    let aggregate = Aggregate::new(spec, &layout, mode).unwrap();
    (input, aggregate)
}

fn epoch(late_us: i64, watermark_us: i64) -> EpochDescriptor {
    EpochDescriptor { epoch: Epoch(0), watermark_us, late_us, processing_time_us: 0, tables: Arc::default() }
}

/// Processes rows, which are late up to `late_us`.
fn update((prepare, aggregate): &mut (Evaluate, Aggregate), rows: RecordBatch, late_us: i64) {
    let mut output = EmittedRows::default();
    prepare.process(0, rows, &mut output).unwrap();
    aggregate.start_epoch(&epoch(late_us, i64::MIN)).unwrap();
    for rows in output.take() {
        aggregate.process(0, rows, &mut output).unwrap();
    }
    assert!(output.take().is_empty(), "an aggregate emits nothing before its epoch closes");
}

/// What closing an epoch gives.
struct Closed {
    emit: Option<RecordBatch>,
    state: StateReport,
}

impl Closed {
    fn delta(&self) -> Vec<RecordBatch> {
        self.state.deltas.iter().flat_map(|(_, rows)| rows.clone()).collect()
    }
}

fn close(aggregate: &mut Aggregate, watermark_us: i64) -> Closed {
    let mut output = EmittedRows::default();
    aggregate.start_epoch(&epoch(i64::MIN, watermark_us)).unwrap();
    let state = aggregate.close_epoch(&mut output).unwrap().state.unwrap();
    let mut emitted = output.take();
    assert!(emitted.len() <= 1);
    Closed { emit: emitted.pop(), state }
}

/// (window end, sum, count, distinct) of emitted rows.
fn numbers(batch: &Option<RecordBatch>) -> Vec<(i64, i64, i64, i64)> {
    let Some(batch) = batch else { return vec![] };
    let ends = batch.column(0).as_struct().column(1).as_primitive::<TimestampMicrosecondType>().clone();
    let of = |c: usize| batch.column(c).as_primitive::<Int64Type>().clone();
    let end = |i: usize| if batch.column(0).is_null(i) { -1 } else { ends.value(i) };
    (0..batch.num_rows()).map(|i| (end(i), of(1).value(i), of(2).value(i), of(3).value(i))).collect()
}

#[test]
fn windows_close_in_order_and_a_null_window_only_at_the_end() {
    let mut built = build(&spec(true), OutputMode::Append);
    let input = rows(&[(Some(20), Some(1)), (Some(10), Some(5)), (None, Some(7)), (Some(10), Some(5))]);
    update(&mut built, input, i64::MIN);
    let first = close(&mut built.1, 9);
    assert_eq!((numbers(&first.emit), first.state.rows_total, first.delta().len()), (vec![], 3, 1));
    let late = rows(&[
        (Some(10), None),
        (Some(20), Some(2)),
        (Some(9), Some(1)),
        (Some(9), Some(3)),
        (Some(8), Some(1)),
        (None, Some(1)),
    ]);
    update(&mut built, late, 9);
    let second = close(&mut built.1, 10);
    assert_eq!(numbers(&second.emit), [(10, 10, 2, 1)]);
    let second = second.state;
    assert_eq!(second.rows_dropped_by_watermark, 2, "Spark counts late groups");
    assert_eq!(second.metrics, [("numInputRowsDroppedByWatermark", 3)]);
    // The group that the epoch touched and closed was updated too.
    assert_eq!((second.rows_updated, second.rows_removed, second.rows_total), (3, 1, 2));
    let last = close(&mut built.1, i64::MAX);
    assert_eq!(numbers(&last.emit), [(20, 3, 2, 2), (-1, 8, 2, 2)]);
    assert_eq!((last.state.rows_total, last.state.memory_bytes), (0, 0));
}

#[test]
fn what_was_written_restores_to_the_same_state_whatever_the_number_of_workers() {
    let mut whole = build(&spec(true), OutputMode::Append);
    let mut files = Vec::new();
    for (end, watermark) in [(10, 0), (20, 0), (10, 10), (30, 10), (20, 20)] {
        let input = rows(&[(Some(end + 5), Some(end)), (Some(end), Some(1)), (None, Some(3))]);
        update(&mut whole, input, i64::MIN);
        files.extend(close(&mut whole.1, watermark).delta());
    }
    let expect = numbers(&close(&mut whole.1, i64::MAX).emit);
    assert!(expect.len() > 3);
    for workers in [1, 2, 5] {
        let mut got = Vec::new();
        for worker in 0..workers {
            let (_, mut restored) = build(&spec(true), OutputMode::Append);
            let owned = KeyRange::of(worker, workers);
            files.iter().for_each(|f| restored.restore("groups", f, owned).unwrap());
            got.extend(numbers(&close(&mut restored, i64::MAX).emit));
        }
        let by_time = |r: &(i64, i64, i64, i64)| if r.0 < 0 { i64::MAX } else { r.0 };
        got.sort_by_key(by_time);
        assert_eq!(got, expect, "{workers} workers");
    }
}

#[test]
fn one_global_group_has_the_empty_key() {
    let mut built = build(&spec(false), OutputMode::Update);
    let mut sums = Vec::new();
    for v in [1, 2, 3] {
        update(&mut built, rows(&[(None, Some(v)), (None, Some(v))]), i64::MIN);
        let closed = close(&mut built.1, i64::MIN);
        let (emit, total) = (closed.emit.unwrap(), closed.state.rows_total);
        sums.push((emit.column(0).as_primitive::<Int64Type>().value(0), emit.num_rows(), total));
    }
    assert_eq!(sums, [(2, 1, 1), (6, 1, 1), (12, 1, 1)]);
    assert!(close(&mut built.1, i64::MIN).emit.is_none(), "nothing touched, nothing sent");
}

#[test]
fn unnest_drops_null_and_empty_lists_also_in_a_slice() {
    let item = Arc::new(Field::new("element", DataType::Int64, true));
    let lists = ListArray::from_iter_primitive::<Int64Type, _, _>(vec![
        Some(vec![Some(9)]),
        Some(vec![Some(1), None]),
        None,
        Some(vec![]),
        Some(vec![Some(3)]),
    ]);
    let lists = ListArray::new(
        Arc::clone(&item),
        lists.offsets().clone(),
        lists.values().clone(),
        lists.nulls().cloned(),
    );
    let names = StringArray::from(vec!["z", "a", "b", "c", "d"]);
    let nested =
        Schema::new(vec![Field::new("l", DataType::List(item), true), Field::new("n", DataType::Utf8, true)]);
    let flat = Arc::new(Schema::new(vec![
        Field::new("l", DataType::Int64, true),
        Field::new("n", DataType::Utf8, true),
    ]));
    let input = RecordBatch::try_new(Arc::new(nested), vec![Arc::new(lists), Arc::new(names)]).unwrap();
    let mut steps = Steps::new(vec![StatelessStep::Unnest { column: 0, schema: flat }]);
    let mut output = EmittedRows::default();
    steps.process(0, input.slice(1, 4), &mut output).unwrap();
    let text = pretty_format_batches(&output.take()).unwrap().to_string();
    let cells: Vec<Vec<&str>> = text
        .lines()
        .skip(3)
        .filter(|l| l.starts_with('|'))
        .map(|l| l.split('|').map(str::trim).collect())
        .collect();
    assert_eq!(cells, [["", "1", "a", ""], ["", "", "a", ""], ["", "3", "d", ""]]);
    steps.process(0, input.slice(2, 2), &mut output).unwrap();
    assert!(output.take().is_empty(), "only null and empty lists");
}
