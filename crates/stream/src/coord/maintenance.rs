//! Keeps the checkpoint small: merges runs of state files, and deletes objects that no manifest needs.
//!
//! Both run concurrently with the epochs and with each other. A merged run is not in any manifest until a later epoch
//! names it, so a collection spares its files by their names.

use super::recover::check_newest_generation;
use super::{GenerationContext, StateName, TaskDone};
use crate::checkpoint::{
    RunWriter, Segment, StateFile, StateFiles, StateRun, epoch_and_generation, manifest_name, plan_epoch,
    run_prefix,
};
use crate::error::corrupt;
use crate::machine::garbage;
use crate::state::{KEY_GROUPS, decode, merge, runs_to_merge};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_common::fail_point::FailPoint;
use thalweg_common::ids::Epoch;
use thalweg_connectors::background::blocking;
use thalweg_connectors::stream::Commit;

/// Epochs between two garbage collections. A collection lists four folders, so it does not run with every
/// epoch.
const COLLECT_EVERY: u64 = 8;
/// Merges that may run or wait for their manifest at once. The second one merges the runs that are written while the
/// first one rewrites a large state.
const MERGES_MAX: usize = 2;
/// Runs of a state above which the last epochs of a run that ends with its input wait for a merge: the run of an epoch
/// would otherwise be one more at each start.
const RUNS_BEFORE_WAIT: usize = 32;
/// Bytes of segments that a merge reads at once. They are compressed, so it needs some times as much memory.
const MERGE_BYTES: u64 = if cfg!(test) { 64 << 10 } else { 16 << 20 };

/// What maintenance is running, and the runs that no manifest names yet.
#[derive(Debug, Default)]
pub(crate) struct Maintenance {
    merges: Vec<RunMerge>,
    pub collecting: bool,
}

/// A merge of runs that follow each other.
#[derive(Debug)]
struct RunMerge {
    of: StateName,
    /// The ids of the runs that it replaces.
    replaced: Vec<String>,
    /// What the names of the new run's files begin with.
    prefix: String,
    /// Once the run is written: the manifest of this epoch or a later one names it.
    named: Option<Epoch>,
}

/// What a merge does.
#[derive(Debug)]
pub(crate) struct MergeRequest {
    pub of: StateName,
    /// The epoch after which it started.
    epoch: Epoch,
    prefix: String,
    runs: Vec<StateRun>,
    /// Whether older runs exist, which may have the deleted keys.
    keep_deleted: bool,
}

impl Maintenance {
    /// Returns whether a task of maintenance is running.
    pub(crate) fn is_running(&self) -> bool {
        self.collecting || self.is_merging()
    }

    fn is_merging(&self) -> bool {
        self.merges.iter().any(|merge| merge.named.is_none())
    }

    /// Returns whether the next manifest should wait for a merge, so that it names the merged run.
    pub(crate) fn should_wait<'a>(&self, mut states: impl Iterator<Item = &'a StateFiles>) -> bool {
        self.is_merging() && states.any(|files| files.runs.len() > RUNS_BEFORE_WAIT)
    }

    /// What the names of the files begin with that a collection must spare: no manifest may name them yet.
    pub(crate) fn spared_prefixes(&self) -> Vec<String> {
        self.merges.iter().map(|merge| merge.prefix.clone()).collect()
    }

    /// Selects the next merge among all states, of those that need one that with the most runs; notes it as running.
    pub(crate) fn start_merge<'a>(
        &mut self,
        states: impl Iterator<Item = (StateName, &'a StateFiles)>,
        (commit, kind): (Commit, &str),
    ) -> Option<MergeRequest> {
        if self.merges.len() >= MERGES_MAX {
            return None;
        }
        let wanted = states.filter_map(|(of, files)| {
            let free = self.busy_oldest(&of, &files.runs);
            runs_to_merge(&files.runs, free).map(|range| (of, files, range))
        });
        let (of, files, range) = wanted.max_by_key(|(_, files, _)| files.runs.len())?;
        let keep_deleted = range.start > 0;
        let runs: Vec<StateRun> = files.runs.get(range)?.to_vec();
        let prefix = run_prefix((&of.0, &of.1), commit, kind);
        let replaced = runs.iter().map(|run| run.id().to_owned()).collect();
        self.merges.push(RunMerge { of: of.clone(), replaced, prefix: prefix.clone(), named: None });
        Some(MergeRequest { of, epoch: commit.epoch, prefix, runs, keep_deleted })
    }

    /// Returns the number of the oldest runs up to the last one that is being merged.
    fn busy_oldest(&self, of: &StateName, runs: &[StateRun]) -> usize {
        let busy = |run: &StateRun| {
            self.merges.iter().any(|m| m.of == *of && m.replaced.iter().any(|id| id == run.id()))
        };
        runs.iter().rposition(busy).map_or(0, |last| last + 1)
    }

    /// Replaces the merged runs in `files`, and notes that the manifest of `named` will name the new run.
    pub(crate) fn on_merged(
        &mut self,
        request: &MergeRequest,
        run: StateRun,
        files: &mut StateFiles,
        named: Epoch,
    ) {
        let is_replaced = |known: &StateRun| request.runs.iter().any(|r| r.id() == known.id());
        if let Some(first) = files.runs.iter().position(is_replaced) {
            files.runs.retain(|known| !is_replaced(known));
            // Without a key nothing is left of them.
            if !run.files.is_empty() {
                files.runs.insert(first, run);
            }
        }
        if let Some(merge) = self.merges.iter_mut().find(|m| m.prefix == request.prefix) {
            merge.named = Some(named);
        }
    }

    /// Notes that the commit of an epoch is recorded, and with it everything that its manifest names.
    pub(crate) fn on_recorded(&mut self, epoch: Epoch) {
        self.merges.retain(|merge| merge.named.is_none_or(|named| epoch < named));
    }
}

