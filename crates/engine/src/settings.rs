//! The settings of a session: Spark's keys, their defaults, and what may be set.
//!
//! A key that Spark has and we do not honour is not in the table; setting an unknown key under
//! `spark.sql.` is refused only where it would change an answer (see [`REFUSED`]).

use std::collections::BTreeMap;
use std::sync::RwLock;
use thalweg_common::{Error, ErrorKind, Result};

/// Keys with their defaults: what a client may read without having set it.
const DEFAULTS: &[(&str, &str)] = &[
    ("spark.app.name", "thalweg"),
    ("spark.master", "local[*]"),
    ("spark.connect.session.planCompression.threshold", "10485760"),
    ("spark.connect.session.planCompression.defaultAlgorithm", "ZSTD"),
    ("spark.python.sql.dataFrameDebugging.enabled", "false"),
    ("spark.sql.analyzer.failAmbiguousSelfJoin", "true"),
    ("spark.sql.ansi.enabled", "true"),
    ("spark.sql.caseSensitive", "false"),
    ("spark.sql.columnNameOfCorruptRecord", "_corrupt_record"),
    ("spark.sql.connect.serverStacktrace.enabled", "false"),
    ("spark.sql.execution.arrow.maxRecordsPerBatch", "10000"),
    ("spark.sql.execution.arrow.pyspark.enabled", "false"),
    ("spark.sql.execution.arrow.pyspark.fallback.enabled", "true"),
    ("spark.sql.execution.arrow.pyspark.selfDestruct.enabled", "false"),
    ("spark.sql.execution.arrow.useLargeVarTypes", "false"),
    ("spark.sql.execution.pandas.convertToArrowArraySafely", "false"),
    ("spark.sql.execution.pandas.inferPandasDictAsMap", "false"),
    ("spark.sql.execution.pandas.structHandlingMode", "legacy"),
    ("spark.sql.execution.pyspark.binaryAsBytes", "true"),
    ("spark.sql.execution.pythonUDF.arrow.enabled", "true"),
    ("spark.sql.execution.pythonUDTF.arrow.enabled", "false"),
    ("spark.sql.maxMetadataStringLength", "100"),
    ("spark.sql.optimizer.excludedRules", ""),
    ("spark.sql.pyspark.inferNestedDictAsStruct.enabled", "false"),
    ("spark.sql.pyspark.legacy.inferArrayTypeFromFirstElement.enabled", "false"),
    ("spark.sql.pyspark.legacy.inferMapTypeFromFirstPair.enabled", "false"),
    ("spark.sql.pyspark.jvmStacktrace.enabled", "false"),
    ("spark.sql.pyspark.plotting.max_rows", "1000"),
    ("spark.sql.repl.eagerEval.enabled", "false"),
    ("spark.sql.repl.eagerEval.maxNumRows", "20"),
    ("spark.sql.repl.eagerEval.truncate", "20"),
    ("spark.sql.session.localRelationBatchOfChunksSizeBytes", "1073741824"),
    ("spark.sql.session.localRelationCacheThreshold", "1048576"),
    ("spark.sql.session.localRelationChunkSizeBytes", "16777216"),
    ("spark.sql.session.localRelationChunkSizeRows", "10000"),
    ("spark.sql.session.localRelationSizeLimit", "3221225472"),
    ("spark.sql.session.timeZone", "UTC"),
    ("spark.sql.shuffle.partitions", "200"),
    ("spark.sql.sources.default", "parquet"),
    ("spark.sql.sources.partitionOverwriteMode", "STATIC"),
    ("spark.sql.streaming.schemaInference", "false"),
    ("spark.sql.timestampType", "TIMESTAMP_LTZ"),
    ("spark.sql.timeType.enabled", "true"),
    ("spark.sql.variable.substitute", "true"),
    ("spark.sql.warehouse.dir", "spark-warehouse"),
];

/// Settings that would change answers in a way that is not built: any other value is refused.
const REFUSED: &[(&str, &str)] = &[
    ("spark.sql.ansi.enabled", "true"),
    ("spark.sql.caseSensitive", "false"),
    ("spark.sql.sources.partitionOverwriteMode", "STATIC"),
    ("spark.sql.timestampType", "TIMESTAMP_LTZ"),
];

