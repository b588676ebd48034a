//! Random queries as SQL text over the tables `{t}` and `{u}`.
//!
//! What they ask for has one right answer as a set of rows: aggregates do not depend on the order of rows, LIMIT
//! comes after an order by all columns, and hardly anything can raise.

use crate::table::COLUMNS;
use fastrand::Rng;

/// How deep a predicate or an expression is nested at most.
const DEPTH_MAX: usize = 3;

/// The kinds of values that expressions are generated for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnKind {
    Integer,
    Text,
    Double,
    Decimal,
    Date,
    Time,
    Boolean,
}

const KINDS: [ColumnKind; 7] = [
    ColumnKind::Integer,
    ColumnKind::Text,
    ColumnKind::Double,
    ColumnKind::Decimal,
    ColumnKind::Date,
    ColumnKind::Time,
    ColumnKind::Boolean,
];

impl ColumnKind {
    fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Integer => &["a", "b"],
            Self::Text => &["c"],
            Self::Double => &["d"],
            Self::Decimal => &["e"],
            Self::Date => &["f"],
            Self::Time => &["g"],
            Self::Boolean => &["h"],
        }
    }

    fn literals(self) -> &'static [&'static str] {
        match self {
            Self::Integer => &["0", "1", "2", "-1", "5", "1000000000000L", "NULL"],
            Self::Text => &["''", "'a'", "'b'", "'é'", "concat(repeat('k', 80), 'x')", "NULL"],
            Self::Double => &["0D", "-1.5D", "100.75D", "double('NaN')", "NULL"],
            Self::Decimal => &["1.25BD", "0.1BD", "99999999.99BD", "NULL"],
            Self::Date => &["DATE'2024-02-29'", "DATE'1969-12-31'", "NULL"],
            Self::Time => &["TIMESTAMP'2024-03-10 10:00:00Z'", "NULL"],
            Self::Boolean => &["true", "false", "NULL"],
        }
    }
}

/// Makes queries from a seeded source of chance.
pub(crate) struct Generator<'r> {
    random: &'r mut Rng,
    /// Whether predicates may hold `IN (subquery)`.
    memberships: bool,
}

impl<'r> Generator<'r> {
    pub(crate) fn new(random: &'r mut Rng) -> Self {
        Self { random, memberships: true }
    }

