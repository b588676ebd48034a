//! Walks over the tables that a query names, except for the names of common table expressions in scope.

use thalweg_sql::ir::{ChildMut, Relation, RelationNode};

/// Calls `visit` with each [`RelationNode::Table`] of a relation that names a table or view of a catalog.
pub(super) fn for_each_table(relation: &mut Relation, visit: &mut dyn FnMut(&mut Relation)) {
    Walk { visit, ctes: vec![] }.relation(relation);
}

struct Walk<'v> {
    visit: &'v mut dyn FnMut(&mut Relation),
    /// The lower-case names of the common table expressions in scope.
    ctes: Vec<String>,
}

impl Walk<'_> {
    fn relation(&mut self, relation: &mut Relation) {
        match &mut relation.node {
            RelationNode::Table { name, .. } => {
                // A name with a database never means a common table expression.
                if !matches!(name.as_slice(), [single] if self.ctes.contains(&single.to_lowercase())) {
                    (self.visit)(relation);
                }
            }
            RelationNode::With { ctes, recursive, input } => {
                let outside = self.ctes.len();
                for cte in ctes {
                    // A recursive one sees itself, any other only those before it.
                    if *recursive {
                        self.ctes.push(cte.name.to_lowercase());
                    }
                    self.relation(&mut cte.query);
                    if !*recursive {
                        self.ctes.push(cte.name.to_lowercase());
                    }
                }
                self.relation(input);
                self.ctes.truncate(outside);
            }
            // Its names mean what they meant where it was defined.
            RelationNode::View { .. } => {}
            // These name no table themselves. They are listed so that a new node does not compile until it is known
            // whether it names one.
            RelationNode::DataSource(_)
            | RelationNode::Range { .. }
            | RelationNode::Local { .. }
            | RelationNode::Values { .. }
            | RelationNode::OneRow
            | RelationNode::Project { .. }
            | RelationNode::Filter { .. }
            | RelationNode::Aggregate(_)
            | RelationNode::Having { .. }
            | RelationNode::Qualify { .. }
            | RelationNode::Join(_)
            | RelationNode::SetOperation(_)
            | RelationNode::Sort { .. }
            | RelationNode::Limit { .. }
            | RelationNode::Offset { .. }
            | RelationNode::Tail { .. }
            | RelationNode::Deduplicate { .. }
            | RelationNode::Alias { .. }
            | RelationNode::WithRelations { .. }
            | RelationNode::WithWatermark { .. }
            | RelationNode::WithColumns { .. }
            | RelationNode::WithColumnsRenamed { .. }
            | RelationNode::Drop { .. }
            | RelationNode::ToDf { .. }
            | RelationNode::ToSchema { .. }
            | RelationNode::Repartition { .. }
            | RelationNode::Sample { .. }
            | RelationNode::FillNa { .. }
            | RelationNode::DropNa { .. }
            | RelationNode::Replace { .. }
            | RelationNode::Unpivot(_)
            | RelationNode::Hint { .. }
            | RelationNode::LateralView(_)
            | RelationNode::TableFunction { .. }
            | RelationNode::SqlQuery { .. }
            | RelationNode::Describe { .. }
            | RelationNode::ShowString { .. } => {
                relation.for_each_child_mut(&mut |child| self.child(child));
            }
        }
    }

    fn child(&mut self, child: ChildMut<'_>) {
        match child {
            ChildMut::Relation(relation) => self.relation(relation),
            ChildMut::Expr(expr) => expr.for_each_child_mut(&mut |child| self.child(child)),
        }
    }
}
