//! Defines the configuration keys in one table, and parses, validates and documents their values.
//!
//! The value of a key is its default, the one of the TOML file, the one of a `THALWEG_SECTION__KEY` variable,
//! or the one of a flag; the last of these wins, and its origin is stored. A key that is not in the table is
//! an error with the nearest names. This module reads neither files nor the environment: the binary passes
//! both in. Session settings (`SET key = value`) are not configuration.

use crate::suggest::nearest;
use crate::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The type of a configuration value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// Any text.
    Text,
    /// A path, relative to the working directory.
    Path,
    /// A TCP port, 0 for any free one.
    Port,
    /// `auto` or a number from 1.
    Count,
    /// `auto` or a number of bytes with a unit: `512MB`, `2GiB`.
    Bytes,
}

impl ValueKind {
    fn name(self) -> &'static str {
        match self {
            ValueKind::Text => "text",
            ValueKind::Path => "path",
            ValueKind::Port => "port",
            ValueKind::Count => "count or auto",
            ValueKind::Bytes => "bytes or auto",
        }
    }

    fn fits(self, value: &str) -> bool {
        match self {
            ValueKind::Text | ValueKind::Path => !value.is_empty(),
            ValueKind::Port => value.parse::<u16>().is_ok(),
            ValueKind::Count => value == "auto" || value.parse::<usize>().is_ok_and(|n| n > 0),
            ValueKind::Bytes => value == "auto" || parse_bytes(value).is_some(),
        }
    }
}

/// One configuration key.
#[derive(Debug)]
pub struct ConfigKey {
    /// `section.key`.
    pub name: &'static str,
    /// The type of its value.
    pub kind: ValueKind,
    /// The value if nothing is configured.
    pub default: &'static str,
    /// One sentence for the reference page.
    pub help: &'static str,
}

/// All keys, in the order of the reference page.
pub const KEYS: &[ConfigKey] = &[
    ConfigKey {
        name: "server.host",
        kind: ValueKind::Text,
        default: "127.0.0.1",
        help: "Address that `serve` listens on. There is no authentication yet: anything but loopback \
               opens your data to the network.",
    },
    ConfigKey {
        name: "server.port",
        kind: ValueKind::Port,
        default: "15002",
        help: "Spark Connect port of `serve`; 0 picks a free one.",
    },
    ConfigKey {
        name: "data.dir",
        kind: ValueKind::Path,
        default: ".thalweg",
        help: "Where the catalog, managed tables and checkpoints live. `sql` without it uses a temporary \
               directory that is gone when it ends.",
    },
    ConfigKey {
        name: "engine.workers",
        kind: ValueKind::Count,
        default: "auto",
        help: "Threads per query; `auto` is one per core.",
    },
    ConfigKey {
        name: "engine.memory_limit",
        kind: ValueKind::Bytes,
        default: "auto",
        help: "Memory that all batch queries together may hold; `auto` is half of the machine's.",
    },
    ConfigKey {
        name: "log.level",
        kind: ValueKind::Text,
        default: "warn",
        help: "What is written to stderr: `error`, `warn`, `info`, `debug`, `trace`, or a filter such as \
               `warn,thalweg_stream=debug`.",
    },
];

/// Variables with the prefix of configuration variables that have another purpose.
const OTHER_VARIABLES: &[&str] = &["THALWEG_FAULT", "THALWEG_BIN"];
const PREFIX: &str = "THALWEG_";

/// The origin of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueOrigin {
    /// The table's default.
    Default,
    /// The TOML file of that name.
    File(String),
    /// The environment variable of that name.
    Variable(String),
    /// The command line.
    Flag,
}

/// The values of all configuration keys.
#[derive(Debug, Clone)]
pub struct Configuration {
    values: BTreeMap<&'static str, (String, ValueOrigin)>,
}

impl Default for Configuration {
    fn default() -> Self {
        let value = |k: &ConfigKey| (k.name, (k.default.to_owned(), ValueOrigin::Default));
        Self { values: KEYS.iter().map(value).collect() }
    }
}

impl Configuration {
    /// Sets the values of a TOML text; `file` is its name for messages.
    ///
    /// # Errors
    /// `INVALID_CONFIGURATION.NOT_TOML`, `.UNKNOWN_KEY` or `.VALUE`.
    pub fn read_toml(&mut self, text: &str, file: &str) -> Result<()> {
        let table: toml::Table = text.parse().map_err(|e: toml::de::Error| {
            refused("INVALID_CONFIGURATION.NOT_TOML", format!("{file} is not TOML: {}.", e.message()))
        })?;
        for (section, content) in table {
            let toml::Value::Table(content) = content else {
                // Every key is in a section.
                return Err(unknown(&section, &format!("in {file}")));
            };
            for (key, value) in content {
                let value =
                    scalar(&value).ok_or_else(|| invalid(&format!("{section}.{key}"), "a list or table"))?;
                self.set(&format!("{section}.{key}"), &value, ValueOrigin::File(file.to_owned()))?;
            }
        }
        Ok(())
    }

