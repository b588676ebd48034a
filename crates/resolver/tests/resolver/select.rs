//! Selects: names, types, nullability and rows of everyday queries.
use super::common;
use super::common::{check, tables};

#[tokio::test]
async fn a_select_list_has_sparks_names_types_and_nullability() {
    let t = tables();
    let cases: &[(&str, &str, &str)] = &[
        ("SELECT 1", "1 INT NOT NULL", "1"),
        ("SELECT a, a + 1, A FROM t WHERE a = 1", "a INT, (a + 1) INT, A INT", "1,2,1"),
        ("SELECT t.a AS z, 'hi' FROM t WHERE b > 20", "z INT, hi STRING NOT NULL", "3,hi | NULL,hi"),
        ("SELECT a + 1 AS b2, b2 * 2 AS c FROM t WHERE a < 3", "b2 INT, c INT", "2,4 | 3,6"),
        ("SELECT * FROM u WHERE k = 9", "k INT NOT NULL, a INT, n STRING", "9,4,nine"),
        (
            "SELECT count(*), sum(a), avg(a) FROM t",
            "count(1) BIGINT NOT NULL, sum(a) BIGINT, avg(a) DOUBLE",
            "5,11,2.75",
        ),
        ("SELECT CAST(a AS STRING) FROM t WHERE a = 2", "a STRING", "2"),
        (
            "SELECT CASE WHEN a > 2 THEN 'big' ELSE 'small' END FROM t WHERE a IN (1, 5)",
            "CASE WHEN (a > 2) THEN big ELSE small END STRING NOT NULL",
            "big | small",
        ),
        ("SELECT a FROM t ORDER BY a", "a INT", "NULL | 1 | 2 | 3 | 5"),
        ("SELECT a FROM t ORDER BY a DESC", "a INT", "5 | 3 | 2 | 1 | NULL"),
        ("SELECT a FROM t ORDER BY b DESC NULLS FIRST LIMIT 2", "a INT", "5 | NULL"),
        ("SELECT a AS q FROM t ORDER BY 1 DESC LIMIT 1", "q INT", "5"),
        ("SELECT DISTINCT k FROM u", "k INT NOT NULL", "1 | 2 | 9"),
        ("SELECT 1 AS a, 2 AS a", "a INT NOT NULL, a INT NOT NULL", "1,2"),
        ("SELECT t.a, u.n FROM t JOIN u ON t.a = u.k", "a INT, n STRING", "1,one | 2,deux | 2,two"),
        (
            "SELECT t.a, u.n FROM t LEFT JOIN u ON t.a = u.k AND u.n <> 'two'",
            "a INT, n STRING",
            "1,one | 2,deux | 3,NULL | 5,NULL | NULL,NULL",
        ),
        ("SELECT u.k FROM t LEFT JOIN u ON t.a = u.k WHERE t.a = 3", "k INT", "NULL"),
        (
            "SELECT * FROM t JOIN u USING (a)",
            "a INT, b INT, s STRING, x DOUBLE, k INT NOT NULL, n STRING",
            "1,10,7,0.5,1,one | 2,0,x,1.5,2,two",
        ),
        ("SELECT a FROM t LEFT SEMI JOIN u ON t.a = u.k", "a INT", "1 | 2"),
        ("SELECT a FROM t LEFT ANTI JOIN u ON t.a = u.k", "a INT", "3 | 5 | NULL"),
        (
            "SELECT * FROM u LEFT SEMI JOIN t USING (a)",
            "a INT, k INT NOT NULL, n STRING",
            "1,1,one | 2,2,two",
        ),
        ("SELECT a, k FROM t FULL JOIN u USING (a) WHERE k = 9", "a INT, k INT", "4,9"),
        (
            "SELECT k, count(*) AS c FROM u GROUP BY k ORDER BY c DESC, k",
            "k INT NOT NULL, c BIGINT NOT NULL",
            "2,2 | 1,1 | 9,1",
        ),
        (
            "SELECT k + 1, max(n) FROM u GROUP BY k + 1",
            "(k + 1) INT NOT NULL, max(n) STRING",
            "10,nine | 2,one | 3,two",
        ),
        ("SELECT k % 2 AS p, sum(k) FROM u GROUP BY p", "p INT, sum(k) BIGINT", "0,4 | 1,10"),
        (
            "SELECT k, sum(a) + 1 FROM u GROUP BY 1 HAVING count(*) > 1",
            "k INT NOT NULL, (sum(a) + 1) BIGINT",
            "2,3",
        ),
        ("SELECT k FROM u GROUP BY k ORDER BY sum(a) DESC", "k INT NOT NULL", "9 | 2 | 1"),
        (
            "SELECT k, count(*) FROM u GROUP BY ALL",
            "k INT NOT NULL, count(1) BIGINT NOT NULL",
            "1,1 | 2,2 | 9,1",
        ),
        ("WITH v AS (SELECT k * 2 AS d FROM u) SELECT sum(d) FROM v", "sum(d) BIGINT", "28"),
        ("SELECT * FROM VALUES (1, 'a'), (2, NULL) AS v(i, s)", "i INT NOT NULL, s STRING", "1,a | 2,NULL"),
        ("SELECT a FROM t WHERE a > 2 UNION ALL SELECT k FROM u", "a INT", "1 | 2 | 2 | 3 | 5 | 9"),
        ("SELECT k FROM u INTERSECT ALL SELECT a FROM t", "k INT NOT NULL", "1 | 2"),
        ("SELECT k FROM u EXCEPT ALL SELECT a FROM t", "k INT NOT NULL", "2 | 9"),
        ("SELECT k FROM u EXCEPT SELECT a FROM t", "k INT NOT NULL", "9"),
    ];
    for (text, schema, rows) in cases {
        check(&t, text, schema, rows).await;
    }
}

