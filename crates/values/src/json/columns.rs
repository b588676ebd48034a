//! Builds columns from JSON values, nested ones included, by Spark's rules of conversion.
//!
//! A value that is not of its column's type becomes null and is reported, so that the record counts as malformed
//! while its other fields are kept. A list or a map with such a value is null as a whole. A string column accepts any
//! value as its text.

use super::{Json, Members, NON_NUMERIC};
use crate::cell::{CellBuilder, TextRules};
use arrow::array::{ArrayRef, BinaryBuilder, ListArray, MapArray, NullBufferBuilder, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, FieldRef, Fields};
use base64::Engine;
use std::borrow::Cow;
use std::sync::Arc;
use thalweg_common::{Error, Result};

/// The part of a value that fits its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// Nothing: the value became null.
    Nothing,
    /// Some parts of the value became null.
    Partly,
    /// All of the value.
    Whole,
}

impl Fit {
    fn of(taken: bool) -> Self {
        if taken { Self::Whole } else { Self::Nothing }
    }
}

/// The rules for converting values.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// The rules for parsing texts.
    pub text: &'a TextRules,
    /// Whether the strings `"NaN"`, `"Infinity"` and similar ones are numbers.
    pub non_numeric: bool,
    /// Whether a string column stores another value as it was written; otherwise in its compact form.
    pub raw: bool,
}

/// A builder for a column of any type that JSON values can be converted to.
#[derive(Debug)]
pub struct ColumnBuilder(Kind);

#[derive(Debug)]
enum Kind {
    Cell(CellBuilder, DataType),
    Binary(BinaryBuilder),
    List {
        field: FieldRef,
        items: Box<ColumnBuilder>,
        lengths: Vec<usize>,
        valid: NullBufferBuilder,
    },
    Map {
        entries: FieldRef,
        keys: Box<ColumnBuilder>,
        values: Box<ColumnBuilder>,
        lengths: Vec<usize>,
        valid: NullBufferBuilder,
    },
    Struct {
        rows: RowBuilder,
        valid: NullBufferBuilder,
    },
}

impl ColumnBuilder {
    /// Creates a builder for columns of a type, or returns `None` if JSON values cannot be converted to it.
    pub fn new(data_type: &DataType) -> Option<Self> {
        let valid = NullBufferBuilder::new(0);
        Some(Self(match data_type {
            DataType::Binary => Kind::Binary(BinaryBuilder::new()),
            DataType::List(field) => {
                let items = Box::new(Self::new(field.data_type())?);
                Kind::List { field: Arc::clone(field), items, lengths: Vec::new(), valid }
            }
            // Keys of JSON objects are texts. A sorted map has an order that an object does not have.
            DataType::Map(entries, false) => {
                let DataType::Struct(pair) = entries.data_type() else { return None };
                let (key, value) = (pair.first()?, pair.get(1)?);
                if key.data_type() != &DataType::Utf8 {
                    return None;
                }
                let (keys, values) = (Self::new(key.data_type())?, Self::new(value.data_type())?);
                Kind::Map {
                    entries: Arc::clone(entries),
                    keys: Box::new(keys),
                    values: Box::new(values),
                    lengths: Vec::new(),
                    valid,
                }
            }
            DataType::Struct(fields) => Kind::Struct { rows: RowBuilder::new(fields.clone())?, valid },
            other => Kind::Cell(CellBuilder::new(other)?, other.clone()),
        }))
    }

