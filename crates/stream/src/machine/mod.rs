//! The protocol of one generation, as a pure state machine: what it may do next, and what it must
//! conclude from what it saw.
//!
//! The driver (and the model in the tests) asks [`Machine::enabled`], does one action, and tells the
//! machine what came of it. The machine refuses everything out of order, so an I/O bug in the driver
//! can't become a protocol violation.
//!
//! What always holds:
//! * no plan, manifest or commit before the sink was fenced by this generation;
//! * the manifest restored is the one of the sink's own last commit, never a newer one;
//! * epochs are planned in order, at most [`EPOCHS_IN_FLIGHT`] ahead of the commits;
//! * an epoch is committed after its manifest, epochs in order, none skipped;
//! * after a refused commit nothing is enabled any more.
//!
//! Deliberately not here: I/O, time, rows.

mod recover;

#[cfg(test)]
mod model;

pub(crate) use recover::{Facts, garbage, next_generation, resume};

use crate::planted::Planted;
use thalweg_common::ids::{Epoch, Generation};
use thalweg_connectors::stream::Commit;

/// Epochs that may be planned but not yet committed.
pub(crate) const EPOCHS_IN_FLIGHT: u64 = 2;

/// Why a generation must end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Refusal {
    /// Another generation fenced or committed: this one is over.
    Fenced,
    /// The sink remembers nothing, but the checkpoint recorded this commit.
    SinkForgot(Epoch),
    /// The sink's last commit is older than one that the checkpoint recorded.
    SinkRolledBack { sink: Epoch, recorded: Epoch },
    /// The sink and the checkpoint name different generations for one epoch.
    RecordDisagrees(Epoch),
    /// The manifest of the last commit is not in the checkpoint.
    ManifestMissing(Epoch, Generation),
    /// The driver did something that was not enabled: a fault of ours.
    OutOfOrder(&'static str),
}

/// What a generation may do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// Find out which generations there are.
    ListGenerations,
    /// Create the object of this generation, if nobody has.
    Claim(Generation),
    /// Read the newest commit record. Before the fence: then no record can be newer than the
    /// sink's answer, unless the sink lost something.
    ReadRecords,
    /// Fence the sink and learn its last commit.
    Fence(Generation),
    /// Restore this commit's manifest, or start with nothing.
    Restore(Option<(Epoch, Generation)>),
    /// Make the plan of an epoch durable (or adopt the one that is there) and start the epoch.
    Plan(Epoch),
    /// Write the manifest of an epoch whose deltas are durable and whose rows are staged.
    Manifest(Epoch),
    /// Let the sink commit the epoch.
    Commit(Epoch),
    /// Write the commit record, and let go of what it makes superfluous.
    Record(Epoch),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Phase {
    List,
    Claim,
    ReadRecords,
    Fence,
    Restore(Option<(Epoch, Generation)>),
    Run(Next),
    Stopped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Next {
    Manifest,
    Commit,
    Record,
}

/// Where one generation stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Machine {
    me: Generation,
    phase: Phase,
    /// The epoch to plan next.
    plan: Epoch,
    /// The epoch to commit next; all below are committed and recorded.
    commit: Epoch,
    recorded: Option<(Epoch, Generation)>,
    fenced: bool,
    planted: Planted,
}

type Step = Result<(), Refusal>;

impl Machine {
    pub(crate) fn new(planted: Planted) -> Self {
        Self {
            me: Generation(0),
            phase: Phase::List,
            plan: Epoch(0),
            commit: Epoch(0),
            recorded: None,
            fenced: false,
            planted,
        }
    }

    /// This generation; 0 before it is known.
    pub(crate) fn generation(&self) -> Generation {
        self.me
    }

    /// What may be done now. Two actions are enabled at once when the next epoch may start while an
    /// older one is being committed; they are independent.
    pub(crate) fn enabled(&self) -> Vec<Action> {
        let mut actions = match self.phase {
            Phase::List => vec![Action::ListGenerations],
            Phase::Claim => vec![Action::Claim(self.me)],
            Phase::ReadRecords => vec![Action::ReadRecords],
            Phase::Fence => vec![Action::Fence(self.me)],
            Phase::Restore(from) => vec![Action::Restore(from)],
            Phase::Run(Next::Manifest) if self.commit < self.plan => vec![Action::Manifest(self.commit)],
            Phase::Run(Next::Commit) => vec![Action::Commit(self.commit)],
            Phase::Run(Next::Record) => vec![Action::Record(self.commit)],
            Phase::Run(Next::Manifest) | Phase::Stopped => vec![],
        };
        if self.may_plan() {
            actions.push(Action::Plan(self.plan));
        }
        actions
    }