#[tokio::test]
async fn columns_without_alias_are_named_as_spark_names_them() {
    let t = tables();
    let cases: &[(&str, &str)] = &[
        ("a <> 1", "(NOT (a = 1))"),
        ("NOT a = 1 AND b >= 2", "((NOT (a = 1)) AND (b >= 2))"),
        ("-a", "(- a)"),
        ("a IS NULL OR b IS NOT NULL", "((a IS NULL) OR (b IS NOT NULL))"),
        ("a IN (1, 2)", "(a IN (1, 2))"),
        ("a BETWEEN 1 AND 2", "between(a, 1, 2)"),
        ("CAST(a + 1 AS BIGINT)", "CAST((a + 1) AS BIGINT)"),
        ("CAST(t.a AS DOUBLE)", "a"),
        ("count(DISTINCT a)", "count(DISTINCT a)"),
        ("sum(a) FILTER (WHERE b > 1)", "sum(a) FILTER (WHERE (b > 1))"),
        ("sqrt(x)", "SQRT(x)"),
        ("round(x)", "round(x, 0)"),
        ("s || 'y'", "concat(s, y)"),
        ("coalesce(t.s, 'none')", "coalesce(s, none)"),
        ("if(a > 1, 'x', 'y')", "(IF((a > 1), x, y))"),
        ("DATE '2024-01-31'", "DATE '2024-01-31'"),
        ("1.50", "1.50"),
        ("true", "true"),
        ("(SELECT 1)", "scalarsubquery()"),
        (
            "sum(a) OVER (PARTITION BY s ORDER BY b)",
            "sum(a) OVER (PARTITION BY s ORDER BY b ASC NULLS FIRST RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)",
        ),
        (
            "row_number() OVER (ORDER BY b DESC)",
            "row_number() OVER (ORDER BY b DESC NULLS LAST ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)",
        ),
        (
            "lag(a) OVER (ORDER BY b)",
            "lag(a, 1, NULL) OVER (ORDER BY b ASC NULLS FIRST ROWS BETWEEN -1 FOLLOWING AND -1 FOLLOWING)",
        ),
    ];
    let mut wrong = vec![];
    for (text, name) in cases {
        let found = match common::resolved(&t, &format!("SELECT {text} FROM t")).await {
            Ok(resolved) => resolved.columns[0].name.clone(),
            Err(e) => e.to_string(),
        };
        if found != *name {
            wrong.push(format!("{text}\n  found {found}\n  not   {name}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
