//! Formats values: `format_string`, `printf`, `format_number`.
//!
//! Supported conversions are `%s %d %x %X %o %f %e %c %b %n %%` of `java.util.Formatter` with their common flags;
//! others are refused.

use crate::CastMode;
use crate::binding::Bound;
use crate::cast::{Rules, cast_array};
use crate::errors::bad_value;
use crate::kernel::{Batch, Kernel, Nulls};
use crate::params::InZone;
use crate::registry::{Call, Entry, Intervals, MANY};
use crate::types::{is_decimal, is_float, is_integral};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int32Type, Int64Type};
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
        "Formats a number with so many digits after the point, or by a pattern.",
        &["SELECT format_number(12345.678, 2)"],
    ),
];

fn format_string(mut call: Call) -> Result<Bound> {
    call.coerce(0, &DataType::Utf8)?;
    let nulls = if call.nullable(0) { Nulls::Always } else { Nulls::Never };
    let kernel = Kernel::new("format_string", DataType::Utf8, formatted).fallible(true).nulls(nulls);
    Ok(kernel.params(InZone(call.ctx.time_zone.into())).call(call.args))
}

/// One conversion of a format: `%[index$][flags][width][.precision]kind`.
#[derive(Debug, Default, Clone)]
struct Spec {
    place: Option<usize>,
    flags: String,
    width: usize,
    precision: Option<usize>,
    kind: char,
}

impl Spec {
    fn read(rest: &mut std::iter::Peekable<std::str::Chars>) -> Option<Self> {
        let mut spec = Spec::default();
        let digits = |rest: &mut std::iter::Peekable<std::str::Chars>| {
            let mut text = String::new();
            while let Some(c) = rest.next_if(char::is_ascii_digit) {
                text.push(c);
            }
            text
        };
        while let Some(c) = rest.next_if(|c| "-0+, (#".contains(*c)) {
            spec.flags.push(c);
        }
        let number = digits(rest);
        if rest.next_if_eq(&'$').is_some() {
            // Digits are the width, unless `$` follows: then they are the index of the argument, and flags
            // and width come after.
            spec.place = number.parse().ok();
            while let Some(c) = rest.next_if(|c| "-0+, (#".contains(*c)) {
                spec.flags.push(c);
            }
            spec.width = digits(rest).parse().unwrap_or(0);
        } else {
            spec.width = number.parse().unwrap_or(0);
        }
        if rest.next_if_eq(&'.').is_some() {
            spec.precision = Some(digits(rest).parse().ok()?);
        }
        spec.kind = rest.next()?;
        Some(spec)
    }
    fn has(&self, flag: char) -> bool {
        self.flags.contains(flag)
    }
    /// Pads to the width. Zeros are inserted between the sign and the digits.
    fn padded(&self, text: String) -> String {
        let size = text.chars().count();
        if size >= self.width {
            return text;
        }
        let missing = self.width - size;
        if self.has('-') {
            return text + &" ".repeat(missing);
        }
        if !self.has('0') {
            return " ".repeat(missing) + &text;
        }
        let (sign, digits) = match text.strip_prefix(['-', '+']) {
            Some(digits) => text.split_at_checked(text.len() - digits.len()).unwrap_or(("", &text)),
            None => ("", text.as_str()),
        };
        format!("{sign}{}{digits}", "0".repeat(missing))
    }
    fn signed(&self, negative: bool, digits: String) -> String {
        let digits = if self.has(',') { grouped(&digits) } else { digits };
        match (negative, self.has('+'), self.has(' ')) {
            (true, ..) if self.has('(') => format!("({digits})"),
            (true, ..) => format!("-{digits}"),
            (false, true, _) => format!("+{digits}"),
            (false, _, true) => format!(" {digits}"),
            _ => digits,
        }
    }
}

/// Inserts commas between groups of three digits before the point.
fn grouped(digits: &str) -> String {
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(w, f)| (w, Some(f)));
    let mut out = String::new();
    for (i, c) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    match fraction {
        Some(f) => format!("{out}.{f}"),
        None => out,
    }
}

fn formatted(b: &Batch) -> Result<ArrayRef> {
    let format = b.strings(0)?;
    let args = (1..b.len()).map(|i| b.array(i)).collect::<Result<Vec<_>>>()?;
    let printer = Printer::new(Style::Cast, &b.params::<InZone>()?.0);
    b.build_text(|row| match format.get(row) {
        None => Ok(None),
        Some(format) => one_row(format, &args, row, &printer).map(Some),
    })
}

/// Formats one row; an error for a conversion that is not supported or has no argument of its kind.
fn one_row(format: &str, args: &[ArrayRef], row: usize, printer: &Printer) -> Result<String> {
    let refused = |what: &str| bad_value("format_string", "strfmt", "a format of Java's Formatter", what);
    let mut out = String::new();
    let mut rest = format.chars().peekable();
    let mut next = 0;
    while let Some(c) = rest.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let spec = Spec::read(&mut rest).ok_or_else(|| refused(format))?;
        match spec.kind {
            '%' => out.push_str(&spec.padded("%".into())),
            'n' => out.push('\n'),
            _ => {
                let place = match spec.place {
                    Some(place) => place.checked_sub(1).ok_or_else(|| refused(format))?,
                    None => {
                        next += 1;
                        next - 1
                    }
                };
                // Java counts explicit indexes and the running one separately.
                let arg = args.get(place).ok_or_else(|| refused(format))?;
                out.push_str(&converted(&spec, arg, row, printer).ok_or_else(|| refused(format))?);
            }
        }
    }
    Ok(out)
}

