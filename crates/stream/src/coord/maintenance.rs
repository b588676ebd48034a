//! Keeps the checkpoint small: compacts state files, and deletes objects that no manifest needs.
//!
//! Both run concurrently with the epochs and with each other. A compacted base is not in any manifest until a
//! later epoch names it, so a collection spares it by its name.

use super::finish::{spawn_blocking, write_state};
use super::{GenerationContext, StateName, TaskDone};
use crate::checkpoint::{
    StateFiles, commit_name, epoch_and_generation, manifest_name, plan_epoch, state_name,
};
use crate::machine::garbage;
use crate::state::compact;
use std::collections::BTreeSet;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_common::fail_point::FailPoint;
use thalweg_common::ids::Epoch;
use thalweg_connectors::stream::Commit;

/// Epochs between two garbage collections. A collection lists four folders, so it does not run with every
/// epoch.
const COLLECT_EVERY: u64 = 8;

/// What maintenance is running, and the base that no manifest names yet.
#[derive(Debug, Default)]
pub(crate) struct Maintenance {
    pub compaction: Compaction,
    pub collecting: bool,
}

/// The progress of a compaction. At most one runs, and the next one waits until a manifest names its base.
#[derive(Debug, Default)]
pub(crate) enum Compaction {
    #[default]
    Idle,
    /// The base with this name is being written.
    Running(String),
    /// The base is written; the manifest of this epoch or a later one names it.
    Written(String, Epoch),
}

impl Maintenance {
    /// Returns whether a task of maintenance is running.
    pub(crate) fn is_running(&self) -> bool {
        self.collecting || matches!(self.compaction, Compaction::Running(_))
    }

    pub(crate) fn may_compact(&self) -> bool {
        matches!(self.compaction, Compaction::Idle)
    }

    /// The base that no manifest names yet.
    pub(crate) fn base(&self) -> Option<&String> {
        match &self.compaction {
            Compaction::Idle => None,
            Compaction::Running(base) | Compaction::Written(base, _) => Some(base),
        }
    }

    /// Notes that the base is written and that the manifest of `named` will name it.
    pub(crate) fn on_compacted(&mut self, named: Epoch) {
        if let Compaction::Running(base) = std::mem::take(&mut self.compaction) {
            self.compaction = Compaction::Written(base, named);
        }
    }

    /// Notes that the commit of an epoch is recorded, and with it everything that its manifest names.
    pub(crate) fn on_recorded(&mut self, epoch: Epoch) {
        if matches!(self.compaction, Compaction::Written(_, named) if epoch >= named) {
            self.compaction = Compaction::Idle;
        }
    }
}

/// Returns whether a garbage collection is due after an epoch.
pub(crate) fn collects_after(epoch: Epoch) -> bool {
    epoch.0 % COLLECT_EVERY == COLLECT_EVERY - 1
}

/// The name of the base that a compaction after `epoch` writes.
pub(crate) fn base_name(context: &GenerationContext, epoch: Epoch, of: &StateName) -> String {
    state_name((&of.0, &of.1), Commit { epoch, generation: context.generation }, "base")
}

/// Rewrites the files of one state as the base with that name.
pub(crate) async fn compact_state(
    context: Arc<GenerationContext>,
    name: String,
    (of, replaced): (StateName, StateFiles),
) -> Result<TaskDone> {
    let mut contents = Vec::new();
    for file in replaced.all() {
        contents.push(context.files.state_file(file).await?.to_vec());
    }
    // Merging all state of a query is much work.
    let base = match spawn_blocking(move || compact(&contents)).await? {
        None => None,
        Some((bytes, rows)) => Some(write_state(&context, name, bytes, rows).await?),
    };
    Ok(TaskDone::Compacted { of, replaced, base })
}

/// Deletes the objects that no recovery can need once the commit of `confirmed` is recorded, except the base
/// `spared`.
pub(crate) async fn collect_garbage(
    context: Arc<GenerationContext>,
    confirmed: Epoch,
    spared: Option<String>,
) -> Result<TaskDone> {
    let manifests = context.files.manifests().await?;
    let old = garbage(&manifests, confirmed);
    let mut needed: BTreeSet<String> = spared.into_iter().collect();
    for kept in manifests.iter().filter(|m| !old.contains(m)) {
        // Another run may delete a manifest meanwhile; then its files are not needed here.
        if let Some(manifest) = context.files.manifest(*kept).await? {
            needed.extend(manifest.files().map(|f| f.path.clone()));
        }
    }
    let is_old = |name: &String| epoch_and_generation(name).is_some_and(|c| c.epoch <= confirmed);
    let state = context.files.list("state").await?;
    let plans = context.files.list("plans").await?;
    let records = context.files.list("commits").await?;
    let before = |name: &&String| plan_epoch(name).is_some_and(|e| e < confirmed);
    // Manifests are deleted before the files that they name: a crash in between leaves unnamed files, which
    // the next collection deletes, and never a manifest whose files are missing.
    let mut names: Vec<String> = old.into_iter().map(manifest_name).collect();
    names.extend(state.into_iter().filter(|name| is_old(name) && !needed.contains(name)));
    names.extend(plans.iter().chain(&records).filter(before).cloned());
    // It is the record that a recovery compares with the commit of the sink.
    names.retain(|name| *name != commit_name(confirmed));
    for name in names {
        context.hooks.hit(FailPoint::GarbageCollect, confirmed).await?;
        context.files.delete(&name).await?;
    }
    Ok(TaskDone::Collected)
}
