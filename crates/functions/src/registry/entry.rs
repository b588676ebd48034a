//! One function: all that is known about it, declared beside its code.

use super::display::{Defaults, Display, DisplayForm};
use super::kind::{
    AggregateForm, Generator, GeneratorForm, Intervals, Kind, LambdaForm, SpecialForm, TableForm, WindowForm,
};
use crate::aggregate::Aggregate;
use crate::binding::{Arg, BindContext, Bound, BoundAggregate};
use crate::coerce::coerce_argument;
use crate::errors::wrong_num_args;
use crate::kernel::{Nulls, Run};
use crate::window::{BoundWindow, WindowArgs};
use arrow::datatypes::DataType;
use std::fmt;
use thalweg_common::Result;

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

/// Binds a scalar call.
pub(crate) type Bind = fn(Call) -> Result<Bound>;
/// Binds an aggregate call.
pub(crate) type BindAggregate = fn(Aggregate) -> Result<BoundAggregate>;
/// Binds a call over a window.
pub(crate) type BindWindow = fn(WindowArgs) -> Result<BoundWindow>;

/// How resolved arguments become an expression.
#[derive(Clone, Copy)]
pub(super) enum Binding {
    /// The resolver makes the expression.
    Resolver,
    /// The function binds itself.
    Scalar(Bind),
    /// By fixed types.
    Plain(Plain),
    Aggregate(BindAggregate),
    Window(BindWindow),
}

/// A function whose types do not depend on its arguments.
#[derive(Clone, Copy)]
pub(super) struct Plain {
    pub takes: &'static [Ty],
    pub returns: Ty,
    pub run: Run,
    pub nulls: Nulls,
    pub fallible: bool,
}

/// What the reference says of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doc {
    /// The arguments, those that may be left out in square brackets: `text, pos[, len]`.
    pub arguments: &'static str,
    /// One sentence: what a call returns.
    pub about: &'static str,
    /// Statements that show it.
    pub examples: &'static [&'static str],
}

/// A function under all its names.
#[derive(Clone, Copy)]
pub struct Entry {
    pub(super) names: &'static [&'static str],
    unlisted: &'static [&'static str],
    pub(super) min: usize,
    pub(super) max: usize,
    kind: Kind,
    pub(super) binding: Binding,
    pub(super) over_window: Option<BindWindow>,
    display: Display,
    intervals: Intervals,
    doc: Doc,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("names", &self.names).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// How entries are declared.
