//! Infers the schema of CSV files: names from the header, types from the cells.
//!
//! A type only widens, in Spark's order: int, bigint, decimal, double, date, timestamp, boolean, string. Empty cells
//! and `nullValue` are skipped, so a column of numbers with `NA` remains one.

use super::config::CsvConfig;
use super::source::RawRecords;
use crate::files::{FileEntry, Split};
use crate::text::config::{is_sampled, unable_to_infer};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use std::collections::BTreeMap;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_values::csv::Record;
use thalweg_values::{datetime, number};

/// The widest of the types that the cells of a column had so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Nothing,
    Int,
    Long,
    Decimal(u8),
    Double,
    Date,
    Timestamp,
    Boolean,
    Text,
}

/// Infers the schema of `files`; class `UNABLE_TO_INFER_SCHEMA` if there are none.
pub(super) fn schema(files: &[FileEntry], config: &CsvConfig) -> Result<SchemaRef> {
    if files.is_empty() {
        return Err(unable_to_infer("CSV"));
    }
    if config.infer_schema {
        config.unreadable.check_inference()?;
    }
    let config = Arc::new(config.clone());
    let mut names: Option<Vec<String>> = None;
    let mut types = Vec::new();
    let mut number = 0;
    for file in files {
        let split = Split::whole(Arc::new(file.clone()));
        let mut records = RawRecords::open(&split, &config)?;
        let syntax = records.syntax().clone();
        let mut record = Record::default();
        let mut first = true;
        while let Some(text) = records.next()? {
            // Every column is a string: the names are all that is needed.
            if names.is_some() && !config.infer_schema {
                break;
            }
            record.parse(&text, &syntax);
            if names.is_none() {
                names = Some(column_names(&record, &text, &config));
                types = vec![Seen::Nothing; record.len()];
            }
            // Each file has a header, but only that of the first names the columns.
            let is_header = std::mem::take(&mut first) && config.header;
            if !is_header && config.infer_schema {
                if is_sampled(number, config.sampling_ratio) {
                    widen(&mut types, &record, &text, &config);
                }
                number += 1;
            }
        }
    }
    let types = types.into_iter().map(data_type);
    let fields = names.unwrap_or_default().into_iter().zip(types).map(|(name, t)| Field::new(name, t, true));
    Ok(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
}

/// Returns the names in the header, made unique as by Spark, or `_c0`, `_c1`, …
fn column_names(record: &Record, text: &str, config: &CsvConfig) -> Vec<String> {
    let cells = (0..record.len()).map(|i| record.cell(text, i).map(|c| c.text).unwrap_or_default());
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for cell in cells.clone() {
        *times.entry(cell.to_lowercase()).or_default() += 1;
    }
    let name = |(index, cell): (usize, &str)| match cell {
        _ if !config.header => format!("_c{index}"),
        _ if cell.is_empty() || cell == config.null_value => format!("_c{index}"),
        _ if times.get(&cell.to_lowercase()).is_some_and(|n| *n > 1) => format!("{cell}{index}"),
        _ => cell.to_owned(),
    };
    cells.enumerate().map(name).collect()
}

fn widen(types: &mut [Seen], record: &Record, text: &str, config: &CsvConfig) {
    for (index, seen) in types.iter_mut().enumerate() {
        let Some(cell) = record.cell(text, index) else { continue };
        let value = if cell.quoted && cell.text.is_empty() { &config.empty_value } else { cell.text };
        if *seen == Seen::Text || value.is_empty() || value == config.null_value {
            continue;
        }
        *seen = merge(*seen, narrowest(*seen, value, config));
    }
}

/// Returns the narrowest type of `text` that is not narrower than what was seen: the types that a column has passed are
/// not tried again.
fn narrowest(seen: Seen, text: &str, config: &CsvConfig) -> Seen {
    let rank = rank(seen);
    let rules = &config.rules;
    if rank <= 1 && number::integer::<i32>(text).is_some() {
        return Seen::Int;
    }
    if rank <= 2 && number::integer::<i64>(text).is_some() {
        return Seen::Long;
    }
    // Only a whole number is a decimal; one with a fraction is a double, as in Spark.
    if rank <= 3
        && let Some(size) = number::decimal_size(text).filter(|size| size.scale == 0)
    {
        return Seen::Decimal(size.precision);
    }
    if rank <= 4 && rules.read_double(text).is_some() {
        return Seen::Double;
    }
    if rank <= 5 && config.prefer_date && is_date(text, config) {
        return Seen::Date;
    }
    if rank <= 6 && rules.read_timestamp(text).is_some() {
        return Seen::Timestamp;
    }
    if rank <= 7 && number::boolean(text).is_some() { Seen::Boolean } else { Seen::Text }
}

/// Returns whether a text is a complete date: a year alone is a number, and a timestamp is not a date.
fn is_date(text: &str, config: &CsvConfig) -> bool {
    match &config.rules.date {
        Some(pattern) => pattern.date(text).is_some(),
        None => text.len() == 10 && datetime::date(text).is_some() && !text.contains(['T', ' ']),
    }
}

/// The position of a type in the order in which types are tried.
fn rank(seen: Seen) -> u8 {
    match seen {
        Seen::Nothing => 0,
        Seen::Int => 1,
        Seen::Long => 2,
        Seen::Decimal(_) => 3,
        Seen::Double => 4,
        Seen::Date => 5,
        Seen::Timestamp => 6,
        Seen::Boolean => 7,
        Seen::Text => 8,
    }
}

/// Returns the narrowest type that holds both.
fn merge(a: Seen, b: Seen) -> Seen {
    let (low, high) = if rank(a) <= rank(b) { (a, b) } else { (b, a) };
    match (low, high) {
        (Seen::Nothing, other) => other,
        (Seen::Decimal(p), Seen::Decimal(q)) => Seen::Decimal(p.max(q)),
        // An integer has up to 10 digits and a long 20, as Spark counts them, whatever was seen.
        (Seen::Int, Seen::Decimal(q)) => Seen::Decimal(q.max(10)),
        (Seen::Long, Seen::Decimal(q)) => Seen::Decimal(q.max(20)),
        (a, b) if a == b => a,
        (Seen::Int | Seen::Long | Seen::Decimal(_), Seen::Long | Seen::Double) => high,
        (Seen::Date, Seen::Timestamp) => Seen::Timestamp,
        _ => Seen::Text,
    }
}

fn data_type(seen: Seen) -> DataType {
    match seen {
        Seen::Nothing | Seen::Text => DataType::Utf8,
        Seen::Int => DataType::Int32,
        Seen::Long => DataType::Int64,
        Seen::Decimal(p) => DataType::Decimal128(p, 0),
        Seen::Double => DataType::Float64,
        Seen::Date => DataType::Date32,
        Seen::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Seen::Boolean => DataType::Boolean,
    }
}