    /// Appends a value, or a null if it is not of the type, and returns how much of it fits.
    pub fn append(&mut self, value: &Json<'_>, rules: Rules<'_>) -> Fit {
        if *value == Json::Null {
            self.append_null();
            return Fit::Whole;
        }
        match (&mut self.0, value) {
            (Kind::Cell(cell, data_type), _) => Fit::of(append_cell(cell, data_type, value, rules)),
            (Kind::Binary(bytes), Json::Text(text)) => {
                let decoded = base64::engine::general_purpose::STANDARD.decode(text.as_bytes()).ok();
                bytes.append_option(decoded.as_ref());
                Fit::of(decoded.is_some())
            }
            (Kind::List { items, lengths, valid, .. }, Json::Array(values, _)) => {
                lengths.push(values.len());
                let fit = values.iter().fold(Fit::Whole, |fit, v| items.append(v, rules).min(fit));
                // An element that does not fit at all makes the whole list null, as in Spark.
                valid.append(fit != Fit::Nothing);
                fit
            }
            // As in Spark, a name that occurs twice becomes two entries.
            (Kind::Map { keys, values, lengths, valid, .. }, Json::Object(members, _)) => {
                lengths.push(members.len());
                let fit = members.iter().fold(Fit::Whole, |fit, (name, value)| {
                    keys.append(&Json::Text(Cow::Borrowed(name)), rules)
                        .min(values.append(value, rules))
                        .min(fit)
                });
                valid.append(fit != Fit::Nothing);
                fit
            }
            (Kind::Struct { rows, valid }, Json::Object(members, _)) => {
                valid.append_non_null();
                rows.append(members, rules)
            }
            _ => {
                self.append_null();
                Fit::Nothing
            }
        }
    }

    /// Appends a null.
    pub fn append_null(&mut self) {
        match &mut self.0 {
            Kind::Cell(cell, _) => cell.append_null(),
            Kind::Binary(bytes) => bytes.append_null(),
            Kind::List { lengths, valid, .. } | Kind::Map { lengths, valid, .. } => {
                lengths.push(0);
                valid.append_null();
            }
            Kind::Struct { rows, valid } => {
                rows.append_null();
                valid.append_null();
            }
        }
    }

    /// Returns the values so far and empties the builder.
    ///
    /// # Errors
    /// An internal error if columns do not fit their fields.
    pub fn finish(&mut self) -> Result<ArrayRef> {
        Ok(match &mut self.0 {
            Kind::Cell(cell, _) => cell.finish(),
            Kind::Binary(bytes) => Arc::new(bytes.finish()),
            Kind::List { field, items, lengths, valid } => {
                let offsets = OffsetBuffer::from_lengths(std::mem::take(lengths));
                let list = ListArray::try_new(Arc::clone(field), offsets, items.finish()?, valid.finish());
                Arc::new(list.map_err(misbuilt)?)
            }
            Kind::Map { entries, keys, values, lengths, valid } => {
                let DataType::Struct(pair) = entries.data_type() else {
                    return Err(Error::internal("the type of a map has no entries"));
                };
                let pairs = StructArray::try_new(pair.clone(), vec![keys.finish()?, values.finish()?], None);
                let offsets = OffsetBuffer::from_lengths(std::mem::take(lengths));
                let pairs = pairs.map_err(misbuilt)?;
                let map = MapArray::try_new(Arc::clone(entries), offsets, pairs, valid.finish(), false);
                Arc::new(map.map_err(misbuilt)?)
            }
            Kind::Struct { rows, valid } => {
                let (length, nulls) = (valid.len(), valid.finish());
                let fields = rows.fields.clone();
                let array = StructArray::try_new_with_length(fields, rows.finish()?, nulls, length);
                Arc::new(array.map_err(misbuilt)?)
            }
        })
    }
}

fn misbuilt(error: arrow::error::ArrowError) -> Error {
    Error::internal(format!("a column of JSON values does not fit its type: {error}"))
}

/// Builders for the columns of rows: one row for each object.
#[derive(Debug)]
pub struct RowBuilder {
    fields: Fields,
    columns: Vec<ColumnBuilder>,
    /// The index of the member of each field in the current object. Kept to reuse its memory.
    places: Vec<Option<usize>>,
}

impl RowBuilder {
    /// Creates builders for columns of these fields, or returns `None` if JSON values cannot be converted to one of
    /// the types.
    pub fn new(fields: Fields) -> Option<Self> {
        let columns = fields.iter().map(|f| ColumnBuilder::new(f.data_type())).collect::<Option<_>>()?;
        Some(Self { fields, columns, places: Vec::new() })
    }

    /// Appends a null to each column.
    pub fn append_null(&mut self) {
        self.columns.iter_mut().for_each(ColumnBuilder::append_null);
    }

    /// Returns the columns so far and empties the builder.
    ///
    /// # Errors
    /// As [`ColumnBuilder::finish`].
    pub fn finish(&mut self) -> Result<Vec<ArrayRef>> {
        self.columns.iter_mut().map(ColumnBuilder::finish).collect()
    }

