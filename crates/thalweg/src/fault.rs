//! Injects a fault at the n-th hit of a fail point, for the tests of recovery.
//!
//! `THALWEG_FAULT=kill@sink.commit:3` kills the process at the third hit of that fail point (hits count from
//! 1). `stop@…` freezes the process until SIGCONT. `hold@…` blocks the thread for good, so that another
//! process can kill this one at a known place. `stop` and `hold` write a line to stderr first.
//!
//! Builds without debug assertions and without the feature `fault-injection` refuse the variable: the constant
//! [`ENABLED`] is false there, so the compiler leaves the rest out.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use thalweg_common::fail_point::{self, FailPoint};
use thalweg_common::suggest::nearest;
use thalweg_common::{Error, ErrorKind, Result};

/// Whether this binary can inject faults.
pub(crate) const ENABLED: bool = cfg!(any(debug_assertions, feature = "fault-injection"));

const VARIABLE: &str = "THALWEG_FAULT";

/// What happens to the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FaultAction {
    Kill,
    Stop,
    Hold,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fault {
    action: FaultAction,
    point: FailPoint,
    /// The number of the hit, from 1.
    hit: u64,
}

/// Installs the fault that the environment variable names, if it is set.
///
/// # Errors
/// The variable is set and does not have the form `action@point:hit`; `FAULT_INJECTION_DISABLED` if this binary cannot
/// inject faults, since a test that expects one must not pass.
pub(crate) fn install_from_environment() -> Result<()> {
    let Some(text) = std::env::var_os(VARIABLE) else { return Ok(()) };
    if !ENABLED {
        return Err(disabled());
    }
    let text = text.into_string().map_err(|text| refused(&text.to_string_lossy()))?;
    let fault = parse(&text)?;
    let hits = AtomicU64::new(0);
    fail_point::install(Box::new(move |point, _| {
        if point == fault.point && hits.fetch_add(1, Ordering::SeqCst) + 1 == fault.hit {
            fault.trigger();
        }
    }));
    Ok(())
}

impl Fault {
    fn trigger(self) {
        match self.action {
            FaultAction::Kill => raise(signal_hook::consts::SIGKILL),
            FaultAction::Stop => {
                self.announce("stopping");
                raise(signal_hook::consts::SIGSTOP);
            }
            FaultAction::Hold => {
                self.announce("holding");
                loop {
                    // `park` may return without a reason, hence the loop.
                    std::thread::park();
                }
            }
        }
    }

    /// Writes the line that the test waits for.
    fn announce(self, what: &str) {
        let _ = writeln!(std::io::stderr(), "thalweg: {what} at {}", self.point.name());
    }
}

/// Sends a signal to this process; aborts if that fails, since the test would wait for the signal's effect
/// for ever.
fn raise(signal: i32) {
    if signal_hook::low_level::raise(signal).is_err() {
        std::process::abort();
    }
}

fn parse(text: &str) -> Result<Fault> {
    let parts = text.split_once('@').and_then(|(action, rest)| Some((action, rest.rsplit_once(':')?)));
    let Some((action, (point, hit))) = parts else {
        return Err(refused(text).hint("Write action@point:hit, such as kill@sink.commit:1."));
    };
    let action = match action {
        "kill" => FaultAction::Kill,
        "stop" => FaultAction::Stop,
        "hold" => FaultAction::Hold,
        _ => return Err(refused(text).hint("The actions are kill, stop and hold.")),
    };
    let known = || FailPoint::ALL.iter().map(|p| p.name());
    let point = FailPoint::parse(point).ok_or_else(|| {
        let near = nearest(point, known());
        let names = if near.is_empty() { known().map(str::to_owned).collect() } else { near };
        refused(text).hint(format!("The fail points are {}.", names.join(", ")))
    })?;
    match hit.parse() {
        Ok(hit) if hit > 0 => Ok(Fault { action, point, hit }),
        _ => Err(refused(text).hint("Hits count from 1.")),
    }
}

fn disabled() -> Error {
    let text = format!("{VARIABLE} is set, but this binary was built without fault injection.");
    Error::new(ErrorKind::IllegalArgument, "FAULT_INJECTION_DISABLED", "0A000", text)
        .hint("Unset it, or build with --features fault-injection.")
}

fn refused(text: &str) -> Error {
    let message = format!("{VARIABLE} does not accept '{text}'.");
    Error::new(ErrorKind::IllegalArgument, "INVALID_CONFIGURATION.VALUE", "F0000", message)
        .param("key", VARIABLE)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_fault_is_action_point_and_hit() {
        let fault = parse("hold@sink.commit:12").unwrap();
        assert_eq!(fault, Fault { action: FaultAction::Hold, point: FailPoint::SinkCommit, hit: 12 });
    }

    #[test]
    fn anything_else_is_refused() {
        let cases = [
            ("kill", "action@point"),
            ("kill@sink.commit", "action@point"),
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
