//! `df.write`: writes a bounded result to files or a table in one commit.

use super::write_target::{self, Writer};
use crate::catalog::name::TableName;
use crate::catalog::{CatalogSnapshot, TableDefinition, TableKind, create_table};
use crate::partitioning::{self, Target};
use crate::session::{Output, Session};
use crate::table_write::{TableWrite, commit, streaming_input, with_settings, write_rows};
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_connectors::{OptionMap, WriteMode, WriteRequest};
use thalweg_resolver::ResolvedQuery;
use thalweg_sql::ir;

/// Runs a batch write.
pub(crate) async fn run(session: &Session, write: ir::Write) -> Result<Output> {
    let snapshot = CatalogSnapshot::new(&session.catalog);
    let resolved = session.resolve_in(&snapshot, &write.input, None).await?;
    if resolved.streaming {
        return Err(streaming_input());
    }
    if !write.sort_by.is_empty() {
        // Spark refuses it too: without buckets the order would be lost in the files.
        return Err(Error::unsupported("sortBy without bucketBy"));
    }
    match write.target.clone() {
        ir::WriteTarget::Table(name) => save_as_table(session, &snapshot, write, &name, resolved).await,
        ir::WriteTarget::Insert(name) => insert_into(session, &snapshot, write, name).await,
        ir::WriteTarget::Path(path) => save(session, write, path, resolved).await,
        ir::WriteTarget::None => save(session, write, String::new(), resolved).await,
    }
}

async fn save(session: &Session, write: ir::Write, path: String, resolved: ResolvedQuery) -> Result<Output> {
    partitioning::check(&write.partition_by, &resolved.schema(), Target::Folder)?;
    let mut options = write.options;
    let at = options.iter().position(|(k, _)| k.eq_ignore_ascii_case("path"));
    let option = at.map(|i| options.remove(i).1);
    // The argument of `save` counts before the option, as in Spark.
    let path = if path.is_empty() { option.unwrap_or_default() } else { path };
    let format = match write.format {
        Some(format) => format,
        None => session.config().get("spark.sql.sources.default")?,
    };
    let request = WriteRequest {
        path,
        mode: mode_of(write.mode),
        partition_by: write.partition_by,
        replace: false,
        options: OptionMap::new(with_settings(session, &format, &ir::Options::new(), options)?),
        time_zone: session.config().time_zone(),
    };
    commit(session, &format, request, resolved).await?;
    Ok(Output::nothing())
}

async fn save_as_table(
    session: &Session,
    snapshot: &CatalogSnapshot<'_>,
    write: ir::Write,
    parts: &ir::Name,
    resolved: ResolvedQuery,
) -> Result<Output> {
    let name = TableName::parse(parts, &session.current_database())?;
    let claim = session.catalog.claim(&name).await;
    let old = session.catalog.store.get(&name);
    match (&old, write.mode) {
        (Some(_), ir::SaveMode::ErrorIfExists) => return Err(create_table::already_exists(&name)),
        (Some(_), ir::SaveMode::Ignore) => return Ok(Output::nothing()),
        (Some(there), ir::SaveMode::Append) => {
            // The table stays what it is, so other statements need not wait for the rows.
            drop(claim);
            return append_to_table(session, snapshot, write, (&name, there), resolved).await;
        }
        // The query of the table continues to write to it, so the table cannot be replaced.
        (Some(there), ir::SaveMode::Overwrite) if there.kind == TableKind::Streaming => {
            return Err(create_table::already_exists(&name));
        }
        (None, _) | (Some(_), ir::SaveMode::Overwrite) => {}
    }
    let registry = &session.catalog.registry;
    let format = match write.format {
        Some(format) => format,
        None => registry.default_table_format()?.to_owned(),
    };
    // A table that keeps its columns keeps what it needs itself; the options are about this write alone.
    let (options, for_now) = match registry.get(&format)?.descriptor().tables.keeps_columns {
        true => write.options.into_iter().partition(|(key, _)| key.eq_ignore_ascii_case("path")),
        false => (write.options, vec![]),
    };
    let table = ir::CreateTable {
        name: parts.clone(),
        schema: None,
        format: Some(format),
        options,
        properties: vec![],
        partition_by: write.partition_by,
        location: None,
        comment: None,
        if_not_exists: false,
        replace: true,
        query: None,
        text: None,
    };
    // Defined first and put into the catalog last: a reader sees the old table until the new one is whole.
    let definition = create_table::define_anew(session, &name, &table, Some(&resolved), old.as_ref())?;
    let how = TableWrite { replace: true, options: for_now, ..TableWrite::new(WriteMode::Overwrite) };
    let written = write_rows(session, &definition, how, resolved).await;
    create_table::settle(session, &name, definition, old.as_ref(), written)?;
    Ok(Output::nothing())
}

