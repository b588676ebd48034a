//! Defines what a connector says about itself: its names, its options, and what each operation guarantees.
//!
//! A descriptor is data. The users of a connector read it and never compare names, so that a connector that is added
//! later is used as fully as the first ones. Options are checked against the descriptor here and nowhere else.

mod option;
mod reference;

pub use option::{OptionSpec, OptionType};
pub use reference::reference;

use crate::connector::{OutputMode, cannot};
use crate::options::{OptionMap, refused};
use crate::stream::Guarantee;
use std::fmt;
use thalweg_common::{Error, ErrorKind, Result};

/// Groups of options, so that connectors of one family share what they have in common.
pub type OptionGroups = &'static [&'static [OptionSpec]];

/// Something that a connector can be asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Scans a bounded table.
    BatchRead,
    /// Writes a bounded result.
    BatchWrite,
    /// Reads an unbounded table.
    StreamRead,
    /// Writes the result of a streaming query.
    StreamWrite,
}

impl Operation {
    /// All operations.
    pub const ALL: [Self; 4] = [Self::BatchRead, Self::BatchWrite, Self::StreamRead, Self::StreamWrite];

    fn is_read(self) -> bool {
        matches!(self, Self::BatchRead | Self::StreamRead)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BatchRead => "batch reading",
            Self::BatchWrite => "batch writing",
            Self::StreamRead => "streaming reading",
            Self::StreamWrite => "streaming writing",
        })
    }
}

/// Everything that is known of a connector before it opens anything.
///
/// A connector begins with [`ConnectorDescriptor::new`] and replaces what it can do:
///
/// ```
/// use thalweg_connectors::descriptor::{
///     BatchRead, ConnectorDescriptor, Operation, OptionSpec, OptionType, StreamRead,
/// };
/// use thalweg_connectors::{Guarantee, OptionMap};
///
/// const ROWS: OptionSpec = OptionSpec::new("rows", OptionType::Count, "How many rows there are.").default("10");
///
/// static NUMBERS: ConnectorDescriptor = ConnectorDescriptor {
///     extensions: &["numbers"],
///     batch_read: Some(BatchRead { options: &[&[ROWS]] }),
///     stream_read: Some(StreamRead {
///         options: &[&[ROWS]],
///         guarantee: Guarantee::ExactlyOnce,
///         needs_schema: false,
///     }),
///     ..ConnectorDescriptor::new("numbers", "The whole numbers from 0.")
/// };
///
/// let options = OptionMap::new([("ROWS".to_owned(), "5".to_owned())]);
/// assert!(NUMBERS.check(Operation::BatchRead, &options).is_ok());
///
/// let misspelled = OptionMap::new([("row".to_owned(), "5".to_owned())]);
/// let error = NUMBERS.check(Operation::BatchRead, &misspelled).unwrap_err();
/// assert_eq!(error.message(), "The option `row` is not supported by numbers.");
/// assert_eq!(error.hint_text(), Some("Did you mean rows?"));
///
/// let error = NUMBERS.check(Operation::BatchWrite, &options).unwrap_err();
/// assert_eq!(error.message(), "Data source numbers does not support batch writing.");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct ConnectorDescriptor {
    /// The lower-case name in `format(..)` and `USING`, also in messages.
    pub name: &'static str,
    /// Further lower-case names.
    pub aliases: &'static [&'static str],
    /// What it reads and writes, in one sentence.
    pub summary: &'static str,
    /// The ends of the names of its files after the last dot, in lower case.
    pub extensions: &'static [&'static str],
    /// A folder that is in each folder that holds a table of this format, such as a log.
    pub folder_marker: Option<&'static str>,
    /// The options of a file that a query names without a format, such as `FROM 'a.csv'`.
    pub bare_file_options: &'static [(&'static str, &'static str)],
    /// How its tables live in a catalog.
    pub tables: TableCapabilities,
    /// Scans of bounded tables; none: it refuses them.
    pub batch_read: Option<BatchRead>,
    /// Writes of bounded results; none: it refuses them.
    pub batch_write: Option<BatchWrite>,
    /// Unbounded tables; none: it refuses them.
    pub stream_read: Option<StreamRead>,
    /// Targets of streaming queries; none: it refuses to be one.
    pub stream_write: Option<StreamWrite>,
}

