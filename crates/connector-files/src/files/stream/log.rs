//! Keeps the log of a file source: an entry per epoch, amendments of entries, and summaries of many entries.
//!
//! **Entries and amendments.** An entry names the files of one epoch. An epoch that is not committed may be read again by
//! a later generation, and a file of it may have changed meanwhile. So a generation that continues an entry of another
//! one first writes an amendment of its own beside it, with the files as they are now. The amendment of the highest
//! generation counts. That is safe: a generation reads an epoch only after it has fenced the sink, so all higher ones
//! follow it; and a lower generation that is still running can write, but its amendment does not count. Within a
//! generation the files of an epoch never change. What was committed is never amended, since a generation continues
//! after the last commit.
//!
//! **Summaries.** The source has to know which files it has planned. The numbers of the entries are written in base
//! [`FAN_OUT`], and every full block of that many entries, of that many blocks and so on has a summary
//! ([`SeenRun`]). A start reads the summaries of the largest blocks and the entries after them. A summary is made of
//! entries whose epochs are committed, so it is the same whoever writes it. The blocks and entries that it replaces are
//! deleted one block later, for the sake of a reader that is behind. So the log has 24 bytes for each file, in each of
//! log(entries) levels at most until the next level is written.

use super::config::SkippedFiles;
use super::plan::{LogEntry, PlannedFile, check_unchanged};
use super::seen::{KeyKind, SeenFiles, SeenRun};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_connectors::background::blocking;
use thalweg_storage::{MetadataLog, checkpoint_corrupt};

/// The entries of the smallest summary, and the summaries that the next larger one replaces.
const FAN_OUT: u64 = 32;
/// The largest summary is of this power of [`FAN_OUT`], which no number of entries exceeds.
const LEVEL_MAX: u32 = 12;
/// The generation of a source that none has claimed.
const UNCLAIMED: u64 = 0;
/// In entries of earlier versions, every entry of this number contained all files before it.
const LEGACY_SUMMARY_EVERY: u64 = 100;

/// A block of entries: all those whose number divided by `FAN_OUT` to the power of `level` is `index`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Block {
    level: u32,
    index: u64,
}

impl Block {
    fn entries(self) -> u64 {
        FAN_OUT.saturating_pow(self.level)
    }

    /// The first entry after the block.
    fn end(self) -> u64 {
        self.index.saturating_add(1).saturating_mul(self.entries())
    }

    fn name(self) -> String {
        format!("seen-{:02}-{:020}", self.level, self.index)
    }

    /// The blocks that it consists of.
    fn parts(self) -> impl Iterator<Item = Self> {
        let first = self.index * FAN_OUT;
        (first..first + FAN_OUT).map(move |index| Self { level: self.level - 1, index })
    }

    /// Returns the largest blocks of level 1 and above that together are the entries from 0 up to less than
    /// [`FAN_OUT`] before `until`.
    fn covering(until: u64) -> Vec<Self> {
        let mut blocks = Vec::new();
        let mut start = 0;
        for level in (1..=LEVEL_MAX).rev() {
            let size = FAN_OUT.saturating_pow(level);
            while until - start >= size {
                blocks.push(Self { level, index: start / size });
                start += size;
            }
        }
        blocks
    }
}

/// What the log contains, by the names of its objects.
#[derive(Debug, Default)]
struct Contents {
    entries: BTreeSet<u64>,
    /// Entry and generation.
    amendments: BTreeSet<(u64, u64)>,
    blocks: BTreeSet<Block>,
}

impl Contents {
    fn of(names: &[String]) -> Self {
        let mut found = Self::default();
        for name in names {
            let parts: Vec<&str> = name.split(['-', '.']).collect();
            match (parts.as_slice(), name.starts_with("seen-")) {
                ([_, level, index], true) => {
                    let block = level.parse().ok().zip(index.parse().ok());
                    found.blocks.extend(block.map(|(level, index)| Block { level, index }));
                }
                ([entry], false) => found.entries.extend(entry.parse::<u64>().ok()),
                ([entry, generation], false) => {
                    found.amendments.extend(entry.parse().ok().zip(generation.parse().ok()));
                }
                // An unfinished write of a process that died.
                _ => {}
            }
        }
        found
    }

    /// The generation whose amendment of an entry counts, if there is one.
    fn amended_by(&self, entry: u64) -> Option<u64> {
        self.amendments.range((entry, 0)..=(entry, u64::MAX)).next_back().map(|(_, generation)| *generation)
    }

    /// The names of what is not needed once the blocks that cover `until` exist.
    fn replaced(&self, until: u64) -> Vec<String> {
        let covered = until / FAN_OUT * FAN_OUT;
        let before = covered.saturating_sub(FAN_OUT);
        let needed: BTreeSet<Block> =
            Block::covering(covered).into_iter().chain(Block::covering(before)).collect();
        let blocks = self.blocks.iter().filter(|b| b.end() <= covered && !needed.contains(b));
        let entries = self.entries.range(..before).map(|n| MetadataLog::entry_name(*n));
        let amendments = self.amendments.range(..(before, 0)).map(|(n, by)| amendment_name(*n, *by));
        blocks.map(|b| b.name()).chain(entries).chain(amendments).collect()
    }
}

