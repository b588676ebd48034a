//! TPC-H's 22 queries parse, each in the shape that its text has.

use thalweg_sql::ir::Statement;
use thalweg_sql::parse;

/// The number of the query, and how many tables and subquery expressions it contains.
const SHAPES: [(&str, usize, usize); 22] = [
    (include_str!("../../../../bench/tpch/q01.sql"), 1, 0),
    (include_str!("../../../../bench/tpch/q02.sql"), 9, 1),
    (include_str!("../../../../bench/tpch/q03.sql"), 3, 0),
    (include_str!("../../../../bench/tpch/q04.sql"), 2, 1),
    (include_str!("../../../../bench/tpch/q05.sql"), 6, 0),
    (include_str!("../../../../bench/tpch/q06.sql"), 1, 0),
    (include_str!("../../../../bench/tpch/q07.sql"), 6, 0),
    (include_str!("../../../../bench/tpch/q08.sql"), 8, 0),
    (include_str!("../../../../bench/tpch/q09.sql"), 6, 0),
    (include_str!("../../../../bench/tpch/q10.sql"), 4, 0),
    (include_str!("../../../../bench/tpch/q11.sql"), 6, 1),
    (include_str!("../../../../bench/tpch/q12.sql"), 2, 0),
    (include_str!("../../../../bench/tpch/q13.sql"), 2, 0),
    (include_str!("../../../../bench/tpch/q14.sql"), 2, 0),
    (include_str!("../../../../bench/tpch/q15.sql"), 4, 1),
    (include_str!("../../../../bench/tpch/q16.sql"), 3, 1),
    (include_str!("../../../../bench/tpch/q17.sql"), 3, 1),
    (include_str!("../../../../bench/tpch/q18.sql"), 4, 1),
    (include_str!("../../../../bench/tpch/q19.sql"), 2, 0),
    (include_str!("../../../../bench/tpch/q20.sql"), 5, 3),
    (include_str!("../../../../bench/tpch/q21.sql"), 6, 2),
    (include_str!("../../../../bench/tpch/q22.sql"), 3, 2),
];

#[test]
fn every_query_parses_with_all_its_tables_and_subqueries() {
    for (text, tables, subqueries) in SHAPES {
        let statements = parse(text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        assert_eq!(statements.len(), 1);
        assert!(matches!(statements[0].statement, Statement::Query(_)));
        let shape = format!("{:?}", statements[0].statement);
        let count = |what: &str| shape.matches(what).count();
        assert_eq!((count("Table {"), count("Subquery {")), (tables, subqueries), "{text}");
    }
}
