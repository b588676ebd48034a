//! Converts paths between the forms in which users write them and messages show them.
//!
//! Plain paths and `file:` URLs are taken; other schemes are refused by name. The disk is never read.

use std::path::{Path, PathBuf};
use thalweg_common::{Error, ErrorKind, Result};

/// Returns the absolute local path that `text` names. It may contain glob patterns.
///
/// ```
/// use std::path::Path;
/// use thalweg_storage::path::{full_uri, local, uri};
///
/// # fn main() -> thalweg_common::Result<()> {
/// let path = local("file:///in/a.csv")?;
/// assert_eq!(path, Path::new("/in/a.csv"));
/// assert_eq!(uri(&path), "file:/in/a.csv");
/// assert_eq!(full_uri(&path), "file:///in/a.csv");
/// assert_eq!(local("s3://bucket/a.csv").unwrap_err().class(), "UNSUPPORTED_FEATURE");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// `INVALID_EMPTY_LOCATION` for an empty path, `UNSUPPORTED_FEATURE` for a scheme other than `file`.
pub fn local(text: &str) -> Result<PathBuf> {
    let path = match text.split_once(':') {
        Some(("file", rest)) => without_authority(rest),
        Some((scheme, _)) if is_scheme(scheme) => return Err(unknown_scheme(scheme, text)),
        _ => text,
    };
    if path.is_empty() {
        return Err(Error::new(
            ErrorKind::IllegalArgument,
            "INVALID_EMPTY_LOCATION",
            "42K05",
            format!("The location name cannot be empty string, but `{text}` was given."),
        )
        .param("location", text));
    }
    std::path::absolute(path).map_err(|e| Error::internal(format!("no current directory for '{path}': {e}")))
}

/// Returns the URI of a file with its empty authority: `file:///in/a.csv`.
pub fn full_uri(path: &Path) -> String {
    format!("file://{}", shown(path))
}

/// Returns the URI of a file as Spark's messages show it: `file:/in/a.csv`.
///
/// Bytes that are not UTF-8 are shown as `\xff`, so that the file can be found.
pub fn uri(path: &Path) -> String {
    format!("file:{}", shown(path))
}

fn shown(path: &Path) -> String {
    let mut text = String::new();
    // The usual replacement character would show different names alike.
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
    }
    text
}

fn without_authority(rest: &str) -> &str {
    match rest.strip_prefix("//") {
        Some(after) => after.find('/').map_or(after, |slash| after.get(slash..).unwrap_or(after)),
        None => rest,
    }
}

fn is_scheme(text: &str) -> bool {
    // One letter is the drive of a Windows path, which is a plain path.
    text.len() > 1
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

fn unknown_scheme(scheme: &str, text: &str) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "UNSUPPORTED_FEATURE",
        "0A000",
        format!("No file system for scheme \"{scheme}\" in '{text}'."),
    )
    .param("scheme", scheme)
    .hint("Only local paths and file: URLs are read and written.")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_path_is_plain_or_a_file_url() {
        let cases = [
            ("/a/b.csv", "/a/b.csv"),
            ("file:/a/b", "/a/b"),
            ("file:///a/b", "/a/b"),
            ("file://localhost/a", "/a"),
            ("/a/x:y", "/a/x:y"),
        ];
        for (text, wanted) in cases {
            assert_eq!(local(text).unwrap(), PathBuf::from(wanted), "{text}");
        }
        assert_eq!(local("s3://b/k").unwrap_err().class(), "UNSUPPORTED_FEATURE");
        assert_eq!(local("").unwrap_err().sqlstate(), "42K05");
        assert!(local("rel.csv").unwrap().is_absolute());
    }
}
