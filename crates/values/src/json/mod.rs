//! Parses JSON to a tree, converts trees to columns, and writes values as JSON.
//!
//! A tree borrows from its text. Numbers stay texts, so that no digit is lost.
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

/// The greatest nesting that is parsed, which is Jackson's default.
pub const DEPTH_MAX: usize = 1_000;

/// The members of an object in their order. A name may occur twice.
pub type Members<'a> = Vec<(Cow<'a, str>, Json<'a>)>;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub enum Json<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// The text of the number as it was written, or `NaN`, `Infinity`, `-Infinity`.
    Number(&'a str),
    /// A string without its quotes and escapes.
    Text(Cow<'a, str>),
    /// The items, and the text of the array as it was written.
    Array(Vec<Json<'a>>, &'a str),
    /// The members, and the text of the object as it was written.
    Object(Members<'a>, &'a str),
}

/// The deviations from the standard that are accepted. Each one is an option of Spark's JSON reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lenience {
    /// Strings in single quotes.
    pub single_quotes: bool,
    /// Names without quotes.
    pub bare_names: bool,
    /// Comments of Java and C++.
    pub comments: bool,
    /// The words of [`NON_NUMERIC`] as numbers.
    pub non_numeric_numbers: bool,
    /// Numbers with leading zeros, such as `007`.
    pub leading_zeros: bool,
    /// A backslash before any character.
    pub any_escape: bool,
    /// Control characters inside of strings.
    pub control_characters: bool,
    /// The replacement of a single surrogate such as `\ud83d`, which no Rust text can hold.
    pub half_character: char,
}

impl Lenience {
    /// Spark's defaults.
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

/// The words for numbers that JSON does not have, each with the form in which Java writes it.
pub const NON_NUMERIC: [(&str, &str); 6] = [
    ("NaN", "NaN"),
    ("Infinity", "Infinity"),
    ("+Infinity", "Infinity"),
    ("-Infinity", "-Infinity"),
    ("+INF", "Infinity"),
    ("-INF", "-Infinity"),
];