/// `saveAsTable` in mode append: appends by name to the existing table.
async fn append_to_table(
    session: &Session,
    snapshot: &CatalogSnapshot<'_>,
    write: ir::Write,
    (name, there): (&TableName, &TableDefinition),
    resolved: ResolvedQuery,
) -> Result<Output> {
    write_target::check(session, &name.qualifier(), Writer::SaveAsTable)?;
    if let Some(format) = write.format.filter(|f| !f.eq_ignore_ascii_case(&there.format)) {
        let message = format!(
            "The format of the existing table {name} is `{}`. It doesn't match the specified format `{format}`.",
            there.format
        );
        return Err(Error::new(ErrorKind::Analysis, "_LEGACY_ERROR_TEMP_1159", "42000", message));
    }
    if create_table::capabilities(session, there)?.fits_rows {
        let partition_by = Some(write.partition_by).filter(|names| !names.is_empty());
        let how = TableWrite { options: write.options, partition_by, ..TableWrite::new(WriteMode::Append) };
        write_rows(session, there, how, resolved).await?;
        return Ok(Output::nothing());
    }
    let lower = |names: &[String]| names.iter().map(|n| n.to_lowercase()).collect::<Vec<_>>();
    // Names have no case, but their order matters: it is the order of the folders.
    let (asked, own) = (&write.partition_by, &there.partition_by);
    if !asked.is_empty() && lower(asked) != lower(own) {
        let message = format!(
            "Specified partitioning does not match that of the existing table {name}.\n\
             Specified partition columns: [{}].\nExisting partition columns: [{}].",
            asked.join(", "),
            own.join(", ")
        );
        return Err(Error::new(ErrorKind::Analysis, "_LEGACY_ERROR_TEMP_1163", "42000", message));
    }
    let insert = ir::Insert {
        table: name.qualifier(),
        columns: vec![],
        query: write.input,
        overwrite: false,
        by_name: true,
    };
    super::insert::append_by_name(session, snapshot, insert, write.options).await
}

async fn insert_into(
    session: &Session,
    snapshot: &CatalogSnapshot<'_>,
    write: ir::Write,
    table: ir::Name,
) -> Result<Output> {
    if !write.partition_by.is_empty() {
        let message = format!(
            "partitionBy() cannot be used with insertInto(). Partition columns for table {} are determined by \
             the table definition.",
            table.join(".")
        );
        let class = "PARTITION_BY_NOT_ALLOWED_WITH_INSERT_INTO";
        return Err(Error::new(ErrorKind::Analysis, class, "42601", message));
    }
    let overwrite = write.mode == ir::SaveMode::Overwrite;
    let insert = ir::Insert { table, columns: vec![], query: write.input, overwrite, by_name: false };
    super::insert::run_with(session, snapshot, insert, write.options, None).await
}

fn mode_of(mode: ir::SaveMode) -> WriteMode {
    match mode {
        ir::SaveMode::Append => WriteMode::Append,
        ir::SaveMode::Overwrite => WriteMode::Overwrite,
        ir::SaveMode::ErrorIfExists => WriteMode::ErrorIfExists,
        ir::SaveMode::Ignore => WriteMode::Ignore,
    }
}