    /// Sets the values of the `THALWEG_SECTION__KEY` variables among `variables`.
    ///
    /// # Errors
    /// `INVALID_CONFIGURATION.UNKNOWN_KEY` or `.VALUE`.
    pub fn read_variables(&mut self, variables: impl IntoIterator<Item = (String, String)>) -> Result<()> {
        for (name, value) in variables {
            let Some(rest) = name.strip_prefix(PREFIX) else { continue };
            if OTHER_VARIABLES.contains(&name.as_str()) {
                continue;
            }
            // Keys contain single underscores, so two of them separate the section.
            let key = rest.to_lowercase().replacen("__", ".", 1);
            if !KEYS.iter().any(|k| k.name == key) {
                // A misspelt variable would otherwise be ignored silently.
                return Err(unknown_variable(&name));
            }
            self.set(&key, &value, ValueOrigin::Variable(name))?;
        }
        Ok(())
    }

    /// Sets the value of one key.
    ///
    /// # Errors
    /// `INVALID_CONFIGURATION.UNKNOWN_KEY` or `.VALUE`.
    pub fn set(&mut self, name: &str, value: &str, origin: ValueOrigin) -> Result<()> {
        let key = KEYS.iter().find(|k| k.name == name).ok_or_else(|| unknown(name, &shown(&origin)))?;
        if !key.kind.fits(value) {
            return Err(invalid(name, &format!("'{value}'")));
        }
        self.values.insert(key.name, (value.to_owned(), origin));
        Ok(())
    }

    /// Returns the text of a key; empty for a name that is not in the table.
    pub fn text(&self, name: &str) -> &str {
        self.values.get(name).map_or("", |(value, _)| value)
    }

    /// Returns the value of a [`ValueKind::Path`] key.
    pub fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(self.text(name))
    }

    /// Returns the value of a [`ValueKind::Port`] key.
    pub fn port(&self, name: &str) -> u16 {
        // The value was checked when it was set, so it parses.
        self.text(name).parse().unwrap_or_default()
    }

    /// Returns the value of a [`ValueKind::Count`] key; `None` for `auto`.
    pub fn count(&self, name: &str) -> Option<usize> {
        self.text(name).parse().ok()
    }

    /// Returns the value of a [`ValueKind::Bytes`] key; `None` for `auto`.
    pub fn bytes(&self, name: &str) -> Option<usize> {
        parse_bytes(self.text(name))
    }

    /// Returns whether a file, a variable or a flag has set the value.
    pub fn is_set(&self, name: &str) -> bool {
        // The origin decides and not the value: a user may set the default.
        self.values.get(name).is_some_and(|(_, origin)| *origin != ValueOrigin::Default)
    }
}

/// Generates the reference page `docs/configuration.md`.
pub fn reference() -> String {
    let mut page = "# Configuration\n\n\
        Generated from the table in `crates/common/src/config.rs`; a test proves it fresh.\n\n\
        Values come from `thalweg.toml` in the working directory (or `--config FILE`), then from variables,\n\
        then from flags; the last one wins. A key that does not exist is refused.\n\n\
        | key | variable | kind | default | |\n|---|---|---|---|---|\n"
        .to_owned();
    for key in KEYS {
        let (name, kind, default, help) = (key.name, key.kind.name(), key.default, key.help);
        page.push_str(&format!("| `{name}` | `{}` | {kind} | `{default}` | {help} |\n", variable(name)));
    }
    page.push_str("\n```toml\n[server]\nport = 15003\n\n[engine]\nmemory_limit = \"2GiB\"\n```\n");
    page
}

fn variable(name: &str) -> String {
    format!("{PREFIX}{}", name.replacen('.', "__", 1).to_uppercase())
}

fn scalar(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(s) => Some(s.clone()),
        toml::Value::Integer(n) => Some(n.to_string()),
        toml::Value::Float(n) => Some(n.to_string()),
        toml::Value::Boolean(b) => Some(b.to_string()),
        toml::Value::Datetime(_) | toml::Value::Array(_) | toml::Value::Table(_) => None,
    }
}

fn parse_bytes(text: &str) -> Option<usize> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor: usize = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "kib" | "k" => 1 << 10,
        "mib" | "m" => 1 << 20,
        "gib" | "g" => 1 << 30,
        _ => return None,
    };
    // A number of bytes that does not fit is refused, and not cut off.
    number.parse::<usize>().ok()?.checked_mul(factor)
}

