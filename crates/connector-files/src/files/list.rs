//! Lists the files of a read: of paths, patterns, folders and `k=v` partition folders.
//!
//! A listing is sorted by path. Hidden names (`_x`, `.x`) are skipped inside folders and by patterns, but not if a path
//! names them. A folder below a root that is not `k=v` is entered only with `recursiveFileLookup`, as in Spark. A link to
//! a folder that contains it is not followed: its files are listed without it.

use super::io::with_retries;
use glob::Pattern;
use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use thalweg_common::suggest::nearest;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_connectors::OptionMap;
use thalweg_storage::path::{local, uri};
use thalweg_values::{datetime, zone::Zone};

/// The most alternatives that the braces of one path may expand to.
const BRACES_MAX: usize = 1024;

/// A file as it was when it was listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// The absolute path.
    pub path: PathBuf,
    /// Its size when it was listed.
    pub size_bytes: u64,
    /// Microseconds since the epoch.
    pub modified_us: i64,
    /// Column and still escaped value of each `k=v` folder between the root and the file.
    pub folders: Vec<(String, String)>,
}

impl FileEntry {
    /// Refuses a file that changed since it was listed: a scan would read parts of both versions.
    ///
    /// # Errors
    /// `FAILED_READ_FILE.FILE_NOT_EXIST`, naming the file and what happened to it.
    pub fn check_unchanged(&self) -> Result<()> {
        let Some(what) = change(&self.path, self.size_bytes, self.modified_us) else { return Ok(()) };
        let shown = uri(&self.path);
        Err(Error::new(
            ErrorKind::Runtime,
            "FAILED_READ_FILE.FILE_NOT_EXIST",
            "KD001",
            format!("Encountered error while reading file {shown}: it {what} after the query had listed it."),
        )
        .param("path", shown)
        .hint("Run the query again when nobody writes there."))
    }
}

/// Returns what happened to a file that had that size and modification time, if anything.
pub(crate) fn change(path: &Path, size_bytes: u64, modified_us: i64) -> Option<String> {
    match with_retries(|| std::fs::metadata(path)) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Some("vanished".to_owned()),
        Err(e) => Some(e.to_string()),
        Ok(now) if (now.len(), self::modified_us(&now)) == (size_bytes, modified_us) => None,
        Ok(now) => Some(format!("changed from {size_bytes} to {} bytes, or was written again", now.len())),
    }
}

/// The options of listing, which every file format takes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listing {
    recursive: bool,
    filter: Option<Pattern>,
    base: Option<PathBuf>,
    /// The instants before and after which files must have been written, in microseconds.
    before_us: Option<i64>,
    after_us: Option<i64>,
}

impl Listing {
    /// Reads `recursiveFileLookup`, `pathGlobFilter`, `basePath`, `modifiedBefore` and
    /// `modifiedAfter`; times without a zone are those of `time_zone`.
    pub(crate) fn from_options(options: &OptionMap, time_zone: &str) -> Result<Self> {
        let filter = match options.get("pathGlobFilter") {
            None => None,
            Some(text) => {
                Some(Pattern::new(text).map_err(|_| options.bad("pathGlobFilter", "a glob pattern"))?)
            }
        };
        let base = options.get("basePath").map(local).transpose()?;
        Ok(Self {
            recursive: options.flag("recursiveFileLookup", false)?,
            filter,
            base,
            before_us: instant(options, "modifiedBefore", time_zone)?,
            after_us: instant(options, "modifiedAfter", time_zone)?,
        })
    }

    /// Lists the files that `paths` name, sorted by path; class `PATH_NOT_FOUND` if one names nothing.
    pub(crate) fn files(&self, paths: &[String]) -> Result<Vec<FileEntry>> {
        self.listed(paths, usize::MAX)
    }

    /// Lists one file of each folder, which has the partition columns of all files there.
    pub(crate) fn file_of_each_folder(&self, paths: &[String]) -> Result<Vec<FileEntry>> {
        self.listed(paths, 1)
    }

    fn listed(&self, paths: &[String], most_of_folder: usize) -> Result<Vec<FileEntry>> {
        let mut found = Vec::new();
        for text in paths {
            for root in expand(text)? {
                self.below(&root, most_of_folder, &mut found)?;
            }
        }
        // Two patterns may match the same file, which has its rows once.
        found.sort_by(|a, b| a.path.cmp(&b.path));
        found.dedup_by(|a, b| a.path == b.path);
        Ok(found)
    }

