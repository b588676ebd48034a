//! Batch writes into a Delta table: append and overwrite, one commit each.
//!
//! An append adds files and holds on to nothing, so it goes after whatever others commit, unless
//! they change the columns. An overwrite takes out exactly the files of the version that it goes
//! against; if another writer comes first, it looks again.

use super::definition::{Definition, check_partitions};
use super::log::{AppIds, Log, commit_info, now_ms};
use super::stage::Stager;
use crate::connector::{WriteMode, WriteReport, WriteRequest};
use crate::files::path::uri;
use crate::files::write::feed;
use crate::parquet::sink::ParquetSink;
use arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use deltalake_core::kernel::Action;
use futures::TryStreamExt;
use serde_json::{Value, json};
use thalweg_common::{Error, ErrorKind, Result};
use uuid::Uuid;

const COMMIT_ATTEMPTS_MAX: usize = 100;

/// What a write may change besides rows.
struct Settings {
    format: ParquetSink,
    overwrite_schema: bool,
}

/// Writes all rows in one commit.
pub(super) async fn write(
    log: Log,
    request: WriteRequest,
    rows: SendableRecordBatchStream,
) -> Result<WriteReport> {
    if request.options.flag("mergeSchema", false)? {
        return Err(request.options.bad("mergeSchema", "false"));
    }
    let settings = Settings {
        format: ParquetSink::from_options(&request.options)?,
        overwrite_schema: request.options.flag("overwriteSchema", false)?,
    };
    request.options.finish("delta")?;
    let old = current(&log).await?;
    match (&old, request.mode) {
        (Some(_), WriteMode::ErrorIfExists) => return Err(path_exists(&log)),
        (Some(_), WriteMode::Ignore) => return Ok(WriteReport::default()),
        (None, _) if has_other_files(&log) => return Err(path_exists(&log)),
        _ => {}
    }
    let target = target(old.as_ref(), &request, &settings, &rows.schema())?;
    target.check_writable(&log.root)?;
    let (root, definition, format) = (log.root.clone(), target.clone(), settings.format);
    let (adds, count) = feed(rows, move |batches| {
        let mut stager = Stager::new(&root, &definition, &format, 0)?;
        for batch in batches {
            stager.write(&batch?)?;
        }
        stager.finish()
    })
    .await?;
    commit(&log, request.mode, &target, &adds).await?;
    Ok(WriteReport { rows: count })
}

/// The definition that the files are written for.
fn target(
    old: Option<&Definition>,
    request: &WriteRequest,
    settings: &Settings,
    rows: &SchemaRef,
) -> Result<Definition> {
    let Some(old) = old else { return Definition::new(rows, &request.partition_by, now_ms()) };
    if request.mode == WriteMode::Overwrite && settings.overwrite_schema {
        return Definition::new(rows, &request.partition_by, now_ms());
    }
    check_partitions(&request.partition_by, &old.partition_by)?;
    old.check_rows(rows)?;
    Ok(old.clone())
}

async fn current(log: &Log) -> Result<Option<Definition>> {
    match log.open(None).await? {
        Some(table) => Definition::of(log.snapshot(&table)?).map(Some),
        None => Ok(None),
    }
}

async fn commit(log: &Log, mode: WriteMode, target: &Definition, adds: &[Value]) -> Result<()> {
    let ids = AppIds::of("");
    for _ in 0..COMMIT_ATTEMPTS_MAX {
        let head = log.load(&ids).await?;
        let shown = if mode == WriteMode::Overwrite { "Overwrite" } else { "Append" };
        let parameters = json!({"mode": shown, "partitionBy": json!(target.partition_by).to_string()});
        let mut actions = vec![commit_info("WRITE", &parameters, &Uuid::new_v4().to_string())];
        match &head.definition {
            None => actions.extend(target.actions()),
            Some(now) if now.schema == target.schema && now.partition_by == target.partition_by => {}
            Some(now) if mode == WriteMode::Overwrite => actions.push(target.replacing(now)),
            Some(_) => return Err(changed(log)),
        }
        if mode == WriteMode::Overwrite && head.version.is_some() {
            actions.extend(removes(log, head.version).await?);
        }
        actions.extend(adds.iter().cloned());
        let (version, log_of_commit) = (head.next(), log.clone());
        if crate::files::scan::blocking(move || log_of_commit.commit(version, &actions)).await? {
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

/// Whether the folder holds something that is no Delta table.
fn has_other_files(log: &Log) -> bool {
    std::fs::read_dir(&log.root)
        .is_ok_and(|mut entries| entries.any(|e| e.is_ok_and(|e| e.file_name() != "_delta_log")))
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
