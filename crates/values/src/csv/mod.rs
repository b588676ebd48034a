//! CSV: one record → its fields, and values → one record, by the rules of Spark's parser and writer.
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

/// How the bytes of a record are cut into fields. A quote or escape that is turned off is a NUL.
#[derive(Debug, Clone, PartialEq)]
pub struct Syntax {
    /// One or more characters.
    pub separator: String,
    /// What encloses fields.
    pub quote: u8,
    /// What makes a quote plain.
    pub escape: u8,
    /// What escapes the escape inside quotes.
    pub escape_escape: Option<u8>,
    /// A quote that is not escaped and ends no field is part of a quoted value.
    pub stop_at_closing_quote: bool,
    /// Blanks before fields go.
    pub trim_start: bool,
    /// Blanks after fields go.
    pub trim_end: bool,
    /// Records may hold line ends inside quotes.
    pub multi_line: bool,
    /// What ends a record; none where a record is a line already.
    pub line_end: Option<String>,
    /// An end of a line inside quotes is read as `\n`.
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
    /// Ends records as `text` does: its first line end is that of all.
    pub fn end_records(&mut self, text: &str, given: Option<&str>) {
        let first = text.find(['\n', '\r']).and_then(|at| text.get(at..)).unwrap_or("\n");
        let found = ["\r\n", "\r", "\n"].into_iter().find(|end| first.starts_with(end)).unwrap_or("\n");
        self.line_end = Some(given.unwrap_or(found).to_owned());
        self.normalizes = given.is_none() && found != "\n";
    }
}
