//! Long chains of projections, which the resolver makes one node of, and the same rows without that node.
//!
//! A step adds a column that is computed from the one before, replaces that column, or adds columns beside it. Below
//! a chain, above it and between two of them are filters, aggregates, windows, generators and sorts. The chain in parts
//! has a filter that keeps all rows between every few steps: no part is long enough for the node.

use crate::query::{ColumnKind, Generator};
use std::ops::Range;

/// The numbers of steps of a chain. Steps whose columns are used once merge with others, so there are more of them than
/// a node needs.
const STEPS: Range<usize> = 18..24;
/// The number of steps of a part.
const PART: usize = 6;
/// A filter that keeps all rows.
const KEEPS_ALL: &str = "SELECT * FROM {in} WHERE a IS NULL OR a IS NOT NULL";

/// The same query with a whole chain and with its parts.
pub(crate) struct Chain {
    pub whole: String,
    pub parts: String,
}

/// A query over the columns so far: `{in}` stands for the query before it.
enum Step {
    Projection(String),
    Other(String),
}

/// The columns of the query so far.
struct Columns {
    names: Vec<String>,
    /// The column that the next step is computed from.
    last: String,
}

/// Returns a random chain.
pub(crate) fn chain(generator: &mut Generator<'_>) -> Chain {
    let base = base(generator);
    let names = ["a", "b", "c"].map(str::to_owned).to_vec();
    let mut columns = Columns { names, last: "a".to_owned() };
    let mut steps = projections(generator, &mut columns);
    if generator.one_in(3) {
        steps.push(Step::Other(between(generator, &mut columns)));
        steps.extend(projections(generator, &mut columns));
    }
    let top = top(generator, &columns);
    Chain { whole: text(&base, &steps, &top, usize::MAX), parts: text(&base, &steps, &top, PART) }
}

/// Writes the steps as common table expressions, with a filter after every `part` projections.
fn text(base: &str, steps: &[Step], top: &str, part: usize) -> String {
    let mut queries = vec![base.to_owned()];
    let mut add = |query: &str| {
        let before = format!("s{}", queries.len() - 1);
        queries.push(query.replace("{in}", &before));
    };
    let mut length = 0;
    for step in steps {
        match step {
            Step::Projection(query) => {
                if length == part {
                    add(KEEPS_ALL);
                    length = 0;
                }
                add(query);
                length += 1;
            }
            Step::Other(query) => {
                add(query);
                length = 0;
            }
        }
    }
    let last = format!("s{}", queries.len() - 1);
    let named: Vec<_> = queries.iter().enumerate().map(|(i, query)| format!("s{i} AS ({query})")).collect();
    format!("WITH {} {}", named.join(", "), top.replace("{in}", &last))
}

/// The rows below, with the columns `a`, `b` and `c`.
fn base(generator: &mut Generator<'_>) -> String {
    let filter = generator.clause("WHERE", &[""]);
    match generator.pick(&[0, 0, 1, 2, 3, 4]) {
        0 => format!("SELECT a, b, c FROM {{t}}{filter}"),
        1 => {
            format!("SELECT CAST(b AS BIGINT) AS a, count(*) AS b, min(c) AS c FROM {{t}}{filter} GROUP BY b")
        }
        2 => format!("SELECT a, b, c FROM {{t}}{filter} ORDER BY a, b, c LIMIT 9"),
        3 => format!("SELECT a, b, explode(array(c, upper(c))) AS c FROM {{t}}{filter}"),
        _ => format!("SELECT a, count(*) OVER (PARTITION BY b) AS b, c FROM {{t}}{filter}"),
    }
}

fn projections(generator: &mut Generator<'_>, columns: &mut Columns) -> Vec<Step> {
    let count = STEPS.start + generator.pick(&[0, 1, 2, 3, 4, 5]) % STEPS.len();
    (0..count).map(|_| Step::Projection(projection(generator, columns))).collect()
}

