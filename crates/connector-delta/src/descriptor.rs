//! Describes the format `delta` and its options.

use thalweg_connector_files::parquet::COMPRESSION;
use thalweg_connectors::OutputMode;
use thalweg_connectors::descriptor::OptionType::{Count, Flag, Timestamp};
use thalweg_connectors::descriptor::{
    BatchRead, BatchWrite, ConnectorDescriptor, OptionSpec, SinkTarget, StreamWrite, TableCapabilities,
};
use thalweg_connectors::stream::Guarantee;

pub(crate) static DESCRIPTOR: ConnectorDescriptor = ConnectorDescriptor {
    folder_marker: Some(crate::log::FOLDER),
    tables: TableCapabilities {
        keeps_columns: true,
        replaced_in_place: true,
        fits_rows: true,
        found_by_name: false,
    },
    batch_read: Some(BatchRead { options: &[READ] }),
    batch_write: Some(BatchWrite {
        options: &[&[COMPRESSION, MERGE, OVERWRITE]],
        atomic: true,
        overwrites_partitions: false,
    }),
    stream_write: Some(StreamWrite {
        options: &[&[COMPRESSION, MERGE]],
        guarantee: Guarantee::ExactlyOnce,
        output_modes: &[OutputMode::Append, OutputMode::Complete],
        needs_checkpoint: true,
        target: SinkTarget::Path,
    }),
    ..ConnectorDescriptor::new("delta", "Delta Lake tables: Parquet files and a log of commits.")
};

const READ: &[OptionSpec] = &[
    OptionSpec::new("versionAsOf", Count, "The version that is read; the newest by default."),
    OptionSpec::new("timestampAsOf", Timestamp, "The version of that time is read."),
];
const MERGE: OptionSpec =
    OptionSpec::new("mergeSchema", Flag, "Columns that the table lacks are added to it.").default("false");
const OVERWRITE: OptionSpec =
    OptionSpec::new("overwriteSchema", Flag, "An overwrite gives the table the columns of the rows.")
        .default("false");
