//! Joins.

use super::super::Parser;
use crate::ir::{Join, JoinKind, Relation, RelationNode};
use thalweg_common::Result;

/// Words that begin a join.
const JOIN_WORDS: [&str; 9] = ["JOIN", "INNER", "CROSS", "LEFT", "RIGHT", "FULL", "SEMI", "ANTI", "NATURAL"];

impl Parser<'_> {
    /// A table and the joins after it, which associate to the left.
    pub(super) fn joined(&mut self) -> Result<Relation> {
        let start = self.pos;
        self.eat_lateral();
        let mut left = self.deeper(Self::table)?;
        loop {
            if self.is_word("PIVOT") && self.is_symbol_at(self.pos + 1, "(") {
                return Err(self.unsupported("PIVOT"));
            }
            if self.is_word("NEAREST") {
                return Err(self.unsupported("JOIN … NEAREST"));
            }
            if self.is_unpivot() {
                left = self.unpivot(left, start)?;
                continue;
            }
            if !self.is_any_word(&JOIN_WORDS) {
                return Ok(left);
            }
            left = self.join(left, start)?;
        }
    }

    fn eat_lateral(&mut self) -> bool {
        let lateral = self.is_lateral();
        if lateral {
            self.advance();
        }
        lateral
    }

    fn join(&mut self, left: Relation, start: usize) -> Result<Relation> {
        let at = self.pos;
        let natural = self.eat("NATURAL");
        let kind = self.join_kind();
        self.expect("JOIN")?;
        let lateral = self.eat_lateral();
        let right = Box::new(self.deeper(Self::table)?);
        let mut condition = None;
        let mut using = vec![];
        // A natural join has its condition already.
        if natural && (kind == JoinKind::Cross || self.is_any_word(&["ON", "USING"])) {
            return Err(self.error_at(at, String::new()));
        }
        if self.eat("ON") {
            condition = Some(self.expression()?);
        } else if self.eat("USING") {
            using = self.parenthesized(Self::identifier)?;
        }
        let left = Box::new(left);
        let join = Join { left, right, kind, condition, using, natural, lateral };
        self.on_top(RelationNode::Join(join), start)
    }

    fn join_kind(&mut self) -> JoinKind {
        match self.eat_any(&["INNER", "CROSS", "LEFT", "RIGHT", "FULL", "SEMI", "ANTI"]) {
            Some("CROSS") => JoinKind::Cross,
            // SEMI and ANTI by themselves keep rows of the left side, as with LEFT before them.
            Some("SEMI") => JoinKind::LeftSemi,
            Some("ANTI") => JoinKind::LeftAnti,
            Some("LEFT") => match self.eat_any(&["OUTER", "SEMI", "ANTI"]) {
                Some("SEMI") => JoinKind::LeftSemi,
                Some("ANTI") => JoinKind::LeftAnti,
                _ => JoinKind::LeftOuter,
            },
            Some("RIGHT") => {
                self.eat("OUTER");
                JoinKind::RightOuter
            }
            Some("FULL") => {
                self.eat("OUTER");
                JoinKind::FullOuter
            }
            _ => JoinKind::Inner,
        }
    }
}
