//! Derives Spark's names of columns without an alias: `(a + 1)`, `count(1)`, `CAST(a AS STRING)`.
//!
//! Names are derived from the unresolved expression; only the resolver knows which part of a name is a qualifier,
//! so it passes the number of parts to leave out.

use crate::naming_table::{shown_args, shown_name};
use thalweg_sql::ir::{
    CASE_OF, EvalMode, Expr, ExprNode, FrameBound, FunctionCall, Literal, SortOrder, SubqueryKind,
    WindowCall, WindowFrame,
};
use thalweg_values::display;

/// The number of parts of an attribute's name that are its qualifier; none for a function without parentheses.
type QualifierLen<'a> = &'a dyn Fn(&[String], Option<i64>) -> Option<usize>;

/// Returns the name of a column of this expression.
pub(crate) fn name_of(expr: &Expr, qualifier: QualifierLen) -> String {
    let name = |e: &Expr| name_of(e, qualifier);
    match &expr.node {
        ExprNode::Literal(literal) => literal_name(literal),
        ExprNode::Attribute { name: parts, plan_id } => match qualifier(parts, *plan_id) {
            Some(skipped) => parts.get(skipped..).unwrap_or_default().join("."),
            None => name(&Expr::call(parts.last().map_or("", String::as_str), vec![])),
        },
        ExprNode::Star { target: None, .. } => "*".to_owned(),
        ExprNode::Star { target: Some(target), .. } => format!("{}.*", target.join(".")),
        ExprNode::Regex { pattern, .. } => pattern.clone(),
        ExprNode::Function(call) => function_name(call, qualifier),
        ExprNode::Window(call) => window_name(call, qualifier),
        ExprNode::Cast { expr, to, mode } => {
            let cast = if *mode == EvalMode::Ansi { "CAST" } else { "TRY_CAST" };
            format!("{cast}({} AS {})", name(expr), to.sql())
        }
        ExprNode::Alias { expr, names, .. } => format!("{} AS {}", name(expr), names.join(", ")),
        ExprNode::NamedArgument { name: n, value } => format!("{n} => {}", name(value)),
        ExprNode::Lambda { parameters, body } => {
            format!("lambdafunction({}, {})", name(body), parameters.join(", "))
        }
        ExprNode::LambdaVariable(_) => "namedlambdavariable()".to_owned(),
        ExprNode::Extract { child, extraction } => match &extraction.node {
            ExprNode::Literal(Literal::String(field)) if !is_call(child) => {
                format!("{}.{field}", name(child))
            }
            _ => format!("{}[{}]", name(child), name(extraction)),
        },
        ExprNode::UpdateField { child, field, .. } => format!("update_fields({}, {field})", name(child)),
        ExprNode::Subquery { kind, .. } | ExprNode::SubqueryReference { kind, .. } => match kind {
            SubqueryKind::Scalar => "scalarsubquery()".to_owned(),
            SubqueryKind::Exists => "exists()".to_owned(),
            SubqueryKind::In { values } => {
                format!("({} IN (listquery()))", values.iter().map(name).collect::<Vec<_>>().join(", "))
            }
        },
        ExprNode::Parameter(p) => p.clone().unwrap_or_else(|| "?".to_owned()),
    }
}

fn is_call(expr: &Expr) -> bool {
    matches!(&expr.node, ExprNode::Function(call) if call.name.last().is_some_and(|n| n.eq_ignore_ascii_case("map")))
}

