//! Progress from what was measured.

use super::flight::Flight;
use super::planner::ms;
use super::{Context, DRAINED, NO_WATERMARK};
use crate::progress::{Progress, SinkProgress, SourceProgress, StateOperatorProgress};
use crate::rt::StateReport;
use crate::state::KEY_GROUPS;
use chrono::{DateTime, SecondsFormat};
use std::collections::BTreeMap;
use thalweg_connectors::stream::Guarantee;

/// How many rows the groups had that were too late; Spark counts late rows after it grouped them.
const INPUT_ROWS_LATE: &str = "numInputRowsDroppedByWatermark";

/// The progress of an epoch that was committed at `now_us`, the epoch before having been triggered
/// at `before_us`.
pub(crate) fn progress(context: &Context, flight: &Flight, before_us: Option<i64>, now_us: i64) -> Progress {
    let duration = ms(now_us - flight.triggered_us);
    let rate = |per_ms: u64| if per_ms == 0 { 0.0 } else { flight.rows as f64 * 1000.0 / per_ms as f64 };
    let input_rate = before_us.map_or(0.0, |before| rate(ms(flight.triggered_us - before)));
    Progress {
        id: context.options.id.clone(),
        run_id: context.options.run_id.clone(),
        name: context.options.name.clone(),
        timestamp: iso(flight.triggered_us / 1000),
        batch_id: flight.epoch().0,
        batch_duration: duration,
        num_input_rows: flight.rows,
        input_rows_per_second: input_rate,
        processed_rows_per_second: rate(duration),
        duration_ms: durations(flight, duration, now_us),
        event_time: event_time(context, flight),
        state_operators: state_operators(context, flight),
        sources: vec![SourceProgress {
            description: context.plan.source.description(),
            start_offset: flight.cut.plan.start.clone(),
            end_offset: flight.cut.plan.end.clone(),
            latest_offset: flight.cut.latest.clone(),
            num_input_rows: flight.rows,
            input_rows_per_second: input_rate,
            processed_rows_per_second: rate(duration),
            guarantee: name_of(context.plan.source.guarantee()),
        }],
        sink: SinkProgress {
            description: context.plan.sink.description(),
            num_output_rows: flight.rows_out,
            guarantee: name_of(context.plan.sink.guarantee()),
        },
    }
}

/// Spark's phases: planning, the write-ahead log, the epoch's work, and the commit.
fn durations(flight: &Flight, all: u64, now_us: i64) -> BTreeMap<String, u64> {
    let phases = [
        ("latestOffset", flight.cut.plan_ms),
        ("walCommit", flight.cut.write_ms),
        ("addBatch", ms(flight.processed_us - flight.started_us)),
        ("commitOffsets", ms(now_us - flight.processed_us)),
        ("triggerExecution", all),
    ];
    phases.into_iter().map(|(name, ms)| (name.to_owned(), ms)).collect()
}

fn event_time(context: &Context, flight: &Flight) -> BTreeMap<String, String> {
    if context.program.watermark_delay_us().is_none() {
        return BTreeMap::new();
    }
    let mut times = BTreeMap::from([("watermark".to_owned(), watermark(flight))]);
    let seen = &flight.times;
    if seen.count > 0 {
        let avg = i64::try_from(seen.sum_ms.div_euclid(i128::from(seen.count))).unwrap_or(i64::MAX);
        for (name, at) in [("avg", avg), ("max", seen.max_ms), ("min", seen.min_ms)] {
            times.insert(name.to_owned(), iso(at));
        }
    }
    times
}

/// A drained query shows the last real one.
fn watermark(flight: &Flight) -> String {
    let plan = &flight.cut.plan;
    let us = if plan.watermark_us == DRAINED { plan.late_us } else { plan.watermark_us };
    iso(us.max(NO_WATERMARK).div_euclid(1000))
}

fn state_operators(context: &Context, flight: &Flight) -> Vec<StateOperatorProgress> {
    if !context.program.is_stateful() {
        return Vec::new();
    }
    let sum = |of: fn(&StateReport) -> u64| flight.state.values().map(of).sum::<u64>();
    vec![StateOperatorProgress {
        operator_name: "stateStoreSave".to_owned(),
        num_rows_total: sum(|s| s.rows_total),
        num_rows_updated: sum(|s| s.rows_updated),
        num_rows_removed: sum(|s| s.rows_removed),
        num_rows_dropped_by_watermark: sum(|s| s.groups_late),
        // Operators read no clock: updating and removing is one measured phase.
        all_updates_time_ms: ms(flight.state_known_us - flight.started_us),
        all_removals_time_ms: 0,
        commit_time_ms: ms(flight.snapshot_us - flight.state_known_us),
        memory_used_bytes: sum(|s| s.memory_bytes),
        num_shuffle_partitions: KEY_GROUPS as u64,
        num_state_store_instances: context.options.workers as u64,
        custom_metrics: BTreeMap::from([(INPUT_ROWS_LATE.to_owned(), sum(|s| s.rows_late))]),
    }]
}

fn name_of(guarantee: Guarantee) -> &'static str {
    match guarantee {
        Guarantee::AtMostOnce => "at-most-once",
        Guarantee::AtLeastOnce => "at-least-once",
        Guarantee::ExactlyOnce => "exactly-once",
    }
}

/// Milliseconds since 1970 as Spark writes them: `2013-01-01T10:00:00.000Z`.
pub(crate) fn iso(ms: i64) -> String {
    let time = DateTime::from_timestamp_millis(ms);
    time.map_or_else(|| format!("{ms} ms"), |t| t.to_rfc3339_opts(SecondsFormat::Millis, true))
}
