//! Reads the newest version and epoch of a Delta table from its log, without the engine.

use crate::report::failed;
use std::path::Path;
use thalweg_common::Result;

/// The newest state of the table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Committed {
    /// The newest version of the table.
    pub version: i64,
    /// The newest epoch that a query has committed; none before the first one.
    pub epoch: Option<i64>,
}

/// Reads the log of the table in `folder`. Every commit records its epoch as an application transaction.
pub(super) fn committed(folder: &Path) -> Result<Committed> {
    let log = folder.join("_delta_log");
    let unreadable = |e| failed(&format!("cannot read {}", log.display()), e);
    let mut newest = Committed { version: -1, epoch: None };
    for entry in std::fs::read_dir(&log).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let version = path.file_name().and_then(|n| n.to_str()).and_then(|n| n.strip_suffix(".json"));
        let Some(version) = version.and_then(|v| v.parse::<i64>().ok()) else { continue };
        // The entries of a folder come in no particular order.
        newest.version = newest.version.max(version);
        let text = std::fs::read_to_string(&path).map_err(unreadable)?;
        newest.epoch = newest.epoch.max(text.lines().filter_map(transaction).max());
    }
    Ok(newest)
}

fn transaction(action: &str) -> Option<i64> {
    let action: serde_json::Value = serde_json::from_str(action).ok()?;
    action.get("txn")?.get("version")?.as_i64()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn the_newest_version_and_epoch_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("_delta_log");
        std::fs::create_dir(&log).unwrap();
        std::fs::write(log.join("00000000000000000000.json"), "{\"metaData\":{}}\n").unwrap();
        let none = Committed { version: 0, epoch: None };
        assert_eq!(committed(folder.path()).unwrap(), none);
        let commit = "{\"add\":{}}\n{\"txn\":{\"appId\":\"q\",\"version\":4}}\n";
        std::fs::write(log.join("00000000000000000001.json"), commit).unwrap();
        std::fs::write(log.join("00000000000000000001.checkpoint.parquet"), "x").unwrap();
        assert_eq!(committed(folder.path()).unwrap(), Committed { version: 1, epoch: Some(4) });
    }
}
