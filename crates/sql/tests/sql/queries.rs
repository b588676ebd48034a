//! Queries: text in, compact tree out.

use super::compact;
use thalweg_sql::parse_query;

fn check(cases: &[(&str, &str)]) {
    for (text, expect) in cases {
        let found = parse_query(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(compact::relation(&found), *expect, "{text}");
    }
}

#[test]
fn selects_stack_their_clauses() {
    check(&[
        ("SELECT 1", "project[1] < one"),
        ("SELECT a, b AS c FROM t WHERE a > 1", "project[a, b as c] < filter[>(a, 1)] < t"),
        ("SELECT DISTINCT a FROM t", "distinct < project[a] < t"),
        ("SELECT ALL a FROM t", "project[a] < t"),
        ("SELECT * FROM db.t AS x", "project[*] < as x < db.t"),
        (
            "SELECT a FROM t ORDER BY 1 DESC, b NULLS LAST LIMIT 3 OFFSET 2",
            "limit[3] < offset[2] < sort[1 desc, b nulls last] < project[a] < t",
        ),
        ("SELECT a FROM t LIMIT ALL", "project[a] < t"),
        ("SELECT a FROM t ORDER BY ALL", "sort[ALL] < project[a] < t"),
        ("SELECT a FROM t SORT BY a", "sort within[a] < project[a] < t"),
        ("SELECT a FROM t DISTRIBUTE BY b SORT BY a", "sort within[a] < repartition[b] < project[a] < t"),
        ("SELECT a FROM t CLUSTER BY b", "sort within[b] < repartition[b] < project[a] < t"),
        (
            "SELECT /*+ BROADCAST(t), REPARTITION(3) */ a FROM t",
            "hint BROADCAST(t) < hint REPARTITION(3) < project[a] < t",
        ),
        ("FROM t SELECT a WHERE b", "project[a] < filter[b] < t"),
        ("FROM t", "t"),
        ("TABLE t", "t"),
        (
            "SELECT avg(d) delay, count(*) rows, a end FROM t WHERE user = 'x'",
            "project[avg(d) as delay, count(*) as rows, a as end] < filter[==(user, \"x\")] < t",
        ),
        ("SELECT window(ts, '1 hour') window FROM t", "project[window(ts, \"1 hour\") as window] < t"),
        (
            "SELECT avg(dep_delay) delay, count(*) rows, a end, b desc FROM t",
            "project[avg(dep_delay) as delay, count(*) as rows, a as end, b as desc] < t",
        ),
        ("SELECT window(ts, '1 hour') window FROM t", "project[window(ts, \"1 hour\") as window] < t"),
        ("SELECT user, delay FROM t delay", "project[user, delay] < as delay < t"),
        (
            "SELECT a FROM t QUALIFY row_number() OVER (ORDER BY a) = 1",
            "qualify[==(row_number() over(order a), 1)] < project[a] < t",
        ),
        (
            "SELECT sum(a) OVER w, max(a) OVER (w) FROM t WINDOW w AS (PARTITION BY b)",
            "project[sum(a) over(by b), max(a) over(by b)] < t",
        ),
        ("SELECT sum(a) OVER y FROM t WINDOW x AS (ORDER BY b), y AS x", "project[sum(a) over(order b)] < t"),
        (
            "SELECT a FROM t ORDER BY sum(a) OVER w WINDOW w AS (ORDER BY b)",
            "sort[sum(a) over(order b)] < project[a] < t",
        ),
    ]);
}

#[test]
fn groups_in_all_their_forms() {
    check(&[
        ("SELECT a, count(*) FROM t GROUP BY a", "aggregate[groupby: a][a, count(*)] < t"),
        ("SELECT a FROM t GROUP BY 1, b + 1", "aggregate[groupby: 1, +(b, 1)][a] < t"),
        ("SELECT a FROM t GROUP BY ALL", "aggregate[all: ][a] < t"),
        ("SELECT a FROM t GROUP BY all ORDER BY a", "sort[a] < aggregate[all: ][a] < t"),
        (
            "SELECT a FROM t GROUP BY a HAVING sum(b) > 1",
            "having[>(sum(b), 1)] < aggregate[groupby: a][a] < t",
        ),
        ("SELECT sum(a) FROM t HAVING sum(a) > 1", "having[>(sum(a), 1)] < aggregate[groupby: ][sum(a)] < t"),
        ("SELECT a FROM t GROUP BY ROLLUP (a, b)", "aggregate[rollup: a, b][a] < t"),
        ("SELECT a FROM t GROUP BY a, b WITH CUBE", "aggregate[cube: a, b][a] < t"),
        ("SELECT a FROM t GROUP BY a, b WITH ROLLUP", "aggregate[rollup: a, b][a] < t"),
        (
            "SELECT a FROM t GROUP BY GROUPING SETS ((a, b), A, ())",
            "aggregate[sets[(a, b), (a), ()]: a, b][a] < t",
        ),
        ("SELECT a FROM t GROUP BY a, b GROUPING SETS ((a), (b))", "aggregate[sets[(a), (b)]: a, b][a] < t"),
        (
            "SELECT a FROM t GROUP BY a, ROLLUP (b, c)",
            "aggregate[sets[(a, b, c), (a, b), (a)]: a, b, c][a] < t",
        ),
        (
            "SELECT a FROM t GROUP BY CUBE (a, (b, c))",
            "aggregate[sets[(a, b, c), (a), (b, c), ()]: a, b, c][a] < t",
        ),
        (
            "SELECT a FROM t GROUP BY GROUPING SETS ((x = 'A'), (x = 'a'))",
            "aggregate[sets[(==(x, \"A\")), (==(x, \"a\"))]: ==(x, \"A\"), ==(x, \"a\")][a] < t",
        ),
        (
            "SELECT a FROM t GROUP BY GROUPING SETS (ROLLUP (a, b), c)",
            "aggregate[sets[(a, b), (a), (), (c)]: a, b, c][a] < t",
        ),
        ("SELECT a FROM t GROUP BY (a), (a + b)", "aggregate[groupby: a, +(a, b)][a] < t"),
    ]);
}

#[test]
fn joins_group_to_the_left() {
    check(&[
        ("FROM a, b, c", "((a cross b) cross c)"),
        ("FROM a JOIN b ON a.x = b.x", "(a inner b on ==(a.x, b.x))"),
        ("FROM a LEFT JOIN b USING (x, y)", "(a leftouter b using x, y)"),
        ("FROM a LEFT OUTER JOIN b ON p RIGHT JOIN c ON q", "((a leftouter b on p) rightouter c on q)"),
        ("FROM a FULL OUTER JOIN b ON p", "(a fullouter b on p)"),
        ("FROM a LEFT SEMI JOIN b ON p", "(a leftsemi b on p)"),
        ("FROM a SEMI JOIN b ON p", "(a leftsemi b on p)"),
        ("FROM a ANTI JOIN b ON p", "(a leftanti b on p)"),
        ("FROM a NATURAL LEFT JOIN b", "(a leftouter natural b)"),
        ("FROM a CROSS JOIN b", "(a cross b)"),
        ("FROM a x JOIN (b JOIN c ON p) ON q", "(as x < a inner (b inner c on p) on q)"),
        ("FROM a, LATERAL (SELECT a.x) l", "(a cross lateral as l < project[a.x] < one)"),
        ("FROM a JOIN LATERAL explode(a.xs) AS e(x)", "(a inner lateral as e(x) < explode(a.xs)!)"),
        ("FROM a LATERAL VIEW explode(xs) e AS x", "view[explode(xs) e (x)] < a"),
        (
            "FROM a LATERAL VIEW OUTER posexplode(xs) e AS i, x LATERAL VIEW explode(ys) AS y",
            "view[explode(ys) - (y)] < view outer[posexplode(xs) e (i, x)] < a",
        ),
        (
            "SELECT x FROM a LATERAL VIEW explode(xs) e AS x WHERE x > 1",
            "project[x] < filter[>(x, 1)] < view[explode(xs) e (x)] < a",
        ),
    ]);
}

#[test]
fn tables_of_every_sort() {
    check(&[
        ("FROM 'dir/*.csv'", "?[][\"dir/*.csv\"]"),
        ("FROM csv.`dir/x.csv` t", "as t < csv.dir/x.csv"),
        ("FROM range(1, 10, 2) AS r(x)", "as r(x) < range(1, 10, 2)!"),
        ("VALUES (1, 'a'), (2, 'b') AS t(x, y)", "as t(x, y) < values[(1, \"a\"), (2, \"b\")]"),
        ("SELECT * FROM VALUES 1, 2 t(x)", "project[*] < as t(x) < values[(1), (2)]"),
        ("FROM (VALUES (1)) AS t(x)", "as t(x) < values[(1)]"),
        ("FROM (SELECT 1) s", "as s < project[1] < one"),
        ("FROM ((SELECT 1) UNION (SELECT 2)) s", "as s < (project[1] < one union project[2] < one)"),
        ("FROM ((SELECT 1) x JOIN b ON p)", "(as x < project[1] < one inner b on p)"),
        ("FROM t WITH ('k' = 'v', n = 1)", "t with(k=v, n=1)"),
        ("FROM t TABLESAMPLE (10 PERCENT) REPEATABLE (7)", "sample[0..0.1 Some(7)] < t"),
        ("FROM t TABLESAMPLE (5 ROWS) x", "as x < limit[5] < t"),
        ("FROM stream", "stream"),
        ("FROM stream AS s", "as s < stream"),
        ("FROM values", "values"),
        ("FROM using JOIN nearest", "(using inner nearest)"),
        (
            "FROM t UNPIVOT (v FOR n IN (a, b AS bee)) u JOIN x",
            "(as u < filter[isnotnull(v)] < unpivot[* except(a, b); a, b as bee; n, v] < t inner x)",
        ),
        ("FROM t UNPIVOT INCLUDE NULLS (v FOR n IN (a))", "unpivot[* except(a); a; n, v] < t"),
    ]);
}

#[test]
fn streams_with_their_watermarks() {
    check(&[
        ("FROM STREAM t", "stream t"),
        ("FROM STREAM(db.t) x", "as x < stream db.t"),
        ("FROM STREAM 'dir'", "stream ?[][\"dir\"]"),
        ("FROM STREAM t WATERMARK ts DELAY OF INTERVAL 1 DAY", "watermark[ts 1 days] < stream t"),
        (
            "FROM STREAM t AS a WATERMARK ts DELAY OF INTERVAL '10' MINUTE",
            "watermark[ts 10 minutes] < as a < stream t",
        ),
        (
            "FROM STREAM t WATERMARK to_timestamp(x) AS ts DELAY OF INTERVAL '1 02:00:00' DAY TO SECOND a",
            "as a < watermark[to_timestamp(x) as ts 1 days 2 hours] < stream t",
        ),
        (
            "SELECT * FROM STREAM a WATERMARK x DELAY OF INTERVAL 1 HOUR JOIN STREAM(b) WATERMARK y DELAY OF INTERVAL 2 HOURS ON p",
            "project[*] < (watermark[x 1 hours] < stream a inner watermark[y 2 hours] < stream b on p)",
        ),
        (
            "SELECT window, sum(v) FROM (SELECT * FROM STREAM t WATERMARK ts DELAY OF INTERVAL 1 DAY) GROUP BY window(ts, '6 hours', '1 hour')",
            "aggregate[groupby: window(ts, \"6 hours\", \"1 hour\")][window, sum(v)] < project[*] < watermark[ts 1 days] < stream t",
        ),
    ]);
}

#[test]
fn set_operations_and_ctes() {
    check(&[
        ("SELECT 1 UNION ALL SELECT 2", "(project[1] < one union all project[2] < one)"),
        (
            "SELECT 1 UNION SELECT 2 EXCEPT SELECT 3",
            "((project[1] < one union project[2] < one) except project[3] < one)",
        ),
        ("TABLE a UNION TABLE b INTERSECT TABLE c", "(a union (b intersect c))"),
        ("TABLE a MINUS ALL TABLE b", "(a except all b)"),
        ("TABLE a UNION ALL BY NAME TABLE b", "(a union all by name b)"),
        ("TABLE a UNION DISTINCT TABLE b ORDER BY x LIMIT 1", "limit[1] < sort[x] < (a union b)"),
        ("(SELECT 1 LIMIT 1) UNION (SELECT 2)", "(limit[1] < project[1] < one union project[2] < one)"),
        ("WITH a AS (SELECT 1), b(x) AS (TABLE a) TABLE b", "with[a: project[1] < one, b(x): a] < b"),
        (
            "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) TABLE r",
            "with recursive[r(n): (project[1] < one union all project[+(n, 1)] < r)] < r",
        ),
        ("WITH a (SELECT 1) TABLE a", "with[a: project[1] < one] < a"),
        ("SELECT (SELECT max(x) FROM t) + 1", "project[+(scalar{project[max(x)] < t}, 1)] < one"),
        ("SELECT ((SELECT 1) + 1)", "project[+(scalar{project[1] < one}, 1)] < one"),
        ("SELECT ((SELECT 1))", "project[scalar{project[1] < one}] < one"),
        (
            "SELECT ((SELECT 1) UNION (SELECT 2))",
            "project[scalar{(project[1] < one union project[2] < one)}] < one",
        ),
    ]);
}
