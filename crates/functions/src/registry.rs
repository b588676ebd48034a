//! Which functions there are: one entry per function, found by any of its names, case-insensitively.
//!
//! An entry of a plain function says argument types, result type and kernel; any other binds itself.
//! Families list their entries in their own files. A name that is not here does not exist.

use crate::binding::{Arg, BindContext, Bound};
use crate::coerce::coerce_argument;
use crate::errors::{unresolved_routine, wrong_num_args};
use crate::kernel::{Kernel, Nulls, Run};
use crate::{aggregate, operators, scalar, window};
use arrow::datatypes::DataType;
use std::collections::HashMap;
use std::sync::OnceLock;
use thalweg_common::suggest::nearest;
use thalweg_common::{Error, Result};

/// What a function does with rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunctionClass {
    /// One value per row.
    Scalar,
    /// One value per group.
    Aggregate,
    /// One value per row, from the rows around it.
    Window,
    /// Several rows per row (`explode`).
    Generator,
    /// A relation (`range`).
    Table,
}

/// Any number of arguments.
pub(crate) const MANY: usize = usize::MAX;

/// A call to bind: the arguments, checked for their number.
pub(crate) struct Call<'a> {
    pub name: &'static str,
    pub args: Vec<Arg>,
    pub ctx: &'a BindContext<'a>,
}

impl Call<'_> {
    /// The arguments as an array of known length; entries promise the number.
    pub(crate) fn take<const N: usize>(self) -> Result<[Arg; N]> {
        let (name, actual) = (self.name, self.args.len());
        self.args.try_into().map_err(|_| wrong_num_args(name, &N.to_string(), actual))
    }
    /// Casts argument `i`, if there is one, as Spark implicitly does.
    pub(crate) fn coerce(&mut self, i: usize, to: &DataType) -> Result<()> {
        if let Some(arg) = self.args.get_mut(i) {
            *arg = coerce_argument(self.name, i, arg.clone(), to, self.ctx)?;
        }
        Ok(())
    }
    /// The type of argument `i`, NULL's if there is none.
    pub(crate) fn type_of(&self, i: usize) -> DataType {
        self.args.get(i).map_or(DataType::Null, |a| a.data_type.clone())
    }
    /// Whether argument `i` may be null.
    pub(crate) fn nullable(&self, i: usize) -> bool {
        self.args.get(i).is_some_and(|a| a.nullable)
    }
}

/// Argument and result types that entries can name in a table.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ty {
    Bool,
    Int,
    Long,
    Double,
    Text,
    Bytes,
    Date,
    Time,
}

impl Ty {
    /// The Arrow type.
    pub(crate) fn arrow(self) -> DataType {
        match self {
            Ty::Bool => DataType::Boolean,
            Ty::Int => DataType::Int32,
            Ty::Long => DataType::Int64,
            Ty::Double => DataType::Float64,
            Ty::Text => DataType::Utf8,
            Ty::Bytes => DataType::Binary,
            Ty::Date => DataType::Date32,
            Ty::Time => crate::types::timestamp(),
        }
    }
}

/// Binds a call.
pub(crate) type Bind = fn(Call) -> Result<Bound>;

#[derive(Clone, Copy)]
enum How {
    Bind(Bind),
    Plain(Plain),
}

/// A function whose types do not depend on its arguments.
#[derive(Clone, Copy)]
struct Plain {
    takes: &'static [Ty],
    returns: Ty,
    run: Run,
    nulls: Nulls,
    fallible: bool,
}

/// A scalar function under all its names.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    names: &'static [&'static str],
    min: usize,
    max: usize,
    how: How,
}