    fn below(&self, root: &Path, most_of_folder: usize, found: &mut Vec<FileEntry>) -> Result<()> {
        let metadata = with_retries(|| std::fs::metadata(root)).map_err(|e| unreadable(root, &e))?;
        let base = self.base(root);
        if !metadata.is_dir() {
            found.extend(self.file(root, base, &metadata));
            return Ok(());
        }
        let mut open = vec![Folder::root(root.to_owned(), &metadata)];
        // Each step lists one folder. No folder is below itself, so the steps end.
        while let Some(folder) = open.pop() {
            let mut children = self.children(&folder, base, |_, listed| listed >= most_of_folder)?;
            found.append(&mut children.files);
            open.append(&mut children.folders);
        }
        Ok(())
    }

    /// The folder below which folders are partitions.
    pub(crate) fn base<'a>(&'a self, root: &'a Path) -> &'a Path {
        self.base.as_deref().unwrap_or(root)
    }

    /// Lists one folder: its data files, except those that `is_known` says by name and number of files before, and the
    /// folders to enter.
    pub(crate) fn children(
        &self,
        folder: &Folder,
        base: &Path,
        is_known: impl Fn(&OsStr, usize) -> bool,
    ) -> Result<Children> {
        let mut children = Children::default();
        let failed = |e: std::io::Error| unreadable(&folder.path, &e);
        let listed = match with_retries(|| std::fs::read_dir(&folder.path)) {
            // It has vanished since the folder above was listed.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && !folder.is_root() => return Ok(children),
            other => other.map_err(failed)?,
        };
        for child in listed {
            let child = child.map_err(failed)?;
            let file_name = child.file_name();
            let name = file_name.to_string_lossy();
            if is_hidden(&name) {
                continue;
            }
            // Most files of a stream's folder were read before, and looking at one costs a call of the system.
            if child.file_type().is_ok_and(|t| t.is_file()) && is_known(&file_name, children.files.len()) {
                continue;
            }
            let path = child.path();
            let metadata = match with_retries(|| std::fs::metadata(&path)) {
                Ok(metadata) => metadata,
                // A file that vanishes during the listing is treated as one that vanished before it, and so is a link
                // that leads nowhere.
                Err(e) if leads_nowhere(&e) => {
                    children.has_dead_links |= child.file_type().is_ok_and(|t| t.is_symlink());
                    continue;
                }
                Err(e) => return Err(unreadable(&path, &e)),
            };
            // To open anything else, such as a pipe, could wait for ever.
            if metadata.is_file() {
                let is_known = is_known(&file_name, children.files.len());
                children.files.extend(self.file(&path, base, &metadata).filter(|_| !is_known));
            } else if metadata.is_dir() && (self.recursive || name.contains('=')) {
                children.folders.extend(folder.child(path, &metadata));
            }
        }
        Ok(children)
    }

    /// Describes a file, unless the options leave it out.
    pub(crate) fn file(&self, path: &Path, base: &Path, metadata: &Metadata) -> Option<FileEntry> {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if self.filter.as_ref().is_some_and(|f| !f.matches(&name)) {
            return None;
        }
        let modified_us = modified_us(metadata);
        if self.before_us.is_some_and(|b| modified_us >= b) || self.after_us.is_some_and(|a| modified_us <= a)
        {
            return None;
        }
        // With `recursiveFileLookup` folders are no partitions, as in Spark.
        let folders = if self.recursive { Vec::new() } else { partition_folders(base, path) };
        Some(FileEntry { path: path.to_owned(), size_bytes: metadata.len(), modified_us, folders })
    }
}

/// A folder to list.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    pub path: PathBuf,
    /// Device and number of the folder and of those through which it was found.
    way: Vec<(u64, u64)>,
}

impl Folder {
    /// The folder that a path names.
    pub(crate) fn root(path: PathBuf, metadata: &Metadata) -> Self {
        Self { path, way: vec![(metadata.dev(), metadata.ino())] }
    }

    fn is_root(&self) -> bool {
        self.way.len() == 1
    }

    /// A folder in this one; none if it is a link to this one or to one through which this one was found.
    fn child(&self, path: PathBuf, metadata: &Metadata) -> Option<Self> {
        let id = (metadata.dev(), metadata.ino());
        let way = || self.way.iter().copied().chain([id]).collect();
        (!self.way.contains(&id)).then(|| Self { path, way: way() })
    }
}

/// What a folder contains.
#[derive(Debug, Default)]
pub(crate) struct Children {
    pub files: Vec<FileEntry>,
    pub folders: Vec<Folder>,
    /// Whether there are links whose target does not exist.
    pub has_dead_links: bool,
}

