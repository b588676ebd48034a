//! Creates the Python environment of the tests under cargo's target directory, once per requirements file.
//!
//! Nothing outside the target directory is changed. The stamp is written last, so an environment with a stamp is
//! complete.

use crate::run::{Outcome, answers, command, output, root, run, say, target_dir};
use std::path::{Path, PathBuf};

const REQUIREMENTS: &str = "tests/pyspark/requirements.txt";
/// The oldest version that the pinned numpy supports.
const OLDEST: (u32, u32) = (3, 11);

/// Returns the interpreter of the test environment, which is created if it is missing or outdated.
pub(crate) fn environment() -> Outcome<PathBuf> {
    let folder = target_dir()?.join("python");
    let python = folder.join("bin/python");
    let stamp = folder.join("requirements.stamp");
    let file = root().join(REQUIREMENTS);
    let wanted = std::fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    if std::fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) && python.exists() {
        return Ok(python);
    }
    let base = base_python()?;
    say(&format!("making the Python environment of the tests in {}", folder.display()));
    // Packages of older requirements must not stay in the environment.
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(|e| format!("can't remove {}: {e}", folder.display()))?;
    }
    make(&base, &folder)?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", REQUIREMENTS];
    run(&mut command(&python, install))?;
    std::fs::write(&stamp, wanted).map_err(|e| format!("can't write {}: {e}", stamp.display()))?;
    Ok(python)
}

/// Returns the first interpreter on the path that is new enough.
fn base_python() -> Outcome<String> {
    for name in ["python3", "python3.13", "python3.12", "python3.11", "python"] {
        let version = command(name, ["-c", "import sys; print(*sys.version_info[:2])"]).output();
        let Ok(version) = version else { continue };
        let text = String::from_utf8_lossy(&version.stdout).into_owned();
        let mut numbers = text.split_whitespace().filter_map(|n| n.parse().ok());
        if let (Some(major), Some(minor)) = (numbers.next(), numbers.next())
            && (major, minor) >= OLDEST
        {
            return Ok(name.to_owned());
        }
    }
    Err(format!("the PySpark tests need Python {}.{} or newer, and no python3 was found", OLDEST.0, OLDEST.1))
}

/// Makes an environment with pip. Debian has `ensurepip` in a package of its own, python3-venv: without it pip comes
/// from the system's copy, if there is one.
fn make(base: &str, folder: &Path) -> Outcome {
    let place = folder.as_os_str();
    if answers(base, &["-c", "import venv, ensurepip"]) {
        return run(command(base, ["-m", "venv"]).arg(place));
    }
    let advice = "Python has no ensurepip; install it (Debian: apt-get install python3-venv)";
    if !answers(base, &["-c", "import venv"]) {
        return Err(advice.to_owned());
    }
    run(command(base, ["-m", "venv", "--without-pip"]).arg(place))?;
    let inside = folder.join("bin/python");
    // `pip --python` installs into another environment; old versions of pip do not have the option.
    let outer_pip =
        command(base, ["-m", "pip", "--python"]).arg(&inside).args(["install", "--quiet", "pip"]).output();
    match outer_pip {
        Ok(done) if done.status.success() => Ok(()),
        _ => wheel_of_debian(&inside).map_err(|_| advice.to_owned()),
    }
}

/// Finds the pip of python3-pip-whl, which other Debian packages depend on; it can install itself.
fn wheel_of_debian(inside: &Path) -> Outcome {
    let wheels = std::fs::read_dir("/usr/share/python-wheels").map_err(|e| e.to_string())?;
    let mut wheels = wheels.flatten().map(|w| w.path());
    let pip = wheels.find(|w| w.file_name().is_some_and(|n| n.to_string_lossy().starts_with("pip-")));
    // A wheel is a zip archive, and Python runs a package inside of one.
    let pip = pip.ok_or("no pip wheel")?.join("pip");
    output(command(inside, [pip.as_os_str()]).args(["install", "--quiet", "pip"])).map(|_| ())
}
