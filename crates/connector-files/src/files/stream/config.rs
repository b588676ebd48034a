//! Reads the options of a folder that is read as a stream; the options of its format are read elsewhere.

use super::clean::CleanSource;
use super::plan::ReadLimits;
use super::seen::KeyKind;
use crate::files::Listing;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use thalweg_common::{Error, Result};
use thalweg_connectors::OptionMap;
use thalweg_storage::path::local;

/// How many files an epoch reads, and which files a folder contains.
#[derive(Debug, Clone)]
pub(crate) struct StreamConfig {
    pub limits: ReadLimits,
    /// Whether to read the newest files first.
    pub latest_first: bool,
    /// Whether a file is known by its path or by its name.
    pub keys: KeyKind,
    /// Files that are older than the newest one by more than this are left out.
    pub max_file_age: Option<Duration>,
    /// A file is read when nobody has written it for this time.
    pub min_file_age: Duration,
    pub skipped: Arc<SkippedFiles>,
    pub clean: CleanSource,
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
        let latest_first = options.flag("latestFirst", false)?;
        let max_file_age = options.duration("maxFileAge")?;
        // Spark ignores the age then, since the files that wait for the newer ones would be left out.
        if max_file_age.is_some() && latest_first && (files_max.is_some() || bytes_max.is_some()) {
            let wanted = "nothing, since latestFirst with a limit per trigger reads old files last";
            return Err(options.bad("maxFileAge", wanted));
        }
        Ok(Self {
            limits: ReadLimits { files_max, bytes_max },
            latest_first,
            keys: if options.flag("fileNameOnly", false)? { KeyKind::Name } else { KeyKind::Path },
            max_file_age,
            min_file_age: options.duration("minFileAge")?.unwrap_or_default(),
            skipped: Arc::new(SkippedFiles::from_options(options)?),
            clean: CleanSource::from_options(options)?,
            listing: Listing::from_options(options, time_zone)?,
        })
    }
}

/// The files that a user has told to skip.
#[derive(Debug, Default)]
pub(crate) struct SkippedFiles(HashSet<PathBuf>);

impl SkippedFiles {
    const KEY: &str = "skipFiles";

    /// Reads one path or name, or a JSON array of them.
    fn from_options(options: &OptionMap) -> Result<Self> {
        let Some(text) = options.get(Self::KEY) else { return Ok(Self::default()) };
        let texts: Vec<String> = match text.trim_start().starts_with('[') {
            true => serde_json::from_str(text)
                .map_err(|_| options.bad(Self::KEY, "a path, or paths such as [\"/in/a.csv\", \"b.csv\"]"))?,
            false => vec![text.to_owned()],
        };
        // A text without a folder is the name of a file, wherever it is.
        let path = |text: &String| if text.contains('/') { local(text) } else { Ok(text.into()) };
        Ok(Self(texts.iter().map(path).collect::<Result<_>>()?))
    }

    /// Returns whether a file is to be skipped.
    pub(crate) fn contains(&self, file: &Path) -> bool {
        !self.0.is_empty()
            && (self.0.contains(file)
                || file.file_name().is_some_and(|name| self.0.contains(Path::new(name))))
    }
}

/// Returns the one folder or pattern that a stream reads.
pub(crate) fn single_path(paths: &[String]) -> Result<String> {
    match paths {
        [one] => Ok(one.clone()),
        _ => Err(Error::unsupported("a stream over several paths; use a pattern such as /in/{a,b}")),
    }
}