/// How the tables of a connector live in a catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TableCapabilities {
    /// A table keeps its columns and partitioning itself, in a log of its own. The catalog then keeps none, an
    /// empty table is made by `Connector::create_table`, and the options of a write are about that write alone.
    pub keeps_columns: bool,
    /// A table is replaced where it is: older versions stay readable, and a failed replacement changes nothing.
    pub replaced_in_place: bool,
    /// A write fits rows to the table's columns by name and casts them. Otherwise they have to be fitted before,
    /// by the rules of Spark's store assignment.
    pub fits_rows: bool,
    /// A table is found by its name alone, without a catalog: the name is its path.
    pub found_by_name: bool,
}

/// What a scan of a bounded table takes.
#[derive(Debug, Clone, Copy)]
pub struct BatchRead {
    /// The options of the reader.
    pub options: OptionGroups,
}

/// What a write of a bounded result takes and promises.
#[derive(Debug, Clone, Copy)]
pub struct BatchWrite {
    /// The options of the writer.
    pub options: OptionGroups,
    /// The rows become visible in one step: not even a process that is killed leaves a part of them.
    pub atomic: bool,
    /// An overwrite can replace only the partitions that it has rows for.
    pub overwrites_partitions: bool,
}

/// What an unbounded table takes and promises.
#[derive(Debug, Clone, Copy)]
pub struct StreamRead {
    /// The options of the reader.
    pub options: OptionGroups,
    /// Whether the rows can be read again after a crash.
    pub guarantee: Guarantee,
    /// The columns have to be given, since input that comes later cannot change them.
    pub needs_schema: bool,
}

/// What the target of a streaming query takes and promises.
#[derive(Debug, Clone, Copy)]
pub struct StreamWrite {
    /// The options of the writer.
    pub options: OptionGroups,
    /// Whether rows may be written twice after a crash.
    pub guarantee: Guarantee,
    /// The output modes that it takes. The registry refuses the others.
    pub output_modes: &'static [OutputMode],
    /// A query needs a checkpoint that outlives the process. A target that ends with the process needs none.
    pub needs_checkpoint: bool,
    /// What names the target.
    pub target: SinkTarget,
}

/// What names the target of a streaming query.
#[derive(Debug, Clone, Copy)]
pub enum SinkTarget {
    /// The path that the query is started with, or its option `path`.
    Path,
    /// The name of the query.
    QueryName {
        /// Makes the error for a query without a name.
        missing: fn() -> Error,
    },
}

impl ConnectorDescriptor {
    /// A connector that can do nothing yet.
    pub const fn new(name: &'static str, summary: &'static str) -> Self {
        Self {
            name,
            aliases: &[],
            summary,
            extensions: &[],
            folder_marker: None,
            bare_file_options: &[],
            tables: TableCapabilities {
                keeps_columns: false,
                replaced_in_place: false,
                fits_rows: false,
                found_by_name: false,
            },
            batch_read: None,
            batch_write: None,
            stream_read: None,
            stream_write: None,
        }
    }

    /// Returns the options of an operation; none if the connector refuses it.
    pub fn options(&self, operation: Operation) -> Option<OptionGroups> {
        match operation {
            Operation::BatchRead => self.batch_read.map(|read| read.options),
            Operation::BatchWrite => self.batch_write.map(|write| write.options),
            Operation::StreamRead => self.stream_read.map(|read| read.options),
            Operation::StreamWrite => self.stream_write.map(|write| write.options),
        }
    }

