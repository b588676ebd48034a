//! Polls plans by hand and tests how much work one poll does, and that the rows do not change.

#![allow(clippy::unwrap_used)]

use super::*;
use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use arrow::util::display::array_value_to_string;
use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::common::{JoinSide, JoinType, NullEquality};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{ColumnarValue, Operator};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{binary, col, lit};
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::utils::{ColumnIndex, JoinFilter};
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec, PartitionMode};
use futures::StreamExt;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

const TYPES: [JoinType; 10] = [
    JoinType::Inner,
    JoinType::Left,
    JoinType::Right,
    JoinType::Full,
    JoinType::LeftSemi,
    JoinType::RightSemi,
    JoinType::LeftAnti,
    JoinType::RightAnti,
    JoinType::LeftMark,
    JoinType::RightMark,
];

/// A table of one column in batches.
fn table(name: &str, values: Vec<Option<i64>>, per_batch: usize) -> Arc<dyn ExecutionPlan> {
    let schema = Arc::new(Schema::new(vec![Field::new(name, DataType::Int64, true)]));
    let batch = |part: &[Option<i64>]| {
        let column: ArrayRef = Arc::new(Int64Array::from(part.to_vec()));
        RecordBatch::try_new(schema.clone(), vec![column]).unwrap()
    };
    let batches: Vec<_> = values.chunks(per_batch).map(batch).collect();
    MemorySourceConfig::try_new_exec(&[batches], schema.clone(), None).unwrap()
}

/// The columns `l` and `r` of both sides, as a join's condition sees them.
fn condition(
    of: impl FnOnce(Arc<dyn PhysicalExpr>, Arc<dyn PhysicalExpr>, &Schema) -> Arc<dyn PhysicalExpr>,
) -> JoinFilter {
    let fields = ["l", "r"].map(|name| Field::new(name, DataType::Int64, true));
    let schema = Arc::new(Schema::new(fields.to_vec()));
    let expr = of(col("l", &schema).unwrap(), col("r", &schema).unwrap(), &schema);
    let sides = [JoinSide::Left, JoinSide::Right].map(|side| ColumnIndex { index: 0, side });
    JoinFilter::new(expr, sides.to_vec(), schema)
}

fn compare(operator: Operator) -> JoinFilter {
    condition(|l, r, schema| binary(l, operator, r, schema).unwrap())
}

/// Both sides of a join.
type Sides = (Arc<dyn ExecutionPlan>, Arc<dyn ExecutionPlan>);

fn nested((left, right): Sides, filter: Option<JoinFilter>, join_type: JoinType) -> Arc<dyn ExecutionPlan> {
    Arc::new(NestedLoopJoinExec::try_new(left, right, filter, &join_type, None).unwrap())
}

fn hashed((left, right): Sides, filter: Option<JoinFilter>, join_type: JoinType) -> Arc<dyn ExecutionPlan> {
    let on = vec![(col("l", &left.schema()).unwrap(), col("r", &right.schema()).unwrap())];
    let (mode, nulls) = (PartitionMode::CollectLeft, NullEquality::NullEqualsNothing);
    let join = HashJoinExec::try_new(left, right, on, filter, &join_type, None, mode, nulls, false);
    Arc::new(join.unwrap())
}

/// Polls a plan to its end: its rows, or the class of its error, and how often it gave way.
fn polled(plan: Arc<dyn ExecutionPlan>) -> (std::result::Result<Vec<String>, String>, usize) {
    let mut stream = plan.execute(0, Arc::new(TaskContext::default())).unwrap();
    let (mut rows, mut pauses) = (vec![], 0);
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        match stream.poll_next_unpin(&mut cx) {
            Poll::Pending => pauses += 1,
            Poll::Ready(None) => break,
            Poll::Ready(Some(Err(e))) => return (Err(e.to_string()), pauses),
            Poll::Ready(Some(Ok(batch))) => rows.extend((0..batch.num_rows()).map(|row| {
                let cells = batch.columns().iter().map(|c| array_value_to_string(c, row).unwrap());
                cells.collect::<Vec<_>>().join(",")
            })),
        }
    }
    rows.sort();
    (Ok(rows), pauses)
}

fn in_steps(plan: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    interruptible(plan, &Cancellation::default()).unwrap()
}

