//! Binding: what typed arguments of a function become.

use super::entry::{Binding, Call, Entry, Plain};
use super::layers::{FunctionRegistry, unknown};
use super::reference::description;
use crate::aggregate::{Aggregate, AggregateCall};
use crate::binding::{Arg, BindContext, Bound, BoundAggregate};
use crate::kernel::Kernel;
use crate::operators::key::key;
use crate::window::{BoundWindow, WindowArgs, aggregate_over_window};
use thalweg_common::Result;

/// A function that was found by a name.
#[derive(Debug, Clone, Copy)]
pub struct Function<'a> {
    pub(super) name: &'static str,
    pub(super) entry: &'a Entry,
}

impl<'a> Function<'a> {
    /// The name that it was found by, in lower case.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// All about it.
    pub fn entry(&self) -> &'a Entry {
        self.entry
    }

    /// Its signature and one sentence about it.
    pub fn description(&self) -> String {
        description(self.name, self.entry)
    }

    /// Whether SHOW FUNCTIONS lists the name.
    pub fn is_listed(&self) -> bool {
        self.entry.listed_names().any(|name| name == self.name)
    }

    /// Binds a call that returns a value for each row.
    ///
    /// # Errors
    /// `WRONG_NUM_ARGS`, `DATATYPE_MISMATCH.*`, and what a function says of its constants; `UNRESOLVED_ROUTINE` if it
    /// is not a scalar function.
    pub fn bind_scalar(&self, args: Vec<Arg>, ctx: &BindContext) -> Result<Bound> {
        let call = |args: Vec<Arg>| {
            self.entry.check_count(self.name, args.len())?;
            Ok(Call { name: self.name, args, ctx })
        };
        match self.entry.binding {
            Binding::Scalar(bind) => bind(call(args)?),
            Binding::Plain(plain) => self.bind_plain(plain, call(args)?),
            Binding::Resolver | Binding::Aggregate(_) | Binding::Window(_) => Err(unknown(self.name)),
        }
    }

    fn bind_plain(&self, plain: Plain, mut call: Call) -> Result<Bound> {
        for (i, ty) in plain.takes.iter().enumerate() {
            call.coerce(i, &ty.arrow())?;
        }
        let name = self.entry.names.first().copied().unwrap_or(self.name);
        let kernel = Kernel::new(name, plain.returns.arrow(), plain.run);
        Ok(kernel.nulls(plain.nulls).fallible(plain.fallible).call(call.args))
    }

    /// Binds an aggregate. `count()` of no arguments counts rows.
    ///
    /// # Errors
    /// `WRONG_NUM_ARGS`, `DATATYPE_MISMATCH.*`; `UNRESOLVED_ROUTINE` if it is not an aggregate.
    pub fn bind_aggregate(
        &self,
        args: Vec<Arg>,
        call: AggregateCall,
        ctx: &BindContext,
    ) -> Result<BoundAggregate> {
        let Binding::Aggregate(bind) = self.entry.binding else { return Err(unknown(self.name)) };
        self.entry.check_count(self.name, args.len())?;
        let args = if call.distinct { args.into_iter().map(key).collect() } else { args };
        bind(Aggregate { name: self.name, args, call, ctx })
    }

    /// Binds a window function, or an aggregate over a window.
    ///
    /// # Errors
    /// As [`Function::bind_aggregate`], and for constants that are none.
    pub fn bind_window(
        &self,
        args: Vec<Arg>,
        ignore_nulls: Option<bool>,
        ctx: &BindContext,
    ) -> Result<BoundWindow> {
        let bind = match (self.entry.binding, self.entry.over_window) {
            (Binding::Window(bind), _) | (_, Some(bind)) => bind,
            _ => return aggregate_over_window(self, args, ignore_nulls, ctx),
        };
        self.entry.check_count(self.name, args.len())?;
        bind(WindowArgs { name: self.name, args, ignore_nulls, ctx })
    }
}

/// Binds a built-in scalar function or operator.
///
/// # Errors
/// `UNRESOLVED_ROUTINE` with the nearest names, and as [`Function::bind_scalar`].
pub fn bind_scalar(name: &str, args: Vec<Arg>, ctx: &BindContext) -> Result<Bound> {
    built_in(name)?.bind_scalar(args, ctx)
}

/// Binds a built-in aggregate.
///
/// # Errors
/// `UNRESOLVED_ROUTINE` with the nearest names, and as [`Function::bind_aggregate`].
pub fn bind_aggregate(
    name: &str,
    args: Vec<Arg>,
    call: AggregateCall,
    ctx: &BindContext,
) -> Result<BoundAggregate> {
    built_in(name)?.bind_aggregate(args, call, ctx)
}

/// Binds a built-in window function, or a built-in aggregate over a window.
///
/// # Errors
/// `UNRESOLVED_ROUTINE` with the nearest names, and as [`Function::bind_window`].
pub fn bind_window(
    name: &str,
    args: Vec<Arg>,
    ignore_nulls: Option<bool>,
    ctx: &BindContext,
) -> Result<BoundWindow> {
    built_in(name)?.bind_window(args, ignore_nulls, ctx)
}

fn built_in(name: &str) -> Result<Function<'static>> {
    FunctionRegistry::built_in(name).ok_or_else(|| unknown(name))
}
