//! Plans an epoch: which offsets it reads, its watermark and its processing time.
//!
//! The plan is durable before the epoch starts, and the first run that creates it decides; any other run
//! adopts it. So a replayed epoch computes the same result, whatever the clock says and whatever has arrived
//! meanwhile.

use super::recover::check_newest_generation;
use super::{DRAINED, GenerationContext, PlannedEpoch, StreamPosition, TaskDone};
use crate::checkpoint::{CreateOutcome, EpochPlan, FORMAT, SourceRange, plan_name};
use crate::error::{corrupt, drained};
use crate::spec::OperatorId;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use thalweg_common::Result;
use thalweg_common::fail_point::FailPoint;
use thalweg_common::ids::Epoch;
use thalweg_connectors::stream::Offset;

/// The epoch to plan, and what is known before it.
#[derive(Debug, Clone)]
pub(crate) struct PlanRequest {
    pub epoch: Epoch,
    /// Where the previous epoch ended.
    pub position: StreamPosition,
    /// The watermark that follows from the event times of all previous epochs.
    pub watermark_us: i64,
    /// Whether an earlier run may have written this plan.
    pub may_exist: bool,
    /// Whether the end of the input is to be fixed first.
    pub freeze: bool,
    /// Whether to plan a last epoch that closes all windows if no input is left.
    pub drain: bool,
    /// Whether to check first that no later run has claimed the checkpoint.
    pub check_generation: bool,
}

/// The result of planning.
#[derive(Debug)]
pub(crate) enum PlanOutcome {
    Planned(PlannedEpoch),
    /// No source has new data, and the watermark has not advanced.
    NothingNew,
}

/// Plans one epoch durably, or adopts the plan that exists.
pub(crate) async fn plan(context: Arc<GenerationContext>, request: PlanRequest) -> Result<TaskDone> {
    if request.check_generation {
        check_newest_generation(&context).await?;
    }
    if request.freeze {
        // Before the plan is made, so that the plan cannot contain what arrives after it.
        for (_, source) in context.plan.graph.sources() {
            context.source_step(source, |s| async move { s.freeze().await }).await?;
        }
    }
    let name = plan_name(request.epoch);
    // Reading first is cheaper than a source that lists its input and loses the race to create the plan.
    if request.may_exist
        && let Some(plan) = context.files.plan(request.epoch).await?
    {
        return adopt(&context, &request, plan, (0, 0)).await;
    }
    let clock = &context.options.clock;
    let began = clock.monotonic();
    let sources = ranges(&context, &request.position.offsets).await?;
    let planned = clock.monotonic();
    // Nothing is written for an idle source, so that it does not fill the checkpoint.
    let Some(proposal) = propose(&context, &request, sources)? else {
        return Ok(TaskDone::Planned(PlanOutcome::NothingNew));
    };
    context.hooks.hit(FailPoint::PlanWrite, request.epoch).await?;
    // Whoever creates the plan decides, whatever the other one has found: both then read the same rows.
    let plan = match context.files.create(&name, &proposal).await? {
        CreateOutcome::Created => proposal,
        CreateOutcome::Exists(theirs) => theirs,
    };
    context.hooks.hit(FailPoint::PlanWritten, request.epoch).await?;
    let took_ms = (ms(planned.saturating_sub(began)), ms(clock.monotonic().saturating_sub(planned)));
    adopt(&context, &request, plan, took_ms).await
}

/// Asks each source how far it goes.
pub(super) async fn ranges(
    context: &GenerationContext,
    offsets: &BTreeMap<OperatorId, Offset>,
) -> Result<BTreeMap<OperatorId, SourceRange>> {
    let mut ranges = BTreeMap::new();
    for (id, source) in context.plan.graph.sources() {
        let start = offsets.get(id).cloned();
        let from = start.clone();
        let end = context.source_step(source, |s| async move { s.plan(from.as_ref()).await }).await?;
        let reads = end.is_some();
        ranges.insert(id.clone(), SourceRange { end: end.or_else(|| start.clone()), start, reads });
    }
    Ok(ranges)
}

/// Computes the plan that this generation would write; `None` if there is nothing to do.
pub(super) fn propose(
    context: &GenerationContext,
    request: &PlanRequest,
    sources: BTreeMap<OperatorId, SourceRange>,
) -> Result<Option<EpochPlan>> {
    let position = &request.position;
    let reads = sources.values().any(|s| s.reads);
    if position.last && !reads {
        return Ok(None);
    }
    if position.last && position.watermark_us == DRAINED {
        // Nothing says which rows are of windows that are closed, so none could be counted any more.
        return Err(drained());
    }
    // As in Spark, an epoch without data follows a watermark that advanced, so that it closes groups.
    let advanced = request.watermark_us > position.watermark_us && context.plan.graph.closes_by_watermark();
    let last = !reads && !advanced && request.drain;
    if !reads && !advanced && !last {
        return Ok(None);
    }
    Ok(Some(EpochPlan {
        format: FORMAT,
        epoch: request.epoch,
        generation: context.generation,
        sources,
        watermark_us: if last { DRAINED } else { request.watermark_us },
        // Rows are late by the watermark of the epoch before: their groups are closed and gone.
        late_us: position.watermark_us,
        // The time of day may have been set back; the time of a query goes on only.
        processing_time_us: context.options.clock.now_us().max(position.processing_time_us),
        last,
    }))
}

/// Checks that a durable plan continues the previous epoch, and returns it.
async fn adopt(
    context: &GenerationContext,
    request: &PlanRequest,
    plan: EpochPlan,
    (plan_ms, write_ms): (u64, u64),
) -> Result<TaskDone> {
    let begins =
        |(id, range): (&OperatorId, &SourceRange)| range.start.as_ref() == request.position.offsets.get(id);
    if plan.epoch != request.epoch
        || plan.sources.len() != context.plan.graph.sources().count()
        || !plan.sources.iter().all(begins)
    {
        return Err(corrupt(&plan_name(request.epoch), "it does not begin where the previous epoch ended"));
    }
    // For the progress only, and after the plan: it must not influence what is read.
    let mut latest = BTreeMap::new();
    for (id, source) in context.plan.graph.sources() {
        latest.extend(source.latest().await?.map(|offset| (id.clone(), offset)));
    }
    Ok(TaskDone::Planned(PlanOutcome::Planned(PlannedEpoch { plan, latest, plan_ms, write_ms })))
}

/// Converts a duration to whole milliseconds.
pub(crate) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
