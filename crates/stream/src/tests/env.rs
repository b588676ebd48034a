//! Runs queries in a test: one input, one checkpoint and one target for any number of generations.

use super::source_and_sink::{ManualStreamClock, Target, TestSink, TestSource};
use crate::injected_bugs::InjectedBugs;
use crate::query::start_with;
use crate::test_hooks::{FailPointProbe, TestHooks};
use crate::{
    AggregateFunctionCall, AggregateSpec, Checkpoint, EventTimeKey, EventTimeKind, OperatorGraph,
    OperatorSpec, OutputMode, QueryOptions, StateMeaning, StatelessStep, StreamPlan, StreamingQuery, Trigger,
};
use crate::{DeduplicateSpec, Expiry};
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType};
use arrow::record_batch::RecordBatch;
use datafusion::config::ConfigOptions;
use datafusion::functions_aggregate::{average::avg_udaf, count::count_udaf, sum::sum_udaf};
use datafusion::functions_nested::make_array::make_array_udf;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_expr::aggregate::AggregateExprBuilder;
use datafusion::physical_expr::expressions::{binary, cast, col, lit};
use object_store::ObjectStore;
use object_store::memory::InMemory;
use object_store::path::Path;
use std::collections::BTreeMap;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_connectors::stream::{Guarantee, StreamSink, StreamSource};

/// A row of input: key, event time in seconds, value.
pub(crate) type InputRow = (String, i64, i64);

pub(crate) const SECOND: i64 = 1_000_000;
/// Length of the windows in seconds.
pub(crate) const WINDOW: i64 = 10;

pub(crate) fn time() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

pub(crate) fn input_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("k", DataType::Utf8, true),
        Field::new("t", time(), true),
        Field::new("v", DataType::Int64, true),
        Field::new("w", time(), true),
    ]))
}

/// Builds a batch; its last column is the end of the row's window.
pub(crate) fn batch(rows: &[InputRow]) -> RecordBatch {
    let times = |of: &dyn Fn(&InputRow) -> i64| -> ArrayRef {
        let times: TimestampMicrosecondArray = rows.iter().map(|r| Some(of(r) * SECOND)).collect();
        Arc::new(times.with_timezone("UTC"))
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(rows.iter().map(|r| Some(r.0.as_str())).collect::<StringArray>()),
        times(&|r| r.1),
        Arc::new(rows.iter().map(|r| Some(r.2)).collect::<Int64Array>()),
        times(&|r| (r.1.div_euclid(WINDOW) + 1) * WINDOW),
    ];
    RecordBatch::try_new(input_schema(), columns).unwrap()
}

fn expr(name: &str) -> Arc<dyn PhysicalExpr> {
    col(name, &input_schema()).unwrap()
}

/// Sum and count per window end and key, and an average of those above 0.
pub(crate) fn aggregate(with_time: bool) -> AggregateSpec {
    let call = |function, args: Vec<Arc<dyn PhysicalExpr>>, name: &str, filter| AggregateFunctionCall {
        function: Arc::new(
            AggregateExprBuilder::new(function, args).schema(input_schema()).alias(name).build().unwrap(),
        ),
        filter,
    };
    let above = binary(expr("v"), Operator::Gt, lit(0i64), &input_schema());
    let float = cast(expr("v"), &input_schema(), DataType::Float64).unwrap();
    let key = EventTimeKey { group_index: 0, kind: EventTimeKind::Instant };
    AggregateSpec {
        group: vec![expr("w"), expr("k")],
        aggregates: vec![
            call(sum_udaf(), vec![expr("v")], "sum", None),
            call(count_udaf(), vec![lit(1i64)], "count", None),
            call(avg_udaf(), vec![float], "avg", Some(above.unwrap())),
        ],
        event_time: with_time.then_some(key),
        windows: None,
        input_schema: input_schema(),
        output_schema: Arc::new(Schema::new(vec![
            Field::new("w", time(), true),
            Field::new("k", DataType::Utf8, true),
            Field::new("sum", DataType::Int64, true),
            Field::new("count", DataType::Int64, true),
            Field::new("avg", DataType::Float64, true),
        ])),
    }
}

/// Operators of a windowed count with a watermark of `delay` seconds.
pub(crate) fn windowed(delay: i64) -> Vec<OperatorSpec> {
    vec![
        OperatorSpec::Watermark { column: 1, delay_us: delay * SECOND },
        OperatorSpec::Aggregate(aggregate(true)),
    ]
}

