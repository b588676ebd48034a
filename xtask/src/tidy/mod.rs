//! Checks the project's rules that neither the compiler nor clippy checks.
//!
//! Each check takes the files of the checkout and returns complaints, one line each, which begin with the position.
//! Only files that git tracks or would track are checked. Every exception in a table has a reason.

mod calls;
mod comments;
mod connectors;
mod edges;
mod heads;
mod lock;
mod modules;
mod names;
mod paths;
mod ratchet;
mod shares;
mod size;
mod statements;
mod text;
mod tokens;
mod type_names;

use crate::run::{Outcome, command, output, root, say};
use std::path::PathBuf;

/// A file of the checkout.
struct File {
    /// From the root, with forward slashes.
    path: String,
    text: String,
}

impl File {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }
    /// Integration tests and their helpers.
    fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }
}

/// Runs every check; `shrink` rewrites the ratchet, never with a larger number.
pub(crate) fn run(shrink: bool) -> Outcome {
    let files = files()?;
    if shrink {
        size::shrink(&files)?;
    }
    let mut complaints = Vec::new();
    complaints.extend(heads::check(&files));
    complaints.extend(size::check(&files));
    complaints.extend(shares::check(&files));
    complaints.extend(comments::check(&files));
    complaints.extend(edges::check(&files));
    complaints.extend(calls::check(&files));
    complaints.extend(names::check(&files));
    complaints.extend(paths::check(&files));
    complaints.extend(statements::check(&files));
    complaints.extend(connectors::check(&files));
    complaints.extend(lock::check(&files));
    complaints.extend(modules::check(&files));
    complaints.extend(type_names::check(&files));
    if complaints.is_empty() {
        say(&format!("tidy: {} files are in order", files.len()));
        return Ok(());
    }
    for complaint in &complaints {
        say(complaint);
    }
    Err(format!("{} complaints", complaints.len()))
}

/// Prints how large functions are, and the shares of tests and of comments of each crate.
pub(crate) fn sizes() -> Outcome {
    let files = files()?;
    size::print(&files);
    shares::print(&files);
    comments::print(&files);
    Ok(())
}

/// Reads all text files that git tracks or would track.
fn files() -> Outcome<Vec<File>> {
    let list = output(&mut command("git", ["ls-files", "--cached", "--others", "--exclude-standard"]))?;
    let mut files = Vec::new();
    for path in list.lines() {
        let whole: PathBuf = root().join(path);
        // A deleted file is listed until its deletion is staged, and binary files have no text.
        if let Ok(text) = std::fs::read_to_string(whole) {
            files.push(File { path: path.to_owned(), text });
        }
    }
    Ok(files)
}

#[cfg(test)]
fn file(path: &str, text: &str) -> File {
    File { path: path.to_owned(), text: text.to_owned() }
}