/// Returns whether a garbage collection is due after an epoch.
pub(crate) fn collects_after(epoch: Epoch) -> bool {
    epoch.0 % COLLECT_EVERY == COLLECT_EVERY - 1
}

/// Writes the run that replaces others.
pub(crate) async fn merge_runs(context: Arc<GenerationContext>, request: MergeRequest) -> Result<TaskDone> {
    context.hooks.hit(FailPoint::StateMerge, request.epoch).await?;
    match write_merged(&context, &request).await {
        Ok(run) => {
            context.hooks.hit(FailPoint::StateMerged, request.epoch).await?;
            Ok(TaskDone::Merged { request, run })
        }
        Err(error) => {
            // A newer generation may have deleted the files. Being fenced is then the cause to report.
            check_newest_generation(&context).await?;
            Err(error)
        }
    }
}

/// Merges some key groups at a time, which bounds the memory.
async fn write_merged(context: &GenerationContext, request: &MergeRequest) -> Result<StateRun> {
    let mut files = Vec::new();
    for file in request.runs.iter().flat_map(|run| &run.files) {
        files.push(StateFile::open(&context.files, file).await?);
    }
    let mut writer = RunWriter::new(context.files.clone(), request.prefix.clone());
    for groups in group_ranges(&files) {
        let segments = read_groups(&files, &groups).await?;
        let keep_deleted = request.keep_deleted;
        // Merging all state of a query is much work.
        let merged = blocking(move || {
            let mut batches = Vec::new();
            for (path, bytes) in segments {
                batches.extend(decode(&bytes).map_err(|e| corrupt(&path, e.message()))?);
            }
            merge(&batches, &groups, keep_deleted)
        });
        for segment in merged.await? {
            writer.add(segment).await?;
        }
    }
    writer.finish().await
}

/// Divides the key groups into ranges whose segments have about [`MERGE_BYTES`].
fn group_ranges(files: &[StateFile]) -> Vec<RangeInclusive<u8>> {
    // A file of an earlier format is read and decoded as a whole for each range, so there is one.
    if !files.iter().all(StateFile::has_parts) {
        return vec![0..=u8::MAX];
    }
    let mut bytes = [0u64; KEY_GROUPS];
    for segment in files.iter().flat_map(StateFile::segments) {
        let groups = segment.first_group..=segment.last_group;
        let share = segment.bytes / groups.len().max(1) as u64;
        for group in groups {
            if let Some(of) = bytes.get_mut(usize::from(group)) {
                *of = of.saturating_add(share);
            }
        }
    }
    let (mut ranges, mut first, mut sum) = (Vec::new(), 0u8, 0u64);
    for (group, of) in (0u8..=u8::MAX).zip(bytes) {
        sum = sum.saturating_add(of);
        if sum >= MERGE_BYTES || group == u8::MAX {
            ranges.push(first..=group);
            first = group.saturating_add(1);
            sum = 0;
        }
    }
    ranges
}

/// Reads the segments that have one of the key groups, with the names of their files, oldest first.
async fn read_groups(
    files: &[StateFile],
    groups: &RangeInclusive<u8>,
) -> Result<Vec<(String, bytes::Bytes)>> {
    let overlaps = |s: &&Segment| s.first_group <= *groups.end() && *groups.start() <= s.last_group;
    let mut read = Vec::new();
    for file in files {
        for segment in file.segments().iter().filter(overlaps) {
            read.push((file.path().to_owned(), file.segment(segment).await?));
        }
    }
    Ok(read)
}

/// Deletes the objects that no recovery can need once the commit of `confirmed` is recorded, except the files whose
/// names begin with one of `spared`.
pub(crate) async fn collect_garbage(
    context: Arc<GenerationContext>,
    confirmed: Epoch,
    spared: Vec<String>,
) -> Result<TaskDone> {
    let manifests = context.files.manifests().await?;
    let old = garbage(&manifests, confirmed);
    let mut needed: BTreeSet<String> = BTreeSet::new();
    for kept in manifests.iter().filter(|m| !old.contains(m)) {
        // Another run may delete a manifest meanwhile; then its files are not needed here.
        if let Some(manifest) = context.files.manifest(*kept).await? {
            needed.extend(manifest.files().map(|f| f.path.clone()));
        }
    }
    let is_old = |name: &String| epoch_and_generation(name).is_some_and(|c| c.epoch <= confirmed);
    let is_spared = |name: &String| spared.iter().any(|prefix| name.starts_with(prefix));
    let state = context.files.list("state").await?;
    let plans = context.files.list("plans").await?;
    let records = context.files.list("commits").await?;
    // The record of `confirmed` stays: a recovery compares it with the commit of the sink.
    let before = |name: &&String| plan_epoch(name).is_some_and(|e| e < confirmed);
    // Manifests are deleted before the files that they name: a crash in between leaves unnamed files, which
    // the next collection deletes, and never a manifest whose files are missing.
    let mut names: Vec<String> = old.into_iter().map(manifest_name).collect();
    names.extend(state.into_iter().filter(|name| is_old(name) && !needed.contains(name) && !is_spared(name)));
    names.extend(plans.iter().chain(&records).filter(before).cloned());
    for name in names {
        context.hooks.hit(FailPoint::GarbageCollect, confirmed).await?;
        context.files.delete(&name).await?;
    }
    Ok(TaskDone::Collected)
}