    /// Appends to each column the member with its name, or a null. Of several members the last one that fits counts.
    pub fn append(&mut self, members: &Members<'_>, rules: Rules<'_>) -> Fit {
        let has_doubles = self.find_places(members);
        let mut fit = Fit::Whole;
        for ((field, column), place) in self.fields.iter().zip(&mut self.columns).zip(&self.places) {
            let Some((_, value)) = place.and_then(|at| members.get(at)) else {
                column.append_null();
                continue;
            };
            let appended = match has_doubles {
                true => append_last(field, column, members, rules),
                false => column.append(value, rules),
            };
            // A field that does not fit is null, but the struct stays.
            if appended != Fit::Whole {
                fit = Fit::Partly;
            }
        }
        fit
    }

    /// Finds the last member of each field; returns whether a field has several.
    fn find_places(&mut self, members: &Members<'_>) -> bool {
        self.places.clear();
        self.places.resize(self.fields.len(), None);
        let (mut next, mut has_doubles) = (0, false);
        for (at, (name, _)) in members.iter().enumerate() {
            // Members usually have the order of the fields, so the next field is tried before a search.
            let is_next = self.fields.get(next).is_some_and(|f| f.name() == name);
            let found = if is_next { Some(next) } else { self.fields.iter().position(|f| f.name() == name) };
            let Some(slot) = found.and_then(|index| self.places.get_mut(index)) else { continue };
            has_doubles |= slot.is_some();
            *slot = Some(at);
            next = found.map_or(0, |index| index + 1);
        }
        has_doubles
    }
}

/// Appends the last member with the name of a field that fits, or a null. Returns less than whole if one of them does
/// not fit.
fn append_last(field: &FieldRef, column: &mut ColumnBuilder, members: &Members<'_>, rules: Rules<'_>) -> Fit {
    // Spark converts each of them and a later value replaces an earlier one, unless the later one fails.
    let mut worst = Fit::Whole;
    let mut chosen = &Json::Null;
    for (_, value) in members.iter().filter(|(name, _)| name == field.name()) {
        let fit =
            ColumnBuilder::new(field.data_type()).map_or(Fit::Nothing, |mut one| one.append(value, rules));
        if fit != Fit::Nothing {
            chosen = value;
        }
        worst = worst.min(fit);
    }
    column.append(chosen, rules);
    worst
}

/// Appends a value to a column that is not nested, or a null, and returns whether the value fits.
fn append_cell(cell: &mut CellBuilder, data_type: &DataType, value: &Json<'_>, rules: Rules<'_>) -> bool {
    use DataType as T;
    let Rules { text: rules, non_numeric, raw } = rules;
    let appended = match (data_type, value) {
        (T::Utf8, value) if raw => cell.append(text_of(value), rules),
        (T::Utf8, Json::Text(text)) => cell.append(text, rules),
        (T::Utf8, value) => cell.append(&value.compact(), rules),
        (T::Boolean, Json::Bool(value)) => cell.append(if *value { "true" } else { "false" }, rules),
        (T::Int8 | T::Int16 | T::Int32 | T::Int64 | T::Decimal128(..), Json::Number(text)) => {
            cell.append(text, rules)
        }
        // Jackson reads `-0` as the integer 0, which loses the sign.
        (T::Float32 | T::Float64, Json::Number("-0")) => cell.append("0", rules),
        (T::Float32 | T::Float64, Json::Number(text)) => cell.append(text, rules),
        (T::Float32 | T::Float64, Json::Text(text)) if non_numeric => {
            let known = NON_NUMERIC.iter().find(|(word, _)| word == text);
            let word = known.map_or("", |(_, value)| value);
            cell.append(word, rules)
        }
        (T::Decimal128(..) | T::Date32 | T::Timestamp(..), Json::Text(text)) => cell.append(text, rules),
        // Spark reads a number as seconds since 1970.
        (T::Timestamp(_, Some(_)), Json::Number(text)) => match (text.parse::<i64>(), &mut *cell) {
            // Beyond 64-bit microseconds the number is not a timestamp.
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

/// Returns a value as a string: a text without its quotes, anything else as it was written.
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
