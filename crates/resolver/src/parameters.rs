//! Resolves SQL text inside a query, and its `?` and `:name` markers.

use crate::errors::analysis;
use crate::expr_scope::{ExprScope, ResolvedExpr};
use crate::scope::Scope;
use crate::{ResolvedRelation, Resolver};
use std::rc::Rc;
use thalweg_common::{Error, Result};
use thalweg_sql::ir::{self, Literal, Origin, ParameterMarker};

impl Resolver<'_> {
    /// Resolves the query of an SQL text, with the text that its origins refer to and the arguments of its markers.
    pub(crate) fn sql_query(
        &self,
        (text, query): (&str, &ir::Relation),
        (positional, named): (&[ir::Expr], &[(String, ir::Expr)]),
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        let arguments = ir::Arguments { positional: positional.to_vec(), named: named.to_vec() };
        let text = self.text.replace(Some(text.into()));
        let arguments = self.arguments.replace(Some(Rc::new(arguments)));
        let relation = self.relation(query, outer);
        // The state is restored also after an error, since a caller may try another reading of the query.
        self.arguments.replace(arguments);
        self.text.replace(text);
        relation
    }

    /// Returns the argument of a marker. Arguments are constants: they cannot use columns.
    pub(crate) fn parameter(
        &self,
        marker: &ParameterMarker,
        origin: Origin,
        expr_scope: &ExprScope,
    ) -> Result<ResolvedExpr> {
        let arguments = self.arguments.borrow().clone();
        let argument = arguments.as_deref().and_then(|a| match marker {
            ParameterMarker::Named(name) => a.named.iter().find(|(n, _)| n == name).map(|(_, e)| e),
            ParameterMarker::Positional(number) => a.positional.get(*number),
        });
        let argument = argument.ok_or_else(|| unbound(marker, origin))?;
        // The scope is empty, so any column in an argument is unresolved.
        let scope = Scope::default();
        let expr_scope = ExprScope { clause: expr_scope.clause, ..ExprScope::new(&scope, None) };
        match &argument.node {
            // An argument is like a literal in the text, where a decimal has the digits that are written.
            ir::ExprNode::Literal(Literal::Decimal { unscaled, precision: _, scale }) => {
                let digits = unscaled.unsigned_abs().checked_ilog10().map_or(1, |log| log + 1);
                let precision = digits.max(scale.unsigned_abs().into()).try_into().unwrap_or(u8::MAX);
                let written = Literal::Decimal { unscaled: *unscaled, precision, scale: *scale };
                self.expr(&ir::Expr::new(ir::ExprNode::Literal(written)), &expr_scope)
            }
            _ => self.expr(argument, &expr_scope),
        }
    }
}

fn unbound(marker: &ParameterMarker, origin: Origin) -> Error {
    let name = match marker {
        ParameterMarker::Named(name) => name.clone(),
        // Spark names a `?` by its place in the text.
        ParameterMarker::Positional(_) => format!("_{}", origin.map_or(0, |s| s.start)),
    };
    let text = format!(
        "Found the unbound parameter: {name}. Please, fix `args` and provide a mapping of the parameter to \
         either a SQL literal or collection constructor functions such as `map()`, `array()`, `struct()`."
    );
    analysis("UNBOUND_SQL_PARAMETER", "42P02", text).param("name", name)
}
