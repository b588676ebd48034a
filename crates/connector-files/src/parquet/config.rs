//! Reads the options of reading Parquet files.

use thalweg_common::Result;
use thalweg_connectors::OptionMap;
use thalweg_values::zone::Zone;

/// The options of reading Parquet files.
#[derive(Debug, Clone)]
pub(super) struct ParquetConfig {
    /// Whether the columns are those of all files, not of the first one.
    pub merge_schema: bool,
    /// The zone of timestamps in folder names.
    pub zone: Zone,
}

impl ParquetConfig {
    /// Reads the options.
    pub(super) fn from_options(options: &OptionMap, time_zone: &str) -> Result<Self> {
        Ok(Self { merge_schema: options.flag("mergeSchema", false)?, zone: Zone::named(time_zone)? })
    }
}
