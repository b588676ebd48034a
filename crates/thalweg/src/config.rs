//! Loads the configuration from a TOML file and the environment. The verbs add their flags.

use std::path::Path;
use thalweg_common::config::Configuration;
use thalweg_common::{Error, ErrorKind, Result};

/// Read if it exists and no other file is named.
const DEFAULT_FILE: &str = "thalweg.toml";

/// Reads the file and the variables.
///
/// # Errors
/// The named file cannot be read, or a key or value is not valid.
pub(crate) fn load(named: Option<&Path>) -> Result<Configuration> {
    let mut settings = Configuration::default();
    let file = named.unwrap_or(Path::new(DEFAULT_FILE));
    match std::fs::read_to_string(file) {
        Ok(text) => settings.read_toml(&text, &file.display().to_string())?,
        // Only the default file may be missing: one that the user names has to be there.
        Err(e) if named.is_none() && e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => return Err(unreadable(file, &e)),
    }
    let variables = std::env::vars_os();
    settings.read_variables(
        variables.filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))),
    )?;
    Ok(settings)
}

fn unreadable(file: &Path, cause: &std::io::Error) -> Error {
    let message = format!("The configuration file '{}' cannot be read: {cause}.", file.display());
    Error::new(ErrorKind::IllegalArgument, "INVALID_CONFIGURATION.FILE", "F0000", message)
}
