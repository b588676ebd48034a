//! Describes the format `json` and its options.

use crate::files::options::{LISTING, STREAM_LISTING, TEXT_READ, TEXT_WRITE, folder_stream, folder_write};
use thalweg_connectors::descriptor::OptionType::Flag;
use thalweg_connectors::descriptor::{BatchRead, ConnectorDescriptor, OptionSpec};

pub(super) static DESCRIPTOR: ConnectorDescriptor = ConnectorDescriptor {
    extensions: &["json", "ndjson", "jsonl"],
    batch_read: Some(BatchRead { options: &[READ, TEXT_READ, LISTING] }),
    batch_write: Some(folder_write(&[WRITE, TEXT_WRITE])),
    stream_read: Some(folder_stream(&[READ, TEXT_READ, STREAM_LISTING])),
    ..ConnectorDescriptor::new("json", "Text files with a JSON object per line.")
};

const READ: &[OptionSpec] = &[
    OptionSpec::new("allowComments", Flag, "Comments of Java and C++ are skipped.").default("false"),
    OptionSpec::new("allowUnquotedFieldNames", Flag, "Names may be without quotes.").default("false"),
    OptionSpec::new("allowSingleQuotes", Flag, "Text may be in single quotes.").default("true"),
    OptionSpec::new("allowNumericLeadingZeros", Flag, "Numbers may begin with zeros.").default("false"),
    OptionSpec::new("allowNonNumericNumbers", Flag, "NaN and infinities are numbers.").default("true"),
    OptionSpec::new("allowBackslashEscapingAnyCharacter", Flag, "Any character may be escaped.")
        .default("false"),
    OptionSpec::new("allowUnquotedControlChars", Flag, "Text may have control characters.").default("false"),
    OptionSpec::new("primitivesAsString", Flag, "All values are inferred as strings.").default("false"),
    OptionSpec::new("prefersDecimal", Flag, "Numbers with a point are inferred as decimals.")
        .default("false"),
    OptionSpec::new("inferTimestamp", Flag, "Timestamps are inferred as such.").default("false"),
    OptionSpec::new("dropFieldIfAllNull", Flag, "Columns of nulls alone are left out of inferred ones.")
        .default("false"),
    OptionSpec::only("singleVariantColumn", "", "There is no type VARIANT."),
    OptionSpec::only("useUnsafeRow", "false", "Rows have one form only."),
];

const WRITE: &[OptionSpec] = &[
    OptionSpec::new("ignoreNullFields", Flag, "Nulls are left out.").default("true"),
    OptionSpec::only("pretty", "false", "An object is one line."),
    OptionSpec::only("sortKeys", "false", "Fields are in the order of the columns."),
    OptionSpec::only("writeNonAsciiCharacterAsCodePoint", "false", "Characters are written as they are."),
];
