//! Runs the trials in processes with an injected bug, to prove that the matrix detects it.
//!
//! Such a process is this test's own program, in which a variable selects the bug: the released binary cannot
//! inject one. The table is read by the released binary.

use crate::input::Trial;
use crate::process::{Process, ProcessEnd, read};
use std::process::Command;
use std::sync::Arc;
use thalweg_common::injected_bug::{InjectedBug, inject};
use thalweg_connectors_all::standard_registry;
use thalweg_engine::{Engine, EngineConfig};

/// Which bug the child plants, and the trial's data directory and script. Only this file reads them.
const BUG: &str = "TEST_INJECTED_BUG";
const DATA_DIR: &str = "TEST_DATA_DIR";
const SCRIPT: &str = "TEST_SCRIPT";

const BUGS: [(&str, Option<InjectedBug>); 4] = [
    ("none", None),
    ("restore the newest manifest", Some(InjectedBug::RestoreNewest)),
    ("mix two epochs", Some(InjectedBug::MixEpochs)),
    ("skip the sink's fence", Some(InjectedBug::SkipFence)),
];

/// Starts the job of a trial in a process with a bug.
fn start(trial: &Trial, machine: &str, bug: &str, fault: Option<&str>) -> Process {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "injected_bugs::the_process_with_a_bug", "--nocapture"]);
    command.env(BUG, bug).env(DATA_DIR, trial.data_dir(machine)).env(SCRIPT, trial.script("job"));
    Process::spawn(command, fault)
}

/// Runs a job with a bug as the child process of another test; otherwise does nothing.
#[test]
fn the_process_with_a_bug() {
    let Ok(name) = std::env::var(BUG) else { return };
    let (_, bug) = BUGS.into_iter().find(|(n, _)| *n == name).unwrap();
    assert!(bug.is_none_or(inject));
    crate::fault::install_from_environment().unwrap();
    let text = std::fs::read_to_string(std::env::var_os(SCRIPT).unwrap()).unwrap();
    let config = EngineConfig {
        workers: Some(2),
        resume_jobs: false,
        ..EngineConfig::new(std::env::var_os(DATA_DIR).unwrap())
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(16 << 20).build();
    runtime.unwrap().block_on(async {
        let engine = Engine::open(config, standard_registry().unwrap()).await.unwrap();
        let session = engine.new_session("thalweg", "sql");
        for statement in thalweg_engine::parse(&text).unwrap() {
            let place: Arc<str> = statement.text.as_str().into();
            session.execute(statement.statement, Some(place)).await.unwrap();
        }
        engine.shutdown().await;
    });
}

/// Kills a process with the bug at a fail point, runs another one until it ends, and verifies the table.
fn killed(seed: u64, bug: &str, fault: &str) -> Result<(), String> {
    let trial = Trial::new(seed);
    let ProcessEnd::Killed = start(&trial, "one", bug, Some(fault)).end() else {
        return Err(format!("not killed at {fault}"));
    };
    match start(&trial, "one", bug, None).end() {
        ProcessEnd::Done(_) => trial.verify(&read(&trial, "one")),
        ProcessEnd::Killed => Err("killed, but not by the test".to_owned()),
        ProcessEnd::Failed(why) => Err(format!("failed: {why}")),
    }
}

/// Freezes a process with the bug before it commits, runs another one until it ends, thaws the first one, and
/// verifies the table.
fn frozen(seed: u64, bug: &str, fault: &str) -> Result<(), String> {
    let trial = Trial::new(seed);
    trial.share_checkpoints(&["old", "new"]);
    let old = start(&trial, "old", bug, Some(fault)).frozen().ok_or("not frozen")?;
    if let ProcessEnd::Failed(why) = start(&trial, "new", bug, None).end() {
        return Err(format!("the new process failed: {why}"));
    }
    trial.verify(&read(&trial, "new")).map_err(|e| format!("before the thaw: {e}"))?;
    old.thaw();
    old.end();
    trial.verify(&read(&trial, "new"))
}

/// Returns the verdicts about rows that are lost or written twice.
fn wrong_rows(verdicts: &[Result<(), String>]) -> Vec<&str> {
    let is_about_rows = |why: &&str| ["twice", "lost"].iter().any(|word| why.contains(word));
    verdicts.iter().filter_map(|v| v.as_ref().err()).map(String::as_str).filter(is_about_rows).collect()
}

const TRIALS: u64 = 3;
/// An epoch from which on rows are written; before it no window has closed.
const WRITES_ROWS: u64 = 12;

fn trials(trial: impl Fn(u64) -> Result<(), String>) -> Vec<Result<(), String>> {
    (0..TRIALS).map(trial).collect()
}

#[test]
fn without_a_bug_the_trials_find_nothing() {
    for verdict in [
        killed(0, "none", &format!("kill@manifest.written:{WRITES_ROWS}")),
        killed(1, "none", "kill@commit.recorded:5"),
        frozen(2, "none", &format!("stop@sink.commit:{WRITES_ROWS}")),
    ] {
        verdict.unwrap();
    }
}

#[test]
fn the_matrix_detects_a_run_that_restores_the_newest_manifest() {
    let verdicts = trials(|n| {
        killed(n, "restore the newest manifest", &format!("kill@manifest.written:{}", WRITES_ROWS + n))
    });
    assert!(!wrong_rows(&verdicts).is_empty(), "{verdicts:?}");
}

#[test]
fn the_matrix_detects_two_epochs_that_are_mixed() {
    let verdicts = trials(|n| killed(n, "mix two epochs", &format!("kill@commit.recorded:{}", 4 + n)));
    assert!(!wrong_rows(&verdicts).is_empty(), "{verdicts:?}");
}

#[test]
fn the_matrix_detects_a_sink_that_fences_nobody() {
    let verdicts =
        trials(|n| frozen(n, "skip the sink's fence", &format!("stop@sink.commit:{}", WRITES_ROWS + n)));
    assert!(!wrong_rows(&verdicts).is_empty(), "{verdicts:?}");
}
