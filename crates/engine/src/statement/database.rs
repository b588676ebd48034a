//! Databases (schemas): names that hold tables.

use crate::catalog::store::{DEFAULT_DATABASE, database_not_found};
use crate::session::{Output, Session};
use thalweg_common::{Error, ErrorKind, Result};

fn single(parts: &[String]) -> Result<&str> {
    match parts {
        [name] => Ok(name),
        [catalog, name] if catalog.eq_ignore_ascii_case(crate::catalog::name::CATALOG) => Ok(name),
        _ => Err(database_not_found(&parts.join("."))),
    }
}

/// `CREATE DATABASE`.
pub fn create(session: &Session, parts: &[String], if_not_exists: bool) -> Result<Output> {
    let name = single(parts)?;
    if session.catalog.store.create_database(name)? || if_not_exists {
        return Ok(Output::nothing());
    }
    Err(Error::new(
        ErrorKind::Analysis,
        "SCHEMA_ALREADY_EXISTS",
        "42P06",
        format!("Cannot create schema `{name}` because it already exists. Choose a different name, drop the existing schema, or add the IF NOT EXISTS clause to tolerate pre-existing schema."),
    )
    .param("schemaName", format!("`{name}`")))
}

/// `DROP DATABASE`; a database with tables needs CASCADE, which is refused while it holds managed tables.
pub fn drop(session: &Session, parts: &[String], if_exists: bool, cascade: bool) -> Result<Output> {
    let name = single(parts)?;
    if name.eq_ignore_ascii_case(DEFAULT_DATABASE) {
        return Err(Error::unsupported("dropping the default database"));
    }
    let Some(tables) = session.catalog.store.list(name) else {
        return if if_exists { Ok(Output::nothing()) } else { Err(database_not_found(name)) };
    };
    if cascade && !tables.is_empty() {
        return Err(Error::unsupported(format!("DROP SCHEMA {name} CASCADE while it holds tables"))
            .hint("Drop its tables first."));
    }
    if !tables.is_empty() {
        return Err(Error::new(
            ErrorKind::Analysis,
            "SCHEMA_NOT_EMPTY",
            "2BP01",
            format!("Cannot drop a schema `{name}` because it contains objects. Use DROP SCHEMA ... CASCADE to drop the schema and all its objects."),
        )
        .param("schemaName", format!("`{name}`")));
    }
    session.catalog.store.remove_database(name)?;
    Ok(Output::nothing())
}

/// `USE`.
pub fn set_current(session: &Session, parts: &[String]) -> Result<Output> {
    let name = single(parts)?;
    if session.catalog.store.list(name).is_none() {
        return Err(database_not_found(name));
    }
    let mut current =
        session.catalog.database.write().map_err(|_| Error::internal("the session is poisoned"))?;
    *current = name.to_lowercase();
    Ok(Output::nothing())
}
