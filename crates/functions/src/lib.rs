//! Spark's functions: what a name and typed arguments become in DataFusion's expressions.
//!
//! One registry for every door. A function checks its arguments, coerces them as Spark does, and
//! says its result type and nullability; the resolver never looks inside. Knows no session.

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
pub use event_window::{sliding_windows, tumbling_window, window_struct_type, window_time};
pub use kernel::located;
pub use operators::key::key;
pub use registry::{
    AggregateForm, Display, DisplayForm, Doc, Entry, Function, FunctionRegistry, Generator, GeneratorForm,
    Intervals, Kind, LambdaForm, SpecialForm, TableForm, WindowForm, bind_aggregate, bind_scalar,
    bind_window, examples, names, reference, unknown,
};
pub use scalar::access::{extract, field};
pub use scalar::collection::positions::with_positions;
pub use scalar::fields::{named_like, with_fields, with_names};
pub use scalar::json::tuple::json_tuple;
pub use window::BoundWindow;
