//! Keeps the persistent catalog: one JSON file in the data directory, replaced as a whole.
//!
//! A change is written beside the file, synced and renamed over it, so a crash leaves the old or
//! the new catalog, never half of one. One process owns a data directory (see `engine`).

use super::name::{TableName, not_found};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, RwLock};
use thalweg_common::lock::{lock, read, write};
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_storage::durable;

/// The database that always exists.
pub const DEFAULT_DATABASE: &str = "default";

/// The kinds of persistent tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableKind {
    /// Its files belong to the catalog and are removed with it.
    Managed,
    /// Its files do not belong to the catalog and are never removed.
    External,
    /// A view.
    View,
    /// A managed table that a streaming query writes to.
    Streaming,
}

/// A persistent table or view.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableDefinition {
    /// The name.
    pub name: String,
    /// The kind.
    pub kind: TableKind,
    /// Lower-case format name; empty for a view.
    pub format: String,
    /// A path or URL; empty for a view.
    pub location: String,
    /// Spark's schema as JSON text; none if the schema is read from the files.
    pub schema: Option<String>,
    /// The options of its reader and writer.
    pub options: Vec<(String, String)>,
    /// The columns that it is partitioned by.
    pub partition_by: Vec<String>,
    /// The comment.
    pub comment: Option<String>,
    /// The query of a view or streaming table.
    pub text: Option<String>,
    /// The names that a view gives to the columns of `text`; empty keeps them.
    pub columns: Vec<String>,
    /// The database in which `text` was written.
    pub database: String,
    /// Whether the query of a streaming table was stopped by a user: it does not resume.
    #[serde(default)]
    pub stopped: bool,
    /// The settings with which `text` was written, on which the rows of a streaming table depend; those that are not
    /// here have their defaults.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
    /// The user who created a streaming table, which `current_user()` returns in `text`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
// A file with parts that this version does not know is refused: the next change would save it without them.
#[serde(deny_unknown_fields)]
struct Contents {
    /// Definitions by lower-case database and table name.
    databases: BTreeMap<String, BTreeMap<String, TableDefinition>>,
}

/// The persistent catalog of one data directory.
#[derive(Debug)]
pub struct CatalogStore {
    path: PathBuf,
    /// Held by the change that is written to the disk. Look-ups do not wait for it.
    writer: Mutex<()>,
    /// What is on the disk.
    contents: RwLock<Arc<Contents>>,
}

