//! Tests joins of two streams against the join of all rows.

use super::behaviour::{row, rows};
use super::env::*;
use super::graph::run_with_kills;
use super::source_and_sink::TestSource;
use crate::{Expiry, OperatorSpec, StaticJoinSpec, StaticJoinType, StaticRead, StaticTable};
use crate::{StreamJoinSide, StreamJoinSpec};
use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, TimestampMicrosecondType};
use arrow::record_batch::RecordBatch;
use datafusion::common::JoinType;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{Column, binary, cast, lit};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use thalweg_common::{Error, ErrorKind};

/// A row of the right side matches one of the left side if it is at most this many seconds older,
const BEFORE: i64 = 4;
/// or at most this many seconds newer.
const AFTER: i64 = 6;

fn joined_schema() -> SchemaRef {
    let both = [input_schema(), input_schema()];
    Arc::new(Schema::new(both.iter().flat_map(|s| s.fields().iter().cloned()).collect::<Vec<_>>()))
}

/// Joins on equal keys and the range of times; rows of the left side need a value of at least `least`, if that is
/// given, to have a match.
fn join(join_type: JoinType, expiries: [Expiry; 2], least: Option<i64>) -> Vec<OperatorSpec> {
    let joined = joined_schema();
    let time = |place: usize| {
        let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new("t", place));
        cast(column, &joined, DataType::Int64).unwrap()
    };
    let number = |left, operator, right| binary(left, operator, right, &joined).unwrap();
    let from = number(time(5), Operator::GtEq, number(time(1), Operator::Minus, lit(BEFORE * SECOND)));
    let to = number(time(5), Operator::LtEq, number(time(1), Operator::Plus, lit(AFTER * SECOND)));
    let value = |least| {
        let value: Arc<dyn PhysicalExpr> = Arc::new(Column::new("v", 2));
        binary(value, Operator::GtEq, lit(least), &input_schema()).unwrap()
    };
    let side = |expiry, filter| StreamJoinSide {
        keys: vec![Arc::new(Column::new("k", 0))],
        event_time: Some(1),
        filter,
        expiry,
        schema: input_schema(),
    };
    let output_schema = if join_type == JoinType::LeftSemi { input_schema() } else { nullable(&joined) };
    vec![OperatorSpec::StreamJoin(StreamJoinSpec {
        join_type,
        left: side(expiries[0], least.map(value)),
        right: side(expiries[1], None),
        filter: Some(number(from, Operator::And, to)),
        joined_schema: joined,
        output_schema,
    })]
}

