//! Opens a table, bounded or unbounded, from a format, paths and options.

use crate::catalog::{StreamingTable, TableDefinition, TableOpening};
use crate::settings::SessionConfig;
use arrow::datatypes::Schema;
use datafusion::catalog::TableProvider;
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_connectors::descriptor::{ConnectorDescriptor, Operation};
use thalweg_connectors::{Connector, ConnectorRegistry, OptionMap, ReadRequest};
use thalweg_sql::ir;
use thalweg_sql::types::{StructField, StructType};
use thalweg_values::types;

/// The description of a table to open.
#[derive(Debug, Clone)]
pub(crate) struct SourceRequest {
    pub format: String,
    pub paths: Vec<String>,
    pub schema: Option<StructType>,
    pub options: ir::Options,
    pub streaming: bool,
    /// Options of a persistent table, which apply to bounded reads, streams and writes.
    pub kept: ir::Options,
}

/// An open table.
#[derive(Debug)]
pub(crate) struct Opened {
    pub provider: Arc<dyn TableProvider>,
    pub schema: StructType,
    /// How a bounded table is opened again.
    pub opening: Option<TableOpening>,
}

impl SourceRequest {
    /// Creates the description of a persistent table.
    pub(crate) fn of_table(definition: &TableDefinition) -> Result<Self> {
        let schema = definition.schema.as_deref().map(thalweg_sql::types::schema_from_json).transpose()?;
        Ok(Self {
            format: definition.format.clone(),
            paths: vec![definition.location.clone()],
            schema,
            options: vec![],
            streaming: false,
            kept: definition.options.clone(),
        })
    }

    /// `read.format(..).load(..)` and `FROM 'file'`.
    pub(crate) fn of_data_source(
        source: &ir::DataSource,
        config: &SessionConfig,
        registry: &ConnectorRegistry,
    ) -> Result<Self> {
        let mut options = source.options.clone();
        let mut paths = source.paths.clone();
        if paths.is_empty() {
            // A path is where to read and not how, so the connector does not get it as an option.
            paths.extend(take_option(&mut options, "path"));
        }
        let format = match &source.format {
            Some(format) => format.clone(),
            None => match paths.first().and_then(|p| registry.of_path(p)) {
                Some(descriptor) => {
                    // A file that is named alone should be readable: a CSV file has a header more often than not.
                    add_missing(descriptor.bare_file_options, &mut options);
                    descriptor.name.to_owned()
                }
                None => config.get("spark.sql.sources.default")?,
            },
        };
        Ok(Self {
            format,
            paths,
            schema: source.schema.clone(),
            options,
            streaming: source.streaming,
            kept: vec![],
        })
    }
}

fn take_option(options: &mut ir::Options, key: &str) -> Option<String> {
    let at = options.iter().position(|(k, _)| k.eq_ignore_ascii_case(key))?;
    Some(options.remove(at).1)
}

/// Adds the options that are not given.
fn add_missing(defaults: &[(&str, &str)], options: &mut ir::Options) {
    for (key, value) in defaults {
        if !options.iter().any(|(given, _)| given.eq_ignore_ascii_case(key)) {
            options.push(((*key).to_owned(), (*value).to_owned()));
        }
    }
}

/// Opens a table; infers the schema if none is given.
pub(crate) async fn open(
    connector: Arc<dyn Connector>,
    request: SourceRequest,
    config: &SessionConfig,
) -> Result<Opened> {
    let given = request.schema.clone();
    let streaming = request.streaming;
    let request = with_settings(connector.descriptor(), request, config);
    // Checked before the connector lists its input, which may be long.
    if streaming && given.is_none() {
        check_stream_schema(connector.descriptor(), config)?;
    }
    let read = read_request(request, config)?;
    let mut opening = None;
    let provider: Arc<dyn TableProvider> = if streaming {
        // A stream gets its schema once: what arrives later must fit it.
        let schema = connector.stream_schema(&read).await?;
        Arc::new(StreamingTable { connector, request: read, schema })
    } else {
        opening = Some(TableOpening { connector: Arc::clone(&connector), request: read.clone() });
        connector.table(read).await?
    };
    let schema = match given {
        // A user's schema cannot guarantee that files contain no nulls.
        Some(given) => with_partitions(nullable(given), &provider)?,
        None => spark_schema(&provider.schema())?,
    };
    Ok(Opened { provider, schema, opening })
}

