//! Infers the schema of CSV files: names from the header, types from the cells.
//!
//! A type only widens, in Spark's order: int, bigint, decimal, double, date, timestamp, boolean, string. Empty cells
//! and `nullValue` are skipped, so a column of numbers with `NA` remains one.

use super::config::CsvConfig;
use super::source::RawRecords;
use crate::files::{FileEntry, Split};
use crate::text::config::{is_sampled, unable_to_infer};
use arrow::datatypes::{Field, Schema, SchemaRef};
use std::collections::BTreeMap;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_values::csv::{CellType, Record};

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
                types = vec![CellType::Nothing; record.len()];
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
    let types = types.into_iter().map(CellType::data_type);
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

fn widen(types: &mut [CellType], record: &Record, text: &str, config: &CsvConfig) {
    for (index, seen) in types.iter_mut().enumerate() {
        let Some(cell) = record.cell(text, index) else { continue };
        let value = if cell.quoted && cell.text.is_empty() { &config.empty_value } else { cell.text };
        if !value.is_empty() && value != config.null_value {
            *seen = seen.widened(value, &config.rules, config.prefer_date);
        }
    }
}
