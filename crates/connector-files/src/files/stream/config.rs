//! Reads the options of a folder that is read as a stream; the options of its format are read elsewhere.

use crate::files::Listing;
use thalweg_common::{Error, Result};
use thalweg_connectors::OptionMap;

/// How many files an epoch reads, and which files a folder contains.
#[derive(Debug, Clone)]
pub(crate) struct StreamConfig {
    pub files_max: Option<u64>,
    pub bytes_max: Option<u64>,
    /// Whether to read the newest files first.
    pub latest_first: bool,
    pub listing: Listing,
}

impl StreamConfig {
    /// Reads the options.
    pub(crate) fn from_options(options: &OptionMap, time_zone: &str) -> Result<Self> {
        let positive = |key: &str| match options.count(key)? {
            Some(0) => Err(options.bad(key, "a number above 0")),
            other => Ok(other),
        };
        let (files_max, bytes_max) = (positive("maxFilesPerTrigger")?, positive("maxBytesPerTrigger")?);
        // As in Spark, only one of the two limits can be given.
        if files_max.is_some() && bytes_max.is_some() {
            return Err(options.bad("maxBytesPerTrigger", "nothing, since maxFilesPerTrigger is given too"));
        }
        Ok(Self {
            files_max,
            bytes_max,
            latest_first: options.flag("latestFirst", false)?,
            listing: Listing::from_options(options, time_zone)?,
        })
    }
}

/// Returns the one folder or pattern that a stream reads.
pub(crate) fn single_path(paths: &[String]) -> Result<String> {
    match paths {
        [one] => Ok(one.clone()),
        _ => Err(Error::unsupported("a stream over several paths; use a pattern such as /in/{a,b}")),
    }
}