/// Keys that a running server can't change.
const STATIC: &[&str] = &["spark.sql.warehouse.dir", "spark.master", "spark.app.name"];

/// One session's settings.
#[derive(Debug, Default)]
pub struct SessionConfig {
    values: RwLock<BTreeMap<String, String>>,
}

impl SessionConfig {
    /// The value of a key, set or default; class `SQL_CONF_NOT_FOUND` otherwise.
    pub fn get(&self, key: &str) -> Result<String> {
        self.get_option(key).ok_or_else(|| {
            Error::new(
                ErrorKind::NoSuchElement,
                "SQL_CONF_NOT_FOUND",
                "42K0I",
                format!("The SQL config \"{key}\" cannot be found. Please verify that the config exists."),
            )
            .param("sqlConf", format!("\"{key}\""))
        })
    }

    /// The value of a key, set or default.
    pub fn get_option(&self, key: &str) -> Option<String> {
        let set = self.values.read().ok().and_then(|v| v.get(key).cloned());
        set.or_else(|| default_of(key).map(str::to_owned))
    }

    /// Sets a key for this session.
    pub fn set(&self, key: &str, value: &str) -> Result<()> {
        check(key, value)?;
        let mut values = self.values.write().map_err(|_| Error::internal("settings are poisoned"))?;
        values.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    /// Goes back to the default of a key.
    pub fn unset(&self, key: &str) -> Result<()> {
        let mut values = self.values.write().map_err(|_| Error::internal("settings are poisoned"))?;
        values.remove(key);
        Ok(())
    }

    /// All keys with a value, those that were set first winning, optionally under a prefix.
    pub fn get_all(&self, prefix: Option<&str>) -> BTreeMap<String, String> {
        let mut all: BTreeMap<_, _> =
            DEFAULTS.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        if let Ok(values) = self.values.read() {
            all.extend(values.iter().map(|(k, v)| (k.clone(), v.clone())));
        }
        all.retain(|k, _| prefix.is_none_or(|p| k.starts_with(p)));
        all
    }

    /// Whether a session may set the key.
    pub fn is_modifiable(&self, key: &str) -> bool {
        default_of(key).is_some() && !STATIC.contains(&key)
    }

    /// The session's time zone.
    pub fn time_zone(&self) -> String {
        self.get_option("spark.sql.session.timeZone").unwrap_or_else(|| "UTC".to_owned())
    }
}

fn default_of(key: &str) -> Option<&'static str> {
    DEFAULTS.iter().find(|(k, _)| *k == key).map(|(_, v)| *v)
}

fn check(key: &str, value: &str) -> Result<()> {
    if STATIC.contains(&key) {
        return Err(Error::new(
            ErrorKind::Analysis,
            "CANNOT_MODIFY_STATIC_CONFIG",
            "46110",
            format!("Cannot modify the value of the static Spark config: \"{key}\"."),
        )
        .param("key", format!("\"{key}\"")));
    }
    let refused = REFUSED.iter().find(|(k, only)| *k == key && !only.eq_ignore_ascii_case(value));
    match refused {
        None => Ok(()),
        Some((_, only)) => Err(Error::new(
            ErrorKind::IllegalArgument,
            "INVALID_CONF_VALUE.REQUIREMENT",
            "22022",
            format!("The value '{value}' in the config \"{key}\" is invalid. Only '{only}' is supported."),
        )
        .param("confName", key)
        .param("confValue", value)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_setting_is_read_back_and_an_unknown_one_is_not_found() {
        let config = SessionConfig::default();
        config.set("spark.sql.session.timeZone", "Europe/Paris").unwrap();
        assert_eq!(config.time_zone(), "Europe/Paris");
        config.unset("spark.sql.session.timeZone").unwrap();
        assert_eq!(config.time_zone(), "UTC");
        assert_eq!(config.get("no.such.key").unwrap_err().class(), "SQL_CONF_NOT_FOUND");
    }

    #[test]
    fn a_setting_that_would_change_answers_is_refused() {
        let error = SessionConfig::default().set("spark.sql.ansi.enabled", "false").unwrap_err();
        assert_eq!(error.class(), "INVALID_CONF_VALUE.REQUIREMENT");
    }
}