    /// Whether another epoch may start.
    pub(crate) fn may_plan(&self) -> bool {
        matches!(self.phase, Phase::Run(_)) && self.plan.0 < self.commit.0 + EPOCHS_IN_FLIGHT
    }

    /// The epoch that would be planned next.
    pub(crate) fn next_plan(&self) -> Epoch {
        self.plan
    }

    fn must(&mut self, action: Action, what: &'static str) -> Step {
        if self.enabled().contains(&action) { Ok(()) } else { self.stop(Refusal::OutOfOrder(what)) }
    }

    fn stop(&mut self, why: Refusal) -> Step {
        self.phase = Phase::Stopped;
        Err(why)
    }

    /// These generations exist.
    pub(crate) fn listed(&mut self, existing: &[Generation]) -> Step {
        self.must(Action::ListGenerations, "list")?;
        self.me = next_generation(existing);
        self.phase = Phase::Claim;
        Ok(())
    }

    /// The claim succeeded, or somebody else was first.
    pub(crate) fn claimed(&mut self, won: bool) -> Step {
        self.must(Action::Claim(self.me), "claim")?;
        self.phase = if won { Phase::ReadRecords } else { Phase::List };
        Ok(())
    }

    /// The newest commit record.
    pub(crate) fn records_read(&mut self, newest: Option<Commit>) -> Step {
        self.must(Action::ReadRecords, "read records")?;
        self.recorded = newest.map(|c| (c.epoch, c.generation));
        self.phase = Phase::Fence;
        Ok(())
    }

    /// The sink is fenced; `sink` is what it answered and `remembers` whether that counts.
    pub(crate) fn fenced(&mut self, remembers: bool, sink: Option<Commit>, manifests: &[Commit]) -> Step {
        self.must(Action::Fence(self.me), "fence")?;
        let record = self.recorded.map(|(epoch, generation)| Commit { epoch, generation });
        let facts = Facts { me: self.me, remembers, sink, record, manifests };
        let from = if self.planted.restore_newest() {
            manifests.iter().copied().max_by_key(|m| (m.epoch, m.generation))
        } else {
            match resume(&facts) {
                Ok(from) => from,
                Err(why) => return self.stop(why),
            }
        };
        self.fenced = true;
        self.phase = Phase::Restore(from.map(|c| (c.epoch, c.generation)));
        Ok(())
    }

    /// The state is restored (`found`), or the manifest vanished meanwhile: a newer generation
    /// collected it, so this one is fenced.
    pub(crate) fn restored(&mut self, found: bool) -> Step {
        let Phase::Restore(from) = self.phase else {
            return self.stop(Refusal::OutOfOrder("restore"));
        };
        if !found {
            return self.stop(Refusal::Fenced);
        }
        self.plan = from.map_or(Epoch(0), |(epoch, _)| epoch.next());
        self.commit = self.plan;
        self.phase = Phase::Run(Next::Manifest);
        Ok(())
    }

    /// The plan of `epoch` is durable.
    pub(crate) fn planned(&mut self, epoch: Epoch) -> Step {
        self.must(Action::Plan(epoch), "plan")?;
        self.plan = epoch.next();
        Ok(())
    }

    /// The manifest of `epoch` is durable.
    pub(crate) fn manifest_written(&mut self, epoch: Epoch) -> Step {
        self.must(Action::Manifest(epoch), "manifest")?;
        if !self.fenced {
            return self.stop(Refusal::OutOfOrder("manifest before fence"));
        }
        self.phase = Phase::Run(Next::Commit);
        Ok(())
    }

    /// The sink committed `epoch`, or refused because of another generation.
    pub(crate) fn committed(&mut self, epoch: Epoch, accepted: bool) -> Step {
        self.must(Action::Commit(epoch), "commit")?;
        if !accepted && !self.planted.skip_refused() {
            return self.stop(Refusal::Fenced);
        }
        self.phase = Phase::Run(Next::Record);
        Ok(())
    }

    /// The commit record of `epoch` is there, and names `by`.
    pub(crate) fn recorded(&mut self, epoch: Epoch, by: Generation) -> Step {
        self.must(Action::Record(epoch), "record")?;
        if by != self.me {
            return self.stop(Refusal::Fenced);
        }
        self.commit = epoch.next();
        self.phase = Phase::Run(Next::Manifest);
        Ok(())
    }
}
