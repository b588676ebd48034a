//! Keeps and checks the settings of a session.
//!
//! Every key of the table ([`table`]) either has its effect, is accepted with a warning, or is refused by
//! name; nothing is stored and ignored. A key under `spark.` that is not in the table is refused; any other key is
//! the user's own variable.

mod client;
mod fixed;
mod hints;
mod kind;
mod reference;
mod server;
mod table;
mod works;

pub use reference::reference;

use std::collections::BTreeMap;
use std::sync::RwLock;
use table::{Effect, SettingEntry, SettingLookup};
use thalweg_common::lock::{read, write};
use thalweg_common::{Error, ErrorKind, Result};

/// The setting for the session's time zone.
const TIME_ZONE: &str = "spark.sql.session.timeZone";
/// The setting for the largest number of partitions of a query.
const PARTITIONS: &str = "spark.sql.shuffle.partitions";
/// The setting for the largest number of rows of a batch to the client.
const BATCH_ROWS: &str = "spark.sql.execution.arrow.maxRecordsPerBatch";
/// Static settings that are among the values of `get_all` even if they are not set.
const TOLD: &[&str] = &["spark.app.name", "spark.master", "spark.sql.warehouse.dir"];

/// The settings of a session.
///
/// ```
/// use thalweg_engine::SessionConfig;
///
/// let config = SessionConfig::new("warehouse".to_owned());
/// config.set("spark.sql.session.timeZone", "Europe/Berlin")?;
/// assert_eq!(config.get("spark.sql.session.timeZone")?, "Europe/Berlin");
/// assert_eq!(config.set("spark.sql.ansi.enabled", "false").unwrap_err().class(), "INVALID_CONF_VALUE.REQUIREMENT");
/// # Ok::<(), thalweg_common::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct SessionConfig {
    values: RwLock<BTreeMap<String, String>>,
    /// The folder of managed tables; none returns the default of the setting.
    warehouse: Option<String>,
}

impl SessionConfig {
    /// Creates the settings of a session whose managed tables are in `warehouse`.
    pub fn new(warehouse: String) -> Self {
        Self { values: RwLock::default(), warehouse: Some(warehouse) }
    }

    /// Returns the value of a key, set or default.
    ///
    /// # Errors
    /// `SQL_CONF_NOT_FOUND` if it has none.
    pub fn get(&self, key: &str) -> Result<String> {
        self.get_option(key).ok_or_else(|| not_found(key))
    }

    /// Returns the value of a key that is set or known, which may have no value.
    ///
    /// # Errors
    /// `SQL_CONF_NOT_FOUND` for a key that is neither.
    pub fn lookup(&self, key: &str) -> Result<Option<String>> {
        match (self.get_option(key), table::find(key)) {
            (Some(value), _) => Ok(Some(value)),
            (None, SettingLookup::Setting(setting)) if setting.key == key => Ok(None),
            (None, _) => Err(not_found(key)),
        }
    }

    /// Returns the value of a key, set or default.
    pub fn get_option(&self, key: &str) -> Option<String> {
        let set = read(&self.values).get(key).cloned();
        set.or_else(|| self.default_of(key))
    }

    fn default_of(&self, key: &str) -> Option<String> {
        match (key, table::find(key)) {
            ("spark.sql.warehouse.dir", _) if self.warehouse.is_some() => self.warehouse.clone(),
            (_, SettingLookup::Setting(setting)) if setting.key == key => setting.default.map(str::to_owned),
            (_, SettingLookup::Setting(_) | SettingLookup::Own | SettingLookup::Unknown) => None,
        }
    }

    /// Sets a key for this session; returns a warning if the setting has no effect.
    ///
    /// # Errors
    /// `CANNOT_MODIFY_STATIC_CONFIG` and `CANNOT_MODIFY_CONFIG` for settings of a server's start,
    /// `INVALID_CONF_VALUE.*` for a value that is not valid or not supported, `SQL_CONF_NOT_FOUND` for an unknown key.
    pub fn set(&self, key: &str, value: &str) -> Result<Option<String>> {
        let warning = match table::find(key) {
            SettingLookup::Own => None,
            SettingLookup::Unknown => return Err(unknown(key)),
            SettingLookup::Setting(setting) => check(setting, key, value)?,
        };
        write(&self.values).insert(key.to_owned(), value.to_owned());
        Ok(warning)
    }

