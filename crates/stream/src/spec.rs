//! Defines what a streaming query computes: its operators, resolved and bound to schemas.
//!
//! The engine converts a resolved query to a [`StreamPlan`], and the runtime builds a dataflow of it on every
//! worker. What always holds: expressions are bound to the output schema of the previous operator, they are
//! deterministic, and none reads the clock: a call of
//! [`PROCESSING_TIME`](thalweg_common::clock::PROCESSING_TIME) is replaced by the processing time of the
//! epoch. Not here: names, SQL, optimisation, and connectors by name.

use arrow::datatypes::SchemaRef;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use std::sync::Arc;
use thalweg_connectors::OutputMode;
use thalweg_connectors::stream::{StreamSink, StreamSource};

/// A resolved streaming query: one source, operators in sequence, one sink.
#[derive(Debug, Clone)]
pub struct StreamPlan {
    /// Where the rows come from.
    pub source: Arc<dyn StreamSource>,
    /// The operators, in the order in which rows pass them. At most one is an [`OperatorSpec::Aggregate`].
    pub operators: Vec<OperatorSpec>,
    /// Where the rows go.
    pub sink: Arc<dyn StreamSink>,
    /// Which rows are emitted.
    pub output_mode: OutputMode,
    /// Identifies the state of the query (groups, aggregates, their types). It is stored in the checkpoint; a
    /// query with another fingerprint fails with `STREAM_STATE_INCOMPATIBLE`.
    pub fingerprint: String,
}

/// One operator.
#[derive(Debug, Clone)]
pub enum OperatorSpec {
    /// Steps that process each row on its own.
    Stateless(Vec<StatelessStep>),
    /// A grouped aggregate, which keeps its groups in state.
    Aggregate(AggregateSpec),
}

/// One stateless step.
#[derive(Debug, Clone)]
pub enum StatelessStep {
    /// Keeps the rows for which the Boolean expression is true (not null, not false).
    Filter(Arc<dyn PhysicalExpr>),
    /// Computes all output columns.
    Project {
        /// One expression per output column.
        exprs: Vec<Arc<dyn PhysicalExpr>>,
        /// The output columns.
        schema: SchemaRef,
    },
    /// Replaces a `List` column by its elements, one row each; a null or empty list drops the row. A sliding
    /// window is a `List<Struct<start, end>>` that is unnested before the aggregate.
    Unnest {
        /// Index of the column.
        column: usize,
        /// The output columns.
        schema: SchemaRef,
    },
    /// Observes the event time of a `Timestamp(Microsecond)` column. The watermark of an epoch is the
    /// greatest event time of all earlier epochs (in whole milliseconds, as in Spark) less the delay. Rows
    /// pass unchanged. At most one per plan, and before the aggregate.
    Watermark {
        /// Index of the column.
        column: usize,
        /// The delay in microseconds.
        delay_us: i64,
    },
}

/// A grouped aggregate.
#[derive(Debug, Clone)]
pub struct AggregateSpec {
    /// The grouping expressions over `input_schema`; empty for one global group.
    pub group: Vec<Arc<dyn PhysicalExpr>>,
    /// The aggregate functions.
    pub aggregates: Vec<AggregateFunctionCall>,
    /// The group column by which groups are closed, if there is one.
    pub event_time: Option<EventTimeKey>,
    /// The columns before the aggregate.
    pub input_schema: SchemaRef,
    /// The group columns, then one column per aggregate.
    pub output_schema: SchemaRef,
}

/// One aggregate function over a group, with its `FILTER (WHERE ..)` if it has one.
#[derive(Debug, Clone)]
pub struct AggregateFunctionCall {
    /// The function with its arguments.
    pub function: Arc<AggregateFunctionExpr>,
    /// The condition of `FILTER`.
    pub filter: Option<Arc<dyn PhysicalExpr>>,
}

/// The group column that is an event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventTimeKey {
    /// Position among the grouping expressions.
    pub group_index: usize,
    /// The shape of the column.
    pub kind: EventTimeKind,
}

/// The shape of an event-time group column. All times are `Timestamp(Microsecond)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventTimeKind {
    /// `Struct<start, end>`, end exclusive: the group closes when the watermark reaches `end`.
    WindowEnd,
    /// A timestamp: the group closes when the watermark reaches it.
    Instant,
}