/// Operators that count each row in its own window and in the next one.
pub(crate) fn sliding(delay: i64) -> Vec<OperatorSpec> {
    let int = cast(expr("w"), &input_schema(), DataType::Int64).unwrap();
    let next = binary(int, Operator::Plus, lit(WINDOW * SECOND), &input_schema()).unwrap();
    let next = cast(next, &input_schema(), time()).unwrap();
    let item = Arc::new(Field::new("item", time(), true));
    let listed = Field::new("w", DataType::List(Arc::clone(&item)), true);
    let windows: Arc<dyn PhysicalExpr> = Arc::new(ScalarFunctionExpr::new(
        "make_array",
        make_array_udf(),
        vec![expr("w"), next],
        Arc::new(listed.clone()),
        Arc::new(ConfigOptions::default()),
    ));
    let mut fields: Vec<_> = input_schema().fields().iter().take(3).cloned().collect();
    fields.push(Arc::new(listed));
    let project = StatelessStep::Project {
        exprs: vec![expr("k"), expr("t"), expr("v"), windows],
        schema: Arc::new(Schema::new(fields)),
    };
    let unnest = StatelessStep::Unnest { column: 3, schema: input_schema() };
    let watermark = OperatorSpec::Watermark { column: 1, delay_us: delay * SECOND };
    let steps = OperatorSpec::Stateless(vec![project, unnest]);
    vec![watermark, steps, OperatorSpec::Aggregate(aggregate(true))]
}

/// Operators that pass the first row of each key and window, or of each key for `forget` seconds of event time.
pub(crate) fn deduplicated(delay: i64, forget: Option<i64>) -> Vec<OperatorSpec> {
    let (keys, expiry) = match forget {
        None => (vec![expr("k"), expr("w")], Expiry::Key(1)),
        Some(seconds) => (vec![expr("k")], Expiry::After { column: 1, delay_us: seconds * SECOND }),
    };
    let spec = DeduplicateSpec { keys, event_time: Some(1), expiry, schema: input_schema() };
    vec![OperatorSpec::Watermark { column: 1, delay_us: delay * SECOND }, OperatorSpec::Deduplicate(spec)]
}

/// Operators that sum windows of [`WINDOW`] and then sum these in windows of twice the length.
pub(crate) fn two_windows(delay: i64) -> Vec<OperatorSpec> {
    let first = aggregate(true);
    let schema = Arc::clone(&first.output_schema);
    let column = |name: &str| col(name, &schema).unwrap();
    let long = lit(2 * WINDOW * SECOND);
    let number = |left, operator, right| binary(left, operator, right, &schema).unwrap();
    // The end of the long window that contains the last microsecond of the short one.
    let last = number(cast(column("w"), &schema, DataType::Int64).unwrap(), Operator::Minus, lit(1i64));
    let before = number(last, Operator::Divide, Arc::clone(&long));
    let end = number(number(before, Operator::Plus, lit(1i64)), Operator::Multiply, long);
    let sum = |name: &str| AggregateFunctionCall {
        function: Arc::new(
            AggregateExprBuilder::new(sum_udaf(), vec![column(name)])
                .schema(Arc::clone(&schema))
                .alias(name)
                .build()
                .unwrap(),
        ),
        filter: None,
    };
    let second = AggregateSpec {
        group: vec![cast(end, &schema, time()).unwrap(), column("k")],
        aggregates: vec![sum("sum"), sum("count")],
        event_time: first.event_time,
        windows: None,
        input_schema: Arc::clone(&schema),
        output_schema: Arc::new(schema.project(&[0, 1, 2, 3]).unwrap()),
    };
    let mut operators = windowed(delay);
    operators.push(OperatorSpec::Aggregate(second));
    operators
}

/// Result rows: (window end in seconds, key) → (sum, count).
pub(crate) type Answer = BTreeMap<(i64, String), (i64, i64)>;

/// Computes the batch answer over the same rows.
pub(crate) fn expect(rows: &[InputRow]) -> Answer {
    let mut answer = Answer::new();
    for (k, t, v) in rows {
        let slot = answer.entry(((t.div_euclid(WINDOW) + 1) * WINDOW, k.clone())).or_default();
        slot.0 += v;
        slot.1 += 1;
    }
    answer
}

/// Decodes the rows of an aggregate: (window end, key) and (sum, count).
pub(crate) fn decode(batch: &RecordBatch) -> Vec<((i64, String), (i64, i64))> {
    let times = batch.column(0).as_primitive::<TimestampMicrosecondType>();
    let keys = batch.column(1).as_string::<i32>();
    let (sums, counts) =
        (batch.column(2).as_primitive::<Int64Type>(), batch.column(3).as_primitive::<Int64Type>());
    let row = |i: usize| {
        assert!(!times.is_null(i));
        ((times.value(i) / SECOND, keys.value(i).to_owned()), (sums.value(i), counts.value(i)))
    };
    (0..batch.num_rows()).map(row).collect()
}

pub(crate) struct TestEnv {
    pub store: Arc<dyn ObjectStore>,
    pub source: Arc<TestSource>,
    /// Further sources, whose rows are united with those of the first.
    pub more: Vec<Arc<TestSource>>,
    /// The first operator reads each source on its own, with a watermark of this delay in seconds.
    pub delay_of_each: Option<i64>,
    pub target: Arc<Target>,
    pub clock: Arc<ManualStreamClock>,
}

/// How one generation runs.
#[derive(Debug, Clone)]
pub(crate) struct RunOptions {
    pub workers: usize,
    pub trigger: Trigger,
    pub drain: bool,
    pub mode: OutputMode,
    pub guarantee: Guarantee,
    pub operators: Vec<OperatorSpec>,
    pub fingerprint: String,
    pub bytes: usize,
    pub rows_per_chunk: usize,
    pub probe: Option<Arc<dyn FailPointProbe>>,
    pub injected: InjectedBugs,
}

