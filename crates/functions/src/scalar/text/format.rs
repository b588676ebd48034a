//! Formats values: `format_string`, `printf`, `format_number`.

use super::formatter::{format_row, grouped};
use crate::CastMode;
use crate::binding::Bound;
use crate::cast::{Rules, cast_array};
use crate::kernel::{Batch, Kernel, Nulls};
use crate::params::InZone;
use crate::registry::{Call, Entry, Intervals, MANY};
use crate::types::{is_decimal, is_integral};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int32Type};
use thalweg_common::{Error, Result};
use thalweg_values::display::{Printer, Style};
use thalweg_values::zone::Zone;

pub(super) const ENTRIES: &[Entry] = &[
    Entry::bind(&["format_string", "printf"], 1, MANY, format_string).intervals(Intervals::Texts).doc(
        "format[, value, ...]",
        "Formats values as Java's `String.format` does.",
        &["SELECT format_string('%s has %d', 'a', 3)"],
    ),
    Entry::bind(&["format_number"], 2, 2, format_number).doc(
        "number, format",
        "Formats a number with the given number of digits after the decimal point, or by a pattern.",
        &["SELECT format_number(12345.678, 2)"],
    ),
];

fn format_string(mut call: Call) -> Result<Bound> {
    call.coerce(0, &DataType::Utf8)?;
    let nulls = if call.nullable(0) { Nulls::Always } else { Nulls::Never };
    let kernel = Kernel::new("format_string", DataType::Utf8, formatted).fallible(true).nulls(nulls);
    Ok(kernel.params(InZone(call.ctx.time_zone.into())).call(call.args))
}

fn formatted(b: &Batch) -> Result<ArrayRef> {
    let format = b.strings(0)?;
    let args = (1..b.len()).map(|i| b.array(i)).collect::<Result<Vec<_>>>()?;
    let printer = Printer::new(Style::Cast, &b.params::<InZone>()?.0);
    b.build_text(|row| match format.get(row) {
        None => Ok(None),
        Some(format) => format_row(format, &args, row, &printer).map(Some),
    })
}

/// Binds `format_number(x, places)`: groups of three digits, rounded half to even as by Java's `DecimalFormat`.
/// Negative places give null.
fn format_number(mut call: Call) -> Result<Bound> {
    if call.type_of(1) == DataType::Utf8 {
        return Err(Error::unsupported("a pattern as the format of format_number"));
    }
    call.coerce(1, &DataType::Int32)?;
    let t = call.type_of(0);
    if !is_integral(&t) && !is_decimal(&t) {
        call.coerce(0, &DataType::Float64)?;
    }
    Ok(Kernel::new("format_number", DataType::Utf8, with_commas).nulls(Nulls::Always).call(call.args))
}

fn with_commas(b: &Batch) -> Result<ArrayRef> {
    let (value, places) = (b.array(0)?, b.prims::<Int32Type>(1)?);
    let value = match value.data_type() {
        t if is_integral(t) => {
            let rules = Rules { mode: CastMode::Ansi, zone: Zone::Fixed(0), now_micros: None };
            // Every integer fits into 20 digits, so one code serves integers and decimals.
            cast_array(&value, &DataType::Decimal128(20, 0), rules)?
        }
        _ => value,
    };
    b.build_text(|i| {
        let Some(places) = places.get(i).and_then(|p| usize::try_from(p).ok()).filter(|_| value.is_valid(i))
        else {
            return Ok(None);
        };
        let text = match value.data_type() {
            DataType::Decimal128(_, scale) => {
                half_even(value.as_primitive::<Decimal128Type>().value(i), *scale as usize, places)
            }
            _ => plain_double(value.as_primitive::<Float64Type>().value(i), places),
        };
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => ("-", digits),
            None => ("", text.as_str()),
        };
        Ok(Some(format!("{sign}{}", grouped(digits))))
    })
}

fn plain_double(value: f64, places: usize) -> String {
    match (value.is_nan(), value.is_infinite()) {
        (true, _) => "NaN".into(),
        (_, true) if value > 0.0 => "\u{221e}".into(),
        (_, true) => "-\u{221e}".into(),
        // Rust rounds halves to even, as `DecimalFormat` does.
        _ => format!("{value:.places$}"),
    }
}

/// Formats a decimal with a number of places, rounded half to even.
fn half_even(value: i128, scale: usize, places: usize) -> String {
    let mut text = String::new();
    if places >= scale {
        thalweg_values::display::write_decimal(&mut text, value, scale as i8);
        if scale == 0 && places > 0 {
            text.push('.');
        }
        text.push_str(&"0".repeat(places - scale));
        return text;
    }
    let unit = crate::cast::pow10((scale - places) as i8);
    let (quotient, rest) = (value / unit, (value % unit).abs());
    let up = rest * 2 > unit || (rest * 2 == unit && quotient % 2 != 0);
    let rounded = quotient + if up { value.signum() } else { 0 };
    thalweg_values::display::write_decimal(&mut text, rounded, places as i8);
    text
}
