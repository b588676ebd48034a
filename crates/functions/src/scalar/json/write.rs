//! `to_json(value [, options])`: structs, arrays and maps as JSON texts.
//!
//! A field of a struct that is null is left out, unless `ignoreNullFields` is false; nulls in arrays and maps are
//! written. Timestamps are in the session's zone, to the millisecond. An option that is not known is refused.

use super::read::options_of;
use super::tree::quote;
use crate::binding::Bound;
use crate::display::{Printer, Style};
use crate::errors::no_json_type;
use crate::kernel::{Batch, Kernel};
use crate::params::InZone;
use crate::registry::{Call, Entry, Intervals};
use crate::scalar::text::to_base64;
use crate::time::civil::DAY;
use crate::time::pattern::Pattern;
use crate::time::zone::Zone;
use crate::types::map_types;
use ::arrow::array::{Array, ArrayRef, AsArray};
use ::arrow::datatypes::{DataType, Date32Type, TimestampMicrosecondType};
use thalweg_common::{Error, Result};

pub(super) const ENTRIES: &[Entry] =
    &[Entry::bind(&["to_json"], 1, 2, to_json).intervals(Intervals::Texts).doc(
        "value[, options]",
        "Writes a struct, map or array as JSON.",
        &["SELECT to_json(named_struct('a', 1, 'b', array(2, 3)))"],
    )];

const TIMESTAMPS: &str = "yyyy-MM-dd'T'HH:mm:ss.SSSXXX";
const TIMESTAMPS_NTZ: &str = "yyyy-MM-dd'T'HH:mm:ss.SSS";
const DATES: &str = "yyyy-MM-dd";

fn to_json(mut call: Call) -> Result<Bound> {
    let t = call.type_of(0);
    if t == DataType::Null {
        call.coerce(0, &DataType::Utf8)?;
    } else if !matches!(t, DataType::Struct(_) | DataType::List(_) | DataType::Map(..)) {
        return Err(no_json_type("to_json", &t));
    }
    check_type(&t)?;
    let (mut date, mut time, mut nulls) = (DATES.to_owned(), TIMESTAMPS.to_owned(), false);
    let options = match call.args.get(1) {
        Some(arg) => options_of("to_json", arg)?,
        None => vec![],
    };
    for (key, value) in options {
        match key.to_ascii_lowercase().as_str() {
            "ignorenullfields" if value.eq_ignore_ascii_case("true") => nulls = false,
            "ignorenullfields" if value.eq_ignore_ascii_case("false") => nulls = true,
            "dateformat" => date = value,
            "timestampformat" => time = value,
            "pretty" if value.eq_ignore_ascii_case("false") => {}
            _ => return Err(Error::unsupported(format!("the option {key}={value} of to_json"))),
        }
    }
    for pattern in [&date, &time] {
        Pattern::read(pattern)?;
    }
    let writing = Writing { zone: InZone(call.ctx.time_zone.into()), date, time, nulls };
    call.args.truncate(1);
    Ok(Kernel::new("to_json", DataType::Utf8, run).params(writing).call(call.args))
}

/// The options of a call.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Writing {
    zone: InZone,
    date: String,
    time: String,
    /// Whether fields that are null are written.
    nulls: bool,
}

/// Refuses types that have no JSON text here.
fn check_type(t: &DataType) -> Result<()> {
    match t {
        DataType::List(element) => check_type(element.data_type()),
        DataType::Struct(fields) => fields.iter().try_for_each(|f| check_type(f.data_type())),
        DataType::Map(entries, _) => check_type(map_types(entries).1),
        DataType::Duration(_) | DataType::Interval(_) => {
            Err(Error::unsupported(format!("to_json of {}", crate::types::sql_name(t))))
        }
        _ => Ok(()),
    }
}

fn run(b: &Batch) -> Result<ArrayRef> {
    let array = b.array(0)?;
    let writer = Writer::of(b.params()?)?;
    b.build_text(|row| {
        if array.is_null(row) || array.data_type() == &DataType::Utf8 {
            return Ok(None);
        }
        let mut out = String::new();
        writer.value(&array, row, &mut out)?;
        Ok(Some(out))
    })
}

