//! Faults on demand, for the tests of recovery: what happens at the n-th crossing of an I/O edge.
//!
//! `THALWEG_FAULT=kill@sink.commit:3` kills the process at the third crossing of that edge, counted
//! from 1; `stop@…` freezes it until SIGCONT; `hold@…` blocks the crossing
//! thread for good, so that the outside can kill the process at a known place. Both say so on stderr.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use thalweg_common::edge::{self, Edge};
use thalweg_common::suggest::nearest;
use thalweg_common::{Error, ErrorKind, Result};

const VARIABLE: &str = "THALWEG_FAULT";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Kill,
    Stop,
    Hold,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fault {
    action: Action,
    edge: Edge,
    /// Which crossing, from 1.
    crossing: u64,
}

/// Installs the fault that the environment asks for, if any.
///
/// # Errors
/// The variable is set and does not read as `action@edge:crossing`.
pub fn install_from_environment() -> Result<()> {
    let Ok(text) = std::env::var(VARIABLE) else { return Ok(()) };
    let fault = parse(&text)?;
    let crossings = AtomicU64::new(0);
    edge::install(Box::new(move |edge, _| {
        if edge == fault.edge && crossings.fetch_add(1, Ordering::SeqCst) + 1 == fault.crossing {
            fault.happen();
        }
    }));
    Ok(())
}

impl Fault {
    fn happen(self) {
        match self.action {
            Action::Kill => raise(signal_hook::consts::SIGKILL),
            Action::Stop => {
                self.say("stopping");
                raise(signal_hook::consts::SIGSTOP);
            }
            Action::Hold => {
                self.say("holding");
                loop {
                    std::thread::park();
                }
            }
        }
    }

    /// Whoever waits for the fault reads this line.
    fn say(self, what: &str) {
        let _ = writeln!(std::io::stderr(), "thalweg: {what} at {}", self.edge.name());
    }
}

/// A signal that can't be sent leaves a process that a test waits for in vain: it must not go on.
fn raise(signal: i32) {
    if signal_hook::low_level::raise(signal).is_err() {
        std::process::abort();
    }
}

fn parse(text: &str) -> Result<Fault> {
    let parts = text.split_once('@').and_then(|(action, rest)| Some((action, rest.rsplit_once(':')?)));
    let Some((action, (edge, crossing))) = parts else {
        return Err(refused(text).hint("Write action@edge:crossing, such as kill@sink.commit:1."));
    };
    let action = match action {
        "kill" => Action::Kill,
        "stop" => Action::Stop,
        "hold" => Action::Hold,
        _ => return Err(refused(text).hint("The actions are kill, stop and hold.")),
    };
    let known = || Edge::ALL.iter().map(|e| e.name());
    let edge = Edge::parse(edge).ok_or_else(|| {
        let near = nearest(edge, known());
        let names = if near.is_empty() { known().map(str::to_owned).collect() } else { near };
        refused(text).hint(format!("The edges are {}.", names.join(", ")))
    })?;
    match crossing.parse() {
        Ok(crossing) if crossing > 0 => Ok(Fault { action, edge, crossing }),
        _ => Err(refused(text).hint("Crossings count from 1.")),
    }
}

fn refused(text: &str) -> Error {
    let message = format!("{VARIABLE} can't be '{text}'.");
    Error::new(ErrorKind::IllegalArgument, "INVALID_CONFIGURATION.VALUE", "F0000", message)
        .param("key", VARIABLE)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_fault_is_action_edge_and_crossing() {
        let fault = parse("hold@sink.commit:12").unwrap();
        assert_eq!(fault, Fault { action: Action::Hold, edge: Edge::SinkCommit, crossing: 12 });
    }

    #[test]
    fn anything_else_is_refused() {
        let cases = [
            ("kill", "action@edge"),
            ("kill@sink.commit", "action@edge"),
            ("burn@sink.commit:1", "actions"),
            ("kill@sink.comit:1", "sink.commit"),
            ("kill@sink.commit:0", "from 1"),
            ("kill@sink.commit:x", "from 1"),
        ];
        for (text, hint) in cases {
            let error = parse(text).unwrap_err();
            assert!(error.hint_text().unwrap().contains(hint), "{text}: {error:?}");
        }
    }
}
