//! Resolves names to columns: qualifiers, struct fields, the client's `df["x"]`, lateral aliases, the outer query.

use crate::clause::Clause;
use crate::errors::{
    ambiguous_dataframe_column, ambiguous_reference, foreign_dataframe_column, unresolved_column,
};
use crate::expr_scope::{Calls, ExprScope, Outputs, ResolvedExpr};
use crate::naming::{Naming, frame_name, name_of};
use crate::scope::{FoundColumn, Lookup, Scope, ScopeColumn};
use crate::{Resolver, column};
use arrow::datatypes::{DataType as Arrow, Field};
use datafusion::common::Column;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, lit};
use std::cell::RefCell;
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_functions::{Function, FunctionRegistry};
use thalweg_sql::ir;
use thalweg_values::types::to_arrow;

/// A resolved name: the column's scope entry, its value, and the parts that name fields in it.
pub(crate) struct Seen<'e> {
    pub column: &'e ScopeColumn,
    pub resolved: ResolvedExpr,
    /// The number of parts of the name that are the qualifier.
    pub qualifier_len: usize,
}

impl Resolver<'_> {
    /// The value of a name.
    pub(crate) fn attribute(
        &self,
        name: &[String],
        plan_id: Option<i64>,
        expr_scope: &ExprScope,
    ) -> Result<ResolvedExpr> {
        if let Some(function) = self.bare_call(name, plan_id, expr_scope) {
            return self.applied_to(function, vec![]);
        }
        let seen = match self.seen(name, plan_id, expr_scope)? {
            Some(seen) => Some(seen),
            // A column of the query itself hides one of the query around it.
            None => self.seen_outside(name, plan_id, expr_scope)?,
        };
        let Some(seen) = seen else { return Err(self.unresolved(name, plan_id, expr_scope)) };
        let mut resolved = seen.resolved;
        for field in name.iter().skip(seen.qualifier_len + 1) {
            resolved = self.field(resolved, field)?;
        }
        Ok(resolved)
    }

    /// Returns the function that a name calls: columns have priority over it, aliases of the same select list do not.
    pub(crate) fn bare_call(
        &self,
        name: &[String],
        plan_id: Option<i64>,
        expr_scope: &ExprScope,
    ) -> Option<Function<'static>> {
        let ([name], None) = (name, plan_id) else { return None };
        let function = FunctionRegistry::built_in(name).filter(|f| f.entry().is_called_bare(f.name()))?;
        let columns = ExprScope { lateral: None, ..*expr_scope };
        let seen = self.seen(std::slice::from_ref(name), None, &columns);
        // An ambiguous column remains an error: it is not a call.
        matches!(seen, Ok(None)).then_some(function)
    }

    /// Looks a name up in the query of the expression, not in outer queries.
    pub(crate) fn seen<'e>(
        &self,
        name: &[String],
        plan_id: Option<i64>,
        expr_scope: &ExprScope<'e>,
    ) -> Result<Option<Seen<'e>>> {
        if let Some(seen) = in_outputs(name, plan_id, expr_scope.outputs)? {
            return computed_once(seen, expr_scope).map(Some);
        }
        if let Some(found) = in_scope(name, plan_id, expr_scope.scope)? {
            let resolved = value_of(found.column);
            return Ok(Some(Seen { column: found.column, resolved, qualifier_len: found.qualifier_len }));
        }
        // As in Spark, a column of the input hides an alias of the same select list.
        if let Some(seen) = in_outputs(name, plan_id, expr_scope.lateral)? {
            return computed_once(seen, expr_scope).map(Some);
        }
        if !expr_scope.clause.finds_left_out() {
            return Ok(None);
        }
        Ok(expr_scope.scope.lookup_left_out(name, plan_id).map(|FoundColumn { column, qualifier_len }| {
            let resolved = value_of(column);
            Seen { column, resolved, qualifier_len }
        }))
    }

    /// Looks a name up in the directly enclosing query; as in Spark, not in further ones.
    fn seen_outside<'e>(
        &self,
        name: &[String],
        plan_id: Option<i64>,
        expr_scope: &ExprScope<'e>,
    ) -> Result<Option<Seen<'e>>> {
        let Some(outer) = expr_scope.outer else { return Ok(None) };
        if let Some(found) = in_scope(name, plan_id, outer.scope)? {
            let mut resolved = value_of(found.column);
            let field = Field::new(&found.column.id, resolved.data_type.clone(), resolved.nullable);
            resolved.expr =
                Expr::OuterReferenceColumn(Arc::new(field), Column::new_unqualified(&found.column.id));
            return Ok(Some(Seen { column: found.column, resolved, qualifier_len: found.qualifier_len }));
        }
        Ok(None)
    }

    fn unresolved(&self, name: &[String], plan_id: Option<i64>, expr_scope: &ExprScope) -> Error {
        if plan_id.is_some() {
            return foreign_dataframe_column(name);
        }
        match expr_scope.outputs {
            // A SELECT without FROM has no input whose columns could be proposed.
            Some(outputs) if expr_scope.scope.columns.is_empty() => unresolved_column(name, &outputs.scope),
            _ => unresolved_column(name, expr_scope.scope),
        }
    }

    /// A field of a struct, or of every struct of an array; the value of a map's key.
    pub(crate) fn field(&self, of: ResolvedExpr, name: &str) -> Result<ResolvedExpr> {
        if matches!(of.data_type, Arrow::Map(..)) {
            let key = ResolvedExpr::new(lit(name), Arrow::Utf8, false);
            return self.once(vec![of, key], |args| {
                let [of, key] = crate::function::exactly(args)?;
                let bound = thalweg_functions::extract(of.arg(), key.arg(), &self.binding())?;
                Ok(self.finished(bound, &[of, key]))
            });
        }
        let bound = thalweg_functions::field(of.arg(), name)?;
        let spark = of.spark.as_ref().and_then(|t| crate::interval_fields::of_field(t, name));
        Ok(ResolvedExpr { spark, ..ResolvedExpr::of_bound(bound, &[of]) })
    }

    /// Returns the number of parts of a name that are its qualifier, which Spark leaves out of column names.
    pub(crate) fn qualifier_len(
        &self,
        name: &[String],
        plan_id: Option<i64>,
        expr_scope: &ExprScope,
    ) -> usize {
        let mut at = Some(expr_scope);
        // The loop ends at the outermost query, which has no `outer`.
        while let Some(expr_scope) = at {
            if let Ok(Some(seen)) = self.seen(name, plan_id, expr_scope) {
                return seen.qualifier_len;
            }
            at = expr_scope.outer;
        }
        name.len().saturating_sub(1)
    }

    /// Returns the name of a column of this expression.
    pub(crate) fn name_of(&self, expr: &ir::Expr, expr_scope: &ExprScope) -> String {
        if let Some(written_out) = self.distinct_without_star(expr, expr_scope) {
            return self.name_of(&written_out, expr_scope);
        }
        self.named_in(expr_scope, |naming| name_of(expr, naming))
    }

    /// Returns a frame as it is shown in names.
    pub(crate) fn frame_name_of(&self, frame: &ir::WindowFrame, expr_scope: &ExprScope) -> String {
        self.named_in(expr_scope, |naming| frame_name(frame, naming))
    }

    fn named_in(&self, expr_scope: &ExprScope, name: impl FnOnce(Naming) -> String) -> String {
        let qualifier = |name: &[String], plan_id| match self.bare_call(name, plan_id, expr_scope) {
            // A function that is called without parentheses is named as a call with them.
            Some(_) => None,
            None => Some(self.qualifier_len(name, plan_id, expr_scope)),
        };
        let is_map = |expr: &ir::Expr| self.is_map(expr, expr_scope);
        let integer = |expr: &ir::Expr| match self.constant(expr, expr_scope) {
            Ok(Some(ScalarValue::Int32(value))) => value.map(i64::from),
            Ok(Some(ScalarValue::Int64(value))) => value,
            Ok(_) | Err(_) => None,
        };
        let functions = &self.ctx.functions;
        name(Naming { qualifier: &qualifier, is_map: &is_map, integer: &integer, functions })
    }

    /// Returns whether an expression is a map, which Spark shows with its keys in square brackets. A subquery is not
    /// looked into: it would be resolved once more for each level of names around it.
    fn is_map(&self, expr: &ir::Expr, expr_scope: &ExprScope) -> bool {
        if holds_subquery(expr) {
            return false;
        }
        // The expression is resolved for its type alone, so the calls that are found must not become operators of the
        // plan.
        let calls = RefCell::new(Calls::default());
        let apart = ExprScope { calls: expr_scope.calls.map(|_| &calls), ..*expr_scope };
        self.expr(expr, &apart).is_ok_and(|resolved| matches!(resolved.data_type, Arrow::Map(..)))
    }
}

