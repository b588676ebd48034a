//! Enumerates all interleavings of several generations of one query over a model of checkpoint and sink.
//!
//! A process that is never scheduled again has crashed, so all crashes and all pauses are among the
//! interleavings. In every reachable state the sink must contain a prefix of the input, each row once,
//! together with the matching state. From every reachable state one more generation that runs alone must
//! complete the input.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// The rows of the input are the numbers below this one.
const INPUT: u8 = 4;
/// A generation that runs alone needs fewer steps than this.
const STEPS_MAX: usize = 200;

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct StateSnapshot {
    end: u8,
    /// The state of a stateful operator that collects all rows.
    seen: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct EpochOutput {
    rows: Vec<u8>,
    /// The size of the state after the epoch.
    count: usize,
}

/// Checkpoint and sink, which survive a crash.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct DurableState {
    remembers: bool,
    generations: BTreeSet<u64>,
    plans: BTreeMap<u64, (u8, u8)>,
    manifests: BTreeMap<(u64, u64), StateSnapshot>,
    records: BTreeMap<u64, u64>,
    fence: u64,
    last: Option<(u64, u64)>,
    visible: Vec<EpochOutput>,
    violation: Option<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct ModelProcess {
    machine: Machine,
    injected: InjectedBugs,
    now: StateSnapshot,
    /// Epochs that are processed and not yet committed.
    epochs: BTreeMap<u64, (EpochOutput, StateSnapshot)>,
}

fn commit_of((epoch, generation): (u64, u64)) -> Commit {
    Commit { epoch: Epoch(epoch), generation: Generation(generation) }
}

impl DurableState {
    /// Commits as a sink with the minimal guarantees does: it refuses lower generations and epochs that are
    /// committed. It does not detect a gap, which the protocol must prevent.
    fn sink_commit(&mut self, epoch: u64, generation: u64, output: EpochOutput) -> bool {
        if self.remembers {
            if self.fence > generation || self.last.is_some_and(|(e, _)| e >= epoch) {
                return false;
            }
            if self.fence != generation {
                self.violation = Some("commit without fence");
            }
            self.last = Some((epoch, generation));
        }
        self.visible.push(output);
        true
    }

    fn check(&self) -> Result<(), &'static str> {
        if let Some(v) = self.violation {
            return Err(v);
        }
        if !self.remembers {
            return Ok(());
        }
        let mut seen = 0;
        for output in &self.visible {
            for row in &output.rows {
                if usize::from(*row) != seen {
                    return Err(if usize::from(*row) < seen { "twice" } else { "lost" });
                }
                seen += 1;
            }
            if output.count != seen {
                return Err("state of another epoch");
            }
        }
        Ok(())
    }

    fn complete(&self) -> bool {
        let rows: BTreeSet<u8> = self.visible.iter().flat_map(|o| o.rows.iter().copied()).collect();
        rows.len() == usize::from(INPUT)
    }
}

impl ModelProcess {
    fn new(injected: InjectedBugs) -> Self {
        Self {
            machine: Machine::new(injected),
            injected,
            now: StateSnapshot::default(),
            epochs: BTreeMap::new(),
        }
    }

    /// Returns the enabled actions, without plans after the end of the input.
    fn enabled(&self) -> Vec<ProtocolAction> {
        let more = |a: &ProtocolAction| !matches!(a, ProtocolAction::Plan(_)) || self.now.end < INPUT;
        self.machine.enabled().into_iter().filter(more).collect()
    }

    fn step(&mut self, durable: &mut DurableState, action: ProtocolAction) {
        let me = self.machine.generation().0;
        // An error stops the machine, and the process does nothing else about it.
        let _ = match action {
            ProtocolAction::ListGenerations => {
                let all: Vec<_> = durable.generations.iter().map(|g| Generation(*g)).collect();
                // The count before, so that the generations plan epochs of different lengths.
                let newest = all.iter().max().map_or(0, |g| g.0 >> 32);
                self.machine.listed(&all, newest as u32)
            }
            ProtocolAction::Claim(g) => {
                let won = durable.generations.insert(g.0) && durable.generations.last() == Some(&g.0);
                // The newest run deletes the others.
                durable.generations.retain(|other| !won || *other >= g.0);
                self.machine.claimed(won)
            }
            ProtocolAction::ReadRecords => {
                let newest = durable.records.iter().next_back().map(|(e, g)| commit_of((*e, *g)));
                self.machine.records_read(newest)
            }
            ProtocolAction::Fence(g) => self.fence(durable, g.0),
            ProtocolAction::Restore(from) => self.restore(durable, from),
            ProtocolAction::Plan(e) => self.plan(durable, e.0),
            ProtocolAction::Manifest(e) => {
                let mut snapshot = self.epochs.get(&e.0).unwrap().1.clone();
                if self.injected.mix_epochs() {
                    snapshot.seen = self.now.seen.clone();
                }
                assert!(durable.manifests.insert((e.0, me), snapshot).is_none(), "a manifest written twice");
                self.machine.manifest_written(e)
            }
            ProtocolAction::Commit(e) => {
                let output = self.epochs.get(&e.0).unwrap().0.clone();
                let accepted = durable.sink_commit(e.0, me, output);
                self.machine.committed(e, accepted)
            }
            ProtocolAction::Record(e) => self.record(durable, e.0),
        };
    }

    fn fence(&mut self, durable: &mut DurableState, g: u64) -> Transition {
        if !self.injected.skip_fence() {
            if durable.remembers && durable.fence > g {
                return self.machine.stop(ProtocolError::Fenced);
            }
            durable.fence = g;
        }
        let manifests: Vec<_> = durable.manifests.keys().copied().map(commit_of).collect();
        self.machine.fenced(durable.remembers, durable.last.map(commit_of), &manifests).map(drop)
    }