fn refused(class: &str, message: String) -> Error {
    Error::new(ErrorKind::IllegalArgument, class, "F0000", message)
}

fn unknown(name: &str, place: &str) -> Error {
    suggest(
        refused(
            "INVALID_CONFIGURATION.UNKNOWN_KEY",
            format!("There is no configuration key '{name}' ({place})."),
        ),
        nearest(name, KEYS.iter().map(|k| k.name)),
    )
    .param("key", name)
}

fn unknown_variable(name: &str) -> Error {
    let variables: Vec<String> = KEYS.iter().map(|k| variable(k.name)).collect();
    let message = format!("The environment variable '{name}' does not name a configuration key.");
    suggest(
        refused("INVALID_CONFIGURATION.UNKNOWN_KEY", message),
        nearest(name, variables.iter().map(String::as_str)),
    )
    .param("key", name)
}

fn suggest(error: Error, near: Vec<String>) -> Error {
    if near.is_empty() {
        let all: Vec<&str> = KEYS.iter().map(|k| k.name).collect();
        return error.hint(format!("The keys are {}.", all.join(", ")));
    }
    error.hint(format!("Did you mean {}?", near.join(" or ")))
}

fn invalid(name: &str, value: &str) -> Error {
    let kind = KEYS.iter().find(|k| k.name == name).map_or("text", |k| k.kind.name());
    refused(
        "INVALID_CONFIGURATION.VALUE",
        format!("The configuration key '{name}' does not accept {value}: its value must be of kind {kind}."),
    )
    .param("key", name)
}

fn shown(origin: &ValueOrigin) -> String {
    match origin {
        ValueOrigin::Default => "the default".to_owned(),
        ValueOrigin::File(file) => format!("in {file}"),
        ValueOrigin::Variable(name) => format!("from {name}"),
        ValueOrigin::Flag => "from the command line".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn read(toml: &str, variables: &[(&str, &str)]) -> Result<Configuration> {
        let mut settings = Configuration::default();
        settings.read_toml(toml, "thalweg.toml")?;
        settings.read_variables(variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))?;
        Ok(settings)
    }

    #[test]
    fn defaults_fit_their_kind() {
        for key in KEYS {
            assert!(key.kind.fits(key.default), "{}", key.name);
            assert_eq!(key.name.split('.').count(), 2, "{}", key.name);
        }
    }

    #[test]
    fn a_variable_wins_over_the_file_and_the_file_over_the_default() {
        let s = read("[server]\nport = 1\nhost = 'a'\n", &[("THALWEG_SERVER__PORT", "2"), ("PATH", "x")])
            .unwrap();
        assert_eq!((s.port("server.port"), s.text("server.host")), (2, "a"));
        assert_eq!(s.text("log.level"), "warn");
        assert!(s.is_set("server.port") && !s.is_set("data.dir"));
    }

    #[test]
    fn what_is_not_in_the_table_is_refused_with_a_suggestion() {
        type Case = (&'static str, &'static [(&'static str, &'static str)], &'static str, &'static str);
        let cases: [Case; 7] = [
            ("[server]\nprot = 1\n", &[], "UNKNOWN_KEY", "Did you mean server.port"),
            ("port = 1\n", &[], "UNKNOWN_KEY", "The keys are"),
            ("", &[("THALWEG_SERVER__PROT", "1")], "UNKNOWN_KEY", "THALWEG_SERVER__PORT"),
            ("", &[("THALWEG_PORT", "1")], "UNKNOWN_KEY", ""),
            ("[server]\nport = 70000\n", &[], "VALUE", ""),
            ("[server]\nport = [1]\n", &[], "VALUE", ""),
            ("[server\n", &[], "NOT_TOML", ""),
        ];
        for (toml, variables, class, hint) in cases {
            let error = read(toml, variables).unwrap_err();
            assert_eq!(error.class(), format!("INVALID_CONFIGURATION.{class}"), "{toml} {variables:?}");
            assert!(error.hint_text().unwrap_or("").contains(hint), "{toml} {variables:?}: {error:?}");
        }
        assert!(read("", &[("THALWEG_FAULT", "kill@sink.commit:1")]).is_ok());
    }

    #[test]
    fn bytes_have_units() {
        let cases =
            [("512", Some(512)), ("1kB", Some(1000)), ("2GiB", Some(2 << 30)), ("auto", None), ("x", None)];
        for (text, expected) in cases {
            assert_eq!(parse_bytes(text), expected, "{text}");
        }
    }

    #[test]
    fn the_reference_page_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(path, reference()).unwrap();
        }
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(page, reference(), "write it anew: UPDATE_EXPECT=1 cargo test -p thalweg-common");
    }
}
