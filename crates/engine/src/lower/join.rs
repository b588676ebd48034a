//! Lowers the join of two streams: its keys, and when the rows of each side are forgotten.

use super::join_condition::JoinCondition;
use super::meaning::RowMeaning;
use super::{Lowering, Rows, arrow_schema, unsupported};
use arrow::row::{RowConverter, SortField};
use datafusion::common::{DFSchema, JoinType};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, Join, LogicalPlan, LogicalPlanBuilder};
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_stream::{Expiry, OperatorSpec, StateMeaning, StreamJoinSide, StreamJoinSpec};
use thalweg_values::errors::from_datafusion;

impl Lowering<'_> {
    /// Lowers a join; `above` are the conditions of the filters directly above it, which stay there.
    pub(super) fn join(&mut self, join: &Join, above: &[Expr]) -> Result<Rows> {
        let streams = [&join.left, &join.right].map(|side| super::reads_stream(side));
        match streams {
            [true, true] => self.stream_join(join, above),
            [stream_is_left, _] => self.static_join(join, above, stream_is_left),
        }
    }

    fn stream_join(&mut self, join: &Join, above: &[Expr]) -> Result<Rows> {
        unsupported::check_join_of_streams(join.join_type, self.mode)?;
        let schemas = [join.left.schema(), join.right.schema()];
        let mut condition = JoinCondition::of(join, above)?;
        if condition.keys.is_empty() {
            return Err(unsupported::join_without_keys());
        }
        let expiries = self.expiries(&condition, schemas)?;
        if !is_bounded(join.join_type, expiries) {
            return Err(unsupported::unbounded_join(join.join_type));
        }
        // The conditions of one side are applied below the join, before a row is kept in state.
        let alone = std::mem::take(&mut condition.of_one_side);
        let [left, right] = [(&join.left, &alone[0]), (&join.right, &alone[1])];
        let (left, right) = (self.filtered_side(left)?, self.filtered_side(right)?);
        let joined = schemas[0].join(schemas[1]).map_err(from_datafusion)?;
        let spec = StreamJoinSpec {
            join_type: join.join_type,
            left: self.side(&condition, 0, (schemas[0], expiries[0]))?,
            right: self.side(&condition, 1, (schemas[1], expiries[1]))?,
            filter: condition.rest.clone().map(|e| self.physical(&e, &joined)).transpose()?,
            joined_schema: arrow_schema(&joined),
            output_schema: arrow_schema(&join.schema),
        };
        let (meaning, rows) =
            self.meaning_of_join(join, &condition, [&left.meaning, &right.meaning], expiries)?;
        let inputs = vec![left.operator, right.operator];
        let operator = self.graph.operator(OperatorSpec::StreamJoin(spec), inputs, meaning);
        Ok(Rows { operator, meaning: rows })
    }

    /// Describes the state of a join, and the rows that it emits.
    fn meaning_of_join(
        &self,
        join: &Join,
        condition: &JoinCondition,
        [left, right]: [&RowMeaning; 2],
        expiries: [Expiry; 2],
    ) -> Result<(StateMeaning, RowMeaning)> {
        let schemas = [join.left.schema(), join.right.schema()];
        let joined = schemas[0].join(schemas[1]).map_err(from_datafusion)?;
        let rows = left.joined(right);
        let keys = [0, 1].map(|side| condition.keys_of(side).cloned().collect::<Vec<_>>());
        let keys =
            [left.texts(&keys[0], schemas[0])?.join(", "), right.texts(&keys[1], schemas[1])?.join(", ")];
        let keys = keys.join(" = ");
        let conditions: Vec<Expr> =
            condition.rest.iter().chain(condition.preserved.iter().flatten()).cloned().collect();
        let conditions = rows.texts(&conditions, &joined)?.join(", ");
        let state = rows
            .of_state(&self.session)
            .with("the kind of the join", join.join_type.to_string())
            .with("the join keys", keys.clone())
            .with("the join condition", conditions.clone())
            .with("when rows of the left side are forgotten", format!("{:?}", expiries[0]))
            .with("when rows of the right side are forgotten", format!("{:?}", expiries[1]))
            .with("the columns of the left side", columns(left, schemas[0]))
            .with("the columns of the right side", columns(right, schemas[1]));
        let rows = if join.join_type == JoinType::LeftSemi { left.clone().alone(rows) } else { rows };
        Ok((state, rows.passing(format!("{} join on {keys} where {conditions}", join.join_type))))
    }

    /// Lowers a side with the conditions that use only its columns.
    pub(super) fn filtered_side(
        &mut self,
        (side, conditions): (&Arc<LogicalPlan>, &Vec<Expr>),
    ) -> Result<Rows> {
        let mut plan = side.as_ref().clone();
        for condition in conditions {
            // As in Spark, such a condition passes the watermark unless it uses the event time.
            plan = match thalweg_logical::filter_below(&plan, condition).map_err(from_datafusion)? {
                Some(below) => below,
                None => LogicalPlanBuilder::from(plan)
                    .filter(condition.clone())
                    .and_then(LogicalPlanBuilder::build)
                    .map_err(from_datafusion)?,
            };
        }
        self.node(&plan)
    }

    fn side(
        &self,
        condition: &JoinCondition,
        side: usize,
        (schema, expiry): (&DFSchema, Expiry),
    ) -> Result<StreamJoinSide> {
        let fields =
            schema.fields().iter().map(|f| SortField::new(f.data_type().clone())).collect::<Vec<_>>();
        if !RowConverter::supports_fields(&fields) {
            return Err(unsupported::types_in_state(schema));
        }
        let keys =
            condition.keys_of(side).map(|key| self.physical(key, schema)).collect::<Result<Vec<_>>>()?;
        let event_time = event_time(schema);
        let filter = conjunction(condition.preserved[side].clone());
        let filter = filter.map(|e| self.physical(&e, schema)).transpose()?;
        Ok(StreamJoinSide { keys, event_time, filter, expiry, schema: arrow_schema(schema) })
    }

    /// Returns when the rows of each side are forgotten: with the event time that is a key, or when the condition
    /// excludes all rows of the other side that are not late.
    fn expiries(&self, condition: &JoinCondition, schemas: [&Arc<DFSchema>; 2]) -> Result<[Expiry; 2]> {
        let is_time = |(key, schema): (&Expr, &Arc<DFSchema>)| match key {
            Expr::Column(column) => {
                let place = schema.maybe_index_of_column(column);
                place.is_some_and(|i| thalweg_logical::event_time_of(schema.field(i)).is_some())
            }
            _ => false,
        };
        let by_key = [0, 1].into_iter().find_map(|side| {
            let schema = schemas[side];
            condition.keys_of(side).position(|key| is_time((key, schema)))
        });
        if let Some(key) = by_key {
            return Ok([Expiry::Key(key); 2]);
        }
        Ok([self.bound(condition, schemas, 0)?, self.bound(condition, schemas, 1)?])
    }
}

/// Returns whether Spark runs a join whose rows are forgotten so.
fn is_bounded(join_type: JoinType, [left, right]: [Expiry; 2]) -> bool {
    let is_bounded = |expiry: Expiry| expiry != Expiry::Never;
    match join_type {
        JoinType::Left | JoinType::LeftSemi => is_bounded(left),
        JoinType::Right => is_bounded(right),
        JoinType::Full => is_bounded(left) || is_bounded(right),
        _ => true,
    }
}

/// The place of the event time among the columns of a side.
pub(super) fn event_time(schema: &DFSchema) -> Option<usize> {
    schema.fields().iter().position(|f| thalweg_logical::event_time_of(f).is_some())
}

fn columns(meaning: &RowMeaning, schema: &DFSchema) -> String {
    let column =
        |(i, f): (usize, &arrow::datatypes::FieldRef)| format!("{}: {}", meaning.column(i), f.data_type());
    let columns: Vec<String> = schema.fields().iter().enumerate().map(column).collect();
    thalweg_stream::abbreviated(&columns.join(", "), 1000)
}
