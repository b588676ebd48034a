//! Describes the format `parquet` and its options.

use crate::files::options::{LISTING, STREAM_LISTING, folder_stream, folder_write};
use thalweg_connectors::descriptor::OptionType::{Choice, Flag};
use thalweg_connectors::descriptor::{BatchRead, ConnectorDescriptor, OptionSpec};

pub(super) static DESCRIPTOR: ConnectorDescriptor = ConnectorDescriptor {
    extensions: &["parquet"],
    batch_read: Some(BatchRead { options: &[READ, LISTING] }),
    batch_write: Some(folder_write(&[WRITE])),
    stream_read: Some(folder_stream(&[READ, STREAM_LISTING])),
    ..ConnectorDescriptor::new("parquet", "Apache Parquet files.")
};

const CODECS: &[&str] = &["snappy", "zstd", "gzip", "lz4", "lz4_raw", "none", "uncompressed"];

/// The compression of Parquet files, also of those that other connectors write.
pub const COMPRESSION: OptionSpec =
    OptionSpec::new("compression", Choice(CODECS), "How files are compressed.")
        .aliases(&["parquet.compression"])
        .default("snappy");

const WRITE: &[OptionSpec] = &[COMPRESSION.setting("spark.sql.parquet.compression.codec")];

const REBASE: &str = "Dates before 1582 are taken as they are in the file.";

const READ: &[OptionSpec] = &[
    OptionSpec::new("mergeSchema", Flag, "The columns are those of all files, not of the first one.")
        .default("false"),
    OptionSpec::only("datetimeRebaseMode", "CORRECTED", REBASE),
    OptionSpec::only("int96RebaseMode", "CORRECTED", REBASE),
];
