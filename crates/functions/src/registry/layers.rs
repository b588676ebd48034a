//! The registry: the built-in functions, and over them those of a session.

use super::bind::Function;
use super::entry::Entry;
use crate::errors::unresolved_routine;
use crate::{aggregate, event_window, generator, lambda, operators, scalar, window};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;
use thalweg_common::suggest::nearest;
use thalweg_common::{Error, ErrorKind, Result};

/// The functions of one origin, by their lower-case names.
#[derive(Debug, Default, Clone)]
struct Layer {
    functions: BTreeMap<String, (&'static str, Entry)>,
}

impl Layer {
    fn add(&mut self, name: &str, shown: &'static str, entry: &Entry) -> Result<()> {
        let name = name.to_lowercase();
        if self.functions.contains_key(&name) {
            return Err(already_exists(&name));
        }
        self.functions.insert(name, (shown, *entry));
        Ok(())
    }

    fn find(&self, name: &str) -> Option<Function<'_>> {
        let (name, entry) = self.functions.get(name)?;
        Some(Function { name, entry })
    }
}

/// The functions that a session can call: its own come before the built-in ones, as temporary functions do in Spark.
///
/// ```
/// use thalweg_functions::FunctionRegistry;
///
/// let registry = FunctionRegistry::default();
/// let upper = registry.find("UCASE").ok_or("ucase is built in")?;
/// assert_eq!(upper.entry().names(), ["upper", "ucase"]);
/// assert!(registry.find("no_such_function").is_none());
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug, Default, Clone)]
pub struct FunctionRegistry {
    session: Layer,
}

impl FunctionRegistry {
    /// The function that a name stands for, whatever its case.
    pub fn find(&self, name: &str) -> Option<Function<'_>> {
        let name = name.to_lowercase();
        self.session.find(&name).or_else(|| built_in().0.find(&name))
    }

    /// The built-in function of a name, whatever its case.
    pub fn built_in(name: &str) -> Option<Function<'static>> {
        built_in().0.find(&name.to_lowercase())
    }

    /// Adds a function of the session under a name of its own.
    ///
    /// # Errors
    /// `ROUTINE_ALREADY_EXISTS` if the session has a function of that name; a built-in one is hidden.
    pub fn register(&mut self, name: &str, entry: Entry) -> Result<()> {
        let shown = entry.names().first().copied().unwrap_or_default();
        self.session.add(name, shown, &entry)
    }

    /// The names that SHOW FUNCTIONS lists, in their order, each once.
    pub fn listed_names(&self) -> impl Iterator<Item = &str> {
        let listed = |(_, (name, entry)): &(&String, &(&'static str, Entry))| {
            entry.listed_names().any(|listed| listed == *name)
        };
        let all = built_in().0.functions.iter().filter(listed).chain(&self.session.functions);
        all.map(|(name, _)| name.as_str()).collect::<BTreeSet<_>>().into_iter()
    }
}

/// A family: a title for the reference, and its entries.
pub(crate) type Family = (&'static str, &'static [&'static [Entry]]);

/// All built-in functions, by family.
pub(crate) fn families() -> impl Iterator<Item = Family> {
    let windows: Family = ("Window functions", &[window::ENTRIES]);
    let generators: Family = ("Generators and table functions", &[generator::ENTRIES]);
    let lambdas: Family = ("Functions over lambdas", &[lambda::ENTRIES]);
    let events: Family = ("Event time", &[event_window::ENTRIES]);
    let aggregates: Family = ("Aggregates", &[aggregate::ENTRIES]);
    let rest = [lambdas, aggregates, windows, generators, events];
    operators::FAMILIES.iter().chain(scalar::FAMILIES).copied().chain(rest)
}

/// The entries of all families.
pub(crate) fn entries() -> impl Iterator<Item = &'static Entry> {
    families().flat_map(|(_, lists)| lists.iter().copied().flatten())
}

/// The built-in layer, and what is wrong with it: names that two entries have.
fn built_in() -> &'static (Layer, Vec<Error>) {
    static BUILT_IN: OnceLock<(Layer, Vec<Error>)> = OnceLock::new();
    BUILT_IN.get_or_init(|| {
        let (mut layer, mut errors) = (Layer::default(), vec![]);
        for entry in entries() {
            errors.extend(entry.names().iter().filter_map(|name| layer.add(name, name, entry).err()));
        }
        (layer, errors)
    })
}

/// The listed names of all built-in functions, in their order.
pub fn names() -> impl Iterator<Item = &'static str> {
    entries().flat_map(Entry::listed_names).collect::<BTreeSet<_>>().into_iter()
}

/// The error for a name that no function has, with the nearest built-in names.
pub fn unknown(name: &str) -> Error {
    unresolved_routine(name, &nearest(name, names()))
}

fn already_exists(name: &str) -> Error {
    let text =
        format!("Cannot create the function `{name}`: there is a function of that name in the session.");
    Error::new(ErrorKind::Analysis, "ROUTINE_ALREADY_EXISTS", "42723", text)
        .param("routineName", format!("`{name}`"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn no_built_in_name_is_registered_twice() {
        assert!(built_in().1.is_empty(), "{:?}", built_in().1);
    }

    #[test]
    fn a_session_hides_a_built_in_function_and_has_each_name_once() {
        let of = |name: &str| *FunctionRegistry::built_in(name).unwrap().entry();
        let mut registry = FunctionRegistry::default();
        let before = registry.listed_names().count();
        registry.register("Shout", of("upper")).unwrap();
        registry.register("lower", of("upper")).unwrap();
        assert_eq!(registry.find("SHOUT").unwrap().entry().names(), of("upper").names());
        assert_eq!(registry.find("lower").unwrap().entry().names(), of("upper").names());
        assert_eq!(registry.find("lcase").unwrap().entry().names(), of("lower").names());
        assert_eq!(registry.listed_names().count(), before + 1);
        let error = registry.register("SHOUT", of("lower")).unwrap_err();
        assert_eq!(error.class(), "ROUTINE_ALREADY_EXISTS");
        assert!(FunctionRegistry::default().find("shout").is_none());
    }

    #[test]
    fn names_that_spark_does_not_list_are_found() {
        let registry = FunctionRegistry::default();
        assert!(registry.find("timestampadd").is_some());
        assert!(registry.listed_names().all(|name| name != "timestampadd"));
        assert!(registry.listed_names().any(|name| name == "dateadd"));
    }
}
