//! Publishes the flights as files, one after the other.
//!
//! A file is written under a name that begins with a dot, which readers of a folder skip, and then
//! renamed, so that a reader never sees half of one.

use super::flights::Flights;
use crate::report::failed;
use std::path::{Path, PathBuf};
use std::time::Duration;
use thalweg_common::Result;
use tokio::task::JoinHandle;

/// The number of files that the flights are split into.
const FILES: usize = 48;
/// The time between two files: a month takes a few seconds.
const PACE: Duration = Duration::from_millis(100);

/// The task that writes files.
pub(super) struct Feeder(JoinHandle<Result<()>>);

impl Feeder {
    /// Starts to publish flights in `folder`.
    pub(super) fn start(flights: Flights, folder: PathBuf) -> Self {
        Self(tokio::spawn(feed(flights, folder)))
    }

    /// Waits until the last file is published.
    pub(super) async fn finished(self) -> Result<()> {
        self.0.await.map_err(|e| failed("the feeder", e))?
    }
}

async fn feed(flights: Flights, folder: PathBuf) -> Result<()> {
    let mut ticks = tokio::time::interval(PACE);
    let rows_per_file = flights.rows.len().div_ceil(FILES).max(1);
    for (n, rows) in flights.rows.chunks(rows_per_file).enumerate() {
        ticks.tick().await;
        publish(&folder, &format!("flights-{n:03}.csv"), &flights.header, rows)
            .await
            .map_err(|e| failed(&format!("cannot write to {}", folder.display()), e))?;
    }
    Ok(())
}

async fn publish(folder: &Path, name: &str, header: &str, rows: &[String]) -> std::io::Result<()> {
    let hidden = folder.join(format!(".{name}"));
    tokio::fs::write(&hidden, format!("{header}\n{}\n", rows.join("\n"))).await?;
    tokio::fs::rename(&hidden, folder.join(name)).await
}
