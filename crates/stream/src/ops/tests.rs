//! Tests the operators without a runtime.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::{Aggregate, AggregateInput, Steps};
use crate::spec::*;
use arrow::array::*;
use arrow::datatypes::*;
use arrow::record_batch::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
use datafusion::functions_aggregate::{count::count_udaf, sum::sum_udaf};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateExprBuilder;
use datafusion::physical_expr::expressions::col;
use std::sync::Arc;
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
        input_schema: schema(),
        output_schema: Arc::new(Schema::new(fields)),
    }
}

fn build(spec: &AggregateSpec, mode: OutputMode) -> (AggregateInput, Aggregate) {
    let input = AggregateInput::new(spec).unwrap();
    let aggregate = Aggregate::new(spec, input.layout(), mode).unwrap();
    (input, aggregate)
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
    let (evaluate, mut aggregate) = build(&spec(true), OutputMode::Append);
    let input = rows(&[(Some(20), Some(1)), (Some(10), Some(5)), (None, Some(7)), (Some(10), Some(5))]);
    aggregate.update(&evaluate.apply(&input).unwrap(), i64::MIN).unwrap();
    let first = aggregate.close(9).unwrap();
    assert_eq!((numbers(&first.emit), first.rows_total, first.delta.len()), (vec![], 3, 1));
    let late = rows(&[
        (Some(10), None),
        (Some(20), Some(2)),
        (Some(9), Some(1)),
        (Some(9), Some(3)),
        (Some(8), Some(1)),
        (None, Some(1)),
    ]);
    aggregate.update(&evaluate.apply(&late).unwrap(), 9).unwrap();
    let second = aggregate.close(10).unwrap();
    assert_eq!(numbers(&second.emit), [(10, 10, 2, 1)]);
    assert_eq!((second.rows_late, second.groups_late), (3, 2), "Spark counts late groups");
    // The group that the epoch touched and closed was updated too.
    assert_eq!((second.rows_updated, second.rows_removed, second.rows_total), (3, 1, 2));
    let last = aggregate.close(i64::MAX).unwrap();
    assert_eq!(numbers(&last.emit), [(20, 3, 2, 2), (-1, 8, 2, 2)]);
    assert_eq!((last.rows_total, last.memory_bytes), (0, 0));
}

#[test]
fn what_was_written_restores_to_the_same_state_whatever_the_number_of_workers() {
    let (evaluate, mut whole) = build(&spec(true), OutputMode::Append);
    let mut files = Vec::new();
    for (end, watermark) in [(10, 0), (20, 0), (10, 10), (30, 10), (20, 20)] {
        let input = rows(&[(Some(end + 5), Some(end)), (Some(end), Some(1)), (None, Some(3))]);
        whole.update(&evaluate.apply(&input).unwrap(), i64::MIN).unwrap();
        files.extend(whole.close(watermark).unwrap().delta);
    }
    let expect = numbers(&whole.close(i64::MAX).unwrap().emit);
    assert!(expect.len() > 3);
    for workers in [1, 2, 5] {
        let mut got = Vec::new();
        for worker in 0..workers {
            let (_, mut restored) = build(&spec(true), OutputMode::Append);
            files.iter().for_each(|f| restored.restore(f, worker, workers).unwrap());
            got.extend(numbers(&restored.close(i64::MAX).unwrap().emit));
        }
        let by_time = |r: &(i64, i64, i64, i64)| if r.0 < 0 { i64::MAX } else { r.0 };
        got.sort_by_key(by_time);
        assert_eq!(got, expect, "{workers} workers");
    }
}

#[test]
fn one_global_group_has_the_empty_key() {
    let (evaluate, mut aggregate) = build(&spec(false), OutputMode::Update);
    let mut sums = Vec::new();
    for v in [1, 2, 3] {
        let input = evaluate.apply(&rows(&[(None, Some(v)), (None, Some(v))])).unwrap();
        aggregate.update(&input, i64::MIN).unwrap();
        let closed = aggregate.close(i64::MIN).unwrap();
        let emit = closed.emit.unwrap();
        sums.push((emit.column(0).as_primitive::<Int64Type>().value(0), emit.num_rows(), closed.rows_total));
    }
    assert_eq!(sums, [(2, 1, 1), (6, 1, 1), (12, 1, 1)]);
    assert!(aggregate.close(i64::MIN).unwrap().emit.is_none(), "nothing touched, nothing sent");
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
    let out = steps.apply(input.slice(1, 4)).unwrap().unwrap();
    let text = pretty_format_batches(&[out]).unwrap().to_string();
    let cells: Vec<Vec<&str>> = text
        .lines()
        .skip(3)
        .filter(|l| l.starts_with('|'))
        .map(|l| l.split('|').map(str::trim).collect())
        .collect();
    assert_eq!(cells, [["", "1", "a", ""], ["", "", "a", ""], ["", "3", "d", ""]]);
    assert!(steps.apply(input.slice(2, 2)).unwrap().is_none(), "only null and empty lists");
}
