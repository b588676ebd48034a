//! Errors: Spark's class, SQLSTATE, parameters and the place in the text.
use super::common::{resolved, tables};

#[tokio::test]
async fn what_does_not_fit_is_refused_as_spark_refuses_it() {
    let t = tables();
    let cases: &[(&str, &str, &str, &str)] = &[
        ("SELECT aa FROM t", "UNRESOLVED_COLUMN.WITH_SUGGESTION", "42703", "aa"),
        ("SELECT 1 + aa", "UNRESOLVED_COLUMN.WITHOUT_SUGGESTION", "42703", "aa"),
        ("SELECT a FROM t JOIN u ON t.a = u.k", "AMBIGUOUS_REFERENCE", "42704", "a"),
        ("SELECT a, count(*) FROM t", "MISSING_GROUP_BY", "42803", ""),
        ("SELECT b, count(*) FROM t GROUP BY a", "MISSING_AGGREGATION", "42803", ""),
        ("SELECT 1 FROM t GROUP BY sum(a)", "GROUP_BY_AGGREGATE", "42903", "sum(a)"),
        ("SELECT a FROM t WHERE sum(a) > 1", "INVALID_WHERE_CONDITION", "42903", "sum(a)"),
        ("SELECT a FROM t WHERE s", "DATATYPE_MISMATCH.FILTER_NOT_BOOLEAN", "42K09", "s"),
        ("SELECT a, b FROM t UNION SELECT k FROM u", "NUM_COLUMNS_MISMATCH", "42826", ""),
        ("SELECT a FROM t ORDER BY 7", "ORDER_BY_POS_OUT_OF_RANGE", "42805", "7"),
        ("SELECT a FROM t GROUP BY 3", "GROUP_BY_POS_OUT_OF_RANGE", "42805", "3"),
        ("SELECT no_such(a) FROM t", "UNRESOLVED_ROUTINE", "42883", "no_such(a)"),
        ("SELECT * FROM nowhere", "TABLE_OR_VIEW_NOT_FOUND", "42P01", "nowhere"),
        ("SELECT * FROM t JOIN u USING (zz)", "UNRESOLVED_USING_COLUMN_FOR_JOIN", "42703", ""),
        ("SELECT row_number() FROM t", "WINDOW_FUNCTION_WITHOUT_OVER_CLAUSE", "42601", "row_number()"),
        (
            "SELECT explode(DISTINCT array(1))",
            "INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX",
            "42000",
            "explode(DISTINCT array(1))",
        ),
        ("SELECT sum(max(a)) FROM t", "NESTED_AGGREGATE_FUNCTION", "42607", "max(a)"),
    ];
    let mut wrong = vec![];
    for (text, class, sqlstate, fragment) in cases {
        let error = match resolved(&t, text).await {
            Err(error) => error,
            Ok(resolved) => panic!("{text}: {}", resolved.plan.display_indent()),
        };
        let place = error.position().map_or("", |p| p.fragment.as_str());
        let expected = (*class, *sqlstate);
        if (error.class(), error.sqlstate()) != expected || (!fragment.is_empty() && place != *fragment) {
            wrong.push(format!("{text}\n  {error}\n  at {place:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn suggestions_are_backquoted_and_nearest_first() {
    let t = tables();
    let of = async |text: &str| {
        let error = resolved(&t, text).await.unwrap_err();
        let get = |name: &str| error.parameters().get(name).cloned().unwrap_or_default();
        (get("objectName"), get("proposal"))
    };
    assert_eq!(of("SELECT aa FROM t").await, ("`aa`".into(), "`a`, `b`, `s`, `x`".into()));
    assert_eq!(of("SELECT t.zz FROM t JOIN u ON t.a = u.k").await.0, "`t`.`zz`");
}
