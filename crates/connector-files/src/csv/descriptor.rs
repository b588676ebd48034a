//! Describes the format `csv` and its options.

use crate::files::options::{LISTING, STREAM_LISTING, TEXT_READ, TEXT_WRITE, folder_stream, folder_write};
use thalweg_connectors::descriptor::OptionType::{Character, Choice, Count, Flag, Limit, Text};
use thalweg_connectors::descriptor::{BatchRead, ConnectorDescriptor, OptionSpec};

pub(super) static DESCRIPTOR: ConnectorDescriptor = ConnectorDescriptor {
    extensions: &["csv", "tsv"],
    // A file that is named in SQL is read as a spreadsheet is opened: with its header and types.
    bare_file_options: &[("header", "true"), ("inferSchema", "true")],
    batch_read: Some(BatchRead { options: &[READ, TEXT_READ, LISTING] }),
    batch_write: Some(folder_write(&[WRITE, TEXT_WRITE])),
    stream_read: Some(folder_stream(&[READ, TEXT_READ, STREAM_LISTING])),
    ..ConnectorDescriptor::new("csv", "Text files with a record per line, whose fields are separated.")
};

const SEPARATOR: OptionSpec =
    OptionSpec::new("sep", Text, "What separates fields.").aliases(&["delimiter"]).default(",");
const QUOTE: OptionSpec = OptionSpec::new("quote", Character, "What surrounds a quoted field.").default("\"");
const ESCAPE: OptionSpec =
    OptionSpec::new("escape", Character, "What escapes a quote in a field.").default("\\");
const ESCAPE_ESCAPE: OptionSpec =
    OptionSpec::new("charToEscapeQuoteEscaping", Character, "What escapes `escape`; itself by default.");
const NULL: OptionSpec = OptionSpec::new("nullValue", Text, "What a null is written as.").default("");
const HANDLING: &[&str] = &["STOP_AT_DELIMITER", "STOP_AT_CLOSING_QUOTE"];

const READ: &[OptionSpec] = &[
    SEPARATOR,
    QUOTE,
    ESCAPE,
    ESCAPE_ESCAPE,
    OptionSpec::new("unescapedQuoteHandling", Choice(HANDLING), "Where a field ends that has a stray quote.")
        .default("STOP_AT_DELIMITER"),
    OptionSpec::new("comment", Character, "Lines that begin with it are skipped; none by default."),
    OptionSpec::new("header", Flag, "The first line has the names of the columns.").default("false"),
    OptionSpec::new("enforceSchema", Flag, "The names in the header are not compared with the columns.")
        .default("true"),
    OptionSpec::new("inferSchema", Flag, "Types are inferred; otherwise all columns are strings.")
        .default("false"),
    OptionSpec::new("preferDate", Flag, "Dates are inferred as dates, not as timestamps.").default("true"),
    OptionSpec::new("ignoreLeadingWhiteSpace", Flag, "Blanks before a field are left out.").default("false"),
    OptionSpec::new("ignoreTrailingWhiteSpace", Flag, "Blanks after a field are left out.").default("false"),
    NULL,
    OptionSpec::new("emptyValue", Text, "What a quoted field without text is read as.").default(""),
    OptionSpec::new("nanValue", Text, "What NaN is written as.").default("NaN"),
    OptionSpec::new("positiveInf", Text, "What infinity is written as.").default("Inf"),
    OptionSpec::new("negativeInf", Text, "What negative infinity is written as.").default("-Inf"),
    OptionSpec::new("maxColumns", Count, "The most fields of a record.").default("20480"),
    OptionSpec::new("maxCharsPerColumn", Limit, "The most characters of a field.").default("-1"),
    // A record is judged as a whole, whichever columns are asked for.
    OptionSpec::only("columnPruning", "false", "A record is always judged as a whole."),
];

const WRITE: &[OptionSpec] = &[
    SEPARATOR,
    QUOTE,
    ESCAPE,
    ESCAPE_ESCAPE,
    OptionSpec::new("escapeQuotes", Flag, "A field that has a quote is quoted.").default("true"),
    OptionSpec::new("quoteAll", Flag, "All fields are quoted.").default("false"),
    OptionSpec::new("header", Flag, "The first line has the names of the columns.").default("false"),
    NULL,
    OptionSpec::new("emptyValue", Text, "What an empty string is written as.").default("\"\""),
    OptionSpec::new("comment", Character, "A first field that begins with it is quoted.").default("#"),
    OptionSpec::new("ignoreLeadingWhiteSpace", Flag, "Blanks before a value are left out.").default("true"),
    OptionSpec::new("ignoreTrailingWhiteSpace", Flag, "Blanks after a value are left out.").default("true"),
    OptionSpec::new("extension", Text, "The end of the files' names: three letters.").default("csv"),
];
