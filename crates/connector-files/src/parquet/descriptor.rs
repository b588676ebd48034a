//! Describes the format `parquet` and its options.

use crate::files::options::{LISTING, STREAM_LISTING};
use thalweg_connectors::descriptor::OptionType::{Choice, Flag};
use thalweg_connectors::descriptor::{BatchRead, BatchWrite, ConnectorDescriptor, OptionSpec, StreamRead};
use thalweg_connectors::stream::Guarantee;

pub(super) static DESCRIPTOR: ConnectorDescriptor = ConnectorDescriptor {
    extensions: &["parquet"],
    batch_read: Some(BatchRead { options: &[READ, LISTING] }),
    batch_write: Some(BatchWrite {
        options: &[&[COMPRESSION.setting("spark.sql.parquet.compression.codec")]],
        atomic: false,
        overwrites_partitions: false,
    }),
    stream_read: Some(StreamRead {
        options: &[READ, STREAM_LISTING],
        guarantee: Guarantee::ExactlyOnce,
        needs_schema: true,
    }),
    ..ConnectorDescriptor::new("parquet", "Apache Parquet files.")
};

const CODECS: &[&str] = &["snappy", "zstd", "gzip", "lz4", "lz4_raw", "none", "uncompressed"];

/// How Parquet files are compressed, whoever writes them.
pub const COMPRESSION: OptionSpec =
    OptionSpec::new("compression", Choice(CODECS), "How files are compressed.")
        .aliases(&["parquet.compression"])
        .default("snappy");

const REBASE: &str = "Dates before 1582 are taken as they are in the file.";

const READ: &[OptionSpec] = &[
    OptionSpec::new("mergeSchema", Flag, "The columns are those of all files, not of the first one.")
        .default("false"),
    OptionSpec::only("datetimeRebaseMode", "CORRECTED", REBASE),
    OptionSpec::only("int96RebaseMode", "CORRECTED", REBASE),
];
