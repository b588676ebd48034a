//! From a processed epoch to a committed one: stage, snapshot, manifest, commit, record.

use super::recover::still_newest;
use super::{Context, Done};
use crate::checkpoint::{
    CommitRecord, Created, FileRef, Manifest, commit_name, manifest_name, sha256, state_name,
};
use crate::error::{corrupt, fenced};
use crate::state::encode;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use std::sync::Arc;
use thalweg_common::fail_point::FailPoint;
use thalweg_common::ids::Epoch;
use thalweg_common::{Error, Result};
use thalweg_connectors::stream::{Commit, Offset, Staged};

/// The only stateful operator there is so far.
pub(crate) const OPERATOR: usize = 0;

/// Rows of one worker on their way into the sink.
pub(crate) struct Piece {
    pub epoch: Epoch,
    /// Worker and number of the piece.
    pub place: (usize, usize),
    pub rows: Vec<RecordBatch>,
}

/// Writes a piece of output invisibly.
pub(crate) async fn stage(context: Arc<Context>, piece: Piece) -> Result<Done> {
    let Piece { epoch, place, rows } = piece;
    let workers = context.options.workers;
    let count = rows.iter().map(|b| b.num_rows() as u64).sum();
    // Sinks name files by this number, so it is unique among the chunks of all workers.
    let number = place.1 * workers + place.0;
    context.hooks.hit(FailPoint::SinkStage, epoch).await?;
    let staged = context.plan.sink.stage(epoch, number, rows).await?;
    context.hooks.hit(FailPoint::SinkStaged, epoch).await?;
    Ok(Done::Staged { epoch, place, staged, rows: count })
}

/// Writes the change of state of an epoch.
pub(crate) async fn snapshot(context: Arc<Context>, epoch: Epoch, delta: Vec<RecordBatch>) -> Result<Done> {
    let rows: usize = delta.iter().map(RecordBatch::num_rows).sum();
    let file = match rows {
        0 => None,
        _ => {
            context.hooks.hit(FailPoint::SnapshotWrite, epoch).await?;
            let bytes = blocking(move || encode(&delta)).await?;
            let commit = Commit { epoch, generation: context.generation };
            let name = state_name(OPERATOR, commit, "delta");
            let file = write_state(&context, name, bytes, rows as u64).await?;
            context.hooks.hit(FailPoint::SnapshotWritten, epoch).await?;
            Some(file)
        }
    };
    Ok(Done::Snapshot { epoch, file })
}

/// Writes a state file and says how to recognise it.
pub(crate) async fn write_state(
    context: &Context,
    path: String,
    bytes: Vec<u8>,
    rows: u64,
) -> Result<FileRef> {
    let file = FileRef { bytes: bytes.len() as u64, rows, sha256: sha256(&bytes), path };
    context.files.put(&file.path, Bytes::from(bytes)).await?;
    Ok(file)
}

/// Runs something long on a thread that may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let joined = tokio::task::spawn_blocking(work).await;
    joined.map_err(|e| Error::internal(format!("a stream's task ended early: {e}")))?
}

/// Makes the manifest durable.
pub(crate) async fn manifest(context: Arc<Context>, manifest: Manifest) -> Result<Done> {
    let epoch = manifest.epoch;
    still_newest(&context).await?;
    context.hooks.hit(FailPoint::ManifestWrite, epoch).await?;
    let name = manifest_name(manifest.commit());
    if let Created::There(_) = context.files.create(&name, &manifest).await? {
        return Err(corrupt(&name, "this generation has not written it, and it is there"));
    }
    context.hooks.hit(FailPoint::ManifestWritten, epoch).await?;
    Ok(Done::Manifest(epoch))
}

/// Lets the sink commit. A refusal is an answer, not an error: the machine concludes from it.
pub(crate) async fn commit(context: Arc<Context>, epoch: Epoch, staged: Vec<Staged>) -> Result<Done> {
    if !context.sink_remembers() {
        still_newest(&context).await?;
    }
    let accepted = match context.plan.sink.commit(epoch, staged).await {
        Ok(()) => true,
        Err(error) if error.class() == fenced().class() => false,
        Err(error) => return Err(error),
    };
    context.hooks.hit(FailPoint::SinkCommitted, epoch).await?;
    Ok(Done::Committed { epoch, accepted })
}

/// Records the commit and lets the source forget what it covers.
pub(crate) async fn record(context: Arc<Context>, epoch: Epoch, end: Option<Offset>) -> Result<Done> {
    let mine = CommitRecord { generation: context.generation };
    let by = match context.files.create(&commit_name(epoch), &mine).await? {
        Created::Mine => mine,
        Created::There(theirs) => theirs,
    };
    context.hooks.hit(FailPoint::CommitRecorded, epoch).await?;
    if let (true, Some(end)) = (by == mine, end) {
        context.plan.source.release(&end).await?;
    }
    Ok(Done::Recorded { epoch, by: by.generation })
}