/// Returns a literal as Spark shows it in a name: strings without quotes, dates and times with their type.
pub(crate) fn literal_name(literal: &Literal) -> String {
    match literal {
        Literal::Null(_) => "NULL".to_owned(),
        Literal::Boolean(v) => v.to_string(),
        Literal::Byte(v) => v.to_string(),
        Literal::Short(v) => v.to_string(),
        Literal::Integer(v) => v.to_string(),
        Literal::Long(v) => v.to_string(),
        Literal::Float(v) => shown(&arrow::array::Float32Array::from(vec![*v])),
        Literal::Double(v) => shown(&arrow::array::Float64Array::from(vec![*v])),
        Literal::Decimal { unscaled, scale, .. } => decimal(*unscaled, *scale),
        Literal::String(v) => v.clone(),
        Literal::Binary(v) => format!("X'{}'", v.iter().map(|b| format!("{b:02X}")).collect::<String>()),
        Literal::Date(days) => format!("DATE '{}'", date(*days)),
        Literal::Timestamp(us) => format!("TIMESTAMP '{}'", timestamp(*us)),
        Literal::TimestampText(text) => format!("TIMESTAMP '{text}'"),
        Literal::TimestampNtz(us) => format!("TIMESTAMP_NTZ '{}'", timestamp(*us)),
        Literal::DayTimeInterval { micros, start, end } => display::day_time(*micros, (*start, *end)),
        Literal::YearMonthInterval { months, start, end } => display::year_month(*months, (*start, *end)),
        Literal::CalendarInterval { months, days, micros } => {
            crate::interval::calendar(*months, *days, *micros)
        }
        Literal::Array { values, .. } => {
            format!("ARRAY({})", values.iter().map(literal_name).collect::<Vec<_>>().join(", "))
        }
        Literal::Map { entries, .. } => {
            let entry = |(k, v): &(Literal, Literal)| format!("{}, {}", literal_name(k), literal_name(v));
            format!("MAP({})", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        Literal::Struct { values, .. } => {
            format!("NAMED_STRUCT({})", values.iter().map(literal_name).collect::<Vec<_>>().join(", "))
        }
    }
}

fn shown(array: &dyn arrow::array::Array) -> String {
    display::cell(array, 0, "UTC")
}

fn decimal(unscaled: i128, scale: i8) -> String {
    let digits = unscaled.unsigned_abs().to_string();
    let scale = usize::try_from(scale).unwrap_or(0);
    let sign = if unscaled < 0 { "-" } else { "" };
    // Java writes numbers with more than five leading zeros with an exponent.
    if scale > digits.len() + 5 {
        let (first, rest) = digits.split_at(1);
        let rest = if rest.is_empty() { String::new() } else { format!(".{rest}") };
        return format!("{sign}{first}{rest}E-{}", scale + 1 - digits.len());
    }
    let mut text = String::new();
    display::write_decimal(&mut text, unscaled, i8::try_from(scale).unwrap_or(0));
    text
}

fn date(days: i32) -> String {
    let mut text = String::new();
    display::write_date(&mut text, i64::from(days));
    text
}

fn timestamp(micros: i64) -> String {
    let mut text = String::new();
    display::write_timestamp(&mut text, micros);
    text
}

/// Binary operators, and how Spark writes them.
const INFIX: &[(&str, &str)] = &[
    ("+", "+"),
    ("-", "-"),
    ("*", "*"),
    ("/", "/"),
    ("%", "%"),
    ("div", "div"),
    ("==", "="),
    ("=", "="),
    ("<=>", "<=>"),
    ("<", "<"),
    ("<=", "<="),
    (">", ">"),
    (">=", ">="),
    ("and", "AND"),
    ("&&", "AND"),
    ("or", "OR"),
    ("&", "&"),
    ("|", "|"),
    ("^", "^"),
    ("<<", "<<"),
    (">>", ">>"),
    (">>>", ">>>"),
];

/// Functions that convert to the type of their name.
const CONVERSIONS: &[&str] = &[
    "boolean",
    "tinyint",
    "smallint",
    "int",
    "bigint",
    "float",
    "double",
    "decimal",
    "date",
    "timestamp",
    "binary",
    "string",
];

fn function_name(call: &FunctionCall, qualifier: QualifierLen) -> String {
    let function = call.name.last().map(|n| n.to_lowercase()).unwrap_or_default();
    let args: Vec<String> = call.args.iter().map(|a| argument_name(a, qualifier)).collect();
    if let [left, right] = args.as_slice()
        && let Some((_, shown)) = INFIX.iter().find(|(n, _)| *n == function)
    {
        return format!("({left} {shown} {right})");
    }
    let list = || args.join(", ");
    match (function.as_str(), args.as_slice()) {
        ("!=" | "<>", [left, right]) => format!("(NOT ({left} = {right}))"),
        ("not" | "!", [inner]) => format!("(NOT {inner})"),
        ("-" | "negative", [inner]) if function == "-" || call.args.len() == 1 => format!("(- {inner})"),
        ("+" | "positive", [inner]) => format!("(+ {inner})"),
        ("~", [inner]) => format!("~{inner}"),
        ("||", _) => format!("concat({})", list()),
        // A conversion by a type's name is a cast that Spark does not show.
        (conversion, [inner]) if CONVERSIONS.contains(&conversion) => inner.clone(),
        ("window", [_, _, ..]) => "window".to_owned(),
        ("like", [left, right]) => format!("{left} LIKE {right}"),
        ("like", [left, right, escape]) => format!("{left} LIKE {right} ESCAPE '{escape}'"),
        ("extract" | "datepart", [field, from]) => format!("{function}({field} FROM {from})"),
        ("trim", [what, from]) => format!("TRIM(BOTH {what} FROM {from})"),
        ("ltrim", [what, from]) => format!("TRIM(LEADING {what} FROM {from})"),
        ("rtrim", [what, from]) => format!("TRIM(TRAILING {what} FROM {from})"),
        // The name of a map is that of its entries.
        ("from_json", [_, schema, ..]) if schema.trim_start().to_lowercase().starts_with("map<") => {
            "entries".to_owned()
        }
        ("from_json", [text, _, ..]) => format!("from_json({text})"),
        ("isnull", [inner]) => format!("({inner} IS NULL)"),
        ("isnotnull", [inner]) => format!("({inner} IS NOT NULL)"),
        ("in", [value, rest @ ..]) => format!("({value} IN ({}))", rest.join(", ")),
        ("if", [condition, then, otherwise]) => format!("(IF({condition}, {then}, {otherwise}))"),
        ("when" | "case", parts) => case_name(parts),
        (CASE_OF, [operand, parts @ ..]) => {
            let mut conditions = parts.to_vec();
            for pair in conditions.chunks_exact_mut(2) {
                if let [value, _] = pair {
                    *value = format!("({operand} = {value})");
                }
            }
            case_name(&conditions)
        }
        ("count", [star]) if star == "*" && !call.distinct => clauses("count(1)".to_owned(), call, qualifier),
        (
            "current_date" | "current_timestamp" | "current_time" | "current_user" | "current_catalog"
            | "current_schema",
            [],
        ) => {
            format!("{function}()")
        }
        ("user" | "session_user", []) => "current_user()".to_owned(),
        _ => {
            let distinct = if call.distinct { "DISTINCT " } else { "" };
            let shown = shown_name(&function, args.len());
            let args = shown_args(&function, args).join(", ");
            clauses(format!("{shown}({distinct}{args})"), call, qualifier)
        }
    }
}

fn argument_name(arg: &Expr, qualifier: QualifierLen) -> String {
    name_of(arg, qualifier)
}

/// Appends `WITHIN GROUP`, `FILTER` and the null treatment to a call.
fn clauses(mut name: String, call: &FunctionCall, qualifier: QualifierLen) -> String {
    if !call.order_within.is_empty() {
        name.push_str(&format!(" WITHIN GROUP (ORDER BY {})", orders(&call.order_within, qualifier)));
    }
    if let Some(filter) = &call.filter {
        name.push_str(&format!(" FILTER (WHERE {})", name_of(filter, qualifier)));
    }
    if call.ignore_nulls == Some(true) {
        name.push_str(" ignore nulls");
    }
    name
}

fn case_name(parts: &[String]) -> String {
    let mut name = "CASE".to_owned();
    for pair in parts.chunks(2) {
        match pair {
            [when, then] => name.push_str(&format!(" WHEN {when} THEN {then}")),
            [otherwise] => name.push_str(&format!(" ELSE {otherwise}")),
            _ => {}
        }
    }
    name + " END"
}

fn orders(order: &[SortOrder], qualifier: QualifierLen) -> String {
    let key = |key: &SortOrder| {
        let direction = if key.descending { "DESC" } else { "ASC" };
        let nulls = if key.nulls_first.unwrap_or(!key.descending) { "FIRST" } else { "LAST" };
        format!("{} {direction} NULLS {nulls}", name_of(&key.expr, qualifier))
    };
    order.iter().map(key).collect::<Vec<_>>().join(", ")
}

fn window_name(call: &WindowCall, qualifier: QualifierLen) -> String {
    let name = |e: &Expr| name_of(e, qualifier);
    let mut parts = vec![];
    if !call.partition.is_empty() {
        parts
            .push(format!("PARTITION BY {}", call.partition.iter().map(name).collect::<Vec<_>>().join(", ")));
    }
    if !call.order.is_empty() {
        parts.push(format!("ORDER BY {}", orders(&call.order, qualifier)));
    }
    let (function, frame) = framed(call, qualifier);
    parts.push(frame);
    format!("{function} OVER ({})", parts.join(" "))
}

/// Returns the function's name and its frame, where the function determines the frame.
fn framed(call: &WindowCall, qualifier: QualifierLen) -> (String, String) {
    let shown = name_of(&call.function, qualifier);
    let function = match &call.function.node {
        ExprNode::Function(f) => f.name.last().map(|n| n.to_lowercase()).unwrap_or_default(),
        _ => String::new(),
    };
    let args = match &call.function.node {
        ExprNode::Function(f) => f.args.iter().map(|a| name_of(a, qualifier)).collect::<Vec<_>>(),
        _ => vec![],
    };
    if let ("lag" | "lead", [value, rest @ ..]) = (function.as_str(), args.as_slice()) {
        let offset = rest.first().cloned().unwrap_or_else(|| "1".to_owned());
        let default = rest.get(1).cloned().unwrap_or_else(|| "NULL".to_owned());
        let sign = if function == "lag" { "-" } else { "" };
        let frame = format!("ROWS BETWEEN {sign}{offset} FOLLOWING AND {sign}{offset} FOLLOWING");
        return (format!("{function}({value}, {offset}, {default})"), frame);
    }
    let ranking =
        matches!(function.as_str(), "row_number" | "rank" | "dense_rank" | "percent_rank" | "ntile");
    let frame = match &call.frame {
        Some(frame) => frame_name(frame, qualifier),
        None if ranking => "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW".to_owned(),
        None if call.order.is_empty() => {
            "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING".to_owned()
        }
        None => "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW".to_owned(),
    };
    let shown = match function.as_str() {
        "rank" | "dense_rank" | "percent_rank" => {
            format!(
                "{}({})",
                function.to_uppercase(),
                call.order.iter().map(|k| name_of(&k.expr, qualifier)).collect::<Vec<_>>().join(", ")
            )
        }
        _ => shown,
    };
    (shown, frame)
}

fn frame_name(frame: &WindowFrame, qualifier: QualifierLen) -> String {
    let bound = |b: &FrameBound| match b {
        FrameBound::CurrentRow => "CURRENT ROW".to_owned(),
        FrameBound::UnboundedPreceding => "UNBOUNDED PRECEDING".to_owned(),
        FrameBound::UnboundedFollowing => "UNBOUNDED FOLLOWING".to_owned(),
        FrameBound::Value(e) => {
            let is_negative = |f: &FunctionCall| {
                f.args.len() == 1 && f.name.last().is_some_and(|n| n == "negative" || n == "-")
            };
            match &e.node {
                ExprNode::Function(f) if is_negative(f) => {
                    let inner = f.args.first().map(|a| name_of(a, qualifier)).unwrap_or_default();
                    format!("{inner} PRECEDING")
                }
                _ => format!("{} FOLLOWING", name_of(e, qualifier)),
            }
        }
    };
    let units = if frame.rows { "ROWS" } else { "RANGE" };
    format!("{units} BETWEEN {} AND {}", bound(&frame.lower), bound(&frame.upper))
}
