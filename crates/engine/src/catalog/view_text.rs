//! Parses the text of a persistent view, whose names are those of the database in which it was created.

use super::name::TableName;
use super::store::TableDefinition;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_sql::ir::{Relation, RelationNode};

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
    plan.for_each_table_mut(&mut |table| {
        // A name with a database means the same table in every session.
        if let RelationNode::Table { name, .. } = &mut table.node
            && name.len() == 1
        {
            name.insert(0, database.to_owned());
        }
    });
    Ok(plan)
}
