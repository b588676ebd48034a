//! Real processes: start one, wait for its end or its freezing, thaw it.

use crate::input::Trial;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};

const SIGKILL: i32 = 9;

/// How a process ended.
pub enum End {
    Killed,
    Done(String),
    Failed(String),
}

/// A process that is killed when nobody waits for it any more.
pub struct Process {
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
    pub fn start(trial: &Trial, machine: &str, script: &str, fault: Option<&str>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_thalweg"));
        command.args(["sql", "--format", "csv", "--data-dir"]).arg(trial.data_dir(machine));
        command.arg("-f").arg(trial.script(script));
        command.env("THALWEG_ENGINE__WORKERS", "2");
        Self::spawn(command, fault)
    }

    /// Starts any command with a fault.
    pub fn spawn(mut command: Command, fault: Option<&str>) -> Self {
        command.env_remove("THALWEG_FAULT");
        if let Some(fault) = fault {
            command.env("THALWEG_FAULT", fault);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { child: command.spawn().unwrap() }
    }

    /// Waits for the end. Output is small, so that reading one pipe after the other can't block.
    pub fn end(mut self) -> End {
        let (mut out, mut err) = (String::new(), String::new());
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        let status: ExitStatus = self.child.wait().unwrap();
        match status.signal() {
            Some(SIGKILL) => End::Killed,
            None if status.success() => End::Done(out),
            _ => End::Failed(format!("{status}: {err}")),
        }
    }

    /// Waits until the process has frozen itself; `None` if it ended before.
    pub fn frozen(mut self) -> Option<Self> {
        let mut talk = BufReader::new(self.child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("thalweg: stopping at") {
            line.clear();
            if talk.read_line(&mut line).unwrap() == 0 {
                return None;
            }
        }
        // It has said so and is about to raise the signal: the kernel tells when it has stopped.
        let stat = format!("/proc/{}/stat", self.child.id());
        while state(&std::fs::read_to_string(&stat).unwrap()) != 'T' {
            std::thread::yield_now();
        }
        self.child.stderr = Some(talk.into_inner());
        Some(self)
    }

    /// Lets a frozen process go on.
    pub fn thaw(&self) {
        let pid = self.child.id().to_string();
        let kill = Command::new("sh").args(["-c", "kill -CONT \"$1\"", "sh", &pid]).status().unwrap();
        assert!(kill.success());
    }
}

/// The state letter of a process: it follows the program's name, which is in brackets.
fn state(stat: &str) -> char {
    stat.rsplit(") ").next().and_then(|rest| rest.chars().next()).unwrap()
}

/// Runs the read script on a machine and returns its rows.
pub fn read(trial: &Trial, machine: &str) -> String {
    match Process::start(trial, machine, "read", None).end() {
        End::Done(rows) => rows,
        End::Killed => panic!("the reader was killed by somebody"),
        End::Failed(why) => panic!("the table can't be read: {why}"),
    }
}
