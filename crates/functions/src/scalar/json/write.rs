//! Writes structs, arrays and maps as JSON: `to_json(value [, options])`.
//!
//! A null field of a struct is left out, unless `ignoreNullFields` is false; nulls in arrays and maps are written.
//! Timestamps are written in the session's zone, with milliseconds. An option that is not supported is refused.

use super::read::options_of;
use crate::binding::Bound;
use crate::errors::no_json_type;
use crate::kernel::{Batch, Kernel};
use crate::params::InZone;
use crate::registry::{Call, Entry, Intervals};
use ::arrow::array::{Array, ArrayRef};
use ::arrow::datatypes::DataType;
use thalweg_common::{Error, Result};
use thalweg_values::json::{JsonWriter, can_write};
use thalweg_values::print::PrintRules;
use thalweg_values::types::sql_name;

pub(super) const ENTRIES: &[Entry] =
    &[Entry::bind(&["to_json"], 1, 2, to_json).intervals(Intervals::Texts).doc(
        "value[, options]",
        "Writes a struct, map or array as JSON.",
        &["SELECT to_json(named_struct('a', 1, 'b', array(2, 3)))"],
    )];

/// Binds `to_json`, and checks the type and the options.
fn to_json(mut call: Call) -> Result<Bound> {
    let t = call.type_of(0);
    if t == DataType::Null {
        call.coerce(0, &DataType::Utf8)?;
    } else if !matches!(t, DataType::Struct(_) | DataType::List(_) | DataType::Map(..)) {
        return Err(no_json_type("to_json", &t));
    }
    if !can_write(&t) {
        return Err(Error::unsupported(format!("to_json of {}", sql_name(&t))));
    }
    let (mut patterns, mut nulls) = ([String::new(), String::new(), String::new()], false);
    let options = match call.args.get(1) {
        Some(arg) => options_of("to_json", arg)?,
        None => vec![],
    };
    for (key, value) in options {
        match key.to_ascii_lowercase().as_str() {
            "ignorenullfields" if value.eq_ignore_ascii_case("true") => nulls = false,
            "ignorenullfields" if value.eq_ignore_ascii_case("false") => nulls = true,
            "dateformat" => patterns[0] = value,
            "timestampformat" => patterns[1] = value,
            "timestampntzformat" => patterns[2] = value,
            "pretty" if value.eq_ignore_ascii_case("false") => {}
            _ => return Err(Error::unsupported(format!("the option {key}={value} of to_json"))),
        }
    }
    let writing = Writing { zone: InZone(call.ctx.time_zone.into()), patterns, nulls };
    // Checked here for its errors: a pattern that does not fit must fail even if the query has no rows.
    writer_of(&writing)?.rules.check(&t)?;
    call.args.truncate(1);
    Ok(Kernel::new("to_json", DataType::Utf8, run).params(writing).call(call.args))
}

/// The options of a call, as parameters of the kernel.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Writing {
    zone: InZone,
    /// The patterns of dates, timestamps and timestamps without zone; an empty one is Spark's default.
    patterns: [String; 3],
    /// Whether null fields are written.
    nulls: bool,
}

fn writer_of(writing: &Writing) -> Result<JsonWriter> {
    let [date, timestamp, timestamp_ntz] =
        writing.patterns.each_ref().map(|p| (!p.is_empty()).then_some(p.as_str()));
    let rules = PrintRules::new(writing.zone.zone()?, date, timestamp, timestamp_ntz)?;
    Ok(JsonWriter { rules, skip_nulls: !writing.nulls })
}

fn run(b: &Batch) -> Result<ArrayRef> {
    let array = b.array(0)?;
    let writer = writer_of(b.params()?)?;
    b.build_text(|row| {
        // The only texts are those of a NULL without a type, which was cast above.
        if array.is_null(row) || array.data_type() == &DataType::Utf8 {
            return Ok(None);
        }
        let mut out = String::new();
        writer.value(&array, row, &mut out);
        Ok(Some(out))
    })
}
