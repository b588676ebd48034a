//! The options of reading Parquet. Each is used or refused by name.

use crate::OptionMap;
use thalweg_common::Result;
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
    /// Reads the options; unknown ones stay for [`OptionMap::finish`].
    pub fn from_options(options: &OptionMap, time_zone: &str) -> Result<Self> {
        // Dates are taken as they stand in the file; a calendar of before 1582 is not known.
        for key in ["datetimeRebaseMode", "int96RebaseMode"] {
            if options.get(key).is_some_and(|m| !m.eq_ignore_ascii_case("CORRECTED")) {
                return Err(options.bad(key, "CORRECTED"));
            }
        }
        Ok(Self { merge_schema: options.flag("mergeSchema", false)?, zone: Zone::named(time_zone)? })
    }
}
