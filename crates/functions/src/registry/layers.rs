//! Finds functions by name: the built-in ones, and beside them those of a session.

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
    functions: BTreeMap<String, Entry>,
}

impl Layer {
    fn add(&mut self, name: &str, entry: &Entry) -> Result<()> {
        let name = name.to_lowercase();
        if self.functions.contains_key(&name) {
            return Err(already_exists(&name));
        }
        self.functions.insert(name, entry.clone());
        Ok(())
    }

    fn find(&self, name: &str) -> Option<Function<'_>> {
        let (name, entry) = self.functions.get_key_value(name)?;
        Some(Function { name, entry })
    }
}

/// The functions that a session can call: the built-in ones come before its own, as in Spark, where a temporary function
/// does not hide a built-in one of its name and is called as `session.name`.
///
/// ```
/// use thalweg_functions::FunctionRegistry;
///
/// let registry = FunctionRegistry::default();
/// let upper = registry.find("UCASE").ok_or("ucase is built in")?;
/// assert_eq!(upper.entry().names().collect::<Vec<_>>(), ["upper", "ucase"]);
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
        built_in().0.find(&name).or_else(|| self.session.find(&name))
    }

    /// The function that a name with qualifiers stands for: `builtin.f` and `session.f`, also after `system`, are looked
    /// up among the built-in functions and those of the session alone.
    pub fn find_qualified(&self, parts: &[String]) -> Option<Function<'_>> {
        let is = |part: &String, word: &str| part.eq_ignore_ascii_case(word);
        let (name, qualifier) = parts.split_last()?;
        let layer = match qualifier {
            [layer] => layer,
            [system, layer] if is(system, "system") => layer,
            // Functions are in no database, so another qualifier finds what the name alone finds.
            _ => return self.find(name),
        };
        match layer {
            layer if is(layer, "builtin") => Self::built_in(name),
            layer if is(layer, "session") => self.session.find(&name.to_lowercase()),
            _ => self.find(name),
        }
    }

    /// The built-in function of a name, whatever its case.
    pub fn built_in(name: &str) -> Option<Function<'static>> {
        built_in().0.find(&name.to_lowercase())
    }

    /// Adds a function of the session under all of its names.
    ///
    /// # Errors
    /// `ROUTINE_ALREADY_EXISTS` if the session has a function of one of these names.
    pub fn register(&mut self, entry: Entry) -> Result<()> {
        // Names are added to a copy, so that an entry has all of its names or none.
        let mut session = self.session.clone();
        entry.names().try_for_each(|name| session.add(name, &entry))?;
        self.session = session;
        Ok(())
    }

    /// The names that SHOW FUNCTIONS lists, in their order, each once.
    pub fn listed_names(&self) -> impl Iterator<Item = &str> {
        let listed =
            |(name, entry): &(&String, &Entry)| entry.listed_names().any(|listed| listed == name.as_str());
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
            // A test requires that there are no such errors.
            errors.extend(entry.names().filter_map(|name| layer.add(name, entry).err()));
        }
        (layer, errors)
    })
}

/// The listed names of all built-in functions, in their order.
pub fn names() -> impl Iterator<Item = &'static str> {
    entries().flat_map(|entry| entry.listed_names()).collect::<BTreeSet<_>>().into_iter()
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

    /// A function that gives the argument of `upper`, or what `upper` gives it.
    fn shouting(name: &str) -> Entry {
        Entry::of_scalar(name, 1..=1, |call| crate::bind_scalar("upper", call.args, call.ctx))
    }

    #[test]
    fn a_built_in_function_comes_before_that_of_a_session_which_has_each_name_once() {
        let mut registry = FunctionRegistry::default();
        let before = registry.listed_names().count();
        registry.register(shouting("Shout")).unwrap();
        registry.register(shouting("lower")).unwrap();
        assert_eq!(registry.find("SHOUT").unwrap().entry().first_name(), "Shout");
        assert_eq!(registry.find("lower").unwrap().entry().names().count(), 2);
        let of = |parts: &[&str]| {
            let parts: Vec<String> = parts.iter().map(|p| (*p).to_owned()).collect();
            registry.find_qualified(&parts).map(|f| f.entry().names().count())
        };
        assert_eq!(of(&["session", "LOWER"]), Some(1));
        assert_eq!(of(&["system", "session", "lower"]), Some(1));
        assert_eq!(of(&["system", "builtin", "lower"]), Some(2));
        assert_eq!(of(&["builtin", "shout"]), None);
        assert_eq!(of(&["session", "upper"]), None);
        assert_eq!(of(&["default", "shout"]), Some(1));
        assert_eq!(registry.listed_names().count(), before + 1);
        let error = registry.clone().register(shouting("SHOUT")).unwrap_err();
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
