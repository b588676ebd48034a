//! A short text of an IR tree, so that a test states the tree on one line.
//!
//! Origins are left out; every other field that is set shows.

use std::fmt::Debug;
use thalweg_sql::ir::*;

fn list<T>(items: &[T], show: impl Fn(&T) -> String) -> String {
    items.iter().map(show).collect::<Vec<_>>().join(", ")
}

fn exprs(items: &[Expr]) -> String {
    list(items, expr)
}

fn debug(value: impl Debug) -> String {
    format!("{value:?}").to_lowercase()
}

pub(crate) fn literal(value: &Literal) -> String {
    match value {
        Literal::Null(t) => {
            if t.simple_string() == "void" {
                "null".to_owned()
            } else {
                format!("null:{t}")
            }
        }
        Literal::Boolean(b) => b.to_string(),
        Literal::Byte(n) => format!("{n}Y"),
        Literal::Short(n) => format!("{n}S"),
        Literal::Integer(n) => n.to_string(),
        Literal::Long(n) => format!("{n}L"),
        Literal::Float(n) => format!("{n:?}F"),
        Literal::Double(n) => format!("{n:?}D"),
        Literal::Decimal { unscaled, precision, scale } => format!("{unscaled}:dec({precision},{scale})"),
        Literal::String(s) => format!("{s:?}"),
        Literal::Binary(b) => format!("x{b:?}"),
        Literal::Date(d) => format!("date({d})"),
        Literal::Timestamp(t) => format!("timestamp({t})"),
        Literal::TimestampNtz(t) => format!("ntz({t})"),
        Literal::TimestampText(t) => format!("timestamp({t})"),
        Literal::DayTimeInterval { micros, start, end } => format!("time({micros},{start}-{end})"),
        Literal::YearMonthInterval { months, start, end } => format!("months({months},{start}-{end})"),
        other => format!("{other:?}"),
    }
}

fn order(key: &SortOrder) -> String {
    let direction = if key.descending { " desc" } else { "" };
    let nulls = match key.nulls_first {
        Some(true) => " nulls first",
        Some(false) => " nulls last",
        None => "",
    };
    format!("{}{direction}{nulls}", expr(&key.expr))
}

fn call(f: &FunctionCall) -> String {
    let distinct = if f.distinct { "distinct " } else { "" };
    let mut text = format!("{}({distinct}{})", f.name.join("."), exprs(&f.args));
    if !f.order_within.is_empty() {
        text += &format!(" within({})", list(&f.order_within, order));
    }
    if let Some(filter) = &f.filter {
        text += &format!(" filter({})", expr(filter));
    }
    match f.ignore_nulls {
        Some(true) => text + " ignore nulls",
        Some(false) => text + " respect nulls",
        None => text,
    }
}

fn bound(b: &FrameBound) -> String {
    match b {
        FrameBound::CurrentRow => "current".to_owned(),
        FrameBound::UnboundedPreceding => "-inf".to_owned(),
        FrameBound::UnboundedFollowing => "inf".to_owned(),
        FrameBound::Value(e) => expr(e),
    }
}

fn window(w: &WindowCall) -> String {
    let mut text = format!("{} over(", expr(&w.function));
    let mut parts = vec![];
    if !w.partition.is_empty() {
        parts.push(format!("by {}", exprs(&w.partition)));
    }
    if !w.order.is_empty() {
        parts.push(format!("order {}", list(&w.order, order)));
    }
    if let Some(f) = &w.frame {
        let unit = if f.rows { "rows" } else { "range" };
        parts.push(format!("{unit} {}..{}", bound(&f.lower), bound(&f.upper)));
    }
    text += &parts.join("; ");
    text + ")"
}

pub(crate) fn expr(e: &Expr) -> String {
    match &e.node {
        ExprNode::Literal(l) => literal(l),
        ExprNode::Attribute { name, .. } => name.join("."),
        ExprNode::Star { target, except, .. } => {
            let target = target.as_ref().map_or(String::new(), |t| format!("{}.", t.join(".")));
            let except = if except.is_empty() {
                String::new()
            } else {
                format!(" except({})", list(except, |n| n.join(".")))
            };
            format!("{target}*{except}")
        }
        ExprNode::Function(f) => call(f),
        ExprNode::Window(w) => window(w),
        ExprNode::Cast { expr: e, to, mode } => {
            let name = if *mode == EvalMode::Try { "try_cast" } else { "cast" };
            format!("{name}({} as {to})", expr(e))
        }
        ExprNode::Alias { expr: e, names, .. } => format!("{} as {}", expr(e), names.join("/")),
        ExprNode::NamedArgument { name, value } => format!("{name} => {}", expr(value)),
        ExprNode::Lambda { parameters, body } => format!("({}) -> {}", parameters.join(", "), expr(body)),
        ExprNode::LambdaVariable(name) => format!("${name}"),
        ExprNode::Extract { child, extraction } => format!("{}[{}]", expr(child), expr(extraction)),
        ExprNode::Subquery { kind, relation: r } => match kind {
            SubqueryKind::Scalar => format!("scalar{{{}}}", relation(r)),
            SubqueryKind::Exists => format!("exists{{{}}}", relation(r)),
            SubqueryKind::In { values } => format!("in{{{}; {}}}", exprs(values), relation(r)),
        },
        ExprNode::Parameter(ParameterMarker::Named(name)) => format!(":{name}"),
        ExprNode::Parameter(ParameterMarker::Positional(number)) => format!("?{number}"),
        other => format!("{other:?}"),
    }
}