fn nullable(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().map(|f| Field::new(f.name(), f.data_type().clone(), true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Forgets rows when no row of the other side can match them.
fn range() -> [Expiry; 2] {
    [AFTER, BEFORE].map(|delay| Expiry::After { column: 1, delay_us: delay * SECOND + 1000 })
}

type Side = Option<InputRow>;

/// The join of all rows.
fn expect(
    join_type: JoinType,
    (left, right): (&[InputRow], &[InputRow]),
    least: Option<i64>,
) -> Vec<(Side, Side)> {
    let may = |l: &InputRow| least.is_none_or(|least| l.2 >= least);
    let matches =
        |l: &InputRow, r: &InputRow| may(l) && l.0 == r.0 && r.1 >= l.1 - BEFORE && r.1 <= l.1 + AFTER;
    let mut answer = vec![];
    for l in left {
        let found: Vec<_> = right.iter().filter(|r| matches(l, r)).collect();
        match join_type {
            JoinType::LeftSemi if found.is_empty() => {}
            JoinType::LeftSemi => answer.push((Some(l.clone()), None)),
            _ => answer.extend(found.iter().map(|r| (Some(l.clone()), Some((*r).clone())))),
        }
        if found.is_empty() && matches!(join_type, JoinType::Left | JoinType::Full) {
            answer.push((Some(l.clone()), None));
        }
    }
    if matches!(join_type, JoinType::Right | JoinType::Full) {
        let alone = right.iter().filter(|r| !left.iter().any(|l| matches(l, r)));
        answer.extend(alone.map(|r| (None, Some(r.clone()))));
    }
    answer.sort();
    answer
}

fn found(env: &TestEnv) -> Vec<(Side, Side)> {
    let side = |b: &RecordBatch, from: usize, i: usize| {
        if b.num_columns() <= from || b.column(from + 1).is_null(i) {
            return None;
        }
        let time = b.column(from + 1).as_primitive::<TimestampMicrosecondType>().value(i) / SECOND;
        let key = b.column(from).as_string::<i32>().value(i).to_owned();
        Some((key, time, b.column(from + 2).as_primitive::<Int64Type>().value(i)))
    };
    let rows =
        |b: &RecordBatch| (0..b.num_rows()).map(|i| (side(b, 0, i), side(b, 4, i))).collect::<Vec<_>>();
    let mut all: Vec<_> =
        env.target.epochs().iter().flat_map(|(_, b)| b.iter().flat_map(rows).collect::<Vec<_>>()).collect();
    all.sort();
    all
}

fn two_sources(left: &[InputRow], right: &[InputRow], epochs: [&[usize]; 2], delay: i64) -> TestEnv {
    let mut env = TestEnv::new(left, epochs[0]);
    env.more = vec![Arc::new(TestSource::new(batch(right), epochs[1].to_vec()))];
    env.delay_of_each = Some(delay);
    env
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_join_gives_the_batch_answer_whatever_kills_it() {
    for join_type in [JoinType::Inner, JoinType::Left, JoinType::Right, JoinType::Full, JoinType::LeftSemi] {
        for seed in 0..12 {
            // The first watermark is 1970, by which a row of that very second is late.
            let later =
                |all: Vec<InputRow>| all.into_iter().map(|(k, t, v)| (k, t + 1, v)).collect::<Vec<_>>();
            let (left, right) = (later(rows(seed, 60)), later(rows(seed + 1000, 50)));
            let env = two_sources(&left, &right, [&[7, 1, 20, 3, 1, 1, 9, 30], &[1, 1, 10, 4, 2, 30, 9]], 5);
            let expiries = if seed % 4 == 3 { [Expiry::Never; 2] } else { range() };
            // Rows without a bound are not emitted, unless the input ends.
            let join_type = if expiries == [Expiry::Never; 2] { JoinType::Inner } else { join_type };
            let preserves = matches!(join_type, JoinType::Left | JoinType::Full);
            let least = (preserves && seed % 2 == 0).then_some(5);
            run_with_kills(&env, join(join_type, expiries, least), seed).await;
            assert_eq!(found(&env), expect(join_type, (&left, &right), least), "{join_type} seed {seed}");
        }
    }
}

/// A row is removed when the watermark excludes its matches, and late rows are dropped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_are_removed_by_the_watermark_and_unmatched_ones_are_emitted_then() {
    let left = [row("a", 100, 1), row("a", 101, 2), row("a", 120, 3), row("a", 121, 4), row("a", 90, 5)];
    let right = [row("a", 105, 1), row("b", 106, 2), row("a", 120, 3), row("a", 121, 4), row("a", 122, 5)];
    let env = two_sources(&left, &right, [&[1; 5], &[1; 5]], 5);
    let run = RunOptions { drain: false, ..RunOptions::new(join(JoinType::Full, range(), None)) };
    let query = env.run(&run).await.unwrap();
    let all = found(&env);
    // The last watermark is 116: it has reached "b", and the rows of 120 and later stay.
    let alone: Vec<_> = all.iter().filter(|(l, r)| l.is_none() || r.is_none()).collect();
    assert_eq!(alone, [&(None, Some(row("b", 106, 2)))]);
    assert_eq!(all.len(), 1 + 2 + 2 * 3);
    let operator = |p: &crate::Progress| p.state_operators[0].clone();
    let last = operator(&query.last_progress().unwrap());
    assert_eq!((last.operator_name.as_str(), last.num_rows_total), ("symmetricHashJoin", 5));
    let progress = query.recent_progress();
    let sum =
        |of: fn(&crate::StateOperatorProgress) -> u64| progress.iter().map(|p| of(&operator(p))).sum::<u64>();
    assert_eq!((sum(|o| o.num_rows_updated), sum(|o| o.num_rows_removed)), (9, 4));
    assert_eq!(sum(|o| o.num_rows_dropped_by_watermark), 1);
}

/// The pairs of a join may be older than the watermark, and the aggregate above counts them all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_aggregate_above_a_join_counts_all_of_its_rows() {
    for seed in 0..12 {
        let later = |all: Vec<InputRow>| all.into_iter().map(|(k, t, v)| (k, t + 1, v)).collect::<Vec<_>>();
        let (left, right) = (later(rows(seed, 60)), later(rows(seed + 1000, 50)));
        let env = two_sources(&left, &right, [&[7, 1, 20, 3, 1, 1, 9, 30], &[1, 1, 10, 4, 2, 30, 9]], 5);
        let mut operators = join(JoinType::Left, range(), None);
        operators.push(OperatorSpec::Aggregate(aggregate(true)));
        run_with_kills(&env, operators, seed).await;
        let of_left: Vec<InputRow> =
            expect(JoinType::Left, (&left, &right), None).into_iter().filter_map(|(l, _)| l).collect();
        assert_eq!(env.answer().unwrap(), super::env::expect(&of_left), "seed {seed}");
    }
}

/// Rows of a bounded table, which are the same in each epoch.
#[derive(Debug)]
struct TestTable(Vec<InputRow>);

#[async_trait::async_trait]
impl StaticTable for TestTable {
    async fn read(&self, _request: StaticRead) -> thalweg_common::Result<RecordBatch> {
        Ok(batch(&self.0))
    }
}

/// A table whose first reads fail.
#[derive(Debug)]
struct FlakyTable {
    rows: TestTable,
    failures: u32,
    error: Error,
    reads: AtomicU32,
}

#[async_trait::async_trait]
impl StaticTable for FlakyTable {
    async fn read(&self, request: StaticRead) -> thalweg_common::Result<RecordBatch> {
        if self.reads.fetch_add(1, Ordering::SeqCst) < self.failures {
            return Err(self.error.clone());
        }
        self.rows.read(request).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_cannot_be_read_is_read_again_unless_the_error_stays() {
    let of = |class| Error::new(ErrorKind::Runtime, class, "KD001", "It cannot be read.");
    let (gone, changed) = (of("FAILED_READ_FILE.NO_HINT"), of("STREAM_STATIC_TABLE_CHANGED"));
    let most = thalweg_storage::ATTEMPTS_MAX;
    for (error, failures, reads) in
        [(&gone, most - 1, None), (&gone, most, Some(most)), (&changed, 1, Some(1))]
    {
        let rows = rows(1, 20);
        let env = TestEnv::new(&rows, &[20]);
        let reads_so_far = AtomicU32::new(0);
        let table = TestTable(rows);
        let table = FlakyTable { rows: table, failures, error: error.clone(), reads: reads_so_far };
        let table = Arc::new(table);
        let mut operators = static_join(StaticJoinType::Inner, true, &[]);
        if let [OperatorSpec::StaticJoin(spec)] = operators.as_mut_slice() {
            spec.table = Arc::clone(&table) as Arc<dyn StaticTable>;
        }
        let ended = env.run(&RunOptions::new(operators)).await;
        assert_eq!(ended.err().map(|e| e.class().to_owned()), reads.map(|_| error.class().to_owned()));
        if let Some(reads) = reads {
            assert_eq!(table.reads.load(Ordering::SeqCst), reads);
        }
    }
}

fn static_join(join_type: StaticJoinType, stream_is_left: bool, table: &[InputRow]) -> Vec<OperatorSpec> {
    let joined = joined_schema();
    let value = |place: usize| -> Arc<dyn PhysicalExpr> { Arc::new(Column::new("v", place)) };
    let key = || -> Vec<Arc<dyn PhysicalExpr>> { vec![Arc::new(Column::new("k", 0))] };
    let semi = matches!(join_type, StaticJoinType::Semi | StaticJoinType::Anti);
    let (stream, of_table) = if stream_is_left { (2, 6) } else { (6, 2) };
    vec![OperatorSpec::StaticJoin(StaticJoinSpec {
        join_type,
        stream_is_left,
        stream_keys: key(),
        table_keys: key(),
        filter: Some(binary(value(stream), Operator::GtEq, value(of_table), &joined).unwrap()),
        table: Arc::new(TestTable(table.to_vec())),
        table_schema: input_schema(),
        output_schema: if semi { input_schema() } else { nullable(&joined) },
        joined_schema: joined,
    })]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_join_with_a_table_gives_the_batch_answer_whatever_kills_it() {
    use StaticJoinType::{Anti, Inner, Outer, Semi};
    for (seed, join_type) in (0..16).zip([Inner, Outer, Semi, Anti].into_iter().cycle()) {
        let (all, table) = (rows(seed, 60), rows(seed + 1000, 10));
        let stream_is_left = seed % 8 < 4 || matches!(join_type, Semi | Anti);
        let mut env = TestEnv::new(&all, &[7, 1, 20, 3, 1, 1, 9, 30]);
        env.delay_of_each = Some(5);
        run_with_kills(&env, static_join(join_type, stream_is_left, &table), seed).await;
        let mut expected = vec![];
        for row in &all {
            let found: Vec<_> = table.iter().filter(|t| t.0 == row.0 && row.2 >= t.2).collect();
            let mine = Some(row.clone());
            match join_type {
                Semi if found.is_empty() => {}
                Anti if !found.is_empty() => {}
                Semi | Anti => expected.push((mine, None)),
                Inner | Outer => {
                    if found.is_empty() && join_type == Outer {
                        expected.push((mine.clone(), None));
                    }
                    expected.extend(found.into_iter().map(|t| (mine.clone(), Some(t.clone()))));
                }
            }
        }
        if !stream_is_left {
            expected = expected.into_iter().map(|(mine, theirs)| (theirs, mine)).collect();
        }
        expected.sort();
        assert_eq!(found(&env), expected, "{join_type:?} seed {seed}");
    }
}