    /// Sets a key as the builder of a client does: a setting that cannot be set is a warning, except where
    /// ignoring it could change a result.
    ///
    /// # Errors
    /// `INVALID_CONF_VALUE.REQUIREMENT` for a setting of which only Spark's default is supported.
    pub fn set_silently(&self, key: &str, value: &str) -> Result<Option<String>> {
        // A builder of a client sets whatever it was given, and must not fail for a hint.
        let changes_answers =
            matches!(table::find(key), SettingLookup::Setting(setting) if setting.effect == Effect::Fixed);
        match self.set(key, value) {
            Err(error) if !changes_answers => {
                Ok(Some(format!("Failed to set {key} to {value} due to {}", with_hint(&error))))
            }
            other => other,
        }
    }

    /// Resets a key to its default.
    ///
    /// # Errors
    /// As [`Self::set`], for settings of a server's start.
    pub fn unset(&self, key: &str) -> Result<()> {
        if let SettingLookup::Setting(setting) = table::find(key) {
            modifiable(setting, key)?;
        }
        write(&self.values).remove(key);
        Ok(())
    }

    /// Resets all keys to their defaults.
    pub fn reset(&self) {
        write(&self.values).clear();
    }

    /// Returns the keys that are set and a few static settings, optionally those under a prefix.
    pub fn get_all(&self, prefix: Option<&str>) -> BTreeMap<String, String> {
        // They have values without being set.
        let fact = |key: &&str| Some(((*key).to_owned(), self.default_of(key)?));
        let mut all: BTreeMap<_, _> = TOLD.iter().filter_map(fact).collect();
        all.extend(read(&self.values).iter().map(|(k, v)| (k.clone(), v.clone())));
        all.retain(|k, _| prefix.is_none_or(|p| k.starts_with(p)));
        all
    }

    /// Returns the settings that are set and have an effect: those on which the meaning of a query may depend. A query
    /// that runs in other sessions is kept with them.
    pub(crate) fn of_definition(&self) -> BTreeMap<String, String> {
        let works =
            |key: &str| matches!(table::find(key), SettingLookup::Setting(s) if s.effect == Effect::Works);
        let mut all = read(&self.values).clone();
        all.retain(|key, _| works(key));
        all
    }

    /// Returns every setting of the table with its value and its description.
    pub fn explained(&self) -> Vec<(&'static str, String, &'static str)> {
        let settings = table::all().filter(|s| !s.key.ends_with('*'));
        let value = |key: &str| self.get_option(key).unwrap_or_else(|| "<undefined>".to_owned());
        let mut all: Vec<_> = settings.map(|s| (s.key, value(s.key), s.help)).collect();
        all.sort_unstable();
        all
    }

    /// Returns whether a session may change the key.
    pub fn is_modifiable(&self, key: &str) -> bool {
        let may = |s: &SettingEntry| matches!(s.effect, Effect::Works | Effect::Client | Effect::Hint);
        matches!(table::find(key), SettingLookup::Setting(setting) if may(setting))
    }

    /// Returns the session's time zone by its IANA name or offset.
    pub fn time_zone(&self) -> String {
        let zone = self.get_option(TIME_ZONE).unwrap_or_else(|| "UTC".to_owned());
        thalweg_values::zone::zone_id(&zone).map(str::to_owned).unwrap_or(zone)
    }

    /// Returns the largest number of partitions of a query, if it is set; the default is the engine's.
    pub fn partitions(&self) -> Option<usize> {
        self.number(PARTITIONS)
    }

    /// Returns the largest number of rows of a batch to the client; none is as many as fit a message.
    pub fn batch_rows(&self) -> Option<usize> {
        self.number(BATCH_ROWS).filter(|rows| *rows > 0)
    }

