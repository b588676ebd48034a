//! Defines a Delta table: its columns, its partition columns, and the features that its readers and writers need.
//!
//! A table that needs a feature that is not implemented here is refused by the name of the feature. Columns have the
//! types of tables everywhere; they are converted to Delta's own types by its kernel.

use crate::log::{cause_of, corrupt};
use crate::schema_enforcement;
use arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use deltalake_core::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake_core::kernel::{EagerSnapshot, StructType};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_connector_files::files::scan::check_not_empty;
use thalweg_connector_files::files::split::PartitionSplitter;
use thalweg_connector_files::parquet::sink::can_hold;
use thalweg_connector_files::parquet::types::table_schema;
use thalweg_connector_files::text::config::unsupported_type;
use thalweg_values::names::same_name;
use thalweg_values::zone::Zone;
use uuid::Uuid;

/// The features of writers that are known here. Of some only this much is: a table that uses them is refused.
const WRITER_FEATURES: [&str; 9] = [
    "allowColumnDefaults",
    "appendOnly",
    "changeDataFeed",
    "checkConstraints",
    "deletionVectors",
    "generatedColumns",
    "identityColumns",
    "invariants",
    NTZ,
];
/// Keys in the metadata of a column, and the feature that a table uses with them.
const COLUMN_MARKS: [(&str, &str); 4] = [
    ("\"delta.invariants\"", "column invariants"),
    ("\"delta.generationExpression\"", "generatedColumns"),
    ("\"delta.identity.", "identityColumns"),
    ("\"CURRENT_DEFAULT\"", "allowColumnDefaults"),
];
/// The features of readers that are known here.
const READER_FEATURES: [&str; 2] = [NTZ, "deletionVectors"];
const NTZ: &str = "timestampNtz";
/// The features that each writer version adds to those of the versions below it.
const LEGACY_WRITER_FEATURES: [(u64, &str); 7] = [
    (2, "appendOnly"),
    (2, "invariants"),
    (3, "checkConstraints"),
    (4, "changeDataFeed"),
    (4, "generatedColumns"),
    (5, "columnMapping"),
    (6, "identityColumns"),
];
/// The first versions of readers and writers whose features are listed by name.
const NAMED_FEATURES: (u64, u64) = (3, 7);

/// The columns and the layout of a table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Definition {
    /// All columns in the order of the table, partition columns included. Inside a column everything may be null.
    pub schema: SchemaRef,
    /// The same columns, with the nulls that the table allows at any depth.
    declared: SchemaRef,
    pub partition_by: Vec<String>,
    metadata: Value,
    protocol: Value,
}

impl Definition {
    /// The id of the table.
    pub(crate) fn id(&self) -> Option<&str> {
        self.metadata.get("id").and_then(Value::as_str)
    }

    /// Reads the definition of a snapshot.
    pub(crate) fn of(snapshot: &EagerSnapshot) -> Result<Self> {
        let value =
            |v: serde_json::Result<Value>| v.map_err(|e| Error::internal(format!("Delta metadata: {e}")));
        let metadata = value(serde_json::to_value(snapshot.metadata()))?;
        let partition_by = strings(&metadata, "partitionColumns");
        let declared = snapshot.arrow_schema();
        Ok(Self {
            schema: with_nulls_of(table_schema(&declared)?.as_ref(), &declared),
            declared,
            partition_by,
            protocol: value(serde_json::to_value(snapshot.protocol()))?,
            metadata,
        })
    }

    /// Defines a new table for rows of that schema. Every column may be null.
    pub(crate) fn of_rows(rows: &SchemaRef, partition_by: &[String], created_ms: i64) -> Result<Self> {
        check_not_empty("Delta", rows)?;
        can_be_held(rows)?;
        Self::declared(&table_schema(rows)?, partition_by, created_ms)
    }

    /// Defines a new table with those columns.
    pub(crate) fn declared(declared: &SchemaRef, partition_by: &[String], created_ms: i64) -> Result<Self> {
        can_be_held(declared)?;
        let declared = without_metadata(declared);
        let schema = with_nulls_of(table_schema(&declared)?.as_ref(), &declared);
        // Spells the names as the table does.
        let partition_by = PartitionSplitter::new(&schema, partition_by, Zone::UTC)?.names().to_vec();
        let metadata = json!({
            "id": Uuid::new_v4().to_string(),
            "format": {"provider": "parquet", "options": {}},
            "schemaString": schema_string(&declared)?,
            "partitionColumns": partition_by,
            "configuration": {},
            "createdTime": created_ms,
        });
        let protocol = with_ntz_if_needed(&json!({"minReaderVersion": 1, "minWriterVersion": 2}), &schema);
        Ok(Self { schema, declared, partition_by, metadata, protocol })
    }

