//! The options of reading Parquet. Each is used or refused by name.

use thalweg_common::Result;
use thalweg_connectors::OptionMap;
use thalweg_values::zone::Zone;

/// Everything that reading Parquet needs to know.
#[derive(Debug, Clone)]
pub(super) struct ParquetConfig {
    /// The columns of all files together, not of the first one.
    pub merge_schema: bool,
    /// How timestamps in folder names are read.
    pub zone: Zone,
}

impl ParquetConfig {
    /// Reads the options.
    pub(super) fn from_options(options: &OptionMap, time_zone: &str) -> Result<Self> {
        Ok(Self { merge_schema: options.flag("mergeSchema", false)?, zone: Zone::named(time_zone)? })
    }
}
