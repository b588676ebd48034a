//! Scans a fixed list of Parquet files as a table, with DataFusion's own Parquet source.
//!
//! So filters, projections, limits, statistics and row-group pruning work as they do there. The list never changes
//! after the table is made, which suits both a version of a Delta table and a folder that was listed.

use super::column_case::AnyCase;
use super::types::{check_fits, merged, spelled_as, table_schema, without_void};
use crate::files::io::FileReadAt;
use crate::files::list::read_failed;
use crate::files::{FileEntry, scan};
use crate::text::config::unable_to_infer;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use chrono::DateTime;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{Result as DfResult, ScalarValue, Statistics};
use datafusion::config::TableParquetOptions;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::datasource::table_schema::TableSchemaBuilder;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion_datasource::compute_all_files_statistics;
use object_store::ObjectMeta;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::basic::Type as PhysicalType;
use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_storage::path::uri;

/// The key under which Spark keeps its schema in a footer.
const SPARK_SCHEMA: &str = "org.apache.spark.sql.parquet.row.metadata";

/// The footer of a file.
#[derive(Debug, Clone)]
pub(crate) struct Footer {
    pub metadata: ArrowReaderMetadata,
    /// The file's schema, where INT96 columns are instants.
    pub schema: SchemaRef,
}

impl Footer {
    /// Returns the schema of a table over the file. A column of nulls alone is void only in a file of Spark's, whose
    /// footer has Spark's schema; other writers store such a column as integers.
    fn table_schema(&self) -> Result<SchemaRef> {
        let schema = table_schema(&self.schema)?;
        let pairs = self.metadata.metadata().file_metadata().key_value_metadata();
        let by_spark = pairs.is_some_and(|p| p.iter().any(|p| p.key == SPARK_SCHEMA));
        Ok(if by_spark { schema } else { without_void(&schema) })
    }
}

/// Reads the footer of a file.
///
/// # Errors
/// `FAILED_READ_FILE.CANNOT_READ_FILE_FOOTER`, naming a file that is not Parquet.
pub(crate) fn footer(path: &Path) -> Result<Footer> {
    let file = FileReadAt::open(path, 0).map_err(|e| read_failed(path, &e))?;
    let metadata =
        ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(|e| no_footer(path, &e))?;
    let schema = instants(&metadata);
    Ok(Footer { metadata, schema })
}

fn no_footer(path: &Path, cause: &dyn std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::Runtime,
        "FAILED_READ_FILE.CANNOT_READ_FILE_FOOTER",
        "KD001",
        format!("Encountered error while reading file {}. Could not read footer: {cause}.", uri(path)),
    )
    .param("path", uri(path))
    .hint("Is it a complete Parquet file?")
}

/// Returns the error for a file that cannot be read as Parquet.
pub(crate) fn not_parquet(path: &Path, cause: &dyn std::fmt::Display) -> Error {
    read_failed(path, cause).hint("Is it a complete Parquet file?")
}