#[test]
fn a_join_in_steps_has_the_rows_of_the_join() {
    let sometimes_null = |n: i64| (0..n).map(|i| (i % 7 != 0).then_some(i * 31 % 600)).collect::<Vec<_>>();
    let sides: [(Vec<_>, Vec<_>); 4] = [
        (sometimes_null(1_100), sometimes_null(900)),
        (vec![], sometimes_null(10)),
        (sometimes_null(10), vec![]),
        (vec![Some(1)], sometimes_null(2_000)),
    ];
    let sum = |l, r, s: &Schema| {
        let sum = binary(l, Operator::Plus, r, s).unwrap();
        binary(sum, Operator::Lt, lit(100_i64), s).unwrap()
    };
    for (left, right) in sides {
        let tables = || (table("l", left.clone(), 300), table("r", right.clone(), 700));
        for join_type in TYPES {
            // A plan runs once, so each is made twice.
            let plans = || {
                [
                    nested(tables(), Some(condition(sum)), join_type),
                    nested(tables(), Some(compare(Operator::Eq)), join_type),
                    nested(tables(), None, join_type),
                    hashed(tables(), Some(compare(Operator::GtEq)), join_type),
                    hashed(tables(), None, join_type),
                ]
            };
            for (n, (plan, again)) in plans().into_iter().zip(plans()).enumerate() {
                let steps = in_steps(again);
                assert_eq!(steps.schema(), plan.schema(), "{join_type} {n}");
                let (rows, expected) = (polled(steps).0.unwrap(), polled(plan).0.unwrap());
                assert!(rows == expected, "{join_type} {n}: {} rows, not {}", rows.len(), expected.len());
            }
        }
    }
}

#[test]
fn the_work_between_two_polls_is_bounded() {
    let never = || condition(|_, _, _| lit(false));
    let (few, many) = (1 << 8, 1 << 16);
    let pairs = few * many;
    // All in one batch; every row has the same key.
    let hot = || (table("l", vec![Some(7); few], few), table("r", vec![Some(7); many], many));
    let none_of =
        |plan| -> Arc<dyn ExecutionPlan> { Arc::new(FilterExec::try_new(lit(false), plan).unwrap()) };
    let mut cases = vec![
        ("a condition on its own", nested(hot(), Some(never()), JoinType::Inner), many >> 13),
        ("a condition besides a key", hashed(hot(), Some(never()), JoinType::Inner), many >> 10),
        ("every pair", none_of(Arc::new(CrossJoinExec::new(hot().0, hot().1))), few),
        ("every pair of a key", none_of(hashed(hot(), None, JoinType::Inner)), pairs >> 13),
    ];
    for join_type in TYPES.into_iter().skip(4) {
        cases.push(("pairs that are dropped", nested(hot(), None, join_type), many >> 13));
        cases.push(("pairs of a key that are dropped", hashed(hot(), None, join_type), many >> 10));
    }
    for (name, plan, least) in cases {
        let (rows, pauses) = polled(in_steps(plan));
        assert!(rows.is_ok() && pauses >= least - 1, "{name}: {pauses} pauses, not {least}");
    }
}

/// Raises the flag at its third evaluation; never holds.
#[derive(Debug)]
struct RaisesAtThird(Cancellation, Arc<AtomicUsize>);

impl PartialEq for RaisesAtThird {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
impl Eq for RaisesAtThird {}
impl Hash for RaisesAtThird {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}
impl fmt::Display for RaisesAtThird {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "raises")
    }
}
impl PhysicalExpr for RaisesAtThird {
    fn return_field(&self, _: &Schema) -> Result<FieldRef> {
        Ok(Arc::new(Field::new("raises", DataType::Boolean, false)))
    }
    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        if self.1.fetch_add(1, Ordering::SeqCst) == 2 {
            self.0.cancel();
        }
        Ok(ColumnarValue::Array(Arc::new(BooleanArray::from(vec![false; batch.num_rows()]))))
    }
    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![]
    }
    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        Ok(self)
    }
    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "raises")
    }
}

#[test]
fn a_raised_flag_ends_a_join_within_the_poll() {
    for join_type in TYPES {
        for make in [nested, hashed] {
            let (cancellation, evaluated) = (Cancellation::default(), Arc::new(AtomicUsize::new(0)));
            let raises = RaisesAtThird(cancellation.clone(), evaluated.clone());
            let filter = Some(condition(|_, _, _| Arc::new(raises)));
            let sides = (table("l", vec![Some(7); 1 << 10], 1_000), table("r", vec![Some(7); 800], 800));
            let plan = interruptible(make(sides, filter, join_type), &cancellation).unwrap();
            let error = polled(plan).0.unwrap_err();
            assert!(error.contains("OPERATION_CANCELED"), "{join_type}: {error}");
            assert_eq!(evaluated.load(Ordering::SeqCst), 3, "{join_type}");
        }
    }
}

#[test]
fn a_raised_flag_ends_every_plan_at_its_next_poll() {
    let cancellation = Cancellation::default();
    let plan = interruptible(table("l", vec![None; 100], 10), &cancellation.part()).unwrap();
    let mut stream = plan.execute(0, Arc::new(TaskContext::default())).unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(matches!(stream.poll_next_unpin(&mut cx), Poll::Ready(Some(Ok(_)))));
    cancellation.cancel();
    assert!(matches!(stream.poll_next_unpin(&mut cx), Poll::Ready(Some(Err(_)))));
}
