//! Writes the epochs of a streaming query exactly once: one Delta commit per epoch, fenced by generation. In complete
//! mode the commit removes the rows of the version before.
//!
//! Three application transactions record the state of the query in the table itself: the last epoch, the highest
//! generation that fenced, and the generation that committed the last epoch. A generation fences by a commit of its
//! own before it reads the last epoch, so that every later commit of a lower generation is refused. Each commit
//! creates exactly the version after the one whose transactions were checked; a writer that loses the race for a
//! version reads the winner's entry and checks again. An answer that is lost is found in the log
//! ([`MarkedCommit`]).

use crate::batch::removes;
use crate::commit::{Attempt, COMMIT_ATTEMPTS_MAX, MarkedCommit, busy};
use crate::definition::{Definition, check_partitions};
use crate::log::{AppIds, Head, Log, now_ms};
use crate::stage::Stager;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use deltalake_core::kernel::Transaction;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, MutexGuard};
use thalweg_common::fail_point::{FailPoint, hit};
use thalweg_common::ids::{Epoch, Generation};
use thalweg_common::injected_bug::{InjectedBug, is_injected};
use thalweg_common::lock::lock;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_connector_files::parquet::sink::ParquetSink;
use thalweg_connectors::background::{Background, blocking};
use thalweg_connectors::stream::{Commit, Guarantee, Staged, StreamSink};
use thalweg_connectors::{OutputMode, SinkRequest};
use thalweg_storage::path::uri;
use thalweg_values::zone::Zone;

/// The sink of one generation of one query.
#[derive(Debug)]
pub(crate) struct DeltaSink {
    log: Log,
    ids: AppIds,
    query_id: String,
    schema: SchemaRef,
    partition_by: Vec<String>,
    format: ParquetSink,
    zone: Zone,
    merge_schema: bool,
    mode: OutputMode,
    /// What is known of the log since the fence. It is not held during a commit, so that the next epoch is staged
    /// meanwhile; should two commits run at once, the log decides which of them wins a version.
    state: Mutex<Option<Fenced>>,
    /// The checkpoints of the log that are being written.
    background: Background,
}

#[derive(Debug, Clone)]
struct Fenced {
    generation: Generation,
    head: Head,
    /// The epoch whose commit failed, and may be in the log nevertheless.
    uncertain: Option<Epoch>,
}

