//! Configuration: one table of keys, from which parsing, refusals and the reference page come.
//!
//! A value comes from the key's default, then the TOML file, then a `THALWEG_SECTION__KEY`
//! variable, then a flag; the last one wins and its origin is remembered. A key that is not in the
//! table is refused with the nearest names. Reads neither files nor the environment itself: the
//! binary hands both in. Session settings (`SET key = value`) are not configuration.

use crate::suggest::nearest;
use crate::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What a value must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
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

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Path => "path",
            Kind::Port => "port",
            Kind::Count => "count or auto",
            Kind::Bytes => "bytes or auto",
        }
    }

    fn fits(self, value: &str) -> bool {
        match self {
            Kind::Text | Kind::Path => !value.is_empty(),
            Kind::Port => value.parse::<u16>().is_ok(),
            Kind::Count => value == "auto" || value.parse::<usize>().is_ok_and(|n| n > 0),
            Kind::Bytes => value == "auto" || parse_bytes(value).is_some(),
        }
    }
}

/// One configuration key.
#[derive(Debug)]
pub struct Key {
    /// `section.key`.
    pub name: &'static str,
    /// What a value must look like.
    pub kind: Kind,
    /// The value when nothing is configured.
    pub default: &'static str,
    /// One sentence for the reference page.
    pub help: &'static str,
}

/// All keys, in the order of the reference page.
pub const KEYS: &[Key] = &[
    Key {
        name: "server.host",
        kind: Kind::Text,
        default: "127.0.0.1",
        help: "Address that `serve` listens on. There is no authentication yet: anything but loopback \
               opens your data to the network.",
    },
    Key {
        name: "server.port",
        kind: Kind::Port,
        default: "15002",
        help: "Spark Connect port of `serve`; 0 picks a free one.",
    },
    Key {
        name: "data.dir",
        kind: Kind::Path,
        default: ".thalweg",
        help: "Where the catalog, managed tables and checkpoints live. `sql` without it uses a temporary \
               directory that is gone when it ends.",
    },
    Key {
        name: "engine.workers",
        kind: Kind::Count,
        default: "auto",
        help: "Threads per query; `auto` is one per core.",
    },
    Key {
        name: "engine.memory_limit",
        kind: Kind::Bytes,
        default: "auto",
        help: "Memory that all batch queries together may hold; `auto` is half of the machine's.",
    },
    Key {
        name: "log.level",
        kind: Kind::Text,
        default: "warn",
        help: "What is written to stderr: `error`, `warn`, `info`, `debug`, `trace`, or a filter such as \
               `warn,thalweg_stream=debug`.",
    },
];

/// Variables that begin like a setting and are none.
const OTHER_VARIABLES: &[&str] = &["THALWEG_FAULT", "THALWEG_BIN"];
const PREFIX: &str = "THALWEG_";

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The table's default.
    Default,
    /// The TOML file of that name.
    File(String),
    /// The environment variable of that name.
    Variable(String),
    /// The command line.
    Flag,
}

/// A value for every key.
#[derive(Debug, Clone)]
pub struct Settings {
    values: BTreeMap<&'static str, (String, Origin)>,
}

impl Default for Settings {
    fn default() -> Self {
        let value = |k: &Key| (k.name, (k.default.to_owned(), Origin::Default));
        Self { values: KEYS.iter().map(value).collect() }
    }
}

impl Settings {
    /// Takes over the values of a TOML text; `file` is its name for messages.
    pub fn read_toml(&mut self, text: &str, file: &str) -> Result<()> {
        let table: toml::Table = text.parse().map_err(|e: toml::de::Error| {
            refused("INVALID_CONFIGURATION.NOT_TOML", format!("{file} is not TOML: {}.", e.message()))
        })?;
        for (section, content) in table {
            let toml::Value::Table(content) = content else {
                return Err(unknown(&section, &format!("in {file}")));
            };
            for (key, value) in content {
                let value =
                    scalar(&value).ok_or_else(|| invalid(&format!("{section}.{key}"), "a list or table"))?;
                self.set(&format!("{section}.{key}"), &value, Origin::File(file.to_owned()))?;
            }
        }
        Ok(())
    }

    /// Takes over the `THALWEG_SECTION__KEY` variables among `variables`.
    pub fn read_variables(&mut self, variables: impl IntoIterator<Item = (String, String)>) -> Result<()> {
        for (name, value) in variables {
            let Some(rest) = name.strip_prefix(PREFIX) else { continue };
            if OTHER_VARIABLES.contains(&name.as_str()) {
                continue;
            }
            let key = rest.to_lowercase().replacen("__", ".", 1);
            if !KEYS.iter().any(|k| k.name == key) {
                return Err(unknown_variable(&name));
            }
            self.set(&key, &value, Origin::Variable(name))?;
        }
        Ok(())
    }

    /// Sets one key.
    pub fn set(&mut self, name: &str, value: &str, origin: Origin) -> Result<()> {
        let key = KEYS.iter().find(|k| k.name == name).ok_or_else(|| unknown(name, &shown(&origin)))?;
        if !key.kind.fits(value) {
            return Err(invalid(name, &format!("'{value}'")));
        }
        self.values.insert(key.name, (value.to_owned(), origin));
        Ok(())
    }

    /// The text of a key; empty for a name that is not in the table.
    pub fn text(&self, name: &str) -> &str {
        self.values.get(name).map_or("", |(value, _)| value)
    }

    /// The value of a [`Kind::Path`] key.
    pub fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(self.text(name))
    }

    /// The value of a [`Kind::Port`] key.
    pub fn port(&self, name: &str) -> u16 {
        self.text(name).parse().unwrap_or_default()
    }

    /// The value of a [`Kind::Count`] key, none for `auto`.
    pub fn count(&self, name: &str) -> Option<usize> {
        self.text(name).parse().ok()
    }

    /// The value of a [`Kind::Bytes`] key, none for `auto`.
    pub fn bytes(&self, name: &str) -> Option<usize> {
        parse_bytes(self.text(name))
    }

    /// Whether somebody chose the value.
    pub fn is_set(&self, name: &str) -> bool {
        self.values.get(name).is_some_and(|(_, origin)| *origin != Origin::Default)
    }
}

/// The reference page `docs/configuration.md`.
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
    let message = format!("The environment variable '{name}' names no configuration key.");
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
    refused("INVALID_CONFIGURATION.VALUE", format!("'{name}' can't be {value}: it wants {kind}."))
        .param("key", name)
}

fn shown(origin: &Origin) -> String {
    match origin {
        Origin::Default => "the default".to_owned(),
        Origin::File(file) => format!("in {file}"),
        Origin::Variable(name) => format!("from {name}"),
        Origin::Flag => "from the command line".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn read(toml: &str, variables: &[(&str, &str)]) -> Result<Settings> {
        let mut settings = Settings::default();
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
