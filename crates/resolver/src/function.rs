//! Calls: the connectives with their guards, event-time windows, aggregates, and everything in the registry.

use crate::Resolver;
use crate::errors::analysis;
use crate::expr::placeholder;
use crate::expr_scope::{AggregateFound, ExprScope, GroupingFound, ResolvedExpr, UnnestFound};
use crate::interval_fields;
use arrow::datatypes::DataType as Arrow;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{Case, Sort};
use datafusion::logical_expr::{Expr, lit};
use std::cell::RefCell;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_functions::{AggregateCall, FunctionClass};
use thalweg_sql::ir::{self, ExprNode, FunctionCall};
use thalweg_sql::types::DataType;
use thalweg_values::errors::from_datafusion;
use thalweg_values::types::to_arrow;

impl Resolver<'_> {
    pub(crate) fn function(&self, call: &FunctionCall, env: &ExprScope) -> Result<ResolvedExpr> {
        let name = call_name(call);
        if matches!(
            name.as_str(),
            "and"
                | "&&"
                | "or"
                | "window"
                | "window_time"
                | "grouping"
                | "grouping_id"
                | "struct"
                | "arrays_zip"
                | "from_json"
        ) {
            self.plain(&name, call)?;
        }
        match (name.as_str(), call.args.as_slice()) {
            ("and" | "&&", [left, right]) => {
                self.and(self.boolean(left, "and", env)?, self.boolean(right, "and", env)?)
            }
            ("or", [left, right]) => self.or(self.boolean(left, "or", env)?, self.boolean(right, "or", env)?),
            ("not" | "!", [argument]) => match self.not_over_in(argument, env)? {
                Some(typed) => Ok(typed),
                None => self.registered(&name, call, env),
            },
            // As Spark does, which simplifies this before it looks for subqueries.
            ("=" | "==", [side, other]) | ("=" | "==", [other, side])
                if is_false(other) && self.holds_membership(side)? =>
            {
                let negation = FunctionCall::new("not", vec![side.clone()]);
                self.function(&negation, env)
            }
            ("between", [value, low, high]) => {
                self.plain(&name, call)?;
                self.between(self.expr(value, env)?, self.expr(low, env)?, self.expr(high, env)?)
            }
            (ir::CASE_OF, [value, branches @ ..]) => self.case_of(value, branches, env),
            ("window", [time, rest @ ..]) if !rest.is_empty() => self.event_window(time, rest, env),
            ("window_time", [window]) => {
                let window = self.expr(window, env)?;
                self.window_time(window)
            }
            ("grouping", [_]) | ("grouping_id", _) => self.grouping(&name, call, env),
            ("struct", _) => self.struct_of(call, env),
            ("arrays_zip", _) => self.zip_of(call, env),
            ("from_json", [text, schema, options @ ..]) => self.read_json(text, schema, options, env),
            _ if crate::lambda::takes_lambda(call) => self.higher_order(&name, call, env),
            _ => self.registered(&name, call, env),
        }
    }

    /// `value BETWEEN low AND high`: an upper bound that can raise is looked at only above the lower one.
    fn between(&self, value: ResolvedExpr, low: ResolvedExpr, high: ResolvedExpr) -> Result<ResolvedExpr> {
        if !high.fallible {
            return self.scalar("between", vec![value, low, high]);
        }
        self.once(vec![value, low, high], |args| {
            let [value, low, high] = exactly(args)?;
            let above = self.scalar(">=", vec![value.clone(), low])?;
            self.and(above, self.scalar("<=", vec![value, high])?)
        })
    }

    /// `CASE value WHEN c1 THEN v1 …`: the value is compared in turn, and evaluated once.
    fn case_of(&self, value: &ir::Expr, branches: &[ir::Expr], env: &ExprScope) -> Result<ResolvedExpr> {
        let mut args = vec![self.expr(value, env)?];
        args.extend(self.arguments(branches, env)?);
        self.once(args, |args| {
            let mut args = args.into_iter();
            let Some(value) = args.next() else { return Err(Error::internal("a CASE without a value")) };
            let mut branches = vec![];
            while let Some(first) = args.next() {
                match args.next() {
                    Some(then) => {
                        branches.push(self.scalar("==", vec![value.clone(), first])?);
                        branches.push(then);
                    }
                    None => branches.push(first),
                }
            }
            self.scalar("when", branches)
        })
    }

    fn registered(&self, name: &str, call: &FunctionCall, env: &ExprScope) -> Result<ResolvedExpr> {
        match thalweg_functions::class_of(name) {
            Some(FunctionClass::Aggregate) => self.aggregate_call(name, call, env),
            Some(FunctionClass::Window) => {
                let text = format!("Window function {name} requires an OVER clause.");
                Err(analysis("WINDOW_FUNCTION_WITHOUT_OVER_CLAUSE", "42601", text)
                    .param("funcName", format!("\"{name}\"")))
            }
            Some(FunctionClass::Generator) => Err(analysis(
                "UNSUPPORTED_GENERATOR.NESTED_IN_EXPRESSIONS",
                "42K0E",
                format!("The generator is not supported: nested in expressions \"{name}\"."),
            )
            .param("expression", format!("\"{name}\""))),
            _ => {
                self.plain(name, call)?;
                let args = self.arguments(&call.args, env)?;
                self.scalar(name, args)
            }
        }
    }

    /// A scalar function over resolved arguments.
    pub(crate) fn scalar(&self, name: &str, args: Vec<ResolvedExpr>) -> Result<ResolvedExpr> {
        let args = self.by_fields(name, args)?;
        if let ("typeof", [arg]) = (name, args.as_slice())
            && let Some(spark) = &arg.spark
        {
            return Ok(crate::expr::text(&spark.to_string()));
        }
        self.once(args, |args| {
            let given = args.iter().map(ResolvedExpr::arg).collect();
            let bound = thalweg_functions::bind_scalar(name, given, &self.binding())?;
            let mut typed = self.finished(bound, &args);
            typed.spark = interval_fields::of_call(name, &typed.data_type, &args);
            Ok(typed)
        })
    }

    /// Refuses the clauses that only aggregates have.
    pub(crate) fn plain(&self, name: &str, call: &FunctionCall) -> Result<()> {
        let clause = match call {
            FunctionCall { distinct: true, .. } => "DISTINCT",
            FunctionCall { filter: Some(_), .. } => "FILTER",
            FunctionCall { ignore_nulls: Some(_), .. } => "IGNORE NULLS",
            FunctionCall { order_within, .. } if !order_within.is_empty() => "WITHIN GROUP",
            _ => return Ok(()),
        };
        let text = format!("The function `{name}` does not support {clause}.");
        Err(analysis("INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX", "42000", text)
            .param("prettyName", format!("`{name}`"))
            .param("syntax", clause))
    }

    /// Arguments in order; a star stands for the columns in sight.
    pub(crate) fn arguments(&self, args: &[ir::Expr], env: &ExprScope) -> Result<Vec<ResolvedExpr>> {
        let mut all = vec![];
        for arg in args {
            match &arg.node {
                ExprNode::Star { .. } => {
                    let columns = self.star(arg, env)?;
                    all.extend(columns.iter().map(crate::attribute::value_of));
                }
                _ => all.push(self.expr(arg, env)?),
            }
        }
        Ok(all)
    }

    fn boolean(&self, arg: &ir::Expr, operator: &str, env: &ExprScope) -> Result<ResolvedExpr> {
        let typed = self.expr(arg, env)?;
        match typed.data_type {
            Arrow::Boolean => Ok(typed),
            Arrow::Null => Ok(ResolvedExpr::new(lit(ScalarValue::Boolean(None)), Arrow::Boolean, true)),
            _ => {
                let name = self.name_of(arg, env);
                let text = format!(
                    "Cannot resolve \"{operator}\" due to data type mismatch: The operand \"{name}\" has the type \
                     \"{}\", however \"BOOLEAN\" is required.",
                    typed.type_name()
                );
                let error = analysis("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", "42K09", text)
                    .param("inputSql", format!("\"{name}\""))
                    .param("inputType", format!("\"{}\"", typed.type_name()))
                    .param("requiredType", "\"BOOLEAN\"");
                Err(self.at(error, arg.origin))
            }
        }
    }

    /// `struct(a, b AS x)`: fields are named as columns would be.
    fn struct_of(&self, call: &FunctionCall, env: &ExprScope) -> Result<ResolvedExpr> {
        let mut args = vec![];
        let name_arg = |name: &str| ResolvedExpr::new(lit(name), Arrow::Utf8, false);
        for (i, arg) in call.args.iter().enumerate() {
            if matches!(arg.node, ExprNode::Star { .. }) {
                for column in self.star(arg, env)? {
                    args.push(name_arg(&column.name));
                    args.push(crate::attribute::value_of(&column));
                }
                continue;
            }
            let name = match &arg.node {
                ExprNode::Alias { names, .. } => names.first().cloned().unwrap_or_default(),
                ExprNode::Attribute { name, .. } => name.last().cloned().unwrap_or_default(),
                _ => format!("col{}", i + 1),
            };
            args.push(name_arg(&name));
            args.push(self.expr(arg, env)?);
        }
        self.scalar("named_struct", args)
    }

    /// `arrays_zip(a, b)`: fields are named as the columns that they come from, or by their place.
    fn zip_of(&self, call: &FunctionCall, env: &ExprScope) -> Result<ResolvedExpr> {
        let mut args = vec![];
        for (i, arg) in call.args.iter().enumerate() {
            let name = match &arg.node {
                ExprNode::Alias { names, .. } => names.first().cloned().unwrap_or_default(),
                ExprNode::Attribute { name, .. } => name.last().cloned().unwrap_or_default(),
                _ => i.to_string(),
            };
            args.push(ResolvedExpr::new(lit(name), Arrow::Utf8, false));
            args.push(self.expr(arg, env)?);
        }
        self.scalar("arrays_zip", args)
    }

    /// `from_json(text, schema)`: the function takes the schema as the type of a null.
    fn read_json(
        &self,
        text: &ir::Expr,
        schema: &ir::Expr,
        options: &[ir::Expr],
        env: &ExprScope,
    ) -> Result<ResolvedExpr> {
        let Some(ScalarValue::Utf8(Some(ddl))) = self.constant(schema, env)? else {
            let name = self.name_of(schema, env);
            let text = format!(
                "The input schema \"{name}\" is not a valid schema string. The input expression must be string \
                 literal and not null."
            );
            let error = analysis("INVALID_SCHEMA.NON_STRING_LITERAL", "42K07", text);
            return Err(self.at(error.param("inputSchema", format!("\"{name}\"")), schema.origin));
        };
        let data_type = match ddl.trim_start().starts_with('{') {
            true => thalweg_sql::types::data_type_from_json(&ddl)?,
            false => thalweg_sql::types::parse_type_or_schema(&ddl)?,
        };
        let arrow = to_arrow(&data_type);
        let null = ScalarValue::try_new_null(&arrow).map_err(from_datafusion)?;
        let mut args = vec![self.expr(text, env)?, ResolvedExpr::new(lit(null), arrow, true)];
        args.extend(self.arguments(options, env)?);
        self.scalar("from_json", args)
    }

    fn aggregate_call(&self, name: &str, call: &FunctionCall, env: &ExprScope) -> Result<ResolvedExpr> {
        let Some(calls) = env.calls.filter(|_| env.aggregates) else {
            return Err(self.misplaced_aggregate(name, call, env));
        };
        let (bound, spark) = self.without_aliases(env.inside_aggregate(), AGGREGATE_OF_ALIAS, |env| {
            self.bound_aggregate(name, call, env)
        })?;
        let mut calls = calls.borrow_mut();
        let same = calls
            .aggregates
            .iter()
            .find(|a| a.aggregate == bound.aggregate && a.data_type == bound.data_type)
            .map(|a| a.id.clone());
        let id = same.unwrap_or_else(|| {
            let id = self.new_id();
            calls.aggregates.push(AggregateFound {
                id: id.clone(),
                aggregate: bound.aggregate,
                data_type: bound.data_type.clone(),
                finish: bound.finish,
            });
            id
        });
        Ok(ResolvedExpr { spark, ..placeholder(&id, bound.data_type, bound.nullable) })
    }

    /// What is resolved where the aliases of a select list can't be named by the list itself; where one is, the
    /// error says so, in the words of `what`.
    pub(crate) fn without_aliases<T>(
        &self,
        env: ExprScope,
        what: (&'static str, &'static str),
        resolve: impl Fn(&ExprScope) -> Result<T>,
    ) -> Result<T> {
        let resolved = resolve(&ExprScope { lateral: None, ..env });
        if env.lateral.is_none() || resolved.is_ok() || resolve(&env).is_err() {
            return resolved;
        }
        let (class, place) = what;
        let text = format!("The feature is not supported: Referencing a lateral column alias in {place}.");
        Err(Error::new(ErrorKind::Analysis, class, "0A000", text))
    }

    /// Binds an aggregate call, and returns with it Spark's type where Arrow's does not say it. Where a FILTER leaves rows
    /// out, the arguments are not evaluated on them.
    pub(crate) fn bound_aggregate(
        &self,
        name: &str,
        call: &FunctionCall,
        env: &ExprScope,
    ) -> Result<(thalweg_functions::BoundAggregate, Option<DataType>)> {
        let filter = call.filter.as_deref().map(|f| self.predicate(f, env)).transpose()?;
        if let (Some(ResolvedExpr { volatile: true, .. }), Some(filter)) = (&filter, &call.filter) {
            let shown = self.name_of(filter, env);
            let text = format!(
                "The FILTER expression \"{shown}\" in an aggregate function is invalid. Expected a deterministic FILTER \
                 expression."
            );
            let error = analysis("INVALID_AGGREGATE_FILTER.NON_DETERMINISTIC", "42903", text);
            return Err(self.at(error.param("filterExpr", format!("\"{shown}\"")), filter.origin));
        }
        let args = match call.args.as_slice() {
            [ir::Expr { node: ExprNode::Star { target: None, .. }, .. }]
                if name == "count" && !call.distinct =>
            {
                vec![]
            }
            args => self.arguments(args, env)?,
        };
        if args.iter().any(|a| a.volatile) {
            let shown = self.name_of(&ir::Expr::new(ExprNode::Function(call.clone())), env);
            let text = format!(
                "Non-deterministic expression \"{shown}\" should not appear in the arguments of an aggregate function."
            );
            let class = "AGGREGATE_FUNCTION_WITH_NONDETERMINISTIC_EXPRESSION";
            return Err(analysis(class, "42845", text).param("sqlExpr", format!("\"{shown}\"")));
        }
        let (args, order_within) = match (name, call.order_within.as_slice()) {
            ("percentile_cont" | "percentile_disc", order) => {
                (self.ordered_set(name, order, args, env)?, &[][..])
            }
            (_, order) => (args, order),
        };
        let known = args.clone();
        let args: Vec<_> = match &filter {
            Some(filter) => args.into_iter().map(|a| only_where(&filter.expr, a)).collect(),
            None => args,
        };
        let order_types = order_within.iter().map(|key| Ok(self.expr(&key.expr, env)?.data_type));
        let clauses = AggregateCall {
            distinct: call.distinct,
            filter: filter.map(|f| f.expr),
            order_by: self.orders(order_within, env)?,
            order_types: order_types.collect::<Result<_>>()?,
            ignore_nulls: call.ignore_nulls,
        };
        let given = args.iter().map(ResolvedExpr::arg).collect();
        let bound = thalweg_functions::bind_aggregate(name, given, clauses, &self.binding())?;
        let spark = interval_fields::of_call(name, &bound.data_type, &known);
        Ok((bound, spark))
    }

    /// The arguments of `f(p) WITHIN GROUP (ORDER BY x)`: x, p, and whether the order falls.
    fn ordered_set(
        &self,
        name: &str,
        order: &[ir::SortOrder],
        mut args: Vec<ResolvedExpr>,
        env: &ExprScope,
    ) -> Result<Vec<ResolvedExpr>> {
        let [key] = order else {
            let (class, what) = match order {
                [] => ("INVALID_WITHIN_GROUP_EXPRESSION.WITHIN_GROUP_MISSING", "WITHIN GROUP is required"),
                _ => ("INVALID_WITHIN_GROUP_EXPRESSION.WRONG_NUM_ORDERINGS", "it requires 1 ordering"),
            };
            let text = format!(
                "Invalid function `{name}` with WITHIN GROUP: {what} for inverse distribution function."
            );
            return Err(analysis(class, "42K0K", text).param("funcName", format!("`{name}`")));
        };
        args.insert(0, self.expr(&key.expr, env)?);
        args.push(ResolvedExpr::new(lit(key.descending), Arrow::Boolean, false));
        Ok(args)
    }

    fn misplaced_aggregate(&self, name: &str, call: &FunctionCall, env: &ExprScope) -> Error {
        let shown = self.name_of(&ir::Expr::new(ExprNode::Function(call.clone())), env);
        match env.clause {
            "GROUP BY" => analysis(
                "GROUP_BY_AGGREGATE",
                "42903",
                format!("Aggregate functions are not allowed in GROUP BY, but found {shown}."),
            )
            .param("sqlExpr", shown),
            "filter" => analysis(
                "INVALID_WHERE_CONDITION",
                "42903",
                format!(
                    "The WHERE condition contains invalid expressions: {shown}. Rewrite the query to avoid window \
                     functions, aggregate functions, and generator functions in the WHERE clause."
                ),
            )
            .param("expressionList", shown),
            "aggregate" => analysis(
                "NESTED_AGGREGATE_FUNCTION",
                "42607",
                "It is not allowed to use an aggregate function in the argument of another aggregate function. \
                 Please use the inner aggregate function in a sub-query."
                    .to_owned(),
            ),
            clause => analysis(
                "UNSUPPORTED_EXPR_FOR_OPERATOR",
                "42K0E",
                format!("The aggregate function {name} is not allowed in {clause}: {shown}."),
            )
            .param("invalidExprSqls", shown),
        }
    }

    /// The keys of an ordering, nulls as Spark places them.
    pub(crate) fn orders(&self, order: &[ir::SortOrder], env: &ExprScope) -> Result<Vec<Sort>> {
        order
            .iter()
            .map(|key| {
                let nulls_first = key.nulls_first.unwrap_or(!key.descending);
                Ok(Sort::new(self.expr(&key.expr, env)?.key(), !key.descending, nulls_first))
            })
            .collect()
    }

    fn grouping(&self, name: &str, call: &FunctionCall, env: &ExprScope) -> Result<ResolvedExpr> {
        let Some(calls) = env.calls.filter(|_| env.aggregates) else {
            let text = format!("{name}() can only be used with GroupingSets/Cube/Rollup.");
            return Err(analysis("UNSUPPORTED_GROUPING_EXPRESSION", "42K0E", text));
        };
        let inside = env.inside_aggregate();
        let keys = call.args.iter().map(|a| Ok(self.expr(a, &inside)?.expr)).collect::<Result<Vec<_>>>()?;
        let single = name == "grouping";
        let id = self.new_id();
        let keys = if keys.is_empty() { None } else { Some(keys) };
        calls.borrow_mut().groupings.push(GroupingFound { id: id.clone(), keys, single });
        let data_type = if single { Arrow::Int8 } else { Arrow::Int64 };
        Ok(placeholder(&id, data_type, false))
    }

    /// `window(time, size[, slide[, start]])`: a tumbling window is a value, a sliding one many rows.
    fn event_window(&self, time: &ir::Expr, sizes: &[ir::Expr], env: &ExprScope) -> Result<ResolvedExpr> {
        let time = self.expr(time, &env.inside_aggregate())?;
        let time = match time.data_type {
            Arrow::Timestamp(_, _) => time,
            Arrow::Struct(_) => self.window_time(time)?,
            _ => self.coerced(time, &to_arrow(&DataType::Timestamp))?,
        };
        let sizes = sizes.iter().map(|s| self.interval(s, env)).collect::<Result<Vec<_>>>()?;
        let (size, slide, start) = match sizes.as_slice() {
            [size] => (*size, *size, 0),
            [size, slide] => (*size, *slide, 0),
            [size, slide, start] => (*size, *slide, *start),
            _ => return Err(Error::unsupported("window() with more than four arguments")),
        };
        check_window(size, slide, start)?;
        let Some(calls) = env.calls else {
            return Err(Error::unsupported(format!("window() in {}", env.clause)));
        };
        let event_delay = time.event_delay;
        note_time(calls, &time);
        if size == slide {
            let bound = thalweg_functions::tumbling_window(time.arg(), size, start)?;
            let window = ResolvedExpr::of_bound(bound, &[time]);
            return Ok(ResolvedExpr { nullable: false, event_delay, ..window });
        }
        let bound = thalweg_functions::sliding_windows(time.arg(), size, slide, start)?;
        let mut calls = calls.borrow_mut();
        let same = calls.unnests.iter().find(|u| u.list == bound.expr).map(|u| u.id.clone());
        let id = same.unwrap_or_else(|| {
            let id = self.new_id();
            calls.unnests.push(UnnestFound { id: id.clone(), list: bound.expr, event_delay });
            id
        });
        let window = placeholder(&id, thalweg_functions::window_struct_type(), false);
        Ok(ResolvedExpr { event_delay, ..window })
    }

    /// The last instant of a window: an event time where the window is one.
    fn window_time(&self, window: ResolvedExpr) -> Result<ResolvedExpr> {
        let bound = thalweg_functions::window_time(window.arg())?;
        Ok(ResolvedExpr { event_delay: window.event_delay, ..ResolvedExpr::of_bound(bound, &[window]) })
    }

    /// An interval's length in microseconds: a literal interval or its text.
    fn interval(&self, expr: &ir::Expr, env: &ExprScope) -> Result<i64> {
        match self.constant(expr, env)? {
            Some(ScalarValue::Utf8(Some(text))) => thalweg_values::interval::parse_interval_micros(&text),
            Some(ScalarValue::DurationMicrosecond(Some(micros))) => Ok(micros),
            _ => Err(self.at(Error::unsupported("a window size that is no literal interval"), expr.origin)),
        }
    }
}

