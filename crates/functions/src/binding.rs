//! Defines the input and the output of binding a function: typed arguments, and expressions with Spark's type.
//!
//! DataFusion's own types and nullability of an expression are never used: they differ from Spark's.

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;

/// An argument of a function, with Spark's type.
#[derive(Debug, Clone, PartialEq)]
pub struct Arg {
    /// The expression that computes the argument.
    pub expr: Expr,
    /// Spark's type in Arrow's terms.
    pub data_type: DataType,
    /// Whether the value may be null.
    pub nullable: bool,
}

impl Arg {
    /// Returns the value of a literal. Some arguments, such as formats and sizes, must be known while binding.
    pub fn literal(&self) -> Option<&ScalarValue> {
        match &self.expr {
            Expr::Literal(value, _) => Some(value),
            _ => None,
        }
    }
}

/// A bound expression, with Spark's type and nullability of its result.
#[derive(Debug, Clone, PartialEq)]
pub struct Bound {
    /// The expression.
    pub expr: Expr,
    /// Spark's type of the result.
    pub data_type: DataType,
    /// Whether Spark declares the result nullable.
    pub nullable: bool,
    /// Whether evaluation can raise an error on some row. Such an expression is never evaluated on rows that an
    /// earlier condition excludes.
    pub fallible: bool,
}

/// A bound aggregate: DataFusion's aggregate expression, and the conversion of its result to Spark's.
#[allow(unpredictable_function_pointer_comparisons)]
#[derive(Debug, Clone, PartialEq)]
pub struct BoundAggregate {
    /// An `Expr::AggregateFunction`.
    pub aggregate: Expr,
    /// The type of the result of `aggregate`.
    pub raw_type: DataType,
    /// Spark's type of the final result.
    pub data_type: DataType,
    /// Whether Spark declares the final result nullable.
    pub nullable: bool,
    /// Converts a column with the aggregate's result to the final result (a cast, an overflow check). `None` if they
    /// are the same.
    pub finish: Option<fn(Expr) -> Expr>,
}

/// The properties of the session that a binding may depend on.
#[derive(Debug, Clone, Copy)]
pub struct BindContext<'a> {
    /// IANA name of the session's time zone.
    pub time_zone: &'a str,
    /// The time of the statement in microseconds since 1970; `None` in a streaming query, where every epoch has its
    /// own time.
    pub now_micros: Option<i64>,
    /// The name of the session's user.
    pub user: &'a str,
    /// The name of the current database.
    pub database: &'a str,
    /// The seed of random functions that are called without one.
    pub seed: i64,
}

/// The treatment of a value that does not fit into the target type of a cast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CastMode {
    /// It is an error, as in Spark's ANSI mode.
    Ansi,
    /// It becomes null, as in TRY_CAST.
    Try,
}
