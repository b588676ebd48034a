//! Batch writes into a Delta table: append and overwrite, one commit each.
//!
//! An append adds files and holds on to nothing, so it goes after whatever others commit, unless
//! they change the columns. An overwrite takes out exactly the files of the version that it goes
//! against; if another writer comes first, it looks again. What the rows may do to the columns is said by
//! `mergeSchema`, `overwriteSchema` and [`WriteRequest::replace`]; otherwise they have to fit.

use crate::definition::{Definition, check_partitions};
use crate::log::{AppIds, FOLDER, Log, commit_info, now_ms};
use crate::stage::Stager;
use arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use deltalake_core::kernel::Action;
use futures::TryStreamExt;
use serde_json::{Value, json};
use std::path::Path;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_connector_files::files::scan::blocking;
use thalweg_connector_files::files::write::feed;
use thalweg_connector_files::parquet::sink::ParquetSink;
use thalweg_connectors::{WriteMode, WriteReport, WriteRequest};
use thalweg_storage::path::uri;
use thalweg_values::zone::Zone;
use uuid::Uuid;

const COMMIT_ATTEMPTS_MAX: usize = 100;

/// What a write may change besides rows.
struct Settings {
    format: ParquetSink,
    zone: Zone,
    merge_schema: bool,
    overwrite_schema: bool,
}

impl Settings {
    fn of(request: &WriteRequest) -> Result<Self> {
        let options = &request.options;
        Ok(Self {
            format: ParquetSink::from_options(options)?,
            zone: Zone::named(&request.time_zone)?,
            merge_schema: options.flag("mergeSchema", false)?,
            overwrite_schema: options.flag("overwriteSchema", false)?,
        })
    }
}

/// The table that rows are written for, and the one that was there.
struct Plan {
    old: Option<Definition>,
    target: Definition,
    mode: WriteMode,
}

/// Writes all rows in one commit.
pub(crate) async fn write(
    log: Log,
    request: WriteRequest,
    rows: SendableRecordBatchStream,
) -> Result<WriteReport> {
    let settings = Settings::of(&request)?;
    let Some(old) = replaceable(&log, request.mode).await? else { return Ok(WriteReport::default()) };
    let target = target(old.as_ref(), &request, &settings, &rows.schema())?;
    let plan = Plan { old, target, mode: request.mode };
    plan.check(&log)?;
    let (root, definition) = (log.root.clone(), plan.target.clone());
    let (adds, count) = feed(rows, move |batches| {
        let mut stager = Stager::new(&root, &definition, (&settings.format, settings.zone), 0)?;
        for batch in batches {
            stager.write(&batch?)?;
        }
        stager.finish()
    })
    .await?;
    commit(&log, &plan, &adds).await?;
    Ok(WriteReport { rows: count })
}

/// Makes a table without rows. One that is there stays if it has those columns, unless it is replaced.
pub(crate) async fn create(log: Log, request: WriteRequest, columns: &SchemaRef) -> Result<()> {
    Settings::of(&request)?;
    let old = current(&log).await?;
    let target = Definition::declared(columns, &request.partition_by, now_ms())?;
    match &old {
        Some(_) if request.replace => {}
        Some(old) if old.same_layout(&target) => return Ok(()),
        Some(_) => return Err(other_columns(&log)),
        None if has_other_files(&log.root) => return Err(path_exists(&log)),
        None => {}
    }
    let plan = Plan { old, target, mode: WriteMode::Overwrite };
    plan.check(&log)?;
    commit(&log, &plan, &[]).await
}

/// The table that is there, if any; none if nothing is to be written.
async fn replaceable(log: &Log, mode: WriteMode) -> Result<Option<Option<Definition>>> {
    let old = current(log).await?;
    match (&old, mode) {
        (Some(_), WriteMode::ErrorIfExists) => Err(path_exists(log)),
        (Some(_), WriteMode::Ignore) => Ok(None),
        (None, _) if has_other_files(&log.root) => Err(path_exists(log)),
        _ => Ok(Some(old)),
    }
}

/// The definition that the files are written for.
fn target(
    old: Option<&Definition>,
    request: &WriteRequest,
    settings: &Settings,
    rows: &SchemaRef,
) -> Result<Definition> {
    let new = || Definition::of_rows(rows, &request.partition_by, now_ms());
    let Some(old) = old else { return new() };
    if request.mode == WriteMode::Overwrite && (settings.overwrite_schema || request.replace) {
        return new();
    }
    check_partitions(&request.partition_by, &old.partition_by)?;
    if settings.merge_schema {
        return old.merged_with(rows);
    }
    old.check_rows(rows)?;
    Ok(old.clone())
}

