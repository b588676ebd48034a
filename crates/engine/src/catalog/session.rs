//! Resolves names for one session: its temporary views, then memory sinks, then the persistent catalog.
//!
//! Implements the resolver's [`Catalog`]: converts a name or a data source to a table to scan.

use super::claims::{NameClaim, NameClaims};
use super::name::{TableName, not_found};
use super::opened::OpenedTables;
use super::store::{CatalogStore, TableDefinition, TableKind};
use super::view_text;
use crate::settings::SessionConfig;
use crate::source::{self, SourceRequest};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};
use thalweg_common::Result;
use thalweg_common::lock::{read, write};
use thalweg_connectors::ConnectorRegistry;
use thalweg_resolver::{Catalog, TableEntry};
use thalweg_sql::ir;

/// A temporary view.
#[derive(Debug, Clone)]
pub struct TemporaryView {
    /// The name.
    pub name: String,
    /// The plan.
    pub plan: ir::Relation,
    /// New names of its columns; empty keeps those of the plan.
    pub columns: Vec<String>,
}

/// The database of global temporary views.
pub const GLOBAL_TEMP: &str = "global_temp";

/// Temporary views by lower-case name.
#[derive(Debug, Default)]
pub struct Views(RwLock<BTreeMap<String, TemporaryView>>);

impl Views {
    /// Returns the view of this name.
    pub fn get(&self, name: &str) -> Option<TemporaryView> {
        read(&self.0).get(&name.to_lowercase()).cloned()
    }
    /// Adds or, if `replace`, replaces a view; returns whether it did.
    pub fn put(&self, view: TemporaryView, replace: bool) -> bool {
        let mut views = write(&self.0);
        let key = view.name.to_lowercase();
        if !replace && views.contains_key(&key) {
            return false;
        }
        views.insert(key, view);
        true
    }
    /// Removes a view; returns whether there was one.
    pub fn remove(&self, name: &str) -> bool {
        write(&self.0).remove(&name.to_lowercase()).is_some()
    }
    /// Returns all names, sorted.
    pub fn names(&self) -> Vec<String> {
        read(&self.0).values().map(|view| view.name.clone()).collect()
    }
}

/// The catalog of a session.
#[derive(Debug)]
pub struct SessionCatalog {
    /// The persistent catalog.
    pub store: Arc<CatalogStore>,
    /// The names that statements of all sessions are changing.
    pub claims: Arc<NameClaims>,
    /// The connectors.
    pub registry: Arc<ConnectorRegistry>,
    /// The session's settings.
    pub config: Arc<SessionConfig>,
    /// How the bounded tables of its plans were opened.
    pub opened: OpenedTables,
    /// The session's temporary views.
    pub views: Views,
    /// The global temporary views of all sessions.
    pub global_views: Arc<Views>,
    /// Returns the current database.
    pub database: RwLock<String>,
}

impl SessionCatalog {
    /// Returns the current database.
    pub fn database(&self) -> String {
        read(&self.database).clone()
    }

    /// Waits until no other statement creates, replaces or drops the persistent object of this name.
    pub async fn claim(&self, name: &TableName) -> NameClaim {
        self.claims.claim(name).await
    }

    /// Returns the persistent table with this name.
    pub fn definition(&self, parts: &[String]) -> Result<(TableName, TableDefinition)> {
        let name = TableName::parse(parts, &self.database())?;
        let found = self.store.get(&name).ok_or_else(|| not_found(parts))?;
        Ok((name, found))
    }

    /// Returns the temporary view with this name.
    pub fn temporary(&self, parts: &[String]) -> Option<TemporaryView> {
        match parts {
            [name] => self.views.get(name),
            [database, name] if database.eq_ignore_ascii_case(GLOBAL_TEMP) => self.global_views.get(name),
            _ => None,
        }
    }

    /// Returns the entry of a persistent table or view.
    async fn lasting(&self, parts: &[String], options: &ir::Options, streaming: bool) -> Result<TableEntry> {
        let (name, definition) = self.definition(parts)?;
        if definition.kind == TableKind::View {
            return view_entry(&name, &definition);
        }
        let mut request = SourceRequest::of_table(&definition)?;
        request.options.extend(options.iter().cloned());
        request.streaming = streaming;
        self.entry(request, name.qualifier()).await
    }

    /// The table of a connector whose tables are found by their names, such as those of queries into memory.
    pub(super) async fn named_by_connector(&self, name: &[String]) -> Result<Option<TableEntry>> {
        let [table] = name else { return Ok(None) };
        let descriptors = self.registry.connectors().map(|connector| connector.descriptor());
        for descriptor in descriptors.filter(|descriptor| descriptor.tables.found_by_name) {
            // Such tables are not in the catalog: only opening one shows whether the connector has it.
            let request = SourceRequest {
                format: descriptor.name.to_owned(),
                paths: vec![table.clone()],
                schema: None,
                options: vec![],
                streaming: false,
                kept: vec![],
            };
            match self.entry(request, name.to_vec()).await {
                Ok(entry) => return Ok(Some(entry)),
                Err(e) if e.class() == "TABLE_OR_VIEW_NOT_FOUND" => {}
                Err(e) => return Err(e),
            }
        }
        Ok(None)
    }

    async fn entry(&self, request: SourceRequest, qualifier: Vec<String>) -> Result<TableEntry> {
        let streaming = request.streaming;
        let connector = self.registry.get(&request.format)?;
        let opened = source::open(connector, request, &self.config).await?;
        if let Some(opening) = opened.opening {
            self.opened.add(&opened.provider, opening);
        }
        Ok(TableEntry::Table { provider: opened.provider, schema: opened.schema, streaming, qualifier })
    }
}

#[async_trait]
impl Catalog for SessionCatalog {
    async fn table(&self, name: &ir::Name, options: &ir::Options, streaming: bool) -> Result<TableEntry> {
        // Temporary views come first, as in Spark: they may hide a table.
        if let Some(view) = self.temporary(name) {
            let qualifier = vec![view.name];
            return Ok(TableEntry::View { plan: Box::new(view.plan), columns: view.columns, qualifier });
        }
        if let Some(entry) = self.named_by_connector(name).await? {
            return Ok(entry);
        }
        match self.lasting(name, options, streaming).await {
            Err(e) if e.class() == "TABLE_OR_VIEW_NOT_FOUND" => {
                // Only then: a table of a database `csv` counts before a file.
                match source::path_table(name, options, streaming) {
                    // Where the first part is not a format it was meant as a database, and the first error stays.
                    Some(request) if self.registry.get(&request.format).is_ok() => {
                        self.entry(request, vec![]).await
                    }
                    _ => Err(e),
                }
            }
            other => other,
        }
    }

    async fn data_source(&self, data_source: &ir::DataSource) -> Result<TableEntry> {
        let request = SourceRequest::of_data_source(data_source, &self.config, &self.registry)?;
        self.entry(request, vec![]).await
    }
}

fn view_entry(name: &TableName, definition: &TableDefinition) -> Result<TableEntry> {
    let plan = Box::new(view_text::plan(name, definition)?);
    Ok(TableEntry::View { plan, columns: definition.columns.clone(), qualifier: name.qualifier() })
}
