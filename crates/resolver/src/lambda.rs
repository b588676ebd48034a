//! Calls with lambdas: parameters, bodies and types of `transform`, `filter`, `aggregate` and their kin.
//!
//! A parameter is a column of an id of its own, which only the body knows. The functions of maps are said by those
//! of arrays. Aggregates, windows and subqueries have no place in a body.

use crate::clause::Clause;
use crate::errors::analysis;
use crate::expr_scope::{ExprScope, ResolvedExpr};
use crate::function::{CallOf, exactly};
use crate::{Resolver, column};
use arrow::datatypes::{DataType as Arrow, Field};
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::Expr;
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_functions::lambda::{Call, Lambda, LambdaKind, call};
use thalweg_functions::{Bound, LambdaForm};
use thalweg_sql::ir::{self, ExprNode, FunctionCall};
use thalweg_values::names::same_name;

/// A resolved lambda.
struct Body {
    lambda: Lambda,
    resolved: ResolvedExpr,
}

/// Whether a call has a lambda.
pub(crate) fn takes_lambda(call: &FunctionCall) -> bool {
    call.args.iter().any(|a| matches!(a.node, ExprNode::Lambda { .. }))
}

impl Resolver<'_> {
    /// The value of a parameter of a lambda around.
    pub(crate) fn lambda_variable(&self, name: &str) -> Result<ResolvedExpr> {
        let variables = self.lambda_variables.borrow();
        // The search goes from the innermost lambda outwards: a parameter hides those of its name around it.
        let found = variables.iter().rev().find(|(n, _)| same_name(n, name)).map(|(_, t)| t.clone());
        found.ok_or_else(|| Error::unsupported(format!("the parameter {name} outside of its lambda")))
    }

    pub(crate) fn higher_order(
        &self,
        form: LambdaForm,
        of: CallOf,
        expr_scope: &ExprScope,
    ) -> Result<ResolvedExpr> {
        use LambdaForm::{
            Exists, Filter, Fold, ForAll, MapFilter, Transform, TransformKeys, TransformValues, ZipWith,
        };
        let (name, call) = (of.function.name(), of.call);
        self.plain(name, call)?;
        match (form, call.args.as_slice()) {
            (Transform, [list, f]) => self.transform(list, f, expr_scope),
            (Filter, [list, f]) => {
                let list = self.list_argument(name, list, expr_scope)?;
                let body = self.predicate_body(name, f, vec![element(&list), place()], expr_scope)?;
                let (returns, nullable) = (list.data_type.clone(), list.nullable);
                Ok(self.applied(LambdaKind::Filter, vec![list], vec![body], (returns, nullable)))
            }
            (Exists | ForAll, [list, f]) => {
                let kind = if form == Exists { LambdaKind::Exists } else { LambdaKind::ForAll };
                let list = self.list_argument(name, list, expr_scope)?;
                let body = self.predicate_body(name, f, vec![element(&list)], expr_scope)?;
                let nullable = list.nullable || body.resolved.nullable;
                Ok(self.applied(kind, vec![list], vec![body], (Arrow::Boolean, nullable)))
            }
            (Fold, [list, start, merge, finish @ ..]) if finish.len() < 2 => {
                self.fold(name, [list, start, merge], finish.first(), expr_scope)
            }
            (ZipWith, [left, right, f]) => {
                let sides = [
                    self.list_argument(name, left, expr_scope)?,
                    self.list_argument(name, right, expr_scope)?,
                ];
                self.zipped(sides, f, expr_scope)
            }
            (MapFilter, [map, f]) => self.map_filter(name, map, f, expr_scope),
            (TransformKeys, [map, f]) => self.over_map(map, f, expr_scope, |_, values, made| [made, values]),
            (TransformValues, [map, f]) => self.over_map(map, f, expr_scope, |keys, _, made| [keys, made]),
            (
                Transform | Filter | Exists | ForAll | Fold | ZipWith | MapFilter | TransformKeys
                | TransformValues,
                _,
            ) => Err(Error::internal(format!(
                "a call of {name} has a number of arguments that its entry does not allow"
            ))),
        }
    }

    fn transform(&self, list: &ir::Expr, f: &ir::Expr, expr_scope: &ExprScope) -> Result<ResolvedExpr> {
        let list = self.list_argument("transform", list, expr_scope)?;
        let body = self.body(f, vec![element(&list), place()], 1, expr_scope)?;
        let nullable = list.nullable;
        let returns = list_of(&body.resolved);
        Ok(self.applied(LambdaKind::Transform, vec![list], vec![body], (returns, nullable)))
    }

    fn zipped(&self, sides: [ResolvedExpr; 2], f: &ir::Expr, expr_scope: &ExprScope) -> Result<ResolvedExpr> {
        // The shorter array is filled up with nulls.
        let values = sides.iter().map(|s| ResolvedExpr { nullable: true, ..element(s) }).collect();
        let body = self.body(f, values, 2, expr_scope)?;
        let nullable = sides.iter().any(|s| s.nullable);
        let returns = list_of(&body.resolved);
        Ok(self.applied(LambdaKind::Zip, sides.to_vec(), vec![body], (returns, nullable)))
    }

    fn fold(
        &self,
        name: &str,
        [list, start, merge]: [&ir::Expr; 3],
        finish: Option<&ir::Expr>,
        expr_scope: &ExprScope,
    ) -> Result<ResolvedExpr> {
        let list = self.list_argument(name, list, expr_scope)?;
        let start = self.expr(start, expr_scope)?;
        // The start may be no null, but a step may return one.
        let state = ResolvedExpr { nullable: true, event_delay: None, fallible: false, ..start.clone() };
        let step = self.body(merge, vec![state.clone(), element(&list)], 2, expr_scope)?;
        if step.resolved.data_type != start.data_type {
            let text = format!(
                "Cannot resolve \"{name}\" due to data type mismatch: The third parameter requires the \"{}\" type, however \
                 the lambda function has the type \"{}\".",
                start.type_name(),
                step.resolved.type_name()
            );
            return Err(
                self.at(analysis("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", "42K09", text), merge.origin)
            );
        }
        let last = match finish {
            Some(finish) => self.body(finish, vec![state], 1, expr_scope)?,
            None => {
                let id = self.new_id();
                let resolved = ResolvedExpr { expr: column(&id), ..state };
                Body { lambda: Lambda { parameters: vec![id], body: resolved.expr.clone() }, resolved }
            }
        };
        let returns = last.resolved.data_type.clone();
        Ok(self.applied(LambdaKind::Fold, vec![list, start], vec![step, last], (returns, true)))
    }

    fn map_filter(
        &self,
        name: &str,
        map: &ir::Expr,
        f: &ir::Expr,
        expr_scope: &ExprScope,
    ) -> Result<ResolvedExpr> {
        let map = self.expr(map, expr_scope)?;
        let entries = self.scalar("map_entries", vec![map])?;
        let id = self.new_id();
        // One parameter stands for the entry, whose fields are the key and the value, so the entries are filtered as an
        // array.
        let entry = ResolvedExpr { expr: column(&id), ..element(&entries) };
        let sides = vec![self.field(entry.clone(), "key")?, self.field(entry, "value")?];
        let mut body = self.bound_body(f, sides, 2, expr_scope)?;
        self.require_boolean(name, f, &body.resolved)?;
        body.lambda.parameters = vec![id];
        let (returns, nullable) = (entries.data_type.clone(), entries.nullable);
        let kept = self.applied(LambdaKind::Filter, vec![entries], vec![body], (returns, nullable));
        self.scalar("map_from_entries", vec![kept])
    }

    /// The map of the arrays that `sides` chooses from its keys, its values, and what a lambda makes of the pairs.
    fn over_map(
        &self,
        map: &ir::Expr,
        f: &ir::Expr,
        expr_scope: &ExprScope,
        sides: fn(ResolvedExpr, ResolvedExpr, ResolvedExpr) -> [ResolvedExpr; 2],
    ) -> Result<ResolvedExpr> {
        // The map occurs twice, for its keys and for its values.
        self.once(vec![self.expr(map, expr_scope)?], |args| {
            let [map] = exactly(args)?;
            let keys = self.scalar("map_keys", vec![map.clone()])?;
            let values = self.scalar("map_values", vec![map])?;
            let made = self.zipped([keys.clone(), values.clone()], f, expr_scope)?;
            self.scalar("map_from_arrays", sides(keys, values, made).to_vec())
        })
    }

    fn list_argument(&self, name: &str, arg: &ir::Expr, expr_scope: &ExprScope) -> Result<ResolvedExpr> {
        let resolved = self.expr(arg, expr_scope)?;
        if matches!(resolved.data_type, Arrow::List(_)) {
            return Ok(resolved);
        }
        let text = format!(
            "Cannot resolve \"{name}\" due to data type mismatch: The first parameter requires the \"ARRAY\" type, \
             however \"{}\" has the type \"{}\".",
            self.name_of(arg, expr_scope),
            resolved.type_name()
        );
        Err(self.at(analysis("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", "42K09", text), arg.origin))
    }

    fn predicate_body(
        &self,
        name: &str,
        f: &ir::Expr,
        values: Vec<ResolvedExpr>,
        expr_scope: &ExprScope,
    ) -> Result<Body> {
        let body = self.body(f, values, 1, expr_scope)?;
        self.require_boolean(name, f, &body.resolved)?;
        Ok(body)
    }

    fn require_boolean(&self, name: &str, f: &ir::Expr, resolved: &ResolvedExpr) -> Result<()> {
        if resolved.data_type == Arrow::Boolean {
            return Ok(());
        }
        let text = format!(
            "Cannot resolve \"{name}\" due to data type mismatch: The second parameter requires the \"BOOLEAN\" type, \
             however the lambda function has the type \"{}\".",
            resolved.type_name()
        );
        Err(self.at(analysis("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", "42K09", text), f.origin))
    }

    /// A lambda over values of these types, each a column of a new id; at least `min` of them are named.
    fn body(
        &self,
        f: &ir::Expr,
        values: Vec<ResolvedExpr>,
        min: usize,
        expr_scope: &ExprScope,
    ) -> Result<Body> {
        let ids = self.parameter_ids(f, values.len());
        let columns = values.into_iter().zip(&ids).map(|(v, id)| ResolvedExpr {
            expr: column(id),
            fallible: false,
            volatile: false,
            event_delay: None,
            ..v
        });
        let mut body = self.bound_body(f, columns.collect(), min, expr_scope)?;
        body.lambda.parameters = ids;
        Ok(body)
    }

    /// Returns the ids of a lambda's parameters: the same for lambdas that are the same text, so that equal expressions
    /// are equal, as a key of GROUP BY and an item of the select list.
    fn parameter_ids(&self, f: &ir::Expr, values: usize) -> Vec<String> {
        let mut lambda = f.clone();
        lambda.clear_origins();
        let mut known = self.lambdas.borrow_mut();
        if let Some((_, ids)) = known.iter().find(|(other, ids)| ids.len() == values && *other == lambda) {
            return ids.clone();
        }
        let ids: Vec<String> = (0..values).map(|_| self.new_id()).collect();
        known.push((lambda, ids.clone()));
        ids
    }

    /// A lambda whose parameters stand for these values.
    fn bound_body(
        &self,
        f: &ir::Expr,
        values: Vec<ResolvedExpr>,
        min: usize,
        expr_scope: &ExprScope,
    ) -> Result<Body> {
        let ExprNode::Lambda { parameters, body } = &f.node else {
            return Err(self.at(Error::unsupported("a function in the place of a lambda"), f.origin));
        };
        if parameters.len() < min || parameters.len() > values.len() {
            let text = format!(
                "Invalid lambda function call. A higher order function expects {} arguments, but got {}.",
                parameters.len(),
                values.len()
            );
            return Err(
                self.at(analysis("INVALID_LAMBDA_FUNCTION_CALL.NUM_ARGS_MISMATCH", "42K0D", text), f.origin)
            );
        }
        let before = self.lambda_variables.borrow().len();
        self.lambda_variables.borrow_mut().extend(parameters.iter().cloned().zip(values));
        let expr_scope = ExprScope {
            aggregates: false,
            windows: false,
            calls: None,
            clause: Clause::Lambda,
            ..*expr_scope
        };
        let resolved = self.expr(body, &expr_scope);
        // The parameters are removed before an error is returned: a caller may go on after one, as `is_map` does.
        self.lambda_variables.borrow_mut().truncate(before);
        let resolved = resolved?;
        // The optimizer does not see a body, so nothing would convert a subquery in it to a join.
        if resolved.expr.exists(|e| Ok(is_foreign(e))).unwrap_or(true) {
            return Err(self.at(
                Error::unsupported("a subquery, or a column of the query around, in a lambda"),
                f.origin,
            ));
        }
        Ok(Body { lambda: Lambda { parameters: vec![], body: resolved.expr.clone() }, resolved })
    }

    /// The call, of that type and nullability.
    fn applied(
        &self,
        kind: LambdaKind,
        args: Vec<ResolvedExpr>,
        bodies: Vec<Body>,
        of: (Arrow, bool),
    ) -> ResolvedExpr {
        let (returns, nullable) = of;
        let fallible = bodies.iter().any(|b| b.resolved.fallible);
        let expr = call(Call {
            kind,
            args: args.iter().map(|a| a.expr.clone()).collect(),
            lambdas: bodies.into_iter().map(|b| b.lambda).collect(),
            returns: returns.clone(),
            fallible,
        });
        self.finished(Bound { expr, data_type: returns, nullable, fallible }, &args)
    }
}

fn is_foreign(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) | Expr::OuterReferenceColumn(..)
    )
}

/// An element of an array.
fn element(list: &ResolvedExpr) -> ResolvedExpr {
    let (data_type, nullable) = match &list.data_type {
        Arrow::List(field) => (field.data_type().clone(), field.is_nullable()),
        other => (other.clone(), true),
    };
    ResolvedExpr::new(list.expr.clone(), data_type, nullable)
}

/// An element's place in its array, from 0.
fn place() -> ResolvedExpr {
    ResolvedExpr::new(datafusion::logical_expr::lit(0_i32), Arrow::Int32, false)
}

fn list_of(element: &ResolvedExpr) -> Arrow {
    Arrow::List(Arc::new(Field::new("element", element.data_type.clone(), element.nullable)))
}