/// Whether the error is that of a path without anything at its end.
fn leads_nowhere(error: &std::io::Error) -> bool {
    // Linux's number of ELOOP, whose kind is not stable: a link to itself.
    const ELOOP: i32 = 40;
    error.kind() == std::io::ErrorKind::NotFound || error.raw_os_error() == Some(ELOOP)
}

/// Reads the instant that an option is.
fn instant(options: &OptionMap, key: &str, time_zone: &str) -> Result<Option<i64>> {
    let Some(text) = options.get(key) else { return Ok(None) };
    let zone = Zone::named(options.get("timeZone").unwrap_or(time_zone))?;
    let instant = datetime::timestamp(text).and_then(|t| t.instant(zone));
    instant.map(Some).ok_or_else(|| options.bad(key, "a time such as 2020-06-01T13:00:00"))
}

/// Returns when a file was last written, in microseconds since 1970; 0 if the system does not know.
pub fn modified_us(metadata: &Metadata) -> i64 {
    let since = metadata.modified().ok().and_then(|m| m.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX))
}

/// Returns whether a name is not data: it is hidden, or its file is still being written.
pub(crate) fn is_hidden(name: &str) -> bool {
    name.starts_with('.') || (name.starts_with('_') && !name.contains('=')) || name.ends_with("._COPYING_")
}

/// Returns the error for a path that does not exist, with similar names in its folder as a hint.
pub fn not_found(text: &str) -> Error {
    let error =
        Error::new(ErrorKind::Analysis, "PATH_NOT_FOUND", "42K03", format!("Path does not exist: {text}."))
            .param("path", text);
    let path = Path::new(text.strip_prefix("file:").unwrap_or(text));
    let is_pattern = text.contains(['*', '?', '[', '{']);
    match (near(path), path.ancestors().skip(1).find(|p| p.is_dir())) {
        (near, _) if !near.is_empty() => error.hint(format!("Did you mean {}?", near.join(", "))),
        (_, Some(folder)) if is_pattern => error.hint(format!("No file below {} matches.", uri(folder))),
        (_, Some(folder)) => error.hint(format!("The folder {} is there.", uri(folder))),
        _ => error,
    }
}

/// Returns files beside a path that does not exist, with names like its name.
fn near(path: &Path) -> Vec<String> {
    const LOOKED_AT_MAX: usize = 1000;
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Vec::new() };
    // A hint is not worth the time that a very large folder takes.
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().take(LOOKED_AT_MAX);
    let mut names: Vec<String> = entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|n| !is_hidden(n));
    names.sort();
    nearest(&name.to_string_lossy(), names.iter().map(String::as_str))
        .iter()
        .map(|n| format!("'{n}'"))
        .collect()
}

pub(crate) fn unreadable(path: &Path, cause: &std::io::Error) -> Error {
    if cause.kind() == std::io::ErrorKind::NotFound {
        return not_found(&uri(path));
    }
    let error = read_failed(path, cause);
    match cause.kind() {
        std::io::ErrorKind::PermissionDenied => error.hint("Check who may read it."),
        _ => error,
    }
}

/// Returns the error for a file or folder that cannot be read.
pub fn read_failed(path: &Path, cause: &dyn std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::Runtime,
        "FAILED_READ_FILE.NO_HINT",
        "KD001",
        format!("Encountered error while reading file {}: {cause}.", uri(path)),
    )
    .param("path", uri(path))
}

fn partition_folders(base: &Path, path: &Path) -> Vec<(String, String)> {
    let inner = path.parent().and_then(|p| p.strip_prefix(base).ok());
    let names = inner.into_iter().flat_map(Path::components);
    let pair = |name: String| name.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned()));
    names.filter_map(|c| pair(c.as_os_str().to_string_lossy().into_owned())).collect()
}

/// Returns the roots that a path names: itself, or what its pattern matches.
pub(crate) fn expand(text: &str) -> Result<Vec<PathBuf>> {
    let path = local(text)?;
    let shown = path.to_string_lossy().into_owned();
    // A file may have such characters in its name, and then is meant itself.
    if !shown.contains(['*', '?', '[', '{']) || path.exists() {
        return if path.exists() { Ok(vec![path]) } else { Err(not_found(&uri(&path))) };
    }
    let mut found = Vec::new();
    for pattern in braces(&shown)? {
        let options = glob::MatchOptions { require_literal_leading_dot: true, ..Default::default() };
        let matches = glob::glob_with(&pattern, options).map_err(|e| bad_glob(text, &e.to_string()))?;
        for path in matches {
            match path {
                Ok(path) if named_hidden(&path) => {}
                Ok(path) => found.push(path),
                Err(e) if leads_nowhere(e.error()) => {}
                // A folder that cannot be listed may contain what was asked for.
                Err(e) => return Err(unreadable(e.path(), e.error())),
            }
        }
    }
    if found.is_empty() { Err(not_found(&uri(&path))) } else { Ok(found) }
}

