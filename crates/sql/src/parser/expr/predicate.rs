//! Predicates after a value: BETWEEN, IN, LIKE and its variants, IS.

use super::super::Parser;
use super::balance;
use crate::ir::{Child, Expr, ExprNode, Literal, SubqueryKind};
use thalweg_common::{Error, Result};

impl Parser<'_> {
    /// A value and at most one predicate on it; `EXISTS (query)` is one by itself.
    pub(super) fn predicate(&mut self) -> Result<Expr> {
        let start = self.pos;
        // Without a query in the parentheses this is the function over arrays.
        if self.is_word("EXISTS") && self.is_query_in_parentheses(self.pos + 1) {
            self.advance();
            let relation = Box::new(self.parenthesized_query()?);
            let node = ExprNode::Subquery { kind: SubqueryKind::Exists, relation };
            return Ok(self.expr_at(node, start));
        }
        let value = self.value()?;
        if self.eat("IS") {
            self.grow()?;
            return self.is_predicate(value, start);
        }
        let not_at = self.pos;
        let negated = self.eat("NOT");
        let Some(word) = self.eat_any(&["BETWEEN", "IN", "LIKE", "ILIKE", "RLIKE", "REGEXP"]) else {
            // NOT without a predicate behind it is not part of this value.
            self.pos = not_at;
            return Ok(value);
        };
        self.grow()?;
        let tested = Tested { value, start, negated };
        match word {
            "BETWEEN" => self.between(tested),
            "IN" => self.membership(tested),
            "LIKE" => self.like("like", tested),
            "ILIKE" => self.like("ilike", tested),
            _ => {
                let pattern = self.value()?;
                self.tested("rlike", vec![tested.value, pattern], tested.start, tested.negated)
            }
        }
    }

    /// The call of a predicate, inside `not` if it was negated.
    fn tested(&mut self, name: &str, args: Vec<Expr>, start: usize, negated: bool) -> Result<Expr> {
        let call = self.call_at(name, args, start);
        if !negated {
            return Ok(call);
        }
        self.grow()?;
        Ok(self.call_at("not", vec![call], start))
    }

    fn between(&mut self, tested: Tested) -> Result<Expr> {
        // A bound is a value and not an expression, which would take the AND between the bounds.
        let lower = self.value()?;
        self.expect("AND")?;
        let upper = self.value()?;
        self.tested("between", vec![tested.value, lower, upper], tested.start, tested.negated)
    }

    fn membership(&mut self, tested: Tested) -> Result<Expr> {
        if self.is_query_in_parentheses(self.pos) {
            let relation = Box::new(self.parenthesized_query()?);
            let kind = SubqueryKind::In { values: row_values(tested.value) };
            let expr = self.expr_at(ExprNode::Subquery { kind, relation }, tested.start);
            return Ok(if tested.negated { self.call_at("not", vec![expr], tested.start) } else { expr });
        }
        let mut args = vec![tested.value];
        args.extend(self.parenthesized(Self::expression)?);
        self.tested("in", args, tested.start, tested.negated)
    }

    /// `LIKE pattern [ESCAPE 'c']`, `LIKE ANY|SOME|ALL (…)`.
    fn like(&mut self, name: &str, tested: Tested) -> Result<Expr> {
        // ANY, SOME and ALL may be columns that hold a pattern.
        let quantified = self.is_symbol_at(self.pos + 1, "(");
        if quantified && let Some(word) = self.eat_any(&["ANY", "SOME", "ALL"]) {
            let patterns = self.parenthesized(Self::expression)?;
            // A value that holds such a predicate itself has its copies already: copies of copies grow exponentially.
            let mut left = COPIED_NODES_MAX;
            if patterns.len() > 1 && has_more_nodes(&tested.value, &mut left) {
                let what = format!("LIKE {word} of a value of more than {COPIED_NODES_MAX} parts");
                return Err(Error::unsupported(what));
            }
            let combine = if word == "ALL" { "and" } else { "or" };
            let mut tests = Vec::with_capacity(patterns.len());
            for pattern in patterns {
                let args = vec![tested.value.clone(), pattern];
                tests.push(self.tested(name, args, tested.start, tested.negated)?);
            }
            return Ok(balance(combine, tests));
        }
        let mut args = vec![tested.value, self.value()?];
        if self.eat("ESCAPE") {
            let at = self.pos;
            let escape = self.text()?;
            if escape.chars().count() != 1 {
                return Err(self.error_at(at, ": ESCAPE takes one character".to_owned()));
            }
            args.push(self.expr_at(ExprNode::Literal(Literal::String(escape)), at));
        }
        self.tested(name, args, tested.start, tested.negated)
    }

    /// The predicate after `IS`.
    fn is_predicate(&mut self, value: Expr, start: usize) -> Result<Expr> {
        let negated = self.eat("NOT");
        match self.eat_any(&["NULL", "TRUE", "FALSE", "UNKNOWN", "DISTINCT"]) {
            Some("NULL") => {
                Ok(self.call_at(if negated { "isnotnull" } else { "isnull" }, vec![value], start))
            }
            Some("UNKNOWN") => {
                Ok(self.call_at(if negated { "is not unknown" } else { "is unknown" }, vec![value], start))
            }
            Some("DISTINCT") => {
                self.expect("FROM")?;
                let right = self.value()?;
                // DISTINCT is the negation of null-safe equality, so NOT DISTINCT is the equality itself.
                self.tested("<=>", vec![value, right], start, !negated)
            }
            Some(word) => {
                let literal = ExprNode::Literal(Literal::Boolean(word == "TRUE"));
                let right = self.expr_at(literal, self.pos - 1);
                // IS TRUE is never null, unlike a comparison by `=`.
                self.tested("<=>", vec![value, right], start, negated)
            }
            None => Err(self.error()),
        }
    }
}

/// The largest number of nodes of a value that is copied for each pattern of `LIKE ANY` and `LIKE ALL`.
const COPIED_NODES_MAX: usize = 1_000;

/// Returns whether an expression has more nodes than are left.
fn has_more_nodes(expr: &Expr, left: &mut usize) -> bool {
    let Some(fewer) = left.checked_sub(1) else { return true };
    *left = fewer;
    let mut more = false;
    expr.for_each_child(&mut |child| {
        if let Child::Expr(inner) = child {
            more = more || has_more_nodes(inner, left);
        }
    });
    more
}

struct Tested {
    value: Expr,
    start: usize,
    negated: bool,
}

/// `(a, b) IN (…)` tests two values, `a IN (…)` one.
fn row_values(value: Expr) -> Vec<Expr> {
    match value.node {
        ExprNode::Function(call) if call.name == ["struct"] && !call.args.is_empty() => call.args,
        node => vec![Expr::at(node, value.origin)],
    }
}