fn amendment_name(entry: u64, generation: u64) -> String {
    format!("{}.{generation:020}", MetadataLog::entry_name(entry))
}

/// The log of a file source.
#[derive(Debug)]
pub(super) struct SourceLog {
    log: MetadataLog,
    kind: KeyKind,
    skipped: Arc<SkippedFiles>,
}

impl SourceLog {
    pub(super) fn new(log: MetadataLog, kind: KeyKind, skipped: Arc<SkippedFiles>) -> Self {
        Self { log, kind, skipped }
    }

    /// Returns whether an entry exists.
    pub(super) async fn contains(&self, number: u64) -> Result<bool> {
        self.log.contains(number).await
    }

    /// Creates an entry; if another generation was first, returns its entry as `generation` continues it.
    pub(super) async fn create(&self, number: u64, entry: LogEntry) -> Result<LogEntry> {
        let found = self.log.create_or_get(number, entry.to_bytes()?).await?;
        let found = LogEntry::from_bytes(&found, number)?;
        if found.generation == entry.generation {
            return Ok(found);
        }
        let contents = Contents::of(&self.log.names().await?);
        self.amended(number, found, &contents, entry.generation).await
    }

    /// Returns an entry that was not committed as `generation` continues it; none if it does not exist.
    pub(super) async fn adopt(&self, number: u64, generation: u64) -> Result<Option<LogEntry>> {
        let Some(found) = self.log.get(number).await? else { return Ok(None) };
        let found = LogEntry::from_bytes(&found, number)?;
        let contents = Contents::of(&self.log.names().await?);
        self.amended(number, found, &contents, generation).await.map(Some)
    }

    /// Returns an entry with the amendment of this generation, which is written if it does not exist.
    async fn amended(
        &self,
        number: u64,
        found: LogEntry,
        contents: &Contents,
        generation: u64,
    ) -> Result<LogEntry> {
        let newest = self.with_amendment(number, found, contents).await?;
        // A run that only asks whether there is something to do has no generation, and reads nothing.
        if generation == UNCLAIMED {
            return Ok(newest);
        }
        if newest.generation > generation {
            return Err(overtaken());
        }
        if newest.generation == generation {
            return Ok(newest);
        }
        // Looks at each file, which blocks.
        let skipped = Arc::clone(&self.skipped);
        let amended = blocking(move || Ok(as_now(newest, generation, &skipped))).await?;
        let name = amendment_name(number, generation);
        let written = self.log.create_or_get_named(&name, amended.to_bytes()?).await?;
        LogEntry::from_bytes(&written, number)
    }

    /// Returns an entry as its newest amendment has it.
    async fn with_amendment(&self, number: u64, entry: LogEntry, contents: &Contents) -> Result<LogEntry> {
        let Some(by) = contents.amended_by(number).filter(|by| *by > entry.generation) else {
            return Ok(entry);
        };
        let name = amendment_name(number, by);
        let bytes = self.log.get_named(&name).await?.ok_or_else(|| missing_entry(number))?;
        LogEntry::from_bytes(&bytes, number)
    }

    /// Returns an entry whose epoch was committed.
    async fn committed(&self, number: u64, contents: &Contents) -> Result<LogEntry> {
        let bytes = self.log.get(number).await?.ok_or_else(|| missing_entry(number))?;
        self.with_amendment(number, LogEntry::from_bytes(&bytes, number)?, contents).await
    }

    /// Adds the files of the entries in `from..until`, which were committed, to `seen`.
    pub(super) async fn load(&self, seen: &mut SeenFiles, from: u64, until: u64) -> Result<()> {
        let contents = Contents::of(&self.log.names().await?);
        let mut next = from;
        if from == 0 && !contents.blocks.is_empty() {
            for block in Block::covering(until) {
                seen.add_run(self.collect(block, &contents).await?);
                next = block.end();
            }
        } else if from == 0
            && let Some(summary) = (until / LEGACY_SUMMARY_EVERY * LEGACY_SUMMARY_EVERY).checked_sub(1)
            && let Some(paths) = self.committed(summary, &contents).await?.seen
        {
            paths.iter().for_each(|path| seen.add_path(path));
            next = summary + 1;
        }
        for number in next..until {
            seen.add(&self.committed(number, &contents).await?.files);
        }
        Ok(())
    }

    async fn run(&self, block: Block) -> Result<SeenRun> {
        let name = block.name();
        let missing =
            || checkpoint_corrupt(format!("The summary '{name}' of a file source's log is missing."));
        let bytes = self.log.get_named(&name).await?.ok_or_else(missing)?;
        let run = SeenRun::from_bytes(&bytes, &name)?;
        if run.kind == self.kind { Ok(run) } else { Err(other_keys(run.kind, self.kind)) }
    }

