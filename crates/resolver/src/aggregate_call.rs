//! Aggregate calls: where they may stand, their clauses and their arguments.

use crate::Resolver;
use crate::clause::Clause;
use crate::errors::{analysis, unsupported_in_operator};
use crate::expr::placeholder;
use crate::expr_scope::{AggregateFound, ExprScope, ResolvedExpr};
use crate::interval_fields;
use arrow::datatypes::DataType as Arrow;
use datafusion::logical_expr::expr::{Case, Sort};
use datafusion::logical_expr::{Expr, lit};
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_functions::{AggregateCall, AggregateForm, BoundAggregate, Function, Kind};
use thalweg_sql::ir::{self, ExprNode, FunctionCall};
use thalweg_sql::types::DataType;

const AGGREGATE_OF_ALIAS: (&str, &str) =
    ("UNSUPPORTED_FEATURE.LATERAL_COLUMN_ALIAS_IN_AGGREGATE_FUNC", "the argument of an aggregate function");

impl Resolver<'_> {
    pub(crate) fn aggregate_call(
        &self,
        function: Function,
        call: &FunctionCall,
        expr_scope: &ExprScope,
    ) -> Result<ResolvedExpr> {
        let Some(calls) = expr_scope.calls.filter(|_| expr_scope.aggregates) else {
            return Err(self.misplaced_aggregate(function.name(), call, expr_scope));
        };
        self.null_clause(function, call)?;
        let (bound, spark) =
            self.without_aliases(expr_scope.inside_aggregate(), AGGREGATE_OF_ALIAS, |expr_scope| {
                self.bound_aggregate(function, call, expr_scope)
            })?;
        // The calls are borrowed only now: an event-time window among the arguments has added to them.
        let mut calls = calls.borrow_mut();
        // Equal calls share one column, so that HAVING and ORDER BY use the aggregate of the select list.
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
        expr_scope: ExprScope,
        what: (&'static str, &'static str),
        resolve: impl Fn(&ExprScope) -> Result<T>,
    ) -> Result<T> {
        let resolved = resolve(&ExprScope { lateral: None, ..expr_scope });
        // The second attempt only finds out whether an alias is what the first one lacked; its result is not used.
        if expr_scope.lateral.is_none() || resolved.is_ok() || resolve(&expr_scope).is_err() {
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
        function: Function,
        call: &FunctionCall,
        expr_scope: &ExprScope,
    ) -> Result<(BoundAggregate, Option<DataType>)> {
        let filter = call.filter.as_deref().map(|f| self.filter_clause(f, expr_scope)).transpose()?;
        if let (Some(ResolvedExpr { volatile: true, .. }), Some(filter)) = (&filter, &call.filter) {
            let shown = self.name_of(filter, expr_scope);
            let text = format!(
                "The FILTER expression \"{shown}\" in an aggregate function is invalid. Expected a deterministic FILTER \
                 expression."
            );
            let error = analysis("INVALID_AGGREGATE_FILTER.NON_DETERMINISTIC", "42903", text);
            return Err(self.at(error.param("filterExpr", format!("\"{shown}\"")), filter.origin));
        }
        let args = self.aggregate_arguments(function, call, expr_scope)?;
        if args.iter().any(|a| a.volatile) {
            let shown = self.name_of(&ir::Expr::new(ExprNode::Function(call.clone())), expr_scope);
            let text = format!(
                "Non-deterministic expression \"{shown}\" should not appear in the arguments of an aggregate function."
            );
            let class = "AGGREGATE_FUNCTION_WITH_NONDETERMINISTIC_EXPRESSION";
            return Err(analysis(class, "42845", text).param("sqlExpr", format!("\"{shown}\"")));
        }
        let (args, order_within) = match form_of(function) {
            AggregateForm::InverseDistribution => {
                (self.ordered_set(function.name(), &call.order_within, args, expr_scope)?, &[][..])
            }
            AggregateForm::Plain | AggregateForm::Count | AggregateForm::WholePartition => {
                (args, call.order_within.as_slice())
            }
        };
        let known = args.clone();
        let args: Vec<_> = match &filter {
            Some(filter) => args.into_iter().map(|a| only_where(&filter.expr, a)).collect(),
            None => args,
        };
        let order_types = order_within.iter().map(|key| Ok(self.expr(&key.expr, expr_scope)?.data_type));
        let clauses = AggregateCall {
            distinct: call.distinct,
            filter: filter.map(|f| f.expr),
            order_by: self.orders(order_within, expr_scope)?,
            order_types: order_types.collect::<Result<_>>()?,
            ignore_nulls: call.ignore_nulls,
        };
        let given = args.iter().map(ResolvedExpr::arg).collect();
        let bound = function.bind_aggregate(given, clauses, &self.binding())?;
        let fields = function.entry().interval_fields();
        let spark = interval_fields::of_call(fields, &bound.data_type, &known);
        Ok((bound, spark))
    }

    /// The condition of a FILTER clause, over a window too.
    pub(crate) fn filter_clause(&self, filter: &ir::Expr, expr_scope: &ExprScope) -> Result<ResolvedExpr> {
        if let Some(found) = self.aggregate_in(filter) {
            let (shown, aggregate) = (self.name_of(filter, expr_scope), self.name_of(found, expr_scope));
            let text = format!(
                "The FILTER expression \"{shown}\" in an aggregate function is invalid. Expected a FILTER expression \
                 without an aggregation, but found \"{aggregate}\"."
            );
            let error = analysis("INVALID_AGGREGATE_FILTER.CONTAINS_AGGREGATE", "42903", text)
                .param("filterExpr", format!("\"{shown}\""))
                .param("aggExpr", format!("\"{aggregate}\""));
            return Err(self.at(error, filter.origin));
        }
        self.predicate(filter, expr_scope)
    }

    /// The arguments of an aggregate, over a window too: for `count` a star stands for none.
    pub(crate) fn aggregate_arguments(
        &self,
        function: Function,
        call: &FunctionCall,
        expr_scope: &ExprScope,
    ) -> Result<Vec<ResolvedExpr>> {
        match call.args.as_slice() {
            // With DISTINCT the star stands for all columns, since combinations of their values are counted.
            [ir::Expr { node: ExprNode::Star { target: None, .. }, .. }]
                if form_of(function) == AggregateForm::Count && !call.distinct =>
            {
                Ok(vec![])
            }
            args => self.arguments(args, expr_scope),
        }
    }

    /// The arguments of `f(p) WITHIN GROUP (ORDER BY x)`: x, p, and whether the order falls.
    fn ordered_set(
        &self,
        name: &str,
        order: &[ir::SortOrder],
        mut args: Vec<ResolvedExpr>,
        expr_scope: &ExprScope,
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
        args.insert(0, self.expr(&key.expr, expr_scope)?);
        args.push(ResolvedExpr::new(lit(key.descending), Arrow::Boolean, false));
        Ok(args)
    }

    fn misplaced_aggregate(&self, name: &str, call: &FunctionCall, expr_scope: &ExprScope) -> Error {
        let shown = self.name_of(&ir::Expr::new(ExprNode::Function(call.clone())), expr_scope);
        match expr_scope.clause {
            Clause::GroupBy => analysis(
                "GROUP_BY_AGGREGATE",
                "42903",
                format!("Aggregate functions are not allowed in GROUP BY, but found {shown}."),
            )
            .param("sqlExpr", shown),
            Clause::Where => analysis(
                "INVALID_WHERE_CONDITION",
                "42903",
                format!(
                    "The WHERE condition contains invalid expressions: {shown}. Rewrite the query to avoid window \
                     functions, aggregate functions, and generator functions in the WHERE clause."
                ),
            )
            .param("expressionList", shown),
            Clause::InnerJoin | Clause::Join => unsupported_in_operator(&shown),
            Clause::Aggregate => analysis(
                "NESTED_AGGREGATE_FUNCTION",
                "42607",
                "It is not allowed to use an aggregate function in the argument of another aggregate function. \
                 Please use the inner aggregate function in a sub-query."
                    .to_owned(),
            ),
            Clause::Expression
            | Clause::Select
            | Clause::Having
            | Clause::Qualify
            | Clause::OrderBy
            | Clause::Generator
            | Clause::Lambda
            | Clause::InlineTable
            | Clause::Unpivot => analysis(
                "UNSUPPORTED_EXPR_FOR_OPERATOR",
                "42K0E",
                format!("The aggregate function {name} is not allowed in {}: {shown}.", expr_scope.clause.name()),
            )
            .param("invalidExprSqls", shown),
        }
    }

    /// The keys of an ordering, nulls as Spark places them.
    pub(crate) fn orders(&self, order: &[ir::SortOrder], expr_scope: &ExprScope) -> Result<Vec<Sort>> {
        order
            .iter()
            .map(|key| {
                // In Spark a null is less than every value unless the query says otherwise; DataFusion's default is the
                // opposite.
                let nulls_first = key.nulls_first.unwrap_or(!key.descending);
                Ok(Sort::new(self.expr(&key.expr, expr_scope)?.key(), !key.descending, nulls_first))
            })
            .collect()
    }
}

/// How an aggregate reads its arguments.
fn form_of(function: Function) -> AggregateForm {
    match function.entry().kind() {
        Kind::Aggregate(form) => form,
        _ => AggregateForm::Plain,
    }
}

/// An argument that is evaluated only where the call's FILTER holds.
fn only_where(filter: &Expr, arg: ResolvedExpr) -> ResolvedExpr {
    if !arg.fallible {
        return arg;
    }
    // This is the form with a base, which the optimizer does not rewrite: see `masked`.
    let masked = Expr::Case(Case::new(
        Some(Box::new(lit(true))),
        vec![(Box::new(filter.clone()), Box::new(arg.expr))],
        None,
    ));
    ResolvedExpr { expr: masked, nullable: true, ..arg }
}