impl Entry {
    /// A function of `min..=max` arguments that binds itself.
    pub(crate) const fn bind(names: &'static [&'static str], min: usize, max: usize, bind: Bind) -> Self {
        Self { names, min, max, how: How::Bind(bind) }
    }
    /// A function of fixed types. Its result is null where an argument is, and it can't fail.
    pub(crate) const fn plain(
        names: &'static [&'static str],
        takes: &'static [Ty],
        returns: Ty,
        run: Run,
    ) -> Self {
        let plain = Plain { takes, returns, run, nulls: Nulls::Args, fallible: false };
        Self { names, min: takes.len(), max: takes.len(), how: How::Plain(plain) }
    }
    /// The last `n` arguments may be left out.
    pub(crate) const fn optional(mut self, n: usize) -> Self {
        self.min = self.max - n;
        self
    }
    /// The function can raise.
    pub(crate) const fn fallible(mut self) -> Self {
        if let How::Plain(mut plain) = self.how {
            plain.fallible = true;
            self.how = How::Plain(plain);
        }
        self
    }
    /// The function makes nulls itself.
    pub(crate) const fn nullable(mut self) -> Self {
        if let How::Plain(mut plain) = self.how {
            plain.nulls = Nulls::Always;
            self.how = How::Plain(plain);
        }
        self
    }
    fn check_count(&self, name: &str, actual: usize) -> Result<()> {
        if actual >= self.min && actual <= self.max {
            return Ok(());
        }
        let expected = match (self.min, self.max) {
            (min, MANY) => format!("> {}", min.saturating_sub(1)),
            (min, max) if min == max => min.to_string(),
            (min, max) => {
                let list: Vec<_> = (min..=max).map(|n| n.to_string()).collect();
                format!("[{}]", list.join(", "))
            }
        };
        Err(wrong_num_args(name, &expected, actual))
    }

    fn call(&self, name: &'static str, args: Vec<Arg>, ctx: &BindContext) -> Result<Bound> {
        self.check_count(name, args.len())?;
        let mut call = Call { name, args, ctx };
        match self.how {
            How::Bind(bind) => bind(call),
            How::Plain(plain) => {
                for (i, ty) in plain.takes.iter().enumerate() {
                    call.coerce(i, &ty.arrow())?;
                }
                let kernel = Kernel::new(
                    self.names.first().copied().unwrap_or(name),
                    plain.returns.arrow(),
                    plain.run,
                )
                .nulls(plain.nulls)
                .fallible(plain.fallible);
                Ok(kernel.call(call.args))
            }
        }
    }
}

struct Registry {
    scalars: HashMap<&'static str, (&'static str, Entry)>,
    classes: HashMap<&'static str, FunctionClass>,
}

fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        let mut scalars = HashMap::new();
        let mut classes = HashMap::new();
        for family in operators::FAMILIES.iter().chain(scalar::FAMILIES.iter().copied().flatten()) {
            for entry in *family {
                for name in entry.names {
                    scalars.insert(*name, (*name, *entry));
                    classes.insert(*name, FunctionClass::Scalar);
                }
            }
        }
        classes.extend(aggregate::names().map(|n| (n, FunctionClass::Aggregate)));
        classes.extend(window::NAMES.iter().map(|n| (*n, FunctionClass::Window)));
        classes.extend(GENERATORS.iter().map(|n| (*n, FunctionClass::Generator)));
        classes.extend(TABLES.iter().map(|n| (*n, FunctionClass::Table)));
        Registry { scalars, classes }
    })
}

/// Generators, which the resolver turns into an unnest.
const GENERATORS: &[&str] =
    &["explode", "explode_outer", "posexplode", "posexplode_outer", "inline", "inline_outer", "stack"];
/// Functions that stand for relations.
const TABLES: &[&str] = &["range"];

/// The class of a function by any of its names, whatever their case; none if there is no such function.
pub fn class_of(name: &str) -> Option<FunctionClass> {
    registry().classes.get(name.to_ascii_lowercase().as_str()).copied()
}

/// All names, in no order.
pub fn names() -> impl Iterator<Item = &'static str> {
    registry().classes.keys().copied()
}

/// Binds a scalar function or operator.
///
/// # Errors
/// `UNRESOLVED_ROUTINE` with the nearest names, `WRONG_NUM_ARGS`, `DATATYPE_MISMATCH.*`, and what a
/// function says of its constants.
pub fn bind_scalar(name: &str, args: Vec<Arg>, ctx: &BindContext) -> Result<Bound> {
    match registry().scalars.get(name.to_ascii_lowercase().as_str()) {
        Some((name, entry)) => entry.call(name, args, ctx),
        None => Err(unknown(name)),
    }
}

/// The error for a name that nothing has.
pub(crate) fn unknown(name: &str) -> Error {
    unresolved_routine(name, &nearest(name, names()))
}
