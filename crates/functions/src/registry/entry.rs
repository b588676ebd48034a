//! Defines the entry of one function: all that is known about it, declared beside its code.

use super::display::{Defaults, Display, DisplayForm};
use super::kind::{
    AggregateForm, Generator, GeneratorForm, Intervals, Kind, LambdaForm, NullClause, SpecialForm, TableForm,
    WindowForm,
};
use crate::aggregate::{Aggregate, AggregateCall};
use crate::binding::{Arg, BindContext, Bound, BoundAggregate};
use crate::coerce::coerce_argument;
use crate::errors::wrong_num_args;
use crate::kernel::{Nulls, Run};
use crate::window::{BoundWindow, WindowArgs};
use arrow::datatypes::DataType;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
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
pub struct Doc<'a> {
    /// The arguments, those that may be left out in square brackets: `text, pos[, len]`.
    pub arguments: &'a str,
    /// One sentence: what a call returns.
    pub about: &'a str,
    /// Statements that show it.
    pub examples: &'static [&'static str],
}

/// A function under all its names.
///
/// The built-in functions are constants. A session, or a crate with functions of its own, makes an entry of closures,
/// which may own what they need:
///
/// ```
/// use datafusion::logical_expr::lit;
/// use std::sync::Arc;
/// use thalweg_functions::{Arg, BindContext, Entry, FunctionRegistry, ScalarArgs, bind_scalar};
///
/// let greeting = Arc::new(String::from("hello "));
/// let bind = move |call: ScalarArgs| {
///     let greeting = Arg { expr: lit(greeting.as_str()), data_type: arrow::datatypes::DataType::Utf8, nullable: false };
///     bind_scalar("concat", [vec![greeting], call.args].concat(), call.ctx)
/// };
/// let entry = Entry::of_scalar("greet", 1..=1, bind).described("name", "Returns a greeting.");
/// let mut registry = FunctionRegistry::default();
/// registry.register(entry)?;
/// let greet = registry.find("GREET").ok_or_else(|| thalweg_functions::unknown("greet"))?;
/// assert_eq!(greet.description(), "greet(name) - Returns a greeting.");
///
/// let name = Arg { expr: lit("ada"), data_type: arrow::datatypes::DataType::Utf8, nullable: false };
/// let ctx = BindContext { time_zone: "UTC", now_micros: Some(0), user: "ada", database: "default", seed: 0 };
/// assert!(greet.bind_scalar(vec![name], &ctx)?.expr.to_string().contains("hello "));
/// # Ok::<(), thalweg_common::Error>(())
/// ```
#[derive(Clone)]
pub struct Entry {
    pub(super) facts: Facts,
    /// What an entry of closures has besides.
    pub(super) owned: Option<Arc<Owned>>,
}

/// All about a function that a constant can hold.
#[derive(Clone, Copy)]
pub(super) struct Facts {
    pub(super) names: &'static [&'static str],
    unlisted: &'static [&'static str],
    bare: &'static [&'static str],
    pub(super) min: usize,
    pub(super) max: usize,
    kind: Kind,
    pub(super) binding: Binding,
    pub(super) over_window: Option<BindWindow>,
    display: Display,
    intervals: Intervals,
    nulls: NullClause,
    doc: Doc<'static>,
}

/// A name, a description and a binding of its own.
pub(super) struct Owned {
    pub(super) name: String,
    arguments: String,
    about: String,
    pub(super) binding: OwnedBinding,
}

/// A call of a scalar function of closures, with as many arguments as its entry takes.
pub struct ScalarArgs<'a> {
    /// The arguments.
    pub args: Vec<Arg>,
    /// The session state that a binding may use.
    pub ctx: &'a BindContext<'a>,
}

/// A call of an aggregate of closures, with as many arguments as its entry takes.
pub struct AggregateArgs<'a> {
    /// The arguments; those of a DISTINCT call are the same for equal values.
    pub args: Vec<Arg>,
    /// The clauses of the call.
    pub call: AggregateCall,
    /// The session state that a binding may use.
    pub ctx: &'a BindContext<'a>,
}

pub(super) enum OwnedBinding {
    Scalar(Box<dyn Fn(ScalarArgs) -> Result<Bound> + Send + Sync>),
    Aggregate(Box<dyn Fn(AggregateArgs) -> Result<BoundAggregate> + Send + Sync>),
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.names().collect();
        f.debug_struct("Entry").field("names", &names).field("kind", &self.kind()).finish_non_exhaustive()
    }
}

/// How entries of closures are made.
impl Entry {
    /// Creates a scalar function of so many arguments. `bind` makes the expression of a call; its result has to be
    /// marked as fallible if evaluating it can raise.
    pub fn of_scalar(
        name: &str,
        arguments: RangeInclusive<usize>,
        bind: impl Fn(ScalarArgs) -> Result<Bound> + Send + Sync + 'static,
    ) -> Self {
        Self::owned(name, arguments, Kind::Scalar, OwnedBinding::Scalar(Box::new(bind)))
    }

    /// Creates an aggregate of so many arguments, which is also called over windows.
    pub fn of_aggregate(
        name: &str,
        arguments: RangeInclusive<usize>,
        bind: impl Fn(AggregateArgs) -> Result<BoundAggregate> + Send + Sync + 'static,
    ) -> Self {
        let kind = Kind::Aggregate(AggregateForm::Plain);
        Self::owned(name, arguments, kind, OwnedBinding::Aggregate(Box::new(bind)))
    }

