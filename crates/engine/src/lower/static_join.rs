//! Lowers the join of a stream with a bounded table.

use super::join_condition::JoinCondition;
use super::static_plan::StaticPlan;
use super::{Lowering, Rows, arrow_schema, unsupported};
use datafusion::common::JoinType;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, Join, LogicalPlan, LogicalPlanBuilder};
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_stream::{OperatorSpec, StateMeaning, StaticJoinSpec, StaticJoinType};
use thalweg_values::errors::from_datafusion;

impl Lowering<'_> {
    /// Lowers the join of a stream, which is the left or the right side, with a table.
    pub(super) fn static_join(&mut self, join: &Join, above: &[Expr], stream_is_left: bool) -> Result<Rows> {
        let join_type = static_join_type(join.join_type, stream_is_left)?;
        let (stream, table) = if stream_is_left { (0, 1) } else { (1, 0) };
        let sides = [&join.left, &join.right];
        let schemas = [join.left.schema(), join.right.schema()];
        let (condition, alone) = condition_of(join, above)?;
        let rows = self.filtered_side((sides[stream], &alone[stream]))?;
        let static_plan = filtered(sides[table], &alone[table])?;
        let table_meaning = StaticPlan::meaning(&static_plan);
        let joined = schemas[0].join(schemas[1]).map_err(from_datafusion)?;
        let meaning = match stream_is_left {
            true => rows.meaning.joined(&table_meaning),
            false => table_meaning.joined(&rows.meaning),
        };
        let keys = |side: usize| {
            condition.keys_of(side).map(|key| self.physical(key, schemas[side])).collect::<Result<Vec<_>>>()
        };
        let equal = condition.keys.iter().map(|(l, r)| l.clone().eq(r.clone()));
        let on = conjunction(equal.chain(condition.rest.clone()));
        let on = on.map(|e| meaning.text(&e, &joined)).transpose()?.unwrap_or_default();
        let spec = StaticJoinSpec {
            join_type,
            stream_is_left,
            stream_keys: keys(stream)?,
            table_keys: keys(table)?,
            filter: condition.rest.clone().map(|e| self.physical(&e, &joined)).transpose()?,
            table_schema: arrow_schema(schemas[table]),
            table: Arc::new(StaticPlan::new(static_plan, self.tables)?),
            joined_schema: arrow_schema(&joined),
            output_schema: arrow_schema(&join.schema),
        };
        let operator = OperatorSpec::StaticJoin(spec);
        let operator = self.graph.operator(operator, vec![rows.operator], StateMeaning::default());
        let meaning = match join_type {
            StaticJoinType::Inner | StaticJoinType::Outer => meaning,
            StaticJoinType::Semi | StaticJoinType::Anti => rows.meaning.alone(meaning),
        };
        Ok(Rows {
            operator,
            meaning: meaning.passing(format!("{} join with a table on {on}", join.join_type)),
        })
    }
}

/// Returns the condition of a join, and what drops rows of either side before it.
fn condition_of(join: &Join, above: &[Expr]) -> Result<(JoinCondition, [Vec<Expr>; 2])> {
    let mut condition = JoinCondition::of(join, above)?;
    let alone = std::mem::take(&mut condition.of_one_side);
    // A row of the stream that does not meet its own condition is emitted at once in any case.
    let own = std::mem::take(&mut condition.preserved).into_iter().flatten();
    condition.rest = conjunction(condition.rest.take().into_iter().chain(own));
    Ok((condition, alone))
}

/// Returns what a join emits.
///
/// # Errors
/// Spark's for those that would have to emit rows of the table that no row of the stream matches.
fn static_join_type(join_type: JoinType, stream_is_left: bool) -> Result<StaticJoinType> {
    match (join_type, stream_is_left) {
        (JoinType::Inner, _) => Ok(StaticJoinType::Inner),
        (JoinType::Left, true) | (JoinType::Right, false) => Ok(StaticJoinType::Outer),
        (JoinType::LeftSemi, true) => Ok(StaticJoinType::Semi),
        (JoinType::LeftAnti, true) => Ok(StaticJoinType::Anti),
        _ => Err(unsupported::static_join(join_type, stream_is_left)),
    }
}

fn filtered(plan: &Arc<LogicalPlan>, conditions: &[Expr]) -> Result<LogicalPlan> {
    let plan = plan.as_ref().clone();
    match conjunction(conditions.to_vec()) {
        None => Ok(plan),
        Some(condition) => LogicalPlanBuilder::from(plan)
            .filter(condition)
            .and_then(LogicalPlanBuilder::build)
            .map_err(from_datafusion),
    }
}