    fn number(&self, key: &str) -> Option<usize> {
        // Only a value that was set counts: Spark's 200 partitions and 10,000 rows do not suit one process.
        read(&self.values).get(key)?.trim().parse().ok()
    }
}

/// Checks a value for a setting; returns its warning.
fn check(setting: &SettingEntry, key: &str, value: &str) -> Result<Option<String>> {
    modifiable(setting, key)?;
    setting.kind.check(key, value)?;
    match (setting.effect, setting.default) {
        (Effect::Hint, _) => Ok(Some(format!("The setting {key} has no effect here: {}.", setting.help))),
        // The value that holds anyway may be set: programs often state defaults.
        (Effect::Fixed, Some(only)) if !setting.kind.same(value, only) => {
            Err(kind::requirement(key, value, &format!("Only '{only}' is supported. {}", setting.help)))
        }
        (Effect::Fixed, None) => {
            Err(kind::requirement(key, value, &format!("It cannot be set. {}", setting.help)))
        }
        (Effect::Works | Effect::Client | Effect::Fixed | Effect::Server | Effect::Cluster, _) => Ok(None),
    }
}

fn modifiable(setting: &SettingEntry, key: &str) -> Result<()> {
    let (class, message) = match setting.effect {
        Effect::Server => (
            "CANNOT_MODIFY_STATIC_CONFIG",
            format!("Cannot modify the value of the static Spark config: \"{key}\"."),
        ),
        Effect::Cluster => {
            ("CANNOT_MODIFY_CONFIG", format!("Cannot modify the value of the Spark config: \"{key}\"."))
        }
        Effect::Works | Effect::Client | Effect::Hint | Effect::Fixed => return Ok(()),
    };
    let error = Error::new(ErrorKind::Analysis, class, "46110", message).param("key", format!("\"{key}\""));
    Err(error.hint(setting.help))
}

fn not_found(key: &str) -> Error {
    Error::new(
        ErrorKind::NoSuchElement,
        "SQL_CONF_NOT_FOUND",
        "42K0I",
        format!("The SQL config \"{key}\" cannot be found. Please verify that the config exists."),
    )
    .param("sqlConf", format!("\"{key}\""))
}

fn unknown(key: &str) -> Error {
    let near = table::suggestions(key);
    if near.is_empty() {
        return not_found(key).hint("The settings that exist are in docs/settings.md and in SET -v.");
    }
    not_found(key).hint(format!("Did you mean {}?", near.join(" or ")))
}

