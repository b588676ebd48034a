//! Calls with a special grammar: CASE, CAST, EXTRACT, TRIM, SUBSTRING, POSITION, OVERLAY, STRUCT,
//! TIMESTAMPADD and TIMESTAMPDIFF.

use super::super::Parser;
use super::super::lexer::TokenKind;
use crate::ir::{CASE_OF, EvalMode, Expr, ExprNode, Literal};
use thalweg_common::Result;

/// Reads a special call, beginning with its name.
type Form<'a> = fn(&mut Parser<'a>) -> Result<Expr>;

/// Returns the special form of the upper-case `word`, if it has one.
pub(super) fn special_form<'a>(word: &str) -> Option<Form<'a>> {
    let form: Form<'a> = match word {
        "CAST" | "TRY_CAST" => Parser::cast,
        "EXTRACT" => Parser::extract,
        "TRIM" => Parser::trim,
        "SUBSTRING" | "SUBSTR" => Parser::substring,
        "POSITION" => Parser::position_of,
        "OVERLAY" => Parser::overlay,
        "STRUCT" => Parser::struct_call,
        "TIMESTAMPADD" | "DATEADD" | "DATE_ADD" | "TIMESTAMPDIFF" | "DATEDIFF" | "DATE_DIFF" => {
            Parser::unit_call
        }
        _ => return None,
    };
    Some(form)
}

/// Units that TIMESTAMPADD and TIMESTAMPDIFF take as a bare word.
const UNITS: [&str; 11] = [
    "YEAR",
    "QUARTER",
    "MONTH",
    "WEEK",
    "DAY",
    "DAYOFYEAR",
    "HOUR",
    "MINUTE",
    "SECOND",
    "MILLISECOND",
    "MICROSECOND",
];