impl CatalogStore {
    /// Reads the catalog of `data_dir`, or creates an empty one.
    pub fn open(data_dir: &Path) -> Result<Self> {
        let path = data_dir.join("catalog.json");
        // Before it is read: the sync after its last change may have failed.
        durable::sync_folder(data_dir)?;
        let mut contents = match fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text).map_err(|e| corrupt(&path, &e))?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Contents::default(),
            Err(e) => return Err(unwritable(&path, &e)),
        };
        // Sessions start in it, and a catalog of an older version may lack it.
        contents.databases.entry(DEFAULT_DATABASE.to_owned()).or_default();
        Ok(Self { path, writer: Mutex::default(), contents: RwLock::new(Arc::new(contents)) })
    }

    /// Returns the contents as they are now; a change replaces them as a whole.
    fn contents(&self) -> Arc<Contents> {
        read(&self.contents).clone()
    }

    /// Returns the definition of a table.
    pub fn get(&self, name: &TableName) -> Option<TableDefinition> {
        let contents = self.contents();
        contents.databases.get(&name.database.to_lowercase())?.get(&name.table.to_lowercase()).cloned()
    }

    /// Returns the definitions of one database in the order of their names; none if the database does not exist.
    pub fn list(&self, database: &str) -> Option<Vec<TableDefinition>> {
        let contents = self.contents();
        Some(contents.databases.get(&database.to_lowercase())?.values().cloned().collect())
    }

    /// Returns the names of all databases.
    pub fn databases(&self) -> Vec<String> {
        self.contents().databases.keys().cloned().collect()
    }

    /// Adds a definition, or replaces the one that the caller has read, if the catalog still has exactly `expected` under
    /// its name; returns whether it did. Otherwise another statement has changed the name since then.
    pub fn put_if(
        &self,
        database: &str,
        definition: TableDefinition,
        expected: Option<&TableDefinition>,
    ) -> Result<bool> {
        self.change(|contents| {
            let tables = contents
                .databases
                .get_mut(&database.to_lowercase())
                .ok_or_else(|| database_not_found(database))?;
            let key = definition.name.to_lowercase();
            let same = tables.get(&key) == expected;
            if same {
                tables.insert(key, definition);
            }
            Ok(same)
        })
    }

    /// Removes and returns a definition.
    pub fn remove(&self, name: &TableName) -> Result<TableDefinition> {
        self.change(|contents| {
            let tables = contents.databases.get_mut(&name.database.to_lowercase());
            let removed = tables.and_then(|t| t.remove(&name.table.to_lowercase()));
            removed.ok_or_else(|| not_found(&[name.database.clone(), name.table.clone()]))
        })
    }

    /// Adds a database; returns whether it is new.
    pub fn create_database(&self, database: &str) -> Result<bool> {
        self.change(|contents| {
            let key = database.to_lowercase();
            let new = !contents.databases.contains_key(&key);
            contents.databases.entry(key).or_default();
            Ok(new)
        })
    }

    /// Removes a database that has no tables; returns whether it did.
    pub fn remove_database(&self, database: &str) -> Result<bool> {
        self.change(|contents| {
            let key = database.to_lowercase();
            let tables = contents.databases.get(&key).ok_or_else(|| database_not_found(database))?;
            let is_empty = tables.is_empty();
            if is_empty {
                contents.databases.remove(&key);
            }
            Ok(is_empty)
        })
    }

    fn change<T>(&self, edit: impl FnOnce(&mut Contents) -> Result<T>) -> Result<T> {
        // One change after another: each begins with what the one before it has published.
        let _writer = lock(&self.writer);
        // The edit is made on a copy, so an edit or a write that fails leaves the old contents in use.
        let mut next = Contents::clone(&self.contents());
        let answer = edit(&mut next)?;
        if next == *self.contents() {
            return Ok(answer);
        }
        // Written before it is used: what a session sees is on the disk.
        self.save(&next)?;
        *write(&self.contents) = Arc::new(next);
        Ok(answer)
    }

    fn save(&self, contents: &Contents) -> Result<()> {
        self.replace(contents).map_err(|e| unwritable(&self.path, &e))?;
        // The rename is an entry of the folder, which is durable only after the folder is synced.
        durable::sync_folder(self.path.parent().unwrap_or(Path::new("/")))
    }

    fn replace(&self, contents: &Contents) -> std::io::Result<()> {
        let beside = self.path.with_extension("json.new");
        let mut file = fs::File::create(&beside)?;
        file.write_all(serde_json::to_string_pretty(contents)?.as_bytes())?;
        durable::sync_file(&file, &beside)?;
        fs::rename(&beside, &self.path)
    }
}

/// Creates the error `SCHEMA_NOT_FOUND` for a database.
pub fn database_not_found(database: &str) -> Error {
    Error::new(
        ErrorKind::Analysis,
        "SCHEMA_NOT_FOUND",
        "42704",
        format!("The schema `{database}` cannot be found. Verify the spelling and correctness of the schema and catalog."),
    )
    .param("schemaName", format!("`{database}`"))
}

fn corrupt(path: &Path, cause: &serde_json::Error) -> Error {
    Error::new(
        ErrorKind::Runtime,
        "CORRUPT_CATALOG",
        "XX001",
        format!("The catalog file '{}' is corrupt: {cause}.", path.display()),
    )
    .hint("Restore the file from a backup; the tables' own files are untouched.")
}

