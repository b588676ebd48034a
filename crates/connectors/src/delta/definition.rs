//! What a Delta table is: columns, partition columns, and what a writer has to understand.
//!
//! A table that asks its writers or readers for more than is here is refused by the name of what
//! it asks for. Types are the platform's; Delta's own are its kernel's business.

use super::log::corrupt;
use crate::files::split::PartitionSplitter;
use crate::parquet::types::table_schema;
use crate::text::Zone;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use deltalake_core::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake_core::kernel::{EagerSnapshot, StructType};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind, Result};
use uuid::Uuid;

/// What an appending writer understands.
const WRITER_FEATURES: [&str; 4] = ["appendOnly", "invariants", "timestampNtz", "changeDataFeed"];
/// What a reader understands.
const READER_FEATURES: [&str; 1] = ["timestampNtz"];
/// The highest writer version without feature names whose features are all understood.
const LEGACY_WRITER_VERSION_MAX: u64 = 2;

/// Columns and layout of a table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Definition {
    /// All columns, partition columns included, in the order of the table.
    pub schema: SchemaRef,
    pub partition_by: Vec<String>,
    metadata: Value,
    protocol: Value,
}

impl Definition {
    /// The definition in a snapshot.
    pub fn of(snapshot: &EagerSnapshot) -> Result<Self> {
        let value =
            |v: serde_json::Result<Value>| v.map_err(|e| Error::internal(format!("Delta metadata: {e}")));
        let metadata = value(serde_json::to_value(snapshot.metadata()))?;
        let partition_by = strings(&metadata, "partitionColumns");
        Ok(Self {
            schema: table_schema(&snapshot.arrow_schema())?,
            partition_by,
            protocol: value(serde_json::to_value(snapshot.protocol()))?,
            metadata,
        })
    }

    /// A table that is to be made.
    pub fn new(schema: &SchemaRef, partition_by: &[String], created_ms: i64) -> Result<Self> {
        let nullable =
            schema.fields().iter().map(|f| f.as_ref().clone().with_nullable(true).with_metadata([].into()));
        let schema = Arc::new(Schema::new(nullable.collect::<Vec<Field>>()));
        // The table's own spelling of the names, and an error for names that it has not.
        let partition_by = PartitionSplitter::new(&schema, partition_by, Zone::Fixed(0))?.names().to_vec();
        let kernel: StructType = schema
            .as_ref()
            .try_into_kernel()
            .map_err(|e| Error::unsupported(format!("a Delta table of these columns ({e})")))?;
        let text =
            serde_json::to_string(&kernel).map_err(|e| Error::internal(format!("a Delta schema: {e}")))?;
        let metadata = json!({
            "id": Uuid::new_v4().to_string(),
            "format": {"provider": "parquet", "options": {}},
            "schemaString": text,
            "partitionColumns": partition_by,
            "configuration": {},
            "createdTime": created_ms,
        });
        let protocol = if schema.fields().iter().any(|f| has_ntz(f.data_type())) {
            let features = json!(["timestampNtz"]);
            json!({"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": features, "writerFeatures": features})
        } else {
            json!({"minReaderVersion": 1, "minWriterVersion": 2})
        };
        Ok(Self { schema, partition_by, metadata, protocol })
    }

    /// The actions that make the table.
    pub fn actions(&self) -> [Value; 2] {
        [json!({"protocol": self.protocol}), json!({"metaData": self.metadata})]
    }

    /// The action that gives a table that is there these columns; its identity and settings stay.
    pub fn replacing(&self, old: &Self) -> Value {
        let mut metadata = self.metadata.clone();
        for key in ["id", "configuration", "createdTime", "name", "description"] {
            if let (Some(value), Some(map)) = (old.metadata.get(key), metadata.as_object_mut()) {
                map.insert(key.to_owned(), value.clone());
            }
        }
        json!({"metaData": metadata})
    }

    /// Refuses tables whose readers have to understand more than ours does.
    pub fn check_readable(&self, root: &Path) -> Result<()> {
        let unknown = strings(&self.protocol, "readerFeatures");
        match unknown
            .iter()
            .find(|f| !READER_FEATURES.contains(&f.as_str()) && f.as_str() != "deletionVectors")
        {
            Some(feature) => Err(unsupported_feature(root, feature)),
            None if self.setting("delta.columnMapping.mode").is_some_and(|m| m != "none") => {
                Err(unsupported_feature(root, "columnMapping"))
            }
            None => Ok(()),
        }
    }