impl Parser<'_> {
    /// `CASE WHEN … THEN … [ELSE …] END` becomes `when(c1, v1, …, [else])`, one with an operand the call
    /// [`CASE_OF`] of the operand and the same.
    pub(super) fn case(&mut self) -> Result<Expr> {
        let start = self.pos;
        self.expect("CASE")?;
        let operand = if self.is_word("WHEN") { None } else { Some(self.expression()?) };
        let mut args = vec![];
        while self.eat("WHEN") {
            args.push(self.expression()?);
            self.expect("THEN")?;
            args.push(self.expression()?);
        }
        if args.is_empty() {
            return Err(self.error_missing("WHEN"));
        }
        if self.eat("ELSE") {
            args.push(self.expression()?);
        }
        self.expect("END")?;
        let Some(operand) = operand else { return Ok(self.call_at("when", args, start)) };
        args.insert(0, operand);
        Ok(self.call_at(CASE_OF, args, start))
    }

    fn cast(&mut self) -> Result<Expr> {
        let start = self.pos;
        let mode = if self.is_word("CAST") { EvalMode::Ansi } else { EvalMode::Try };
        // The caller has seen the word and its parenthesis.
        self.pos += 2;
        let expr = Box::new(self.expression()?);
        self.expect("AS")?;
        let to = self.data_type()?;
        self.expect_symbol(")")?;
        Ok(self.expr_at(ExprNode::Cast { expr, to, mode }, start))
    }

    /// `EXTRACT(field FROM source)` → `extract('field', source)`.
    fn extract(&mut self) -> Result<Expr> {
        let start = self.pos;
        self.pos += 2;
        let at = self.pos;
        let field = match self.eat_text() {
            Some(text) => text,
            None => self.identifier()?,
        };
        let field = self.expr_at(ExprNode::Literal(Literal::String(field)), at);
        self.expect("FROM")?;
        let source = self.expression()?;
        self.expect_symbol(")")?;
        Ok(self.call_at("extract", vec![field, source], start))
    }

    /// `TRIM([BOTH|LEADING|TRAILING] [characters] FROM text)` → `trim|ltrim|rtrim([characters,] text)`.
    fn trim(&mut self) -> Result<Expr> {
        let start = self.pos;
        let plain = |p: &Self| {
            let next = p.token_at(p.pos + 1);
            next.kind == TokenKind::Symbol && matches!(p.text_of(next), ")" | "," | "." | "(")
        };
        self.pos += 2;
        // Each of these words may also be a column or a function to trim.
        let side = if plain(self) { None } else { self.eat_any(&["BOTH", "LEADING", "TRAILING"]) };
        let function = match side {
            Some("LEADING") => "ltrim",
            Some("TRAILING") => "rtrim",
            _ => "trim",
        };
        if side.is_some() && self.eat("FROM") {
            let text = self.expression()?;
            self.expect_symbol(")")?;
            return Ok(self.call_at(function, vec![text], start));
        }
        let mut args = vec![self.expression()?];
        if self.eat("FROM") {
            args.push(self.expression()?);
        } else if side.is_some() {
            return Err(self.error_missing("FROM"));
        } else if self.eat_symbol(",") {
            args.extend(self.list(Self::expression)?);
        }
        self.expect_symbol(")")?;
        Ok(self.call_at(function, args, start))
    }

    /// `SUBSTRING(text FROM start [FOR length])` or a plain call.
    fn substring(&mut self) -> Result<Expr> {
        let start = self.pos;
        let name = self.identifier()?.to_lowercase();
        self.expect_symbol("(")?;
        let mut args = vec![self.expression()?];
        if self.eat("FROM") {
            args.push(self.expression()?);
            if self.eat("FOR") {
                args.push(self.expression()?);
            }
        } else if self.eat_symbol(",") {
            args.extend(self.list(Self::expression)?);
        }
        self.expect_symbol(")")?;
        Ok(self.call_at(&name, args, start))
    }

    /// `POSITION(part IN text)` or a plain call. The part is a value: `IN` ends it.
    fn position_of(&mut self) -> Result<Expr> {
        let start = self.pos;
        self.pos += 2;
        let mut args = vec![self.deeper(Self::value)?];
        if self.eat("IN") {
            args.push(self.expression()?);
        } else {
            self.expect_symbol(",")?;
            args.extend(self.list(Self::expression)?);
        }
        self.expect_symbol(")")?;
        Ok(self.call_at("position", args, start))
    }

    /// `OVERLAY(text PLACING other FROM start [FOR length])` or a plain call.
    fn overlay(&mut self) -> Result<Expr> {
        let start = self.pos;
        self.pos += 2;
        let mut args = vec![self.expression()?];
        if self.eat("PLACING") {
            args.push(self.expression()?);
            self.expect("FROM")?;
            args.push(self.expression()?);
            if self.eat("FOR") {
                args.push(self.expression()?);
            }
        } else if self.eat_symbol(",") {
            args.extend(self.list(Self::expression)?);
        }
        self.expect_symbol(")")?;
        Ok(self.call_at("overlay", args, start))
    }

    /// `STRUCT(a, b AS c)`: its arguments may have names.
    fn struct_call(&mut self) -> Result<Expr> {
        let start = self.pos;
        self.pos += 2;
        let args = if self.is_symbol(")") { vec![] } else { self.list(Self::named_expression)? };
        self.expect_symbol(")")?;
        Ok(self.call_at("struct", args, start))
    }

    /// `TIMESTAMPADD(unit, n, t)` and similar calls: the unit becomes a string. Without a unit it is a plain call.
    fn unit_call(&mut self) -> Result<Expr> {
        let start = self.pos;
        // With two arguments, as in `date_add(day, 1)`, the first is a column and not a unit.
        let has_unit = self.is_symbol_at(start + 3, ",")
            && UNITS.iter().any(|unit| self.is_word_at(start + 2, unit))
            && self.commas_inside(start + 1) == 2;
        let name = self.identifier()?;
        if !has_unit {
            return self.call(vec![name], start);
        }
        self.expect_symbol("(")?;
        let at = self.pos;
        let unit = Literal::String(self.identifier()?.to_uppercase());
        let mut args = vec![self.expr_at(ExprNode::Literal(unit), at)];
        self.expect_symbol(",")?;
        args.extend(self.list(Self::expression)?);
        self.expect_symbol(")")?;
        let function =
            if name.to_ascii_uppercase().ends_with("ADD") { "timestampadd" } else { "timestampdiff" };
        Ok(self.call_at(function, args, start))
    }

    /// Returns the number of commas directly inside the parenthesis at `open`.
    fn commas_inside(&self, open: usize) -> usize {
        let (mut at, mut commas) = (open + 1, 0);
        while self.token_at(at).kind != TokenKind::End && !self.is_symbol_at(at, ")") {
            commas += usize::from(self.is_symbol_at(at, ","));
            at = match self.is_symbol_at(at, "(") {
                true => self.after_bracket(at).unwrap_or(self.stop),
                false => at + 1,
            };
        }
        commas
    }
}
