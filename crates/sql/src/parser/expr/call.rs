//! Function calls and the clauses after their parentheses.

use super::super::Parser;
use super::super::lexer::TokenKind;
use crate::ir::{Expr, ExprNode, FunctionCall, Name, SortOrder};
use thalweg_common::Result;

impl Parser<'_> {
    /// `name([DISTINCT] args …) [WITHIN GROUP …] [FILTER …] [IGNORE NULLS] [OVER …]`; the current token is the
    /// parenthesis.
    pub(super) fn call(&mut self, name: Name, start: usize) -> Result<Expr> {
        self.expect_symbol("(")?;
        let distinct = self.quantifier();
        let mut args = vec![];
        if !self.is_symbol(")") {
            args = self.list(Self::argument)?;
        }
        let inner_nulls = self.nulls_option();
        self.expect_symbol(")")?;
        let order_within = self.within_group()?;
        let filter = self.filter_clause()?;
        // Spark takes the option inside of the parentheses and behind them.
        let ignore_nulls = inner_nulls.or_else(|| self.nulls_option());
        let call = FunctionCall { name, args, distinct, filter, order_within, ignore_nulls };
        let expr = self.expr_at(ExprNode::Function(call), start);
        self.over_window(expr, start)
    }

    /// `DISTINCT` (true) or `ALL`; `all` alone may also be a column.
    fn quantifier(&mut self) -> bool {
        if self.eat("DISTINCT") {
            return true;
        }
        let next = self.token_at(self.pos + 1);
        if self.is_word("ALL") && !(next.kind == TokenKind::Symbol && self.text_of(next) != "(") {
            self.advance();
        }
        false
    }

    /// An argument: `name => value` or an expression.
    fn argument(&mut self) -> Result<Expr> {
        let start = self.pos;
        let named = self.is_symbol_at(self.pos + 1, "=>");
        let value_at = if named { self.pos + 2 } else { self.pos };
        if self.is_word_at(value_at, "TABLE") && self.is_symbol_at(value_at + 1, "(") {
            return Err(self.unsupported_at("a TABLE as argument", value_at));
        }
        if !named {
            return self.expression();
        }
        let name = self.identifier()?;
        self.advance();
        let value = Box::new(self.expression()?);
        Ok(self.expr_at(ExprNode::NamedArgument { name, value }, start))
    }

    /// Arguments of a table-valued function, parentheses included.
    pub(crate) fn arguments(&mut self) -> Result<Vec<Expr>> {
        self.expect_symbol("(")?;
        let args = if self.is_symbol(")") { vec![] } else { self.list(Self::argument)? };
        self.expect_symbol(")")?;
        Ok(args)
    }

    fn nulls_option(&mut self) -> Option<bool> {
        if self.eat_words("IGNORE NULLS") {
            return Some(true);
        }
        self.eat_words("RESPECT NULLS").then_some(false)
    }

    fn within_group(&mut self) -> Result<Vec<SortOrder>> {
        if !self.eat_words("WITHIN GROUP") {
            return Ok(vec![]);
        }
        self.expect_symbol("(")?;
        self.expect("ORDER")?;
        self.expect("BY")?;
        let order = self.list(Self::sort_order)?;
        self.expect_symbol(")")?;
        Ok(order)
    }

    fn filter_clause(&mut self) -> Result<Option<Box<Expr>>> {
        // Without a parenthesis FILTER is an alias.
        if !(self.is_word("FILTER") && self.is_symbol_at(self.pos + 1, "(")) {
            return Ok(None);
        }
        self.pos += 2;
        self.expect("WHERE")?;
        let condition = self.expression()?;
        self.expect_symbol(")")?;
        Ok(Some(Box::new(condition)))
    }

    /// `expr [ASC|DESC] [NULLS FIRST|LAST]`.
    pub(crate) fn sort_order(&mut self) -> Result<SortOrder> {
        let expr = self.expression()?;
        let descending = self.eat_any(&["ASC", "DESC"]) == Some("DESC");
        let nulls_first = if self.eat("NULLS") {
            match self.eat_any(&["FIRST", "LAST"]) {
                Some(word) => Some(word == "FIRST"),
                None => return Err(self.error()),
            }
        } else {
            None
        };
        Ok(SortOrder { expr, descending, nulls_first })
    }
}
