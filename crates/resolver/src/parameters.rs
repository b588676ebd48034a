//! Resolves SQL text inside a query, and its `?` and `:name` markers.

use crate::errors::analysis;
use crate::expr_scope::{ExprScope, ResolvedExpr};
use crate::scope::Scope;
use crate::{ResolvedRelation, Resolver};
use std::rc::Rc;
use thalweg_common::{Error, Result};
use thalweg_sql::ir::{self, Literal, Origin};

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
        let rel = self.relation(query, outer);
        // The state is restored also after an error, since a caller may try another reading of the query.
        self.arguments.replace(arguments);
        self.text.replace(text);
        rel
    }

    /// Returns the argument of a marker. Arguments are constants: they cannot use columns.
    pub(crate) fn parameter(
        &self,
        name: Option<&str>,
        origin: Origin,
        env: &ExprScope,
    ) -> Result<ResolvedExpr> {
        let arguments = self.arguments.borrow().clone();
        let argument = arguments.as_deref().and_then(|a| match name {
            Some(name) => a.named.iter().find(|(n, _)| n == name).map(|(_, e)| e),
            None => a.positional.get(self.marker_index(origin)?),
        });
        let argument = argument.ok_or_else(|| unbound(name, origin))?;
        // The scope is empty, so any column in an argument is unresolved.
        let scope = Scope::default();
        let env = ExprScope { clause: env.clause, ..ExprScope::new(&scope, None) };
        match &argument.node {
            // An argument is like a literal in the text, where a decimal has the digits that are written.
            ir::ExprNode::Literal(Literal::Decimal { unscaled, precision: _, scale }) => {
                let digits = unscaled.unsigned_abs().checked_ilog10().map_or(1, |log| log + 1);
                let precision = digits.max(scale.unsigned_abs().into()).try_into().unwrap_or(u8::MAX);
                let written = Literal::Decimal { unscaled: *unscaled, precision, scale: *scale };
                self.expr(&ir::Expr::new(ir::ExprNode::Literal(written)), &env)
            }
            _ => self.expr(argument, &env),
        }
    }

    /// Returns the number of `?` markers before this one.
    fn marker_index(&self, origin: Origin) -> Option<usize> {
        // The IR does not number `?` markers, so a marker is found by its place in the text.
        let start = origin?.start as usize;
        markers(self.text.borrow().as_deref()?).iter().position(|m| *m == start)
    }
}

fn unbound(name: Option<&str>, origin: Origin) -> Error {
    let name = name.map_or_else(|| format!("_{}", origin.map_or(0, |s| s.start)), str::to_owned);
    let text = format!(
        "Found the unbound parameter: {name}. Please, fix `args` and provide a mapping of the parameter to \
         either a SQL literal or collection constructor functions such as `map()`, `array()`, `struct()`."
    );
    analysis("UNBOUND_SQL_PARAMETER", "42P02", text).param("name", name)
}

/// Returns the positions of the `?` markers of a text in characters, without those in quotes and comments.
fn markers(text: &str) -> Vec<usize> {
    let chars: Vec<char> = text.chars().collect();
    let at = |i: usize| chars.get(i).copied();
    let mut found = vec![];
    let mut i = 0;
    while let Some(c) = at(i) {
        i = match (c, at(i + 1)) {
            ('-', Some('-')) => past(&chars, i + 2, &['\n']),
            ('/', Some('*')) => past(&chars, i + 2, &['*', '/']),
            ('\'' | '"' | '`', _) => past_quoted(&chars, i + 1, c),
            ('?', _) => {
                found.push(i);
                i + 1
            }
            _ => i + 1,
        };
    }
    found
}

/// Returns the position after the next occurrence of `end`, or the text's end.
fn past(chars: &[char], from: usize, end: &[char]) -> usize {
    let rest = chars.get(from..).unwrap_or_default();
    rest.windows(end.len()).position(|w| w == end).map_or(chars.len(), |n| from + n + end.len())
}

fn past_quoted(chars: &[char], from: usize, quote: char) -> usize {
    let mut i = from;
    while let Some(c) = chars.get(i) {
        i += match c {
            '\\' if quote != '`' => 2,
            c if *c == quote => return i + 1,
            _ => 1,
        };
    }
    i
}

#[cfg(test)]
mod tests {
    use super::markers;

    #[test]
    fn markers_in_quotes_and_comments_are_none() {
        assert_eq!(markers("? '?' \"\\\"?\" `?` -- ?\n ? /* ? */ ?"), [0, 22, 32]);
    }
}
