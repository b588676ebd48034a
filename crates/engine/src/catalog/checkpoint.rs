//! Finds and removes the checkpoints of streaming tables.

use super::name::TableName;
use crate::session::Session;
use std::path::{Path, PathBuf};
use thalweg_common::Result;
use thalweg_connectors::background::blocking;
use thalweg_storage::durable::write_failed;

/// Returns the folder of the checkpoint of a streaming table.
pub(crate) fn checkpoint(session: &Session, name: &TableName) -> Result<PathBuf> {
    // The place follows from the table's name alone, so that the same statement finds the checkpoint again.
    let root = session.engine()?.config.data_dir.join("checkpoints");
    Ok(root.join(name.database.to_lowercase()).join(name.table.to_lowercase()))
}

/// Stops the query of a table that is about to be dropped, and removes its checkpoint.
pub(super) async fn forget(session: &Session, name: &TableName) -> Result<()> {
    let checkpoint = checkpoint(session, name)?;
    if let Some(job) = session.engine()?.jobs().on_checkpoint(&checkpoint.to_string_lossy()) {
        job.query.stop().await?;
    }
    session.engine()?.jobs().remove_unstarted(&(name.database.clone(), name.table.clone()));
    // A new table of that name must not continue where the dropped one ended.
    remove_folder(&checkpoint).await
}

/// Removes a folder with all that is in it, if it exists.
pub(crate) async fn remove_folder(folder: &Path) -> Result<()> {
    let folder = folder.to_owned();
    blocking(move || match std::fs::remove_dir_all(&folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(write_failed(&folder, &e)),
        Ok(()) | Err(_) => Ok(()),
    })
    .await
}