const AGGREGATE_OF_ALIAS: (&str, &str) =
    ("UNSUPPORTED_FEATURE.LATERAL_COLUMN_ALIAS_IN_AGGREGATE_FUNC", "the argument of an aggregate function");

/// The lower-case name of a call, without the schema that built-in functions may be qualified with.
pub(crate) fn call_name(call: &FunctionCall) -> String {
    call.name.last().map(|n| n.to_lowercase()).unwrap_or_default()
}

fn is_false(expr: &ir::Expr) -> bool {
    matches!(expr.node, ExprNode::Literal(ir::Literal::Boolean(false)))
}

/// As many arguments as were given.
pub(crate) fn exactly<const N: usize>(args: Vec<ResolvedExpr>) -> Result<[ResolvedExpr; N]> {
    args.try_into().map_err(|_| Error::internal("an operand was lost"))
}

fn note_time(calls: &RefCell<crate::expr_scope::Calls>, time: &ResolvedExpr) {
    let mut calls = calls.borrow_mut();
    if time.nullable && !calls.times.contains(&time.expr) {
        calls.times.push(time.expr.clone());
    }
}

fn check_window(size: i64, slide: i64, start: i64) -> Result<()> {
    let refuse = |what: String| {
        let text = format!("Cannot resolve \"window\" due to data type mismatch: {what}.");
        Err(analysis("DATATYPE_MISMATCH.PARAMETER_CONSTRAINT_VIOLATION", "42K09", text))
    };
    match () {
        () if size <= 0 => refuse("The `window_duration` must be > 0".into()),
        () if slide <= 0 => refuse("The `slide_duration` must be > 0".into()),
        () if slide > size => refuse("The `slide_duration` must be <= the `window_duration`".into()),
        () if start.checked_abs().is_none_or(|s| s >= slide) => {
            refuse("The `abs(start_time)` must be < the `slide_duration`".into())
        }
        () => Ok(()),
    }
}

/// An argument that is evaluated only where the call's FILTER holds.
fn only_where(filter: &Expr, arg: ResolvedExpr) -> ResolvedExpr {
    if !arg.fallible {
        return arg;
    }
    let masked = Expr::Case(Case::new(
        Some(Box::new(lit(true))),
        vec![(Box::new(filter.clone()), Box::new(arg.expr))],
        None,
    ));
    ResolvedExpr { expr: masked, nullable: true, ..arg }
}
