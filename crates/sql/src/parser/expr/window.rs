//! `OVER`: named and inline windows, and the `WINDOW` clause.

use super::super::Parser;
use super::super::lexer::TokenKind;
use crate::ir::{Expr, ExprNode, FrameBound, Literal, WindowCall, WindowFrame};
use thalweg_common::{Error, ErrorKind, Result};

impl Parser<'_> {
    /// Puts the call `function` over the window that follows, if one does.
    pub(super) fn over_window(&mut self, function: Expr, start: usize) -> Result<Expr> {
        if !self.is_word("OVER") {
            return Ok(function);
        }
        let next = self.token_at(self.pos + 1);
        let is_window =
            matches!(next.kind, TokenKind::Word | TokenKind::Quoted(_)) || self.text_of(next) == "(";
        // OVER is an alias then.
        if !is_window {
            return Ok(function);
        }
        self.advance();
        let window = self.window_reference()?;
        self.grow()?;
        let window = WindowCall { function, ..window };
        Ok(self.expr_at(ExprNode::Window(Box::new(window)), start))
    }

    /// `w`, `(w)` or `(PARTITION BY … ORDER BY … frame)`. The result's function is a placeholder.
    pub(crate) fn window_reference(&mut self) -> Result<WindowCall> {
        if !self.is_symbol("(") {
            return self.named_window();
        }
        // A specification has two words at least, and `()` has none.
        let is_name = self.is_symbol_at(self.pos + 2, ")") && !self.is_symbol_at(self.pos + 1, ")");
        if is_name {
            self.advance();
            let window = self.named_window()?;
            self.expect_symbol(")")?;
            return Ok(window);
        }
        self.window_specification()
    }

    fn named_window(&mut self) -> Result<WindowCall> {
        let at = self.pos;
        let name = self.identifier()?;
        let found = self.windows.iter().rev().find(|(n, _)| n.eq_ignore_ascii_case(&name));
        found.map(|(_, window)| window.clone()).ok_or_else(|| {
            Error::new(
                ErrorKind::Analysis,
                "MISSING_WINDOW_SPECIFICATION",
                "42P20",
                format!("Window specification is not defined in the WINDOW clause for `{name}`."),
            )
            .param("windowName", name)
            .at(self.position(at, at + 1))
        })
    }

    fn window_specification(&mut self) -> Result<WindowCall> {
        self.expect_symbol("(")?;
        let (mut partition, mut order) = (vec![], vec![]);
        if self.is_words("CLUSTER BY") {
            return Err(self.unsupported("CLUSTER BY in a window"));
        }
        if self.eat_words("PARTITION BY") || self.eat_words("DISTRIBUTE BY") {
            partition = self.list(Self::expression)?;
        }
        if self.eat_words("ORDER BY") || self.eat_words("SORT BY") {
            order = self.list(Self::sort_order)?;
        }
        let frame = self.frame()?;
        self.expect_symbol(")")?;
        let function = Expr::new(ExprNode::Literal(Literal::Null(crate::types::DataType::Null)));
        Ok(WindowCall { function, partition, order, frame })
    }

    fn frame(&mut self) -> Result<Option<WindowFrame>> {
        let rows = match self.eat_any(&["ROWS", "RANGE"]) {
            Some(word) => word == "ROWS",
            None => return Ok(None),
        };
        // One bound alone is the lower one, and the current row is the upper one.
        if !self.eat("BETWEEN") {
            let lower = self.frame_bound()?;
            return Ok(Some(WindowFrame { rows, lower, upper: FrameBound::CurrentRow }));
        }
        let lower = self.frame_bound()?;
        self.expect("AND")?;
        let upper = self.frame_bound()?;
        Ok(Some(WindowFrame { rows, lower, upper }))
    }

    fn frame_bound(&mut self) -> Result<FrameBound> {
        if self.eat_words("UNBOUNDED PRECEDING") {
            return Ok(FrameBound::UnboundedPreceding);
        }
        if self.eat_words("UNBOUNDED FOLLOWING") {
            return Ok(FrameBound::UnboundedFollowing);
        }
        if self.eat_words("CURRENT ROW") {
            return Ok(FrameBound::CurrentRow);
        }
        let start = self.pos;
        let offset = self.deeper(Self::value)?;
        match self.eat_any(&["PRECEDING", "FOLLOWING"]) {
            Some("PRECEDING") => Ok(FrameBound::Value(Box::new(self.negated(offset, start)))),
            Some(_) => Ok(FrameBound::Value(Box::new(offset))),
            None => Err(self.error()),
        }
    }

    /// The offset of a bound that precedes: negative.
    fn negated(&self, offset: Expr, start: usize) -> Expr {
        self.call_at("negative", vec![offset], start)
    }
}
