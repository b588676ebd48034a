//! Calls: dispatched by the kind of their function; here are the connectives with their guards, structs, and every
//! scalar function of the registry.

use crate::Resolver;
use crate::errors::analysis;
use crate::expr::placeholder;
use crate::expr_scope::{ExprScope, GroupingFound, ResolvedExpr};
use crate::interval_fields;
use arrow::datatypes::DataType as Arrow;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::lit;
use thalweg_common::{Error, Result};
use thalweg_functions::{Function, FunctionRegistry, Kind, NullClause, SpecialForm};
use thalweg_sql::ir::{self, ExprNode, FunctionCall};
use thalweg_values::errors::from_datafusion;
use thalweg_values::types::to_arrow;

/// A call that is being resolved: what it calls, and the name as the user wrote it, in lower case.
#[derive(Clone, Copy)]
pub(crate) struct CallOf<'a> {
    pub(crate) function: Function<'a>,
    pub(crate) call: &'a FunctionCall,
}

impl Resolver<'_> {
    /// The function that a call names; none if there is no such function.
    pub(crate) fn called(&self, call: &FunctionCall) -> Option<Function<'_>> {
        self.ctx.functions.find_qualified(&call.name)
    }

    /// Whether a call names an aggregate.
    pub(crate) fn is_aggregate(&self, call: &FunctionCall) -> bool {
        self.called(call).is_some_and(|f| matches!(f.entry().kind(), Kind::Aggregate(_)))
    }

    /// The special form that a call names, if it names one.
    pub(crate) fn special_form(&self, call: &FunctionCall) -> Option<SpecialForm> {
        match self.called(call)?.entry().kind() {
            Kind::Special(form) => Some(form),
            _ => None,
        }
    }

    pub(crate) fn function(&self, call: &FunctionCall, expr_scope: &ExprScope) -> Result<ResolvedExpr> {
        let Some(function) = self.called(call) else {
            let name = call_name(call);
            self.without_lambda(&name, call)?;
            self.arguments(&call.args, expr_scope)?;
            return Err(thalweg_functions::unknown(&name));
        };
        let name = function.name();
        let of = CallOf { function, call };
        match function.entry().kind() {
            Kind::Special(form) => self.special(form, of, expr_scope),
            Kind::Lambda(form) => {
                function.check_count(call.args.len())?;
                self.higher_order(form, of, expr_scope)
            }
            Kind::Scalar => self.ordinary(of, expr_scope),
            Kind::Aggregate(_) => self.aggregate_call(function, call, expr_scope),
            Kind::Window(_) => {
                let text = format!("Window function {name} requires an OVER clause.");
                Err(analysis("WINDOW_FUNCTION_WITHOUT_OVER_CLAUSE", "42601", text)
                    .param("funcName", format!("\"{name}\"")))
            }
            Kind::Generator(_) => Err(analysis(
                "UNSUPPORTED_GENERATOR.NESTED_IN_EXPRESSIONS",
                "42K0E",
                format!("The generator is not supported: nested in expressions \"{name}\"."),
            )
            .param("expression", format!("\"{name}\""))),
            Kind::Table(_) => {
                let text = format!(
                    "`{name}` appears as a scalar expression here, but the function was defined as a table function. \
                     Please update the query to move the function call into the FROM clause, or redefine `{name}` as a \
                     scalar function instead."
                );
                Err(analysis("NOT_A_SCALAR_FUNCTION", "42887", text)
                    .param("functionName", format!("`{name}`")))
            }
        }
    }

    /// A call whose arguments are read here, if their number is the form's; any other is an ordinary one.
    fn special(&self, form: SpecialForm, of: CallOf, expr_scope: &ExprScope) -> Result<ResolvedExpr> {
        use SpecialForm::{
            And, ArraysZip, Between, CaseOf, Cast, Equal, FromCsv, FromJson, Grouping, GroupingId, Not, Or,
            Struct, TypeOf, Window, WindowTime,
        };
        let call = of.call;
        self.plain(of.function.name(), call)?;
        match (form, call.args.as_slice()) {
            (And, [left, right]) => {
                self.and(self.boolean(left, "and", expr_scope)?, self.boolean(right, "and", expr_scope)?)
            }
            (Or, [left, right]) => {
                self.or(self.boolean(left, "or", expr_scope)?, self.boolean(right, "or", expr_scope)?)
            }
            // NOT IN over a subquery is not the negation of IN, so NOT is resolved together with what is below it.
            (Not, [argument]) => match self.not_over_in(argument, expr_scope)? {
                Some(resolved) => Ok(resolved),
                None => self.ordinary(of, expr_scope),
            },
            // As Spark does, which simplifies this before it looks for subqueries.
            (Equal, [side, other] | [other, side]) if is_false(other) && self.holds_membership(side)? => {
                self.function(&FunctionCall::new("not", vec![side.clone()]), expr_scope)
            }
            (Between, [value, low, high]) => self.between(
                self.expr(value, expr_scope)?,
                self.expr(low, expr_scope)?,
                self.expr(high, expr_scope)?,
            ),
            (CaseOf, [value, branches @ ..]) => self.case_of(value, branches, expr_scope),
            (TypeOf, [arg]) => self.type_of(of, arg, expr_scope),
            (Window, [time, rest @ ..]) if !rest.is_empty() => self.event_window(time, rest, expr_scope),
            (WindowTime, [window]) => self.window_time(self.expr(window, expr_scope)?),
            (Grouping, [_]) => self.grouping(of, true, expr_scope),
            (GroupingId, _) => self.grouping(of, false, expr_scope),
            (Struct, _) => self.struct_of(call, expr_scope),
            (ArraysZip, _) => self.zip_of(call, expr_scope),
            (FromJson | FromCsv, [_, schema, ..]) => self.read_by_schema(of, schema, expr_scope),
            (
                And | Or | Not | Equal | Between | CaseOf | Cast | TypeOf | Window | WindowTime | Grouping
                | FromCsv | FromJson,
                _,
            ) => self.ordinary(of, expr_scope),
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
    fn case_of(
        &self,
        value: &ir::Expr,
        branches: &[ir::Expr],
        expr_scope: &ExprScope,
    ) -> Result<ResolvedExpr> {
        let mut args = vec![self.expr(value, expr_scope)?];
        args.extend(self.arguments(branches, expr_scope)?);
        self.once(args, |args| {
            let mut args = args.into_iter();
            let Some(value) = args.next() else {
                return Err(Error::internal("a CASE with an operand was resolved without its operand"));
            };
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

    /// A call of resolved arguments.
    fn ordinary(&self, of: CallOf, expr_scope: &ExprScope) -> Result<ResolvedExpr> {
        self.without_lambda(of.function.name(), of.call)?;
        let args = self.arguments(&of.call.args, expr_scope)?;
        self.applied_to(of.function, args)
    }

    /// Refuses clauses that only aggregates have, and lambdas.
    fn without_lambda(&self, name: &str, call: &FunctionCall) -> Result<()> {
        self.plain(name, call)?;
        match crate::lambda::takes_lambda(call) {
            true => Err(Error::unsupported(format!("a lambda as an argument of {name}"))),
            false => Ok(()),
        }
    }

    /// A built-in scalar function over resolved arguments.
    pub(crate) fn scalar(&self, name: &str, args: Vec<ResolvedExpr>) -> Result<ResolvedExpr> {
        match FunctionRegistry::built_in(name) {
            Some(function) => self.applied_to(function, args),
            None => Err(thalweg_functions::unknown(name)),
        }
    }

    /// A scalar function over resolved arguments.
    pub(crate) fn applied_to(&self, function: Function, args: Vec<ResolvedExpr>) -> Result<ResolvedExpr> {
        let fields = function.entry().interval_fields();
        // This comes before the function is bound, which sees Arrow's types and not the fields of intervals.
        let args = self.by_fields(fields, args)?;
        self.once(args, |args| {
            let given = args.iter().map(ResolvedExpr::arg).collect();
            let bound = function.bind_scalar(given, &self.binding())?;
            let mut resolved = self.finished(bound, &args);
            resolved.spark = interval_fields::of_call(fields, &resolved.data_type, &args);
            Ok(resolved)
        })
    }

    /// `typeof(value)`, by Spark's type where Arrow's says less.
    fn type_of(&self, of: CallOf, arg: &ir::Expr, expr_scope: &ExprScope) -> Result<ResolvedExpr> {
        self.without_lambda(of.function.name(), of.call)?;
        let args = self.arguments(std::slice::from_ref(arg), expr_scope)?;
        match args.as_slice() {
            [ResolvedExpr { spark: Some(spark), .. }] => Ok(crate::expr::text(&spark.to_string())),
            _ => self.applied_to(of.function, args),
        }
    }

    /// Refuses IGNORE NULLS after a function that does not have it.
    pub(crate) fn null_clause(&self, function: Function, call: &FunctionCall) -> Result<()> {
        match (call.ignore_nulls, function.entry().null_clause()) {
            (Some(true), NullClause::Refused) => Err(unsupported_syntax(function.name(), "IGNORE NULLS")),
            _ => Ok(()),
        }
    }

    /// Refuses the clauses that only aggregates have.
    pub(crate) fn plain(&self, name: &str, call: &FunctionCall) -> Result<()> {
        let clause = match call {
            FunctionCall { distinct: true, .. } => "DISTINCT",
            FunctionCall { filter: Some(_), .. } => "FILTER",
            FunctionCall { ignore_nulls: Some(true), .. } => "IGNORE NULLS",
            FunctionCall { order_within, .. } if !order_within.is_empty() => "WITHIN GROUP",
            _ => return Ok(()),
        };
        Err(unsupported_syntax(name, clause))
    }

    /// Arguments in order; a star stands for the columns in sight.
    pub(crate) fn arguments(&self, args: &[ir::Expr], expr_scope: &ExprScope) -> Result<Vec<ResolvedExpr>> {
        let mut all = vec![];
        for arg in args {
            match &arg.node {
                ExprNode::Star { .. } => {
                    let columns = self.star(arg, expr_scope)?;
                    all.extend(columns.iter().map(crate::attribute::value_of));
                }
                _ => all.push(self.expr(arg, expr_scope)?),
            }
        }
        Ok(all)
    }

    fn boolean(&self, arg: &ir::Expr, operator: &str, expr_scope: &ExprScope) -> Result<ResolvedExpr> {
        let resolved = self.expr(arg, expr_scope)?;
        match resolved.data_type {
            Arrow::Boolean => Ok(resolved),
            Arrow::Null => Ok(ResolvedExpr::new(lit(ScalarValue::Boolean(None)), Arrow::Boolean, true)),
            _ => {
                let name = self.name_of(arg, expr_scope);
                let text = format!(
                    "Cannot resolve \"{operator}\" due to data type mismatch: The operand \"{name}\" has the type \
                     \"{}\", however \"BOOLEAN\" is required.",
                    resolved.type_name()
                );
                let error = analysis("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", "42K09", text)
                    .param("inputSql", format!("\"{name}\""))
                    .param("inputType", format!("\"{}\"", resolved.type_name()))
                    .param("requiredType", "\"BOOLEAN\"");
                Err(self.at(error, arg.origin))
            }
        }
    }

    /// `struct(a, b AS x)`: fields are named as columns would be.
    fn struct_of(&self, call: &FunctionCall, expr_scope: &ExprScope) -> Result<ResolvedExpr> {
        let mut args = vec![];
        let name_arg = |name: &str| ResolvedExpr::new(lit(name), Arrow::Utf8, false);
        for (i, arg) in call.args.iter().enumerate() {
            if matches!(arg.node, ExprNode::Star { .. }) {
                for column in self.star(arg, expr_scope)? {
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
            args.push(self.expr(arg, expr_scope)?);
        }
        self.scalar("named_struct", args)
    }

    /// `arrays_zip(a, b)`: fields are named as the columns that they come from, or by their place.
    fn zip_of(&self, call: &FunctionCall, expr_scope: &ExprScope) -> Result<ResolvedExpr> {
        let mut args = vec![];
        for (i, arg) in call.args.iter().enumerate() {
            let name = match &arg.node {
                ExprNode::Alias { names, .. } => names.first().cloned().unwrap_or_default(),
                ExprNode::Attribute { name, .. } => name.last().cloned().unwrap_or_default(),
                // Spark counts from 0 here, and from 1 in struct().
                _ => i.to_string(),
            };
            args.push(ResolvedExpr::new(lit(name), Arrow::Utf8, false));
            args.push(self.expr(arg, expr_scope)?);
        }
        self.scalar("arrays_zip", args)
    }

    /// The constant text of a schema.
    fn schema_text(&self, schema: &ir::Expr, expr_scope: &ExprScope) -> Result<String> {
        if let Some(ScalarValue::Utf8(Some(ddl))) = self.constant(schema, expr_scope)? {
            return Ok(ddl);
        }
        let name = self.name_of(schema, expr_scope);
        let text = format!(
            "The input schema \"{name}\" is not a valid schema string. The input expression must be string literal and \
             not null."
        );
        let error = analysis("INVALID_SCHEMA.NON_STRING_LITERAL", "42K07", text);
        Err(self.at(error.param("inputSchema", format!("\"{name}\"")), schema.origin))
    }

    /// `from_json(text, schema)` or `from_csv`: the function takes the schema as the type of a null.
    fn read_by_schema(&self, of: CallOf, schema: &ir::Expr, expr_scope: &ExprScope) -> Result<ResolvedExpr> {
        let ddl = self.schema_text(schema, expr_scope)?;
        let data_type = match ddl.trim_start().starts_with('{') {
            true => thalweg_sql::types::data_type_from_json(&ddl)?,
            false => thalweg_sql::types::parse_type_or_schema(&ddl)?,
        };
        let arrow = to_arrow(&data_type);
        let is_csv = of.function.entry().kind() == Kind::Special(SpecialForm::FromCsv);
        // A line of CSV is always a row, while JSON may be an array or a map.
        if is_csv && !matches!(arrow, Arrow::Struct(_)) {
            return Err(self.at(not_a_struct(&ddl, &data_type.sql()), schema.origin));
        }
        let null = ScalarValue::try_new_null(&arrow).map_err(from_datafusion)?;
        let [text, _, options @ ..] = of.call.args.as_slice() else { return self.ordinary(of, expr_scope) };
        let mut args = vec![self.expr(text, expr_scope)?, ResolvedExpr::new(lit(null), arrow, true)];
        args.extend(self.arguments(options, expr_scope)?);
        self.applied_to(of.function, args)
    }

    fn grouping(&self, of: CallOf, single: bool, expr_scope: &ExprScope) -> Result<ResolvedExpr> {
        let (name, call) = (of.function.name(), of.call);
        let Some(calls) = expr_scope.calls.filter(|_| expr_scope.aggregates) else {
            let text = format!("{name}() can only be used with GroupingSets/Cube/Rollup.");
            return Err(analysis("UNSUPPORTED_GROUPING_EXPRESSION", "42K0E", text));
        };
        let inside = expr_scope.inside_aggregate();
        let keys = call.args.iter().map(|a| Ok(self.expr(a, &inside)?.expr)).collect::<Result<Vec<_>>>()?;
        let id = self.new_id();
        let keys = if keys.is_empty() { None } else { Some(keys) };
        // The value comes from the grouping id of DataFusion's aggregate; until that is built, a column stands for it.
        calls.borrow_mut().groupings.push(GroupingFound { id: id.clone(), keys, single });
        let data_type = if single { Arrow::Int8 } else { Arrow::Int64 };
        Ok(placeholder(&id, data_type, false))
    }
}

/// `[INVALID_SCHEMA.NON_STRUCT_TYPE]`.
fn not_a_struct(ddl: &str, actual: &str) -> Error {
    let text = format!(
        "The input schema \"{ddl}\" is not a valid schema string. The input expression should be evaluated to struct \
         type, but got \"{actual}\"."
    );
    analysis("INVALID_SCHEMA.NON_STRUCT_TYPE", "42K07", text)
        .param("inputSchema", format!("\"{ddl}\""))
        .param("dataType", format!("\"{actual}\""))
}

/// The lower-case name of a call, without the schema that built-in functions may be qualified with.
pub(crate) fn call_name(call: &FunctionCall) -> String {
    call.name.last().map(|n| n.to_lowercase()).unwrap_or_default()
}

/// The error for a clause after a function that does not have it.
fn unsupported_syntax(name: &str, clause: &str) -> Error {
    let text = format!("The function `{name}` does not support {clause}.");
    analysis("INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX", "42000", text)
        .param("prettyName", format!("`{name}`"))
        .param("syntax", clause)
}

fn is_false(expr: &ir::Expr) -> bool {
    matches!(expr.node, ExprNode::Literal(ir::Literal::Boolean(false)))
}

/// As many arguments as were given.
pub(crate) fn exactly<const N: usize>(args: Vec<ResolvedExpr>) -> Result<[ResolvedExpr; N]> {
    let found = args.len();
    args.try_into()
        .map_err(|_| Error::internal(format!("{N} operands were expected, but {found} were resolved")))
}
