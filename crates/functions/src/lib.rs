//! Implements Spark's functions and operators: binds a name and typed arguments to a DataFusion expression.
//!
//! Every caller, SQL text or DataFrame, uses the one [`FunctionRegistry`]. A function checks its arguments, coerces
//! them as Spark does, and reports the type and the nullability that Spark declares for its result. The resolver
//! relies on these alone and never on DataFusion's. The crate does not depend on a session: a [`BindContext`] holds
//! what a binding may know of it.
//!
//! The files of a family of functions begin with the table of its entries, followed by bindings and kernels. A
//! kernel is vectorised: it gets the columns and constants of one batch and returns one Arrow array.
//!
//! ```
//! use arrow::datatypes::DataType;
//! use datafusion::logical_expr::lit;
//! use thalweg_functions::{Arg, BindContext, bind_scalar};
//!
//! let ctx = BindContext { time_zone: "UTC", now_micros: Some(0), user: "me", database: "default", seed: 0 };
//! let text = Arg { expr: lit("12"), data_type: DataType::Utf8, nullable: false };
//! let number = Arg { expr: lit(1_i32), data_type: DataType::Int32, nullable: false };
//!
//! // In ANSI mode a text beside an INT is cast to BIGINT, which may raise an error.
//! let sum = bind_scalar("+", vec![text, number], &ctx)?;
//! assert_eq!((sum.data_type, sum.fallible), (DataType::Int64, true));
//! # Ok::<(), thalweg_common::Error>(())
//! ```

pub mod binding;
pub mod java_regex;
pub mod lambda;
pub mod once;

mod aggregate;
mod call_name;
mod cast;
mod coerce;
mod errors;
mod event_window;
mod generator;
mod kernel;
mod kernel_checks;
mod operators;
mod params;
mod registry;
mod scalar;
mod types;
mod window;

pub use aggregate::AggregateCall;
pub use binding::{Arg, BindContext, Bound, BoundAggregate, CastMode};
pub use call_name::call_name;
pub use cast::{
    cast, interval_cut, interval_from_long, interval_from_text, interval_to_long, intervals_to_texts,
};
pub use coerce::{common_type, implicit_cast};
pub use event_window::{
    SlidingWindowCall, as_sliding_windows, sliding_windows, tumbling_window, window_struct_type, window_time,
};
pub use kernel::{located, parameters};
pub use operators::key::key;
pub use registry::{
    AggregateArgs, AggregateForm, Display, DisplayForm, Doc, Entry, Function, FunctionRegistry, Generator,
    GeneratorForm, Intervals, Kind, LambdaForm, NullClause, ScalarArgs, SpecialForm, TableForm, WindowForm,
    bind_aggregate, bind_scalar, bind_window, examples, names, reference, unknown,
};
pub use scalar::access::{extract, field};
pub use scalar::collection::positions::with_positions;
pub use scalar::fields::{named_like, with_fields, with_names};
pub use scalar::json::tuple::json_tuple;
pub use window::BoundWindow;