impl Entry {
    const fn new(
        names: &'static [&'static str],
        min: usize,
        max: usize,
        kind: Kind,
        binding: Binding,
    ) -> Self {
        let doc = Doc { arguments: "", about: "", examples: &[] };
        let (display, intervals) = (Display::CALL, Intervals::Widest);
        Self { names, unlisted: &[], min, max, kind, binding, over_window: None, display, intervals, doc }
    }
    /// A function of `min..=max` arguments that binds itself.
    pub(crate) const fn bind(names: &'static [&'static str], min: usize, max: usize, bind: Bind) -> Self {
        Self::new(names, min, max, Kind::Scalar, Binding::Scalar(bind))
    }
    /// A function of fixed types. Its result is null where an argument is, and it can't fail.
    pub(crate) const fn plain(
        names: &'static [&'static str],
        takes: &'static [Ty],
        returns: Ty,
        run: Run,
    ) -> Self {
        let plain = Plain { takes, returns, run, nulls: Nulls::Args, fallible: false };
        Self::new(names, takes.len(), takes.len(), Kind::Scalar, Binding::Plain(plain))
    }
    /// An aggregate of `min..=max` arguments.
    pub(crate) const fn aggregate(
        names: &'static [&'static str],
        min: usize,
        max: usize,
        bind: BindAggregate,
    ) -> Self {
        Self::new(names, min, max, Kind::Aggregate(AggregateForm::Plain), Binding::Aggregate(bind))
    }
    /// A function that exists only over windows.
    pub(crate) const fn window(
        names: &'static [&'static str],
        min: usize,
        max: usize,
        form: WindowForm,
        bind: BindWindow,
    ) -> Self {
        Self::new(names, min, max, Kind::Window(form), Binding::Window(bind))
    }
    /// A generator.
    pub(crate) const fn generator(
        names: &'static [&'static str],
        min: usize,
        max: usize,
        form: GeneratorForm,
        outer: bool,
    ) -> Self {
        Self::new(names, min, max, Kind::Generator(Generator { form, outer }), Binding::Resolver)
    }
    /// A function that stands for a relation.
    pub(crate) const fn table(
        names: &'static [&'static str],
        min: usize,
        max: usize,
        form: TableForm,
    ) -> Self {
        Self::new(names, min, max, Kind::Table(form), Binding::Resolver)
    }
    /// A function over lambdas.
    pub(crate) const fn lambda(
        names: &'static [&'static str],
        min: usize,
        max: usize,
        form: LambdaForm,
    ) -> Self {
        Self::new(names, min, max, Kind::Lambda(form), Binding::Resolver)
    }
    /// A function that only the resolver makes.
    pub(crate) const fn syntax(
        names: &'static [&'static str],
        min: usize,
        max: usize,
        form: SpecialForm,
    ) -> Self {
        Self::new(names, min, max, Kind::Special(form), Binding::Resolver)
    }

    /// The resolver reads the arguments before they are bound.
    pub(crate) const fn special(mut self, form: SpecialForm) -> Self {
        self.kind = Kind::Special(form);
        self
    }
    /// The aggregate reads its arguments in a way of its own.
    pub(crate) const fn read_as(mut self, form: AggregateForm) -> Self {
        self.kind = Kind::Aggregate(form);
        self
    }
    /// Over a window the aggregate is another function.
    pub(crate) const fn over_window(mut self, bind: BindWindow) -> Self {
        self.over_window = Some(bind);
        self
    }
    /// The last `n` arguments may be left out.
    pub(crate) const fn optional(mut self, n: usize) -> Self {
        self.min = self.max - n;
        self
    }
    /// The function can raise.
    pub(crate) const fn fallible(mut self) -> Self {
        if let Binding::Plain(mut plain) = self.binding {
            plain.fallible = true;
            self.binding = Binding::Plain(plain);
        }
        self
    }
    /// The function makes nulls itself.
    pub(crate) const fn nullable(mut self) -> Self {
        if let Binding::Plain(mut plain) = self.binding {
            plain.nulls = Nulls::Always;
            self.binding = Binding::Plain(plain);
        }
        self
    }
    /// Names that Spark understands and does not list.
    pub(crate) const fn unlisted(mut self, names: &'static [&'static str]) -> Self {
        self.unlisted = names;
        self
    }
    /// How calls are shown.
    pub(crate) const fn display(mut self, display: Display) -> Self {
        self.display = display;
        self
    }
    /// Calls are shown in a syntax of their own.
    pub(crate) const fn shown(self, form: DisplayForm) -> Self {
        self.display(Display::form(form))
    }
    /// Calls by these names are shown in capitals.
    pub(crate) const fn capitals(self, names: &'static [&'static str]) -> Self {
        self.display(Display::capitals(names))
    }
    /// Defaults are shown with the arguments.
    pub(crate) const fn defaults(self, defaults: &'static [Defaults]) -> Self {
        self.display(Display::defaults(defaults))
    }
    /// The fields of intervals in the result.
    pub(crate) const fn intervals(mut self, intervals: Intervals) -> Self {
        self.intervals = intervals;
        self
    }
    /// What the reference says.
    pub(crate) const fn doc(
        mut self,
        arguments: &'static str,
        about: &'static str,
        examples: &'static [&'static str],
    ) -> Self {
        self.doc = Doc { arguments, about, examples };
        self
    }
}

/// What others may know of an entry.
impl Entry {
    /// All names, the first one being the primary one.
    pub fn names(&self) -> &'static [&'static str] {
        self.names
    }
    /// The names that SHOW FUNCTIONS lists.
    pub fn listed_names(&self) -> impl Iterator<Item = &'static str> {
        let Self { names, unlisted, .. } = *self;
        names.iter().copied().filter(move |name| !unlisted.contains(name))
    }
    /// What kind of function it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }
    /// The least and the greatest number of arguments; none: there is no greatest.
    pub fn arity(&self) -> (usize, Option<usize>) {
        (self.min, (self.max != MANY).then_some(self.max))
    }
    /// Whether a call can raise, where that does not depend on the arguments.
    pub fn can_fail(&self) -> Option<bool> {
        match self.binding {
            Binding::Plain(plain) => Some(plain.fallible),
            Binding::Resolver | Binding::Scalar(_) | Binding::Aggregate(_) | Binding::Window(_) => None,
        }
    }
    /// How calls are shown.
    pub fn shown_as(&self) -> Display {
        self.display
    }
    /// The fields of intervals in the result.
    pub fn interval_fields(&self) -> Intervals {
        self.intervals
    }
    /// What the reference says.
    pub fn documentation(&self) -> Doc {
        self.doc
    }

    /// Refuses a number of arguments that the function does not take.
    pub(super) fn check_count(&self, name: &str, actual: usize) -> Result<()> {
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
}
