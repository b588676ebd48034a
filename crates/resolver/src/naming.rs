//! Derives Spark's names of columns without an alias: `(a + 1)`, `count(1)`, `CAST(a AS STRING)`.
//!
//! Names are derived from the unresolved expression; only the resolver knows which part of a name is a qualifier,
//! so it passes the number of parts to leave out.

use thalweg_functions::{
    AggregateForm, Display, DisplayForm, FunctionRegistry, Kind, NullClause, WindowForm,
};
use thalweg_sql::ir::{
    EvalMode, Expr, ExprNode, FrameBound, FunctionCall, Literal, ParameterMarker, SortOrder, SubqueryKind,
    WindowCall, WindowFrame,
};
use thalweg_values::display;

/// How many parts of an attribute's name are its qualifier; none for a function that is called without parentheses.
type QualifierLen<'a> = &'a dyn Fn(&[String], Option<i64>) -> Option<usize>;

/// What a name depends on beside the expression.
#[derive(Clone, Copy)]
pub(crate) struct Naming<'a> {
    pub(crate) qualifier: QualifierLen<'a>,
    /// Whether an expression is a map.
    pub(crate) is_map: &'a dyn Fn(&Expr) -> bool,
    /// The value of an expression that is a constant integer.
    pub(crate) integer: &'a dyn Fn(&Expr) -> Option<i64>,
    pub(crate) functions: &'a FunctionRegistry,
}

impl Naming<'_> {
    fn kind_of(&self, call: &FunctionCall) -> Option<Kind> {
        Some(self.functions.find_qualified(&call.name)?.entry().kind())
    }

    fn null_clause(&self, call: &FunctionCall) -> NullClause {
        let found = self.functions.find_qualified(&call.name);
        found.map_or(NullClause::Refused, |function| function.entry().null_clause())
    }

    /// The name that a call is written with; with `IGNORE NULLS` or `RESPECT NULLS` the function's own, as in Spark.
    fn written_name(&self, call: &FunctionCall) -> String {
        if call.ignore_nulls.is_some()
            && self.null_clause(call) != NullClause::Refused
            && let Some(function) = self.functions.find_qualified(&call.name)
        {
            return function.entry().first_name().to_owned();
        }
        call.name.last().map(|n| n.to_lowercase()).unwrap_or_default()
    }

    fn display(&self, call: &FunctionCall) -> Option<Display> {
        self.functions.find_qualified(&call.name).map(|function| function.entry().shown_as())
    }
}

