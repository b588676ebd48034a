//! The catalog that the query of a new view reads: it refuses what such a query may not name.
//!
//! The query is resolved with it, so that exactly the names that the resolver looks up are refused, also those inside of
//! other views. A name that means a common table expression is not looked up.

use super::name::TableName;
use super::session::{GLOBAL_TEMP, SessionCatalog};
use async_trait::async_trait;
use std::sync::Mutex;
use thalweg_common::lock::lock;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_resolver::{Catalog, TableEntry};
use thalweg_sql::ir::{self, Name, RelationNode};
use thalweg_values::names::{quoted, same_name};

/// The view that is created.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum NewView {
    /// A temporary view of the session.
    Temporary(String),
    /// A global temporary view.
    Global(String),
    /// A persistent view.
    Persistent(TableName),
}

impl NewView {
    fn parts(&self) -> Name {
        match self {
            Self::Temporary(name) => vec![name.clone()],
            Self::Global(name) => vec![GLOBAL_TEMP.to_owned(), name.clone()],
            Self::Persistent(name) => name.qualifier(),
        }
    }
}

/// The catalog of a session for the query of a view.
#[derive(Debug)]
pub(super) struct ViewCatalog<'c> {
    catalog: &'c SessionCatalog,
    view: NewView,
    /// Whether the view replaces one of its name, which it must not read. Otherwise that one is in the way.
    replaces: bool,
    /// The views that were read so far, each with the names in its plan.
    read: Mutex<Vec<(Name, Vec<Name>)>>,
}

impl<'c> ViewCatalog<'c> {
    pub(super) fn new(catalog: &'c SessionCatalog, view: NewView, replaces: bool) -> Self {
        Self { catalog, view, replaces, read: Mutex::default() }
    }

    /// Returns the full name of the view that a name means, whether or not there is one.
    fn full_name(&self, name: &Name) -> Result<NewView> {
        Ok(match self.catalog.temporary(name) {
            Some(view) if name.len() == 1 => NewView::Temporary(view.name),
            Some(view) => NewView::Global(view.name),
            None => NewView::Persistent(TableName::parse(name, &self.catalog.database())?),
        })
    }

    fn check(&self, name: &Name) -> Result<()> {
        // A name that cannot be a view's is that of a file, or is not found.
        let Ok(found) = self.full_name(name) else { return Ok(()) };
        let is_temporary = !matches!(found, NewView::Persistent(_));
        if is_temporary && let NewView::Persistent(view) = &self.view {
            return Err(temporary_reference(view, name));
        }
        let same = |a: &Name, b: &Name| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_name(a, b));
        if self.replaces && same(&found.parts(), &self.view.parts()) {
            return Err(self.recursive(name));
        }
        Ok(())
    }

    fn recursive(&self, name: &Name) -> Error {
        let view = quoted(&self.view.parts());
        let read = lock(&self.read);
        // From the name that closes the cycle back to the view that the query itself names.
        let mut between = vec![];
        let mut wanted = name;
        while let Some((reader, _)) = read.iter().find(|(_, names)| names.contains(wanted))
            && between.len() < read.len()
        {
            between
                .push(self.full_name(reader).map_or_else(|_| quoted(reader), |full| quoted(&full.parts())));
            wanted = reader;
        }
        between.reverse();
        let path: Vec<_> = [view.clone()].into_iter().chain(between).chain([view.clone()]).collect();
        let path = path.join(" -> ");
        let text = format!("Recursive view {view} detected (cycle: {path}).");
        Error::new(ErrorKind::Analysis, "RECURSIVE_VIEW", "42K0H", text)
            .param("viewIdent", view)
            .param("newPath", path)
    }
}

#[async_trait]
impl Catalog for ViewCatalog<'_> {
    async fn table(&self, name: &Name, options: &ir::Options, streaming: bool) -> Result<TableEntry> {
        self.check(name)?;
        if let NewView::Persistent(view) = &self.view
            && self.catalog.named_by_connector(name).await?.is_some()
        {
            // It ends with the process, as a temporary view does.
            return Err(temporary_reference(view, name));
        }
        let entry = self.catalog.table(name, options, streaming).await?;
        if let TableEntry::View { plan, .. } = &entry {
            let mut names = vec![];
            plan.for_each_table(&mut |table| {
                if let RelationNode::Table { name, .. } = &table.node {
                    names.push(name.clone());
                }
            });
            lock(&self.read).push((name.clone(), names));
        }
        Ok(entry)
    }

    async fn data_source(&self, source: &ir::DataSource) -> Result<TableEntry> {
        self.catalog.data_source(source).await
    }
}

/// A persistent view lives longer than the temporary views of a session.
fn temporary_reference(view: &TableName, name: &[String]) -> Error {
    let (object, temporary) = (quoted(&view.qualifier()), quoted(name));
    Error::new(
        ErrorKind::Analysis,
        "INVALID_TEMP_OBJ_REFERENCE",
        "42K0F",
        format!(
            "Cannot create the persistent object {object} of the type VIEW because it references to the temporary \
             object {temporary} of the type VIEW. Please make the temporary object {temporary} persistent, or make the \
             persistent object {object} temporary."
        ),
    )
    .param("obj", "VIEW")
    .param("objName", object)
    .param("tempObj", "VIEW")
    .param("tempObjName", temporary)
}
