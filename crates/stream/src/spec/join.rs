//! Describes joins of two streams.

use super::Expiry;
use arrow::datatypes::SchemaRef;
use datafusion::common::JoinType;
use datafusion::physical_expr::PhysicalExpr;
use std::sync::Arc;

/// A join of two streams on equal keys. Rows of both sides are kept in state until the watermark proves that
/// no row of the other side can match them any more.
#[derive(Debug, Clone)]
pub struct StreamJoinSpec {
    /// Inner, left, right, full or left semi.
    pub join_type: JoinType,
    /// The first input.
    pub left: StreamJoinSide,
    /// The second input.
    pub right: StreamJoinSide,
    /// The condition besides the keys, over [`Self::joined_schema`].
    pub filter: Option<Arc<dyn PhysicalExpr>>,
    /// The columns of the left side, then those of the right side.
    pub joined_schema: SchemaRef,
    /// The columns of the result: the joined ones, or those of the left side for a semi join.
    pub output_schema: SchemaRef,
}

/// One input of a [`StreamJoinSpec`].
#[derive(Debug, Clone)]
pub struct StreamJoinSide {
    /// The key expressions over the rows, as many as on the other side and of the same types. A null equals
    /// nothing.
    pub keys: Vec<Arc<dyn PhysicalExpr>>,
    /// The event-time column of the rows, by which a row may be late.
    pub event_time: Option<usize>,
    /// What a row of a preserved side needs to have a match: those that do not meet it are emitted at once.
    pub filter: Option<Arc<dyn PhysicalExpr>>,
    /// When a row is forgotten.
    pub expiry: Expiry,
    /// The columns of the rows.
    pub schema: SchemaRef,
}

impl StreamJoinSpec {
    /// Returns both sides, left first.
    pub(crate) fn sides(&self) -> [&StreamJoinSide; 2] {
        [&self.left, &self.right]
    }

    /// Returns for each side whether its rows appear in the result without a match.
    pub(crate) fn preserves(&self) -> [bool; 2] {
        match self.join_type {
            JoinType::Left => [true, false],
            JoinType::Right => [false, true],
            JoinType::Full => [true, true],
            _ => [false, false],
        }
    }

    /// Returns by how much the event times of the result may be behind the watermark: an emitted row may be as
    /// old as the oldest row that is kept.
    pub(crate) fn watermark_lag_us(&self) -> i64 {
        let lag = |side: &StreamJoinSide| match side.expiry {
            Expiry::After { delay_us, .. } => delay_us.max(0),
            // Rows that are kept for ever have no bound; as in Spark, the operators above then drop what is late.
            Expiry::Never | Expiry::Key(_) => 0,
        };
        self.sides().map(lag).into_iter().max().unwrap_or(0)
    }
}
