//! `IDENTIFIER(…)`: a name that a constant text holds.
//!
//! The text may be joined of literals and of the arguments of the statement. Its value has to be known here, since it
//! determines which table, column or function is meant.

use super::{Parser, parse_name};
use crate::ir::{Arguments, Expr, ExprNode, FunctionCall, Literal, Name, ParameterMarker};
use thalweg_common::Result;

impl Parser<'_> {
    /// `IDENTIFIER(text)`, where `text` is `'a.b'`, `:name`, `?`, or several of them joined by `||` or `concat`.
    pub(super) fn identifier_clause(&mut self) -> Result<Name> {
        let at = self.pos;
        self.advance();
        self.expect_symbol("(")?;
        let text = self.expression()?;
        self.expect_symbol(")")?;
        match constant(&text, self.source.arguments) {
            Some(text) => parse_name(&text),
            None => Err(self.unsupported_at("IDENTIFIER over anything but a constant string", at)),
        }
    }
}

/// Returns the value of an expression of string literals and arguments; none for any other.
fn constant(expr: &Expr, arguments: Option<&Arguments>) -> Option<String> {
    match &expr.node {
        ExprNode::Literal(Literal::String(text)) => Some(text.clone()),
        // An argument is a constant of its own, without markers.
        ExprNode::Parameter(marker) => constant(argument(marker, arguments?)?, None),
        ExprNode::Function(call) if joins(call) => {
            call.args.iter().map(|part| constant(part, arguments)).collect()
        }
        _ => None,
    }
}

fn argument<'a>(marker: &ParameterMarker, arguments: &'a Arguments) -> Option<&'a Expr> {
    match marker {
        ParameterMarker::Named(name) => {
            arguments.named.iter().find(|(n, _)| n == name).map(|(_, value)| value)
        }
        ParameterMarker::Positional(number) => arguments.positional.get(*number),
    }
}

fn joins(call: &FunctionCall) -> bool {
    matches!(call.name.as_slice(), [name] if name == "||" || name.eq_ignore_ascii_case("concat"))
}
