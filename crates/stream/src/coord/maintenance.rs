//! Keeps the checkpoint small: compacts state files, and deletes objects that no manifest needs.
//!
//! Both run concurrently with the epochs but never with each other. A compacted base is not in any manifest
//! until the next epoch names it, so a collection in between would delete it.

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
pub(crate) const COLLECT_EVERY: u64 = 8;

/// Rewrites the files of one state after a committed epoch as one base.
pub(crate) async fn compact_state(
    context: Arc<GenerationContext>,
    epoch: Epoch,
    (of, replaced): (StateName, StateFiles),
) -> Result<TaskDone> {
    let mut contents = Vec::new();
    for file in replaced.all() {
        contents.push(context.files.state_file(file).await?.to_vec());
    }
    // Merging all state of a query is much work.
    let base = match spawn_blocking(move || compact(&contents)).await? {
        None => None,
        Some((bytes, rows)) => {
            let commit = Commit { epoch, generation: context.generation };
            let name = state_name((&of.0, &of.1), commit, "base");
            Some(write_state(&context, name, bytes, rows).await?)
        }
    };
    Ok(TaskDone::Compacted { of, replaced, base })
}

/// Deletes the objects that no recovery can need once the commit of `confirmed` is recorded.
pub(crate) async fn collect_garbage(context: Arc<GenerationContext>, confirmed: Epoch) -> Result<TaskDone> {
    let manifests = context.files.manifests().await?;
    let old = garbage(&manifests, confirmed);
    let mut needed = BTreeSet::new();
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
