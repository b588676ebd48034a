//! Lists functions, built-in ones and those of a session. They are in no database and are temporary, as in Spark.

use super::info::FunctionInfo;
use super::pattern::matches;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_functions::{Function, FunctionRegistry};
use thalweg_values::names::quoted;

/// Returns the functions that match the pattern, sorted, each name once.
pub(super) fn list(functions: &FunctionRegistry, pattern: Option<&str>) -> Vec<FunctionInfo> {
    let names = functions.listed_names().filter(|name| matches(name, pattern));
    names.filter_map(|name| Some(info(name, functions.find(name)?))).collect()
}

/// Returns a function. Functions are in no database, so a name with one is not found.
pub(super) fn get(functions: &FunctionRegistry, parts: &[String]) -> Result<FunctionInfo> {
    let is_layer = |part: &str| ["builtin", "session"].iter().any(|layer| part.eq_ignore_ascii_case(layer));
    let found = match parts {
        [_] => functions.find_qualified(parts),
        [.., layer, _] if is_layer(layer) => functions.find_qualified(parts),
        _ => None,
    };
    let found = found.filter(Function::is_listed);
    found.map(|function| info(function.name(), function)).ok_or_else(|| not_found(parts))
}

fn info(name: &str, function: Function) -> FunctionInfo {
    let comment = Some(function.description());
    FunctionInfo { name: name.to_owned(), database: None, comment, is_temporary: true }
}

fn not_found(parts: &[String]) -> Error {
    let name = quoted(parts);
    let text = format!("Cannot resolve routine {name} on search path [`system`.`builtin`].");
    Error::new(ErrorKind::Analysis, "UNRESOLVED_ROUTINE", "42883", text).param("routineName", name)
}
