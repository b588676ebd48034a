//! The queries of `tests/slt/functions/edges` that a function's shapes are made from.
//!
//! Each is `SELECT call FROM VALUES (..), (..) AS t(a, b)` with Spark's answer, and nothing else. What the call is
//! evaluated over can so be replaced by the same rows in another shape.

use crate::names::{collect_sql, files, for_each_child};
use sqllogictest::{DefaultColumnType, QueryExpect, Record, parse_file};
use std::collections::BTreeSet;
use std::path::Path;
use thalweg_functions::{FunctionRegistry, Kind as FunctionKind};
use thalweg_sql::ir::{Child, Expr, ExprNode, Relation, RelationNode, Statement};

/// Names that the resolver knows by itself: they take lambdas or stand for columns of windows.
pub(crate) const RESOLVED: &[&str] = &[
    "aggregate",
    "exists",
    "filter",
    "forall",
    "map_filter",
    "reduce",
    "transform",
    "transform_keys",
    "transform_values",
    "window",
    "window_time",
    "zip_with",
];

/// What a call does with rows, which decides the shapes that it runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Scalar,
    Generator,
    Aggregate,
    Window,
}

/// A call over a table of literals.
pub(crate) struct Query {
    /// The file's name and the call.
    pub place: String,
    /// `SELECT call FROM t`.
    pub over_t: String,
    /// `SELECT * FROM VALUES …`.
    pub values: String,
    /// The literals of the table, by row.
    pub literals: Vec<Vec<Expr>>,
    pub columns: Vec<String>,
    /// Spark's answer: a text for each row, with one blank between the columns.
    pub expected: Vec<String>,
    pub kind: Kind,
    /// The functions that the query counts for, and whether each argument of the call is a column.
    pub names: Vec<(String, bool)>,
}

impl Query {
    /// Whether the answer is the value of one row, and rows differ: those of several partitions have no order.
    pub(crate) fn depends_on_order(&self) -> bool {
        let of_one_row = |(name, _): &(String, bool)| ONE_ROW.contains(&name.as_str());
        self.names.iter().any(of_one_row)
            && !self.over_t.contains("IGNORE NULLS")
            && !self.over_t.contains("true")
    }
}

/// Aggregates that return the value of a row which they choose by its place.
const ONE_ROW: &[&str] = &["any_value", "first", "first_value", "last", "last_value"];

/// Reads all queries of that form.
pub(crate) fn read_all() -> Vec<Query> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/slt/functions/edges");
    let mut paths = vec![];
    files(&folder, "slt", &mut paths);
    paths.sort();
    paths.iter().flat_map(|path| read(path)).collect()
}

fn read(path: &Path) -> Vec<Query> {
    let file = path.file_stem().unwrap().to_string_lossy().into_owned();
    let records = parse_file::<DefaultColumnType>(path).expect("a file that can be parsed");
    let query = |record| match record {
        Record::Query { sql, expected: QueryExpect::Results { results, .. }, .. } => {
            query(&file, &sql, results)
        }
        _ => None,
    };
    records.into_iter().filter_map(query).collect()
}

fn query(file: &str, sql: &str, expected: Vec<String>) -> Option<Query> {
    let (call, values) = sql.strip_prefix("SELECT ")?.split_once(" FROM VALUES ")?;
    let values = format!("SELECT * FROM VALUES {values}");
    let (literals, columns) = table(&values)?;
    let over_t = format!("SELECT {call} FROM t");
    let (kind, names) = names(&over_t);
    let expected = expected.iter().map(|line| plain(line)).collect();
    Some(Query { place: format!("{file}: {call}"), over_t, values, literals, columns, expected, kind, names })
}

/// The literals and the columns of the table, if it is nothing but that.
fn table(values: &str) -> Option<(Vec<Vec<Expr>>, Vec<String>)> {
    let RelationNode::Project { input, .. } = parse(values)?.node else { return None };
    let RelationNode::Alias { input, columns, .. } = input.node else { return None };
    let RelationNode::Values { rows } = input.node else { return None };
    Some((rows, columns))
}

/// The relation of a query.
pub(crate) fn parse(sql: &str) -> Option<Relation> {
    match thalweg_sql::parse_statement(sql) {
        Ok(Statement::Query(relation)) => Some(relation),
        _ => None,
    }
}

/// The text of a row, white space being one blank.
pub(crate) fn plain(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What the call is, and the functions of that kind in it.
fn names(sql: &str) -> (Kind, Vec<(String, bool)>) {
    let mut called = BTreeSet::new();
    collect_sql(sql, &mut called);
    let kind_of = |name: &String| FunctionRegistry::built_in(name).map(|f| f.entry().kind());
    let class = |name: &String| match kind_of(name) {
        Some(FunctionKind::Window(_)) => Kind::Window,
        Some(FunctionKind::Aggregate(_)) => Kind::Aggregate,
        Some(FunctionKind::Generator(_)) => Kind::Generator,
        _ => Kind::Scalar,
    };
    let kind = match () {
        () if sql.contains(" OVER (") => Kind::Window,
        () if called.iter().any(|name| class(name) == Kind::Aggregate) => Kind::Aggregate,
        () if called.iter().any(|name| class(name) == Kind::Generator) => Kind::Generator,
        () => Kind::Scalar,
    };
    let known = |name: &String| kind_of(name).is_some() || RESOLVED.contains(&name.as_str());
    let counted = called.into_iter().filter(|name| known(name) && class(name) == kind);
    // What holds of an aggregate's distinct values has a line of its own.
    let distinct = if sql.contains("(DISTINCT ") { " distinct" } else { "" };
    (kind, counted.map(|name| (format!("{name}{distinct}"), takes_columns(sql, &name))).collect())
}

/// Whether each argument of a call of `name` is a column or a lambda; operators are known to the parser by more names.
fn takes_columns(sql: &str, name: &str) -> bool {
    let is_column = |arg: &Expr| matches!(arg.node, ExprNode::Attribute { .. } | ExprNode::Lambda { .. });
    let (mut found, mut all) = (false, true);
    let relation = parse(sql).expect("a query");
    for_each_child(&relation, &mut |child| {
        if let Child::Expr(Expr { node: ExprNode::Function(call), .. }) = child
            && call.name.last().is_some_and(|n| n.eq_ignore_ascii_case(name))
        {
            found = true;
            all &= !call.args.is_empty() && call.args.iter().all(is_column);
        }
    });
    !found || all
}