impl RunOptions {
    pub(crate) fn new(operators: Vec<OperatorSpec>) -> Self {
        Self {
            workers: 1,
            trigger: Trigger::AvailableNow,
            drain: true,
            mode: OutputMode::Append,
            guarantee: Guarantee::ExactlyOnce,
            operators,
            fingerprint: "sum by window".to_owned(),
            bytes: 1 << 20,
            rows_per_chunk: 3,
            probe: None,
            injected: InjectedBugs::default(),
        }
    }
    pub(crate) fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }
}

impl TestEnv {
    pub(crate) fn new(rows: &[InputRow], epoch_rows: &[usize]) -> Self {
        Self {
            store: Arc::new(InMemory::new()),
            source: Arc::new(TestSource::new(batch(rows), epoch_rows.to_vec())),
            more: vec![],
            delay_of_each: None,
            target: Arc::default(),
            clock: Arc::default(),
        }
    }

    pub(crate) async fn start(&self, run: &RunOptions) -> Result<StreamingQuery> {
        let sink = TestSink::new(&self.target, run.guarantee, run.probe.clone());
        self.start_into(Arc::new(sink), run).await
    }

    /// Starts a query that writes to `sink`.
    pub(crate) async fn start_into(
        &self,
        sink: Arc<dyn StreamSink>,
        run: &RunOptions,
    ) -> Result<StreamingQuery> {
        let meaning = StateMeaning::default().with("query", &run.fingerprint).with_format_1(&run.fingerprint);
        let graph = self.graph(&run.operators, &meaning);
        let plan = StreamPlan { graph, sink, output_mode: run.mode };
        let checkpoint = Checkpoint { store: Arc::clone(&self.store), prefix: Path::from("q") };
        let options = QueryOptions {
            trigger: run.trigger,
            drain_at_end: run.drain,
            workers: run.workers,
            rows_per_chunk_max: run.rows_per_chunk,
            bytes_in_flight_max: run.bytes,
            clock: self.clock.clone(),
            ..QueryOptions::new("the-query", "a-run", checkpoint)
        };
        start_with(plan, options, TestHooks { injected: run.injected, probe: run.probe.clone() }).await
    }

    fn graph(&self, operators: &[OperatorSpec], meaning: &StateMeaning) -> OperatorGraph {
        let mut graph = OperatorGraph::default();
        let none = StateMeaning::default;
        let mut source = |s: &Arc<TestSource>| {
            graph.add(OperatorSpec::Source(Arc::clone(s) as Arc<dyn StreamSource>), vec![], none())
        };
        let mut inputs = vec![source(&self.source)];
        inputs.extend(self.more.iter().map(source));
        if let Some(delay) = self.delay_of_each {
            let watermark = OperatorSpec::Watermark { column: 1, delay_us: delay * SECOND };
            inputs = inputs.into_iter().map(|i| graph.add(watermark.clone(), vec![i], none())).collect();
        } else if inputs.len() > 1 {
            inputs = vec![graph.add(OperatorSpec::Union, inputs, none())];
        }
        for operator in operators {
            inputs = vec![graph.add(operator.clone(), inputs, meaning.clone())];
        }
        graph
    }

    /// Runs one generation until it ends.
    pub(crate) async fn run(&self, run: &RunOptions) -> Result<StreamingQuery> {
        let query = self.start(run).await?;
        query.await_termination(None).await?;
        Ok(query)
    }

    /// Returns the visible rows; an error if a group is there twice.
    pub(crate) fn answer(&self) -> Result<Answer, String> {
        let mut answer = Answer::new();
        for (epoch, batches) in self.target.epochs() {
            for (key, value) in batches.iter().flat_map(decode) {
                if answer.insert(key.clone(), value).is_some() {
                    return Err(format!("{key:?} twice, again in epoch {epoch}"));
                }
            }
        }
        Ok(answer)
    }

    /// Returns the visible rows of a query that passes rows of the input: key, event time in seconds, value.
    pub(crate) fn passed(&self) -> Vec<InputRow> {
        let rows = |b: &RecordBatch| -> Vec<InputRow> {
            let keys = b.column(0).as_string::<i32>();
            let times = b.column(1).as_primitive::<TimestampMicrosecondType>();
            let values = b.column(2).as_primitive::<Int64Type>();
            let row = |i: usize| (keys.value(i).to_owned(), times.value(i) / SECOND, values.value(i));
            (0..b.num_rows()).map(row).collect()
        };
        self.target.epochs().iter().flat_map(|(_, b)| b.iter().flat_map(rows).collect::<Vec<_>>()).collect()
    }

    /// Returns the visible values of a query without an aggregate, in order.
    pub(crate) fn values(&self) -> Vec<i64> {
        let values = |b: &RecordBatch| b.column(2).as_primitive::<Int64Type>().values().to_vec();
        self.target.epochs().iter().flat_map(|(_, b)| b.iter().flat_map(values).collect::<Vec<_>>()).collect()
    }
}
