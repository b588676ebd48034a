//! The options of reading a folder as a stream, next to those of its format.

use crate::OptionMap;
use crate::files::Listing;
use crate::text::config::{count, refuse_unless_default};
use thalweg_common::{Error, Result};

/// How much one epoch takes, and what a folder's files are.
#[derive(Debug, Clone)]
pub(crate) struct StreamConfig {
    pub files_max: Option<u64>,
    pub bytes_max: Option<u64>,
    /// Newest files first; what is old comes when nothing is new.
    pub latest_first: bool,
    pub listing: Listing,
}

impl StreamConfig {
    /// Reads the options; those that would forget files or delete them are refused.
    pub fn from_options(options: &OptionMap, time_zone: &str) -> Result<Self> {
        refuse_unless_default(options, &[("modifiedBefore", ""), ("modifiedAfter", "")])?;
        let positive = |key: &str| match count(options, key)? {
            Some(0) => Err(options.bad(key, "a number above 0")),
            other => Ok(other),
        };
        let (files_max, bytes_max) = (positive("maxFilesPerTrigger")?, positive("maxBytesPerTrigger")?);
        if files_max.is_some() && bytes_max.is_some() {
            return Err(options.bad("maxBytesPerTrigger", "nothing, since maxFilesPerTrigger is given too"));
        }
        if options.get("cleanSource").is_some_and(|v| !v.eq_ignore_ascii_case("off")) {
            return Err(options.bad("cleanSource", "off"));
        }
        if options.flag("fileNameOnly", false)? {
            return Err(options.bad("fileNameOnly", "false"));
        }
        Ok(Self {
            files_max,
            bytes_max,
            latest_first: options.flag("latestFirst", false)?,
            listing: Listing::from_options(options, time_zone)?,
        })
    }
}

/// The one folder or pattern that a stream reads.
pub(crate) fn single_path(paths: &[String]) -> Result<String> {
    match paths {
        [one] => Ok(one.clone()),
        _ => Err(Error::unsupported("a stream over several paths; use a pattern such as /in/{a,b}")),
    }
}