    /// Refuses an operation that the connector does not have, and an option that the operation does not take.
    ///
    /// Readers and writers share one map of options: one of writing has no meaning for a read and changes nothing
    /// there, and one of reading nothing in a write. An option that a table keeps may be about any operation of the
    /// table. Neither holds for a format whose tables keep their own settings.
    ///
    /// # Errors
    /// `UNSUPPORTED_DATA_SOURCE_OPERATION`; `UNSUPPORTED_OPTION`, with the nearest names; `INVALID_OPTION_VALUE`
    /// for an option that is taken with one value only.
    pub fn check(&self, operation: Operation, options: &OptionMap) -> Result<()> {
        let groups = self.options(operation).ok_or_else(|| cannot(self.name, &operation))?;
        for key in options.keys() {
            // The operation's own option comes first: another operation may take the same name otherwise.
            match find(groups, key) {
                Some(own) if own.is_built() => own.check(options, key)?,
                None => match self.of_another(operation, key, options.is_kept(key)) {
                    Some(other) => other.check_form(options, key)?,
                    None => return Err(refused(self.name, key, names(groups))),
                },
                Some(_) => return Err(refused(self.name, key, names(groups))),
            }
        }
        Ok(())
    }

    /// Refuses an output mode that the connector's sink does not take.
    ///
    /// # Errors
    /// `STREAMING_OUTPUT_MODE.UNSUPPORTED_DATASOURCE`.
    pub fn check_output_mode(&self, mode: OutputMode) -> Result<()> {
        let modes = self.stream_write.map_or(&[][..], |write| write.output_modes);
        if modes.contains(&mode) {
            return Ok(());
        }
        let (name, mode) = (self.name, mode.name());
        let error = Error::new(
            ErrorKind::Analysis,
            "STREAMING_OUTPUT_MODE.UNSUPPORTED_DATASOURCE",
            "42KDE",
            format!("Data source {name} does not support {mode} output mode."),
        );
        let error = error.param("className", name).param("outputMode", mode);
        Err(match modes.contains(&OutputMode::Append) {
            true => error.hint(
                "Use outputMode(\"append\"); with a watermark, windows are written once they are final.",
            ),
            false => error,
        })
    }

    /// Refuses an option that a table of the format cannot keep.
    ///
    /// A table keeps options of all its operations, and each operation takes its own. A table that keeps its own
    /// settings takes options with each read or write only: to keep one would make the other operations refuse it.
    ///
    /// # Errors
    /// `UNSUPPORTED_OPTION`, with the nearest names; `INVALID_OPTION_VALUE` for an option that is taken with one
    /// value only.
    pub fn check_table(&self, options: &OptionMap) -> Result<()> {
        let groups: Vec<OptionGroups> = Operation::ALL.into_iter().filter_map(|o| self.options(o)).collect();
        for key in options.keys() {
            let is_taken = |groups: &OptionGroups| find(groups, key).filter(|spec| spec.is_built());
            let Some(spec) = groups.iter().find_map(is_taken) else {
                return Err(refused(self.name, key, groups.iter().flat_map(|groups| names(groups))));
            };
            // Named after the check of the name, since a misspelled option is no better with a read.
            if self.tables.keeps_columns {
                return Err(refused(&format!("a table of the format {}", self.name), key, [])
                    .hint("Give it with a read or a write of the table."));
            }
            spec.check(options, key)?;
        }
        Ok(())
    }

    /// The option of that name in another operation: in any if a table keeps it, otherwise in those of the other
    /// direction.
    fn of_another(&self, operation: Operation, key: &str, is_kept: bool) -> Option<&'static OptionSpec> {
        let is_other = |other: &Operation| is_kept || other.is_read() != operation.is_read();
        let mut others =
            Operation::ALL.into_iter().filter(|other| !self.tables.keeps_columns && is_other(other));
        others.find_map(|other| find(self.options(other)?, key))
    }
}

fn find(groups: OptionGroups, key: &str) -> Option<&'static OptionSpec> {
    groups.iter().flat_map(|group| *group).find(|spec| spec.is_named(key))
}

/// The names that a hint may suggest.
fn names(groups: OptionGroups) -> impl Iterator<Item = &'static str> {
    let built = groups.iter().flat_map(|group| *group).filter(|spec| spec.is_built());
    built.flat_map(OptionSpec::names)
}
