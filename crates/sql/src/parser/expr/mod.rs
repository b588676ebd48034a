//! Expressions: `OR`, `AND`, `NOT`, then predicates over values.
//!
//! The entry point is [`Parser::expression`]. Each recursion goes through it, so that its bound on the nesting holds
//! for all.

mod call;
mod literal;
mod literal_interval;
mod predicate;
mod primary;
mod special;
mod value;
mod window;

pub(super) use literal_interval::interval_words;

use super::Parser;
use crate::ir::{Expr, ExprNode, FunctionCall, Origin, Span};
use thalweg_common::Result;

impl Parser<'_> {
    /// A whole expression.
    pub(crate) fn expression(&mut self) -> Result<Expr> {
        self.deeper(Self::disjunction)
    }

    fn disjunction(&mut self) -> Result<Expr> {
        // Terms become leaves of a balanced tree, so a chain counts as high as its highest term.
        let mut terms = vec![self.beside(Self::conjunction)?];
        while self.eat("OR") {
            terms.push(self.beside(Self::conjunction)?);
        }
        Ok(balance("or", terms))
    }

    fn conjunction(&mut self) -> Result<Expr> {
        let mut terms = vec![self.beside(Self::negation)?];
        while self.eat("AND") {
            terms.push(self.beside(Self::negation)?);
        }
        Ok(balance("and", terms))
    }

    /// `NOT` and `!` have a lower precedence than comparisons.
    fn negation(&mut self) -> Result<Expr> {
        // This is a loop, so that a chain of NOTs takes no stack here; `grow` bounds the tree that it makes.
        let mut starts = vec![];
        while self.is_word("NOT") || self.is_symbol("!") {
            starts.push(self.pos);
            self.advance();
        }
        let mut expr = self.predicate()?;
        for start in starts.into_iter().rev() {
            self.grow()?;
            expr = self.call_at("not", vec![expr], start);
        }
        Ok(expr)
    }
}

/// Combines terms into a tree of the least height, split as Spark splits it: a thousand conjuncts nest ten deep.
fn balance(name: &str, mut terms: Vec<Expr>) -> Expr {
    if terms.len() > 1 {
        // Both halves have a term at least, so the recursion ends.
        let right = terms.split_off(terms.len().div_ceil(2));
        return join(name, balance(name, terms), balance(name, right));
    }
    terms.pop().unwrap_or_else(|| Expr::call(name, vec![]))
}

fn join(name: &str, left: Expr, right: Expr) -> Expr {
    let origin = cover(left.origin, right.origin);
    Expr::at(ExprNode::Function(FunctionCall::new(name, vec![left, right])), origin)
}

fn cover(left: Origin, right: Origin) -> Origin {
    let (left, right) = (left?, right?);
    Some(Span { start: left.start, stop: right.stop })
}
