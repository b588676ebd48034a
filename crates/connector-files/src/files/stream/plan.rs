//! Encodes the files of an epoch as an entry of the source's log.
//!
//! The plan is a pure function of the files that exist, those that were planned before, and the limits.

use crate::files::FileEntry;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_storage::{checkpoint_corrupt, path};

/// A file of an epoch, as it was when the epoch was planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PlannedFile {
    #[serde(with = "any_path")]
    pub path: PathBuf,
    pub size_bytes: u64,
    pub modified_us: i64,
    #[serde(default)]
    pub folders: Vec<(String, String)>,
}

impl From<FileEntry> for PlannedFile {
    fn from(file: FileEntry) -> Self {
        let FileEntry { path, size_bytes, modified_us, folders } = file;
        Self { path, size_bytes, modified_us, folders }
    }
}

impl From<PlannedFile> for FileEntry {
    fn from(file: PlannedFile) -> Self {
        let PlannedFile { path, size_bytes, modified_us, folders } = file;
        Self { path, size_bytes, modified_us, folders }
    }
}

/// Writes a path as text, or as its bytes if it is not UTF-8, so that each file is found again.
mod any_path {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
    use std::ffi::OsString;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::path::{Path, PathBuf};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Encoded {
        Text(String),
        Bytes { base64: String },
    }

    pub(super) fn serialize<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
        let bytes = || STANDARD.encode(path.as_os_str().as_bytes());
        let encoded = match path.to_str() {
            Some(text) => Encoded::Text(text.to_owned()),
            None => Encoded::Bytes { base64: bytes() },
        };
        encoded.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
        match Encoded::deserialize(from)? {
            Encoded::Text(text) => Ok(text.into()),
            Encoded::Bytes { base64 } => {
                let bytes = STANDARD.decode(base64).map_err(D::Error::custom)?;
                Ok(OsString::from_vec(bytes).into())
            }
        }
    }
}

/// An entry of the log, which is one epoch, or the amendment of one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct LogEntry {
    pub files: Vec<PlannedFile>,
    /// The generation that wrote it; 0 in entries of earlier versions.
    #[serde(default)]
    pub generation: u64,
    /// All files up to and including this entry, in some entries of earlier versions.
    #[serde(default, skip_serializing)]
    pub seen: Option<BTreeSet<PathBuf>>,
}

impl LogEntry {
    pub(super) fn to_bytes(&self) -> Result<Bytes> {
        let json = serde_json::to_vec(self)
            .map_err(|e| Error::internal(format!("encoding an entry of a file source's log: {e}")))?;
        Ok(json.into())
    }

    pub(super) fn from_bytes(bytes: &[u8], number: u64) -> Result<Self> {
        serde_json::from_slice(bytes).map_err(|e| {
            checkpoint_corrupt(format!("Entry {number} of a file source's log is corrupt: {e}."))
                .param("entry", number.to_string())
        })
    }
}

/// The limits of one epoch.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ReadLimits {
    pub files_max: Option<u64>,
    pub bytes_max: Option<u64>,
}

impl ReadLimits {
    /// Returns whether an epoch of `files` files is full before it takes one more, which makes it `bytes` large.
    /// The first file is taken whatever its size: the stream would never pass it otherwise.
    pub(super) fn is_full(self, files: usize, bytes: u64) -> bool {
        files > 0
            && (self.files_max.is_some_and(|max| files as u64 >= max)
                || self.bytes_max.is_some_and(|max| bytes > max))
    }
}

/// Checks that a file is unchanged since it was planned.
pub(super) fn check_unchanged(planned: &PlannedFile) -> Result<()> {
    let change = crate::files::list::change(&planned.path, planned.size_bytes, planned.modified_us);
    change.map_or(Ok(()), |what| Err(changed(&planned.path, &what)))
}

fn changed(file: &Path, what: &str) -> Error {
    let shown = path::uri(file);
    Error::new(
        ErrorKind::Runtime,
        "STREAM_SOURCE_FILE_CHANGED",
        "55000",
        format!("The file {shown} {what} after the stream had planned to read it."),
    )
    .param("path", shown)
    .hint(
        "Nothing of its epoch was written. Start the query again when the file is complete: the epoch then takes it as \
         it is, or goes on without it if it is gone. To avoid this, write files under a name that begins with '_' or \
         '.' and rename them when they are complete, or set the option minFileAge.",
    )
}

/// Adds what to do to the error of a file that cannot be read, unless the error says it.
pub(super) fn with_remedy(error: Error, file: &Path) -> Error {
    if error.class() == "STREAM_SOURCE_FILE_CHANGED" {
        return error;
    }
    let cause = error.hint_text().map(|hint| format!("{hint} ")).unwrap_or_default();
    let hint = format!(
        "{cause}Nothing of its epoch was written. Repair the file {}, move it out of the folder, or name it in the \
         option skipFiles, then start the query again.",
        path::uri(file)
    );
    error.hint(hint)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    #[test]
    fn a_path_that_is_not_text_is_read_as_it_was_written() {
        for name in [&b"/in/a.csv"[..], b"/in/\xff\xfe.csv", "/in/ä".as_bytes()] {
            let path = PathBuf::from(OsString::from_vec(name.to_vec()));
            let file = PlannedFile { path, size_bytes: 1, modified_us: 2, folders: vec![] };
            let entry = LogEntry { files: vec![file], generation: 3, seen: None };
            assert_eq!(LogEntry::from_bytes(&entry.to_bytes().unwrap(), 0).unwrap(), entry);
        }
    }

    #[test]
    fn entries_of_earlier_versions_are_read() {
        let text = r#"{"files":[{"path":"/in/a","size_bytes":1,"modified_us":2,"folders":[["k","1"]]}],"seen":["/in/a"]}"#;
        let entry = LogEntry::from_bytes(text.as_bytes(), 0).unwrap();
        assert_eq!((entry.generation, entry.seen.map(|s| s.len())), (0, Some(1)));
        assert_eq!(entry.files.first().map(|f| f.folders.len()), Some(1));
    }

    #[test]
    fn the_first_file_is_taken_whatever_its_size() {
        let limits = |files_max, bytes_max| ReadLimits { files_max, bytes_max };
        for (limits, files, bytes, full) in [
            (limits(None, None), 9, 99, false),
            (limits(Some(2), None), 1, 99, false),
            (limits(Some(2), None), 2, 99, true),
            (limits(None, Some(20)), 1, 20, false),
            (limits(None, Some(20)), 1, 21, true),
            (limits(None, Some(20)), 0, 21, false),
        ] {
            assert_eq!(limits.is_full(files, bytes), full, "{limits:?} {files} {bytes}");
        }
    }
}
