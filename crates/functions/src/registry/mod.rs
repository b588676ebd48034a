//! Keeps the registry of functions: one [`Entry`] holds all about a function and is found by any of its names.
//!
//! Entries stand beside the code of their functions, in tables by family. A resolver matches on the [`Kind`] of an
//! entry and never on a name. A name that is neither here nor registered by a session does not exist.

mod bind;
mod display;
mod entry;
mod kind;
mod layers;
mod reference;

pub use bind::{Function, bind_aggregate, bind_scalar, bind_window};
pub(crate) use display::Defaults;
pub use display::{Display, DisplayForm};
pub use entry::{AggregateArgs, Doc, Entry, ScalarArgs};
pub(crate) use entry::{Call, MANY, Ty};
pub use kind::{
    AggregateForm, Generator, GeneratorForm, Intervals, Kind, LambdaForm, NullClause, SpecialForm, TableForm,
    WindowForm,
};
pub(crate) use layers::Family;
pub use layers::{FunctionRegistry, names, unknown};
pub use reference::{examples, reference};
