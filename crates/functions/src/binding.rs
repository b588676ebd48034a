//! What goes into a function's binding and what comes out.

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;

/// A typed argument.
#[derive(Debug, Clone, PartialEq)]
pub struct Arg {
    pub expr: Expr,
    pub data_type: DataType,
    pub nullable: bool,
}

impl Arg {
    /// The constant, if the argument is one: some functions need it while binding (formats, sizes).
    pub fn literal(&self) -> Option<&ScalarValue> {
        match &self.expr {
            Expr::Literal(value, _) => Some(value),
            _ => None,
        }
    }
}

/// A bound expression with what Spark says of its result.
#[derive(Debug, Clone, PartialEq)]
pub struct Bound {
    pub expr: Expr,
    pub data_type: DataType,
    pub nullable: bool,
    /// Whether evaluating it on some row can raise: such an expression is never moved past a guard.
    pub fallible: bool,
}

/// A bound aggregate: DataFusion's aggregate expression, and how to turn its result into Spark's.
#[allow(unpredictable_function_pointer_comparisons)]
#[derive(Debug, Clone, PartialEq)]
pub struct BoundAggregate {
    /// `Expr::AggregateFunction`.
    pub aggregate: Expr,
    /// Type of `aggregate`'s own result.
    pub raw_type: DataType,
    /// Spark's type and nullability of the final result.
    pub data_type: DataType,
    pub nullable: bool,
    /// Applied to a column that holds the aggregate's result (a cast, an overflow check); none: as it is.
    pub finish: Option<fn(Expr) -> Expr>,
}

/// What a binding may know of the session.
#[derive(Debug, Clone, Copy)]
pub struct BindContext<'a> {
    /// IANA name of the session's time zone.
    pub time_zone: &'a str,
    /// The time of the statement in microseconds since 1970; none in a streaming query, where every epoch has
    /// its own.
    pub now_micros: Option<i64>,
    pub user: &'a str,
    pub database: &'a str,
    /// What a call without a seed of its own starts from.
    pub seed: i64,
}

/// How a cast treats a value that does not fit: raise (ANSI) or null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CastMode {
    Ansi,
    Try,
}