/// A step: all columns so far, the dependent one new or replaced, and perhaps some beside it.
fn projection(generator: &mut Generator<'_>, columns: &mut Columns) -> String {
    let number = columns.names.len();
    let dependent = dependent(generator, columns);
    let mut list: Vec<(String, String)> =
        columns.names.iter().map(|name| (name.clone(), name.clone())).collect();
    // `a` stays: the filters that keep all rows read it.
    if columns.last != "a" && generator.one_in(3) {
        let replaced = list.iter_mut().filter(|(_, name)| *name == columns.last);
        replaced.for_each(|(expr, _)| expr.clone_from(&dependent));
    } else {
        columns.last = format!("p{number}");
        list.push((dependent.clone(), columns.last.clone()));
    }
    if generator.one_in(4) {
        list.push((dependent, format!("same{number}")));
    }
    if generator.one_in(4) {
        list.push(("a % 5 + b % 3".to_owned(), format!("beside{number}")));
    }
    if generator.one_in(4) {
        let expr = generator.of(ColumnKind::Text, &[""], 1);
        let replaced = list.iter_mut().filter(|(_, name)| name == "c" && is_over_abc(&expr));
        replaced.for_each(|(c, _)| *c = format!("concat(left(c, 2), {expr})"));
    }
    columns.names = list.iter().map(|(_, name)| name.clone()).collect();
    let list: Vec<_> = list.iter().map(|(expr, name)| format!("{expr} AS {name}")).collect();
    format!("SELECT {} FROM {{in}}", list.join(", "))
}

/// Whether an expression names no column but `a`, `b` and `c`: others are not in the query so far.
fn is_over_abc(expr: &str) -> bool {
    let words = expr.split(|c: char| !c.is_alphanumeric() && c != '_');
    !words.into_iter().any(|word| ["d", "e", "f", "g", "h", "SELECT"].contains(&word))
}

/// An expression that uses the last column more than once, so that the step does not merge with the one before.
fn dependent(generator: &mut Generator<'_>, columns: &Columns) -> String {
    let expr = generator.pick(&[
        "{x} % 7 + {x} % 3",
        "CASE WHEN {x} > 1 THEN {x} - 1 ELSE {x} % 5 + 2 END",
        "coalesce({x}, 3) + {x} % 2",
        "CASE WHEN {x} <> 0 THEN 100 DIV {x} + {x} % 4 ELSE {x} END",
        "greatest({x}, b % 5) - {x} % 2",
        "if({x} IS NULL, b, {x} % 9 + {x} % 4)",
        "length(concat(c, CAST({x} AS STRING))) + {x} % 3",
    ]);
    expr.replace("{x}", &columns.last)
}

/// What separates two chains.
fn between(generator: &mut Generator<'_>, columns: &mut Columns) -> String {
    let last = columns.last.clone();
    let mut added = |name: &str| {
        columns.names.push(name.to_owned());
        columns.last = name.to_owned();
    };
    match generator.pick(&[0, 1, 2]) {
        0 => format!("SELECT * FROM {{in}} WHERE {last} IS NOT NULL AND {last} % 2 = 0"),
        1 => {
            added("element");
            format!("SELECT *, explode(array({last}, b, NULL)) AS element FROM {{in}}")
        }
        _ => {
            added("sum_of_b");
            format!("SELECT *, sum({last} % 100) OVER (PARTITION BY b) AS sum_of_b FROM {{in}}")
        }
    }
}

/// What reads the last step.
fn top(generator: &mut Generator<'_>, columns: &Columns) -> String {
    let (last, all) = (&columns.last, columns.names.join(", "));
    let names: Vec<&str> = columns.names.iter().map(String::as_str).collect();
    let other = generator.pick(&names);
    match generator.pick(&[0, 0, 1, 2, 3, 4]) {
        0 => format!("SELECT {all} FROM {{in}}"),
        1 => format!("SELECT {other}, {last} FROM {{in}} WHERE {last} > 1 OR {other} IS NULL"),
        2 => format!("SELECT count(*), sum({last} % 1000), min({other}), max({other}) FROM {{in}}"),
        3 => format!("SELECT {other}, count(*), max({last}) FROM {{in}} GROUP BY {other}"),
        _ => format!("SELECT {all} FROM {{in}} ORDER BY {all} LIMIT 5"),
    }
}
