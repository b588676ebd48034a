//! Lists the settings that have their effect.

use super::kind::SettingKind::{self, Bool, Int, OneOf, Positive, Text, Zone};
use super::table::{Effect, SettingEntry, entry};

const fn works(
    key: &'static str,
    kind: SettingKind,
    default: Option<&'static str>,
    help: &'static str,
) -> SettingEntry {
    entry(Effect::Works, key, kind, default, help)
}

/// The codecs of the Parquet writer.
const PARQUET_CODECS: SettingKind =
    OneOf(&["none", "uncompressed", "snappy", "gzip", "lz4", "lz4_raw", "zstd"]);

// One line per entry, however long: the entries are compared by line.
#[rustfmt::skip]
pub(super) const SETTINGS: &[SettingEntry] = &[
    works("spark.app.name", Text, Some("thalweg"), "The name of the program, which is stored and returned."),
    works("spark.sql.columnNameOfCorruptRecord", Text, Some("_corrupt_record"), "The column that takes a line which could not be read (PERMISSIVE)."),
    works("spark.sql.execution.arrow.maxRecordsPerBatch", Int, Some("10000"), "The most rows of one Arrow batch to the client, if set; else, and for 0 or less, as many as fit a message."),
    works("spark.sql.files.ignoreCorruptFiles", Bool, Some("false"), "Whether reads of files without the option `ignoreCorruptFiles` leave out what they cannot read."),
    works("spark.sql.files.ignoreMissingFiles", Bool, Some("false"), "Whether reads of files without the option `ignoreMissingFiles` leave out files that vanish."),
    works("spark.sql.parquet.compression.codec", PARQUET_CODECS, Some("snappy"), "How Parquet files are compressed that are written without the option `compression`."),
    works("spark.sql.session.timeZone", Zone, Some("UTC"), "The time zone of the session. The default is UTC, not the machine's zone."),
    works("spark.sql.shuffle.partitions", Positive, Some("200"), "The most partitions, that is threads, of a query, if set; else `engine.workers`, and never more than those."),
    works("spark.sql.sources.default", Text, Some("parquet"), "The format where none is named."),
    works("spark.sql.streaming.checkpointLocation", Text, None, "The folder for the checkpoints of streams that name none: a folder per query name, or a new one."),
    works("spark.sql.streaming.schemaInference", Bool, Some("false"), "Whether a stream of files may infer its schema."),
    works("thalweg.connect.stream.messagesMax", Int, None, "Ends every response stream after this number of messages, so that clients reattach: for networks that cut long streams."),
];
