//! Lists functions. All are built in: they are in no database and are temporary, as in Spark.

use super::info::FunctionInfo;
use super::name::quoted;
use super::pattern::matches;
use thalweg_common::{Error, ErrorKind, Result};

/// Returns the functions that match the pattern, sorted, each once.
pub(super) fn list(pattern: Option<&str>) -> Vec<FunctionInfo> {
    let mut names: Vec<_> = thalweg_functions::names().filter(|n| matches(n, pattern)).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(info).collect()
}

/// Returns a function; a qualifier is ignored.
pub(super) fn get(parts: &[String]) -> Result<FunctionInfo> {
    let is_it = |name: &&str| parts.last().is_some_and(|wanted| name.eq_ignore_ascii_case(wanted));
    let found = thalweg_functions::names().find(is_it);
    found.map(info).ok_or_else(|| not_found(parts))
}

fn info(name: &str) -> FunctionInfo {
    FunctionInfo { name: name.to_owned(), database: None, comment: None, is_temporary: true }
}

fn not_found(parts: &[String]) -> Error {
    let name = quoted(parts);
    let text = format!("Cannot resolve routine {name} on search path [`system`.`builtin`].");
    Error::new(ErrorKind::Analysis, "UNRESOLVED_ROUTINE", "42883", text).param("routineName", name)
}