    fn owned(name: &str, arguments: RangeInclusive<usize>, kind: Kind, binding: OwnedBinding) -> Self {
        let Entry { facts, .. } =
            // The binding of closures is looked at first, so this one is never used.
            Self::new(&[], *arguments.start(), *arguments.end(), kind, Binding::Resolver);
        let owned = Owned { name: name.to_owned(), arguments: String::new(), about: String::new(), binding };
        Self { facts, owned: Some(Arc::new(owned)) }
    }

    /// Returns the entry of closures with what the catalog says of it: its arguments, those that may be left out in
    /// square brackets, and one sentence. An entry that is shared, or is a constant, stays as it is.
    pub fn described(mut self, arguments: &str, about: &str) -> Self {
        if let Some(owned) = self.owned.as_mut().and_then(Arc::get_mut) {
            (owned.arguments, owned.about) = (arguments.to_owned(), about.to_owned());
        }
        self
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
        let (display, intervals, nulls) = (Display::CALL, Intervals::Widest, NullClause::Refused);
        let facts = Facts {
            names,
            unlisted: &[],
            bare: &[],
            min,
            max,
            kind,
            binding,
            over_window: None,
            display,
            intervals,
            nulls,
            doc,
        };
        Self { facts, owned: None }
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
        self.facts.kind = Kind::Special(form);
        self
    }
    /// The aggregate reads its arguments in a way of its own.
    pub(crate) const fn read_as(mut self, form: AggregateForm) -> Self {
        self.facts.kind = Kind::Aggregate(form);
        self
    }
    /// Over a window the aggregate is another function.
    pub(crate) const fn over_window(mut self, bind: BindWindow) -> Self {
        self.facts.over_window = Some(bind);
        self
    }
    /// The last `n` arguments may be left out.
    pub(crate) const fn optional(mut self, n: usize) -> Self {
        self.facts.min = self.facts.max - n;
        self
    }
    /// The function can raise. Only for [`Entry::plain`]: a function that binds itself marks its kernel.
    pub(crate) const fn fallible(mut self) -> Self {
        self.plain_facts().fallible = true;
        self
    }
    /// The function makes nulls itself. Only for [`Entry::plain`]: a function that binds itself marks its kernel.
    pub(crate) const fn nullable(mut self) -> Self {
        self.plain_facts().nulls = Nulls::Always;
        self
    }
    /// The facts that an entry of fixed types has. Entries are constants, so another entry does not compile.
    #[allow(clippy::panic, reason = "only the compiler evaluates it")]
    const fn plain_facts(&mut self) -> &mut Plain {
        match &mut self.facts.binding {
            Binding::Plain(plain) => plain,
            Binding::Resolver | Binding::Scalar(_) | Binding::Aggregate(_) | Binding::Window(_) => {
                panic!("only an entry of fixed types is marked: mark the kernel instead")
            }
        }
    }
    /// Names that Spark understands and does not list.
    pub(crate) const fn unlisted(mut self, names: &'static [&'static str]) -> Self {
        self.facts.unlisted = names;
        self
    }
    /// Names by which the function is called without parentheses where no column has the name.
    pub(crate) const fn bare(mut self, names: &'static [&'static str]) -> Self {
        self.facts.bare = names;
        self
    }
    /// How calls are shown.
    pub(crate) const fn display(mut self, display: Display) -> Self {
        self.facts.display = display;
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
        self.facts.intervals = intervals;
        self
    }
    /// What `IGNORE NULLS` and `RESPECT NULLS` do.
    pub(crate) const fn nulls(mut self, nulls: NullClause) -> Self {
        self.facts.nulls = nulls;
        self
    }
    /// What the reference says.
    pub(crate) const fn doc(
        mut self,
        arguments: &'static str,
        about: &'static str,
        examples: &'static [&'static str],
    ) -> Self {
        self.facts.doc = Doc { arguments, about, examples };
        self
    }
}

/// What others may know of an entry.
impl Entry {
    /// All names, the first one being the primary one.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let owned = self.owned.iter().map(|owned| owned.name.as_str());
        self.facts.names.iter().copied().chain(owned)
    }
    /// The primary name.
    pub fn first_name(&self) -> &str {
        self.names().next().unwrap_or_default()
    }
    /// The names that SHOW FUNCTIONS lists.
    pub fn listed_names(&self) -> impl Iterator<Item = &str> {
        self.names().filter(|name| !self.facts.unlisted.contains(name))
    }
    /// Whether the function is called by this name, in lower case, without parentheses where no column has the name.
    pub fn is_called_bare(&self, name: &str) -> bool {
        self.facts.bare.contains(&name)
    }
    /// What kind of function it is.
    pub fn kind(&self) -> Kind {
        self.facts.kind
    }
    /// The least and the greatest number of arguments; none: there is no greatest.
    pub fn arity(&self) -> (usize, Option<usize>) {
        (self.facts.min, (self.facts.max != MANY).then_some(self.facts.max))
    }
    /// How calls are shown.
    pub fn shown_as(&self) -> Display {
        self.facts.display
    }
    /// The fields of intervals in the result.
    pub fn interval_fields(&self) -> Intervals {
        self.facts.intervals
    }
    /// What `IGNORE NULLS` and `RESPECT NULLS` do.
    pub fn null_clause(&self) -> NullClause {
        self.facts.nulls
    }
    /// What the reference says.
    pub fn documentation(&self) -> Doc<'_> {
        match &self.owned {
            Some(owned) => Doc { arguments: &owned.arguments, about: &owned.about, examples: &[] },
            None => self.facts.doc,
        }
    }

    /// Refuses a number of arguments that the function does not take.
    pub(super) fn check_count(&self, name: &str, actual: usize) -> Result<()> {
        if actual >= self.facts.min && actual <= self.facts.max {
            return Ok(());
        }
        let expected = match (self.facts.min, self.facts.max) {
            // Spark writes an open range in this way, and a closed one as a list.
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
