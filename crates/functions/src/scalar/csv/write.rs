//! Implements `to_csv(struct [, options])`: a struct as one CSV record, without the end of its line.

use super::options::{flag, separator};
use crate::binding::Bound;
use crate::errors::unsupported_input_type;
use crate::kernel::{Batch, Kernel, Nulls};
use crate::params::InZone;
use crate::registry::{Call, Display, Entry, Intervals};
use crate::scalar::json::read::options_of;
use crate::types::CALENDAR;
use ::arrow::array::{Array, ArrayRef, AsArray};
use ::arrow::datatypes::DataType;
use thalweg_common::{Error, Result};
use thalweg_values::csv::CsvWriter;
use thalweg_values::print::{PrintRules, can_print};
use thalweg_values::types::sql_name;

pub(super) const ENTRIES: &[Entry] = &[Entry::bind(&["to_csv"], 1, 2, to_csv)
    .display(Display::first_arguments(1))
    .intervals(Intervals::Texts)
    .doc(
        "struct[, options]",
        "Writes a struct as a CSV record.",
        &["SELECT to_csv(named_struct('a', 1, 'b', 'x,y'))"],
    )];

/// What ends the record that the writer makes; it is no part of the answer.
const LINE_END: &str = "\n";

/// The options of a call.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Writing {
    zone: InZone,
    separator: String,
    null_value: String,
    empty_value: String,
    quote_all: bool,
    escape_quotes: bool,
    trim_start: bool,
    trim_end: bool,
    /// Of dates, timestamps and timestamps without zone; none: Spark's own.
    patterns: [Option<String>; 3],
}

fn to_csv(mut call: Call) -> Result<Bound> {
    let t = call.type_of(0);
    let DataType::Struct(fields) = &t else { return Err(unsupported_input_type(call.name, &t)) };
    if let Some(field) = fields.iter().find(|f| !can_write(f.data_type())) {
        return Err(Error::unsupported(format!("to_csv of {}", sql_name(field.data_type()))));
    }
    let given = match call.args.get(1) {
        Some(arg) => options_of("to_csv", arg)?,
        None => vec![],
    };
    let writing = writing(given, call.ctx.time_zone)?;
    let writer = writer_of(&writing)?;
    // A pattern that does not fit a field is an error of the call, even if there are no rows.
    fields.iter().try_for_each(|field| writer.rules.check(field.data_type()))?;
    call.args.truncate(1);
    Ok(Kernel::new("to_csv", DataType::Utf8, run).params(writing).nulls(Nulls::Always).call(call.args))
}

/// Returns whether values of a type can be written: unlike those of a CSV file, arrays, maps and structs too.
fn can_write(t: &DataType) -> bool {
    match t {
        DataType::Null | DataType::Binary => true,
        DataType::List(element) => can_write(element.data_type()),
        DataType::Map(entries, _) => can_write(entries.data_type()),
        DataType::Struct(fields) => fields.iter().all(|field| can_write(field.data_type())),
        other => *other == CALENDAR || can_print(other),
    }
}

fn writing(given: Vec<(String, String)>, zone: &str) -> Result<Writing> {
    // Spark's defaults differ from those of reading: blanks at the ends are trimmed, and an empty text is written in
    // quotes.
    let mut all = Writing {
        zone: InZone(zone.into()),
        separator: ",".to_owned(),
        null_value: String::new(),
        empty_value: "\"\"".to_owned(),
        quote_all: false,
        escape_quotes: true,
        trim_start: true,
        trim_end: true,
        patterns: [None, None, None],
    };
    for (key, value) in given {
        let unknown = || Error::unsupported(format!("the option {key}={value} of to_csv"));
        match key.to_ascii_lowercase().as_str() {
            "sep" | "delimiter" => all.separator = separator(&value).ok_or_else(unknown)?,
            "quoteall" => all.quote_all = flag(&value).ok_or_else(unknown)?,
            "escapequotes" => all.escape_quotes = flag(&value).ok_or_else(unknown)?,
            "ignoreleadingwhitespace" => all.trim_start = flag(&value).ok_or_else(unknown)?,
            "ignoretrailingwhitespace" => all.trim_end = flag(&value).ok_or_else(unknown)?,
            "nullvalue" => all.null_value = value,
            "emptyvalue" => all.empty_value = value,
            "dateformat" => all.patterns[0] = Some(value),
            "timestampformat" => all.patterns[1] = Some(value),
            "timestampntzformat" => all.patterns[2] = Some(value),
            "timezone" => all.zone = InZone(value.into()),
            _ => return Err(unknown()),
        }
    }
    Ok(all)
}

fn writer_of(writing: &Writing) -> Result<CsvWriter> {
    let [date, timestamp, timestamp_ntz] = writing.patterns.each_ref().map(Option::as_deref);
    Ok(CsvWriter {
        separator: writing.separator.clone(),
        quote: '"',
        escape: '\\',
        escape_escape: Some('\\'),
        escape_quotes: writing.escape_quotes,
        quote_all: writing.quote_all,
        null_value: writing.null_value.clone(),
        empty_value: writing.empty_value.clone(),
        trim_start: writing.trim_start,
        trim_end: writing.trim_end,
        line_separator: LINE_END.to_owned(),
        comment: '#',
        rules: PrintRules::new(writing.zone.zone()?, date, timestamp, timestamp_ntz)?,
    })
}

fn run(b: &Batch) -> Result<ArrayRef> {
    let array = b.array(0)?;
    let structs = array.as_struct_opt().ok_or_else(|| {
        Error::internal("the argument of to_csv is not a struct, although binding checked it")
    })?;
    let writer = writer_of(b.params()?)?;
    let mut buffer = String::new();
    b.build_text(|row| {
        if structs.is_null(row) || structs.num_columns() == 0 {
            return Ok(None);
        }
        let mut out = String::new();
        writer.record(structs.columns(), row, &mut buffer, &mut out);
        out.truncate(out.len() - LINE_END.len());
        Ok(Some(out))
    })
}
