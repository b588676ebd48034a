//! Finds connectors by name, by file and by folder, and refuses what they do not say they can do.

use crate::connector::{Connector, ReadRequest, SinkRequest, WriteReport, WriteRequest};
use crate::descriptor::{ConnectorDescriptor, Operation};
use crate::stream::{StreamSink, StreamSource};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::execution::SendableRecordBatchStream;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use thalweg_common::suggest::nearest;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_storage::MetadataLog;
use thalweg_storage::path;

/// The end of the name of a file that is compressed; the format is before it.
const COMPRESSED: &str = ".gz";

/// Finds connectors by name.
///
/// What it returns checks each operation and its options against the connector's descriptor. [`Connector`] has an
/// example.
#[derive(Debug, Clone, Default)]
pub struct ConnectorRegistry {
    /// By name and alias.
    connectors: BTreeMap<&'static str, Arc<dyn Connector>>,
    default_table_format: Option<String>,
}

impl ConnectorRegistry {
    /// Adds a connector under its name and aliases.
    ///
    /// # Errors
    /// `DATA_SOURCE_ALREADY_EXISTS` if one of the names is taken.
    pub fn with(mut self, connector: Arc<dyn Connector>) -> Result<Self> {
        let descriptor = *connector.descriptor();
        let connector: Arc<dyn Connector> = Arc::new(Checked(connector));
        for name in std::iter::once(descriptor.name).chain(descriptor.aliases.iter().copied()) {
            // A name that meant another connector without notice would read and write the wrong system.
            match self.connectors.entry(name) {
                Entry::Vacant(free) => free.insert(Arc::clone(&connector)),
                Entry::Occupied(_) => return Err(already_exists(name)),
            };
        }
        Ok(self)
    }

    /// Sets the format of tables that are created without one.
    #[must_use]
    pub fn with_default_table_format(mut self, format: &str) -> Self {
        self.default_table_format = Some(format.to_lowercase());
        self
    }

    /// Returns the format of tables that are created without one.
    ///
    /// # Errors
    /// `UNSUPPORTED_FEATURE` if there is no such format.
    pub fn default_table_format(&self) -> Result<&str> {
        let format = self.default_table_format.as_deref();
        format.ok_or_else(|| Error::unsupported("a table without a format").hint("Name one with USING."))
    }

    /// Returns the connector with this name, in any case.
    ///
    /// # Errors
    /// `DATA_SOURCE_NOT_FOUND`, with the nearest names.
    pub fn get(&self, format: &str) -> Result<Arc<dyn Connector>> {
        // Descriptors have lower-case names, so that a look-up needs no scan.
        let found = self.connectors.get(format.to_lowercase().as_str()).cloned();
        found.ok_or_else(|| self.not_found(format))
    }

    fn not_found(&self, format: &str) -> Error {
        // A name that is like none is more likely to be of a system that is not there than misspelled.
        let near = nearest(format, self.connectors.keys().copied());
        let known: Vec<_> = self.connectors.keys().copied().collect();
        let hint = if near.is_empty() {
            format!("Known formats: {}.", known.join(", "))
        } else {
            format!("Did you mean {}?", near.join(", "))
        };
        Error::new(
            ErrorKind::Analysis,
            "DATA_SOURCE_NOT_FOUND",
            "42K02",
            format!("Failed to find the data source: {format}."),
        )
        .param("provider", format)
        .hint(hint)
    }

    /// Returns the connectors, each once, in the order of their names.
    pub fn connectors(&self) -> impl Iterator<Item = &Arc<dyn Connector>> + Clone {
        let entries = self.connectors.iter();
        // A connector is stored under each of its names, and listed under the first.
        entries
            .filter(|(name, connector)| **name == connector.descriptor().name)
            .map(|(_, connector)| connector)
    }

    /// Returns the connector of a path that is named without a format: by the end of the file's name, looking
    /// through `.gz`, or by what is in the folder.
    pub fn of_path(&self, path: &str) -> Option<&ConnectorDescriptor> {
        let mut descriptors = self.connectors().map(|connector| connector.descriptor());
        let name = path.strip_suffix(COMPRESSED).unwrap_or(path);
        if let Some((_, end)) = name.rsplit_once('.')
            && let Some(found) = descriptors.clone().find(|d| d.extensions.contains(&end))
        {
            return Some(found);
        }
        // A path that is not local has no folder to look into; the read refuses it by its scheme.
        let folder = path::local(path).ok()?;
        descriptors.find(|d| d.folder_marker.is_some_and(|marker| folder.join(marker).is_dir()))
    }

    /// Returns the files that a table reads, as URIs; a table that is not made of files has none.
    pub fn input_files(&self, table: &dyn TableProvider) -> Vec<String> {
        self.connectors().find_map(|connector| connector.input_files(table)).unwrap_or_default()
    }
}

