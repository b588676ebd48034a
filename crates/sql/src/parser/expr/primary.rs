//! Primary expressions: literals, names, parentheses, lambdas, and what may follow them.

use super::super::lexer::TokenKind;
use super::super::{Parser, words};
use super::special::special_form;
use crate::ir::{EvalMode, Expr, ExprNode, Literal, Name, ParameterMarker, SubqueryKind};
use crate::types::DataType;
use thalweg_common::Result;
use thalweg_values::names::same_name;

impl Parser<'_> {
    /// An atom and the subscripts, fields and casts after it.
    pub(super) fn primary(&mut self) -> Result<Expr> {
        let start = self.pos;
        let mut expr = self.atom()?;
        loop {
            let node = if self.eat_symbol("[") {
                let extraction = Box::new(self.expression()?);
                self.expect_symbol("]")?;
                ExprNode::Extract { child: Box::new(expr), extraction }
            } else if self.is_symbol(".") {
                self.advance();
                let at = self.pos;
                let field = Literal::String(self.identifier()?);
                let extraction = Box::new(self.expr_at(ExprNode::Literal(field), at));
                ExprNode::Extract { child: Box::new(expr), extraction }
            } else if self.eat_symbol("::") {
                let to = self.data_type()?;
                ExprNode::Cast { expr: Box::new(expr), to, mode: EvalMode::Ansi }
            } else if self.is_word("COLLATE") && self.token_at(self.pos + 1).kind != TokenKind::Symbol {
                return Err(self.unsupported("COLLATE"));
            } else {
                return Ok(expr);
            };
            self.grow()?;
            expr = self.expr_at(node, start);
        }
    }

    fn atom(&mut self) -> Result<Expr> {
        let start = self.pos;
        let token = self.peek();
        match (&token.kind, self.text_of(token)) {
            (TokenKind::Number, _) => self.number(),
            (TokenKind::Text(_), _) => {
                let value = self.text()?;
                Ok(self.expr_at(ExprNode::Literal(Literal::String(value)), start))
            }
            (TokenKind::Quoted(_), _) => self.name_or_call(),
            (TokenKind::Word, _) => self.word(),
            // `signed` takes every other minus, so a number follows.
            (TokenKind::Symbol, "-") => self.number(),
            (TokenKind::Symbol, "(") => self.parenthesized_primary(),
            (TokenKind::Symbol, "*") => {
                self.advance();
                self.star(None, start)
            }
            (TokenKind::Symbol, "?") => {
                let number = self.markers_before(start);
                self.advance();
                Ok(self.expr_at(ExprNode::Parameter(ParameterMarker::Positional(number)), start))
            }
            (TokenKind::Symbol, ":") => {
                self.advance();
                let name = self.identifier()?;
                Ok(self.expr_at(ExprNode::Parameter(ParameterMarker::Named(name)), start))
            }
            _ => Err(self.error()),
        }
    }

    /// An atom that begins with an unquoted word.
    fn word(&mut self) -> Result<Expr> {
        let start = self.pos;
        let word = self.here().to_ascii_uppercase();
        let next = self.token_at(start + 1);
        let next_text = self.text_of(next);
        let is_call = next.kind == TokenKind::Symbol && next_text == "(";
        if is_call && let Some(form) = special_form(&word) {
            return form(self);
        }
        if matches!(next.kind, TokenKind::Text(_))
            && word != "INTERVAL"
            && words::may_be_column(&word)
            && word != "CASE"
        {
            return self.typed_literal(&word);
        }
        // Before a parenthesis, a point or an arrow, TRUE, FALSE and NULL are names.
        let continues = is_call || (next.kind == TokenKind::Symbol && matches!(next_text, "." | "->"));
        if !continues && let Some(literal) = constant(&word) {
            self.advance();
            return Ok(self.expr_at(ExprNode::Literal(literal), start));
        }
        match word.as_str() {
            "CASE" if !continues || next_text == "(" => self.case(),
            "INTERVAL" if self.is_interval() => self.interval(),
            // Keywords between operands that are functions, too.
            "BETWEEN" | "WHEN" if is_call => self.name_or_call(),
            _ if words::may_be_column(&word) => self.name_or_call(),
            _ => Err(self.error()),
        }
    }

    /// A name: then a star, a call, a lambda or a column.
    fn name_or_call(&mut self) -> Result<Expr> {
        let start = self.pos;
        if self.is_word("IDENTIFIER") && self.is_symbol_at(self.pos + 1, "(") {
            let name = self.name()?;
            return self.after_name(name, start);
        }
        let mut name = vec![self.identifier()?];
        while self.eat_symbol(".") {
            if self.eat_symbol("*") {
                return self.star(Some(name), start);
            }
            name.push(self.identifier()?);
        }
        self.after_name(name, start)
    }

    fn after_name(&mut self, name: Name, start: usize) -> Result<Expr> {
        if self.is_symbol("(") {
            return self.call(name, start);
        }
        if self.is_symbol("->") && name.len() == 1 {
            return self.lambda(name, start);
        }
        Ok(self.column(name, start))
    }

    /// A column, or a parameter of a lambda around it.
    fn column(&self, name: Name, start: usize) -> Expr {
        // A parameter hides a column of its name, which the parser does not know.
        let parameter =
            name.first().filter(|first| self.lambda_parameters.iter().any(|p| same_name(p, first)));
        let Some(parameter) = parameter else {
            return self.expr_at(ExprNode::Attribute { name, plan_id: None }, start);
        };
        let mut expr = self.expr_at(ExprNode::LambdaVariable(parameter.clone()), start);
        for field in name.iter().skip(1) {
            let extraction = Box::new(Expr::new(ExprNode::Literal(Literal::String(field.clone()))));
            expr = self.expr_at(ExprNode::Extract { child: Box::new(expr), extraction }, start);
        }
        expr
    }

    /// `*` with its `EXCEPT (columns)`.
    fn star(&mut self, target: Option<Name>, start: usize) -> Result<Expr> {
        let mut except = vec![];
        // `SELECT * EXCEPT (SELECT …)` is a set operation.
        if self.is_word("EXCEPT")
            && self.is_symbol_at(self.pos + 1, "(")
            && !self.is_query_in_parentheses(self.pos + 1)
        {
            self.advance();
            except = self.parenthesized(Self::name)?;
        }
        Ok(self.expr_at(ExprNode::Star { target, plan_id: None, except }, start))
    }

    /// A phrase in parentheses: a subquery, a lambda's parameters, a row or an expression.
    fn parenthesized_primary(&mut self) -> Result<Expr> {
        let start = self.pos;
        if self.is_query_in_parentheses(start) {
            let relation = Box::new(self.parenthesized_query()?);
            let node = ExprNode::Subquery { kind: SubqueryKind::Scalar, relation };
            return Ok(self.expr_at(node, start));
        }
        // The arrow behind the parentheses decides, since parameters look like columns.
        if self.after_bracket(start).is_some_and(|after| self.is_symbol_at(after, "->")) {
            let parameters = self.parenthesized(Self::identifier)?;
            return self.lambda(parameters, start);
        }
        let mut items = self.parenthesized(Self::named_expression)?;
        // `(a AS x)` is a row as well, whose field has this name.
        let is_row = items.len() > 1 || items.iter().any(|e| matches!(e.node, ExprNode::Alias { .. }));
        match items.pop() {
            Some(only) if !is_row => Ok(only),
            Some(last) => {
                items.push(last);
                self.grow()?;
                Ok(self.call_at("struct", items, start))
            }
            None => Err(self.error()),
        }
    }

    /// `x -> body`, `(x, y) -> body`; the parameters are read already.
    fn lambda(&mut self, parameters: Vec<String>, start: usize) -> Result<Expr> {
        self.expect_symbol("->")?;
        let outer = self.lambda_parameters.len();
        self.lambda_parameters.extend(parameters.iter().cloned());
        let body = self.expression();
        self.lambda_parameters.truncate(outer);
        Ok(self.expr_at(ExprNode::Lambda { parameters, body: Box::new(body?) }, start))
    }

    /// An expression of a select list: `expr [AS] name`, `expr AS (a, b)`.
    pub(crate) fn named_expression(&mut self) -> Result<Expr> {
        let start = self.pos;
        let expr = self.expression()?;
        let names = if self.eat("AS") {
            if self.is_symbol("(") { self.parenthesized(Self::identifier)? } else { vec![self.identifier()?] }
        } else {
            self.bare_alias().into_iter().collect()
        };
        if names.is_empty() {
            return Ok(expr);
        }
        Ok(self.expr_at(ExprNode::Alias { expr: Box::new(expr), names, metadata: None }, start))
    }
}

fn constant(word: &str) -> Option<Literal> {
    match word {
        "TRUE" => Some(Literal::Boolean(true)),
        "FALSE" => Some(Literal::Boolean(false)),
        "NULL" => Some(Literal::Null(DataType::Null)),
        _ => None,
    }
}
