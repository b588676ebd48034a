//! Recovers a query from its checkpoint: claims a generation, fences the sink, and finds the state to restore.
//!
//! The sink is fenced before it reports its last commit. In the opposite order an older run could commit
//! between the report and the fence, and this run would process that epoch again.

use super::state_match::{described, match_states};
use super::{GenerationContext, NO_WATERMARK, StreamPosition};
use crate::checkpoint::{
    CLAIMS_MAX, CreateOutcome, GenerationRecord, Manifest, OperatorState, generation_name, manifest_name,
};
use crate::error::{corrupt, fenced, incompatible, other_sources, protocol_error};
use crate::machine::Machine;
use crate::spec::OperatorId;
use crate::state::KEY_HASH;
use std::collections::BTreeMap;
use thalweg_common::Result;
use thalweg_common::fail_point::FailPoint;
use thalweg_common::ids::{Epoch, Generation};
use thalweg_connectors::stream::Commit;

/// What a generation starts from.
pub(crate) struct Recovered {
    pub machine: Machine,
    pub position: StreamPosition,
    /// The operators that keep state, with their files.
    pub operators: BTreeMap<OperatorId, OperatorState>,
    /// Plans up to this epoch may exist; they are adopted.
    pub newest_plan: Option<Epoch>,
}

/// Claims a generation for `context`, fences the sink, and finds the epoch that the sink committed last.
pub(crate) async fn recover(context: &mut GenerationContext) -> Result<Recovered> {
    let mut machine = Machine::new(context.hooks.injected);
    claim(context, &mut machine).await?;
    let record = context.files.newest_commit().await?;
    machine.records_read(record).map_err(|why| protocol_error(&why))?;
    let from = fence(context, &mut machine).await?;
    for (_, source) in context.plan.graph.sources() {
        source.claim(context.generation).await?;
    }
    let manifest = match from {
        Some(commit) => Some(manifest(context, &mut machine, commit).await?),
        None => None,
    };
    let (position, stored) = match manifest.map(resume_from) {
        Some((position, stored)) => (position, Some(stored)),
        None => (StreamPosition::default(), None),
    };
    let operators = match_states(&context.plan.graph, stored)?;
    machine.restored(true).map_err(|why| protocol_error(&why))?;
    let newest_plan = context.files.newest_plan().await?;
    Ok(Recovered { machine, position, operators, newest_plan })
}

/// Claims the next free generation number by creating its object.
async fn claim(context: &mut GenerationContext, machine: &mut Machine) -> Result<()> {
    for _ in 0..CLAIMS_MAX {
        let existing = context.files.generations().await?;
        let tag = uuid::Uuid::new_v4().as_u64_pair().0 as u32;
        machine.listed(&existing, tag).map_err(|why| protocol_error(&why))?;
        let record = GenerationRecord {
            run_id: context.options.run_id.clone(),
            nonce: uuid::Uuid::new_v4().to_string(),
        };
        context.hooks.hit(FailPoint::GenerationClaim, Epoch(0)).await?;
        let name = generation_name(machine.generation());
        let created = matches!(context.files.create(&name, &record).await?, CreateOutcome::Created);
        // The name may have been free again because a later run has deleted it: then that run is found here.
        let won = created && !context.files.has_newer_generation(machine.generation()).await?;
        machine.claimed(won).map_err(|why| protocol_error(&why))?;
        if won {
            context.generation = machine.generation();
            delete_older(context, &existing).await?;
            return context.hooks.hit(FailPoint::GenerationClaimed, Epoch(0)).await;
        }
    }
    Err(fenced())
}

/// Deletes the generations before this one, which is the newest: a run of any of them finds this one.
async fn delete_older(context: &GenerationContext, existing: &[Generation]) -> Result<()> {
    for older in existing.iter().filter(|g| **g < context.generation) {
        context.files.delete(&generation_name(*older)).await?;
    }
    Ok(())
}

/// Fences the sink; returns the commit to continue from.
async fn fence(context: &GenerationContext, machine: &mut Machine) -> Result<Option<Commit>> {
    context.hooks.hit(FailPoint::SinkFence, Epoch(0)).await?;
    let skips_fence = context.hooks.injected.skip_fence();
    let generation = if skips_fence { Generation(0) } else { context.generation };
    let last = context.fence(generation).await?;
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
    let Some(found) = context.files.manifest(commit).await? else {
        return Err(machine.restored(false).map_or_else(|why| protocol_error(&why), |()| fenced()));
    };
    if found.commit() != commit {
        return Err(corrupt(&name, "it is of another epoch or generation"));
    }
    check_manifest(context, &found)?;
    Ok(found)
}

/// Checks that this query can go on from a manifest, apart from the state of its operators.
pub(super) fn check_manifest(context: &GenerationContext, manifest: &Manifest) -> Result<()> {
    if manifest.key_hash != KEY_HASH {
        let why = format!("it has the key hash {}, which this version does not read", manifest.key_hash);
        return Err(corrupt(&manifest_name(manifest.commit()), &why));
    }
    let sources = context.plan.graph.source_meanings();
    if let Some(gone) = manifest.offsets.keys().find(|id| !sources.contains_key(id)) {
        return Err(other_sources(gone, sources.len()));
    }
    // With the position of another source, rows would be read twice or not at all.
    for (id, is) in &sources {
        let differences = manifest.sources.get(id).map(|was| was.differences(is)).unwrap_or_default();
        if !differences.is_empty() {
            return Err(incompatible(id, &described(&differences)));
        }
    }
    Ok(())
}

/// Returns where the next epoch continues, and the state before it.
pub(super) fn resume_from(manifest: Manifest) -> (StreamPosition, BTreeMap<OperatorId, OperatorState>) {
    let position = StreamPosition {
        offsets: manifest.offsets,
        watermark_us: manifest.watermark_us.max(NO_WATERMARK),
        event_times_max_ms: manifest.event_times_max_ms,
        processing_time_us: manifest.processing_time_us,
        last: manifest.last,
    };
    (position, manifest.operators)
}

/// Fails with `STREAM_FENCED` if a higher generation was claimed.
///
/// The fence of the sink is what prevents wrong commits. This check ends a fenced run early, and it is the
/// only protection of a sink that cannot be fenced.
pub(crate) async fn check_newest_generation(context: &GenerationContext) -> Result<()> {
    if context.files.has_newer_generation(context.generation).await? { Err(fenced()) } else { Ok(()) }
}
