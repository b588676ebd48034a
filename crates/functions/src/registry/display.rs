//! Formats a call as the name of a column: Spark does not show every call as it was written.

/// How calls of a function are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Display {
    /// The syntax, where it is not a call's.
    form: DisplayForm,
    /// The names that `form` is for; all if there are none.
    form_names: &'static [&'static str],
    names: &'static [(&'static str, &'static str)],
    capitals: &'static [&'static str],
    capitals_of_one: bool,
    defaults: &'static [Defaults],
    /// How many arguments are shown at most.
    arguments_max: usize,
}

/// The arguments that are shown after those of a call that has so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Defaults {
    pub given: usize,
    pub shown: &'static [&'static str],
}

/// The syntax in which a call is shown. A form applies to the number of arguments that it is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisplayForm {
    /// `name(a, b)`.
    Call,
    /// `(a + b)`, with this symbol.
    Infix(&'static str),
    /// `(a + b)`, and `(+ a)` for one operand.
    Sign(&'static str),
    /// `(- a)`, with this symbol or word.
    Prefix(&'static str),
    /// `~a`, with this symbol.
    BarePrefix(&'static str),
    /// `(NOT (a = b))`.
    NotEqual,
    /// `(a IS NULL)`, with what the argument is.
    Is(&'static str),
    /// `(a IN (b, c))`.
    In,
    /// `a LIKE b`.
    Like,
    /// `(IF(a, b, c))`.
    If,
    /// `CASE WHEN a THEN b ELSE c END`.
    Case,
    /// `CASE WHEN (a = b) THEN c END`, of `a, b, c`.
    CaseOf,
    /// `extract(a FROM b)`.
    From,
    /// `TRIM(BOTH a FROM b)`, with the side.
    Trim(&'static str),
    /// The argument alone: a cast that Spark does not show.
    Argument,
    /// This text, where the one argument stands in the place of each `{}`.
    OfOne(&'static str),
    /// `window`, whatever its arguments are.
    Window,
    /// `count(1)` for a star.
    Count,
    /// `from_json(a)`, or `entries` for a map.
    FromJson,
}

impl Display {
    /// Calls are shown as they are written.
    pub(crate) const CALL: Self = Self {
        form: DisplayForm::Call,
        form_names: &[],
        names: &[],
        capitals: &[],
        capitals_of_one: false,
        defaults: &[],
        arguments_max: usize::MAX,
    };

    /// Calls are shown in a syntax of their own.
    pub(crate) const fn form(form: DisplayForm) -> Self {
        Self { form, ..Self::CALL }
    }

    /// Calls by these names are shown in a syntax of their own.
    pub(crate) const fn form_of(form: DisplayForm, form_names: &'static [&'static str]) -> Self {
        Self { form, form_names, ..Self::CALL }
    }

    /// Calls by these names are shown in capitals.
    pub(crate) const fn capitals(capitals: &'static [&'static str]) -> Self {
        Self { capitals, ..Self::CALL }
    }

    /// The same, with calls by these names in capitals where the form is not for them.
    pub(crate) const fn and_capitals(mut self, capitals: &'static [&'static str]) -> Self {
        self.capitals = capitals;
        self
    }

    /// Calls by these names are shown in capitals if they have one argument.
    pub(crate) const fn capitals_of_one(capitals: &'static [&'static str]) -> Self {
        Self { capitals, capitals_of_one: true, ..Self::CALL }
    }

    /// Calls by the first name of a pair are shown by the second.
    pub(crate) const fn names(names: &'static [(&'static str, &'static str)]) -> Self {
        Self { names, ..Self::CALL }
    }

    /// Defaults are shown with the arguments.
    pub(crate) const fn defaults(defaults: &'static [Defaults]) -> Self {
        Self { defaults, ..Self::CALL }
    }

    /// Only the first arguments are shown.
    pub(crate) const fn first_arguments(arguments_max: usize) -> Self {
        Self { arguments_max, ..Self::CALL }
    }

    /// The syntax of a call by `name`, in lower case.
    pub fn form_for(&self, name: &str) -> DisplayForm {
        let applies = self.form_names.is_empty() || self.form_names.contains(&name);
        if applies { self.form } else { DisplayForm::Call }
    }

    /// The name that a call by `name`, in lower case, with so many arguments is shown under.
    pub fn shown_name(&self, name: &str, args: usize) -> String {
        if self.capitals.contains(&name) && (args == 1 || !self.capitals_of_one) {
            return name.to_uppercase();
        }
        let renamed = self.names.iter().find(|(given, _)| *given == name);
        renamed.map_or(name, |(_, shown)| shown).to_owned()
    }

    /// The arguments as they are shown.
    pub fn shown_args(&self, mut args: Vec<String>) -> Vec<String> {
        args.truncate(self.arguments_max);
        if let Some(defaults) = self.defaults.iter().find(|d| d.given == args.len()) {
            args.extend(defaults.shown.iter().map(|shown| (*shown).to_owned()));
        }
        args
    }
}
