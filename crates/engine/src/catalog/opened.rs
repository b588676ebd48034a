//! Remembers how the bounded tables of plans were opened.
//!
//! A plan has its tables as they were when it was resolved. A streaming query reads a bounded table anew for each epoch,
//! so it opens the table again.

use datafusion::catalog::TableProvider;
use std::fmt;
use std::sync::{Arc, Mutex, Weak};
use thalweg_common::Result;
use thalweg_common::lock::lock;
use thalweg_connectors::{Connector, ReadRequest};

/// How a table is opened.
#[derive(Debug, Clone)]
pub(crate) struct TableOpening {
    /// The connector of the table.
    pub connector: Arc<dyn Connector>,
    /// What it reads.
    pub request: ReadRequest,
}

impl TableOpening {
    /// Opens the table as it is now.
    pub(crate) async fn open(&self) -> Result<Arc<dyn TableProvider>> {
        self.connector.table(self.request.clone()).await
    }
}

/// The tables that the plans of a session contain.
#[derive(Default)]
pub struct OpenedTables(Mutex<Vec<(Weak<dyn TableProvider>, TableOpening)>>);

impl fmt::Debug for OpenedTables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} opened tables", lock(&self.0).len())
    }
}

impl OpenedTables {
    /// Remembers a table as long as a plan has it.
    pub(crate) fn add(&self, table: &Arc<dyn TableProvider>, opening: TableOpening) {
        let mut tables = lock(&self.0);
        tables.retain(|(table, _)| table.strong_count() > 0);
        tables.push((Arc::downgrade(table), opening));
    }

    /// Returns how a table of a plan was opened; none for one without a connector, such as local rows.
    pub(crate) fn find(&self, table: &Arc<dyn TableProvider>) -> Option<TableOpening> {
        let is_table =
            |known: &Weak<dyn TableProvider>| std::ptr::addr_eq(known.as_ptr(), Arc::as_ptr(table));
        lock(&self.0).iter().find(|(known, _)| is_table(known)).map(|(_, opening)| opening.clone())
    }
}
