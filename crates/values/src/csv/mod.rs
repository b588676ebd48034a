//! Splits a CSV record into its fields, and writes values as a record, by the rules of Spark's parser and writer
//! (univocity).
//!
//! ```
//! use thalweg_values::csv::{Record, Syntax};
//! let text = r#"a,"b,""c",d"#;
//! let syntax = Syntax { escape: b'"', escape_escape: None, ..Syntax::default() };
//! let mut record = Record::default();
//! record.parse(text, &syntax);
//! let cells: Vec<_> = (0..record.len()).filter_map(|i| record.cell(text, i)).map(|c| c.text).collect();
//! assert_eq!(cells, ["a", "b,\"c", "d"]);
//! ```

mod infer;
mod record;
mod write;

pub use infer::CellType;
pub use record::{Cell, Record};
pub use write::CsvWriter;

/// The syntax of records. A quote or escape that is turned off is a NUL.
#[derive(Debug, Clone, PartialEq)]
pub struct Syntax {
    /// The text between fields, of one or more characters.
    pub separator: String,
    /// The character that encloses fields.
    pub quote: u8,
    /// The character that escapes a quote inside quotes.
    pub escape: u8,
    /// The character that escapes the escape inside quotes.
    pub escape_escape: Option<u8>,
    /// Set if a quote that is not escaped and not at the end of the field is part of a quoted value.
    pub stop_at_closing_quote: bool,
    /// Set if blanks before fields are removed.
    pub trim_start: bool,
    /// Set if blanks after fields are removed.
    pub trim_end: bool,
    /// Set if records may contain line ends inside quotes.
    pub multi_line: bool,
    /// The text that ends a record; `None` where a record is already a line.
    pub line_end: Option<String>,
    /// Set if a line end inside quotes is read as `\n`.
    pub normalizes: bool,
}

impl Default for Syntax {
    fn default() -> Self {
        Self {
            separator: ",".to_owned(),
            quote: b'"',
            escape: b'\\',
            escape_escape: Some(b'\\'),
            stop_at_closing_quote: false,
            trim_start: false,
            trim_end: false,
            multi_line: false,
            line_end: None,
            normalizes: false,
        }
    }
}

impl Syntax {
    /// Sets the end of records to `given`, or else to the first line end in `text`, as Spark detects it.
    pub fn end_records(&mut self, text: &str, given: Option<&str>) {
        let first = text.find(['\n', '\r']).and_then(|at| text.get(at..)).unwrap_or("\n");
        // `\r\n` before `\r`, which is its beginning.
        let found = ["\r\n", "\r", "\n"].into_iter().find(|end| first.starts_with(end)).unwrap_or("\n");
        self.line_end = Some(given.unwrap_or(found).to_owned());
        self.normalizes = given.is_none() && found != "\n";
    }
}
