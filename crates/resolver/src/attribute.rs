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
    pub typed: ResolvedExpr,
    /// The number of parts of the name that are the qualifier.
    pub qualifier_len: usize,
}

impl Resolver<'_> {
    /// The value of a name.
    pub(crate) fn attribute(
        &self,
        name: &[String],
        plan_id: Option<i64>,
        env: &ExprScope,
    ) -> Result<ResolvedExpr> {
        if let Some(function) = self.bare_call(name, plan_id, env) {
            return self.applied_to(function, vec![]);
        }
        let seen = match self.seen(name, plan_id, env)? {
            Some(seen) => Some(seen),
            // A column of the query itself hides one of the query around it.
            None => self.seen_outside(name, plan_id, env)?,
        };
        let Some(seen) = seen else { return Err(self.unresolved(name, plan_id, env)) };
        let mut typed = seen.typed;
        for field in name.iter().skip(seen.qualifier_len + 1) {
            typed = self.field(typed, field)?;
        }
        Ok(typed)
    }

    /// Returns the function that a name calls: columns have priority over it, aliases of the same select list do not.
    pub(crate) fn bare_call(
        &self,
        name: &[String],
        plan_id: Option<i64>,
        env: &ExprScope,
    ) -> Option<Function<'static>> {
        let ([name], None) = (name, plan_id) else { return None };
        let function = FunctionRegistry::built_in(name).filter(|f| f.entry().is_called_bare(f.name()))?;
        let columns = ExprScope { lateral: None, ..*env };
        let seen = self.seen(std::slice::from_ref(name), None, &columns);
        // An ambiguous column remains an error: it is not a call.
        matches!(seen, Ok(None)).then_some(function)
    }

    /// Looks a name up in the query of the expression, not in outer queries.
    pub(crate) fn seen<'e>(
        &self,
        name: &[String],
        plan_id: Option<i64>,
        env: &ExprScope<'e>,
    ) -> Result<Option<Seen<'e>>> {
        if let Some(seen) = in_outputs(name, plan_id, env.outputs)? {
            return computed_once(seen, env).map(Some);
        }
        if let Some(found) = in_scope(name, plan_id, env.scope)? {
            let typed = value_of(found.column);
            return Ok(Some(Seen { column: found.column, typed, qualifier_len: found.qualifier_len }));
        }
        // As in Spark, a column of the input hides an alias of the same select list.
        if let Some(seen) = in_outputs(name, plan_id, env.lateral)? {
            return computed_once(seen, env).map(Some);
        }
        if !env.clause.finds_left_out() {
            return Ok(None);
        }
        Ok(env.scope.lookup_left_out(name, plan_id).map(|FoundColumn { column, qualifier_len }| {
            let typed = value_of(column);
            Seen { column, typed, qualifier_len }
        }))
    }

    /// Looks a name up in the directly enclosing query; as in Spark, not in further ones.
    fn seen_outside<'e>(
        &self,
        name: &[String],
        plan_id: Option<i64>,
        env: &ExprScope<'e>,
    ) -> Result<Option<Seen<'e>>> {
        let Some(outer) = env.outer else { return Ok(None) };
        if let Some(found) = in_scope(name, plan_id, outer.scope)? {
            let mut typed = value_of(found.column);
            let field = Field::new(&found.column.id, typed.data_type.clone(), typed.nullable);
            typed.expr =
                Expr::OuterReferenceColumn(Arc::new(field), Column::new_unqualified(&found.column.id));
            return Ok(Some(Seen { column: found.column, typed, qualifier_len: found.qualifier_len }));
        }
        Ok(None)
    }

    fn unresolved(&self, name: &[String], plan_id: Option<i64>, env: &ExprScope) -> Error {
        if plan_id.is_some() {
            return foreign_dataframe_column(name);
        }
        match env.outputs {
            // A SELECT without FROM has no input whose columns could be proposed.
            Some(outputs) if env.scope.columns.is_empty() => unresolved_column(name, &outputs.scope),
            _ => unresolved_column(name, env.scope),
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
    pub(crate) fn qualifier_len(&self, name: &[String], plan_id: Option<i64>, env: &ExprScope) -> usize {
        let mut at = Some(env);
        // The loop ends at the outermost query, which has no `outer`.
        while let Some(env) = at {
            if let Ok(Some(seen)) = self.seen(name, plan_id, env) {
                return seen.qualifier_len;
            }
            at = env.outer;
        }
        name.len().saturating_sub(1)
    }

    /// Returns the name of a column of this expression.
    pub(crate) fn name_of(&self, expr: &ir::Expr, env: &ExprScope) -> String {
        if let Some(written_out) = self.distinct_without_star(expr, env) {
            return self.name_of(&written_out, env);
        }
        self.named_in(env, |naming| name_of(expr, naming))
    }

    /// Returns a frame as it is shown in names.
    pub(crate) fn frame_name_of(&self, frame: &ir::WindowFrame, env: &ExprScope) -> String {
        self.named_in(env, |naming| frame_name(frame, naming))
    }

    fn named_in(&self, env: &ExprScope, name: impl FnOnce(Naming) -> String) -> String {
        let qualifier = |name: &[String], plan_id| match self.bare_call(name, plan_id, env) {
            // A function that is called without parentheses is named as a call with them.
            Some(_) => None,
            None => Some(self.qualifier_len(name, plan_id, env)),
        };
        let is_map = |expr: &ir::Expr| self.is_map(expr, env);
        let integer = |expr: &ir::Expr| match self.constant(expr, env) {
            Ok(Some(ScalarValue::Int32(value))) => value.map(i64::from),
            Ok(Some(ScalarValue::Int64(value))) => value,
            Ok(_) | Err(_) => None,
        };
        let functions = &self.ctx.functions;
        name(Naming { qualifier: &qualifier, is_map: &is_map, integer: &integer, functions })
    }

    /// Returns whether an expression is a map, which Spark shows with its keys in square brackets. A subquery is not
    /// looked into: it would be resolved once more for each level of names around it.
    fn is_map(&self, expr: &ir::Expr, env: &ExprScope) -> bool {
        if holds_subquery(expr) {
            return false;
        }
        // The expression is resolved for its type alone, so the calls that are found must not become operators of the
        // plan.
        let calls = RefCell::new(Calls::default());
        let apart = ExprScope { calls: env.calls.map(|_| &calls), ..*env };
        self.expr(expr, &apart).is_ok_and(|typed| matches!(typed.data_type, Arrow::Map(..)))
    }
}

impl Resolver<'_> {
    /// Replaces the star of `count(DISTINCT *)` by its columns.
    fn distinct_without_star(&self, expr: &ir::Expr, env: &ExprScope) -> Option<ir::Expr> {
        let ir::ExprNode::Function(call) = &expr.node else { return None };
        let is_star = |e: &ir::Expr| matches!(e.node, ir::ExprNode::Star { .. });
        if !call.distinct || !call.args.iter().any(is_star) {
            return None;
        }
        let mut call = call.clone();
        let mut args = vec![];
        for arg in std::mem::take(&mut call.args) {
            match is_star(&arg) {
                true => args.extend(self.star(&arg, env).ok()?.iter().map(|c| ir::Expr::column(&[&c.name]))),
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
    let mut typed = ResolvedExpr::new(column(&c.id), to_arrow(&c.data_type), c.nullable);
    typed.event_delay = c.event_delay;
    if crate::interval_fields::holds_fields(&c.data_type) {
        typed.spark = Some(c.data_type.clone());
    }
    typed
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
fn computed_once<'e>(seen: Seen<'e>, env: &ExprScope) -> Result<Seen<'e>> {
    if !seen.typed.volatile {
        return Ok(seen);
    }
    // Both are evaluated below the operator that computes the outputs, so the output's column does not exist there.
    if matches!(env.clause, Clause::Having | Clause::Qualify) {
        let what = format!("an alias of a nondeterministic expression in {}", env.clause.name());
        return Err(Error::unsupported(what));
    }
    let typed =
        ResolvedExpr { expr: column(&seen.column.id), volatile: false, fallible: false, ..seen.typed };
    Ok(Seen { typed, ..seen })
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
    let typed = outputs.definition(&column.id).cloned();
    Ok(typed.map(|typed| Seen { column, typed, qualifier_len }))
}
