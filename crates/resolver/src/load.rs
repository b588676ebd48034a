//! Loads the tables of a query before it is resolved, so that resolution is one pass of synchronous code.
//!
//! Every table and source of the query is loaded once, with those of views and subqueries, so a plan never
//! mixes two states of one table. A table that cannot be loaded is an error only where resolution reads it: a common
//! table expression that no one reads may name it.

use crate::catalog::{Catalog, TableEntry};
use thalweg_common::{Error, Result};
use thalweg_sql::ir::{self, Relation, RelationNode};

/// The largest number of tables of a query.
const LOADS_MAX: usize = 1_000;

/// A table of a query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Request {
    Table { name: ir::Name, options: ir::Options, streaming: bool },
    Source(ir::DataSource),
}

/// The tables of a query: each as it was loaded, or the reason why it cannot be read.
#[derive(Debug, Default)]
pub(crate) struct Loads(Vec<(Request, Result<TableEntry>)>);

impl Loads {
    /// Loads all tables of a query.
    ///
    /// # Errors
    /// `UNSUPPORTED_FEATURE` for too many of them.
    pub(crate) async fn of(query: &Relation, catalog: &dyn Catalog) -> Result<Self> {
        let mut loads = Self::default();
        let mut wanted = requests(query);
        // `pop` takes the last one, so that tables are loaded in the order of the text.
        wanted.reverse();
        while let Some(request) = wanted.pop() {
            // No request is loaded twice, so the loop ends even if views read each other.
            if loads.get(&request).is_some() {
                continue;
            }
            if loads.0.len() >= LOADS_MAX {
                return Err(Error::unsupported(format!("a query over more than {LOADS_MAX} tables")));
            }
            let entry = entry(catalog, &request).await;
            if let Ok(TableEntry::View { plan, .. }) = &entry {
                wanted.extend(requests(plan));
            }
            loads.0.push((request, entry));
        }
        Ok(loads)
    }

    /// Returns the table; none if it is not one of the query's.
    pub(crate) fn get(&self, request: &Request) -> Option<&Result<TableEntry>> {
        self.0.iter().find(|(known, _)| known == request).map(|(_, entry)| entry)
    }
}

async fn entry(catalog: &dyn Catalog, request: &Request) -> Result<TableEntry> {
    match request {
        Request::Table { name, options, streaming } => catalog.table(name, options, *streaming).await,
        Request::Source(source) => catalog.data_source(source).await,
    }
}

/// Returns the tables of a relation, with those inside the views that it holds.
fn requests(relation: &Relation) -> Vec<Request> {
    let mut found = vec![];
    let mut rest = vec![relation];
    while let Some(relation) = rest.pop() {
        relation.for_each_table(&mut |table| match &table.node {
            RelationNode::Table { name, options, streaming } => found.push(Request::Table {
                name: name.clone(),
                options: options.clone(),
                streaming: *streaming,
            }),
            RelationNode::DataSource(source) => found.push(Request::Source(source.clone())),
            RelationNode::View { plan, .. } => rest.push(plan),
            _ => {}
        });
    }
    found
}