    /// Writes the summaries of the entries before the end of `committed`, and deletes what they replace. Those before its
    /// start have theirs, unless it is 0.
    pub(super) async fn summarise(&self, committed: Range<u64>, forgotten_before_us: i64) -> Result<()> {
        let until = committed.end;
        if committed.start > 0 && committed.start / FAN_OUT == until / FAN_OUT {
            return Ok(());
        }
        let contents = Contents::of(&self.log.names().await?);
        for block in Block::covering(until) {
            if !contents.blocks.contains(&block) {
                let run = self.collect(block, &contents).await?;
                let bytes = blocking(move || Ok(run.into_bytes(forgotten_before_us))).await?;
                self.log.create_or_get_named(&block.name(), bytes.into()).await?;
            }
        }
        // Only now: until here a crash leaves what a start needs.
        for name in contents.replaced(until) {
            self.log.delete(&name).await?;
        }
        Ok(())
    }

    /// Returns the files of a block, from the largest parts of it that exist.
    async fn collect(&self, block: Block, contents: &Contents) -> Result<SeenRun> {
        let mut run = SeenRun::empty(self.kind);
        // The parts in reverse order, so that the next one is the last; each step replaces a block by smaller ones.
        let mut open = vec![block];
        while let Some(part) = open.pop() {
            if part.level == 0 {
                run.add(&self.committed(part.index, contents).await?.files);
            } else if contents.blocks.contains(&part) {
                run.append(self.run(part).await?);
            } else {
                let mut parts: Vec<Block> = part.parts().collect();
                parts.reverse();
                open.extend(parts);
            }
        }
        Ok(run)
    }
}

/// Returns the entry with its files as they are now: a file that was written again as it is, without those that are
/// gone or are to be skipped. So a file that was being copied, or was bad and has been repaired or removed, does not
/// block the epoch. A file that is left out counts as new if it is there again later.
fn as_now(entry: LogEntry, generation: u64, skipped: &SkippedFiles) -> LogEntry {
    let now = |mut file: PlannedFile| {
        if skipped.contains(&file.path) {
            return None;
        }
        if check_unchanged(&file).is_err() {
            match std::fs::metadata(&file.path) {
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => return None,
                // The read reports any other error, with the name of the file.
                Err(_) => {}
                Ok(found) => {
                    file.size_bytes = found.len();
                    file.modified_us = crate::files::list::modified_us(&found);
                }
            }
        }
        Some(file)
    };
    LogEntry { files: entry.files.into_iter().filter_map(now).collect(), generation, seen: None }
}

pub(super) fn missing_entry(number: u64) -> Error {
    checkpoint_corrupt(format!("Entry {number} of a file source's log is missing."))
}

fn other_keys(stored: KeyKind, asked: KeyKind) -> Error {
    let (stored, asked) = (stored.option_text(), asked.option_text());
    Error::new(
        ErrorKind::Runtime,
        "STREAM_STATE_INCOMPATIBLE",
        "42K03",
        format!("The checkpoint was written with {stored}, but the source has {asked}."),
    )
    .hint(format!("Start the query with {stored}, or with a new checkpointLocation."))
}

fn overtaken() -> Error {
    Error::new(
        ErrorKind::StreamingQuery,
        "STREAM_FENCED",
        "XXKST",
        "A later run of this checkpoint has taken over. This run stopped and committed nothing after that.",
    )
    .hint("Run only one query per checkpointLocation. The run that was started last continues.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_all_full_blocks_of_entries_once() {
        for until in [0, 1, 31, 32, 33, 64, 1023, 1024, 1025, 40_000, 1_100_000] {
            let blocks = Block::covering(until);
            let mut next = 0;
            for block in &blocks {
                assert_eq!(block.index * block.entries(), next, "{until} {block:?}");
                next = block.end();
            }
            assert_eq!(next, until / FAN_OUT * FAN_OUT, "{until}");
            assert!(blocks.len() <= 4 * 31, "{until}");
        }
    }

    #[test]
    fn what_is_replaced_is_what_no_start_needs() {
        let names = |numbers: std::ops::Range<u64>| numbers.map(MetadataLog::entry_name);
        let mut all: Vec<String> = names(0..70).collect();
        all.extend([amendment_name(3, 7), amendment_name(40, 7)]);
        all.extend([Block { level: 1, index: 0 }, Block { level: 1, index: 1 }].map(Block::name));
        let replaced = Contents::of(&all).replaced(70);
        assert_eq!(replaced.len(), 33, "{replaced:?}");
        assert!(replaced.contains(&amendment_name(3, 7)) && !replaced.contains(&MetadataLog::entry_name(32)));
        // The blocks of the first level go one block after the second level has replaced them.
        let blocks: Vec<String> = (0..33).map(|index| Block { level: 1, index }.name()).collect();
        assert_eq!(Contents::of(&blocks).replaced(1024).len(), 1);
        assert_eq!(Contents::of(&blocks).replaced(1024 + 32).len(), 32);
    }
}