    /// Adds the columns that rows have in addition, at any depth.
    pub(crate) fn merged_with(&self, rows: &SchemaRef) -> Result<Self> {
        let new = table_schema(rows)?;
        let schema = schema_enforcement::merged(&self.schema, &new);
        schema_enforcement::check(&schema, rows)?;
        can_be_held(&schema)?;
        // Nothing to add: the metadata stay as they were written.
        if schema == self.schema {
            return Ok(self.clone());
        }
        let declared = schema_enforcement::merged(&self.declared, &new);
        let mut metadata = self.metadata.clone();
        if let Some(map) = metadata.as_object_mut() {
            map.insert("schemaString".to_owned(), schema_string(&declared)?.into());
        }
        let protocol = with_ntz_if_needed(&self.protocol, &schema);
        Ok(Self { schema, declared, partition_by: self.partition_by.clone(), metadata, protocol })
    }

    /// Returns the actions that create the table.
    pub(crate) fn actions(&self) -> [Value; 2] {
        [json!({"protocol": self.protocol}), json!({"metaData": self.metadata})]
    }

    /// Returns the actions that give an existing table these columns. Its identity and settings stay.
    pub(crate) fn replacing(&self, old: &Self) -> Vec<Value> {
        let mut metadata = self.metadata.clone();
        for key in ["id", "configuration", "createdTime", "name", "description"] {
            if let (Some(value), Some(map)) = (old.metadata.get(key), metadata.as_object_mut()) {
                map.insert(key.to_owned(), value.clone());
            }
        }
        let mut actions = vec![json!({"metaData": metadata})];
        let protocol = with_ntz_if_needed(&old.protocol, &self.schema);
        if protocol != old.protocol {
            actions.push(json!({"protocol": protocol}));
        }
        actions
    }

    /// Returns whether files that were written for one of them fit the other.
    pub(crate) fn same_layout(&self, other: &Self) -> bool {
        without_metadata(&self.declared) == without_metadata(&other.declared)
            && self.partition_by == other.partition_by
    }

    /// Refuses tables that need a feature of readers that is not known here.
    pub(crate) fn check_readable(&self, root: &Path) -> Result<()> {
        let unknown = strings(&self.protocol, "readerFeatures");
        match unknown.iter().find(|f| !READER_FEATURES.contains(&f.as_str())) {
            Some(feature) => Err(unsupported_feature(root, feature)),
            None if self.setting("delta.columnMapping.mode").is_some_and(|m| m != "none") => {
                Err(unsupported_feature(root, "columnMapping"))
            }
            None => Ok(()),
        }
    }

    /// Refuses tables that need a feature of writers that is not known here, or use one that is not implemented.
    pub(crate) fn check_writable(&self, root: &Path) -> Result<()> {
        self.check_readable(root)?;
        // A protocol without a version is not one that can be understood.
        let version = self.protocol.get("minWriterVersion").and_then(Value::as_u64).unwrap_or(u64::MAX);
        if version > NAMED_FEATURES.1 {
            return Err(unsupported_feature(root, &format!("writer version {version}")));
        }
        let features = strings(&self.protocol, "writerFeatures");
        if let Some(feature) = features.iter().find(|f| !WRITER_FEATURES.contains(&f.as_str())) {
            return Err(unsupported_feature(root, feature));
        }
        if let Some(feature) = self.used_feature() {
            return Err(unsupported_feature(root, feature));
        }
        // Their text in the name of a folder is not read back as the value.
        let is_folder = |f: &&FieldRef| self.partition_by.iter().any(|name| name == f.name());
        if self.schema.fields().iter().filter(is_folder).any(|f| f.data_type() == &DataType::Binary) {
            return Err(unsupported_feature(root, "a partition column of type binary"));
        }
        // A transaction that the log forgets would let its epoch be committed twice.
        match self.setting("delta.setTransactionRetentionDuration") {
            Some(_) => Err(unsupported_feature(root, "delta.setTransactionRetentionDuration")),
            None => Ok(()),
        }
    }

    /// Returns a feature that the columns or settings use and that is not implemented here.
    fn used_feature(&self) -> Option<&'static str> {
        let settings = self.metadata.get("configuration").and_then(Value::as_object);
        if settings.is_some_and(|s| s.keys().any(|key| key.starts_with("delta.constraints."))) {
            return Some("checkConstraints");
        }
        // A search in the text of the schema finds a key at any depth. In a comment it refuses too much at worst.
        let schema = self.metadata.get("schemaString").and_then(Value::as_str).unwrap_or_default();
        COLUMN_MARKS.iter().find(|(mark, _)| schema.contains(mark)).map(|(_, feature)| *feature)
    }

    /// Returns whether rows may not be removed.
    pub(crate) fn is_append_only(&self) -> bool {
        self.setting("delta.appendOnly").is_some_and(|v| v == "true")
    }

    /// Refuses rows that do not fit the columns.
    pub(crate) fn check_rows(&self, rows: &SchemaRef) -> Result<()> {
        schema_enforcement::check(&self.schema, rows)
    }

    /// Converts rows that fit to the columns of the table; class `DELTA_NOT_NULL_CONSTRAINT_VIOLATED` for a null that
    /// the table does not allow.
    pub(crate) fn fitted(&self, rows: &RecordBatch, zone: Zone) -> Result<RecordBatch> {
        schema_enforcement::fitted(rows, &self.schema, &self.declared, zone)
    }

    fn setting(&self, key: &str) -> Option<&str> {
        self.metadata.get("configuration")?.get(key)?.as_str()
    }
}

