//! Recovers a query from its checkpoint: claims a generation, fences the sink, and restores the state.
//!
//! The sink is fenced before it reports its last commit. In the opposite order an older run could commit
//! between the report and the fence, and this run would process that epoch again.

use super::{GenerationContext, NO_WATERMARK, StreamPosition};
use crate::checkpoint::{
    CLAIMS_MAX, CreateOutcome, GenerationRecord, MANIFEST_FORMAT, Manifest, OperatorFiles, generation_name,
    manifest_name,
};
use crate::error::{corrupt, fenced, incompatible, protocol_error};
use crate::machine::Machine;
use crate::state::{KEY_HASH, decode};
use arrow::record_batch::RecordBatch;
use thalweg_common::Result;
use thalweg_common::fail_point::FailPoint;
use thalweg_common::ids::{Epoch, Generation};
use thalweg_connectors::stream::Commit;

/// What a generation starts from.
pub(crate) struct Recovered {
    pub machine: Machine,
    pub position: StreamPosition,
    pub state_files: OperatorFiles,
    pub state: Vec<RecordBatch>,
    /// Plans up to this epoch may exist; they are adopted.
    pub newest_plan: Option<Epoch>,
}

/// Claims a generation for `context`, fences the sink, and restores the epoch that the sink committed last.
pub(crate) async fn recover(context: &mut GenerationContext) -> Result<Recovered> {
    let mut machine = Machine::new(context.hooks.injected);
    claim(context, &mut machine).await?;
    let record = context.files.newest_commit().await?;
    machine.records_read(record).map_err(|why| protocol_error(&why))?;
    let from = fence(context, &mut machine).await?;
    let manifest = match from {
        Some(commit) => Some(manifest(context, &mut machine, commit).await?),
        None => None,
    };
    let (position, state_files) = manifest.map(resume_from).unwrap_or_default();
    let mut state = Vec::new();
    for file in state_files.all() {
        let bytes = context.files.state_file(file).await?;
        let batches = decode(&bytes).map_err(|e| corrupt(&file.path, e.message()))?;
        state.extend(batches);
    }
    machine.restored(true).map_err(|why| protocol_error(&why))?;
    context.hooks.hit(FailPoint::StateRestored, machine.next_plan()).await?;
    let newest_plan = context.files.newest_plan().await?;
    Ok(Recovered { machine, position, state_files, state, newest_plan })
}

/// Claims the next free generation number by creating its object.
async fn claim(context: &mut GenerationContext, machine: &mut Machine) -> Result<()> {
    for _ in 0..CLAIMS_MAX {
        let existing = context.files.generations().await?;
        machine.listed(&existing).map_err(|why| protocol_error(&why))?;
        let record = GenerationRecord {
            run_id: context.options.run_id.clone(),
            nonce: uuid::Uuid::new_v4().to_string(),
        };
        context.hooks.hit(FailPoint::GenerationClaim, Epoch(0)).await?;
        let name = generation_name(machine.generation());
        let won = matches!(context.files.create(&name, &record).await?, CreateOutcome::Created);
        machine.claimed(won).map_err(|why| protocol_error(&why))?;
        if won {
            context.generation = machine.generation();
            return context.hooks.hit(FailPoint::GenerationClaimed, Epoch(0)).await;
        }
    }
    Err(fenced())
}

/// Fences the sink; returns the commit to continue from.
async fn fence(context: &GenerationContext, machine: &mut Machine) -> Result<Option<Commit>> {
    context.hooks.hit(FailPoint::SinkFence, Epoch(0)).await?;
    let skips_fence = context.hooks.injected.skip_fence();
    let generation = if skips_fence { Generation(0) } else { context.generation };
    let last = context.plan.sink.fence(generation).await?;
    context.hooks.hit(FailPoint::SinkFenced, Epoch(0)).await?;
    let manifests = context.files.manifests().await?;
    match machine.fenced(context.sink_remembers(), last, &manifests) {
        Ok(from) => Ok(from),
        Err(why) => {
            // A newer generation may have deleted what this one needs. Being fenced is then the cause to report.
            check_newest_generation(context).await?;
            Err(protocol_error(&why))
        }
    }
}

/// Reads the manifest of a commit and checks that this query can restore it.
async fn manifest(context: &GenerationContext, machine: &mut Machine, commit: Commit) -> Result<Manifest> {
    let name = manifest_name(commit);
    let Some(found) = context.files.read::<Manifest>(&name).await? else {
        return Err(machine.restored(false).map_or_else(|why| protocol_error(&why), |()| fenced()));
    };
    if found.commit() != commit || found.format != MANIFEST_FORMAT || found.key_hash != KEY_HASH {
        let why = format!(
            "it has format {} and key hash {}, which this version does not read",
            found.format, found.key_hash
        );
        return Err(corrupt(&name, &why));
    }
    if found.fingerprint != context.plan.fingerprint {
        return Err(incompatible(&found.fingerprint, &context.plan.fingerprint));
    }
    Ok(found)
}

/// Returns where the next epoch continues, and the files of the state before it.
fn resume_from(manifest: Manifest) -> (StreamPosition, OperatorFiles) {
    let position = StreamPosition {
        offset: manifest.offset,
        watermark_us: manifest.watermark_us.max(NO_WATERMARK),
        event_time_max_ms: manifest.event_time_max_ms,
        last: manifest.last,
    };
    (position, manifest.operators.into_iter().next().unwrap_or_default())
}

/// Fails with `STREAM_FENCED` if a higher generation was claimed.
///
/// The fence of the sink is what prevents wrong commits. This check ends a fenced run early, and it is the
/// only protection of a sink that cannot be fenced.
pub(crate) async fn check_newest_generation(context: &GenerationContext) -> Result<()> {
    let newest = context.files.generations().await?.into_iter().max();
    if newest > Some(context.generation) { Err(fenced()) } else { Ok(()) }
}
