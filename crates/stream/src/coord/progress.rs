//! Converts a committed epoch to the progress that the query reports.

use super::in_flight::InFlightEpoch;
use super::planner::ms;
use super::{DRAINED, GenerationContext, NO_WATERMARK};
use crate::ops::{EventTimes, StateReport};
use crate::progress::{Progress, SinkProgress, SourceProgress, StateOperatorProgress};
use crate::spec::{OperatorGraph, OperatorId, OperatorNode};
use crate::state::KEY_GROUPS;
use chrono::{DateTime, SecondsFormat};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use thalweg_connectors::stream::{Guarantee, StreamSource};

/// Builds the progress of an epoch that was committed at `now`; `previous` is when the epoch before was triggered.
pub(crate) fn progress(
    context: &GenerationContext,
    epoch: &InFlightEpoch,
    previous: Option<Duration>,
    now: Duration,
) -> Progress {
    let triggered = epoch.phases.triggered;
    let duration = ms(now.saturating_sub(triggered.monotonic));
    // An epoch within a millisecond has no rate; infinity is not JSON.
    let rate = |rows: u64, per_ms: u64| if per_ms == 0 { 0.0 } else { rows as f64 * 1000.0 / per_ms as f64 };
    let since = previous.map_or(0, |before| ms(triggered.monotonic.saturating_sub(before)));
    let rows = epoch.rows_read();
    Progress {
        id: context.options.id.clone(),
        run_id: context.options.run_id.clone(),
        name: context.options.name.clone(),
        timestamp: iso(triggered.wall_us / 1000),
        batch_id: epoch.epoch().0,
        batch_duration: duration,
        num_input_rows: rows,
        input_rows_per_second: rate(rows, since),
        processed_rows_per_second: rate(rows, duration),
        duration_ms: durations(epoch, duration, now),
        event_time: event_time(context, epoch),
        state_operators: state_operators(context, epoch),
        sources: sources(context, epoch, &|rows| (rate(rows, since), rate(rows, duration))),
        sink: SinkProgress {
            description: context.plan.sink.description(),
            num_output_rows: epoch.rows_out,
            guarantee: name_of(context.plan.sink.guarantee()),
        },
    }
}

/// `rates` gives the rows per second since the previous trigger, and of the epoch's duration.
fn sources(
    context: &GenerationContext,
    epoch: &InFlightEpoch,
    rates: &dyn Fn(u64) -> (f64, f64),
) -> Vec<SourceProgress> {
    let of = |(id, source): (&OperatorId, &Arc<dyn StreamSource>)| {
        let range = epoch.planned.plan.sources.get(id).cloned().unwrap_or_default();
        let node = index_of(&context.plan.graph, id);
        let rows = node.and_then(|node| epoch.rows.get(&node)).copied().unwrap_or(0);
        let (input_rate, processed_rate) = rates(rows);
        SourceProgress {
            description: source.description(),
            start_offset: range.start,
            end_offset: range.end,
            latest_offset: epoch.planned.latest.get(id).cloned(),
            num_input_rows: rows,
            input_rows_per_second: input_rate,
            processed_rows_per_second: processed_rate,
            guarantee: name_of(source.guarantee()),
        }
    };
    context.plan.graph.sources().map(of).collect()
}

fn index_of(graph: &OperatorGraph, id: &OperatorId) -> Option<usize> {
    graph.nodes().iter().position(|n| n.id == *id)
}

/// Computes the durations of the phases under Spark's names.
fn durations(epoch: &InFlightEpoch, all: u64, now: Duration) -> BTreeMap<String, u64> {
    let phases = [
        ("latestOffset", epoch.planned.plan_ms),
        ("walCommit", epoch.planned.write_ms),
        ("addBatch", ms(epoch.phases.processed.saturating_sub(epoch.phases.started))),
        ("commitOffsets", ms(now.saturating_sub(epoch.phases.processed))),
        ("triggerExecution", all),
    ];
    phases.into_iter().map(|(name, ms)| (name.to_owned(), ms)).collect()
}

