//! Decides how a generation recovers: its number, the commit that it continues from, and what it may delete.
//!
//! These are pure functions, which the coordinator and the model in the tests share.

use super::ProtocolError;
use thalweg_common::ids::{Epoch, Generation};
use thalweg_connectors::stream::Commit;

/// Bits of a generation below its count.
const TAG_BITS: u32 = 32;

/// Returns the generation after the highest existing one: its count, then `tag`, which is random.
///
/// A copy of a checkpoint counts the same generations as the original. With different tags the sink tells them apart:
/// the higher one fences the lower one, and neither restores a manifest of the other.
pub(crate) fn next_generation(existing: &[Generation], tag: u32) -> Generation {
    // Generations without a tag were counted from 1.
    let count = |g: &Generation| if g.0 >> TAG_BITS == 0 { g.0 } else { g.0 >> TAG_BITS };
    let next = existing.iter().map(count).max().unwrap_or(0) + 1;
    Generation((next << TAG_BITS) | u64::from(tag))
}

/// What a generation knows after it has fenced the sink.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecoveryFacts<'a> {
    pub generation: Generation,
    /// Whether the sink remembers its commits; otherwise the commit record of the checkpoint counts.
    pub remembers: bool,
    pub sink: Option<Commit>,
    /// The newest commit record, read before the fence.
    pub record: Option<Commit>,
    pub manifests: &'a [Commit],
}

/// Returns the commit to continue from; `None` to start without state.
///
/// The sink decides: a manifest newer than its last commit was never committed, whoever wrote it. A record is
/// only written after a commit, so a record of a commit that the sink does not report means that the sink has
/// lost rows. Continuing would hide the loss.
pub(crate) fn resume(facts: &RecoveryFacts<'_>) -> Result<Option<Commit>, ProtocolError> {
    // A sink that does not remember its commits leaves only the record of the checkpoint.
    let last = if facts.remembers { sink_commit(facts.sink, facts.record)? } else { facts.record };
    let Some(last) = last else { return Ok(None) };
    // A commit of a later generation means that this one was overtaken between its claim and its fence.
    if last.generation >= facts.generation {
        return Err(ProtocolError::Fenced);
    }
    if !facts.manifests.contains(&last) {
        return Err(ProtocolError::ManifestMissing(last.epoch, last.generation));
    }
    Ok(Some(last))
}

fn sink_commit(sink: Option<Commit>, record: Option<Commit>) -> Result<Option<Commit>, ProtocolError> {
    match (sink, record) {
        (None, Some(r)) => Err(ProtocolError::SinkForgot(r.epoch)),
        (Some(s), Some(r)) if s.epoch < r.epoch => {
            Err(ProtocolError::SinkRolledBack { sink: s.epoch, recorded: r.epoch })
        }
        (Some(s), Some(r)) if s.epoch == r.epoch && s.generation != r.generation => {
            Err(ProtocolError::RecordDisagrees(s.epoch))
        }
        _ => Ok(sink),
    }
}

/// Returns the manifests that no recovery needs once `confirmed` is committed and recorded: those of older
/// epochs. A manifest of the same or a later epoch stays, whoever wrote it, since a sink that cannot be
/// fenced may be committing it.
pub(crate) fn garbage(manifests: &[Commit], confirmed: Epoch) -> Vec<Commit> {
    manifests.iter().copied().filter(|m| m.epoch < confirmed).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn c(text: &str) -> Commit {
        let (e, g) = text.split_once('.').unwrap();
        Commit { epoch: Epoch(e.parse().unwrap()), generation: Generation(g.parse().unwrap()) }
    }

    /// Commits are written `epoch.generation`, none as `-`.
    fn check(remembers: bool, sink: &str, record: &str, manifests: &[&str], expect: &str) {
        let one = |t: &str| (t != "-").then(|| c(t));
        let manifests: Vec<_> = manifests.iter().map(|t| c(t)).collect();
        let facts = RecoveryFacts {
            generation: Generation(9),
            remembers,
            sink: one(sink),
            record: one(record),
            manifests: &manifests,
        };
        let got = match resume(&facts) {
            Ok(None) => "fresh".to_owned(),
            Ok(Some(c)) => format!("{}.{}", c.epoch, c.generation),
            Err(why) => format!("{why:?}"),
        };
        assert_eq!(got, expect, "sink {sink} record {record} manifests {manifests:?}");
    }

    #[test]
    fn the_sink_arbitrates_and_a_sink_that_lost_something_is_refused() {
        check(true, "-", "-", &[], "fresh");
        check(true, "-", "-", &["0.1"], "fresh");
        check(true, "3.2", "3.2", &["3.2", "4.2", "4.3"], "3.2");
        check(true, "3.2", "2.2", &["2.2", "3.1", "3.2", "4.2"], "3.2");
        check(true, "3.2", "-", &["3.2"], "3.2");
        check(true, "-", "0.1", &["0.1"], "SinkForgot(Epoch(0))");
        check(true, "2.1", "3.1", &["2.1", "3.1"], "SinkRolledBack { sink: Epoch(2), recorded: Epoch(3) }");
        check(true, "3.2", "3.1", &["3.2", "3.1"], "RecordDisagrees(Epoch(3))");
        check(true, "3.2", "3.2", &["3.1", "4.2"], "ManifestMissing(Epoch(3), Generation(2))");
        check(true, "3.9", "-", &["3.9"], "Fenced");
        check(false, "-", "-", &["0.1"], "fresh");
        check(false, "-", "3.1", &["3.1", "4.1"], "3.1");
    }

    #[test]
    fn only_older_epochs_are_garbage() {
        let manifests = ["1.1", "2.1", "2.2", "3.1"].map(c);
        assert_eq!(garbage(&manifests, Epoch(2)), vec![c("1.1")]);
    }

    #[test]
    fn a_generation_is_one_more_than_any_other() {
        let tagged = |count: u64, tag: u64| Generation((count << 32) | tag);
        assert_eq!(next_generation(&[], 5), tagged(1, 5));
        assert_eq!(
            next_generation(&[tagged(2, 9), tagged(7, u64::from(u32::MAX)), tagged(3, 0)], 0),
            tagged(8, 0)
        );
        // Checkpoints of earlier versions have generations without a tag.
        assert_eq!(next_generation(&[Generation(2), Generation(7), Generation(3)], 1), tagged(8, 1));
        assert!(next_generation(&[Generation(7)], 0) > Generation(7));
    }
}
