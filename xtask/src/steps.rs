//! Runs the steps of `cargo xtask test` and `ci` in their order, and prints the time of each.
//!
//! One profile, one set of features and one build of the dependencies serve all steps. `cargo
//! clippy` would check every dependency a second time, because a build cannot use metadata-only artifacts;
//! so the lints run as a wrapper around the compiler of the workspace's crates during the
//! normal build. The steps stop at the first failure, which would make later ones fail too.

use crate::run::{Outcome, answers, command, run, say, target_dir};
use crate::{python, tidy};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Tests that start and kill hundreds of processes; `test = false` keeps them out of `cargo test`.
const SLOW_TESTS: &str = "kill_matrix";

/// Whether a step has run.
#[derive(Clone, Copy, PartialEq)]
enum Done {
    Ran,
    Skipped,
}

type StepOutcome = Result<Done, String>;

struct Step {
    name: &'static str,
    run: fn(strict: bool) -> StepOutcome,
}

const FAST: &[Step] =
    &[Step { name: "build", run: build }, Step { name: "unit and SQL tests", run: |_| fast_tests() }];

const ALL: &[Step] = &[
    Step { name: "format", run: format },
    Step { name: "tidy", run: |_| ran(tidy::run(false)) },
    Step { name: "licences", run: |_| licences() },
    Step { name: "build", run: build },
    Step { name: "unit and SQL tests", run: |_| fast_tests() },
    Step { name: "process kills", run: |_| slow_tests() },
    Step { name: "demo against DuckDB", run: |_| demo() },
    Step { name: "PySpark", run: |_| pyspark() },
];

/// Runs unit and SQL tests only.
pub(crate) fn fast() -> Outcome {
    perform(FAST, false)
}

/// Runs every step; `strict` makes a missing tool a failure.
pub(crate) fn all(strict: bool) -> Outcome {
    perform(ALL, strict)
}

fn perform(steps: &[Step], strict: bool) -> Outcome {
    let mut times = Vec::new();
    for step in steps {
        say(&format!("== {}", step.name));
        let start = now();
        let done = (step.run)(strict);
        let time = start.elapsed();
        times.push((step.name, (done != Ok(Done::Skipped)).then_some(time)));
        if let Err(message) = done {
            report(&times);
            return Err(format!("{}: {message}", step.name));
        }
    }
    report(&times);
    Ok(())
}

#[allow(clippy::disallowed_methods)]
fn now() -> Instant {
    Instant::now()
}

/// Prints the times of the steps; a step without one was skipped.
fn report(times: &[(&str, Option<Duration>)]) {
    let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
    say("== times");
    for (name, time) in times {
        say(&format!("{name:<22} {:>9}", time.map_or_else(|| "skipped".to_owned(), seconds)));
    }
    let total: Duration = times.iter().filter_map(|(_, time)| *time).sum();
    say(&format!("{:<22} {:>9}", "together", seconds(total)));
}

fn ran(outcome: Outcome) -> StepOutcome {
    outcome.map(|()| Done::Ran)
}

/// Reports a missing tool: a failure when strict, a skipped step otherwise.
fn missing(strict: bool, what: &str, advice: &str) -> StepOutcome {
    if strict {
        return Err(format!("{what} is not installed: {advice}"));
    }
    say(&format!("skipped: {what} is not installed ({advice})"));
    Ok(Done::Skipped)
}

fn format(strict: bool) -> StepOutcome {
    if !answers("cargo", &["fmt", "--version"]) {
        return missing(strict, "rustfmt", "rustup component add rustfmt");
    }
    ran(run(&mut command("cargo", ["fmt", "--all", "--check"])))
}

/// cargo-deny takes minutes to build, so it is used only where it is installed, also when strict; `tidy` checks without
/// it that the lock file holds one version of arrow, datafusion and parquet.
fn licences() -> StepOutcome {
    if !answers("cargo", &["deny", "--version"]) {
        return missing(false, "cargo-deny", "cargo install cargo-deny; no licence was checked");
    }
    ran(run(&mut command("cargo", ["deny", "check", "bans", "licenses", "sources"])))
}

fn cargo(args: &[&str]) -> Command {
    let mut cargo = command("cargo", args);
    if answers("clippy-driver", &["--version"]) {
        cargo.env("RUSTC_WORKSPACE_WRAPPER", "clippy-driver");
    }
    cargo
}

fn build(strict: bool) -> StepOutcome {
    if !answers("clippy-driver", &["--version"]) {
        missing(strict, "clippy", "rustup component add clippy")?;
    }
    let cold = !dependencies_are_built(&target_dir()?.join("debug/deps"));
    let start = now();
    run(&mut cargo(&["build", "--locked", "--workspace", "--all-targets"]))?;
    // `--all-targets` leaves out tests with `test = false`.
    run(&mut cargo(&["build", "--locked", "--workspace", "--test", SLOW_TESTS]))?;
    let kind = if cold { "cold build, dependencies included" } else { "build, dependencies were there" };
    say(&format!("{kind}: {:.0} s", start.elapsed().as_secs_f64()));
    Ok(Done::Ran)
}

/// Checks for DataFusion, the dependency that takes the longest to build.
fn dependencies_are_built(deps: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(deps) else { return false };
    entries.flatten().any(|e| e.file_name().to_string_lossy().starts_with("libdatafusion-"))
}

fn fast_tests() -> StepOutcome {
    ran(run(&mut cargo(&["test", "--locked", "--workspace"])))
}

fn slow_tests() -> StepOutcome {
    ran(run(&mut cargo(&["test", "--locked", "--workspace", "--test", SLOW_TESTS, "--", "--nocapture"])))
}

fn demo() -> StepOutcome {
    let python = python::environment()?;
    let thalweg = target_dir()?.join("debug/thalweg");
    ran(run(command(&python, ["tests/demo/check_duckdb.py"]).env("THALWEG_BIN", thalweg)))
}

fn pyspark() -> StepOutcome {
    let python = python::environment()?;
    let thalweg = target_dir()?.join("debug/thalweg");
    // The checkout must not get caches of Python.
    ran(run(command(&python, ["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/pyspark"])
        .env("THALWEG_BIN", thalweg)
        .env("PYTHONDONTWRITEBYTECODE", "1")))
}