struct Writer {
    zone: Zone,
    printer: Printer,
    date: Pattern,
    time: Pattern,
    time_ntz: Pattern,
    /// Whether fields that are null are written.
    nulls: bool,
}

impl Writer {
    fn of(writing: &Writing) -> Result<Self> {
        let Writing { zone, date, time, nulls } = writing;
        let zone = zone.zone()?;
        Ok(Self {
            zone,
            printer: Printer::in_zone(Style::Cast, zone),
            date: Pattern::read(date)?,
            time: Pattern::read(time)?,
            time_ntz: Pattern::read(TIMESTAMPS_NTZ)?,
            nulls: *nulls,
        })
    }

    fn value(&self, array: &ArrayRef, row: usize, out: &mut String) -> Result<()> {
        if array.is_null(row) || array.data_type() == &DataType::Null {
            out.push_str("null");
            return Ok(());
        }
        match array.data_type() {
            DataType::Struct(_) => self.object(array, row, out),
            DataType::List(_) => {
                let values = array.as_list::<i32>().value(row);
                out.push('[');
                for i in 0..values.len() {
                    out.push_str(if i == 0 { "" } else { "," });
                    self.value(&values, i, out)?;
                }
                out.push(']');
                Ok(())
            }
            DataType::Map(..) => self.map(array, row, out),
            _ => self.scalar(array, row, out),
        }
    }

    fn object(&self, array: &ArrayRef, row: usize, out: &mut String) -> Result<()> {
        let of = array.as_struct();
        out.push('{');
        let mut separator = "";
        for (field, column) in of.fields().iter().zip(of.columns()) {
            if !self.nulls && (column.is_null(row) || column.data_type() == &DataType::Null) {
                continue;
            }
            out.push_str(separator);
            separator = ",";
            quote(field.name(), out);
            out.push(':');
            self.value(column, row, out)?;
        }
        out.push('}');
        Ok(())
    }

    fn map(&self, array: &ArrayRef, row: usize, out: &mut String) -> Result<()> {
        let entries = array.as_map().value(row);
        let [keys, values] = entries.columns() else { return Err(Error::internal("a map has entries")) };
        out.push('{');
        for i in 0..entries.len() {
            out.push_str(if i == 0 { "" } else { "," });
            quote(&self.printer.print(keys.as_ref(), i), out);
            out.push(':');
            self.value(values, i, out)?;
        }
        out.push('}');
        Ok(())
    }

    fn scalar(&self, array: &ArrayRef, row: usize, out: &mut String) -> Result<()> {
        match array.data_type() {
            DataType::Utf8 => quote(array.as_string::<i32>().value(row), out),
            DataType::Binary => quote(&to_base64(array.as_binary::<i32>().value(row)), out),
            DataType::Date32 => {
                let local = i64::from(array.as_primitive::<Date32Type>().value(row)) * DAY;
                quote(&self.date.format(local, local, Zone::Fixed(0))?, out);
            }
            DataType::Timestamp(_, Some(_)) => {
                let instant = array.as_primitive::<TimestampMicrosecondType>().value(row);
                quote(&self.time.format(self.zone.to_local(instant), instant, self.zone)?, out);
            }
            DataType::Timestamp(_, None) => {
                let local = array.as_primitive::<TimestampMicrosecondType>().value(row);
                quote(&self.time_ntz.format(local, local, Zone::Fixed(0))?, out);
            }
            DataType::Float32 | DataType::Float64 => {
                let text = self.printer.print(array.as_ref(), row);
                // What is no number in JSON is a text.
                if text.ends_with(|c: char| c.is_ascii_digit()) {
                    out.push_str(&text)
                } else {
                    quote(&text, out)
                }
            }
            _ => self.printer.write(out, array.as_ref(), row),
        }
        Ok(())
    }
}