/// Formats one argument, or returns `None` if the conversion does not take its type.
fn converted(spec: &Spec, arg: &ArrayRef, row: usize, printer: &Printer) -> Option<String> {
    if arg.is_null(row) || arg.data_type() == &DataType::Null {
        let text = if spec.kind == 'b' { "false" } else { "null" };
        // Java pads `null` with spaces, even if the flags demand zeros.
        let plain = Spec { flags: spec.flags.replace('0', ""), ..spec.clone() };
        return Some(plain.padded(text.chars().take(spec.precision.unwrap_or(usize::MAX)).collect()));
    }
    let text = match spec.kind {
        's' | 'S' => {
            let text = printer.print(arg.as_ref(), row);
            let text: String = text.chars().take(spec.precision.unwrap_or(usize::MAX)).collect();
            if spec.kind == 'S' { text.to_uppercase() } else { text }
        }
        'd' => {
            let value = integral(arg, row)?;
            spec.signed(value < 0, value.unsigned_abs().to_string())
        }
        'x' => hexadecimal(arg, row)?,
        'X' => hexadecimal(arg, row)?.to_uppercase(),
        'o' => octal(arg, row)?,
        'c' => char::from_u32(u32::try_from(integral(arg, row)?).ok()?)?.to_string(),
        'b' => match arg.data_type() {
            DataType::Boolean => arg.as_boolean().value(row).to_string(),
            _ => "true".into(),
        },
        'f' => fixed(spec, arg, row)?,
        'e' => scientific(spec, arg, row)?,
        _ => return None,
    };
    Some(spec.padded(text))
}

fn integral(arg: &ArrayRef, row: usize) -> Option<i64> {
    if !is_integral(arg.data_type()) {
        return None;
    }
    // One row at a time: each row may have another format.
    let wide = arrow::compute::cast(&arg.slice(row, 1), &DataType::Int64).ok()?;
    Some(wide.as_primitive::<Int64Type>().value(0))
}

/// Formats the two's complement with the width of the argument's type: -1 as an INT has 8 digits.
fn hexadecimal(arg: &ArrayRef, row: usize) -> Option<String> {
    let value = integral(arg, row)?;
    Some(match arg.data_type() {
        DataType::Int8 => format!("{:x}", value as i8),
        DataType::Int16 => format!("{:x}", value as i16),
        DataType::Int32 => format!("{:x}", value as i32),
        _ => format!("{value:x}"),
    })
}

/// Formats the same with octal digits.
fn octal(arg: &ArrayRef, row: usize) -> Option<String> {
    let value = integral(arg, row)?;
    Some(match arg.data_type() {
        DataType::Int8 => format!("{:o}", value as i8),
        DataType::Int16 => format!("{:o}", value as i16),
        DataType::Int32 => format!("{:o}", value as i32),
        _ => format!("{value:o}"),
    })
}

/// Formats `%f` with six digits after the point by default.
fn fixed(spec: &Spec, arg: &ArrayRef, row: usize) -> Option<String> {
    let places = spec.precision.unwrap_or(6);
    if let DataType::Decimal128(_, scale) = arg.data_type() {
        let value = arg.as_primitive::<Decimal128Type>().value(row);
        let made = crate::cast::rescale(value, *scale, 38, i8::try_from(places).ok()?)?;
        let mut text = String::new();
        thalweg_values::display::write_decimal(&mut text, made.checked_abs()?, places as i8);
        return Some(spec.signed(value < 0, text));
    }
    let value = double(arg, row)?;
    if !value.is_finite() {
        // Rust writes `NaN` like Java, but `inf`.
        return Some(value.to_string().replace("inf", "Infinity"));
    }
    // Java rounds the shortest decimal text half up: `%.1f` of 2.25 is 2.3. Rust rounds the exact binary value.
    let mut shortest = String::new();
    thalweg_values::display::write_float(&mut shortest, value.abs(), thalweg_values::display::Width::Double);
    let made = thalweg_values::number::decimal(&shortest, 38, i8::try_from(places).ok()?)?;
    let mut text = String::new();
    thalweg_values::display::write_decimal(&mut text, made, places as i8);
    Some(spec.signed(value.is_sign_negative(), text))
}

/// Formats `%e` with at least two digits of the exponent.
fn scientific(spec: &Spec, arg: &ArrayRef, row: usize) -> Option<String> {
    let value = double(arg, row)?;
    if !value.is_finite() {
        return Some(value.to_string().replace("inf", "Infinity"));
    }
    let text = format!("{:.*e}", spec.precision.unwrap_or(6), value.abs());
    let (digits, exponent) = text.split_once('e')?;
    let exponent: i32 = exponent.parse().ok()?;
    let sign = if exponent < 0 { '-' } else { '+' };
    Some(spec.signed(value.is_sign_negative(), format!("{digits}e{sign}{:02}", exponent.abs())))
}

fn double(arg: &ArrayRef, row: usize) -> Option<f64> {
    if !is_float(arg.data_type()) {
        return None;
    }
    let wide = arrow::compute::cast(&arg.slice(row, 1), &DataType::Float64).ok()?;
    Some(wide.as_primitive::<Float64Type>().value(0))
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
