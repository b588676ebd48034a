//! Defines what a streaming query computes: its operators, resolved and bound to schemas.
//!
//! The engine converts a resolved query to a [`StreamPlan`], and the runtime builds a dataflow of it on every
//! worker. What always holds: expressions are bound to the output schema of the operator before, they are
//! deterministic, and none reads the clock: a call of
//! [`PROCESSING_TIME`](thalweg_common::clock::PROCESSING_TIME) is replaced by the processing time of the
//! epoch. Not here: names, SQL, optimisation, and connectors by name.

mod graph;
mod join;
mod row_bytes;
mod static_join;

pub use graph::{NodeIndex, OperatorGraph, OperatorId, OperatorNode, StateMeaning, abbreviated};
pub use join::{StreamJoinSide, StreamJoinSpec};
pub use row_bytes::row_bytes;
pub use static_join::{StaticJoinSpec, StaticJoinType, StaticRead, StaticTable};

use arrow::compute::SortOptions;
use arrow::datatypes::SchemaRef;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use std::sync::Arc;
use thalweg_connectors::OutputMode;
use thalweg_connectors::stream::{StreamSink, StreamSource};

/// A resolved streaming query: a graph of operators whose last one feeds the sink.
#[derive(Debug, Clone)]
pub struct StreamPlan {
    /// The operators, sources included.
    pub graph: OperatorGraph,
    /// Where the rows of the last operator go.
    pub sink: Arc<dyn StreamSink>,
    /// Which rows are emitted.
    pub output_mode: OutputMode,
}

/// One operator. Rows arrive at its inputs and leave at its only output.
#[derive(Debug, Clone)]
pub enum OperatorSpec {
    /// Reads rows; has no input.
    Source(Arc<dyn StreamSource>),
    /// Steps that process each row on its own; one input.
    Stateless(Vec<StatelessStep>),
    /// Observes the event time of a `Timestamp(Microsecond)` column; rows pass unchanged. One input.
    Watermark {
        /// Index of the column.
        column: usize,
        /// The delay in microseconds.
        delay_us: i64,
    },
    /// Passes the rows of all inputs, which have the same columns.
    Union,
    /// A grouped aggregate, which keeps its groups in state. One input.
    Aggregate(AggregateSpec),
    /// Drops rows whose key has been seen; keeps the keys in state. One input.
    Deduplicate(DeduplicateSpec),
    /// Joins the rows of two inputs, which it keeps in state.
    StreamJoin(StreamJoinSpec),
    /// Joins the rows of one input with a bounded table.
    StaticJoin(StaticJoinSpec),
    /// Sorts the rows of each epoch. One input.
    Sort(SortSpec),
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
    /// The sliding windows of which the event-time column has the panes; without them its groups are the windows.
    pub windows: Option<SlidingWindows>,
    /// The columns before the aggregate.
    pub input_schema: SchemaRef,
    /// The group columns, then one column per aggregate.
    pub output_schema: SchemaRef,
}

/// A sort of the rows of each epoch, of which all or some are passed.
#[derive(Debug, Clone)]
pub struct SortSpec {
    /// What the rows are sorted by; nothing leaves them in any order.
    pub keys: Vec<SortKey>,
    /// How many rows are left out at the beginning.
    pub skip: usize,
    /// How many of the others are passed at most.
    pub fetch: Option<usize>,
    /// The columns of the rows.
    pub schema: SchemaRef,
}

/// What rows are sorted by.
#[derive(Debug, Clone)]
pub struct SortKey {
    /// The expression over the rows.
    pub expr: Arc<dyn PhysicalExpr>,
    /// The direction, and the place of nulls.
    pub options: SortOptions,
}

/// A deduplication.
#[derive(Debug, Clone)]
pub struct DeduplicateSpec {
    /// The expressions over the rows whose values identify a row.
    pub keys: Vec<Arc<dyn PhysicalExpr>>,
    /// The event-time column of the rows, by which a row may be late.
    pub event_time: Option<usize>,
    /// When a key is forgotten.
    pub expiry: Expiry,
    /// The columns of the rows.
    pub schema: SchemaRef,
}

/// When the watermark lets what is kept in state expire: a key of a deduplication, or a row of a join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// No watermark reaches it.
    Never,
    /// At the event time that is the key with this number: later rows of the same time are late.
    Key(usize),
    /// A delay after the event time of the row; for a key, of its first row.
    After {
        /// Index of the event-time column of the rows.
        column: usize,
        /// The delay in microseconds. The rows of a join may have a negative one.
        delay_us: i64,
    },
}

/// One aggregate function over a group, with its `FILTER (WHERE ..)` if it has one.
#[derive(Debug, Clone)]
pub struct AggregateFunctionCall {
    /// The function with its arguments.
    pub function: Arc<AggregateFunctionExpr>,
    /// The condition of `FILTER`.
    pub filter: Option<Arc<dyn PhysicalExpr>>,
}

/// Sliding windows, with lengths in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlidingWindows {
    /// The length of each window.
    pub size_us: i64,
    /// The distance of their starts, which is not more than the size.
    pub slide_us: i64,
    /// The offset of their starts from 1970-01-01 UTC.
    pub start_us: i64,
}

impl SlidingWindows {
    /// The length of a pane: the greatest common divisor of size and slide, so that each window is whole panes.
    pub fn pane_us(self) -> i64 {
        let (mut a, mut b) = (self.size_us, self.slide_us);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a
    }
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
