//! Columns built from JSON values, nested ones too, by Spark's rules of what becomes what.
//!
//! A value that is none of its column's type becomes a null and is told, so that the record
//! counts as malformed while its other fields stay; a list or a map with such a value is a null as
//! a whole. A string column takes any value as its text.

use super::parse::{Json, Members};
use crate::text::cell::{CellBuilder, TextRules};
use arrow::array::{ArrayRef, BinaryBuilder, ListArray, MapArray, NullBufferBuilder, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, FieldRef, Fields};
use base64::Engine;
use std::sync::Arc;
use thalweg_common::{Error, Result};

/// How much of a value its column could take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// A null stands for it.
    Nothing,
    /// A null stands for parts of it.
    Partly,
    Whole,
}

impl Fit {
    fn of(taken: bool) -> Self {
        if taken { Self::Whole } else { Self::Nothing }
    }
}

/// How values are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules<'a> {
    pub text: &'a TextRules,
    /// `"NaN"` and the like are numbers.
    pub non_numeric: bool,
}

/// A builder for a column of any type that JSON can hold.
#[derive(Debug)]
pub(super) enum Builder {
    Cell(CellBuilder, DataType),
    Binary(BinaryBuilder),
    List {
        field: FieldRef,
        items: Box<Builder>,
        lengths: Vec<usize>,
        valid: NullBufferBuilder,
    },
    Map {
        entries: FieldRef,
        keys: Box<Builder>,
        values: Box<Builder>,
        lengths: Vec<usize>,
        valid: NullBufferBuilder,
    },
    Struct {
        fields: Fields,
        columns: Vec<Builder>,
        valid: NullBufferBuilder,
    },
}

impl Builder {
    /// A builder for columns of that type, if JSON can hold it.
    pub fn new(data_type: &DataType) -> Option<Self> {
        let valid = NullBufferBuilder::new(0);
        Some(match data_type {
            DataType::Binary => Self::Binary(BinaryBuilder::new()),
            DataType::List(field) => {
                let items = Box::new(Self::new(field.data_type())?);
                Self::List { field: Arc::clone(field), items, lengths: Vec::new(), valid }
            }
            DataType::Map(entries, false) => {
                let DataType::Struct(pair) = entries.data_type() else { return None };
                let (key, value) = (pair.first()?, pair.get(1)?);
                if key.data_type() != &DataType::Utf8 {
                    return None;
                }
                let (keys, values) = (Self::new(key.data_type())?, Self::new(value.data_type())?);
                Self::Map {
                    entries: Arc::clone(entries),
                    keys: Box::new(keys),
                    values: Box::new(values),
                    lengths: Vec::new(),
                    valid,
                }
            }
            DataType::Struct(fields) => {
                let columns = fields.iter().map(|f| Self::new(f.data_type())).collect::<Option<Vec<_>>>()?;
                Self::Struct { fields: fields.clone(), columns, valid }
            }
            other => Self::Cell(CellBuilder::new(other)?, other.clone()),
        })
    }

    /// Appends a value, or a null for what is none of the type; how much of it fits.
    pub fn append(&mut self, value: &Json<'_>, rules: Rules<'_>) -> Fit {
        if *value == Json::Null {
            self.append_null();
            return Fit::Whole;
        }
        match (&mut *self, value) {
            (Self::Cell(cell, data_type), _) => Fit::of(append_cell(cell, data_type, value, rules)),
            (Self::Binary(bytes), Json::Text(text)) => {
                let decoded = base64::engine::general_purpose::STANDARD.decode(text.as_bytes()).ok();
                bytes.append_option(decoded.as_ref());
                Fit::of(decoded.is_some())
            }
            (Self::List { items, lengths, valid, .. }, Json::Array(values, _)) => {
                lengths.push(values.len());
                let fit = values.iter().fold(Fit::Whole, |fit, v| items.append(v, rules).min(fit));
                valid.append(fit != Fit::Nothing);
                fit
            }
            (Self::Map { keys, values, lengths, valid, .. }, Json::Object(members, _)) => {
                // A name that is there twice counts once, with its last value.
                let last = |name: &str| members.iter().rposition(|(k, _)| k == name);
                let unique: Vec<_> = members
                    .iter()
                    .enumerate()
                    .filter(|(i, (k, _))| last(k) == Some(*i))
                    .map(|(_, m)| m)
                    .collect();
                lengths.push(unique.len());
                let fit = unique.into_iter().fold(Fit::Whole, |fit, (name, value)| {
                    keys.append(&Json::Text(name.clone()), rules).min(values.append(value, rules)).min(fit)
                });
                valid.append(fit != Fit::Nothing);
                fit
            }
            (Self::Struct { fields, columns, valid }, Json::Object(members, _)) => {
                valid.append_non_null();
                append_members(fields, columns, members, rules)
            }
            _ => {
                self.append_null();
                Fit::Nothing
            }
        }
    }

