//! Lowers a streaming aggregation: its grouping keys, its mergeable aggregates, and the event-time key that
//! closes groups.

use super::{Lowering, Rows, arrow_schema, unsupported};
use arrow::datatypes::{DataType, Field};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Aggregate, Expr};
use datafusion::physical_expr::aggregate::LoweredAggregateBuilder;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_stream::{
    AggregateFunctionCall, AggregateSpec, EventTimeKey, EventTimeKind, OperatorSpec, OutputMode,
    SlidingWindows,
};
use thalweg_values::errors::from_datafusion;

/// Must change when an accumulator gives its state of the same types another meaning.
const STATE_VERSION: u32 = 1;

impl Lowering<'_> {
    /// `windows` are the sliding windows of which the rows have the panes.
    pub(super) fn aggregate(
        &mut self,
        rows: Rows,
        node: &Aggregate,
        windows: Option<SlidingWindows>,
    ) -> Result<Rows> {
        // A row would belong to several groups, each with a state of its own.
        if let Some(Expr::GroupingSet(_)) = node.group_expr.first() {
            return Err(unsupported::grouping_sets());
        }
        let input = node.input.schema();
        let output_schema = arrow_schema(&node.schema);
        // Only a grouping key closes groups: the watermark says nothing of other columns.
        let keys = output_schema.fields().iter().take(node.group_expr.len());
        // As in Spark, no group is late or closed where every epoch emits them all.
        let event_time = if self.mode == OutputMode::Complete { None } else { event_time_key(keys) };
        if self.mode == OutputMode::Append && event_time.is_none() {
            return Err(unsupported::output_mode("append", "streaming aggregations without watermark"));
        }
        let group = node.group_expr.iter().map(|e| self.physical(e, input)).collect::<Result<Vec<_>>>()?;
        let aggregates = node.aggr_expr.iter().map(|e| self.call(e, node)).collect::<Result<Vec<_>>>()?;
        let keys = rows.meaning.texts(&node.group_expr, input)?;
        let calls = rows.meaning.texts(&node.aggr_expr, input)?;
        // The state has these keys and values; a changed query could not read it.
        let meaning = rows
            .meaning
            .of_state(&self.session)
            .with("the grouping keys", keys.join(", "))
            .with("the aggregates", calls.join(", "))
            .with("the layout of the state", layout(&aggregates)?);
        let meaning = match windows {
            // Earlier versions kept a group per window.
            Some(windows) => meaning.with("the windows of the panes", format!("{windows:?}")),
            None => meaning.with_format_1(fingerprint_of_format_1(node)),
        };
        let meaning = match self.mode {
            // Other modes remove groups, which the whole result would lack.
            OutputMode::Complete => meaning.with("the output mode", "complete"),
            OutputMode::Append | OutputMode::Update => meaning,
        };
        let input_schema = arrow_schema(input);
        let spec = AggregateSpec { group, aggregates, event_time, windows, input_schema, output_schema };
        let operator = self.graph.operator(OperatorSpec::Aggregate(spec), vec![rows.operator], meaning);
        let columns = keys.into_iter().chain(calls).collect();
        Ok(Rows { operator, meaning: rows.meaning.with_columns(columns) })
    }

    fn call(&self, expr: &Expr, node: &Aggregate) -> Result<AggregateFunctionCall> {
        unsupported::check_replayable(expr)?;
        let logical = node.input.schema();
        let physical = arrow_schema(logical);
        let (props, planning) = (self.state.execution_props(), PhysicalPlanningContext::default());
        let lowered = LoweredAggregateBuilder::new(expr, logical, &physical, props, &planning).build();
        let lowered = lowered.map_err(from_datafusion)?;
        // The states of two epochs are merged, and their rows do not come in one order.
        if !lowered.order_bys.is_empty() {
            return Err(unsupported::ordered_aggregate());
        }
        let (function, filter) = (lowered.aggregate, lowered.filter);
        Ok(AggregateFunctionCall { function, filter })
    }
}

/// Returns the grouping key that is an event time with a watermark, if there is one.
pub(super) fn event_time_key<'a>(group: impl Iterator<Item = &'a Arc<Field>>) -> Option<EventTimeKey> {
    group.enumerate().find_map(|(group_index, field)| {
        thalweg_logical::event_time_of(field)?;
        let kind = match field.data_type() {
            DataType::Struct(_) => EventTimeKind::WindowEnd,
            _ => EventTimeKind::Instant,
        };
        Some(EventTimeKey { group_index, kind })
    })
}

/// The types of the state of each aggregate, with the version of its meaning.
fn layout(aggregates: &[AggregateFunctionCall]) -> Result<String> {
    let of = |call: &AggregateFunctionCall| {
        let fields = call.function.state_fields().map_err(from_datafusion)?;
        Ok(fields.iter().map(|f| f.data_type().to_string()).collect::<Vec<_>>().join(" "))
    };
    let types = aggregates.iter().map(of).collect::<Result<Vec<_>>>()?;
    Ok(format!("{} in version {STATE_VERSION}", types.join(", ")))
}

/// Identifies the state of a query in checkpoints of format 1.
fn fingerprint_of_format_1(node: &Aggregate) -> String {
    let group: Vec<_> = node.group_expr.iter().map(ToString::to_string).collect();
    let aggregates: Vec<_> = node.aggr_expr.iter().map(ToString::to_string).collect();
    let types: Vec<_> = node.schema.fields().iter().map(|f| f.data_type().to_string()).collect();
    format!("aggregate {} by {} as {}", aggregates.join(", "), group.join(", "), types.join(", "))
}
