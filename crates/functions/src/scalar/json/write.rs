//! `to_json(value [, options])`: structs, arrays and maps as JSON texts.
//!
//! A field of a struct that is null is left out, unless `ignoreNullFields` is false; nulls in arrays and maps are
//! written. Timestamps are in the session's zone, to the millisecond. An option that is not known is refused.

use super::read::options_of;
use crate::binding::Bound;
use crate::errors::no_json_type;
use crate::kernel::{Batch, Kernel, Setting};
use crate::registry::{Call, Entry};
use ::arrow::array::{Array, ArrayRef};
use ::arrow::datatypes::DataType;
use thalweg_common::{Error, Result};
use thalweg_values::json::{JsonWriter, can_write};
use thalweg_values::print::PrintRules;
use thalweg_values::types::sql_name;
use thalweg_values::zone::Zone;

pub(super) const ENTRIES: &[Entry] = &[Entry::bind(&["to_json"], 1, 2, to_json)];

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
    let pattern = patterns.join("\n").into();
    let setting = Setting { text: call.ctx.time_zone.into(), pattern, numbers: [i64::from(nulls), 0, 0] };
    writer_of(&setting)?.rules.check(&t)?;
    call.args.truncate(1);
    Ok(Kernel::new("to_json", DataType::Utf8, run).setting(setting).call(call.args))
}

/// The patterns of a setting stand on a line each; an empty one is Spark's own.
fn writer_of(setting: &Setting) -> Result<JsonWriter> {
    let mut patterns = setting.pattern.splitn(3, '\n').map(|p| (!p.is_empty()).then_some(p));
    let mut next = || patterns.next().flatten();
    let rules = PrintRules::new(Zone::named(&setting.text)?, next(), next(), next())?;
    Ok(JsonWriter { rules, skip_nulls: setting.numbers[0] == 0 })
}

fn run(b: &Batch) -> Result<ArrayRef> {
    let array = b.array(0)?;
    let writer = writer_of(b.setting)?;
    b.build_text(|row| {
        if array.is_null(row) || array.data_type() == &DataType::Utf8 {
            return Ok(None);
        }
        let mut out = String::new();
        writer.value(&array, row, &mut out);
        Ok(Some(out))
    })
}
