//! Implements `from_csv(text, schema [, options])`: one CSV record as a struct.
//!
//! The schema comes as the type of a null: only the caller can read Spark's types. A field that does not fit its type
//! is null and leaves its siblings alone; a column may take the text of a record that is not whole. In the mode
//! FAILFAST such a record is an error.

use super::options::CsvOptions;
use crate::binding::Bound;
use crate::errors::{corrupt_type, malformed_json, unexpected_type, unsupported_data_type};
use crate::kernel::{Batch, Kernel, Nulls, arrow};
use crate::registry::{Call, Display, Entry, SpecialForm};
use crate::scalar::json::read::options_of;
use ::arrow::array::{ArrayRef, NullBufferBuilder, StringBuilder, StructArray};
use ::arrow::datatypes::{DataType, Field, Fields};
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_values::cell::{CellBuilder, TextRules};
use thalweg_values::csv::{Record, Syntax};
use thalweg_values::types::sql_name;

pub(super) const ENTRIES: &[Entry] = &[Entry::bind(&["from_csv"], 2, 3, from_csv)
    .special(SpecialForm::FromCsv)
    .display(Display::first_arguments(1))
    .doc(
        "text, schema[, options]",
        "Reads a CSV record as a struct of a schema.",
        &["SELECT from_csv('1,x,2024-01-02', 'a INT, b STRING, c DATE')"],
    )];

fn from_csv(mut call: Call) -> Result<Bound> {
    if !matches!(call.type_of(0), DataType::Utf8 | DataType::Null) {
        return Err(unexpected_type(call.name, 0, "STRING", &call.type_of(0)));
    }
    call.coerce(0, &DataType::Utf8)?;
    let given = match call.args.get(2) {
        Some(arg) => options_of("from_csv", arg)?,
        None => vec![],
    };
    let options = CsvOptions::new("from_csv", given, call.ctx.time_zone)?;
    let returns = DataType::Struct(nullable_fields(&call.type_of(1), &options)?);
    let (fail_fast, nullable) = (options.fail_fast, call.nullable(0));
    call.args.truncate(1);
    let kernel = Kernel::new("from_csv", returns, read).params(options).fallible(fail_fast);
    let bound = kernel.nulls(Nulls::Args).call(call.args);
    Ok(Bound { nullable, ..bound })
}

/// The fields, which any text may lack; types that a text can't be are refused.
fn nullable_fields(schema: &DataType, options: &CsvOptions) -> Result<Fields> {
    let DataType::Struct(fields) = schema else {
        return Err(unexpected_type("from_csv", 1, "STRUCT", schema));
    };
    for field in fields {
        let t = field.data_type();
        match t {
            DataType::Null | DataType::List(_) | DataType::Map(..) | DataType::Struct(_) => {
                return Err(unsupported_data_type(t));
            }
            _ if CellBuilder::new(t).is_none() => {
                return Err(Error::unsupported(format!("from_csv to {}", sql_name(t))));
            }
            _ if *field.name() == options.corrupt && t != &DataType::Utf8 => {
                return Err(corrupt_type(&options.corrupt, t));
            }
            _ => {}
        }
    }
    Ok(fields.iter().map(|f| Arc::new(Field::new(f.name(), f.data_type().clone(), true))).collect())
}

fn read(b: &Batch) -> Result<ArrayRef> {
    let (texts, options) = (b.strings(0)?, b.params::<CsvOptions>()?);
    let fields = b.returned_fields()?;
    let mut rows = Rows::new(fields, options)?;
    for row in 0..b.rows {
        crate::kernel::still_wanted(row)?;
        rows.append(texts.get(row))?;
    }
    rows.finish(fields)
}

/// The records so far.
struct Rows<'a> {
    options: &'a CsvOptions,
    syntax: Syntax,
    rules: TextRules,
    record: Record,
    cells: Vec<CellBuilder>,
    corrupt: StringBuilder,
    /// Where the column for records that are not whole stands.
    corrupt_place: Option<usize>,
    valid: NullBufferBuilder,
}

impl<'a> Rows<'a> {
    fn new(fields: &Fields, options: &'a CsvOptions) -> Result<Self> {
        let corrupt_place = fields.iter().position(|f| *f.name() == options.corrupt);
        let cells = fields.iter().enumerate().filter(|(i, _)| Some(*i) != corrupt_place);
        let cells = cells.map(|(_, f)| {
            CellBuilder::new(f.data_type()).ok_or_else(|| unsupported_data_type(f.data_type()))
        });
        Ok(Self {
            options,
            syntax: options.syntax(),
            rules: options.rules()?,
            record: Record::default(),
            cells: cells.collect::<Result<_>>()?,
            corrupt: StringBuilder::new(),
            corrupt_place,
            valid: NullBufferBuilder::new(0),
        })
    }

    fn append(&mut self, text: Option<&str>) -> Result<()> {
        self.valid.append(text.is_some());
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            if let Some(text) = text.filter(|_| self.options.fail_fast) {
                return Err(malformed_json(text));
            }
            // Spark finds no record in an empty text: all columns are null, also the one for records that are not
            // whole.
            self.cells.iter_mut().for_each(CellBuilder::append_null);
            self.corrupt.append_null();
            return Ok(());
        };
        let is_whole = self.append_record(text);
        if self.options.fail_fast && !is_whole {
            return Err(malformed_json(text));
        }
        self.corrupt.append_option((!is_whole).then(|| without_line_end(text)));
        Ok(())
    }

    /// Appends a value or null per column; whether the record fits.
    fn append_record(&mut self, text: &str) -> bool {
        self.record.parse(text, &self.syntax);
        let mut fits = self.record.len() == self.cells.len();
        for (place, builder) in self.cells.iter_mut().enumerate() {
            let value = self.record.cell(text, place).map(|cell| match cell.text {
                "" if cell.quoted => self.options.empty_value.as_str(),
                text => text,
            });
            let value = value.filter(|v| !v.is_empty() && *v != self.options.null_value);
            if !value.is_some_and(|value| builder.append(value, &self.rules)) {
                builder.append_null();
                fits &= value.is_none();
            }
        }
        fits
    }

    fn finish(mut self, fields: &Fields) -> Result<ArrayRef> {
        let mut columns: Vec<ArrayRef> = self.cells.iter_mut().map(CellBuilder::finish).collect();
        if let Some(place) = self.corrupt_place {
            columns.insert(place, Arc::new(self.corrupt.finish()));
        }
        let (length, nulls) = (self.valid.len(), self.valid.finish());
        // A struct without fields has no column that tells its length.
        let rows = StructArray::try_new_with_length(fields.clone(), columns, nulls, length);
        Ok(Arc::new(arrow(rows)?))
    }
}

/// The record as Spark keeps it: without the end of its line, where it has one.
fn without_line_end(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}