/// Refuses partition columns other than the table's.
pub(crate) fn check_partitions(asked: &[String], own: &[String]) -> Result<()> {
    let same = asked.len() == own.len() && asked.iter().zip(own).all(|(a, b)| same_name(a, b));
    if same || asked.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Analysis,
        "DELTA_PARTITION_MISMATCH",
        "42KDG",
        format!("The table is partitioned by [{}], not by [{}].", own.join(", "), asked.join(", ")),
    ))
}

/// Parses a log entry into its actions, one on each line.
pub(crate) fn actions(entry: &[u8], path: &Path) -> Result<Vec<Value>> {
    let lines = entry.split(|b| *b == b'\n').filter(|l| !l.iter().all(u8::is_ascii_whitespace));
    lines.map(|l| serde_json::from_slice(l).map_err(|e| corrupt(path, &e))).collect()
}

fn strings(value: &Value, key: &str) -> Vec<String> {
    let items = value.get(key).and_then(Value::as_array);
    items.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn can_be_held(schema: &Schema) -> Result<()> {
    match schema.fields().iter().find(|f| !can_hold(f.data_type())) {
        None => Ok(()),
        Some(field) => Err(unsupported_type("Delta", field.name(), field.data_type())),
    }
}

/// Returns the columns of `schema`, each of which may be null if it may in `declared`.
fn with_nulls_of(schema: &Schema, declared: &Schema) -> SchemaRef {
    let field = |(field, declared): (&FieldRef, &FieldRef)| {
        field.as_ref().clone().with_nullable(declared.is_nullable())
    };
    let fields = schema.fields().iter().zip(declared.fields()).map(field);
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn without_metadata(schema: &Schema) -> SchemaRef {
    let plain = |f: &FieldRef| f.as_ref().clone().with_metadata([].into());
    Arc::new(Schema::new(schema.fields().iter().map(plain).collect::<Vec<_>>()))
}

fn schema_string(declared: &SchemaRef) -> Result<String> {
    let kernel: StructType = declared
        .as_ref()
        .try_into_kernel()
        .map_err(|e| Error::unsupported(format!("a Delta table of these columns ({})", cause_of(&e))))?;
    serde_json::to_string(&kernel).map_err(|e| Error::internal(format!("a Delta schema: {e}")))
}

/// Adds TIMESTAMP_NTZ to a protocol if the columns need it. What it required before, it still requires.
fn with_ntz_if_needed(protocol: &Value, schema: &Schema) -> Value {
    let is_there = strings(protocol, "writerFeatures").iter().any(|f| f == NTZ);
    if is_there || !schema.fields().iter().any(|f| has_ntz(f.data_type())) {
        return protocol.clone();
    }
    let version = |key: &str| protocol.get(key).and_then(Value::as_u64).unwrap_or_default();
    let mut writers = strings(protocol, "writerFeatures");
    let old = version("minWriterVersion");
    if old < NAMED_FEATURES.1 {
        // From this version on every feature is named, so those that the old version implied are named too.
        let named = LEGACY_WRITER_FEATURES.iter().filter(|(since, _)| *since <= old);
        writers.extend(named.map(|(_, feature)| (*feature).to_owned()));
    }
    let mut readers = strings(protocol, "readerFeatures");
    writers.push(NTZ.to_owned());
    readers.push(NTZ.to_owned());
    let (reader, writer) = NAMED_FEATURES;
    json!({"minReaderVersion": reader, "minWriterVersion": writer, "readerFeatures": readers, "writerFeatures": writers})
}

fn has_ntz(data_type: &DataType) -> bool {
    match data_type {
        DataType::Timestamp(_, None) => true,
        DataType::List(f) | DataType::Map(f, _) => has_ntz(f.data_type()),
        DataType::Struct(fields) => fields.iter().any(|f| has_ntz(f.data_type())),
        _ => false,
    }
}

pub(crate) fn unsupported_feature(root: &Path, feature: &str) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "DELTA_UNSUPPORTED_FEATURES",
        "56038",
        format!(
            "The Delta table {} needs what is not supported here: {feature}.",
            thalweg_storage::path::uri(root)
        ),
    )
    .param("feature", feature)
}
