//! Defines the protocol of one generation as a pure state machine.
//!
//! The coordinator (and the model in the tests) asks for the enabled actions, performs one, and reports its
//! result to the machine, which decides what is enabled next. An action that is not enabled is an error, so a
//! bug in the coordinator cannot violate the protocol.
//!
//! What always holds:
//! * no plan, manifest or commit before this generation has fenced the sink;
//! * the restored manifest is the one of the sink's last commit, never a newer one;
//! * epochs are planned in order, at most [`EPOCHS_IN_FLIGHT`] ahead of the commits;
//! * an epoch is committed after its manifest is written; epochs are committed in order and none is skipped;
//! * after a refused commit no action is enabled.
//!
//! Not here: I/O, time, rows.

mod recover;

#[cfg(test)]
mod model;

pub(crate) use recover::{RecoveryFacts, garbage, next_generation, resume};

use crate::injected_bugs::InjectedBugs;
use thalweg_common::ids::{Epoch, Generation};
use thalweg_connectors::stream::Commit;

/// Epochs that may be planned and not yet committed: with two, the workers process one epoch while the
/// previous one is being committed.
pub(crate) const EPOCHS_IN_FLIGHT: u64 = 2;

/// Why a generation must end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum ProtocolError {
    /// Another generation has fenced the sink or committed.
    Fenced,
    /// The sink reports no commit, but the checkpoint has recorded this one.
    SinkForgot(Epoch),
    /// The sink's last commit is older than one that the checkpoint has recorded.
    SinkRolledBack { sink: Epoch, recorded: Epoch },
    /// Sink and checkpoint name different generations for one epoch.
    RecordDisagrees(Epoch),
    /// The checkpoint does not contain the manifest of the last commit.
    ManifestMissing(Epoch, Generation),
    /// The coordinator performed an action that was not enabled, which is a bug.
    OutOfOrder(&'static str),
}

/// An action that a generation may perform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ProtocolAction {
    /// List the existing generations.
    ListGenerations,
    /// Create the object of this generation, unless it exists.
    Claim(Generation),
    /// Read the newest commit record. It is read before the fence: no record can then be newer than the
    /// commit that the sink reports, unless the sink has lost commits.
    ReadRecords,
    /// Fence the sink and read its last commit.
    Fence(Generation),
    /// Restore the manifest of this commit, or start without state.
    Restore(Option<(Epoch, Generation)>),
    /// Make the plan of an epoch durable (or adopt the existing plan) and start the epoch.
    Plan(Epoch),
    /// Write the manifest of an epoch whose state deltas are durable and whose rows are staged.
    Manifest(Epoch),
    /// Commit the epoch in the sink.
    Commit(Epoch),
    /// Write the commit record, and release what is no longer needed.
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

/// The protocol state of one generation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Machine {
    generation: Generation,
    phase: Phase,
    /// The epoch to plan next.
    plan: Epoch,
    /// The epoch to commit next; all before it are committed and recorded.
    commit: Epoch,
    recorded: Option<(Epoch, Generation)>,
    fenced: bool,
    injected: InjectedBugs,
}

type Transition = Result<(), ProtocolError>;

impl Machine {
    pub(crate) fn new(injected: InjectedBugs) -> Self {
        Self {
            generation: Generation(0),
            phase: Phase::List,
            plan: Epoch(0),
            commit: Epoch(0),
            recorded: None,
            fenced: false,
            injected,
        }
    }

    /// Returns the number of this generation; 0 before it is known.
    pub(crate) fn generation(&self) -> Generation {
        self.generation
    }

    /// Returns the enabled actions. There are two if an epoch may be planned while an older one is being
    /// committed; these are independent of each other.
    pub(crate) fn enabled(&self) -> Vec<ProtocolAction> {
        let mut actions = match self.phase {
            Phase::List => vec![ProtocolAction::ListGenerations],
            Phase::Claim => vec![ProtocolAction::Claim(self.generation)],
            Phase::ReadRecords => vec![ProtocolAction::ReadRecords],
            Phase::Fence => vec![ProtocolAction::Fence(self.generation)],
            Phase::Restore(from) => vec![ProtocolAction::Restore(from)],
            // The oldest epoch that is planned; without one there is nothing to commit.
            Phase::Run(Next::Manifest) if self.commit < self.plan => {
                vec![ProtocolAction::Manifest(self.commit)]
            }
            Phase::Run(Next::Commit) => vec![ProtocolAction::Commit(self.commit)],
            Phase::Run(Next::Record) => vec![ProtocolAction::Record(self.commit)],
            Phase::Run(Next::Manifest) | Phase::Stopped => vec![],
        };
        if self.may_plan() {
            actions.push(ProtocolAction::Plan(self.plan));
        }
        actions
    }

    /// Returns whether another epoch may be planned.
    pub(crate) fn may_plan(&self) -> bool {
        // Plans are made while the epoch before is committed: that is where two epochs in flight save time.
        matches!(self.phase, Phase::Run(_)) && self.plan.0 < self.commit.0 + EPOCHS_IN_FLIGHT
    }

