//! What a streaming query computes: the operators, lowered and resolved, that the runtime builds.
//!
//! The engine makes a [`StreamPlan`] from a resolved query; the runtime turns it into a dataflow on
//! every worker. What always holds: expressions are bound to the schema that the operator before
//! them yields, and no operator here reads the clock: where an expression calls the function
//! [`PROCESSING_TIME`](thalweg_common::clock::PROCESSING_TIME), every epoch puts its own time. Expressions
//! give one answer however often and wherever they are evaluated. Deliberately not here: names, SQL,
//! optimisation, and connectors by name.

use arrow::datatypes::SchemaRef;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use std::sync::Arc;
use thalweg_connectors::stream::{StreamSink, StreamSource};

/// A resolved streaming query: one source, a chain of operators, one sink.
#[derive(Debug, Clone)]
pub struct StreamPlan {
    pub source: Arc<dyn StreamSource>,
    /// In the order in which rows pass them. At most one [`OperatorSpec::Aggregate`].
    pub operators: Vec<OperatorSpec>,
    pub sink: Arc<dyn StreamSink>,
    pub output_mode: OutputMode,
    /// Says which state the query keeps (groups, aggregates, their types). A checkpoint remembers
    /// it: starting another fingerprint over it fails with `STREAM_STATE_INCOMPATIBLE`.
    pub fingerprint: String,
}

/// Which rows of a result leave the query, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputMode {
    /// A row leaves once, when nothing can change it any more. An aggregate needs an
    /// [`EventTimeKey`] and a [`Step::Watermark`] before it, otherwise no group ever closes.
    Append,
    /// Every group that an epoch touched leaves with its value at the end of that epoch.
    Update,
}

impl OutputMode {
    /// Spark's name of the mode.
    pub fn name(self) -> &'static str {
        match self {
            Self::Append => "append",
            Self::Update => "update",
        }
    }
}

/// One operator.
#[derive(Debug, Clone)]
pub enum OperatorSpec {
    /// Row by row, without memory.
    Stateless(Vec<Step>),
    /// Groups and what is known of each, in state.
    Aggregate(AggregateSpec),
}

/// One stateless step.
#[derive(Debug, Clone)]
pub enum Step {
    /// Keeps the rows for which the Boolean expression is true (not null, not false).
    Filter(Arc<dyn PhysicalExpr>),
    /// Computes every output column anew; `exprs` and the fields of `schema` correspond.
    Project { exprs: Vec<Arc<dyn PhysicalExpr>>, schema: SchemaRef },
    /// Replaces a `List` column by its elements, one row each; a null or empty list drops the row.
    /// Sliding windows are a `List<Struct<start,end>>` unnested before the aggregate.
    Unnest { column: usize, schema: SchemaRef },
    /// Observes the event time of a `Timestamp(Microsecond)` column: the watermark of an epoch is
    /// the greatest one that earlier epochs saw, in whole milliseconds as Spark counts, less `delay_us`.
    /// Rows pass unchanged. At most one per plan, and before the aggregate.
    Watermark { column: usize, delay_us: i64 },
}

/// A grouped aggregate.
#[derive(Debug, Clone)]
pub struct AggregateSpec {
    /// The grouping expressions over `input_schema`; empty for one global group.
    pub group: Vec<Arc<dyn PhysicalExpr>>,
    pub aggregates: Vec<AggregateCall>,
    /// Which group column tells when a group can no longer change; none if nothing does.
    pub event_time: Option<EventTimeKey>,
    pub input_schema: SchemaRef,
    /// The group columns, then one column per aggregate.
    pub output_schema: SchemaRef,
}

/// One aggregate function over a group, with its `FILTER (WHERE ..)` if it has one.
#[derive(Debug, Clone)]
pub struct AggregateCall {
    pub function: Arc<AggregateFunctionExpr>,
    pub filter: Option<Arc<dyn PhysicalExpr>>,
}

/// The group column that is an event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventTimeKey {
    /// Position among the grouping expressions.
    pub group_index: usize,
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