    /// One of these.
    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.random.usize(0..from.len())]
    }

    /// True once in `n` times.
    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.random.usize(0..n) == 0
    }

    /// A query.
    pub(crate) fn query(&mut self) -> String {
        match self.random.usize(0..12) {
            10 | 11 => self.bounds(),
            0 => self.plain(),
            1 | 2 => self.totals(),
            3 | 4 => self.grouped(),
            5 => self.joined(),
            6 => self.set_operation(),
            7 => self.limited(),
            8 => self.windowed(),
            _ => self.nested(),
        }
    }

    /// A query, and the three that together have its rows: where a predicate is true, false and null.
    ///
    /// The predicate holds no `IN (subquery)`: in Spark that is never null but at the top of a WHERE, so the parts
    /// would not be the whole.
    pub(crate) fn partitioned(&mut self) -> (String, [String; 3]) {
        let (list, from, sides): (String, String, &[&str]) = match self.one_in(3) {
            true => ("x.a, x.c, y.b, y.d, y.f".to_owned(), self.join(), &["x.", "y."]),
            false => (self.list(&[""], 3), "{t}".to_owned(), &[""]),
        };
        let whole = format!("SELECT {list} FROM {from}");
        self.memberships = false;
        let predicate = self.predicate(sides, DEPTH_MAX);
        self.memberships = true;
        let parts = [
            format!("{whole} WHERE {predicate}"),
            format!("{whole} WHERE NOT ({predicate})"),
            format!("{whole} WHERE ({predicate}) IS NULL"),
        ];
        (whole, parts)
    }

    fn plain(&mut self) -> String {
        let distinct = if self.one_in(3) { "DISTINCT " } else { "" };
        let list = self.list(&[""], 4);
        format!("SELECT {distinct}{list} FROM {{t}}{}", self.clause("WHERE", &[""]))
    }

    fn totals(&mut self) -> String {
        let aggregates = self.aggregates(&[""]);
        let having = if self.one_in(5) { " HAVING count(*) > 2" } else { "" };
        format!("SELECT {aggregates} FROM {{t}}{}{having}", self.clause("WHERE", &[""]))
    }

    /// The least and the greatest of whole columns, which a scan may derive from statistics, or prune for.
    fn bounds(&mut self) -> String {
        let mut calls = vec![];
        for _ in 0..self.random.usize(1..=2) {
            let column = self.pick(COLUMNS.iter().map(|c| c.name).collect::<Vec<_>>().as_slice());
            calls.push(format!("min({column}), max({column})"));
        }
        format!("SELECT {} FROM {{t}}", calls.join(", "))
    }

    fn grouped(&mut self) -> String {
        let keys: Vec<String> = (0..self.random.usize(1..=2)).map(|_| self.any(&[""], 2).0).collect();
        let aggregates = self.aggregates(&[""]);
        let filter = self.clause("WHERE", &[""]);
        let having = if self.one_in(4) { " HAVING count(*) > 1 OR min(a) IS NULL" } else { "" };
        let keys = keys.join(", ");
        let group = match self.random.usize(0..6) {
            0 => format!("ROLLUP ({keys})"),
            1 => format!("CUBE ({keys})"),
            _ => keys.clone(),
        };
        format!("SELECT {keys}, {aggregates} FROM {{t}}{filter} GROUP BY {group}{having}")
    }

    /// A join of both tables, as `x` and `y`.
    fn join(&mut self) -> String {
        let kind = self.pick(&["INNER", "LEFT", "RIGHT", "FULL"]);
        let key = self.pick(&["a", "b", "c", "d", "e", "f", "g", "h"]);
        let operator = self.pick(&["=", "=", "=", "<=>", "<"]);
        let also = match self.one_in(3) {
            true => format!(" AND {}", self.predicate(&["x.", "y."], 1)),
            false => String::new(),
        };
        format!("{{t}} x {kind} JOIN {{u}} y ON x.{key} {operator} y.{key}{also}")
    }

    fn joined(&mut self) -> String {
        let from = self.join();
        let filter = self.clause("WHERE", &["x.", "y."]);
        match self.random.usize(0..4) {
            0 => format!("SELECT {} FROM {from}{filter}", self.aggregates(&["x.", "y."])),
            1 => {
                let kind = self.pick(&["LEFT SEMI", "LEFT ANTI"]);
                let key = self.pick(&["a", "b", "c", "d", "e"]);
                format!(
                    "SELECT x.* FROM {{t}} x {kind} JOIN {{u}} y ON x.{key} = y.{key}{}",
                    self.clause("WHERE", &["x."])
                )
            }
            _ => format!("SELECT {} FROM {from}{filter}", self.list(&["x.", "y."], 4)),
        }
    }

    fn set_operation(&mut self) -> String {
        let columns = self.pick(&["a, c", "d", "b, h", "e, f", "g", "c", "a, b, c, d, e, f, g, h"]);
        let operation =
            self.pick(&["UNION ALL", "UNION", "INTERSECT", "INTERSECT ALL", "EXCEPT", "EXCEPT ALL"]);
        format!(
            "SELECT {columns} FROM {{t}}{} {operation} SELECT {columns} FROM {{u}}{}",
            self.clause("WHERE", &[""]),
            self.clause("WHERE", &[""])
        )
    }

    /// An order over all columns, so that which rows a limit keeps is the same in each layout.
    fn limited(&mut self) -> String {
        let mut columns: Vec<&str> = COLUMNS.iter().map(|c| c.name).collect();
        self.random.shuffle(&mut columns);
        let mut order = vec![];
        for column in columns {
            let direction = self.pick(&["", " DESC", " ASC NULLS LAST", " DESC NULLS FIRST"]);
            order.push(format!("{column}{direction}"));
        }
        let limit = self.random.usize(0..8);
        let offset =
            if self.one_in(3) { format!(" OFFSET {}", self.random.usize(0..4)) } else { String::new() };
        let filter = self.clause("WHERE", &[""]);
        let query =
            format!("SELECT * FROM {{t}}{filter} ORDER BY {} LIMIT {limit}{offset}", order.join(", "));
        match self.one_in(3) {
            true => format!("SELECT {} FROM ({query})", self.aggregates(&[""])),
            false => query,
        }
    }

    fn windowed(&mut self) -> String {
        let call = self.pick(&[
            "rank()",
            "dense_rank()",
            "count(*)",
            "sum(a)",
            "min(c)",
            "max(d)",
            "min(f)",
            "max(g)",
            "avg(b)",
            "percent_rank()",
            "cume_dist()",
            "bool_or(h)",
        ]);
        let partition = match self.one_in(3) {
            true => String::new(),
            false => format!("PARTITION BY {} ", self.any(&[""], 1).0),
        };
        let order = self.pick(&["a", "b DESC", "c", "d", "e DESC NULLS LAST", "f, h"]);
        let call = format!("{call} OVER ({partition}ORDER BY {order})");
        let list = self.list(&[""], 2);
        format!("SELECT {list}, {call} AS w FROM {{t}}{}", self.clause("WHERE", &[""]))
    }

    fn nested(&mut self) -> String {
        match self.random.usize(0..4) {
            0 => format!(
                "SELECT a, c, (SELECT {} FROM {{u}} y WHERE y.b = x.b) AS s FROM {{t}} x{}",
                self.pick(&["count(*)", "max(y.a)", "sum(y.a) + 1", "min(y.c)"]),
                self.clause("WHERE", &["x."])
            ),
            1 => {
                let (inner, outer) = (self.clause("WHERE", &[""]), self.clause("WHERE", &[""]));
                format!("SELECT {} FROM (SELECT * FROM {{t}}{inner}){outer}", self.aggregates(&[""]))
            }
            2 => format!(
                "WITH g AS (SELECT b, count(*) AS n, max(a) AS m FROM {{t}} GROUP BY b) \
                 SELECT x.b, n, m, y.c FROM g x LEFT JOIN {{u}} y ON x.b = y.b{}",
                self.pick(&["", " WHERE n > 1", " WHERE m IS NULL OR y.c = 'a'"])
            ),
            _ => {
                let filter = self.clause("WHERE", &[""]);
                format!(
                    "SELECT n, count(*) FROM (SELECT c, count(*) AS n FROM {{t}}{filter} GROUP BY c) GROUP BY n"
                )
            }
        }
    }

    /// A clause with a predicate, or nothing.
    pub(crate) fn clause(&mut self, word: &str, sides: &[&str]) -> String {
        match self.one_in(3) {
            true => String::new(),
            false => format!(" {word} {}", self.predicate(sides, DEPTH_MAX)),
        }
    }

    fn list(&mut self, sides: &[&str], most: usize) -> String {
        let items: Vec<String> =
            (0..self.random.usize(1..=most)).map(|i| format!("{} AS o{i}", self.any(sides, 2).0)).collect();
        items.join(", ")
    }

    fn aggregates(&mut self, sides: &[&str]) -> String {
        let calls: Vec<String> = (0..self.random.usize(1..=4)).map(|_| self.aggregate(sides)).collect();
        calls.join(", ")
    }

    fn aggregate(&mut self, sides: &[&str]) -> String {
        let filter = match self.one_in(6) {
            true => format!(" FILTER ({})", self.clause("WHERE", sides).trim_start()),
            false => String::new(),
        };
        let filter = filter.replace(" FILTER ()", "");
        let call = match self.random.usize(0..9) {
            0 => "count(*)".to_owned(),
            1 => format!("count({})", self.any(sides, 1).0),
            2 => format!("count(DISTINCT {})", self.any(sides, 1).0),
            3 => format!("sum({})", self.of(ColumnKind::Integer, sides, 1)),
            4 => format!("avg({})", self.of(ColumnKind::Integer, sides, 0)),
            5 | 6 => {
                // Both bounds of one column: what a shared bound gets wrong shows in the other.
                let of = self.any(sides, 1).0;
                return format!("min({of}){filter}, max({of}){filter}");
            }
            7 => format!("array_sort(collect_set({}))", self.of(ColumnKind::Text, sides, 0)),
            _ => format!("bool_and({})", self.of(ColumnKind::Boolean, sides, 1)),
        };
        match call.starts_with("array_sort") {
            true => call,
            false => format!("{call}{filter}"),
        }
    }

    /// An expression of any kind.
    fn any(&mut self, sides: &[&str], depth: usize) -> (String, ColumnKind) {
        let kind = self.pick(&KINDS);
        (self.of(kind, sides, depth), kind)
    }

    fn column(&mut self, kind: ColumnKind, sides: &[&str]) -> String {
        let (side, column) = (self.pick(sides), self.pick(kind.columns()));
        format!("{side}{column}")
    }

    /// An expression of a kind.
    pub(crate) fn of(&mut self, kind: ColumnKind, sides: &[&str], depth: usize) -> String {
        if depth == 0 || self.one_in(2) {
            return self.column(kind, sides);
        }
        let depth = depth - 1;
        if self.one_in(3) {
            let (left, right) = (self.of(kind, sides, depth), self.of(kind, sides, depth));
            return match self.random.usize(0..4) {
                0 => format!("coalesce({left}, {right})"),
                1 => format!("nullif({left}, {right})"),
                2 => format!("greatest({left}, {right})"),
                _ => format!("CASE WHEN {} THEN {left} ELSE {right} END", self.predicate(sides, depth)),
            };
        }
        let inner = self.of(kind, sides, depth);
        match kind {
            ColumnKind::Integer => match self.random.usize(0..3) {
                0 => format!("{inner} % 3"),
                1 => format!("length({})", self.of(ColumnKind::Text, sides, depth)),
                _ => format!("CAST({inner} AS DECIMAL(20,0)) + 1"),
            },
            ColumnKind::Text => match self.random.usize(0..3) {
                0 => format!("upper({inner})"),
                1 => format!("concat({inner}, 'x')"),
                _ => format!("CAST({} AS STRING)", self.of(ColumnKind::Integer, sides, depth)),
            },
            ColumnKind::Double => self.pick_text(&["{} * 2", "-{}", "abs({})"], &inner),
            ColumnKind::Decimal => self.pick_text(&["{} + 1", "-{}", "round({}, 1)"], &inner),
            ColumnKind::Date => self.pick_text(&["date_add({}, 1)", "last_day({})"], &inner),
            ColumnKind::Time => self.pick_text(&["date_trunc('DAY', {})", "{} + INTERVAL '1' HOUR"], &inner),
            ColumnKind::Boolean => self.predicate(sides, depth),
        }
    }

    fn pick_text(&mut self, from: &[&str], inner: &str) -> String {
        self.pick(from).replace("{}", &format!("({inner})"))
    }

    fn predicate(&mut self, sides: &[&str], depth: usize) -> String {
        if depth > 0 && !self.one_in(3) {
            let (left, right) = (self.predicate(sides, depth - 1), self.predicate(sides, depth - 1));
            return match self.random.usize(0..5) {
                0 | 1 => format!("({left} AND {right})"),
                2 | 3 => format!("({left} OR {right})"),
                _ => format!("NOT ({left})"),
            };
        }
        if depth > 0 && self.one_in(5) {
            return self.membership(sides);
        }
        let (value, kind) = self.any(sides, depth.min(1));
        let literal = self.pick(kind.literals());
        match self.random.usize(0..9) {
            0 => format!("({value}) IS NULL"),
            1 => format!("({value}) IS NOT NULL"),
            2 => {
                let other = self.pick(kind.literals());
                let not = self.pick(&["", "NOT "]);
                format!("({value}) {not}IN ({literal}, {other})")
            }
            3 => format!("({value}) BETWEEN {literal} AND {}", self.pick(kind.literals())),
            4 => format!("({value}) <=> {literal}"),
            5 if kind == ColumnKind::Text => format!("({value}) LIKE '%a%'"),
            6 => format!("({value}) {} ({})", self.pick(&["=", "<", "<>", ">="]), self.of(kind, sides, 0)),
            _ => format!("({value}) {} {literal}", self.pick(&["=", "<", "<=", ">", ">=", "<>"])),
        }
    }

    /// A predicate with a subquery.
    fn membership(&mut self, sides: &[&str]) -> String {
        let side = self.pick(sides);
        let outer = if side.is_empty() { "" } else { side };
        let key = self.pick(&["a", "b", "c", "e", "h"]);
        let not = self.pick(&["", "NOT "]);
        match self.random.usize(0..3) {
            0 if self.memberships => format!("{outer}{key} {not}IN (SELECT {key} FROM {{u}} WHERE b > 0)"),
            0 | 1 => format!("{not}EXISTS (SELECT 1 FROM {{u}} z WHERE z.{key} > 0 AND z.b = 1)")
                .replace(&format!("z.{key} > 0"), &format!("z.{key} IS NOT NULL")),
            _ => format!("{outer}a > (SELECT min(a) FROM {{u}})"),
        }
    }
}