/// Adds the values of the session's settings that neither the options of the read nor its table have.
fn with_settings(
    descriptor: &ConnectorDescriptor,
    mut request: SourceRequest,
    config: &SessionConfig,
) -> SourceRequest {
    let operation = if request.streaming { Operation::StreamRead } else { Operation::BatchRead };
    for spec in descriptor.options(operation).into_iter().flatten().flat_map(|group| *group) {
        let is_given = request.kept.iter().chain(&request.options).any(|(key, _)| spec.is_named(key));
        let value = spec.setting.filter(|_| !is_given).and_then(|setting| config.get_option(setting));
        // The default is left out, so that a stream keeps no setting that its session has not.
        let value = value.filter(|value| spec.default != Some(value.as_str()));
        request.options.extend(value.map(|value| (spec.name.to_owned(), value)));
    }
    request
}

fn read_request(request: SourceRequest, config: &SessionConfig) -> Result<ReadRequest> {
    let schema = request.schema.map(|s| Arc::new(Schema::new(types::struct_fields(&nullable(s)))));
    Ok(ReadRequest {
        paths: request.paths,
        schema,
        options: OptionMap::of_table(&request.kept, request.options),
        time_zone: config.time_zone(),
        corrupt_column: config.get("spark.sql.columnNameOfCorruptRecord")?,
    })
}

/// Converts the schema of files to Spark's; a type that Spark does not have is refused.
pub(crate) fn spark_schema(schema: &Schema) -> Result<StructType> {
    types::schema_to_spark(schema.fields()).ok_or_else(|| {
        let unknown = schema.fields().iter().find(|f| types::to_spark(f.data_type()).is_none());
        Error::unsupported(unknown.map_or_else(
            || "the schema of the source".to_owned(),
            |f| format!("the type {} of the column `{}`", f.data_type(), f.name()),
        ))
    })
}

fn nullable(mut schema: StructType) -> StructType {
    schema.fields.iter_mut().for_each(|f| f.nullable = true);
    schema
}

/// Returns the given columns in the order of the provider, with the columns of partition folders, which only the
/// provider knows.
fn with_partitions(given: StructType, provider: &Arc<dyn TableProvider>) -> Result<StructType> {
    let there = spark_schema(&provider.schema())?;
    let mut given = given.fields;
    // As in Spark, a partition column comes after the columns of the files wherever the user has named it.
    let column = |there: StructField| match given.iter().position(|f| f.name == there.name) {
        Some(at) => given.remove(at),
        None => there,
    };
    let fields = there.fields.into_iter().map(column).collect();
    match given.first() {
        // Reading by place would give it the values of another column.
        Some(lost) => Err(Error::internal(format!("the source did not open the column `{}`", lost.name))),
        None => Ok(StructType { fields }),
    }
}

/// Refuses a stream without columns where its input cannot change them later, unless they may be inferred.
fn check_stream_schema(connector: &ConnectorDescriptor, config: &SessionConfig) -> Result<()> {
    let infers = config.get("spark.sql.streaming.schemaInference")?.eq_ignore_ascii_case("true");
    if infers || !connector.stream_read.is_some_and(|read| read.needs_schema) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::IllegalArgument,
        "_LEGACY_ERROR_TEMP_2048",
        "42K09",
        "Schema must be specified when creating a streaming source DataFrame.",
    )
    .hint("Give .schema(..), or set spark.sql.streaming.schemaInference to true."))
}

/// Converts ``csv.`path` `` and similar names to the description of a table.
pub(crate) fn path_table(name: &ir::Name, options: &ir::Options, streaming: bool) -> Option<SourceRequest> {
    match name.as_slice() {
        [format, path] => Some(SourceRequest {
            format: format.to_lowercase(),
            paths: vec![path.clone()],
            schema: None,
            options: options.clone(),
            streaming,
            kept: vec![],
        }),
        _ => None,
    }
}
