//! The connectors of the binary, with a console that prints on stdout.

use std::io::Write;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_connectors_all::{ConnectorRegistry, Console, EpochStyle, registry_with};

/// Returns the registry of all connectors.
pub(crate) fn registry() -> Result<ConnectorRegistry> {
    let print = |text: String| {
        let mut stdout = std::io::stdout().lock();
        // Whoever read stdout may have gone; a query goes on without readers, as the server does.
        if let Err(error) = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            tracing::warn!(%error, "the rows of an epoch could not be printed");
        }
    };
    let show = |rows: &arrow::array::RecordBatch, style: EpochStyle<'_>| {
        thalweg_engine::draw(rows, style.rows, style.truncate, style.time_zone)
    };
    registry_with(Console::new(Arc::new(print), Arc::new(show)))
}
