//! Fixes what the names in the plan of a temporary view mean, when the view is created.
//!
//! A table is the one of the database that is current then. A view of SQL text reads other temporary views by their
//! names, and so their later versions. A view of a DataFrame keeps them as they are: a DataFrame over a view may
//! become the next version of this view.

use super::session::{SessionCatalog, TemporaryView};
use crate::session::VIEWS_DEEP_MAX;
use thalweg_common::{Error, Result};
use thalweg_sql::ir::{Name, Relation, RelationNode};

/// Adds the current database to the names of persistent tables and views that have none.
pub(super) async fn qualify(catalog: &SessionCatalog, plan: &mut Relation) -> Result<()> {
    let mut names: Vec<Name> = vec![];
    plan.for_each_table(&mut |table| {
        if let RelationNode::Table { name, .. } = &table.node
            && name.len() == 1
            && catalog.temporary(name).is_none()
            && catalog.definition(name).is_ok()
        {
            names.push(name.clone());
        }
    });
    let mut persistent = vec![];
    for name in names {
        // The table of a connector hides a persistent one, and is in no database.
        if catalog.named_by_connector(&name).await?.is_none() {
            persistent.push(name);
        }
    }
    let database = catalog.database();
    plan.for_each_table_mut(&mut |table| {
        if let RelationNode::Table { name, .. } = &mut table.node
            && persistent.contains(name)
        {
            name.insert(0, database.clone());
        }
    });
    Ok(())
}

/// Replaces the names of temporary views by the views.
///
/// # Errors
/// `UNSUPPORTED_FEATURE` for views that nest too deep.
pub(super) fn inline(catalog: &SessionCatalog, plan: &mut Relation) -> Result<()> {
    inline_at(catalog, plan, 0)
}

fn inline_at(catalog: &SessionCatalog, plan: &mut Relation, depth: usize) -> Result<()> {
    let mut outcome = Ok(());
    plan.for_each_table_mut(&mut |table| {
        let RelationNode::Table { name, .. } = &table.node else { return };
        if outcome.is_ok()
            && let Some(view) = catalog.temporary(name)
        {
            outcome = inlined(catalog, view, depth).map(|node| table.node = node);
        }
    });
    outcome
}

fn inlined(catalog: &SessionCatalog, view: TemporaryView, depth: usize) -> Result<RelationNode> {
    // Global views read the views of the session that reads them, so that they may read each other.
    if depth >= VIEWS_DEEP_MAX {
        return Err(Error::unsupported(format!("views nested deeper than {VIEWS_DEEP_MAX} levels")));
    }
    let TemporaryView { name, mut plan, columns } = view;
    inline_at(catalog, &mut plan, depth + 1)?;
    Ok(RelationNode::View { plan: Box::new(plan), columns, qualifier: vec![name] })
}
