//! What a new generation concludes from what it finds: the number it takes, the commit it goes on
//! from, and what nobody can need any more.
//!
//! Pure functions; the model in the tests and the driver call the same ones.

use super::Refusal;
use thalweg_common::ids::{Epoch, Generation};
use thalweg_connectors::stream::Commit;

/// One more than the highest there is; the first is 1.
pub(crate) fn next_generation(existing: &[Generation]) -> Generation {
    existing.iter().max().copied().unwrap_or_default().next()
}

/// What a generation knows after it fenced the sink.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub me: Generation,
    /// Whether the sink remembers its commits; otherwise the checkpoint's record counts.
    pub remembers: bool,
    pub sink: Option<Commit>,
    /// The newest commit record, read before the fence.
    pub record: Option<Commit>,
    pub manifests: &'a [Commit],
}

/// The commit to go on from; none to start with nothing.
///
/// The sink arbitrates: a manifest that is newer than its last commit was never committed, whoever
/// wrote it. A record can only follow a commit, so a record that the sink does not know means that
/// the sink lost rows, and then going on would hide it.
pub(crate) fn resume(facts: &Facts<'_>) -> Result<Option<Commit>, Refusal> {
    let last = if facts.remembers { trusted(facts.sink, facts.record)? } else { facts.record };
    let Some(last) = last else { return Ok(None) };
    if last.generation >= facts.me {
        return Err(Refusal::Fenced);
    }
    if !facts.manifests.contains(&last) {
        return Err(Refusal::ManifestMissing(last.epoch, last.generation));
    }
    Ok(Some(last))
}

fn trusted(sink: Option<Commit>, record: Option<Commit>) -> Result<Option<Commit>, Refusal> {
    match (sink, record) {
        (None, Some(r)) => Err(Refusal::SinkForgot(r.epoch)),
        (Some(s), Some(r)) if s.epoch < r.epoch => {
            Err(Refusal::SinkRolledBack { sink: s.epoch, recorded: r.epoch })
        }
        (Some(s), Some(r)) if s.epoch == r.epoch && s.generation != r.generation => {
            Err(Refusal::RecordDisagrees(s.epoch))
        }
        _ => Ok(sink),
    }
}

/// The manifests that nobody can need once `confirmed` is committed and recorded: those of older
/// epochs. A manifest of the same or a later epoch stays, whoever wrote it: a commit of it may be
/// under way in a sink that can't be fenced.
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
        let facts = Facts {
            me: Generation(9),
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
        assert_eq!(next_generation(&[]), Generation(1));
        assert_eq!(next_generation(&[Generation(2), Generation(7), Generation(3)]), Generation(8));
    }
}
