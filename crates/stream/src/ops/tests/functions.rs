//! Tests that the states of aggregate functions survive merges, restarts and epochs without rows, for many types.

use super::*;
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use datafusion::functions_aggregate::{
    array_agg::array_agg_udaf, average::avg_udaf, bool_and_or::bool_or_udaf, first_last::first_value_udaf,
    first_last::last_value_udaf, median::median_udaf, min_max::max_udaf, min_max::min_udaf,
    stddev::stddev_udaf,
};
use datafusion::logical_expr::AggregateUDF;

/// A function, whether it takes distinct values only, and the types that it takes.
type Case = (Arc<AggregateUDF>, bool, fn(&DataType) -> bool);

/// The values of the only argument: two epochs of rows, and a null.
fn integers() -> Int64Array {
    Int64Array::from(vec![Some(3), Some(1), None, Some(2), Some(7), Some(5), Some(3), Some(4)])
}

fn structs(fields: Vec<(&str, ArrayRef)>) -> ArrayRef {
    let fields = fields.into_iter();
    let (fields, columns): (Vec<_>, Vec<_>) =
        fields.map(|(name, c)| (Field::new(name, c.data_type().clone(), true), c)).unzip();
    Arc::new(StructArray::new(fields.into(), columns, integers().nulls().cloned()))
}

fn lists(values: ArrayRef) -> ArrayRef {
    let field = Arc::new(Field::new("element", values.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths(vec![1; values.len()]);
    Arc::new(ListArray::new(field, offsets, values, integers().nulls().cloned()))
}

fn maps() -> ArrayRef {
    let of = |name: &str, nullable: bool| Field::new(name, DataType::Int64, nullable);
    let keys: ArrayRef = Arc::new(Int64Array::from_iter_values(0..8));
    let fields = Fields::from(vec![of("key", false), of("value", true)]);
    let entries = StructArray::new(fields.clone(), vec![keys, Arc::new(integers())], None);
    let field = Arc::new(Field::new("entries", DataType::Struct(fields), false));
    let offsets = OffsetBuffer::from_lengths(vec![1; 8]);
    Arc::new(MapArray::new(field, offsets, entries, integers().nulls().cloned(), false))
}

/// A column of each kind of type.
fn columns() -> Vec<ArrayRef> {
    let as_type = |to: DataType| cast(&integers(), &to).unwrap();
    let (numbers, texts): (ArrayRef, _) = (Arc::new(integers()), as_type(DataType::Utf8));
    let flat = structs(vec![("v", Arc::clone(&numbers)), ("k", Arc::clone(&texts))]);
    let mut columns = vec![
        as_type(DataType::Boolean),
        as_type(DataType::Float64),
        as_type(DataType::Decimal128(20, 2)),
        as_type(DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))),
        as_type(DataType::Utf8View),
        cast(&as_type(DataType::Int32), &DataType::Date32).unwrap(),
        cast(&texts, &DataType::Binary).unwrap(),
        structs(vec![("inner", Arc::clone(&flat)), ("list", lists(Arc::clone(&numbers)))]),
        lists(Arc::clone(&flat)),
        lists(Arc::clone(&texts)),
        maps(),
        new_null_array(&DataType::Null, 8),
    ];
    columns.extend([numbers, texts, flat]);
    columns
}

fn spec_of(function: &Arc<AggregateUDF>, column: &DataType, is_distinct: bool) -> Option<AggregateSpec> {
    let input_schema =
        Arc::new(Schema::new(vec![Field::new("w", window(), true), Field::new("v", column.clone(), true)]));
    let v = col("v", &input_schema).unwrap();
    let call = AggregateExprBuilder::new(Arc::clone(function), vec![v]).schema(Arc::clone(&input_schema));
    let call = if is_distinct { call.distinct() } else { call };
    let function = Arc::new(call.alias("f").build().ok()?);
    let output = Field::new("f", function.field().data_type().clone(), true);
    Some(AggregateSpec {
        group: vec![col("w", &input_schema).unwrap()],
        aggregates: vec![AggregateFunctionCall { function, filter: None }],
        event_time: Some(EventTimeKey { group_index: 0, kind: EventTimeKind::WindowEnd }),
        windows: None,
        output_schema: Arc::new(Schema::new(vec![Field::new("w", window(), true), output])),
        input_schema,
    })
}

/// Builds an aggregate, unless it refuses the type.
fn built(spec: &AggregateSpec, mode: OutputMode) -> Option<(Evaluate, Aggregate)> {
    let (input, layout) = aggregate_input(spec).ok()?;
    Some((input, Aggregate::new(spec, &layout, mode).ok()?))
}

