//! Makes a processed epoch durable: stages output, writes the snapshot and the manifest, commits, and
//! records.
//!
//! Each function is one task and does one step of the protocol; [`super::run`] decides when it runs.

use super::recover::check_newest_generation;
use super::{GenerationContext, TaskDone};
use crate::checkpoint::{
    CommitRecord, CreateOutcome, Manifest, RunWriter, commit_name, manifest_name, run_prefix,
};
use crate::error::{corrupt, fenced};
use crate::ops::StateDeltas;
use crate::rt::OutputChunkId;
use crate::spec::OperatorId;
use crate::state::encode;
use arrow::record_batch::RecordBatch;
use std::collections::BTreeMap;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_common::fail_point::FailPoint;
use thalweg_common::ids::Epoch;
use thalweg_connectors::background::blocking;
use thalweg_connectors::stream::{Commit, Offset, Staged};

/// Output rows of one worker.
pub(crate) struct OutputChunk {
    pub epoch: Epoch,
    pub id: OutputChunkId,
    pub rows: Vec<RecordBatch>,
}

/// Stages a chunk of output in the sink, where it stays invisible until the commit.
pub(crate) async fn stage(context: Arc<GenerationContext>, chunk: OutputChunk) -> Result<TaskDone> {
    let OutputChunk { epoch, id, rows } = chunk;
    let count = rows.iter().map(|b| b.num_rows() as u64).sum();
    // Sinks name files by this number, so it is unique among the chunks of all workers.
    let number = id.number * context.options.workers + id.worker;
    // A crash on either side of the call leaves staged rows that no commit names.
    context.hooks.hit(FailPoint::SinkStage, epoch).await?;
    let staged = context.stage(epoch, number, rows).await?;
    context.hooks.hit(FailPoint::SinkStaged, epoch).await?;
    Ok(TaskDone::Staged { epoch, id, staged, rows: count })
}

/// Writes the state changes of an epoch: a run for each state that has changed.
pub(crate) async fn snapshot(
    context: Arc<GenerationContext>,
    epoch: Epoch,
    deltas: BTreeMap<usize, StateDeltas>,
) -> Result<TaskDone> {
    let commit = Commit { epoch, generation: context.generation };
    let mut runs = Vec::new();
    for (node, of_states) in deltas {
        let Some(operator) = context.plan.graph.nodes().get(node) else { continue };
        for (state, delta) in of_states {
            let rows: usize = delta.iter().map(RecordBatch::num_rows).sum();
            // An epoch that changes no state needs no file, and the manifest names none.
            if rows == 0 {
                continue;
            }
            context.hooks.hit(FailPoint::SnapshotWrite, epoch).await?;
            // Encoding a large delta would keep the coordinator and other queries from running.
            let segments = blocking(move || encode(&delta)).await?;
            // The name contains the generation, so a fenced run cannot overwrite the file of its successor.
            let prefix = run_prefix((&operator.id, state), commit, "epoch");
            let mut writer = RunWriter::new(context.files.clone(), prefix);
            for segment in segments {
                writer.add(segment).await?;
            }
            let run = writer.finish().await?;
            context.hooks.hit(FailPoint::SnapshotWritten, epoch).await?;
            runs.push(((operator.id.clone(), state.to_owned()), run));
        }
    }
    Ok(TaskDone::Snapshot { epoch, runs })
}

/// Creates the manifest of an epoch.
pub(crate) async fn manifest(context: Arc<GenerationContext>, manifest: Manifest) -> Result<TaskDone> {
    let epoch = manifest.epoch;
    check_newest_generation(&context).await?;
    // A fenced run ends here at the latest, before it leaves a manifest that nobody needs.
    context.hooks.hit(FailPoint::ManifestWrite, epoch).await?;
    let name = manifest_name(manifest.commit());
    // The name contains the generation, so only this run could have created it.
    if let CreateOutcome::Exists(_) = context.files.create(&name, &manifest).await? {
        return Err(corrupt(&name, "it exists although this generation has not written it"));
    }
    context.hooks.hit(FailPoint::ManifestWritten, epoch).await?;
    Ok(TaskDone::Manifest(epoch))
}

/// Commits an epoch in the sink. A refused commit is a result and not an error: the state machine decides
/// that the generation ends.
pub(crate) async fn commit(
    context: Arc<GenerationContext>,
    epoch: Epoch,
    staged: Vec<Staged>,
) -> Result<TaskDone> {
    // A sink that cannot remember commits cannot be fenced either; the checkpoint is all that can stop this
    // run.
    if !context.sink_remembers() {
        check_newest_generation(&context).await?;
    }
    let accepted = match context.commit(epoch, staged).await {
        Ok(()) => true,
        Err(error) if error.class() == fenced().class() => false,
        Err(error) => return Err(error),
    };
    context.hooks.hit(FailPoint::SinkCommitted, epoch).await?;
    Ok(TaskDone::Committed { epoch, accepted })
}

/// Writes the commit record, then lets the sources release the input of the epoch.
pub(crate) async fn record(
    context: Arc<GenerationContext>,
    epoch: Epoch,
    ends: BTreeMap<OperatorId, Offset>,
) -> Result<TaskDone> {
    // Created and not overwritten: if another generation has recorded the epoch, this one has to end.
    let mine = CommitRecord { generation: context.generation };
    let by = match context.files.create(&commit_name(epoch), &mine).await? {
        CreateOutcome::Created => mine,
        CreateOutcome::Exists(theirs) => theirs,
    };
    context.hooks.hit(FailPoint::CommitRecorded, epoch).await?;
    // A run that was overtaken must not release input that its successor may still read.
    if by == mine {
        for (id, source) in context.plan.graph.sources() {
            if let Some(end) = ends.get(id).cloned() {
                context.source_step(source, |s| async move { s.release(&end).await }).await?;
            }
        }
    }
    Ok(TaskDone::Recorded { epoch, by: by.generation })
}