    fn restore(&mut self, durable: &DurableState, from: Option<(Epoch, Generation)>) -> Transition {
        let found = match from {
            None => Some(StateSnapshot::default()),
            Some((e, g)) => durable.manifests.get(&(e.0, g.0)).cloned(),
        };
        self.now = found.clone().unwrap_or_default();
        self.machine.restored(found.is_some())
    }

    /// Plans an epoch. Each generation would choose another end, so a test fails if it does not adopt the
    /// durable plan.
    fn plan(&mut self, durable: &mut DurableState, e: u64) -> Transition {
        let rows = 1 + ((e + self.machine.generation().0) % 2) as u8;
        let mine = (self.now.end, (self.now.end + rows).min(INPUT));
        let (start, end) = *durable.plans.entry(e).or_insert(mine);
        let rows: Vec<u8> = (start..end).collect();
        self.now.seen.extend(&rows);
        self.now.end = end;
        let output = EpochOutput { rows, count: self.now.seen.len() };
        self.epochs.insert(e, (output, self.now.clone()));
        self.machine.planned(Epoch(e))
    }

    fn record(&mut self, durable: &mut DurableState, e: u64) -> Transition {
        let me = self.machine.generation().0;
        let by = *durable.records.entry(e).or_insert(me);
        let manifests: Vec<_> = durable.manifests.keys().copied().map(commit_of).collect();
        for m in garbage(&manifests, Epoch(e)) {
            durable.manifests.remove(&(m.epoch.0, m.generation.0));
        }
        self.epochs.remove(&e);
        self.machine.recorded(Epoch(e), Generation(by))
    }
}

/// Runs one more generation, alone and without injected bugs, which must complete the input.
fn check_recoverable(mut durable: DurableState) -> Result<(), &'static str> {
    let mut process = ModelProcess::new(InjectedBugs::default());
    for _ in 0..STEPS_MAX {
        let Some(action) = process.enabled().first().copied() else { break };
        process.step(&mut durable, action);
    }
    durable.check()?;
    if durable.complete() { Ok(()) } else { Err("the input is never completed") }
}

/// Visits all interleavings of `processes` generations; returns the number of states, or the first violation.
fn explore(processes: usize, remembers: bool, injected: InjectedBugs) -> Result<usize, &'static str> {
    let start =
        (DurableState { remembers, ..DurableState::default() }, vec![ModelProcess::new(injected); processes]);
    let mut seen = HashSet::from([start.clone()]);
    let mut recovered = HashSet::new();
    let mut todo = vec![start];
    while let Some((durable, all)) = todo.pop() {
        durable.check()?;
        if recovered.insert(durable.clone()) {
            check_recoverable(durable.clone())?;
        }
        for (i, process) in all.iter().enumerate() {
            for action in process.enabled() {
                let (mut durable, mut all) = (durable.clone(), all.clone());
                all[i].step(&mut durable, action);
                // Processes are interchangeable, so states that differ in their order only are the same.
                all.sort_by_key(|p| p.machine.generation());
                let state = (durable, all);
                if seen.insert(state.clone()) {
                    todo.push(state);
                }
            }
        }
    }
    Ok(seen.len())
}

#[test]
fn two_generations_lose_nothing_and_repeat_nothing_in_any_interleaving() {
    let states = explore(2, true, InjectedBugs::default()).unwrap();
    assert!(states > 1_000, "only {states} states were visited");
}

#[test]
fn three_generations_lose_nothing_and_repeat_nothing_in_any_interleaving() {
    let states = explore(3, true, InjectedBugs::default()).unwrap();
    assert!(states > 20_000, "only {states} states were visited");
}

#[test]
fn with_a_sink_that_cannot_remember_nothing_is_lost() {
    explore(2, false, InjectedBugs::default()).unwrap();
}

#[test]
fn injected_bugs_are_detected() {
    let none = InjectedBugs::default();
    let check = |injected, expect: &[&str]| {
        let found = explore(2, true, injected).expect_err("the bug was not detected");
        assert!(expect.contains(&found), "{injected:?} was detected as {found}");
    };
    check(InjectedBugs { restore_newest: true, ..none }, &["lost", "state of another epoch"]);
    check(InjectedBugs { mix_epochs: true, ..none }, &["twice", "state of another epoch"]);
    check(InjectedBugs { skip_fence: true, ..none }, &["commit without fence"]);
    check(
        InjectedBugs { skip_fence: true, skip_refused: true, ..none },
        &["commit without fence", "lost", "twice"],
    );
}

#[test]
fn nothing_is_enabled_after_a_refused_commit_or_out_of_order() {
    let mut m = Machine::new(InjectedBugs::default());
    m.listed(&[], 0).unwrap();
    m.claimed(true).unwrap();
    m.records_read(None).unwrap();
    m.fenced(true, None, &[]).unwrap();
    m.restored(true).unwrap();
    m.planned(Epoch(0)).unwrap();
    m.planned(Epoch(1)).unwrap();
    assert!(!m.may_plan(), "a third epoch in flight");
    m.manifest_written(Epoch(0)).unwrap();
    let mut early = m.clone();
    assert_eq!(early.recorded(Epoch(0), m.generation()), Err(ProtocolError::OutOfOrder("record")));
    assert_eq!(m.committed(Epoch(0), false), Err(ProtocolError::Fenced));
    for stopped in [m, early] {
        assert_eq!(stopped.enabled(), vec![]);
    }
}
