//! `UNPIVOT`: turns columns into rows. The other columns stay; rows of a null value are dropped unless they are
//! included.

use super::super::Parser;
use crate::ir::{Expr, ExprNode, Relation, RelationNode, Unpivot};
use thalweg_common::Result;

impl Parser<'_> {
    pub(super) fn is_unpivot(&self) -> bool {
        let next = self.pos + 1;
        let nulls = self.is_word_at(next, "INCLUDE") || self.is_word_at(next, "EXCLUDE");
        self.is_word("UNPIVOT") && (nulls || self.is_symbol_at(next, "("))
    }

    /// `UNPIVOT [INCLUDE|EXCLUDE NULLS] (value FOR name IN (column [AS label], …)) [[AS] alias]`.
    pub(super) fn unpivot(&mut self, input: Relation, start: usize) -> Result<Relation> {
        self.expect("UNPIVOT")?;
        let include = match self.eat_any(&["INCLUDE", "EXCLUDE"]) {
            Some(word) => {
                self.expect("NULLS")?;
                word == "INCLUDE"
            }
            None => false,
        };
        self.expect_symbol("(")?;
        if self.is_symbol("(") {
            return Err(self.unsupported("UNPIVOT of several value columns"));
        }
        let value_column = self.identifier()?;
        self.expect("FOR")?;
        let variable_column = self.identifier()?;
        self.expect("IN")?;
        let values = self.parenthesized(Self::unpivot_column)?;
        self.expect_symbol(")")?;
        // SQL names no columns to keep: all others are kept, and the parser does not know them.
        let ids = vec![Expr::new(ExprNode::Star {
            target: None,
            plan_id: None,
            except: values.iter().filter_map(column_name).collect(),
        })];
        let input = Box::new(input);
        let value = Expr::column(&[&value_column]);
        let node = Unpivot { input, ids, values: Some(values), variable_column, value_column };
        let mut relation = self.on_top(RelationNode::Unpivot(node), start)?;
        if !include {
            let condition = Expr::call("isnotnull", vec![value]);
            relation = self.on_top(RelationNode::Filter { input: Box::new(relation), condition }, start)?;
        }
        self.aliased(relation, start)
    }

    fn unpivot_column(&mut self) -> Result<Expr> {
        let start = self.pos;
        if self.is_symbol("(") {
            return Err(self.unsupported("UNPIVOT of several value columns"));
        }
        let name = self.name()?;
        let column = self.expr_at(ExprNode::Attribute { name, plan_id: None }, start);
        let label = if self.eat("AS") { Some(self.identifier()?) } else { self.bare_alias() };
        let Some(label) = label else { return Ok(column) };
        let node = ExprNode::Alias { expr: Box::new(column), names: vec![label], metadata: None };
        Ok(self.expr_at(node, start))
    }
}

fn column_name(value: &Expr) -> Option<crate::ir::Name> {
    match &value.node {
        ExprNode::Attribute { name, .. } => Some(name.clone()),
        ExprNode::Alias { expr, .. } => column_name(expr),
        _ => None,
    }
}
