//! Binds a call of a function to the types of its arguments.

use super::entry::{AggregateArgs, Binding, Call, Entry, OwnedBinding, Plain, ScalarArgs};
use super::layers::{FunctionRegistry, unknown};
use super::reference::description;
use crate::aggregate::{Aggregate, AggregateCall};
use crate::binding::{Arg, BindContext, Bound, BoundAggregate};
use crate::kernel::Kernel;
use crate::operators::key::key;
use crate::window::{BoundWindow, WindowArgs, aggregate_over_window};
use datafusion::logical_expr::Expr;
use thalweg_common::{Error, Result};

/// A function that was found by a name.
#[derive(Debug, Clone, Copy)]
pub struct Function<'a> {
    pub(super) name: &'a str,
    pub(super) entry: &'a Entry,
}

impl<'a> Function<'a> {
    /// The name that it was found by, in lower case.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// All about it.
    pub fn entry(&self) -> &'a Entry {
        self.entry
    }

    /// The name as a constant: the entry's first one if a session gave it another.
    fn constant_name(&self) -> &'static str {
        let names = self.entry.facts.names;
        names.iter().find(|name| **name == self.name).or(names.first()).copied().unwrap_or_default()
    }

    /// Its signature and one sentence about it.
    pub fn description(&self) -> String {
        description(self.name, self.entry)
    }

    /// Whether SHOW FUNCTIONS lists the name.
    pub fn is_listed(&self) -> bool {
        self.entry.listed_names().any(|name| name.eq_ignore_ascii_case(self.name))
    }

    /// Refuses a number of arguments that the function does not take.
    ///
    /// # Errors
    /// `WRONG_NUM_ARGS`.
    pub fn check_count(&self, actual: usize) -> Result<()> {
        self.entry.check_count(self.name, actual)
    }

    /// Binds a call that returns a value for each row.
    ///
    /// # Errors
    /// `WRONG_NUM_ARGS`, `DATATYPE_MISMATCH.*`, and what a function says of its constants; `UNRESOLVED_ROUTINE` if it
    /// is not a scalar function.
    pub fn bind_scalar(&self, args: Vec<Arg>, ctx: &BindContext) -> Result<Bound> {
        let name = self.constant_name();
        let call = |args: Vec<Arg>| {
            self.entry.check_count(self.name, args.len())?;
            Ok(Call { name, args, ctx })
        };
        match (&self.entry.facts.binding, self.owned()) {
            (_, Some(OwnedBinding::Scalar(bind))) => {
                self.entry.check_count(self.name, args.len())?;
                bind(ScalarArgs { args, ctx })
            }
            (Binding::Scalar(bind), _) => bind(call(args)?),
            (Binding::Plain(plain), _) => self.bind_plain(*plain, call(args)?),
            (Binding::Resolver, _) => {
                self.check_count(args.len())?;
                Err(unknown(self.name))
            }
            (Binding::Aggregate(_) | Binding::Window(_), _) => Err(unknown(self.name)),
        }
    }

    fn owned(&self) -> Option<&'a OwnedBinding> {
        self.entry.owned.as_ref().map(|owned| &owned.binding)
    }

    fn bind_plain(&self, plain: Plain, mut call: Call) -> Result<Bound> {
        for (i, ty) in plain.takes.iter().enumerate() {
            call.coerce(i, &ty.arrow())?;
        }
        // All names of a function make the same kernel, so calls by different names are equal expressions.
        let name = self.entry.facts.names.first().copied().unwrap_or_default();
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
        let distinct = |args: Vec<Arg>| {
            self.entry.check_count(self.name, args.len())?;
            // DataFusion compares by bits, where 0.0 and -0.0 differ; as keys they are the same.
            Ok(if call.distinct { args.into_iter().map(key).collect() } else { args })
        };
        match (&self.entry.facts.binding, self.owned()) {
            (_, Some(OwnedBinding::Aggregate(bind))) => {
                let bound = bind(AggregateArgs { args: distinct(args)?, call, ctx })?;
                match &bound.aggregate {
                    Expr::AggregateFunction(_) => Ok(bound),
                    other => Err(Error::unsupported(format!(
                        "the aggregate {}, which is bound to {other} and not to an aggregate expression",
                        self.name
                    ))),
                }
            }
            (Binding::Aggregate(bind), _) => {
                let args = distinct(args)?;
                bind(Aggregate { name: self.constant_name(), args, call, ctx })
            }
            (Binding::Resolver | Binding::Scalar(_) | Binding::Plain(_) | Binding::Window(_), _) => {
                Err(unknown(self.name))
            }
        }
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
        let bind = match (self.entry.facts.binding, self.entry.facts.over_window) {
            (Binding::Window(bind), _) | (_, Some(bind)) => bind,
            _ => return aggregate_over_window(self, args, ignore_nulls, ctx),
        };
        self.entry.check_count(self.name, args.len())?;
        bind(WindowArgs { name: self.constant_name(), args, ignore_nulls, ctx })
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
