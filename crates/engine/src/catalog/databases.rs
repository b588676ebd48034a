//! Lists, creates and drops databases (schemas): names that hold tables.

use super::info::DatabaseInfo;
use super::name::CATALOG;
use super::pattern::matches;
use super::session::SessionCatalog;
use super::store::{DEFAULT_DATABASE, database_not_found};
use thalweg_common::lock::write;
use thalweg_common::{Error, ErrorKind, Result};

/// Returns the name of a database without that of the catalog.
pub(super) fn single(parts: &[String]) -> Result<&str> {
    match parts {
        [name] => Ok(name),
        [catalog, name] if catalog.eq_ignore_ascii_case(CATALOG) => Ok(name),
        _ => Err(database_not_found(&parts.join("."))),
    }
}

/// Returns the databases that match the pattern.
pub(super) fn list(catalog: &SessionCatalog, pattern: Option<&str>) -> Vec<DatabaseInfo> {
    catalog.store.databases().into_iter().filter(|name| matches(name, pattern)).map(info).collect()
}

/// Returns a database.
pub(super) fn get(catalog: &SessionCatalog, parts: &[String]) -> Result<DatabaseInfo> {
    let wanted = single(parts)?;
    let found = catalog.store.databases().into_iter().find(|name| name.eq_ignore_ascii_case(wanted));
    found.map(info).ok_or_else(|| database_not_found(wanted))
}

fn info(name: String) -> DatabaseInfo {
    // The database that always exists has Spark's description.
    let comment = (name == DEFAULT_DATABASE).then(|| "default database".to_owned());
    DatabaseInfo { name, comment, location: None }
}

/// Creates a database.
pub(super) fn create(catalog: &SessionCatalog, parts: &[String], if_not_exists: bool) -> Result<()> {
    let name = single(parts)?;
    if catalog.store.create_database(name)? || if_not_exists {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Analysis,
        "SCHEMA_ALREADY_EXISTS",
        "42P06",
        format!("Cannot create schema `{name}` because it already exists. Choose a different name, drop the existing schema, or add the IF NOT EXISTS clause to tolerate pre-existing schema."),
    )
    .param("schemaName", format!("`{name}`")))
}

/// Drops a database. One that has tables is refused, with CASCADE too.
pub(super) fn drop(catalog: &SessionCatalog, parts: &[String], if_exists: bool, cascade: bool) -> Result<()> {
    let name = single(parts)?;
    if name.eq_ignore_ascii_case(DEFAULT_DATABASE) {
        return Err(Error::unsupported("dropping the default database"));
    }
    let Some(tables) = catalog.store.list(name) else {
        return if if_exists { Ok(()) } else { Err(database_not_found(name)) };
    };
    if cascade && !tables.is_empty() {
        return Err(Error::unsupported(format!("DROP SCHEMA {name} CASCADE while it holds tables"))
            .hint("Drop its tables first."));
    }
    // The store decides: a table may have been created since the tables were listed.
    if catalog.store.remove_database(name)? {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Analysis,
        "SCHEMA_NOT_EMPTY",
        "2BP01",
        format!("Cannot drop a schema `{name}` because it contains objects. Use DROP SCHEMA ... CASCADE to drop the schema and all its objects."),
    )
    .param("schemaName", format!("`{name}`")))
}

/// Makes a database the current one.
pub(super) fn set_current(catalog: &SessionCatalog, parts: &[String]) -> Result<()> {
    let name = single(parts)?;
    // Checked now: names would otherwise fail one by one.
    if catalog.store.list(name).is_none() {
        return Err(database_not_found(name));
    }
    // The store has databases by their lower-case names, and lists them by these.
    *write(&catalog.database) = name.to_lowercase();
    Ok(())
}
