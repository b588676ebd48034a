//! Reads plans and manifests of format 1, which knew one source, one watermark and one aggregate.

use super::records::{EpochPlan, Manifest, OperatorState, SourceRange, StateFiles};
use crate::spec::{OperatorId, StateMeaning};
use serde::Deserialize;
use std::collections::BTreeMap;
use thalweg_common::ids::{Epoch, Generation};
use thalweg_connectors::stream::{Offset, Staged};

/// The part of a meaning that holds the whole fingerprint of format 1.
pub(crate) const FINGERPRINT: &str = "format 1";

fn source() -> OperatorId {
    OperatorId::new("source", 0)
}

/// A plan of format 1.
#[derive(Debug, Deserialize)]
pub(crate) struct PlanFormat1 {
    epoch: Epoch,
    generation: Generation,
    start: Option<Offset>,
    end: Option<Offset>,
    reads: bool,
    watermark_us: i64,
    late_us: i64,
    processing_time_us: i64,
    last: bool,
}

impl From<PlanFormat1> for EpochPlan {
    fn from(old: PlanFormat1) -> Self {
        let range = SourceRange { start: old.start, end: old.end, reads: old.reads };
        Self {
            format: 1,
            epoch: old.epoch,
            generation: old.generation,
            sources: BTreeMap::from([(source(), range)]),
            watermark_us: old.watermark_us,
            late_us: old.late_us,
            processing_time_us: old.processing_time_us,
            last: old.last,
        }
    }
}

/// A manifest of format 1.
#[derive(Debug, Deserialize)]
pub(crate) struct ManifestFormat1 {
    epoch: Epoch,
    generation: Generation,
    fingerprint: String,
    key_hash: String,
    offset: Option<Offset>,
    watermark_us: i64,
    event_time_max_ms: Option<i64>,
    last: bool,
    operators: Vec<StateFiles>,
    staged: Vec<Staged>,
}

impl From<ManifestFormat1> for Manifest {
    fn from(old: ManifestFormat1) -> Self {
        // A query without an aggregate has an empty fingerprint, and a list of no files.
        let aggregate = old.operators.into_iter().next().filter(|_| !old.fingerprint.is_empty());
        let state = aggregate.map(|files| OperatorState {
            meaning: StateMeaning::default().with(FINGERPRINT, old.fingerprint),
            states: BTreeMap::from([("groups".to_owned(), files)]),
        });
        let times = old.event_time_max_ms.map(|max| (OperatorId::new("watermark", 0), max));
        Self {
            format: 1,
            epoch: old.epoch,
            generation: old.generation,
            key_hash: old.key_hash,
            offsets: old.offset.map(|offset| (source(), offset)).into_iter().collect(),
            sources: BTreeMap::new(),
            watermark_us: old.watermark_us,
            event_times_max_ms: times.into_iter().collect(),
            processing_time_us: 0,
            last: old.last,
            operators: state.map(|s| (OperatorId::new("aggregate", 0), s)).into_iter().collect(),
            staged: old.staged,
        }
    }
}