impl Plan {
    fn check(&self, log: &Log) -> Result<()> {
        self.old.iter().chain([&self.target]).try_for_each(|d| d.check_writable(&log.root))
    }

    /// What has to become of the columns of the table that is there now.
    fn change(&self, log: &Log, now: Option<&Definition>) -> Result<Vec<Value>> {
        match (now, &self.old) {
            (None, None) => Ok(self.target.actions().into()),
            (Some(now), _) if now.same_layout(&self.target) => Ok(Vec::new()),
            (Some(now), Some(old)) if now.same_layout(old) => Ok(self.target.replacing(now)),
            _ => Err(changed(log)),
        }
    }
}

async fn current(log: &Log) -> Result<Option<Definition>> {
    match log.open(None).await? {
        Some(table) => Definition::of(log.snapshot(&table)?).map(Some),
        None => Ok(None),
    }
}

async fn commit(log: &Log, plan: &Plan, adds: &[Value]) -> Result<()> {
    let ids = AppIds::of("");
    for _ in 0..COMMIT_ATTEMPTS_MAX {
        let head = log.load(&ids).await?;
        let overwrites = plan.mode == WriteMode::Overwrite;
        let shown = if overwrites { "Overwrite" } else { "Append" };
        let by = json!(plan.target.partition_by).to_string();
        let parameters = json!({"mode": shown, "partitionBy": by});
        let mut actions = vec![commit_info("WRITE", &parameters, &Uuid::new_v4().to_string())];
        actions.extend(plan.change(log, head.definition.as_ref())?);
        if overwrites && head.version.is_some() {
            actions.extend(removes(log, head.version).await?);
        }
        actions.extend(adds.iter().cloned());
        let (version, log_of_commit) = (head.next(), log.clone());
        if blocking(move || log_of_commit.commit(version, &actions)).await? {
            log.checkpoint_if_due(version).await;
            return Ok(());
        }
    }
    Err(Error::new(
        ErrorKind::Runtime,
        "DELTA_MAX_COMMIT_ATTEMPTS_EXCEEDED",
        "40000",
        format!("{} lost the race for a version {COMMIT_ATTEMPTS_MAX} times.", uri(&log.root)),
    ))
}

/// Actions that take out every file of a version.
async fn removes(log: &Log, version: Option<i64>) -> Result<Vec<Value>> {
    let version = version.and_then(|v| u64::try_from(v).ok());
    let Some(table) = log.open(version).await? else { return Ok(Vec::new()) };
    let snapshot = log.snapshot(&table)?;
    if Definition::of(snapshot)?.is_append_only() {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "DELTA_CANNOT_MODIFY_APPEND_ONLY",
            "42809",
            format!("The table {} is configured to only allow appends.", uri(&log.root)),
        ));
    }
    let store = table.log_store();
    let files: Vec<_> =
        snapshot.file_views(store.as_ref(), None).try_collect().await.map_err(|e| log.failed("read", &e))?;
    let remove = |file: &deltalake_core::kernel::LogicalFileView| {
        serde_json::to_value(Action::Remove(file.remove_action(true)))
            .map_err(|e| Error::internal(format!("a Delta action: {e}")))
    };
    files.iter().map(remove).collect()
}

/// Whether the folder holds files that are not a Delta table's. Folders that a write left empty are none.
fn has_other_files(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|entries| {
        entries
            .flatten()
            .any(|e| e.file_name() != FOLDER && (!e.path().is_dir() || has_other_files(&e.path())))
    })
}

fn other_columns(log: &Log) -> Error {
    Error::new(
        ErrorKind::Analysis,
        "DELTA_CREATE_TABLE_SCHEME_MISMATCH",
        "42KD7",
        format!("The specified columns do not match the existing table at {}.", uri(&log.root)),
    )
    .param("path", uri(&log.root))
    .hint("Leave the column list out, or use CREATE OR REPLACE TABLE.")
}

fn path_exists(log: &Log) -> Error {
    Error::new(
        ErrorKind::Analysis,
        "DELTA_PATH_EXISTS",
        "42K04",
        format!(
            "Cannot write to already existent path {} without setting OVERWRITE = 'true'.",
            uri(&log.root)
        ),
    )
    .param("path", uri(&log.root))
}

fn changed(log: &Log) -> Error {
    Error::new(
        ErrorKind::Runtime,
        "DELTA_METADATA_CHANGED",
        "2D521",
        format!("The columns of {} were changed while rows were written.", uri(&log.root)),
    )
    .hint("Run the write again.")
}