fn named_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|n| is_hidden(&n.to_string_lossy()))
}

fn bad_glob(text: &str, cause: &str) -> Error {
    Error::new(
        ErrorKind::IllegalArgument,
        "INVALID_GLOB",
        "22023",
        format!("The path '{text}' is not a valid pattern: {cause}."),
    )
    .param("path", text)
}

/// Expands `{a,b}` into all its alternatives.
fn braces(pattern: &str) -> Result<Vec<String>> {
    // The last `{` is expanded first, so that its `}` is the next one. Each step removes a pair of braces.
    let (mut open, mut done) = (vec![pattern.to_owned()], Vec::new());
    while let Some(next) = open.pop() {
        let start = next.rfind('{');
        let end = start.and_then(|s| next.get(s..).and_then(|t| t.find('}')).map(|e| s + e));
        match (start, end) {
            (Some(s), Some(e)) => {
                let (before, inner, after) = (&next[..s], &next[s + 1..e], &next[e + 1..]);
                open.extend(inner.split(',').map(|choice| format!("{before}{choice}{after}")));
            }
            _ => done.push(next),
        }
        if open.len() + done.len() > BRACES_MAX {
            return Err(bad_glob(pattern, "too many alternatives"));
        }
    }
    done.sort();
    Ok(done)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(files: &[&str], path: &str, options: &[(&str, &str)], wanted: &[&str]) {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        let options = OptionMap::new(options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
        let root = dir.path().join(path).to_string_lossy().into_owned();
        let found = Listing::from_options(&options, "UTC").unwrap().files(&[root]);
        let shown: Vec<String> = match found {
            Ok(found) => found
                .iter()
                .map(|f| f.path.strip_prefix(dir.path()).unwrap().to_string_lossy().into_owned())
                .collect(),
            Err(e) => vec![e.class().to_owned()],
        };
        assert_eq!(shown, wanted, "{path}");
    }

    #[test]
    fn a_folder_that_may_not_be_read_is_named() {
        let denied = unreadable(Path::new("/in/k=1"), &std::io::Error::from_raw_os_error(13));
        assert_eq!(denied.class(), "FAILED_READ_FILE.NO_HINT");
        assert!(denied.message().contains("file:/in/k=1: Permission denied"), "{denied}");
        assert_eq!(denied.hint_text(), Some("Check who may read it."));
    }

    #[test]
    fn a_listing_is_sorted_and_skips_what_is_not_data() {
        let files = ["b.csv", "a.csv", "_SUCCESS", ".a.crc", "_temporary/0/p.csv", "sub/c.csv"];
        check(&files, "", &[], &["a.csv", "b.csv"]);
        check(&files, "", &[("recursiveFileLookup", "true")], &["a.csv", "b.csv", "sub/c.csv"]);
        check(&files, "", &[("pathGlobFilter", "a*")], &["a.csv"]);
        check(&files, "", &[("modifiedAfter", "2000-01-01T00:00:00")], &["a.csv", "b.csv"]);
        check(&files, "", &[("modifiedBefore", "2000-01-01T00:00:00")], &[]);
        check(&files, "*.csv", &[], &["a.csv", "b.csv"]);
        check(&files, "{a,sub/c}.csv", &[], &["a.csv", "sub/c.csv"]);
        check(&files, "_SUCCESS", &[], &["_SUCCESS"]);
        check(&files, "nope", &[], &["PATH_NOT_FOUND"]);
        check(&files, "nope*.csv", &[], &["PATH_NOT_FOUND"]);
        check(&["k=1/_x=2/a", "k=1/b"], "", &[], &["k=1/_x=2/a", "k=1/b"]);
    }

    #[test]
    fn one_file_of_each_folder_is_one_that_is_data() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["k=1/a.csv", "k=1/b.csv", "k=1/c.txt", "k=2/_a.csv", "k=2/c.csv", "k=3/_SUCCESS"] {
            let path = dir.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        let options = OptionMap::new([("pathGlobFilter".to_owned(), "*.csv".to_owned())]);
        let listing = Listing::from_options(&options, "UTC").unwrap();
        let found = listing.file_of_each_folder(&[dir.path().to_string_lossy().into_owned()]).unwrap();
        let folders: Vec<_> = found.iter().map(|f| f.folders.clone()).collect();
        let folder = |value: &str| vec![("k".to_owned(), value.to_owned())];
        assert_eq!(folders, [folder("1"), folder("2")]);
    }
}
