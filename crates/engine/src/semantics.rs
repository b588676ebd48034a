//! Compares unresolved plans by their semantics: `sameSemantics`, `semanticHash`, and the marks of `persist`.
//!
//! Two plans that differ only in the client's ids and in their places in a text are the same. The converse
//! does not hold: different plans may have the same semantics, as Spark's documentation warns too.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use thalweg_sql::ir::{ChildMut, Expr, ExprNode, Relation};

/// A plan in canonical form: ids are counted from 0 in the order of their
/// first use, and places in the text are removed.
///
/// ```
/// use thalweg_engine::semantics::CanonicalPlan;
/// let plan = |id, text| thalweg_sql::ir::Relation { plan_id: Some(id), ..thalweg_sql::parse_query(text).unwrap() };
/// assert_eq!(CanonicalPlan::of(&plan(3, "SELECT 1")), CanonicalPlan::of(&plan(70, "SELECT  1")));
/// assert_ne!(CanonicalPlan::of(&plan(3, "SELECT 1")), CanonicalPlan::of(&plan(3, "SELECT 2")));
/// ```
#[derive(Debug, Clone)]
pub struct CanonicalPlan(Relation);

impl PartialEq for CanonicalPlan {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for CanonicalPlan {}

impl CanonicalPlan {
    /// Creates the canonical form of a plan.
    pub fn of(relation: &Relation) -> Self {
        let mut canonical = relation.clone();
        Renumbering::default().relation(&mut canonical);
        Self(canonical)
    }

    /// Returns a hash that is the same for equal plans.
    pub fn semantic_hash(&self) -> i32 {
        let mut hasher = DefaultHasher::new();
        self.text().hash(&mut hasher);
        // The protocol has 32 bits for the hash, as Java's hash codes have.
        let bytes = hasher.finish().to_le_bytes();
        i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }

    /// Returns the text by which plans are compared. As a number, a literal NaN would differ from itself, and the two
    /// zeros would be the same.
    fn text(&self) -> String {
        format!("{:?}", self.0)
    }
}

/// The ids so far, each with its number.
#[derive(Default)]
struct Renumbering(HashMap<i64, i64>);

impl Renumbering {
    fn relation(&mut self, relation: &mut Relation) {
        relation.origin = None;
        self.optional(&mut relation.plan_id);
        relation.for_each_child_mut(&mut |child| self.child(child));
    }

    fn child(&mut self, child: ChildMut<'_>) {
        match child {
            ChildMut::Relation(relation) => self.relation(relation),
            ChildMut::Expr(expr) => self.expr(expr),
        }
    }

    fn expr(&mut self, expr: &mut Expr) {
        expr.origin = None;
        match &mut expr.node {
            ExprNode::Attribute { plan_id, .. }
            | ExprNode::Star { plan_id, .. }
            | ExprNode::Regex { plan_id, .. } => self.optional(plan_id),
            ExprNode::SubqueryReference { plan_id, .. } => self.id(plan_id),
            ExprNode::Literal(_)
            | ExprNode::LambdaVariable(_)
            | ExprNode::Parameter(_)
            | ExprNode::Function(_)
            | ExprNode::Window(_)
            | ExprNode::Cast { .. }
            | ExprNode::Alias { .. }
            | ExprNode::NamedArgument { .. }
            | ExprNode::Lambda { .. }
            | ExprNode::Extract { .. }
            | ExprNode::UpdateField { .. }
            | ExprNode::Subquery { .. } => {}
        }
        expr.for_each_child_mut(&mut |child| self.child(child));
    }

    fn optional(&mut self, id: &mut Option<i64>) {
        if let Some(id) = id {
            self.id(id);
        }
    }

    fn id(&mut self, id: &mut i64) {
        // Numbered by first use, so that the ids of two clients are the same.
        let next = i64::try_from(self.0.len()).unwrap_or(i64::MAX);
        *id = *self.0.entry(*id).or_insert(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thalweg_sql::ir;
    use thalweg_sql::ir::Literal::{Double, Float};

    fn range(plan_id: Option<i64>, end: i64) -> ir::Relation {
        let node = ir::RelationNode::Range { start: 0, end, step: 1 };
        let input = Box::new(ir::Relation { node, plan_id, origin: None });
        let name = vec!["id".to_owned()];
        let column = ir::Expr::new(ir::ExprNode::Attribute { name, plan_id });
        let node = ir::RelationNode::Project { input, exprs: vec![column] };
        ir::Relation { node, plan_id: plan_id.map(|id| id + 1), origin: None }
    }

    fn text(text: &str) -> ir::Relation {
        literal(ir::Literal::String(text.to_owned()))
    }

    fn literal(literal: ir::Literal) -> ir::Relation {
        let expr = ir::Expr::new(ir::ExprNode::Literal(literal));
        ir::Relation::new(ir::RelationNode::Values { rows: vec![vec![expr]] })
    }

    #[test]
    fn ids_do_not_matter_and_everything_else_does() {
        for (a, b, same) in [
            (range(Some(3), 5), range(Some(70), 5), true),
            (range(Some(3), 5), range(Some(3), 6), false),
            (range(Some(3), 5), range(None, 5), false),
            (text("plan_id: 7"), text("plan_id: 8"), false),
            (text("plan_id: 7"), text("plan_id: 7"), true),
            (literal(Double(f64::NAN)), literal(Double(f64::NAN)), true),
            (literal(Float(f32::NAN)), literal(Float(f32::NAN)), true),
            (literal(Double(0.0)), literal(Double(-0.0)), false),
            (literal(Float(0.0)), literal(Float(-0.0)), false),
            (literal(Double(1.0)), literal(Float(1.0)), false),
        ] {
            let (one, other) = (CanonicalPlan::of(&a), CanonicalPlan::of(&b));
            assert_eq!(one == other, same, "{a:?} {b:?}");
            assert_eq!(one.semantic_hash() == other.semantic_hash(), same);
        }
    }
}