/// The name of a column that holds this expression.
pub(crate) fn name_of(expr: &Expr, naming: Naming) -> String {
    let name = |e: &Expr| name_of(e, naming);
    match &expr.node {
        ExprNode::Literal(literal) => literal_name(literal),
        ExprNode::Attribute { name: parts, plan_id } => match (naming.qualifier)(parts, *plan_id) {
            Some(skipped) => parts.get(skipped..).unwrap_or_default().join("."),
            None => name(&Expr::call(parts.last().map_or("", String::as_str), vec![])),
        },
        ExprNode::Star { target: None, .. } => "*".to_owned(),
        ExprNode::Star { target: Some(target), .. } => format!("{}.*", target.join(".")),
        ExprNode::Regex { pattern, .. } => pattern.clone(),
        ExprNode::Function(call) => function_name(call, naming),
        ExprNode::Window(call) => window_name(call, naming),
        ExprNode::Cast { expr, to, mode } => {
            let cast = if *mode == EvalMode::Ansi { "CAST" } else { "TRY_CAST" };
            format!("{cast}({} AS {})", name(expr), to.sql())
        }
        ExprNode::Alias { expr, names, .. } => format!("{} AS {}", name(expr), names.join(", ")),
        ExprNode::NamedArgument { name: n, value } => format!("{n} => {}", name(value)),
        ExprNode::Lambda { parameters, body } => {
            // Spark shows the variables of a lambda without their names.
            let parameters = vec!["namedlambdavariable()"; parameters.len()];
            format!("lambdafunction({}, {})", name(body), parameters.join(", "))
        }
        ExprNode::LambdaVariable(_) => "namedlambdavariable()".to_owned(),
        ExprNode::Extract { child, extraction } => match &extraction.node {
            // A field of a struct and a key of a map are written alike, but Spark shows them differently.
            ExprNode::Literal(Literal::String(field)) if !(naming.is_map)(child) => {
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
        ExprNode::Parameter(ParameterMarker::Named(name)) => name.clone(),
        ExprNode::Parameter(ParameterMarker::Positional(_)) => "?".to_owned(),
    }
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
            format!("INTERVAL '{}'", display::calendar(*months, *days, *micros))
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
    let mut text = String::new();
    display::write_decimal_with_exponent(&mut text, unscaled, scale);
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

fn function_name(call: &FunctionCall, naming: Naming) -> String {
    let function = naming.written_name(call);
    let args: Vec<String> = call.args.iter().map(|a| name_of(a, naming)).collect();
    let display = naming.display(call);
    let form = display.map_or(DisplayForm::Call, |display| display.form_for(&function));
    if let Some(shown) = in_form(form, &function, &args) {
        return shown;
    }
    if let (DisplayForm::Count, [star], false) = (form, args.as_slice(), call.distinct)
        && star == "*"
    {
        return clauses("count(1)".to_owned(), call, naming);
    }
    let distinct = if call.distinct { "DISTINCT " } else { "" };
    let (shown, args) = match display {
        Some(display) => (display.shown_name(&function, args.len()), display.shown_args(args)),
        None => (function, args),
    };
    clauses(format!("{shown}({distinct}{})", args.join(", ")), call, naming)
}

/// The longest text of a CASE's operand that is shown with each condition. Where operands are such CASEs themselves, the
/// name would otherwise grow exponentially with their depth.
const OPERAND_SHOWN_MAX: usize = 10_000;

/// A call in a syntax of its own, if it has the arguments for it.
fn in_form(form: DisplayForm, function: &str, args: &[String]) -> Option<String> {
    use DisplayForm as F;
    Some(match (form, args) {
        (F::Infix(symbol) | F::Sign(symbol), [left, right]) => format!("({left} {symbol} {right})"),
        (F::Sign(symbol) | F::Prefix(symbol), [inner]) => format!("({symbol} {inner})"),
        (F::BarePrefix(symbol), [inner]) => format!("{symbol}{inner}"),
        (F::NotEqual, [left, right]) => format!("(NOT ({left} = {right}))"),
        (F::Argument, [inner]) => inner.clone(),
        (F::OfOne(text), [inner]) => text.replace("{}", inner),
        (F::Window, [_, _, ..]) => "window".to_owned(),
        (F::Like, [left, right]) => format!("{left} LIKE {right}"),
        (F::Like, [left, right, escape]) => format!("{left} LIKE {right} ESCAPE '{escape}'"),
        (F::From, [field, from]) => format!("{function}({field} FROM {from})"),
        (F::Trim(side), [what, from]) => format!("TRIM({side} {what} FROM {from})"),
        // A map has no name but that of its entries.
        (F::FromJson, [_, schema, ..]) if schema.trim_start().to_lowercase().starts_with("map<") => {
            "entries".to_owned()
        }
        (F::FromJson, [text, _, ..]) => format!("from_json({text})"),
        (F::Is(what), [inner]) => format!("({inner} IS {what})"),
        (F::In, [value, rest @ ..]) => format!("({value} IN ({}))", rest.join(", ")),
        (F::If, [condition, then, otherwise]) => format!("(IF({condition}, {then}, {otherwise}))"),
        (F::Case, parts) => case_name(parts),
        (F::CaseOf, [operand, parts @ ..]) => {
            let operand = if operand.len() > OPERAND_SHOWN_MAX { "…" } else { operand };
            let mut conditions = parts.to_vec();
            for pair in conditions.chunks_exact_mut(2) {
                if let [value, _] = pair {
                    *value = format!("({operand} = {value})");
                }
            }
            case_name(&conditions)
        }
        (
            F::Call
            | F::Count
            | F::Infix(_)
            | F::Sign(_)
            | F::Prefix(_)
            | F::BarePrefix(_)
            | F::NotEqual
            | F::Argument
            | F::OfOne(_)
            | F::Window
            | F::Like
            | F::From
            | F::Trim(_)
            | F::FromJson
            | F::Is(_)
            | F::In
            | F::If
            | F::CaseOf,
            _,
        ) => return None,
    })
}

/// `WITHIN GROUP`, `FILTER` and null treatment after a call.
fn clauses(mut name: String, call: &FunctionCall, naming: Naming) -> String {
    let third_is_true =
        || matches!(call.args.get(2).map(|a| &a.node), Some(ExprNode::Literal(Literal::Boolean(true))));
    match (naming.null_clause(call), call.ignore_nulls) {
        (NullClause::ShownIfIgnored, ignore) if ignore == Some(true) || third_is_true() => {
            name.push_str(" ignore nulls");
        }
        (NullClause::ShownIfRespected, Some(false)) => name.push_str(" RESPECT NULLS"),
        (
            NullClause::Refused
            | NullClause::Hidden
            | NullClause::ShownIfIgnored
            | NullClause::ShownIfRespected,
            _,
        ) => {}
    }
    if !call.order_within.is_empty() {
        let order = match naming.kind_of(call) {
            // Spark shows such a key without the place of nulls, and its direction only if it falls.
            Some(Kind::Aggregate(AggregateForm::InverseDistribution)) => {
                let key = |key: &SortOrder| {
                    let direction = if key.descending { " DESC" } else { "" };
                    name_of(&key.expr, naming) + direction
                };
                call.order_within.iter().map(key).collect::<Vec<_>>().join(", ")
            }
            _ => orders(&call.order_within, naming),
        };
        name.push_str(&format!(" WITHIN GROUP (ORDER BY {order})"));
    }
    if let Some(filter) = &call.filter {
        name.push_str(&format!(" FILTER (WHERE {})", name_of(filter, naming)));
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

fn orders(order: &[SortOrder], naming: Naming) -> String {
    let key = |key: &SortOrder| {
        let direction = if key.descending { "DESC" } else { "ASC" };
        let nulls = if key.nulls_first.unwrap_or(!key.descending) { "FIRST" } else { "LAST" };
        format!("{} {direction} NULLS {nulls}", name_of(&key.expr, naming))
    };
    order.iter().map(key).collect::<Vec<_>>().join(", ")
}

fn window_name(call: &WindowCall, naming: Naming) -> String {
    let name = |e: &Expr| name_of(e, naming);
    let mut parts = vec![];
    if !call.partition.is_empty() {
        parts
            .push(format!("PARTITION BY {}", call.partition.iter().map(name).collect::<Vec<_>>().join(", ")));
    }
    if !call.order.is_empty() {
        parts.push(format!("ORDER BY {}", orders(&call.order, naming)));
    }
    let (function, frame) = framed(call, naming);
    parts.push(frame);
    format!("{function} OVER ({})", parts.join(" "))
}

/// The function's name and its frame, where the function decides the frame.
fn framed(call: &WindowCall, naming: Naming) -> (String, String) {
    let frame = |rows: bool| match &call.frame {
        Some(frame) => frame_name(frame, naming),
        None if rows => "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW".to_owned(),
        None if call.order.is_empty() => {
            "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING".to_owned()
        }
        None => "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW".to_owned(),
    };
    let shown = || name_of(&call.function, naming);
    let ExprNode::Function(function) = &call.function.node else { return (shown(), frame(false)) };
    let name = function.name.last().map(|n| n.to_lowercase()).unwrap_or_default();
    let Some(Kind::Window(form)) = naming.kind_of(function) else { return (shown(), frame(false)) };
    match form {
        WindowForm::Lag | WindowForm::Lead => {
            neighbour(function, form, naming).unwrap_or_else(|| (shown(), frame(false)))
        }
        WindowForm::Number => (shown(), frame(true)),
        WindowForm::Rank => (format!("{}()", name.to_uppercase()), frame(true)),
        WindowForm::Frame => (shown(), frame(false)),
    }
}

/// The name and frame of a function of a row that is some places away.
fn neighbour(function: &FunctionCall, form: WindowForm, naming: Naming) -> Option<(String, String)> {
    let args: Vec<_> = function.args.iter().map(|a| name_of(a, naming)).collect();
    let [value, rest @ ..] = args.as_slice() else { return None };
    let name = function.name.last()?.to_lowercase();
    let offset = rest.first().map_or("1", String::as_str);
    let default = rest.get(1).map_or("NULL", String::as_str);
    // Spark shows `lag` with a frame that follows by a negative offset, which it computes if it is a constant.
    let follows = match (form, function.args.get(1)) {
        (WindowForm::Lag, None) => "-1".to_owned(),
        (WindowForm::Lag, Some(given)) => match (naming.integer)(given) {
            Some(value) => value.wrapping_neg().to_string(),
            None => format!("(- {offset})"),
        },
        _ => offset.to_owned(),
    };
    let frame = format!("ROWS BETWEEN {follows} FOLLOWING AND {follows} FOLLOWING");
    Some((format!("{name}({value}, {offset}, {default})"), frame))
}

/// Returns a frame as it is shown in names: `ROWS BETWEEN 1 PRECEDING AND CURRENT ROW`.
pub(crate) fn frame_name(frame: &WindowFrame, naming: Naming) -> String {
    let bound = |b: &FrameBound| match b {
        FrameBound::CurrentRow => "CURRENT ROW".to_owned(),
        FrameBound::UnboundedPreceding => "UNBOUNDED PRECEDING".to_owned(),
        FrameBound::UnboundedFollowing => "UNBOUNDED FOLLOWING".to_owned(),
        FrameBound::Value(e) => {
            let is_negative = |f: &FunctionCall| {
                let form = f.name.last().and_then(|n| Some(naming.display(f)?.form_for(n)));
                f.args.len() == 1 && matches!(form, Some(DisplayForm::Prefix("-") | DisplayForm::Sign("-")))
            };
            match &e.node {
                ExprNode::Function(f) if is_negative(f) => {
                    let inner = f.args.first().map(|a| name_of(a, naming)).unwrap_or_default();
                    format!("{inner} PRECEDING")
                }
                _ => format!("{} FOLLOWING", name_of(e, naming)),
            }
        }
    };
    let units = if frame.rows { "ROWS" } else { "RANGE" };
    format!("{units} BETWEEN {} AND {}", bound(&frame.lower), bound(&frame.upper))
}
