//! Tests that an expression that can raise is never evaluated on a row that something before it excludes.
use super::common;
use super::common::{Tables, answer, check, ints, tables, texts};

/// `d(a, b, s)`: dividing by `b` and casting `s` fails on some rows; `e(k, z)`.
fn risky() -> Tables {
    let mut tables = tables();
    tables.add_columns(
        "d",
        vec![
            ("a", ints(&[Some(8), Some(9), Some(10), None]), true),
            ("b", ints(&[Some(2), Some(0), None, Some(0)]), true),
            ("s", texts(&[Some("4"), Some("no"), Some("5"), Some("bad")]), true),
            ("c", ints(&[Some(1), Some(2), Some(3), Some(4)]), true),
        ],
    );
    tables.add_columns(
        "e",
        vec![("k", ints(&[Some(8), Some(9)]), true), ("z", ints(&[Some(1), Some(0)]), true)],
    );
    tables
}

#[tokio::test]
async fn a_guard_before_an_expression_that_raises_keeps_it_from_the_excluded_rows() {
    let t = risky();
    let cases: &[(&str, &str)] = &[
        ("SELECT c FROM d WHERE b <> 0 AND a / b > 2", "1"),
        ("SELECT c FROM d WHERE b <> 0 AND a / b > 2 AND c < 9", "1"),
        ("SELECT c FROM (SELECT * FROM d WHERE b <> 0) WHERE a / b > 2", "1"),
        ("SELECT c, q FROM (SELECT c, a / b AS q FROM d WHERE b <> 0) WHERE q > 2", "1,4.0"),
        ("SELECT a / b FROM d WHERE b <> 0", "4.0"),
        ("SELECT a / b, b FROM d WHERE b <> 0", "4.0,2"),
        ("SELECT a div b AS q, b FROM d WHERE b <> 0 ORDER BY q", "4,2"),
        ("SELECT CASE WHEN b <> 0 THEN a / b END FROM d WHERE c < 3", "4.0 | NULL"),
        ("SELECT CASE WHEN b <> 0 THEN a / b > 2 ELSE false END FROM d WHERE c < 3", "false | true"),
        ("SELECT c FROM d WHERE CASE WHEN b <> 0 THEN a / b > 2 ELSE false END", "1"),
        ("SELECT c FROM d WHERE CASE WHEN b <> 0 THEN a / b ELSE 0 END > 2", "1"),
        ("SELECT c FROM d WHERE if(b = 0 OR b IS NULL, 0, a / b) > 2", "1"),
        ("SELECT c FROM d WHERE b = 0 OR a / b > 2", "1 | 2 | 4"),
        ("SELECT b = 0 OR a / b > 2 FROM d WHERE c < 3", "true | true"),
        ("SELECT b <> 0 AND a / b > 2 FROM d WHERE c < 3", "false | true"),
        ("SELECT c FROM d WHERE c IN (1, 3) AND CAST(s AS INT) > 3", "1 | 3"),
        ("SELECT c FROM d WHERE s NOT IN ('no', 'bad') AND CAST(s AS INT) > 3", "1 | 3"),
        ("SELECT coalesce(c, CAST(s AS INT)) FROM d WHERE c > 2", "3 | 4"),
        ("SELECT c FROM d WHERE c < 3 AND coalesce(c = 2, CAST(s AS INT) > 1)", "2"),
        ("SELECT k FROM e JOIN d ON k = a AND z <> 0 AND c / z > 0", "8"),
        ("SELECT k, c FROM e LEFT JOIN d ON k = a AND b <> 0 AND a / b > 2", "8,1 | 9,NULL"),
        (
            "SELECT k, c FROM e LEFT JOIN (SELECT * FROM d WHERE b <> 0) d ON k = a AND a / b > 2",
            "8,1 | 9,NULL",
        ),
        ("SELECT k FROM e JOIN d ON k = a WHERE z <> 0 AND c / z > 0", "8"),
        ("SELECT k FROM (SELECT * FROM e WHERE z <> 0) e JOIN d ON k = a WHERE c / z > 0", "8"),
        ("SELECT sum(a / b) FILTER (WHERE b <> 0) FROM d", "4.0"),
        ("SELECT b, count(*) FROM d WHERE b <> 0 GROUP BY b HAVING 4 / b > 1", "2,1"),
        ("SELECT a / b AS q, count(*) FROM d WHERE b <> 0 GROUP BY a / b HAVING q > 1", "4.0,1"),
        (
            "SELECT c FROM d WHERE b <> 0 AND a / b > 2 UNION ALL SELECT z FROM e WHERE z <> 0 AND 1 / z > 0",
            "1 | 1",
        ),
        (
            "SELECT c FROM (SELECT c, a, b FROM d WHERE b <> 0 UNION ALL SELECT z, z, 1 FROM e) WHERE a / b > 2",
            "1",
        ),
    ];
    let mut wrong = vec![];
    for (text, rows) in cases {
        let (_, found) = answer(&t, text).await;
        if &found != rows {
            let plan = match common::resolved(&t, text).await {
                Ok(resolved) => common::explained(&resolved.plan).await,
                Err(e) => e.to_string(),
            };
            wrong.push(format!("{text}\n  found {found}\n  not {rows}\n{plan}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[tokio::test]
async fn what_no_guard_excludes_raises_sparks_error() {
    let t = risky();
    let cases: &[(&str, &str)] = &[
        ("SELECT a / b FROM d", "DIVIDE_BY_ZERO"),
        ("SELECT c FROM d WHERE a / b > 2", "DIVIDE_BY_ZERO"),
        ("SELECT CAST(s AS INT) FROM d", "CAST_INVALID_INPUT"),
        ("SELECT 1 / 0", "DIVIDE_BY_ZERO"),
        ("SELECT 2147483647 + 1", "ARITHMETIC_OVERFLOW"),
        ("SELECT c FROM d WHERE b = 0 AND a / b > 2", "DIVIDE_BY_ZERO"),
    ];
    for (text, class) in cases {
        let (_, found) = answer(&t, text).await;
        assert_eq!(&found, class, "{text}");
    }
}

#[tokio::test]
async fn constants_that_raise_only_where_they_are_reached_do_not_fail_the_query() {
    let t = risky();
    check(&t, "SELECT CASE WHEN c = 0 THEN 1 / 0 ELSE c END AS v FROM d WHERE c = 1", "v DOUBLE", "1.0")
        .await;
}
