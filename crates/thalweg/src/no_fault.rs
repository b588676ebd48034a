//! Refuses fault injection, in builds without debug assertions and without the feature `fault-injection`.

use thalweg_common::{Error, ErrorKind, Result};

/// Whether this binary can inject faults.
pub(crate) const ENABLED: bool = false;

const VARIABLE: &str = "THALWEG_FAULT";

/// Verifies that no fault is requested: a test that expects one must not pass.
///
/// # Errors
/// `FAULT_INJECTION_DISABLED` if the environment variable is set.
pub(crate) fn install_from_environment() -> Result<()> {
    if std::env::var_os(VARIABLE).is_none() {
        return Ok(());
    }
    let text = format!("{VARIABLE} is set, but this binary was built without fault injection.");
    Err(Error::new(ErrorKind::IllegalArgument, "FAULT_INJECTION_DISABLED", "0A000", text)
        .hint("Unset it, or build with --features fault-injection."))
}
