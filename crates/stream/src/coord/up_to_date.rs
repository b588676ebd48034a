//! Finds out whether a run that ends with the input has anything to do, before it changes anything.
//!
//! A run that finds nothing claims no generation and does not fence the sink, so a job that runs every minute leaves no
//! trace while nothing arrives. What always holds: nothing is written here but a plan in the log of a source, which the
//! next generation adopts as it adopts the plan of a run that died. In any doubt the answer is that there is something
//! to do, and the recovery decides.

use super::planner::{PlanRequest, propose, ranges};
use super::recover::{check_manifest, resume_from};
use super::state_match::match_states;
use super::{GenerationContext, StreamPosition};
use thalweg_common::Result;
use thalweg_connectors::stream::Commit;

/// Returns whether everything that is available is committed.
///
/// # Errors
/// `CHECKPOINT_IO`, `STREAM_SNAPSHOT_CORRUPT`, `STREAM_DRAINED`, and the errors of source and sink.
pub(crate) async fn is_up_to_date(context: &GenerationContext) -> Result<bool> {
    let Some(commit) = context.files.newest_commit().await? else { return Ok(false) };
    // A plan without a commit, or a commit that is not recorded, is for a recovery.
    if context.files.newest_plan().await? > Some(commit.epoch) || !is_last_of_sink(context, commit).await? {
        return Ok(false);
    }
    let Some(manifest) = context.files.manifest(commit).await? else { return Ok(false) };
    let fits = check_manifest(context, &manifest).is_ok();
    let (position, stored) = resume_from(manifest);
    // The recovery reports what does not fit.
    if !fits || match_states(&context.plan.graph, Some(stored)).is_err() {
        return Ok(false);
    }
    for (_, source) in context.plan.graph.sources() {
        source.freeze().await?;
    }
    has_nothing_to_plan(context, commit, position).await
}

async fn is_last_of_sink(context: &GenerationContext, commit: Commit) -> Result<bool> {
    Ok(!context.sink_remembers() || context.plan.sink.last_commit().await? == Some(commit))
}

async fn has_nothing_to_plan(
    context: &GenerationContext,
    commit: Commit,
    position: StreamPosition,
) -> Result<bool> {
    let sources = ranges(context, &position.offsets).await?;
    let request = PlanRequest {
        epoch: commit.epoch.next(),
        watermark_us: position.watermark(&context.plan.graph),
        position,
        may_exist: false,
        freeze: false,
        drain: context.drains_at_end(),
        check_generation: false,
    };
    Ok(propose(context, &request, sources)?.is_none())
}