    /// Refuses tables whose writers have to understand more than ours does.
    pub fn check_writable(&self, root: &Path) -> Result<()> {
        self.check_readable(root)?;
        let version = self.protocol.get("minWriterVersion").and_then(Value::as_u64).unwrap_or(u64::MAX);
        if version != 7 && version > LEGACY_WRITER_VERSION_MAX {
            return Err(unsupported_feature(root, &format!("writer version {version}")));
        }
        let features = strings(&self.protocol, "writerFeatures");
        if let Some(feature) = features.iter().find(|f| !WRITER_FEATURES.contains(&f.as_str())) {
            return Err(unsupported_feature(root, feature));
        }
        let schema = self.metadata.get("schemaString").and_then(Value::as_str).unwrap_or_default();
        if schema.contains("\"delta.invariants\"") {
            return Err(unsupported_feature(root, "column invariants"));
        }
        if let Some(column) = required_column(schema) {
            return Err(unsupported_feature(root, &format!("NOT NULL column `{column}`")));
        }
        // Forgotten transactions would let an epoch in twice.
        match self.setting("delta.setTransactionRetentionDuration") {
            Some(_) => Err(unsupported_feature(root, "delta.setTransactionRetentionDuration")),
            None => Ok(()),
        }
    }

    /// Whether rows are never taken out again.
    pub fn is_append_only(&self) -> bool {
        self.setting("delta.appendOnly").is_some_and(|v| v == "true")
    }

    /// Refuses rows whose columns are none of the table's or have another type.
    pub fn check_rows(&self, rows: &SchemaRef) -> Result<()> {
        let mut wrong = Vec::new();
        for field in rows.fields() {
            match self.schema.fields().iter().find(|f| f.name().eq_ignore_ascii_case(field.name())) {
                None => wrong.push(format!("column `{}` is not in the table", field.name())),
                Some(own) if !same_type(own.data_type(), field.data_type()) => wrong.push(format!(
                    "column `{}` is {} but the table has {}",
                    field.name(),
                    field.data_type(),
                    own.data_type()
                )),
                Some(_) => {}
            }
        }
        if wrong.is_empty() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Analysis,
            "DELTA_METADATA_MISMATCH",
            "42KDG",
            format!("A schema mismatch detected when writing to the Delta table: {}.", wrong.join("; ")),
        )
        .hint("Cast the columns to the table's types, or write with overwriteSchema in mode overwrite."))
    }

    fn setting(&self, key: &str) -> Option<&str> {
        self.metadata.get("configuration")?.get(key)?.as_str()
    }
}

/// Refuses partition columns other than the table's.
pub(super) fn check_partitions(asked: &[String], own: &[String]) -> Result<()> {
    let same = asked.len() == own.len() && asked.iter().zip(own).all(|(a, b)| a.eq_ignore_ascii_case(b));
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

/// The version of the log entry, parsed into its actions.
pub(super) fn actions(entry: &[u8], path: &Path) -> Result<Vec<Value>> {
    let lines = entry.split(|b| *b == b'\n').filter(|l| !l.iter().all(u8::is_ascii_whitespace));
    lines.map(|l| serde_json::from_slice(l).map_err(|e| corrupt(path, &e))).collect()
}

/// The first column of a Delta schema that may not be null. Inside, all of ours may.
fn required_column(schema: &str) -> Option<String> {
    let schema: Value = serde_json::from_str(schema).ok()?;
    let required = |f: &&Value| f.get("nullable") == Some(&Value::Bool(false));
    let column = schema.get("fields")?.as_array()?.iter().find(required)?;
    Some(column.get("name").and_then(Value::as_str).unwrap_or_default().to_owned())
}

fn strings(value: &Value, key: &str) -> Vec<String> {
    let items = value.get(key).and_then(Value::as_array);
    items.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn same_type(a: &DataType, b: &DataType) -> bool {
    a == b
        || match (a, b) {
            (DataType::List(x), DataType::List(y)) | (DataType::Map(x, _), DataType::Map(y, _)) => {
                same_type(x.data_type(), y.data_type())
            }
            (DataType::Struct(x), DataType::Struct(y)) => {
                x.len() == y.len()
                    && x.iter()
                        .zip(y)
                        .all(|(f, g)| f.name() == g.name() && same_type(f.data_type(), g.data_type()))
            }
            _ => false,
        }
}

fn has_ntz(data_type: &DataType) -> bool {
    match data_type {
        DataType::Timestamp(_, None) => true,
        DataType::List(f) | DataType::Map(f, _) => has_ntz(f.data_type()),
        DataType::Struct(fields) => fields.iter().any(|f| has_ntz(f.data_type())),
        _ => false,
    }
}

fn unsupported_feature(root: &Path, feature: &str) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "DELTA_UNSUPPORTED_FEATURES",
        "56038",
        format!(
            "The Delta table {} needs what is not supported here: {feature}.",
            crate::files::path::uri(root)
        ),
    )
    .param("feature", feature)
}
