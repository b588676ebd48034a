//! Every interleaving of the protocol, enumerated: several generations of one query over a model of
//! the store and of the sink, each frozen, thawed or dead at any step.
//!
//! A process that is never scheduled again is a crashed one, so all crashes and all pauses are among
//! the interleavings. In every reachable state the sink must hold a prefix of the input, each row
//! once, with the state that belongs to it; and from every reachable state one more generation,
//! left alone, must finish the job.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Rows of the input: the numbers below it.
const INPUT: u8 = 4;
const STEPS_MAX: usize = 200;

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Snapshot {
    end: u8,
    /// What a stateful operator saw: every row so far.
    seen: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Output {
    rows: Vec<u8>,
    /// What the state said after the epoch.
    count: usize,
}

/// Store and sink: all that survives.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct World {
    remembers: bool,
    generations: BTreeSet<u64>,
    plans: BTreeMap<u64, (u8, u8)>,
    manifests: BTreeMap<(u64, u64), Snapshot>,
    records: BTreeMap<u64, u64>,
    fence: u64,
    last: Option<(u64, u64)>,
    visible: Vec<Output>,
    violation: Option<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Process {
    machine: Machine,
    planted: Planted,
    now: Snapshot,
    /// Processed, not yet committed.
    epochs: BTreeMap<u64, (Output, Snapshot)>,
}

fn commit_of((epoch, generation): (u64, u64)) -> Commit {
    Commit { epoch: Epoch(epoch), generation: Generation(generation) }
}

impl World {
    /// The least that a fenced sink with memory does: refuses lower generations and epochs that it
    /// has. It does not notice a gap; that there is none is up to the protocol.
    fn sink_commit(&mut self, epoch: u64, generation: u64, output: Output) -> bool {
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

impl Process {
    fn new(planted: Planted) -> Self {
        Self { machine: Machine::new(planted), planted, now: Snapshot::default(), epochs: BTreeMap::new() }
    }

    /// What can be done now: what the machine enables, without plans beyond the input's end.
    fn enabled(&self) -> Vec<Action> {
        let more = |a: &Action| !matches!(a, Action::Plan(_)) || self.now.end < INPUT;
        self.machine.enabled().into_iter().filter(more).collect()
    }

    fn step(&mut self, world: &mut World, action: Action) {
        let me = self.machine.generation().0;
        // A refusal stops the machine, which is all that a process does about it.
        let _ = match action {
            Action::ListGenerations => {
                let all: Vec<_> = world.generations.iter().map(|g| Generation(*g)).collect();
                self.machine.listed(&all)
            }
            Action::Claim(g) => self.machine.claimed(world.generations.insert(g.0)),
            Action::ReadRecords => {
                let newest = world.records.iter().next_back().map(|(e, g)| commit_of((*e, *g)));
                self.machine.records_read(newest)
            }
            Action::Fence(g) => self.fence(world, g.0),
            Action::Restore(from) => self.restore(world, from),
            Action::Plan(e) => self.plan(world, e.0),
            Action::Manifest(e) => {
                let mut snapshot = self.epochs.get(&e.0).unwrap().1.clone();
                if self.planted.mix_epochs() {
                    snapshot.seen = self.now.seen.clone();
                }
                assert!(world.manifests.insert((e.0, me), snapshot).is_none(), "a manifest written twice");
                self.machine.manifest_written(e)
            }
            Action::Commit(e) => {
                let output = self.epochs.get(&e.0).unwrap().0.clone();
                let accepted = world.sink_commit(e.0, me, output);
                self.machine.committed(e, accepted)
            }
            Action::Record(e) => self.record(world, e.0),
        };
    }

    fn fence(&mut self, world: &mut World, g: u64) -> Step {
        if !self.planted.skip_fence() {
            if world.remembers && world.fence > g {
                return self.machine.stop(Refusal::Fenced);
            }
            world.fence = g;
        }
        let manifests: Vec<_> = world.manifests.keys().copied().map(commit_of).collect();
        self.machine.fenced(world.remembers, world.last.map(commit_of), &manifests)
    }

    fn restore(&mut self, world: &World, from: Option<(Epoch, Generation)>) -> Step {
        let found = match from {
            None => Some(Snapshot::default()),
            Some((e, g)) => world.manifests.get(&(e.0, g.0)).cloned(),
        };
        self.now = found.clone().unwrap_or_default();
        self.machine.restored(found.is_some())
    }

    /// Every generation would cut elsewhere, so that adopting the durable plan matters.
    fn plan(&mut self, world: &mut World, e: u64) -> Step {
        let cut = 1 + ((e + self.machine.generation().0) % 2) as u8;
        let mine = (self.now.end, (self.now.end + cut).min(INPUT));
        let (start, end) = *world.plans.entry(e).or_insert(mine);
        let rows: Vec<u8> = (start..end).collect();
        self.now.seen.extend(&rows);
        self.now.end = end;
        let output = Output { rows, count: self.now.seen.len() };
        self.epochs.insert(e, (output, self.now.clone()));
        self.machine.planned(Epoch(e))
    }

    fn record(&mut self, world: &mut World, e: u64) -> Step {
        let me = self.machine.generation().0;
        let by = *world.records.entry(e).or_insert(me);
        let manifests: Vec<_> = world.manifests.keys().copied().map(commit_of).collect();
        for m in garbage(&manifests, Epoch(e)) {
            world.manifests.remove(&(m.epoch.0, m.generation.0));
        }
        self.epochs.remove(&e);
        self.machine.recorded(Epoch(e), Generation(by))
    }
}

/// One more generation, alone and sound, from here on.
fn finishes(mut world: World) -> Result<(), &'static str> {
    let mut process = Process::new(Planted::default());
    for _ in 0..STEPS_MAX {
        let Some(action) = process.enabled().first().copied() else { break };
        process.step(&mut world, action);
    }
    world.check()?;
    if world.complete() { Ok(()) } else { Err("the rest is never done") }
}

/// Walks all interleavings of `processes` generations. Answers with the number of states, or the first
/// violation.
fn explore(processes: usize, remembers: bool, planted: Planted) -> Result<usize, &'static str> {
    let start = (World { remembers, ..World::default() }, vec![Process::new(planted); processes]);
    let mut seen = HashSet::from([start.clone()]);
    let mut recovered = HashSet::new();
    let mut todo = vec![start];
    while let Some((world, all)) = todo.pop() {
        world.check()?;
        if recovered.insert(world.clone()) {
            finishes(world.clone())?;
        }
        for (i, process) in all.iter().enumerate() {
            for action in process.enabled() {
                let (mut world, mut all) = (world.clone(), all.clone());
                all[i].step(&mut world, action);
                // Processes are alike: their order in the list says nothing.
                all.sort_by_key(|p| p.machine.generation());
                let state = (world, all);
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
    let states = explore(2, true, Planted::default()).unwrap();
    assert!(states > 1_000, "only {states} states: the walk is not a walk");
}

#[test]
fn three_generations_neither() {
    let states = explore(3, true, Planted::default()).unwrap();
    assert!(states > 20_000, "only {states} states: the walk is not a walk");
}

#[test]
fn with_a_sink_that_cannot_remember_nothing_is_lost() {
    explore(2, false, Planted::default()).unwrap();
}

#[test]
fn planted_faults_are_noticed() {
    let none = Planted::default();
    let check = |planted, expect: &[&str]| {
        let found = explore(2, true, planted).expect_err("the fault went unnoticed");
        assert!(expect.contains(&found), "{planted:?} was noticed as {found}");
    };
    check(Planted { restore_newest: true, ..none }, &["lost", "state of another epoch"]);
    check(Planted { mix_epochs: true, ..none }, &["twice", "state of another epoch"]);
    check(Planted { skip_fence: true, ..none }, &["commit without fence"]);
    check(
        Planted { skip_fence: true, skip_refused: true, ..none },
        &["commit without fence", "lost", "twice"],
    );
}

#[test]
fn nothing_is_enabled_after_a_refused_commit_or_out_of_order() {
    let mut m = Machine::new(Planted::default());
    m.listed(&[]).unwrap();
    m.claimed(true).unwrap();
    m.records_read(None).unwrap();
    m.fenced(true, None, &[]).unwrap();
    m.restored(true).unwrap();
    m.planned(Epoch(0)).unwrap();
    m.planned(Epoch(1)).unwrap();
    assert!(!m.may_plan(), "a third epoch in flight");
    m.manifest_written(Epoch(0)).unwrap();
    let mut early = m.clone();
    assert_eq!(early.recorded(Epoch(0), Generation(1)), Err(Refusal::OutOfOrder("record")));
    assert_eq!(m.committed(Epoch(0), false), Err(Refusal::Fenced));
    for stopped in [m, early] {
        assert_eq!(stopped.enabled(), vec![]);
    }
}