impl DeltaSink {
    /// Creates a sink that writes below the root of `log`; nothing is written yet.
    pub(crate) fn new(log: Log, request: SinkRequest) -> Result<Self> {
        let format = ParquetSink::from_options(&request.options)?;
        let merge_schema = request.options.flag("mergeSchema", false)?;
        Ok(Self {
            log,
            ids: AppIds::of(&request.query_id),
            query_id: request.query_id,
            schema: request.schema,
            partition_by: request.partition_by,
            format,
            zone: Zone::named(&request.time_zone)?,
            merge_schema,
            mode: request.output_mode,
            state: Mutex::new(None),
            background: Background::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, Option<Fenced>> {
        lock(&self.state)
    }

    /// Returns the table's definition in `head`, checked against what the query writes.
    fn definition(&self, head: &Head) -> Result<Option<Definition>> {
        if let Some(definition) = &head.definition {
            definition.check_writable(&self.log.root)?;
            check_partitions(&self.partition_by, &definition.partition_by)?;
            if !self.merge_schema {
                definition.check_rows(&self.schema)?;
            }
        }
        Ok(head.definition.clone())
    }

    /// Returns the definition that the query writes for, and the actions that the table needs to get it.
    fn target(&self, head: &Head) -> Result<(Definition, Vec<Value>)> {
        let Some(own) = self.definition(head)? else {
            let created = Definition::of_rows(&self.schema, &self.partition_by, now_ms())?;
            let actions = created.actions().into();
            return Ok((created, actions));
        };
        let target = if self.merge_schema { own.merged_with(&self.schema)? } else { own.clone() };
        let actions = if target.same_layout(&own) { Vec::new() } else { target.replacing(&own) };
        Ok((target, actions))
    }

    /// Fences `generation` by the version after `head`; nothing if another writer created that version.
    async fn fence_after(
        &self,
        mut head: Head,
        generation: Generation,
        commit: &mut MarkedCommit,
    ) -> Result<Option<Head>> {
        if let Some(highest) = head.generation.filter(|g| *g > as_version(generation)) {
            return Err(self.fenced_by(highest, generation));
        }
        let parameters = json!({"queryId": self.query_id, "generation": generation.to_string()});
        let mut actions = vec![commit.info("STREAMING FENCE", &parameters)];
        let (definition, changes) = self.target(&head)?;
        actions.extend(changes);
        actions.push(transaction(&self.ids.epoch, head.epoch.unwrap_or(-1))?);
        actions.push(transaction(&self.ids.generation, as_version(generation))?);
        match commit.attempt(&head, actions).await? {
            Attempt::Lost => Ok(None),
            Attempt::Beneath => {
                let is_in = |new: &Head| new.generation >= Some(as_version(generation));
                self.after_beneath(&head, commit, is_in).await
            }
            Attempt::Committed => {
                head.version = Some(head.next());
                head.anchor = self.log.anchor(&head)?;
                head.definition = Some(definition);
                head.generation = Some(as_version(generation));
                Ok(Some(head))
            }
        }
    }

    /// Reads the table again after an entry was created in a log that has changed meanwhile. Returns the new state if
    /// the entry is a part of it, and removes the entry otherwise.
    async fn after_beneath(
        &self,
        head: &Head,
        commit: &MarkedCommit,
        is_in: impl Fn(&Head) -> bool + Send,
    ) -> Result<Option<Head>> {
        let new = self.log.reload(head, &self.ids).await?;
        if is_in(&new) {
            return Ok(Some(new));
        }
        commit.remove_beneath(head).await?;
        Ok(None)
    }

    /// Refuses to commit `epoch` after `head` if another generation fenced, or the epoch is committed already.
    fn check_may_commit(&self, head: &Head, epoch: Epoch, generation: Generation) -> Result<()> {
        // A test proves that the kill matrix finds a sink without this check.
        if is_injected(InjectedBug::SkipFence) {
            return Ok(());
        }
        if let Some(other) = head.generation.filter(|g| *g != as_version(generation)) {
            return Err(self.fenced_by(other, generation));
        }
        // No other generation has fenced, so an epoch that is committed is this generation's own or an older one's.
        let wanted = as_epoch(epoch)?;
        let Some(last) = head.epoch.filter(|last| *last >= wanted) else { return Ok(()) };
        match head.committer {
            Some(committer) if committer == as_version(generation) => Err(Error::new(
                ErrorKind::StreamingQuery,
                "STREAM_EPOCH_COMMITTED",
                "XXKST",
                format!("Epoch {epoch} of query {} is committed already (last: {last}).", self.query_id),
            )
            .param("epoch", epoch.to_string())),
            other => Err(self.fenced_by(other.unwrap_or_default(), generation)),
        }
    }

    fn fenced_by(&self, other: i64, own: Generation) -> Error {
        Error::new(
            ErrorKind::StreamingQuery,
            "STREAM_FENCED",
            "XXKST",
            format!(
                "Generation {own} of query {} was shut out of {} by generation {other}.",
                self.query_id,
                uri(&self.log.root)
            ),
        )
        .param("queryId", self.query_id.clone())
        .param("generation", own.to_string())
        .param("fencedBy", other.to_string())
        .hint("Another process runs this query now; this one has to end.")
    }

    async fn commit_actions(
        &self,
        head: &Head,
        (epoch, generation): (Epoch, Generation),
        adds: &[Value],
        commit: &MarkedCommit,
    ) -> Result<Vec<Value>> {
        let parameters = json!({
            "outputMode": if self.mode == OutputMode::Complete { "Complete" } else { "Append" },
            "queryId": self.query_id,
            "epochId": epoch.to_string(),
            "generation": generation.to_string(),
        });
        let mut actions = vec![commit.info("STREAMING UPDATE", &parameters)];
        actions.push(transaction(&self.ids.epoch, as_epoch(epoch)?)?);
        actions.push(transaction(&self.ids.committer, as_version(generation))?);
        actions.push(transaction(&self.ids.generation, as_version(generation))?);
        if self.mode == OutputMode::Complete {
            // The epoch has the whole result, which takes the place of all rows of the version before.
            actions.extend(removes(&self.log, head.version).await?);
        }
        actions.extend(adds.iter().cloned());
        Ok(actions)
    }
}

#[async_trait]
impl StreamSink for DeltaSink {
    fn description(&self) -> String {
        format!("DeltaSink[{}]", uri(&self.log.root))
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::ExactlyOnce
    }

    async fn fence(&self, generation: Generation) -> Result<Option<Commit>> {
        let mut head = self.log.load(&self.ids).await?;
        let mut commit = MarkedCommit::new(&self.log);
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            hit(FailPoint::SinkFence);
            // Another writer's commit may have changed the columns, so the table is checked again each time.
            let Some(fenced) = self.fence_after(head.clone(), generation, &mut commit).await? else {
                head = self.log.advance(head, &self.ids).await?;
                continue;
            };
            hit(FailPoint::SinkFenced);
            let last = last_commit(&fenced);
            *self.state() = Some(Fenced { generation, head: fenced, uncertain: None });
            return Ok(last);
        }
        Err(busy(&self.log))
    }

    async fn last_commit(&self) -> Result<Option<Commit>> {
        Ok(last_commit(&self.log.load(&self.ids).await?))
    }

    async fn stage(&self, _epoch: Epoch, chunk: usize, rows: Vec<RecordBatch>) -> Result<Option<Staged>> {
        // An epoch without rows is committed too, but writes no file.
        if rows.iter().all(|b| b.num_rows() == 0) {
            return Ok(None);
        }
        let definition = self.state().as_ref().and_then(|fenced| fenced.head.definition.clone());
        let Some(definition) = definition else {
            return Err(Error::internal("rows were staged before the sink was fenced"));
        };
        hit(FailPoint::SinkStage);
        let (root, format, zone) = (self.log.root.clone(), self.format.clone(), self.zone);
        let staged = blocking(move || {
            let mut stager = Stager::new(&root, &definition, (&format, zone), chunk)?;
            for batch in &rows {
                definition.check_rows(&batch.schema())?;
                stager.write(batch)?;
            }
            stager.finish()
        })
        .await?;
        hit(FailPoint::SinkStaged);
        Ok(Some(json!({"rows": staged.rows, "adds": staged.adds})))
    }

    async fn commit(&self, epoch: Epoch, staged: Vec<Staged>) -> Result<()> {
        let Some(fenced) = self.state().clone() else {
            return Err(Error::internal("an epoch was committed before the sink was fenced"));
        };
        let mut commit = MarkedCommit::new(&self.log);
        let committed = self.commit_after(fenced, epoch, &staged, &mut commit).await;
        if committed.is_err()
            && commit.may_be_in_log()
            && let Some(fenced) = self.state().as_mut()
        {
            fenced.uncertain = Some(epoch);
        }
        committed
    }

    async fn close(&self) {
        self.background.ended().await;
    }
}

impl DeltaSink {
    /// Commits an epoch by the version after the newest one.
    async fn commit_after(
        &self,
        fenced: Fenced,
        epoch: Epoch,
        staged: &[Staged],
        commit: &mut MarkedCommit,
    ) -> Result<()> {
        let Fenced { generation, head, uncertain } = fenced;
        let planned = head.definition.clone();
        let adds = adds_of(staged)?;
        let wanted = (Some(as_epoch(epoch)?), Some(as_version(generation)));
        let mut head = self.log.advance(head, &self.ids).await?;
        if uncertain == Some(epoch) && (head.epoch, head.committer) == wanted {
            // The first attempt is in the log, where its sync may have failed.
            let log = self.log.clone();
            blocking(move || log.sync()).await?;
            *self.state() = Some(Fenced { generation, head, uncertain: None });
            return Ok(());
        }
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            self.check_may_commit(&head, epoch, generation)?;
            // The rows were staged as files of the columns that the sink was fenced with.
            let now = self.definition(&head)?;
            if !same_layout(now.as_ref(), planned.as_ref()) {
                return Err(changed(&self.log));
            }
            let actions = self.commit_actions(&head, (epoch, generation), &adds, commit).await?;
            hit(FailPoint::SinkCommit);
            let committed = match commit.attempt(&head, actions).await? {
                Attempt::Lost => None,
                Attempt::Beneath => {
                    self.after_beneath(&head, commit, |new| (new.epoch, new.committer) == wanted).await?
                }
                Attempt::Committed => {
                    head.version = Some(head.next());
                    head.anchor = self.log.anchor(&head)?;
                    (head.epoch, head.committer) = wanted;
                    Some(head.clone())
                }
            };
            if let Some(head) = committed {
                hit(FailPoint::SinkCommitted);
                let (log, version) = (self.log.clone(), head.version.unwrap_or_default());
                *self.state() = Some(Fenced { generation, head, uncertain: None });
                // A checkpoint takes as long as the table is large, and the next epoch does not need it.
                self.background.spawn(async move { log.checkpoint_if_due(version).await });
                return Ok(());
            }
            head = self.log.advance(head, &self.ids).await?;
        }
        Err(busy(&self.log))
    }
}

/// Returns the last commit of the query in a table.
fn last_commit(head: &Head) -> Option<Commit> {
    let epoch = Epoch(u64::try_from(head.epoch?).ok()?);
    // A transaction of that name without a committer is not of this sink; no generation has the number 0.
    let committer = head.committer.and_then(|g| u64::try_from(g).ok()).unwrap_or(0);
    Some(Commit { epoch, generation: Generation(committer) })
}

/// Opens the sink of a request.
pub(crate) fn open(log: Log, request: SinkRequest) -> Result<Arc<dyn StreamSink>> {
    Ok(Arc::new(DeltaSink::new(log, request)?))
}

/// Returns whether files that were staged for one definition fit the other.
fn same_layout(a: Option<&Definition>, b: Option<&Definition>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.same_layout(b),
        _ => false,
    }
}