/// Returns the schema of a file, in which INT96 columns are instants: older versions of Spark wrote TIMESTAMP so.
fn instants(metadata: &ArrowReaderMetadata) -> SchemaRef {
    let leaves = metadata.parquet_schema().columns();
    // Arrow's schema no longer shows the physical type, so it is taken from Parquet's.
    let is_int96 = |name: &str| {
        leaves.iter().any(|c| {
            c.physical_type() == PhysicalType::INT96 && c.path().parts().first().is_some_and(|p| p == name)
        })
    };
    let fields = metadata.schema().fields().iter().map(|f| match f.data_type() {
        DataType::Timestamp(_, None) if is_int96(f.name()) => {
            let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
            f.as_ref().clone().with_data_type(utc)
        }
        _ => f.as_ref().clone(),
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// A file of a table with the values of its partition columns.
#[derive(Debug, Clone)]
pub struct DataFile {
    /// The file as it was listed.
    pub entry: FileEntry,
    /// The values of the partition columns, in their order.
    pub partition: Vec<ScalarValue>,
}

/// A table of Parquet files.
#[derive(Debug)]
pub struct ParquetFiles {
    file_schema: SchemaRef,
    folders: Vec<Field>,
    /// The columns of the files, then those of the folders, as the source yields them.
    inner: SchemaRef,
    /// The position in `inner` of each column of the table.
    order: Vec<usize>,
    schema: SchemaRef,
    files: Vec<PartitionedFile>,
}

impl ParquetFiles {
    /// Creates a table of `files`, each of which is checked against the columns of `file_schema`. Blocks, since it
    /// reads the footer of each file.
    ///
    /// # Errors
    /// `FAILED_READ_FILE` with the file's name, if one cannot be read or has a column of another type.
    pub fn open(file_schema: SchemaRef, folders: Vec<Field>, files: &[DataFile]) -> Result<Self> {
        let schema = scan::with_folders(&file_schema, &folders);
        // A writer that died before its first byte leaves an empty file, which has no rows.
        let files = files.iter().filter(|f| f.entry.size_bytes > 0);
        let listed = files.map(|f| listed(f, &file_schema)).collect::<Result<Vec<_>>>()?;
        let order = (0..schema.fields().len()).collect();
        let inner = scan::with_folders(&file_schema, &folders);
        Ok(Self { file_schema, folders, inner, order, schema, files: listed })
    }

    /// Orders the columns of the table as those of `schema`, which has the same names.
    ///
    /// # Errors
    /// `INTERNAL_ERROR` if a name is missing.
    pub fn ordered_as(mut self, schema: &SchemaRef) -> Result<Self> {
        let place = |f: &Arc<Field>| self.inner.index_of(f.name());
        let wrong = |e| Error::internal(format!("the order of a table's columns: {e}"));
        self.order = schema.fields().iter().map(place).collect::<Result<_, _>>().map_err(wrong)?;
        self.schema = Arc::new(self.inner.project(&self.order).map_err(wrong)?);
        Ok(self)
    }
}

/// Returns the files of a [`ParquetFiles`], in their order; none for another table.
pub fn paths(table: &dyn TableProvider) -> Option<Vec<PathBuf>> {
    let table: &dyn Any = table;
    let files = &table.downcast_ref::<ParquetFiles>()?.files;
    let path = |f: &PartitionedFile| Path::new("/").join(f.object_meta.location.as_ref());
    Some(files.iter().map(path).collect())
}

/// Returns the schema of a table over the first of `files`, or with `merge` over all of them.
pub(super) fn infer(files: &[FileEntry], merge: bool) -> Result<SchemaRef> {
    // An empty file has no schema. Where there is no other, reading it reports the error.
    let (full, empty): (Vec<_>, Vec<_>) = files.iter().partition(|f| f.size_bytes > 0);
    let mut told = full.into_iter().chain(empty.into_iter().take(1));
    let Some(first) = told.next() else { return Err(unable_to_infer("Parquet")) };
    let mut schema = footer(&first.path)?.table_schema()?;
    for file in told.filter(|f| merge && f.size_bytes > 0) {
        let own = footer(&file.path)?.table_schema()?;
        schema = merged(&schema, &own, &file.path)?;
    }
    scan::check_names(&schema)?;
    Ok(schema)
}

/// Describes a file to the source. Its statistics let the source skip it and answer counts without reading it.
fn listed(file: &DataFile, table: &SchemaRef) -> Result<PartitionedFile> {
    let path = &file.entry.path;
    let footer = footer(path)?;
    check_fits(path, &footer.schema, table)?;
    let spelled = spelled_as(&footer.schema, table);
    let statistics =
        DFParquetMetadata::statistics_from_parquet_metadata(footer.metadata.metadata(), &spelled)
            .map_or_else(|_| Statistics::new_unknown(table), |found| without_float_bounds(found, table));
    let location = object_store::path::Path::from_absolute_path(path).map_err(|e| not_parquet(path, &e))?;
    let meta = ObjectMeta {
        location,
        last_modified: DateTime::from_timestamp_micros(file.entry.modified_us).unwrap_or_default(),
        size: file.entry.size_bytes,
        e_tag: None,
        version: None,
    };
    Ok(PartitionedFile::new_from_meta(meta)
        .with_partition_values(file.partition.clone())
        .with_statistics(Arc::new(statistics)))
}

/// Removes the bounds of floating-point columns. Parquet's statistics leave NaN out, and DataFusion takes a column
/// whose bounds are equal for a constant, so that a NaN beside one number would become that number.
fn without_float_bounds(mut statistics: Statistics, schema: &Schema) -> Statistics {
    for (field, column) in schema.fields().iter().zip(&mut statistics.column_statistics) {
        if field.data_type().is_floating() {
            column.min_value = Precision::Absent;
            column.max_value = Precision::Absent;
        }
    }
    statistics
}

#[async_trait]
impl TableProvider for ParquetFiles {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        // The source takes no empty list.
        if self.files.is_empty() {
            let projected = datafusion::common::project_schema(&self.schema, projection)?;
            return Ok(Arc::new(EmptyExec::new(projected)));
        }
        let format = format(state);
        let folders = self.folders.iter().cloned().map(Arc::new).collect::<Vec<_>>();
        let table = TableSchemaBuilder::from(&self.file_schema).with_table_partition_cols(folders).build();
        let groups = FileGroup::new(self.files.clone()).split_files(state.config().target_partitions());
        let (groups, statistics) =
            compute_all_files_statistics(groups, Arc::clone(&self.inner), true, false)?;
        let columns: Vec<usize> = match projection {
            None => self.order.clone(),
            Some(asked) => asked.iter().filter_map(|c| self.order.get(*c).copied()).collect(),
        };
        let config =
            FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), format.file_source(table))
                .with_file_groups(groups)
                .with_statistics(statistics)
                .with_expr_adapter(Some(Arc::new(AnyCase)))
                .with_projection_indices(Some(columns))?
                .with_limit(limit)
                .build();
        format.create_physical_plan(state, config).await
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DfResult<Vec<TableProviderFilterPushDown>> {
        // The source skips row groups by the filters and yields the others whole, so each filter runs again above.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }
}

fn format(state: &dyn Session) -> ParquetFormat {
    let mut options = TableParquetOptions {
        global: state.config_options().execution.parquet.clone(),
        ..Default::default()
    };
    // In nanoseconds, the default, INT96 ends in 2262; TIMESTAMP is in microseconds.
    options.global.coerce_int96 = Some("us".to_owned());
    options.global.coerce_int96_tz = Some("UTC".to_owned());
    // A schema that another writer left in the footer would override the table's types.
    options.global.skip_metadata = true;
    ParquetFormat::default().with_options(options).with_force_view_types(false)
}