impl Resolver<'_> {
    /// Replaces the star of `count(DISTINCT *)` by its columns.
    fn distinct_without_star(&self, expr: &ir::Expr, expr_scope: &ExprScope) -> Option<ir::Expr> {
        let ir::ExprNode::Function(call) = &expr.node else { return None };
        let is_star = |e: &ir::Expr| matches!(e.node, ir::ExprNode::Star { .. });
        if !call.distinct || !call.args.iter().any(is_star) {
            return None;
        }
        let mut call = call.clone();
        let mut args = vec![];
        for arg in std::mem::take(&mut call.args) {
            match is_star(&arg) {
                true => args
                    .extend(self.star(&arg, expr_scope).ok()?.iter().map(|c| ir::Expr::column(&[&c.name]))),
                false => args.push(arg),
            }
        }
        call.args = args;
        Some(ir::Expr::new(ir::ExprNode::Function(call)))
    }
}

/// Returns whether an expression of the IR holds a subquery.
fn holds_subquery(expr: &ir::Expr) -> bool {
    let mut found = false;
    expr.for_each_child(&mut |child| {
        found |= match child {
            ir::Child::Relation(_) => true,
            ir::Child::Expr(inner) => holds_subquery(inner),
        }
    });
    // A reference has no child: its relation is in the `WithRelations` around the query.
    found || matches!(expr.node, ir::ExprNode::SubqueryReference { .. })
}

