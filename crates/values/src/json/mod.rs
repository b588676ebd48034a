//! JSON: text → tree → columns, and values → text.
//!
//! A tree borrows from its text. Numbers stay text, so that no digit is lost.
//!
//! ```
//! use thalweg_values::json::{Json, Lenience, parse};
//! let Some(Json::Object(members, _)) = parse(r#"{"a": 1.50} and more"#, Lenience::SPARK) else { return };
//! assert_eq!(members, [("a".into(), Json::Number("1.50"))]);
//! ```

mod columns;
mod infer;
mod parse;
mod text;
mod write;

use std::borrow::Cow;

pub use columns::{ColumnBuilder, Fit, RowBuilder, Rules};
pub use infer::{InferRules, InferredFields, InferredType, to_fields, widen_members};
pub use parse::{is_blank, parse};
pub use text::quote;
pub use write::{JsonWriter, can_write};

/// The deepest nesting that is read, which is Jackson's.
pub const DEPTH_MAX: usize = 1_000;

/// The members of an object in their order; a name may be there twice.
pub type Members<'a> = Vec<(Cow<'a, str>, Json<'a>)>;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub enum Json<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// The number as it was written, or `NaN`, `Infinity`, `-Infinity`.
    Number(&'a str),
    /// A string without its quotes and escapes.
    Text(Cow<'a, str>),
    /// The items, and all of it as it was written.
    Array(Vec<Json<'a>>, &'a str),
    /// The members, and all of it as it was written.
    Object(Members<'a>, &'a str),
}

/// What is taken beyond the standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lenience {
    /// Strings may stand in single quotes.
    pub single_quotes: bool,
    /// Names may stand without quotes.
    pub bare_names: bool,
    /// There may be comments.
    pub comments: bool,
    /// `NaN`, `Infinity` and the like are numbers.
    pub non_numeric_numbers: bool,
    /// `007` is a number.
    pub leading_zeros: bool,
    /// A backslash makes any character plain.
    pub any_escape: bool,
    /// Text holds control characters as they are.
    pub control_characters: bool,
    /// What stands for `\ud83d`, which is half of a character.
    pub half_character: char,
}

impl Lenience {
    /// What Spark takes if no option says otherwise.
    pub const SPARK: Self = Self {
        single_quotes: true,
        bare_names: false,
        comments: false,
        non_numeric_numbers: true,
        leading_zeros: false,
        any_escape: false,
        control_characters: false,
        half_character: '?',
    };
}

/// Words for numbers that JSON lacks, and how Java writes them.
pub const NON_NUMERIC: [(&str, &str); 6] = [
    ("NaN", "NaN"),
    ("Infinity", "Infinity"),
    ("+Infinity", "Infinity"),
    ("-Infinity", "-Infinity"),
    ("+INF", "Infinity"),
    ("-INF", "-Infinity"),
];
