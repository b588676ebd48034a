//! Cutting an epoch: what it reads, its watermark and its time, durable before it starts.
//!
//! Whoever creates the plan of an epoch decides; everyone else adopts it. So an epoch that is done
//! again computes the same, whatever the clock says and whatever has arrived meanwhile.

use super::recover::still_newest;
use super::{Context, Cut, DRAINED, Done, Position};
use crate::checkpoint::{Created, Plan, plan_name};
use crate::error::{corrupt, drained};
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_common::fail_point::FailPoint;
use thalweg_common::ids::Epoch;
use thalweg_connectors::stream::Offset;

/// What to plan.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub epoch: Epoch,
    pub position: Position,
    /// The watermark that the epochs so far give.
    pub watermark_us: i64,
    /// A plan may be there already.
    pub known: bool,
    /// The end of the input is to be fixed first.
    pub freeze: bool,
    /// If nothing is left, an epoch is due that closes everything.
    pub drain: bool,
    /// A look at the generations is due.
    pub check: bool,
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum Planned {
    Epoch(Cut),
    Nothing,
}

pub(crate) async fn plan(context: Arc<Context>, ask: Ask) -> Result<Done> {
    if ask.check {
        still_newest(&context).await?;
    }
    if ask.freeze {
        context.plan.source.freeze().await?;
    }
    let name = plan_name(ask.epoch);
    if ask.known
        && let Some(plan) = context.files.read(&name).await?
    {
        return adopted(&context, &ask, plan, (0, 0)).await;
    }
    let began = context.options.clock.now_us();
    let end = context.plan.source.plan(ask.position.offset.as_ref()).await?;
    let planned = context.options.clock.now_us();
    let Some(proposal) = propose(&context, &ask, end)? else {
        return Ok(Done::Planned(Planned::Nothing));
    };
    context.hooks.hit(FailPoint::PlanWrite, ask.epoch).await?;
    let plan = match context.files.create(&name, &proposal).await? {
        Created::Mine => proposal,
        Created::There(theirs) => theirs,
    };
    context.hooks.hit(FailPoint::PlanWritten, ask.epoch).await?;
    let took = (ms(planned - began), ms(context.options.clock.now_us() - planned));
    adopted(&context, &ask, plan, took).await
}

/// What this generation would do next; none if there is nothing to do.
fn propose(context: &Context, ask: &Ask, end: Option<Offset>) -> Result<Option<Plan>> {
    let reads = end.is_some();
    if ask.position.last {
        return if reads { Err(drained()) } else { Ok(None) };
    }
    let moved = ask.watermark_us > ask.position.watermark_us && context.program.closes_by_watermark();
    let last = !reads && !moved && ask.drain;
    if !reads && !moved && !last {
        return Ok(None);
    }
    Ok(Some(Plan {
        epoch: ask.epoch,
        generation: context.generation,
        start: ask.position.offset.clone(),
        end: end.or_else(|| ask.position.offset.clone()),
        reads,
        watermark_us: if last { DRAINED } else { ask.watermark_us },
        late_us: ask.position.watermark_us,
        processing_time_us: context.options.clock.now_us(),
        last,
    }))
}

async fn adopted(context: &Context, ask: &Ask, plan: Plan, took: (u64, u64)) -> Result<Done> {
    if plan.epoch != ask.epoch || plan.start != ask.position.offset {
        return Err(corrupt(&plan_name(ask.epoch), "it does not begin where the epoch before it ended"));
    }
    let latest = context.plan.source.latest().await?;
    Ok(Done::Planned(Planned::Epoch(Cut { plan, latest, plan_ms: took.0, write_ms: took.1 })))
}

/// Microseconds as whole milliseconds; 0 if a clock ran backwards.
pub(crate) fn ms(us: i64) -> u64 {
    u64::try_from(us / 1000).unwrap_or(0)
}
