//! Opens each table once for all the queries that one statement resolves.
//!
//! An INSERT resolves its target, its query, and the query with the target's columns. Opening a table may list files and
//! read their schemas; if it were opened each time, the three could see different states of it.

use super::session::SessionCatalog;
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::Mutex;
use thalweg_common::Result;
use thalweg_common::lock::lock;
use thalweg_resolver::{Catalog, TableEntry};
use thalweg_sql::ir;

type TableKey = (ir::Name, ir::Options, bool);

/// The catalog of a session, as one statement has seen it so far.
#[derive(Debug)]
pub(crate) struct CatalogSnapshot<'c> {
    catalog: &'c SessionCatalog,
    tables: Mutex<BTreeMap<TableKey, TableEntry>>,
    sources: Mutex<Vec<(ir::DataSource, TableEntry)>>,
}

impl<'c> CatalogSnapshot<'c> {
    /// Creates a snapshot without tables.
    pub(crate) fn new(catalog: &'c SessionCatalog) -> Self {
        Self { catalog, tables: Mutex::default(), sources: Mutex::default() }
    }
}

#[async_trait]
impl Catalog for CatalogSnapshot<'_> {
    async fn table(&self, name: &ir::Name, options: &ir::Options, streaming: bool) -> Result<TableEntry> {
        let key = (name.clone(), options.clone(), streaming);
        let known = lock(&self.tables).get(&key).cloned();
        if let Some(entry) = known {
            return Ok(entry);
        }
        // An error is not kept: the query that comes to the table reports it with its position.
        let entry = self.catalog.table(name, options, streaming).await?;
        lock(&self.tables).insert(key, entry.clone());
        Ok(entry)
    }

    async fn data_source(&self, source: &ir::DataSource) -> Result<TableEntry> {
        let known =
            lock(&self.sources).iter().find(|(known, _)| known == source).map(|(_, entry)| entry.clone());
        if let Some(entry) = known {
            return Ok(entry);
        }
        let entry = self.catalog.data_source(source).await?;
        lock(&self.sources).push((source.clone(), entry.clone()));
        Ok(entry)
    }
}
