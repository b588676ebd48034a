//! Describes what formats of files share: how folders are written and streamed, which files are read, and how text is
//! read and written.

use thalweg_connectors::descriptor::OptionType::{
    Choice, DatetimePattern, Duration, Flag, Glob, Path, PositiveCount, Ratio, Text, TimeZone, Timestamp,
};
use thalweg_connectors::descriptor::{BatchWrite, OptionGroups, OptionSpec, StreamRead};
use thalweg_connectors::stream::Guarantee;
use thalweg_values::charset::Charset;

/// Writes into a folder. Files are renamed into place one after the other, so a process that is killed meanwhile leaves
/// some of them.
pub(crate) const fn folder_write(options: OptionGroups) -> BatchWrite {
    BatchWrite { options, atomic: false, overwrites_partitions: false }
}

/// Reads of a folder that receives files. The columns are given, since a file that comes later cannot change them.
pub(crate) const fn folder_stream(options: OptionGroups) -> StreamRead {
    StreamRead { options, guarantee: Guarantee::ExactlyOnce, needs_schema: true }
}

const RECURSIVE: OptionSpec =
    OptionSpec::new("recursiveFileLookup", Flag, "Enters all folders, and takes none for a partition.")
        .default("false");
const GLOB: OptionSpec = OptionSpec::new("pathGlobFilter", Glob, "Takes only the files whose names match.");
const BASE: OptionSpec =
    OptionSpec::new("basePath", Path, "The folder below which folders are partitions; each path by default.");
const MISSING: OptionSpec = OptionSpec::new(
    "ignoreMissingFiles",
    Flag,
    "Leaves out files that vanish before they are read, with a warning in the log.",
)
.default("false")
.setting("spark.sql.files.ignoreMissingFiles");
const CORRUPT: OptionSpec = OptionSpec::new(
    "ignoreCorruptFiles",
    Flag,
    "Leaves out what cannot be read of files, with a warning in the log.",
)
.default("false")
.setting("spark.sql.files.ignoreCorruptFiles");
const INVALID: OptionSpec =
    OptionSpec::only("ignoreInvalidPartitionPaths", "false", "Would change what a folder means.");

/// Which files a bounded table is made of.
pub(crate) const LISTING: &[OptionSpec] = &[
    RECURSIVE,
    GLOB,
    BASE,
    OptionSpec::new("modifiedBefore", Timestamp, "Takes only files that were written before."),
    OptionSpec::new("modifiedAfter", Timestamp, "Takes only files that were written after."),
    MISSING,
    CORRUPT,
    INVALID,
];

/// Which files a stream reads, and how many in an epoch.
pub(crate) const STREAM_LISTING: &[OptionSpec] = &[
    RECURSIVE,
    GLOB,
    BASE,
    OptionSpec::new("maxFilesPerTrigger", PositiveCount, "The most files that an epoch reads."),
    OptionSpec::new("maxBytesPerTrigger", PositiveCount, "The most bytes that an epoch reads, or one file."),
    OptionSpec::new("latestFirst", Flag, "Reads the newest files first.").default("false"),
    OptionSpec::only("modifiedBefore", "", "A stream reads what comes later, too."),
    OptionSpec::only("modifiedAfter", "", "A stream reads what comes later, too."),
    OptionSpec::new(
        "cleanSource",
        Choice(&["archive", "delete", "off"]),
        "What becomes of files whose rows are committed.",
    )
    .default("off"),
    OptionSpec::new(
        "sourceArchiveDir",
        Path,
        "Where `cleanSource=archive` moves files, with their whole path.",
    ),
    OptionSpec::new("fileNameOnly", Flag, "Knows a file by its name, not by its path.").default("false"),
    OptionSpec::new(
        "maxFileAge",
        Duration,
        "Leaves out files that are older than the newest one by more than this, such as 7d; none by default.",
    ),
    OptionSpec::new("minFileAge", Duration, "Reads a file once nobody has written it for this time.")
        .default("0ms"),
    OptionSpec::new("skipFiles", Text, "A path or a name of files to leave out, or a JSON array of them."),
    MISSING,
    CORRUPT,
    INVALID,
];

const MODES: &[&str] = &["PERMISSIVE", "DROPMALFORMED", "FAILFAST"];
const ENGLISH: &[&str] = &["en-US", "en-GB", "en"];

const LOCALE: OptionSpec =
    OptionSpec::new("locale", Choice(ENGLISH), "The language of names of days and months.").default("en-US");
const ZONE: OptionSpec =
    OptionSpec::new("timeZone", TimeZone, "The zone of times without one; the session's by default.");
const TIME_FORMAT: OptionSpec = OptionSpec::only("timeFormat", "", "There is no type TIME.");

/// How records of text become rows.
pub(crate) const TEXT_READ: &[OptionSpec] = &[
    OptionSpec::new("mode", Choice(MODES), "What becomes of a record that does not fit the columns.")
        .default("PERMISSIVE"),
    OptionSpec::new(
        "columnNameOfCorruptRecord",
        Text,
        "The column that gets records that do not fit; `spark.sql.columnNameOfCorruptRecord` by default.",
    ),
    OptionSpec::new("multiLine", Flag, "A record may be longer than a line.").default("false"),
    OptionSpec::new("lineSep", Text, "What ends a line; any line end by default."),
    OptionSpec::new("encoding", Choice(&Charset::NAMES), "How characters are stored; see [files](files.md).")
        .aliases(&["charset"])
        .default("UTF-8"),
    OptionSpec::new("samplingRatio", Ratio, "The share of the records that types are inferred from.")
        .default("1.0"),
    OptionSpec::new("dateFormat", DatetimePattern, "How dates are written; ISO 8601 by default."),
    OptionSpec::new("timestampFormat", DatetimePattern, "How timestamps are written; ISO 8601 by default."),
    OptionSpec::new(
        "timestampNTZFormat",
        DatetimePattern,
        "How timestamps without zone are written; ISO 8601 by default.",
    ),
    ZONE,
    LOCALE,
    OptionSpec::only("enableDateTimeParsingFallback", "false", "The lenient parser of older versions."),
    OptionSpec::only("mergeSchema", "false", "Columns are inferred from all files."),
    TIME_FORMAT,
];

/// How rows become records of text.
pub(crate) const TEXT_WRITE: &[OptionSpec] = &[
    OptionSpec::new("compression", Choice(&["none", "uncompressed", "gzip"]), "How files are compressed.")
        .aliases(&["codec"])
        .default("none"),
    OptionSpec::new("lineSep", Text, "What ends a line.").default("\n"),
    OptionSpec::new(
        "encoding",
        Choice(&Charset::NAMES),
        "How characters are stored; `?` for those that it lacks.",
    )
    .aliases(&["charset"])
    .default("UTF-8"),
    OptionSpec::new("dateFormat", DatetimePattern, "How dates are written.").default("yyyy-MM-dd"),
    OptionSpec::new("timestampFormat", DatetimePattern, "How timestamps are written.")
        .default("yyyy-MM-dd'T'HH:mm:ss.SSSXXXXX"),
    OptionSpec::new("timestampNTZFormat", DatetimePattern, "How timestamps without zone are written.")
        .default("yyyy-MM-dd'T'HH:mm:ss.SSS"),
    ZONE,
    LOCALE,
    TIME_FORMAT,
];