/// Returns the value of a column of the scope.
pub(crate) fn value_of(c: &ScopeColumn) -> ResolvedExpr {
    let mut resolved = ResolvedExpr::new(column(&c.id), to_arrow(&c.data_type), c.nullable);
    resolved.event_delay = c.event_delay;
    if crate::interval_fields::holds_fields(&c.data_type) {
        resolved.spark = Some(c.data_type.clone());
    }
    resolved
}

fn in_scope<'e>(name: &[String], plan_id: Option<i64>, scope: &'e Scope) -> Result<Option<FoundColumn<'e>>> {
    let lookup = match (plan_id, name) {
        (Some(id), [first, ..]) => scope.lookup_plan(id, first),
        _ => scope.lookup(name),
    };
    match lookup {
        Lookup::None => Ok(None),
        Lookup::One(found) => Ok(Some(found)),
        Lookup::Many(columns) if plan_id.is_some() => {
            let name = columns.first().map_or("", |c| c.name.as_str());
            Err(ambiguous_dataframe_column(name))
        }
        Lookup::Many(columns) => Err(ambiguous_reference(name, &columns)),
    }
}

/// Returns the definition of an output, or its column if it is volatile: see `output`.
fn computed_once<'e>(seen: Seen<'e>, expr_scope: &ExprScope) -> Result<Seen<'e>> {
    if !seen.resolved.volatile {
        return Ok(seen);
    }
    // Both are evaluated below the operator that computes the outputs, so the output's column does not exist there.
    if matches!(expr_scope.clause, Clause::Having | Clause::Qualify) {
        let what = format!("an alias of a nondeterministic expression in {}", expr_scope.clause.name());
        return Err(Error::unsupported(what));
    }
    let resolved =
        ResolvedExpr { expr: column(&seen.column.id), volatile: false, fallible: false, ..seen.resolved };
    Ok(Seen { resolved, ..seen })
}

fn in_outputs<'e>(
    name: &[String],
    plan_id: Option<i64>,
    outputs: Option<&'e Outputs>,
) -> Result<Option<Seen<'e>>> {
    let Some(outputs) = outputs else { return Ok(None) };
    let lookup = match (plan_id, name) {
        (Some(id), [first, ..]) => outputs.scope.lookup_plan(id, first),
        _ => outputs.scope.lookup(name),
    };
    let (column, qualifier_len) = match lookup {
        Lookup::None => return Ok(None),
        Lookup::One(found) => (found.column, found.qualifier_len),
        Lookup::Many(columns) => {
            // Outputs of one name are ambiguous only if their definitions differ: `SELECT a, a FROM t ORDER BY a`.
            let mut definitions = columns.iter().map(|c| outputs.definition(&c.id));
            let first = definitions.next().flatten();
            let Some(column) = columns.first().filter(|_| definitions.all(|d| d == first)) else {
                return Err(ambiguous_reference(name, &columns));
            };
            (*column, 0)
        }
    };
    let resolved = outputs.definition(&column.id).cloned();
    Ok(resolved.map(|resolved| Seen { column, resolved, qualifier_len }))
}
