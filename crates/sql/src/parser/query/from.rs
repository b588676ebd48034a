//! `FROM`: its list, and the LATERAL VIEWs after it.

use super::super::Parser;
use crate::ir::{Expr, ExprNode, FunctionCall, Join, JoinKind, LateralView, Relation, RelationNode};
use thalweg_common::Result;

impl Parser<'_> {
    /// `FROM a, LATERAL b, …`: a list is a cross join.
    pub(super) fn tables_of_from(&mut self) -> Result<Relation> {
        self.expect("FROM")?;
        let start = self.pos;
        let mut left = self.joined()?;
        while self.eat_symbol(",") {
            // The word is only looked at here: `joined` moves past it.
            let lateral = self.is_lateral();
            let right = Box::new(self.beside(Self::joined)?);
            let join = Join {
                left: Box::new(left),
                right,
                kind: JoinKind::Cross,
                condition: None,
                using: vec![],
                natural: false,
                lateral,
            };
            left = self.on_top(RelationNode::Join(join), start)?;
        }
        self.lateral_views(left, start)
    }

    /// `LATERAL` before a subquery or function, not before VIEW.
    pub(super) fn is_lateral(&self) -> bool {
        self.is_word("LATERAL") && !self.is_word_at(self.pos + 1, "VIEW")
    }

    /// `LATERAL VIEW [OUTER] generator(args) [alias] [AS column, …]`, any number of them.
    pub(super) fn lateral_views(&mut self, input: Relation, start: usize) -> Result<Relation> {
        let mut relation = input;
        while self.eat_words("LATERAL VIEW") {
            let outer = self.eat("OUTER");
            let at = self.pos;
            let name = self.name()?;
            let args = self.arguments()?;
            let generator = self.expr_at(generator_call(name, args), at);
            let alias = self.bare_alias();
            let named = self.eat("AS");
            let columns = if named { self.list(Self::identifier)? } else { self.bare_columns()? };
            let node = RelationNode::LateralView(LateralView {
                input: Box::new(relation),
                generator,
                outer,
                alias,
                columns,
            });
            relation = self.on_top(node, start)?;
        }
        Ok(relation)
    }

    /// Column names without `AS`.
    fn bare_columns(&mut self) -> Result<Vec<String>> {
        let Some(first) = self.bare_alias() else { return Ok(vec![]) };
        let mut columns = vec![first];
        while self.eat_symbol(",") {
            columns.push(self.identifier()?);
        }
        Ok(columns)
    }
}

fn generator_call(name: crate::ir::Name, args: Vec<Expr>) -> ExprNode {
    ExprNode::Function(FunctionCall { name, ..FunctionCall::new("", args) })
}
