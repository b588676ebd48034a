//! Resolves filters and sorts of a client's frames that name a column of an earlier frame which an operator in between
//! has replaced, renamed or dropped: `df.withColumn("x", -df.x).filter(df.x > 0)`.
//!
//! As in Spark, such a column is added to the output of the frame that has it, under a name that no user can choose, is
//! handed on to the filter or sort, and leaves the rows above it. Only operators that keep the rows of their input hand it
//! on; above any other one the column stays unresolved.

use crate::expr_scope::ExprScope;
use crate::{ResolvedRelation, Resolver};
use thalweg_common::{Error, Result};
use thalweg_sql::ir::{Child, ChildMut, Expr, ExprNode, Relation, RelationNode};

/// A column that is left out above its frame.
struct LeftOut {
    column: Expr,
    plan_id: i64,
    /// The name under which it is handed on.
    name: String,
}

impl Resolver<'_> {
    /// Resolves a filter or sort, which has the columns of its input; those that the input has left out are found too.
    pub(crate) fn keeping_columns(
        &self,
        relation: &Relation,
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        self.filter_or_sort(relation, outer).or_else(|error| self.over_left_out(relation, outer, error))
    }

    /// Resolves a filter or sort again after `error`, with the columns that its input has left out.
    ///
    /// # Errors
    /// `error`, if no such columns make the relation resolvable.
    fn over_left_out(
        &self,
        relation: &Relation,
        outer: Option<&ExprScope>,
        error: Error,
    ) -> Result<ResolvedRelation> {
        if error.class() != "CANNOT_RESOLVE_DATAFRAME_COLUMN" {
            return Err(error);
        }
        // The copy is made only after the first attempt has failed, since most filters name columns that they have.
        let mut wide = relation.clone();
        let Some(left_out) = self.hand_on(&mut wide, outer) else { return Err(error) };
        // The column may be one that its frame does not have, which the first error says better.
        let Ok(mut rel) = self.filter_or_sort(&wide, outer) else { return Err(error) };
        rel.scope.columns.retain(|c| left_out.iter().all(|l| l.name != c.name));
        Ok(rel)
    }

    fn filter_or_sort(&self, relation: &Relation, outer: Option<&ExprScope>) -> Result<ResolvedRelation> {
        match &relation.node {
            RelationNode::Filter { input, condition } => self.filter(input, condition, outer),
            _ => self.select_relation(relation, outer),
        }
    }

    /// Makes the input of a filter or sort output what its expressions name; returns these columns, or none if there
    /// are none or if an operator in between does not hand them on.
    fn hand_on(&self, relation: &mut Relation, outer: Option<&ExprScope>) -> Option<Vec<LeftOut>> {
        let (input, mut exprs): (_, Vec<&mut Expr>) = match &mut relation.node {
            RelationNode::Filter { input, condition } => (input, vec![condition]),
            RelationNode::Sort { input, order, .. } => {
                (input, order.iter_mut().map(|o| &mut o.expr).collect())
            }
            _ => return None,
        };
        let scope = self.relation(input, outer).ok()?.scope;
        let env = ExprScope::new(&scope, None);
        let mut columns = vec![];
        exprs.iter().for_each(|e| frame_columns(e, &mut columns));
        columns.retain(|(name, id, _)| matches!(self.seen(name, Some(*id), &env), Ok(None)));
        let mut left_out = vec![];
        for (_, plan_id, column) in columns {
            // No user can write this character in a name.
            let one = LeftOut { column, plan_id, name: format!("\u{0}{}", self.new_id()) };
            if !widen(input, &one) {
                return None;
            }
            exprs.iter_mut().for_each(|e| rename(e, &one));
            left_out.push(one);
        }
        (!left_out.is_empty()).then_some(left_out)
    }
}

/// Collects the columns of frames in an expression, each once, except those of its subqueries.
fn frame_columns(expr: &Expr, found: &mut Vec<(Vec<String>, i64, Expr)>) {
    if let ExprNode::Attribute { name, plan_id: Some(id) } = &expr.node
        && found.iter().all(|(known, plan_id, _)| known != name || plan_id != id)
    {
        found.push((name.clone(), *id, expr.clone()));
    }
    expr.for_each_child(&mut |child| {
        if let Child::Expr(inner) = child {
            frame_columns(inner, found);
        }
    });
}

/// Adds the column to the output of its frame and of all operators above it; returns whether all of them hand it on.
fn widen(relation: &mut Relation, column: &LeftOut) -> bool {
    if relation.plan_id == Some(column.plan_id) {
        let alias = ExprNode::Alias {
            expr: Box::new(column.column.clone()),
            names: vec![column.name.clone()],
            metadata: None,
        };
        let input = std::mem::replace(relation, Relation::new(RelationNode::OneRow));
        *relation = Relation::new(RelationNode::WithColumns {
            input: Box::new(input),
            columns: vec![Expr::new(alias)],
        });
        return true;
    }
    match &mut relation.node {
        RelationNode::Project { input, exprs } => {
            exprs.push(Expr::column(&[&column.name]));
            widen(input, column)
        }
        RelationNode::WithColumns { input, .. }
        | RelationNode::WithColumnsRenamed { input, .. }
        | RelationNode::Drop { input, .. }
        | RelationNode::Filter { input, .. }
        | RelationNode::Sort { input, .. }
        | RelationNode::Repartition { input, .. }
        | RelationNode::Hint { input, .. }
        | RelationNode::Limit { input, .. }
        | RelationNode::Offset { input, .. } => widen(input, column),
        _ => false,
    }
}

/// Replaces the column in an expression by its name.
fn rename(expr: &mut Expr, column: &LeftOut) {
    if expr.node == column.column.node {
        expr.node = Expr::column(&[&column.name]).node;
        return;
    }
    expr.for_each_child_mut(&mut |child| {
        if let ChildMut::Expr(inner) = child {
            rename(inner, column);
        }
    });
}
