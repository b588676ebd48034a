//! Spark's functions: what a name and typed arguments become in DataFusion's expressions.
//!
//! One registry for every door. A function checks its arguments, coerces them as Spark does, and
//! says its result type and nullability; the resolver never looks inside. Knows no session.

pub mod binding;

pub use binding::{Arg, BindContext, Bound, BoundAggregate, CastMode};
