//! Parses the text of a persistent view, whose names are those of the database in which it was created.

use super::name::TableName;
use super::store::TableDefinition;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_sql::ir::{ChildMut, Relation, RelationNode};

/// Returns the plan of a persistent view, with the database of its creation in each name that has none. The current
/// database of the session may be another one, with other tables of these names.
///
/// # Errors
/// `INVALID_VIEW_TEXT` if the text is not a query.
pub(super) fn plan(name: &TableName, definition: &TableDefinition) -> Result<Relation> {
    let text = definition.text.as_deref().unwrap_or_default();
    let mut plan = thalweg_sql::parse_query(text).map_err(|e| {
        Error::new(
            ErrorKind::Analysis,
            "INVALID_VIEW_TEXT",
            "XX000",
            format!("The view {name} cannot be displayed due to invalid view text: {text}."),
        )
        .caused_by(e)
    })?;
    let database = if definition.database.is_empty() { &name.database } else { &definition.database };
    Qualifier { database, ctes: vec![] }.relation(&mut plan);
    Ok(plan)
}

/// Adds a database to names of tables, except for those of common table expressions in scope.
struct Qualifier<'d> {
    database: &'d str,
    /// The lower-case names of the common table expressions in scope.
    ctes: Vec<String>,
}

impl Qualifier<'_> {
    fn relation(&mut self, relation: &mut Relation) {
        match &mut relation.node {
            RelationNode::Table { name, .. } => {
                // A name with a database means the same table in every session.
                let [single] = name.as_slice() else { return };
                if !self.ctes.contains(&single.to_lowercase()) {
                    name.insert(0, self.database.to_owned());
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
            // These name no table themselves. They are listed so that a new node does not compile until it is known
            // whether its names belong to the view's database.
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
