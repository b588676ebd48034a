//! Subqueries with Spark's answers to nulls, window calls, grouping sets, generators and event-time windows.
use super::common::{Tables, answer, tables, texts};
use datafusion::arrow::array::TimestampMicrosecondArray;
use std::sync::Arc;

async fn all(t: &Tables, cases: &[(&str, &str)]) {
    let mut wrong = vec![];
    for (text, rows) in cases {
        let (schema, found) = answer(t, text).await;
        if &found != rows {
            wrong.push(format!("{text}\n  found {found}\n  not   {rows}\n  ({schema})"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[tokio::test]
async fn subqueries_answer_as_spark_does() {
    all(
        &tables(),
        &[
            ("SELECT a FROM t WHERE a IN (SELECT k FROM u)", "1 | 2"),
            ("SELECT a FROM t WHERE a NOT IN (SELECT k FROM u)", "3 | 5"),
            ("SELECT a FROM t WHERE a NOT IN (SELECT a FROM u)", ""),
            ("SELECT a FROM t WHERE NOT (a IN (SELECT a FROM u))", ""),
            ("SELECT a FROM t WHERE a IN (SELECT a FROM u) OR a = 5", "1 | 2 | 5"),
            ("SELECT a FROM t WHERE a NOT IN (SELECT a FROM u) OR a = 5", "5"),
            ("SELECT a, a IN (SELECT a FROM u) FROM t", "1,true | 2,true | 3,false | 5,false | NULL,false"),
            ("SELECT a, a IN (SELECT k FROM u) FROM t", "1,true | 2,true | 3,false | 5,false | NULL,false"),
            ("SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.k = t.a)", "1 | 2"),
            ("SELECT a FROM t WHERE NOT EXISTS (SELECT 1 FROM u WHERE u.k = t.a)", "3 | 5 | NULL"),
            ("SELECT a, EXISTS (SELECT 1 FROM u WHERE u.k = t.a) FROM t WHERE a > 1", "2,true | 3,false | 5,false"),
            ("SELECT a FROM t WHERE a NOT IN (SELECT u.a FROM u WHERE u.k = t.a)", "3 | 5 | NULL"),
            ("SELECT a FROM t WHERE a = (SELECT max(k) FROM u WHERE k < 5)", "2"),
            ("SELECT a, (SELECT count(*) FROM u WHERE u.k = t.a) AS c FROM t", "1,1 | 2,2 | 3,0 | 5,0 | NULL,0"),
            ("SELECT a FROM t WHERE b > (SELECT sum(u.k) FROM u WHERE u.a = t.a)", "1"),
            ("SELECT k, count(*) FROM u GROUP BY k HAVING count(*) >= (SELECT count(*) FROM u WHERE k = 2)", "2,2"),
            ("SELECT count(*) FROM t WHERE (a, b) IN (SELECT a, 10 FROM u)", "1"),
        ],
    )
    .await;
}

#[tokio::test]
async fn windows_partition_order_and_frame_rows() {
    all(
        &tables(),
        &[
            ("SELECT k, row_number() OVER (PARTITION BY k ORDER BY n) AS r FROM u", "1,1 | 2,1 | 2,2 | 9,1"),
            ("SELECT k, rank() OVER (ORDER BY k DESC) AS r FROM u ORDER BY r, n", "9,1 | 2,2 | 2,2 | 1,4"),
            ("SELECT k, sum(k) OVER (ORDER BY k) AS s FROM u", "1,1 | 2,5 | 2,5 | 9,14"),
            ("SELECT k, sum(k) OVER (ORDER BY n ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS s FROM u ORDER BY n", "2,2 | 9,11 | 1,10 | 2,3"),
            ("SELECT k, sum(k) OVER (ORDER BY k RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) AS s FROM u", "1,1 | 2,5 | 2,5 | 9,9"),
            ("SELECT k, lag(k) OVER (ORDER BY n) AS l FROM u ORDER BY n", "2,NULL | 9,2 | 1,9 | 2,1"),
            ("SELECT k, lead(k, 1, 0) OVER (ORDER BY n) AS l FROM u ORDER BY n", "2,9 | 9,1 | 1,2 | 2,0"),
            ("SELECT k, count(*) AS c, sum(count(*)) OVER () AS s FROM u GROUP BY k", "1,1,4 | 2,2,4 | 9,1,4"),
            ("SELECT k, rank() OVER (ORDER BY count(*) DESC) AS r FROM u GROUP BY k QUALIFY r = 1", "2,1"),
            ("SELECT k FROM u QUALIFY row_number() OVER (PARTITION BY k ORDER BY n) = 2", "2"),
            ("SELECT k, k - avg(k) OVER () AS d FROM u WHERE k < 3", "1,-0.6666666666666667 | 2,0.33333333333333326 | 2,0.33333333333333326"),
        ],
    )
    .await;
}

#[tokio::test]
async fn grouping_sets_say_which_keys_they_left_out() {
    all(
        &tables(),
        &[
            ("SELECT k, count(*) FROM u GROUP BY ROLLUP (k)", "1,1 | 2,2 | 9,1 | NULL,4"),
            ("SELECT k, a, grouping_id() AS g, count(*) FROM u GROUP BY CUBE (k, a) HAVING grouping(k) = 1 AND g = 3", "NULL,NULL,3,4"),
            (
                "SELECT k, n, grouping(k) AS gk, grouping(n) AS gn FROM u WHERE k = 9 GROUP BY GROUPING SETS ((k), (n), ())",
                "9,NULL,0,1 | NULL,NULL,1,1 | NULL,nine,1,0",
            ),
            ("SELECT sum(k) FROM u GROUP BY ROLLUP (k) ORDER BY k NULLS LAST", "1 | 4 | 9 | 14"),
        ],
    )
    .await;
}

#[tokio::test]
async fn generators_make_rows() {
    all(
        &tables(),
        &[
            ("SELECT explode(array(1, 2))", "1 | 2"),
            ("SELECT k, explode(array(k, 0)) AS e FROM u WHERE k = 9", "9,0 | 9,9"),
            ("SELECT posexplode(array('a', 'b'))", "0,a | 1,b"),
            ("SELECT k, p, v FROM u LATERAL VIEW posexplode(array(n)) x AS p, v WHERE k = 1", "1,0,one"),
            ("SELECT * FROM range(2)", "0 | 1"),
            ("SELECT id FROM range(4, 0, -2) ORDER BY id", "2 | 4"),
            ("SELECT * FROM explode(array(7))", "7"),
        ],
    )
    .await;
}

fn timed() -> Tables {
    let mut t = tables();
    let minute = 60_000_000_i64;
    let times = [Some(0), Some(4 * minute), Some(11 * minute), None];
    t.add_columns(
        "ev",
        vec![
            ("ts", Arc::new(TimestampMicrosecondArray::from(times.to_vec()).with_timezone("UTC")), true),
            ("c", texts(&[Some("x"), Some("y"), Some("x"), Some("x")]), true),
        ],
    );
    t
}

#[tokio::test]
async fn event_time_windows_group_rows_and_drop_those_without_time() {
    all(
        &timed(),
        &[
            (
                "SELECT window.start, count(*) AS n FROM ev GROUP BY window(ts, '10 minutes')",
                "1970-01-01 00:00:00,2 | 1970-01-01 00:10:00,1",
            ),
            (
                "SELECT window.start, window.end, c, count(*) AS n FROM ev GROUP BY window(ts, '10 minutes', '5 minutes'), c HAVING c = 'x'",
                "1969-12-31 23:55:00,1970-01-01 00:05:00,x,1 | 1970-01-01 00:00:00,1970-01-01 00:10:00,x,1 | 1970-01-01 00:05:00,1970-01-01 00:15:00,x,1 | 1970-01-01 00:10:00,1970-01-01 00:20:00,x,1",
            ),
            ("SELECT w.* FROM (SELECT window(ts, '1 hour') AS w FROM ev WHERE c = 'y')", "1970-01-01 00:00:00,1970-01-01 01:00:00"),
            (
                "SELECT w.start AS s FROM (SELECT window(ts, '10 minutes') AS w FROM ev) ORDER BY s",
                "1970-01-01 00:00:00 | 1970-01-01 00:00:00 | 1970-01-01 00:10:00",
            ),
        ],
    )
    .await;
}
