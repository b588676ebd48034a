//! From a checkpoint to a running generation: claim, fence, restore.

use super::{Context, NO_WATERMARK, Position};
use crate::checkpoint::{
    CLAIMS_MAX, Created, GenerationRecord, MANIFEST_FORMAT, Manifest, OperatorFiles, generation_name,
    manifest_name,
};
use crate::error::{corrupt, fenced, incompatible, refused};
use crate::machine::{Action, Machine};
use crate::state::{KEY_HASH, decode};
use arrow::record_batch::RecordBatch;
use thalweg_common::fail_point::FailPoint;
use thalweg_common::ids::{Epoch, Generation};
use thalweg_common::{Error, Result};
use thalweg_connectors::stream::Commit;

/// What a generation starts with.
pub(crate) struct Recovered {
    pub machine: Machine,
    pub position: Position,
    pub chain: OperatorFiles,
    pub state: Vec<RecordBatch>,
    /// Plans up to this epoch may exist and are adopted.
    pub newest_plan: Option<Epoch>,
}

/// Claims a generation for `context`, fences the sink, and restores what the sink committed last.
pub(crate) async fn recover(context: &mut Context) -> Result<Recovered> {
    let mut machine = Machine::new(context.hooks.planted);
    claim(context, &mut machine).await?;
    let record = context.files.newest_commit().await?;
    machine.records_read(record).map_err(|why| refused(&why))?;
    let from = fence(context, &mut machine).await?;
    let manifest = match from {
        Some(commit) => Some(manifest(context, &mut machine, commit).await?),
        None => None,
    };
    let (position, chain) = manifest.map(unpack).unwrap_or_default();
    let mut state = Vec::new();
    for file in chain.all() {
        let bytes = context.files.state_file(file).await?;
        let batches = named(decode(&bytes), &file.path)?;
        state.extend(batches);
    }
    machine.restored(true).map_err(|why| refused(&why))?;
    context.hooks.hit(FailPoint::StateRestored, machine.next_plan()).await?;
    let newest_plan = context.files.newest_plan().await?;
    Ok(Recovered { machine, position, chain, state, newest_plan })
}

/// Says which file it was that could not be decoded.
fn named(batches: Result<Vec<RecordBatch>>, path: &str) -> Result<Vec<RecordBatch>> {
    batches.map_err(|e| corrupt(path, e.message()))
}

async fn claim(context: &mut Context, machine: &mut Machine) -> Result<()> {
    for _ in 0..CLAIMS_MAX {
        let existing = context.files.generations().await?;
        machine.listed(&existing).map_err(|why| refused(&why))?;
        let record = GenerationRecord {
            run_id: context.options.run_id.clone(),
            nonce: uuid::Uuid::new_v4().to_string(),
        };
        context.hooks.hit(FailPoint::GenerationClaim, Epoch(0)).await?;
        let name = generation_name(machine.generation());
        let won = matches!(context.files.create(&name, &record).await?, Created::Mine);
        machine.claimed(won).map_err(|why| refused(&why))?;
        if won {
            context.generation = machine.generation();
            return context.hooks.hit(FailPoint::GenerationClaimed, Epoch(0)).await;
        }
    }
    Err(fenced())
}

/// Fences the sink and learns which commit to go on from.
async fn fence(context: &Context, machine: &mut Machine) -> Result<Option<Commit>> {
    context.hooks.hit(FailPoint::SinkFence, Epoch(0)).await?;
    let planted = context.hooks.planted.skip_fence();
    let generation = if planted { Generation(0) } else { context.generation };
    let last = context.plan.sink.fence(generation).await?;
    context.hooks.hit(FailPoint::SinkFenced, Epoch(0)).await?;
    let manifests = context.files.manifests().await?;
    if let Err(why) = machine.fenced(context.sink_remembers(), last, &manifests) {
        // A newer generation may have collected what this one looks for: then it is the news.
        still_newest(context).await?;
        return Err(refused(&why));
    }
    match machine.enabled().first() {
        Some(Action::Restore(from)) => Ok(from.map(|(epoch, generation)| Commit { epoch, generation })),
        _ => Err(Error::internal("a stream's recovery went astray")),
    }
}

async fn manifest(context: &Context, machine: &mut Machine, commit: Commit) -> Result<Manifest> {
    let name = manifest_name(commit);
    let Some(found) = context.files.read::<Manifest>(&name).await? else {
        return Err(machine.restored(false).map_or_else(|why| refused(&why), |()| fenced()));
    };
    if found.commit() != commit || found.format != MANIFEST_FORMAT || found.key_hash != KEY_HASH {
        let why = format!("it has format {} and keys by {}", found.format, found.key_hash);
        return Err(corrupt(&name, &why));
    }
    if found.fingerprint != context.plan.fingerprint {
        return Err(incompatible(&found.fingerprint, &context.plan.fingerprint));
    }
    Ok(found)
}

fn unpack(manifest: Manifest) -> (Position, OperatorFiles) {
    let position = Position {
        offset: manifest.offset,
        watermark_us: manifest.watermark_us.max(NO_WATERMARK),
        event_time_max_ms: manifest.event_time_max_ms,
        last: manifest.last,
    };
    (position, manifest.operators.into_iter().next().unwrap_or_default())
}

/// Fails with `STREAM_FENCED` if a higher generation was claimed. A courtesy that ends a fenced run
/// early, and all there is for a sink that can't be fenced; the sink's own fence is what counts.
pub(crate) async fn still_newest(context: &Context) -> Result<()> {
    let newest = context.files.generations().await?.into_iter().max();
    if newest > Some(context.generation) { Err(fenced()) } else { Ok(()) }
}