/// Returns an error with its hint on one line.
fn with_hint(error: &Error) -> String {
    let hint = error.hint_text().map(|hint| format!(" {hint}")).unwrap_or_default();
    format!("{error}{hint}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Returns the outcome of a setting: accepted, a warning, or the class of its error.
    fn fate(key: &str, value: &str) -> String {
        match SessionConfig::default().set(key, value) {
            Ok(None) => "taken".to_owned(),
            Ok(Some(_)) => "warning".to_owned(),
            Err(error) => error.class().to_owned(),
        }
    }

    #[test]
    fn a_setting_works_warns_or_is_refused() {
        for (key, value, expect) in [
            ("spark.sql.session.timeZone", "Europe/Paris", "taken"),
            ("spark.sql.session.timeZone", "Mars", "INVALID_CONF_VALUE.TIME_ZONE"),
            ("spark.sql.shuffle.partitions", "0", "INVALID_CONF_VALUE.REQUIREMENT"),
            ("spark.sql.ansi.enabled", "TRUE", "taken"),
            ("spark.sql.ansi.enabled", "false", "INVALID_CONF_VALUE.REQUIREMENT"),
            ("spark.sql.ansi.enabled", "maybe", "INVALID_CONF_VALUE.TYPE_MISMATCH"),
            ("spark.sql.legacy.bangEqualsNot", "false", "taken"),
            ("spark.sql.legacy.bangEqualsNot", "true", "INVALID_CONF_VALUE.REQUIREMENT"),
            ("spark.sql.catalog.lake", "x", "INVALID_CONF_VALUE.REQUIREMENT"),
            ("spark.sql.adaptive.enabled", "false", "warning"),
            ("spark.sql.adaptive.enabled", "x", "INVALID_CONF_VALUE.TYPE_MISMATCH"),
            ("spark.sql.autoBroadcastJoinThreshold", "-1", "warning"),
            ("spark.sql.warehouse.dir", "x", "CANNOT_MODIFY_STATIC_CONFIG"),
            (
                "spark.sql.extensions",
                "io.delta.sql.DeltaSparkSessionExtension",
                "CANNOT_MODIFY_STATIC_CONFIG",
            ),
            ("spark.executor.memory", "4g", "CANNOT_MODIFY_CONFIG"),
            ("spark.sql.shufle.partitions", "4", "SQL_CONF_NOT_FOUND"),
            ("spark.app.name", "mine", "taken"),
            ("my.own.key", "x", "taken"),
        ] {
            assert_eq!(fate(key, value), expect, "{key} = {value}");
        }
    }

    #[test]
    fn a_builder_is_told_what_cannot_be_set_and_stopped_where_answers_would_differ() {
        let config = SessionConfig::default();
        for (key, value, expect) in [
            ("spark.executor.memory", "4g", "[CANNOT_MODIFY_CONFIG]"),
            ("spark.sql.session.timeZone", "Mars", "[INVALID_CONF_VALUE.TIME_ZONE]"),
            ("spark.sql.shufle.partitions", "4", "Did you mean spark.sql.shuffle.partitions"),
            ("spark.sql.adaptive.enabled", "false", "has no effect here"),
        ] {
            let warning = config.set_silently(key, value).unwrap().unwrap_or_default();
            assert!(warning.contains(expect), "{key}: {warning}");
        }
        assert!(config.set_silently("spark.sql.caseSensitive", "true").is_err());
        assert_eq!(config.time_zone(), "UTC");
    }

    #[test]
    fn a_setting_is_read_back_and_an_unknown_one_is_not_found() {
        let config = SessionConfig::new("file:/there".to_owned());
        assert_eq!((config.partitions(), config.batch_rows()), (None, None));
        config.set(PARTITIONS, " 3 ").unwrap();
        config.set(BATCH_ROWS, "500").unwrap();
        config.set("my.key", "x").unwrap();
        assert_eq!((config.partitions(), config.batch_rows()), (Some(3), Some(500)));
        let all: Vec<_> = config.get_all(None).into_keys().collect();
        assert_eq!(all, ["my.key", "spark.app.name", "spark.master", BATCH_ROWS, PARTITIONS, TOLD[2]]);
        assert_eq!(config.get("spark.sql.warehouse.dir").unwrap(), "file:/there");
        assert_eq!(config.lookup("spark.sql.extensions"), Ok(None));
        assert_eq!(config.lookup("spark.executor.memory").unwrap_err().class(), "SQL_CONF_NOT_FOUND");
        assert_eq!(config.get("no.such.key").unwrap_err().class(), "SQL_CONF_NOT_FOUND");
        assert_eq!(config.unset("spark.executor.memory").unwrap_err().class(), "CANNOT_MODIFY_CONFIG");
        config.unset(PARTITIONS).unwrap();
        assert_eq!(config.get(PARTITIONS).unwrap(), "200");
        config.reset();
        assert_eq!(config.get_option("my.key"), None);
    }

    #[test]
    fn what_may_change_is_what_has_an_effect_or_a_warning() {
        let config = SessionConfig::default();
        for (key, expect) in [
            (TIME_ZONE, true),
            ("spark.sql.adaptive.enabled", true),
            ("spark.sql.ansi.enabled", false),
            ("spark.sql.warehouse.dir", false),
            ("spark.executor.memory", false),
            ("my.key", false),
            ("spark.nothing", false),
        ] {
            assert_eq!(config.is_modifiable(key), expect, "{key}");
        }
    }
}