fn event_time(context: &GenerationContext, epoch: &InFlightEpoch) -> BTreeMap<String, String> {
    if context.plan.graph.watermarks().next().is_none() {
        return BTreeMap::new();
    }
    let mut times = BTreeMap::from([("watermark".to_owned(), watermark(epoch))]);
    let mut seen = EventTimes::default();
    epoch.times.values().for_each(|of_one| seen.merge(of_one));
    if seen.count > 0 {
        let avg = i64::try_from(seen.sum_ms.div_euclid(i128::from(seen.count))).unwrap_or(i64::MAX);
        for (name, at) in [("avg", avg), ("max", seen.max_ms), ("min", seen.min_ms)] {
            times.insert(name.to_owned(), iso(at));
        }
    }
    times
}

/// Formats the watermark; a drained query shows the last watermark that came from data.
fn watermark(epoch: &InFlightEpoch) -> String {
    let plan = &epoch.planned.plan;
    let us = if plan.watermark_us == DRAINED { plan.late_us } else { plan.watermark_us };
    iso(us.max(NO_WATERMARK).div_euclid(1000))
}

fn state_operators(context: &GenerationContext, epoch: &InFlightEpoch) -> Vec<StateOperatorProgress> {
    let graph = &context.plan.graph;
    // Spark reports the operator that is nearest to the sink first.
    let nodes =
        graph.places_from_sink().into_iter().filter_map(|i| graph.nodes().get(i).map(|node| (i, node)));
    let stateful = nodes.filter(|(_, node)| node.spec.is_stateful());
    stateful.map(|(index, node)| state_operator(context, epoch, (index, node))).collect()
}

fn state_operator(
    context: &GenerationContext,
    epoch: &InFlightEpoch,
    (index, node): (usize, &OperatorNode),
) -> StateOperatorProgress {
    let of_workers = epoch.state.range((index, 0)..(index + 1, 0)).map(|(_, report)| report);
    let sum = |of: fn(&StateReport) -> u64| of_workers.clone().map(of).sum::<u64>();
    let mut custom_metrics = BTreeMap::new();
    for (name, value) in of_workers.clone().flat_map(|report| &report.metrics) {
        *custom_metrics.entry((*name).to_owned()).or_default() += value;
    }
    StateOperatorProgress {
        operator_name: node.spec.state_operator_name().to_owned(),
        num_rows_total: sum(|s| s.rows_total),
        num_rows_updated: sum(|s| s.rows_updated),
        num_rows_removed: sum(|s| s.rows_removed),
        num_rows_dropped_by_watermark: sum(|s| s.rows_dropped_by_watermark),
        // Operators do not read the clock, so updates and removals are measured as one phase.
        all_updates_time_ms: ms(epoch.phases.state_known.saturating_sub(epoch.phases.started)),
        all_removals_time_ms: 0,
        commit_time_ms: ms(epoch.phases.snapshot_written.saturating_sub(epoch.phases.state_known)),
        memory_used_bytes: sum(|s| s.memory_bytes),
        num_shuffle_partitions: KEY_GROUPS as u64,
        num_state_store_instances: context.options.workers as u64,
        custom_metrics,
    }
}

fn name_of(guarantee: Guarantee) -> &'static str {
    match guarantee {
        Guarantee::AtMostOnce => "at-most-once",
        Guarantee::AtLeastOnce => "at-least-once",
        Guarantee::ExactlyOnce => "exactly-once",
    }
}

/// Formats milliseconds since 1970 as Spark does: `2013-01-01T10:00:00.000Z`.
pub(crate) fn iso(ms: i64) -> String {
    let time = DateTime::from_timestamp_millis(ms);
    time.map_or_else(|| format!("{ms} ms"), |t| t.to_rfc3339_opts(SecondsFormat::Millis, true))
}
