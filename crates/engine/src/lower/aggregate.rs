//! Lowers a streaming aggregation: its grouping keys, its mergeable aggregates, and the event-time key that
//! closes groups.

use super::{Lowering, arrow_schema, unsupported};
use arrow::datatypes::{DataType, Field};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Aggregate, Expr};
use datafusion::physical_expr::aggregate::LoweredAggregateBuilder;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_stream::{
    AggregateFunctionCall, AggregateSpec, EventTimeKey, EventTimeKind, OperatorSpec, OutputMode,
};
use thalweg_values::errors::from_datafusion;

impl Lowering<'_> {
    pub(super) fn aggregate(&mut self, node: &Aggregate) -> Result<()> {
        if self.operators.iter().any(|o| matches!(o, OperatorSpec::Aggregate(_))) {
            return Err(unsupported::second_aggregation());
        }
        // A row would belong to several groups, each with a state of its own.
        if let Some(Expr::GroupingSet(_)) = node.group_expr.first() {
            return Err(unsupported::grouping_sets());
        }
        let input = node.input.schema();
        let output_schema = arrow_schema(&node.schema);
        // Only a grouping key closes groups: the watermark says nothing of other columns.
        let event_time = event_time_key(output_schema.fields().iter().take(node.group_expr.len()));
        if self.mode == OutputMode::Append && event_time.is_none() {
            return Err(unsupported::output_mode("append", "streaming aggregations without watermark"));
        }
        let group = node.group_expr.iter().map(|e| self.physical(e, input)).collect::<Result<Vec<_>>>()?;
        let aggregates = node.aggr_expr.iter().map(|e| self.call(e, node)).collect::<Result<Vec<_>>>()?;
        // The state has these keys and values; a changed query could not read it.
        self.fingerprint.push(fingerprint(node));
        self.operators.push(OperatorSpec::Aggregate(AggregateSpec {
            group,
            aggregates,
            event_time,
            input_schema: arrow_schema(input),
            output_schema,
        }));
        Ok(())
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
fn event_time_key<'a>(group: impl Iterator<Item = &'a Arc<Field>>) -> Option<EventTimeKey> {
    group.enumerate().find_map(|(group_index, field)| {
        thalweg_logical::event_time_of(field)?;
        let kind = match field.data_type() {
            DataType::Struct(_) => EventTimeKind::WindowEnd,
            _ => EventTimeKind::Instant,
        };
        Some(EventTimeKey { group_index, kind })
    })
}

fn fingerprint(node: &Aggregate) -> String {
    let group: Vec<_> = node.group_expr.iter().map(ToString::to_string).collect();
    let aggregates: Vec<_> = node.aggr_expr.iter().map(ToString::to_string).collect();
    let types: Vec<_> = node.schema.fields().iter().map(|f| f.data_type().to_string()).collect();
    format!("aggregate {} by {} as {}", aggregates.join(", "), group.join(", "), types.join(", "))
}
