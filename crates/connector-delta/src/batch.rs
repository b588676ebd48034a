//! Writes a bounded result into a Delta table, as an append or an overwrite, in one commit.
//!
//! An append depends on no file of the table, so it can follow any commit of another writer that leaves the columns
//! as they are. An overwrite removes exactly the files of the version that it follows; if another writer commits
//! first, it reads the table again. The rows have to fit the table's columns unless `mergeSchema`, `overwriteSchema`
//! or [`WriteRequest::replace`] allows a change.

use crate::commit::{Attempt, COMMIT_ATTEMPTS_MAX, MarkedCommit, busy};
use crate::definition::{Definition, check_partitions};
use crate::log::{AppIds, FOLDER, Head, Log, now_ms};
use crate::stage::Stager;
use arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use deltalake_core::kernel::Action;
use futures::TryStreamExt;
use serde_json::{Value, json};
use std::path::Path;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_connector_files::files::write::feed;
use thalweg_connector_files::parquet::sink::ParquetSink;
use thalweg_connectors::background::blocking;
use thalweg_connectors::{WriteMode, WriteReport, WriteRequest};
use thalweg_storage::path::uri;
use thalweg_values::zone::Zone;

/// The options of a write.
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

/// The definition that the files are written for, and that of the table before the write.
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
    // Before the first row is computed, since the query may run for hours.
    plan.check(&log)?;
    let (root, definition) = (log.root.clone(), plan.target.clone());
    let staged = feed(rows, move |batches| {
        let mut stager = Stager::new(&root, &definition, (&settings.format, settings.zone), 0)?;
        for batch in batches {
            stager.write(&batch?)?;
        }
        stager.finish()
    })
    .await?;
    let mut commit = MarkedCommit::new(&log);
    let committed = self::commit(&log, &plan, &staged.adds, &mut commit).await;
    let report = WriteReport { rows: staged.rows };
    if committed.is_err() && !commit.may_be_in_log() {
        staged.discard();
    }
    committed.map(|()| report)
}

/// Creates a table without rows. A table that exists stays if it has those columns, unless it is replaced.
pub(crate) async fn create(log: Log, request: WriteRequest, columns: &SchemaRef) -> Result<()> {
    Settings::of(&request)?;
    let old = current(&log).await?;
    let target = Definition::declared(columns, &request.partition_by, now_ms())?;
    match &old {
        Some(_) if request.replace => {}
        Some(old) if old.same_layout(&target) => {
            // The catalog is going to depend on a table whose writer may have died before it synced.
            let log = log.clone();
            return blocking(move || log.sync()).await;
        }
        Some(_) => return Err(other_columns(&log)),
        None if has_other_files(&log.root) => return Err(path_exists(&log)),
        None => {}
    }
    let plan = Plan { old, target, mode: WriteMode::Overwrite };
    plan.check(&log)?;
    commit(&log, &plan, &[], &mut MarkedCommit::new(&log)).await
}

/// Returns the definition of the table if it exists, or nothing if the mode is to ignore an existing table.
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
    // The partitioning of a table changes only when the table is replaced.
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

    /// Returns the actions that give the table, whose definition is `now`, the columns of the target.
    fn change(&self, log: &Log, now: Option<&Definition>) -> Result<Vec<Value>> {
        match (now, &self.old) {
            (None, None) => Ok(self.target.actions().into()),
            // Also if it was another writer who gave the table these columns meanwhile.
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

async fn commit(log: &Log, plan: &Plan, adds: &[Value], commit: &mut MarkedCommit) -> Result<()> {
    let ids = AppIds::of("");
    for _ in 0..COMMIT_ATTEMPTS_MAX {
        let head = log.load(&ids).await?;
        let mut actions = first_actions(log, plan, &head, commit).await?;
        actions.extend(adds.iter().cloned());
        match commit.attempt(&head, actions).await? {
            Attempt::Committed => {
                log.checkpoint_if_due(head.next()).await;
                return Ok(());
            }
            Attempt::Beneath => return Err(commit.uncertain(&head)),
            Attempt::Lost => {}
        }
    }
    Err(busy(log))
}

/// The actions of an entry after `head`, before those that add files.
async fn first_actions(log: &Log, plan: &Plan, head: &Head, commit: &MarkedCommit) -> Result<Vec<Value>> {
    let overwrites = plan.mode == WriteMode::Overwrite;
    let mode = if overwrites { "Overwrite" } else { "Append" };
    let partition_by = json!(plan.target.partition_by).to_string();
    let parameters = json!({"mode": mode, "partitionBy": partition_by});
    let mut actions = vec![commit.info("WRITE", &parameters)];
    actions.extend(plan.change(log, head.definition.as_ref())?);
    if overwrites && head.version.is_some() {
        actions.extend(removes(log, head.version).await?);
    }
    Ok(actions)
}

/// Returns the actions that remove every file of a version.
pub(crate) async fn removes(log: &Log, version: Option<i64>) -> Result<Vec<Value>> {
    let version = version.and_then(|v| u64::try_from(v).ok());
    // Exactly the version that the commit follows: a file that is added later is not replaced.
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

/// Whether the folder holds files that are not a Delta table's. A write that fails may leave empty folders.
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
