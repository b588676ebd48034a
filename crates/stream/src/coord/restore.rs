//! Reads the state from which a generation starts, and sends it to the workers that own it.
//!
//! One segment of a file is in memory at a time, apart from the [`RESTORED_MAX`] batches that wait for each worker.

use super::GenerationContext;
use crate::checkpoint::{OperatorState, StateFile};
use crate::error::corrupt;
use crate::rt::RestoredRows;
use crate::spec::OperatorId;
use crate::state::{decode, owner};
use std::collections::BTreeMap;
use thalweg_common::Result;
use thalweg_connectors::background::blocking;
use tokio::sync::mpsc;

/// Batches that may wait for a worker.
pub(crate) const RESTORED_MAX: usize = 2;

/// Sends the state of all operators to `workers`: the runs of a state oldest first.
///
/// # Errors
/// `STREAM_SNAPSHOT_CORRUPT` with the name of the file, and `CHECKPOINT_IO`. The workers have a part of the state then.
pub(crate) async fn restore(
    context: &GenerationContext,
    operators: &BTreeMap<OperatorId, OperatorState>,
    workers: Vec<mpsc::Sender<RestoredRows>>,
) -> Result<()> {
    for (node, operator) in context.plan.graph.nodes().iter().enumerate() {
        for (state, files) in operators.get(&operator.id).into_iter().flat_map(|o| &o.states) {
            for file in files.all() {
                let file = StateFile::open(&context.files, file).await?;
                restore_file(&file, (node, state), &workers).await?;
            }
        }
    }
    Ok(())
}

async fn restore_file(
    file: &StateFile,
    (node, state): (usize, &str),
    workers: &[mpsc::Sender<RestoredRows>],
) -> Result<()> {
    for segment in file.segments() {
        let bytes = file.segment(segment).await?;
        let decoded = blocking(move || decode(&bytes)).await;
        let batches = decoded.map_err(|e| corrupt(file.path(), e.message()))?;
        let owners = owner(segment.first_group, workers.len())..=owner(segment.last_group, workers.len());
        for worker in workers.get(owners).into_iter().flatten() {
            for rows in &batches {
                let restored = RestoredRows { node, state: state.to_owned(), rows: rows.clone() };
                // A worker that failed has reported why.
                let _ = worker.send(restored).await;
            }
        }
    }
    Ok(())
}
