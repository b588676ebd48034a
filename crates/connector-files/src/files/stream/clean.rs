//! Deletes or archives the files of committed epochs (`cleanSource`).
//!
//! A file is cleaned after the commit of its epoch is recorded, and only if it is as it was read. As in Spark nothing
//! depends on it: a file that cannot be moved, or whose epoch was committed by a process that died then, stays.

use super::plan::{PlannedFile, check_unchanged};
use std::io::{Error as IoError, ErrorKind as Io};
use std::path::{Path, PathBuf};
use thalweg_common::{Error, Result};
use thalweg_connectors::OptionMap;
use thalweg_storage::durable::{make_folder, write_failed};
use thalweg_storage::path::local;

/// What becomes of files whose rows are committed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum CleanSource {
    #[default]
    Off,
    Delete,
    /// They are moved below this folder, with their whole path.
    Archive(PathBuf),
}

impl CleanSource {
    /// Reads `cleanSource` and `sourceArchiveDir`.
    pub(crate) fn from_options(options: &OptionMap) -> Result<Self> {
        let folder = options.get("sourceArchiveDir");
        match (options.get("cleanSource").map(str::to_lowercase).as_deref(), folder) {
            (Some("archive"), Some(folder)) => Ok(Self::Archive(local(folder)?)),
            (Some("archive"), None) => {
                Err(options.bad("cleanSource", "off or delete, since there is no sourceArchiveDir"))
            }
            (None | Some("off" | "delete"), Some(_)) => {
                Err(options.bad("sourceArchiveDir", "nothing, since cleanSource is not archive"))
            }
            (None | Some("off"), None) => Ok(Self::Off),
            (Some("delete"), None) => Ok(Self::Delete),
            (Some(_), _) => Err(options.bad("cleanSource", "archive, delete or off")),
        }
    }

    /// Refuses to archive files into the folder that is read, where they could be read again.
    pub(super) fn check_outside(&self, read: &str) -> Result<()> {
        let Self::Archive(folder) = self else { return Ok(()) };
        let read = local(read)?;
        let is_pattern = |part: &Path| part.to_string_lossy().contains(['*', '?', '[', '{']);
        let fixed: PathBuf = read.components().take_while(|c| !is_pattern(c.as_ref())).collect();
        if !folder.starts_with(&fixed) {
            return Ok(());
        }
        let options = OptionMap::new([("sourceArchiveDir".to_owned(), folder.display().to_string())]);
        Err(options.bad("sourceArchiveDir", "a folder outside of the one that is read"))
    }

    /// Cleans files whose epochs are committed. Blocks.
    pub(super) fn clean(&self, files: &[PlannedFile]) {
        for file in files {
            if let Err(error) = self.clean_one(file) {
                tracing::warn!(file = %file.path.display(), %error, "a file that was read is not cleaned");
            }
        }
    }

    fn clean_one(&self, file: &PlannedFile) -> Result<()> {
        if *self == Self::Off {
            return Ok(());
        }
        // What was written since has not been read.
        check_unchanged(file)?;
        let failed = |e: &IoError| -> Error { write_failed(&file.path, e) };
        let Self::Archive(folder) = self else {
            return std::fs::remove_file(&file.path).map_err(|e| failed(&e));
        };
        let target = folder.join(file.path.strip_prefix("/").unwrap_or(&file.path));
        make_folder(target.parent().unwrap_or(folder))?;
        if target.exists() {
            return Err(failed(&IoError::from(Io::AlreadyExists)));
        }
        std::fs::rename(&file.path, &target).map_err(|e| failed(&e))
    }
}