fn unwritable(path: &Path, cause: &std::io::Error) -> Error {
    Error::new(
        ErrorKind::Runtime,
        "CATALOG_IO",
        "58030",
        format!("The catalog file '{}' cannot be read or written: {cause}.", path.display()),
    )
    .hint("Check that the data directory is there, writable and not full.")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn definition(name: &str) -> TableDefinition {
        TableDefinition {
            name: name.to_owned(),
            kind: TableKind::External,
            format: "csv".into(),
            location: "/x".into(),
            schema: None,
            options: vec![("header".into(), "true".into())],
            partition_by: vec![],
            comment: None,
            text: None,
            columns: vec![],
            database: DEFAULT_DATABASE.into(),
            stopped: false,
            settings: BTreeMap::new(),
            user: None,
        }
    }

    #[test]
    fn what_was_put_is_there_after_opening_again() {
        let dir = tempfile::tempdir().unwrap();
        let store = CatalogStore::open(dir.path()).unwrap();
        assert!(store.put_if("default", definition("Flights"), None).unwrap());
        let again = CatalogStore::open(dir.path()).unwrap();
        let name = TableName { database: "DEFAULT".into(), table: "flights".into() };
        assert_eq!(again.get(&name), Some(definition("Flights")));
        again.remove(&name).unwrap();
        assert_eq!(again.remove(&name).unwrap_err().class(), "TABLE_OR_VIEW_NOT_FOUND");
    }

    #[test]
    fn a_definition_is_put_only_in_the_place_of_the_one_that_was_read() {
        let dir = tempfile::tempdir().unwrap();
        let store = CatalogStore::open(dir.path()).unwrap();
        let [first, second] =
            ["one", "two"].map(|text| TableDefinition { comment: Some(text.into()), ..definition("t") });
        let name = TableName { database: "default".into(), table: "T".into() };
        for (put, expected, done) in [
            (&first, Some(&second), false),
            (&first, None, true),
            (&second, None, false),
            (&second, Some(&second), false),
            (&second, Some(&first), true),
            (&first, Some(&first), false),
        ] {
            let before = store.get(&name);
            assert_eq!(store.put_if("DEFAULT", put.clone(), expected).unwrap(), done, "{put:?} {expected:?}");
            assert_eq!(store.get(&name), if done { Some(put.clone()) } else { before });
        }
        assert!(!store.remove_database("default").unwrap());
        assert_eq!(store.put_if("other", first, None).unwrap_err().class(), "SCHEMA_NOT_FOUND");
    }

    #[test]
    fn look_ups_do_not_wait_for_the_disk() {
        let dir = tempfile::tempdir().unwrap();
        let store = CatalogStore::open(dir.path()).unwrap();
        store
            .change(|contents| {
                contents.databases.insert("lab".into(), BTreeMap::new());
                // While a change is being made, a look-up returns what is on the disk.
                assert_eq!(store.databases(), ["default"]);
                Ok(())
            })
            .unwrap();
        assert_eq!(store.databases(), ["default", "lab"]);
    }

    #[test]
    fn a_definition_of_before_its_settings_were_kept_has_the_defaults() {
        let dir = tempfile::tempdir().unwrap();
        let old = r#"{"databases": {"default": {"t": {"name": "t", "kind": "streaming", "format": "delta",
            "location": "/x", "schema": null, "options": [], "partition_by": [], "comment": null,
            "text": "SELECT 1", "columns": [], "database": "default"}}}}"#;
        fs::write(dir.path().join("catalog.json"), old).unwrap();
        let name = TableName { database: "default".into(), table: "t".into() };
        let found = CatalogStore::open(dir.path()).unwrap().get(&name).unwrap();
        assert_eq!((found.settings, found.user, found.stopped), (BTreeMap::new(), None, false));
    }

    #[test]
    fn a_change_whose_sync_fails_is_an_error_and_is_synced_again() {
        for before in 0..2 {
            let dir = tempfile::tempdir().unwrap();
            let store = CatalogStore::open(dir.path()).unwrap();
            let fault = durable::SyncFault::new(dir.path(), before);
            store.put_if("default", definition("t"), None).unwrap_err();
            fault.take_synced();
            // The sessions see what they were told; whoever opens the catalog syncs before it reads.
            assert_eq!(store.list("default"), Some(vec![]));
            let again = CatalogStore::open(dir.path()).unwrap();
            assert_eq!(fault.take_synced(), [dir.path()]);
            assert_eq!(again.list("default").unwrap().len(), before, "sync {before}");
        }
    }

    #[test]
    fn a_corrupt_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("catalog.json"), "{").unwrap();
        assert_eq!(CatalogStore::open(dir.path()).unwrap_err().class(), "CORRUPT_CATALOG");
    }
}
