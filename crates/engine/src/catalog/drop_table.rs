//! Drops tables and views of the persistent catalog, and the files of managed tables.

use super::checkpoint;
use super::claims::NameClaim;
use super::create_table::managed_location;
use super::name::{TableName, not_found};
use super::session::SessionCatalog;
use super::store::{TableDefinition, TableKind};
use super::views::drop_temporary;
use crate::session::Session;
use thalweg_common::{Error, ErrorKind, Result};

/// Drops a table or view: a managed table with its files, after its streaming query is stopped.
pub(super) async fn drop(session: &Session, parts: &[String], if_exists: bool) -> Result<()> {
    let catalog = &session.catalog;
    if drop_temporary(catalog, parts) {
        return Ok(());
    }
    let Some((name, definition, _claim)) = claim_lasting(catalog, parts, if_exists).await? else {
        return Ok(());
    };
    match definition.kind {
        TableKind::View | TableKind::External => catalog.store.remove(&name).map(|_| ()),
        TableKind::Managed | TableKind::Streaming => {
            // The query ends first: it would write to files that are being removed.
            checkpoint::forget(session, &name).await?;
            // A crash before the files are removed leaves files without a table, and never a table without files.
            catalog.store.remove(&name)?;
            // The files at a LOCATION are not the catalog's, whoever fills the table.
            if definition.location == managed_location(session, &name)? {
                remove_files(&definition.location)
            } else {
                Ok(())
            }
        }
    }
}

/// Returns the object of a DROP in the persistent catalog and claims its name; none if it does not exist and `IF EXISTS`
/// is given.
pub(super) async fn claim_lasting(
    catalog: &SessionCatalog,
    parts: &[String],
    if_exists: bool,
) -> Result<Option<(TableName, TableDefinition, NameClaim)>> {
    let name = TableName::parse(parts, &catalog.database())?;
    let claim = catalog.claim(&name).await;
    match catalog.store.get(&name) {
        Some(definition) => Ok(Some((name, definition, claim))),
        None if if_exists => Ok(None),
        None => Err(not_found(&name.qualifier())),
    }
}

/// Removes the folder of a managed table, if it exists.
pub(super) fn remove_files(location: &str) -> Result<()> {
    match std::fs::remove_dir_all(location) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(Error::new(
            ErrorKind::Runtime,
            "DROP_FILES_FAILED",
            "58030",
            format!("The table is dropped, but its files in '{location}' could not be removed: {e}."),
        )),
    }
}