    /// Appends a null.
    pub fn append_null(&mut self) {
        match self {
            Self::Cell(cell, _) => cell.append_null(),
            Self::Binary(bytes) => bytes.append_null(),
            Self::List { lengths, valid, .. } | Self::Map { lengths, valid, .. } => {
                lengths.push(0);
                valid.append_null();
            }
            Self::Struct { columns, valid, .. } => {
                columns.iter_mut().for_each(Self::append_null);
                valid.append_null();
            }
        }
    }

    /// The values so far; the builder is empty afterwards.
    pub fn finish(&mut self) -> Result<ArrayRef> {
        let wrong = |e| Error::internal(format!("a JSON column: {e}"));
        Ok(match self {
            Self::Cell(cell, _) => cell.finish(),
            Self::Binary(bytes) => Arc::new(bytes.finish()),
            Self::List { field, items, lengths, valid } => {
                let offsets = OffsetBuffer::from_lengths(std::mem::take(lengths));
                let list = ListArray::try_new(Arc::clone(field), offsets, items.finish()?, valid.finish());
                Arc::new(list.map_err(wrong)?)
            }
            Self::Map { entries, keys, values, lengths, valid } => {
                let DataType::Struct(pair) = entries.data_type() else {
                    return Err(Error::internal("a map without entries"));
                };
                let pairs = StructArray::try_new(pair.clone(), vec![keys.finish()?, values.finish()?], None);
                let offsets = OffsetBuffer::from_lengths(std::mem::take(lengths));
                let map = MapArray::try_new(
                    Arc::clone(entries),
                    offsets,
                    pairs.map_err(wrong)?,
                    valid.finish(),
                    false,
                );
                Arc::new(map.map_err(wrong)?)
            }
            Self::Struct { fields, columns, valid } => {
                let arrays = columns.iter_mut().map(Self::finish).collect::<Result<Vec<_>>>()?;
                Arc::new(StructArray::try_new(fields.clone(), arrays, valid.finish()).map_err(wrong)?)
            }
        })
    }
}

/// Appends one value per field: its member of that name, the last one if there are several.
pub(super) fn append_members(
    fields: &Fields,
    columns: &mut [Builder],
    members: &Members<'_>,
    rules: Rules<'_>,
) -> Fit {
    let mut fit = Fit::Whole;
    for (field, column) in fields.iter().zip(columns) {
        match members.iter().rev().find(|(name, _)| name == field.name()) {
            Some((_, value)) if column.append(value, rules) != Fit::Whole => fit = Fit::Partly,
            Some(_) => {}
            None => column.append_null(),
        }
    }
    fit
}

fn append_cell(cell: &mut CellBuilder, data_type: &DataType, value: &Json<'_>, rules: Rules<'_>) -> bool {
    use DataType as T;
    let non_numeric = rules.non_numeric;
    let rules = rules.text;
    let appended = match (data_type, value) {
        (T::Utf8, value) => cell.append(text_of(value), rules),
        (T::Boolean, Json::Bool(value)) => cell.append(if *value { "true" } else { "false" }, rules),
        (T::Int8 | T::Int16 | T::Int32 | T::Int64 | T::Decimal128(..), Json::Number(text)) => {
            cell.append(text, rules)
        }
        (T::Float32 | T::Float64, Json::Number(text)) => cell.append(text, rules),
        (T::Float32 | T::Float64, Json::Text(text)) if non_numeric => {
            let word = match text.as_ref() {
                "NaN" => "NaN",
                "Infinity" | "+Infinity" | "+INF" => "Infinity",
                "-Infinity" | "-INF" => "-Infinity",
                _ => "",
            };
            cell.append(word, rules)
        }
        (T::Decimal128(..) | T::Date32 | T::Timestamp(..), Json::Text(text)) => cell.append(text, rules),
        (T::Timestamp(_, Some(_)), Json::Number(text)) => match (text.parse::<i64>(), &mut *cell) {
            (Ok(seconds), CellBuilder::Timestamp(b)) if seconds.checked_mul(1_000_000).is_some() => {
                b.append_value(seconds * 1_000_000);
                true
            }
            _ => false,
        },
        _ => false,
    };
    if !appended {
        cell.append_null();
    }
    appended
}

/// A value as a string: text without its quotes, anything else as it was written.
fn text_of<'a>(value: &'a Json<'a>) -> &'a str {
    match value {
        Json::Null => "null",
        Json::Bool(value) => {
            if *value {
                "true"
            } else {
                "false"
            }
        }
        Json::Text(text) => text,
        Json::Number(raw) | Json::Array(_, raw) | Json::Object(_, raw) => raw,
    }
}

/// A string in quotes with its escapes.
pub(super) fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{C}' => out.push_str("\\f"),
            c if c < ' ' => out.push_str(&format!("\\u{:04X}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}