/// Rows of two windows.
fn input(spec: &AggregateSpec, values: &ArrayRef) -> RecordBatch {
    let ends: Vec<_> = (0..8).map(|row| (Some([10, 20][row % 2]), None)).collect();
    let windows = Arc::clone(rows(&ends).column(0));
    RecordBatch::try_new(Arc::clone(&spec.input_schema), vec![windows, Arc::clone(values)]).unwrap()
}

fn text(emitted: Option<RecordBatch>) -> String {
    pretty_format_batches(&[emitted.expect("windows that close")]).unwrap().to_string()
}

/// All rows in one epoch, which closes their windows.
fn at_once(spec: &AggregateSpec, rows: &RecordBatch) -> Option<String> {
    let mut whole = built(spec, OutputMode::Append)?;
    update(&mut whole, rows.clone(), i64::MIN);
    Some(text(close(&mut whole.1, i64::MAX - 1).emit))
}

/// The rows in several epochs, of which some have none, with a restart between them.
fn with_restart(spec: &AggregateSpec, rows: &RecordBatch) -> String {
    let mut first = built(spec, OutputMode::Append).unwrap();
    let mut files = close(&mut first.1, 0).delta();
    for from in [0, 2] {
        update(&mut first, rows.slice(from, 2), i64::MIN);
        files.extend(close(&mut first.1, 1).delta());
    }
    files.extend(close(&mut first.1, 2).delta());
    let mut second = built(spec, OutputMode::Append).unwrap();
    files.iter().for_each(|file| second.1.restore("groups", file, KeyRange::of(0, 1)).unwrap());
    assert!(close(&mut second.1, 3).emit.is_none());
    update(&mut second, rows.slice(4, 4), i64::MIN);
    assert!(close(&mut second.1, 4).emit.is_none());
    text(close(&mut second.1, i64::MAX - 1).emit)
}

/// What the epochs emit in another mode, the last of which has no rows.
fn modes_without_rows(spec: &AggregateSpec, rows: &RecordBatch) {
    for mode in [OutputMode::Update, OutputMode::Complete] {
        let mut query = built(spec, mode).unwrap();
        assert!(close(&mut query.1, 0).emit.is_none());
        update(&mut query, rows.clone(), i64::MIN);
        assert_eq!(close(&mut query.1, 1).emit.map(|rows| rows.num_rows()), Some(2));
        let all = close(&mut query.1, i64::MAX - 1).emit.map(|rows| rows.num_rows());
        assert_eq!(all, (mode == OutputMode::Complete).then_some(2));
    }
}

/// Returns whether DataFusion compares values of a type.
fn has_order(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(element) => !element.data_type().is_nested(),
        DataType::Map(_, _) => false,
        _ => true,
    }
}

#[test]
fn states_of_all_types_survive_merges_restarts_and_epochs_without_rows() {
    let any = |_: &DataType| true;
    let functions: [Case; 12] = [
        (min_udaf(), false, has_order),
        (max_udaf(), false, has_order),
        (count_udaf(), false, any),
        (count_udaf(), true, any),
        (array_agg_udaf(), false, any),
        (first_value_udaf(), false, any),
        (last_value_udaf(), false, any),
        (sum_udaf(), false, DataType::is_numeric),
        (avg_udaf(), false, |t| matches!(t, DataType::Float64 | DataType::Decimal128(_, _))),
        (median_udaf(), false, DataType::is_numeric),
        (stddev_udaf(), false, |t| t == &DataType::Float64),
        (bool_or_udaf(), false, |t| t == &DataType::Boolean),
    ];
    let mut tested = Vec::new();
    for values in columns() {
        for (function, is_distinct, _) in functions.iter().filter(|(_, _, takes)| takes(values.data_type())) {
            let name = format!("{}({})", function.name(), values.data_type());
            let Some(spec) = spec_of(function, values.data_type(), *is_distinct) else { continue };
            let rows = input(&spec, &values);
            let Some(expected) = at_once(&spec, &rows) else { continue };
            assert_eq!(with_restart(&spec, &rows), expected, "{name}");
            modes_without_rows(&spec, &rows);
            tested.push(name);
        }
    }
    assert!(tested.len() > 80, "{} of the combinations: {tested:?}", tested.len());
    assert!(tested.iter().any(|name| name.starts_with("max(Struct")), "{tested:?}");
}