    /// Returns the epoch that is planned next.
    pub(crate) fn next_plan(&self) -> Epoch {
        self.plan
    }

    fn require(&mut self, action: ProtocolAction, what: &'static str) -> Transition {
        if self.enabled().contains(&action) { Ok(()) } else { self.stop(ProtocolError::OutOfOrder(what)) }
    }

    fn stop<T>(&mut self, why: ProtocolError) -> Result<T, ProtocolError> {
        self.phase = Phase::Stopped;
        Err(why)
    }

    /// Reports the generations that exist, with the random tag of the next one.
    pub(crate) fn listed(&mut self, existing: &[Generation], tag: u32) -> Transition {
        self.require(ProtocolAction::ListGenerations, "list")?;
        self.generation = next_generation(existing, tag);
        self.phase = Phase::Claim;
        Ok(())
    }

    /// Reports whether the claim succeeded; otherwise another run was first.
    pub(crate) fn claimed(&mut self, won: bool) -> Transition {
        self.require(ProtocolAction::Claim(self.generation), "claim")?;
        // Another run has this number, so the next free one is looked up.
        self.phase = if won { Phase::ReadRecords } else { Phase::List };
        Ok(())
    }

    /// Reports the newest commit record.
    pub(crate) fn records_read(&mut self, newest: Option<Commit>) -> Transition {
        self.require(ProtocolAction::ReadRecords, "read records")?;
        self.recorded = newest.map(|c| (c.epoch, c.generation));
        self.phase = Phase::Fence;
        Ok(())
    }

    /// Reports that the sink is fenced. `sink` is its last commit, which counts only if the sink `remembers`. Returns the
    /// commit whose manifest is restored next; without one the query starts without state.
    pub(crate) fn fenced(
        &mut self,
        remembers: bool,
        sink: Option<Commit>,
        manifests: &[Commit],
    ) -> Result<Option<Commit>, ProtocolError> {
        self.require(ProtocolAction::Fence(self.generation), "fence")?;
        let record = self.recorded.map(|(epoch, generation)| Commit { epoch, generation });
        let facts = RecoveryFacts { generation: self.generation, remembers, sink, record, manifests };
        let from = if self.injected.restore_newest() {
            manifests.iter().copied().max_by_key(|m| (m.epoch, m.generation))
        } else {
            match resume(&facts) {
                Ok(from) => from,
                Err(why) => return self.stop(why),
            }
        };
        // Kept beside the phase as a second guard: `manifest_written` checks it again.
        self.fenced = true;
        self.phase = Phase::Restore(from.map(|c| (c.epoch, c.generation)));
        Ok(from)
    }

    /// Reports that the state is restored. If the manifest was not found, a newer generation has deleted it,
    /// so this one is fenced.
    pub(crate) fn restored(&mut self, found: bool) -> Transition {
        let Phase::Restore(from) = self.phase else {
            return self.stop(ProtocolError::OutOfOrder("restore"));
        };
        if !found {
            return self.stop(ProtocolError::Fenced);
        }
        // Epochs after the restored one are replayed, with the plans that exist.
        self.plan = from.map_or(Epoch(0), |(epoch, _)| epoch.next());
        self.commit = self.plan;
        self.phase = Phase::Run(Next::Manifest);
        Ok(())
    }

    /// Reports that the plan of `epoch` is durable.
    pub(crate) fn planned(&mut self, epoch: Epoch) -> Transition {
        self.require(ProtocolAction::Plan(epoch), "plan")?;
        self.plan = epoch.next();
        Ok(())
    }

    /// Reports that the manifest of `epoch` is durable.
    pub(crate) fn manifest_written(&mut self, epoch: Epoch) -> Transition {
        self.require(ProtocolAction::Manifest(epoch), "manifest")?;
        if !self.fenced {
            return self.stop(ProtocolError::OutOfOrder("manifest before fence"));
        }
        self.phase = Phase::Run(Next::Commit);
        Ok(())
    }

    /// Reports whether the sink accepted the commit of `epoch`; it refuses if another generation fenced it.
    pub(crate) fn committed(&mut self, epoch: Epoch, accepted: bool) -> Transition {
        self.require(ProtocolAction::Commit(epoch), "commit")?;
        // A refusal is final: the sink belongs to another generation, which commits this epoch itself.
        if !accepted && !self.injected.skip_refused() {
            return self.stop(ProtocolError::Fenced);
        }
        self.phase = Phase::Run(Next::Record);
        Ok(())
    }

    /// Reports that the commit record of `epoch` exists and names the generation `by`.
    pub(crate) fn recorded(&mut self, epoch: Epoch, by: Generation) -> Transition {
        self.require(ProtocolAction::Record(epoch), "record")?;
        // Another generation has committed this epoch too, so the sink was not fenced or belongs to it.
        if by != self.generation {
            return self.stop(ProtocolError::Fenced);
        }
        self.commit = epoch.next();
        self.phase = Phase::Run(Next::Manifest);
        Ok(())
    }
}
