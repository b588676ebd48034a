//! Starts a process, waits until it ends or freezes, and thaws it.

use crate::input::Trial;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};

const SIGKILL: i32 = 9;

/// How a process ended.
pub(crate) enum ProcessEnd {
    Killed,
    Done(String),
    Failed(String),
}

/// A running process, which is killed when this is dropped.
pub(crate) struct Process {
    child: Child,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    /// Starts a script of the trial on one of its machines, with a fault.
    pub(crate) fn start(trial: &Trial, machine: &str, script: &str, fault: Option<&str>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_thalweg"));
        command.args(["sql", "--format", "csv", "--data-dir"]).arg(trial.data_dir(machine));
        command.arg("-f").arg(trial.script(script));
        command.env("THALWEG_ENGINE__WORKERS", "2");
        Self::spawn(command, fault)
    }

    /// Starts any command with a fault.
    pub(crate) fn spawn(mut command: Command, fault: Option<&str>) -> Self {
        command.env_remove("THALWEG_FAULT");
        if let Some(fault) = fault {
            command.env("THALWEG_FAULT", fault);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { child: command.spawn().unwrap() }
    }

    /// Waits for the end. The output fits into a pipe, so reading one pipe after the other cannot block.
    pub(crate) fn end(mut self) -> ProcessEnd {
        let (mut out, mut err) = (String::new(), String::new());
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        let status: ExitStatus = self.child.wait().unwrap();
        match status.signal() {
            Some(SIGKILL) => ProcessEnd::Killed,
            None if status.success() => ProcessEnd::Done(out),
            _ => ProcessEnd::Failed(format!("{status}: {err}")),
        }
    }

    /// Waits until the process has frozen itself; returns `None` if it ended before.
    pub(crate) fn frozen(mut self) -> Option<Self> {
        let mut talk = BufReader::new(self.child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("thalweg: stopping at") {
            line.clear();
            if talk.read_line(&mut line).unwrap() == 0 {
                return None;
            }
        }
        // The line is written before the signal is raised; the kernel reports when the process has stopped.
        let stat = format!("/proc/{}/stat", self.child.id());
        while state(&std::fs::read_to_string(&stat).unwrap()) != 'T' {
            std::thread::yield_now();
        }
        self.child.stderr = Some(talk.into_inner());
        Some(self)
    }

    /// Lets a frozen process continue.
    pub(crate) fn thaw(&self) {
        let pid = self.child.id().to_string();
        let kill = Command::new("sh").args(["-c", "kill -CONT \"$1\"", "sh", &pid]).status().unwrap();
        assert!(kill.success());
    }
}

/// Returns the state letter of a process, which follows the name of the program in parentheses.
fn state(stat: &str) -> char {
    stat.rsplit(") ").next().and_then(|rest| rest.chars().next()).unwrap()
}

/// Runs the read script on a machine and returns its rows.
pub(crate) fn read(trial: &Trial, machine: &str) -> String {
    match Process::start(trial, machine, "read", None).end() {
        ProcessEnd::Done(rows) => rows,
        ProcessEnd::Killed => panic!("the reader was killed"),
        ProcessEnd::Failed(why) => panic!("reading the table failed: {why}"),
    }
}