fn options(o: &Options) -> String {
    list(o, |(k, v)| format!("{k}={v}"))
}

fn join(j: &Join) -> String {
    let mut text = format!("{} {}", relation(&j.left), debug(j.kind));
    for (flag, word) in [(j.natural, " natural"), (j.lateral, " lateral")] {
        text += if flag { word } else { "" };
    }
    text += &format!(" {}", relation(&j.right));
    if let Some(c) = &j.condition {
        text += &format!(" on {}", expr(c));
    }
    if !j.using.is_empty() {
        text += &format!(" using {}", j.using.join(", "));
    }
    format!("({text})")
}

fn aggregate(a: &Aggregate) -> String {
    let kind = match &a.kind {
        GroupKind::Sets(sets) => format!("sets[{}]", list(sets, |s| format!("({})", exprs(s)))),
        other => debug(other),
    };
    format!("aggregate[{kind}: {}][{}] < {}", exprs(&a.grouping), exprs(&a.aggregates), relation(&a.input))
}

fn set(s: &SetOperation) -> String {
    let all = if s.all { " all" } else { "" };
    let name = if s.by_name { " by name" } else { "" };
    format!("({} {}{all}{name} {})", relation(&s.left), debug(s.kind), relation(&s.right))
}

fn source(s: &DataSource) -> String {
    let stream = if s.streaming { "stream " } else { "" };
    let schema = s.schema.as_ref().map_or(String::new(), |s| format!(" ({})", s.ddl()));
    let format = s.format.as_deref().unwrap_or("?");
    format!("{stream}{format}{schema}[{}]{:?}", options(&s.options), s.paths)
}

fn leaf(r: &RelationNode) -> String {
    match r {
        RelationNode::Table { name, options: o, streaming } => {
            let stream = if *streaming { "stream " } else { "" };
            let with = if o.is_empty() { String::new() } else { format!(" with({})", options(o)) };
            format!("{stream}{}{with}", name.join("."))
        }
        RelationNode::DataSource(s) => source(s),
        RelationNode::Values { rows } => format!("values[{}]", list(rows, |row| format!("({})", exprs(row)))),
        RelationNode::OneRow => "one".to_owned(),
        RelationNode::TableFunction { name, args } => format!("{}({})!", name.join("."), exprs(args)),
        other => format!("{other:?}"),
    }
}

pub(crate) fn relation(r: &Relation) -> String {
    let (head, input) = match &r.node {
        RelationNode::Project { input, exprs: e } => (format!("project[{}]", exprs(e)), input),
        RelationNode::Filter { input, condition } => (format!("filter[{}]", expr(condition)), input),
        RelationNode::Having { input, condition } => (format!("having[{}]", expr(condition)), input),
        RelationNode::Qualify { input, condition } => (format!("qualify[{}]", expr(condition)), input),
        RelationNode::Sort { input, order: o, global } => {
            (format!("sort{}[{}]", if *global { "" } else { " within" }, list(o, order)), input)
        }
        RelationNode::Limit { input, limit } => (format!("limit[{}]", expr(limit)), input),
        RelationNode::Offset { input, offset } => (format!("offset[{}]", expr(offset)), input),
        RelationNode::Deduplicate { input, .. } => ("distinct".to_owned(), input),
        RelationNode::Alias { input, alias, columns } => (
            if columns.is_empty() {
                format!("as {alias}")
            } else {
                format!("as {alias}({})", columns.join(", "))
            },
            input,
        ),
        RelationNode::Hint { input, name, args } => (format!("hint {name}({})", exprs(args)), input),
        RelationNode::Repartition { input, exprs: e, .. } => (format!("repartition[{}]", exprs(e)), input),
        RelationNode::Sample { input, lower, upper, seed, .. } => {
            (format!("sample[{lower}..{upper} {seed:?}]"), input)
        }
        RelationNode::WithWatermark { input, event_time, delay } => {
            (format!("watermark[{} {delay}]", expr(event_time)), input)
        }
        RelationNode::LateralView(LateralView { input, generator, outer, alias, columns }) => {
            let outer = if *outer { " outer" } else { "" };
            (
                format!(
                    "view{outer}[{} {} ({})]",
                    expr(generator),
                    alias.as_deref().unwrap_or("-"),
                    columns.join(", ")
                ),
                input,
            )
        }
        RelationNode::With { ctes, recursive, input } => {
            let cte = |c: &Cte| {
                let columns =
                    if c.columns.is_empty() { String::new() } else { format!("({})", c.columns.join(", ")) };
                format!("{}{columns}: {}", c.name, relation(&c.query))
            };
            (format!("with{}[{}]", if *recursive { " recursive" } else { "" }, list(ctes, cte)), input)
        }
        RelationNode::Unpivot(u) => {
            let values = u.values.as_deref().map_or(String::new(), exprs);
            (
                format!("unpivot[{}; {values}; {}, {}]", exprs(&u.ids), u.variable_column, u.value_column),
                &u.input,
            )
        }
        RelationNode::Aggregate(a) => return aggregate(a),
        RelationNode::Join(j) => return join(j),
        RelationNode::SetOperation(s) => return set(s),
        other => return leaf(other),
    };
    format!("{head} < {}", relation(input))
}