/// Returns the `add` actions of the files that were staged for an epoch.
fn adds_of(staged: &[Staged]) -> Result<Vec<Value>> {
    let mut adds = Vec::new();
    for part in staged {
        let part = part.get("adds").and_then(Value::as_array);
        adds.extend(part.ok_or_else(|| Error::internal("staged rows of another sink"))?.iter().cloned());
    }
    Ok(adds)
}

fn transaction(id: &str, version: i64) -> Result<Value> {
    let txn = Transaction::new_with_last_update(id, version, Some(now_ms()));
    let value =
        serde_json::to_value(txn).map_err(|e| Error::internal(format!("a Delta transaction: {e}")))?;
    Ok(json!({ "txn": value }))
}

fn as_version(generation: Generation) -> i64 {
    i64::try_from(generation.0).unwrap_or(i64::MAX)
}

fn as_epoch(epoch: Epoch) -> Result<i64> {
    i64::try_from(epoch.0).map_err(|_| Error::internal(format!("epoch {epoch} is too large")))
}

fn changed(log: &Log) -> Error {
    Error::new(
        ErrorKind::Runtime,
        "DELTA_METADATA_CHANGED",
        "2D521",
        format!("The columns or settings of {} were changed while the query was writing.", uri(&log.root)),
    )
    .hint("Start the query again; it goes on from its checkpoint if its rows still fit.")
}