fn already_exists(name: &str) -> Error {
    Error::new(
        ErrorKind::Analysis,
        "DATA_SOURCE_ALREADY_EXISTS",
        "42710",
        format!(
            "Data source '{name}' already exists. Please choose a different name for the new data source."
        ),
    )
    .param("provider", name)
}

/// Checks each request to a connector against the connector's descriptor.
#[derive(Debug)]
struct Checked(Arc<dyn Connector>);

#[async_trait]
impl Connector for Checked {
    fn descriptor(&self) -> &ConnectorDescriptor {
        self.0.descriptor()
    }

    async fn table(&self, request: ReadRequest) -> Result<Arc<dyn TableProvider>> {
        self.descriptor().check(Operation::BatchRead, &request.options)?;
        self.0.table(request).await
    }

    fn input_files(&self, table: &dyn TableProvider) -> Option<Vec<String>> {
        self.0.input_files(table)
    }

    async fn write(&self, request: WriteRequest, rows: SendableRecordBatchStream) -> Result<WriteReport> {
        self.descriptor().check(Operation::BatchWrite, &request.options)?;
        self.0.write(request, rows).await
    }

    async fn create_table(&self, request: WriteRequest, columns: SchemaRef) -> Result<()> {
        // Without tables of its own the connector refuses the operation, which is the error to report.
        if self.descriptor().tables.keeps_columns {
            self.descriptor().check(Operation::BatchWrite, &request.options)?;
        }
        self.0.create_table(request, columns).await
    }

    async fn stream_schema(&self, request: &ReadRequest) -> Result<SchemaRef> {
        self.descriptor().check(Operation::StreamRead, &request.options)?;
        self.0.stream_schema(request).await
    }

    async fn source(&self, request: ReadRequest, log: MetadataLog) -> Result<Arc<dyn StreamSource>> {
        self.descriptor().check(Operation::StreamRead, &request.options)?;
        self.0.source(request, log).await
    }

    async fn sink(&self, request: SinkRequest) -> Result<Arc<dyn StreamSink>> {
        self.descriptor().check(Operation::StreamWrite, &request.options)?;
        self.descriptor().check_output_mode(request.output_mode)?;
        self.0.sink(request).await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::noop::Noop;

    static OTHER: ConnectorDescriptor =
        ConnectorDescriptor { aliases: &["alias"], ..ConnectorDescriptor::new("other", "") };

    #[derive(Debug)]
    struct Other;

    impl Connector for Other {
        fn descriptor(&self) -> &ConnectorDescriptor {
            &OTHER
        }
    }

    #[test]
    fn a_connector_is_found_by_each_of_its_names_and_listed_once() {
        let registry = ConnectorRegistry::default().with(Arc::new(Other)).unwrap();
        let registry = registry.with(Arc::new(Noop)).unwrap();
        let name = |key: &str| registry.get(key).map(|c| c.descriptor().name).map_err(|e| e.to_string());
        assert_eq!(name("ALIAS"), Ok("other"));
        assert_eq!(name("Other"), Ok("other"));
        let names: Vec<_> = registry.connectors().map(|c| c.descriptor().name).collect();
        assert_eq!(names, ["noop", "other"]);
        let missing = registry.get("othr").unwrap_err();
        assert_eq!(
            (missing.class(), missing.hint_text()),
            ("DATA_SOURCE_NOT_FOUND", Some("Did you mean other?"))
        );
    }

    static NAMED_AS_ALIAS: ConnectorDescriptor = ConnectorDescriptor::new("alias", "");

    #[derive(Debug)]
    struct NamedAsAlias;

    impl Connector for NamedAsAlias {
        fn descriptor(&self) -> &ConnectorDescriptor {
            &NAMED_AS_ALIAS
        }
    }

    #[test]
    fn a_name_that_is_taken_is_refused() {
        let registry = ConnectorRegistry::default().with(Arc::new(Other)).unwrap();
        let cases: [(Arc<dyn Connector>, &str); 2] = [
            (Arc::new(Other), "Data source 'other' already exists."),
            (Arc::new(NamedAsAlias), "Data source 'alias'"),
        ];
        for (connector, message) in cases {
            let error = registry.clone().with(connector).unwrap_err();
            assert_eq!(error.class(), "DATA_SOURCE_ALREADY_EXISTS");
            assert!(error.message().starts_with(message), "{error}");
        }
    }

    #[test]
    fn a_table_without_a_format_has_that_of_the_registry() {
        let registry = ConnectorRegistry::default();
        assert_eq!(registry.default_table_format().unwrap_err().class(), "UNSUPPORTED_FEATURE");
        assert_eq!(registry.with_default_table_format("Noop").default_table_format(), Ok("noop"));
    }
}
