//! Runs the project's development commands: `cargo xtask test`, `ci`, `tidy`, `venv`.
//!
//! One command runs every check on a machine that has cargo, a C compiler and Python. Only the standard
//! library is used, so that the commands build and start within seconds.

mod python;
mod run;
mod steps;
mod tidy;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask <COMMAND>

  test           every check: format, tidy, lints, unit and SQL tests, process kills, demo, PySpark
  test --fast    unit and SQL tests only
  ci             the same as test, where a missing rustfmt or clippy is a failure and not a skipped step
  tidy           module heads, sizes, shares of tests and comments, crate edges, names, one version of arrow
  tidy --shrink  also lowers the recorded sizes to what they are now
  tidy --sizes   prints the distribution of the sizes of functions, and the tests and comments of each crate
  venv           makes the Python environment of the tests and prints where it is
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        // On a build machine a missing tool must not pass as a skipped step.
        ["test"] => steps::all(std::env::var_os("CI").is_some()),
        ["test", "--fast"] => steps::fast(),
        ["ci"] => steps::all(true),
        ["tidy"] => tidy::run(false),
        ["tidy", "--shrink"] => tidy::run(true),
        ["tidy", "--sizes"] => tidy::sizes(),
        ["venv"] => python::environment().map(|python| run::say(&python.display().to_string())),
        [] | ["help" | "--help" | "-h"] => {
            run::say(HELP);
            Ok(())
        }
        other => Err(format!("no such command: {}\n\n{HELP}", other.join(" "))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            run::say(&format!("xtask: {message}"));
            ExitCode::FAILURE
        }
    }
}
