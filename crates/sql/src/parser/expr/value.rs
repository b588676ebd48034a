//! Values: arithmetic, bits and comparisons, by precedence.

use super::super::Parser;
use super::super::lexer::TokenKind;
use crate::ir::Expr;
use thalweg_common::Result;

/// The precedence of a comparison, the lowest.
const COMPARISON: u8 = 1;

/// Binary operators: token, precedence, function. All associate to the left.
const OPERATORS: [(&str, u8, &str); 19] = [
    ("*", 7, "*"),
    ("/", 7, "/"),
    ("%", 7, "%"),
    ("+", 6, "+"),
    ("-", 6, "-"),
    ("||", 6, "||"),
    ("<<", 5, "<<"),
    ("&", 4, "&"),
    ("^", 3, "^"),
    ("|", 2, "|"),
    ("=", COMPARISON, "=="),
    ("==", COMPARISON, "=="),
    ("<=>", COMPARISON, "<=>"),
    ("<", COMPARISON, "<"),
    ("<=", COMPARISON, "<="),
    (">", COMPARISON, ">"),
    (">=", COMPARISON, ">="),
    ("!<", COMPARISON, ">="),
    ("!>", COMPARISON, "<="),
];

/// The precedence of the shifts.
const SHIFT: u8 = 5;

struct Operator {
    function: &'static str,
    strength: u8,
    tokens: usize,
    negated: bool,
}

impl Parser<'_> {
    /// A value with the comparisons around it.
    pub(super) fn value(&mut self) -> Result<Expr> {
        self.beside(|p| p.value_above(COMPARISON))
    }

    /// A value whose operators have at least the precedence `least`.
    fn value_above(&mut self, least: u8) -> Result<Expr> {
        let start = self.pos;
        let mut left = self.signed()?;
        while let Some(op) = self.operator().filter(|op| op.strength >= least) {
            self.pos += op.tokens;
            // The right side needs one more than the operator's own strength, so that equal operators associate to the
            // left.
            let right = self.beside(|p| p.value_above(op.strength + 1))?;
            self.grow()?;
            left = self.call_at(op.function, vec![left, right], start);
            if op.negated {
                self.grow()?;
                left = self.call_at("not", vec![left], start);
            }
        }
        Ok(left)
    }

    /// The operator at the current token.
    fn operator(&self) -> Option<Operator> {
        let token = self.peek();
        let text = self.text_of(token);
        if token.kind == TokenKind::Word && text.eq_ignore_ascii_case("DIV") {
            return Some(Operator { function: "div", strength: 7, tokens: 1, negated: false });
        }
        if token.kind != TokenKind::Symbol {
            return None;
        }
        if matches!(text, "<>" | "!=") {
            return Some(Operator { function: "==", strength: COMPARISON, tokens: 1, negated: true });
        }
        if let Some((function, tokens)) = self.right_shift() {
            return Some(Operator { function, strength: SHIFT, tokens, negated: false });
        }
        let (_, strength, function) = OPERATORS.iter().find(|(symbol, ..)| *symbol == text)?;
        Some(Operator { function, strength: *strength, tokens: 1, negated: false })
    }

    /// `>>` and `>>>` arrive as touching `>`.
    fn right_shift(&self) -> Option<(&'static str, usize)> {
        // The lexer does not join them, since `>>` also closes two types.
        let touching = |i: usize| {
            self.is_symbol_at(self.pos + i, ">") && self.token_at(self.pos + i).start == self.peek().start + i
        };
        match (touching(0), touching(1), touching(2)) {
            (true, true, true) => Some((">>>", 3)),
            (true, true, false) => Some((">>", 2)),
            _ => None,
        }
    }

    /// `-x`, `+x`, `~x`; a minus before a number is part of the literal.
    fn signed(&mut self) -> Result<Expr> {
        // This is a loop, so that a chain of signs takes no stack here; `grow` bounds the tree that it makes.
        let mut signs = vec![];
        while let Some(name) = self.sign() {
            let literal = name == "negative" && self.token_at(self.pos + 1).kind == TokenKind::Number;
            if literal {
                break;
            }
            signs.push((self.pos, name));
            self.advance();
        }
        let mut expr = self.primary()?;
        for (start, name) in signs.into_iter().rev() {
            self.grow()?;
            expr = self.call_at(name, vec![expr], start);
        }
        Ok(expr)
    }

    fn sign(&self) -> Option<&'static str> {
        let found = [("-", "negative"), ("+", "positive"), ("~", "~")].into_iter();
        found.filter(|(symbol, _)| self.is_symbol(symbol)).map(|(_, name)| name).next()
    }
}
