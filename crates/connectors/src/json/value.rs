//! Columns built from JSON values, nested ones too, by Spark's rules of what becomes what.
//!
//! A value that is none of its column's type becomes a null and is told, so that the record
//! counts as malformed while its other fields stay. A string column takes any value as its text.

use super::parse::Json;
use crate::text::cell::{CellBuilder, TextRules};
use arrow::array::{ArrayRef, BinaryBuilder, ListArray, MapArray, NullBufferBuilder, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, FieldRef, Fields};
use base64::Engine;
use std::sync::Arc;
use thalweg_common::{Error, Result};

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

    /// Appends a value, or a null for what is none of the type; whether all of it fits.
    pub fn append(&mut self, value: &Json<'_>, rules: &TextRules) -> bool {
        if *value == Json::Null {
            self.append_null();
            return true;
        }
        match (&mut *self, value) {
            (Self::Cell(cell, data_type), _) => append_cell(cell, data_type, value, rules),
            (Self::Binary(bytes), Json::Text(text)) => {
                match base64::engine::general_purpose::STANDARD.decode(text.as_bytes()) {
                    Ok(decoded) => {
                        bytes.append_value(decoded);
                        true
                    }
                    Err(_) => {
                        bytes.append_null();
                        false
                    }
                }
            }
            (Self::List { items, lengths, valid, .. }, Json::Array(values)) => {
                lengths.push(values.len());
                valid.append_non_null();
                values.iter().filter(|v| items.append(v, rules)).count() == values.len()
            }
            (Self::Map { keys, values, lengths, valid, .. }, Json::Object(members)) => {
                // A name that is there twice counts once, with its last value.
                let last = |name: &str| members.iter().rposition(|(k, _)| k == name);
                let unique: Vec<_> = members
                    .iter()
                    .enumerate()
                    .filter(|(i, (k, _))| last(k) == Some(*i))
                    .map(|(_, m)| m)
                    .collect();
                lengths.push(unique.len());
                valid.append_non_null();
                unique.into_iter().fold(true, |fits, (name, value)| {
                    let named = keys.append(&Json::Text(name.clone()), rules);
                    values.append(value, rules) && named && fits
                })
            }
            (Self::Struct { fields, columns, valid }, Json::Object(members)) => {
                valid.append_non_null();
                append_members(fields, columns, members, rules)
            }
            _ => {
                self.append_null();
                false
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
    members: &[(std::borrow::Cow<'_, str>, Json<'_>)],
    rules: &TextRules,
) -> bool {
    let mut fits = true;
    for (field, column) in fields.iter().zip(columns) {
        match members.iter().rev().find(|(name, _)| name == field.name()) {
            Some((_, value)) => fits &= column.append(value, rules),
            None => column.append_null(),
        }
    }
    fits
}

fn append_cell(cell: &mut CellBuilder, data_type: &DataType, value: &Json<'_>, rules: &TextRules) -> bool {
    use DataType as T;
    let appended = match (data_type, value) {
        (T::Utf8, Json::Text(text)) => cell.append(text, rules),
        (T::Utf8, other) => {
            let mut text = String::new();
            write_compact(other, &mut text);
            cell.append(&text, rules)
        }
        (T::Boolean, Json::Bool(value)) => cell.append(if *value { "true" } else { "false" }, rules),
        (T::Int8 | T::Int16 | T::Int32 | T::Int64 | T::Decimal128(..), Json::Number(text)) => {
            cell.append(text, rules)
        }
        (T::Float32 | T::Float64, Json::Number(text)) => cell.append(text, rules),
        (T::Float32 | T::Float64, Json::Text(text)) => {
            let word = match text.as_ref() {
                "NaN" => "NaN",
                "Infinity" | "+Infinity" | "INF" | "+INF" => "Infinity",
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

/// A value as JSON without blanks.
fn write_compact(value: &Json<'_>, out: &mut String) {
    match value {
        Json::Null => out.push_str("null"),
        Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Json::Number(text) => out.push_str(text),
        Json::Text(text) => write_text(text, out),
        Json::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                write_compact(item, out);
            }
            out.push(']');
        }
        Json::Object(members) => {
            out.push('{');
            for (index, (name, value)) in members.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                write_text(name, out);
                out.push(':');
                write_compact(value, out);
            }
            out.push('}');
        }
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
