//! Runs commands and finds the folders of the checkout.
//!
//! Messages of xtask go to stderr: stdout belongs to the tests that it runs.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A result whose error is one text for the user.
pub(crate) type Outcome<T = ()> = Result<T, String>;

/// Writes a line to stderr. A closed stderr is ignored.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Returns the root of the checkout.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Returns cargo's target directory: xtask itself is in `<target>/debug/`.
pub(crate) fn target_dir() -> Outcome<PathBuf> {
    let me = std::env::current_exe().map_err(|e| format!("cannot find the program xtask: {e}"))?;
    me.ancestors()
        .nth(2)
        .map(Path::to_path_buf)
        .ok_or_else(|| format!("{} is not in a target directory", me.display()))
}

/// Creates a command that runs at the root of the checkout.
pub(crate) fn command<S: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    args: impl IntoIterator<Item = S>,
) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(root());
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_of_package(name)) {
        command.env_remove(name);
    }
    command
}

/// Returns whether cargo set the variable for the package of xtask. A build script that watches such a
/// variable (ring's does) would run again, and all its dependents would be compiled again.
fn is_of_package(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") || name == "OUT_DIR"
}

/// Runs a command to its end; it inherits the output streams.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let status = command.status().map_err(|e| format!("can't start {}: {e}", shown(command)))?;
    if status.success() { Ok(()) } else { Err(format!("{} ended with {status}", shown(command))) }
}

/// Runs a command and returns its stdout.
pub(crate) fn output(command: &mut Command) -> Outcome<String> {
    let output = command.output().map_err(|e| format!("can't start {}: {e}", shown(command)))?;
    if !output.status.success() {
        let talk = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("{} ended with {}\n{talk}", shown(command), output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Returns whether a program is installed and succeeds with `args`.
pub(crate) fn answers(program: &str, args: &[&str]) -> bool {
    command(program, args).output().is_ok_and(|o| o.status.success())
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|w| w.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
