//! Formats values as `java.util.Formatter` does, for `format_string`.
//!
//! Every conversion gives Java's text, or is refused with an error that names it: those that Java refuses too, and those
//! of dates (`%t`) and hash codes (`%h`), which depend on Java's classes.

mod conversion;
mod floating;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type};
use conversion::{ArgumentPlace, Conversion, ConversionKind, Part, Refused};
use floating::Magnitude;
use thalweg_common::Result;
use thalweg_values::display::{Printer, write_decimal_with_exponent};
use thalweg_values::types::sql_name;

/// Formats one row of the arguments.
pub(super) fn format_row(format: &str, args: &[ArrayRef], row: usize, printer: &Printer) -> Result<String> {
    formatted(format, args, row, printer).map_err(|refused| {
        crate::errors::bad_value("format_string", "strfmt", &refused.expected, &refused.found)
    })
}

fn formatted(format: &str, args: &[ArrayRef], row: usize, printer: &Printer) -> Result<String, Refused> {
    let mut out = String::new();
    // Explicit indexes do not change which argument the next conversion without one takes.
    let (mut next, mut last) = (0, None);
    for part in conversion::parse(format)? {
        let conversion = match part {
            Part::Text(text) => {
                out.push_str(text);
                continue;
            }
            Part::Conversion(conversion) => conversion,
        };
        match conversion.kind {
            ConversionKind::Percent => out.push_str(&conversion.justified("%".to_owned())),
            ConversionKind::LineEnd => out.push('\n'),
            _ => {
                let place = match conversion.place {
                    ArgumentPlace::At(at) => Some(at),
                    ArgumentPlace::Same => last,
                    ArgumentPlace::Next => {
                        next += 1;
                        Some(next - 1)
                    }
                };
                last = place;
                let missing = || Refused::new("an argument for each conversion", conversion.shown);
                let arg = place.and_then(|place| args.get(place)).ok_or_else(missing)?;
                out.push_str(&conversion.formatted(arg, row, printer)?);
            }
        }
    }
    Ok(out)
}

/// An integer, and the bits that its type has.
struct Integer {
    value: i64,
    bits: u32,
}

impl Conversion<'_> {
    /// Formats an argument.
    fn formatted(&self, arg: &ArrayRef, row: usize, printer: &Printer) -> Result<String, Refused> {
        let is_null = arg.is_null(row) || arg.data_type() == &DataType::Null;
        match self.kind {
            ConversionKind::Boolean => Ok(self.text(match arg.data_type() {
                _ if is_null => "false".to_owned(),
                DataType::Boolean => arg.as_boolean().value(row).to_string(),
                _ => "true".to_owned(),
            })),
            _ if is_null => Ok(self.text("null".to_owned())),
            ConversionKind::Text | ConversionKind::Percent | ConversionKind::LineEnd => {
                Ok(self.text(match arg.data_type() {
                    DataType::Decimal128(_, scale) => {
                        let mut text = String::new();
                        write_decimal_with_exponent(
                            &mut text,
                            arg.as_primitive::<Decimal128Type>().value(row),
                            *scale,
                        );
                        text
                    }
                    _ => printer.print(arg.as_ref(), row),
                }))
            }
            ConversionKind::Character => self.character(arg, row),
            ConversionKind::Decimal => {
                let value = self.integer(arg, row)?.value;
                let digits = value.unsigned_abs().to_string();
                Ok(self.number(value < 0, &Magnitude { digits, exponent: String::new() }))
            }
            ConversionKind::Octal => Ok(self.bits(&format!("{:o}", self.unsigned(arg, row)?), "0")),
            ConversionKind::Hexadecimal => Ok(self.bits(&format!("{:x}", self.unsigned(arg, row)?), "0x")),
            ConversionKind::Scientific => self.floating(arg, row, floating::scientific),
            ConversionKind::Fixed => self.floating(arg, row, floating::fixed),
            ConversionKind::General => self.floating(arg, row, floating::general),
            ConversionKind::HexadecimalFloat => self.floating(arg, row, floating::hexadecimal),
        }
    }

    /// Cuts a text to the precision and pads it to the width, both in UTF-16 as Java's.
    fn text(&self, text: String) -> String {
        let Some(precision) = self.precision else { return self.justified(text) };
        let mut units = 0;
        let fits = |c: &char| {
            units += c.len_utf16();
            units <= precision
        };
        let cut = text.chars().take_while(fits).collect();
        self.justified(cut)
    }

    /// Makes capitals if the letter of the conversion is one, and pads with blanks to the width.
    fn justified(&self, text: String) -> String {
        let text = if self.upper { text.to_uppercase() } else { text };
        let missing = self.width.unwrap_or(0).saturating_sub(text.encode_utf16().count());
        match self.has('-') {
            true => text + &" ".repeat(missing),
            false => " ".repeat(missing) + &text,
        }
    }

    /// Adds the sign, commas and zeros of a number.
    fn number(&self, negative: bool, magnitude: &Magnitude) -> String {
        let mut digits = if self.has(',') { grouped(&magnitude.digits) } else { magnitude.digits.clone() };
        if self.has('#') && !digits.contains('.') {
            digits.push('.');
        }
        let (before, after) = self.signs(negative);
        let prefix = if self.kind == ConversionKind::HexadecimalFloat { "0x" } else { "" };
        let exponent = magnitude.exponent.as_str();
        let size = before.len() + prefix.len() + digits.len() + exponent.len() + after.len();
        let zeros = "0".repeat(self.zeros(size));
        self.justified(format!("{before}{prefix}{zeros}{digits}{exponent}{after}"))
    }

    /// What stands before and after a number to show its sign.
    fn signs(&self, negative: bool) -> (&'static str, &'static str) {
        match negative {
            true if self.has('(') => ("(", ")"),
            true => ("-", ""),
            false if self.has('+') => ("+", ""),
            false if self.has(' ') => (" ", ""),
            false => ("", ""),
        }
    }

    /// Adds the prefix and the zeros of bits that are shown as digits.
    fn bits(&self, digits: &str, prefix: &str) -> String {
        let prefix = if self.has('#') { prefix } else { "" };
        let zeros = "0".repeat(self.zeros(prefix.len() + digits.len()));
        self.justified(format!("{prefix}{zeros}{digits}"))
    }

    /// The zeros that are missing to the width.
    fn zeros(&self, size: usize) -> usize {
        if self.has('0') { self.width.unwrap_or(0).saturating_sub(size) } else { 0 }
    }

    fn character(&self, arg: &ArrayRef, row: usize) -> Result<String, Refused> {
        let Integer { value, bits } = self.integer(arg, row)?;
        if bits > i32::BITS {
            return Err(self.of_type("an INT", arg));
        }
        let found =
            || Refused::new(format!("the number of a character for {}", self.shown), value.to_string());
        let c = u32::try_from(value).ok().and_then(char::from_u32).ok_or_else(found)?;
        Ok(self.justified(c.to_string()))
    }

    fn integer(&self, arg: &ArrayRef, row: usize) -> Result<Integer, Refused> {
        let bits = match arg.data_type() {
            DataType::Int8 => i8::BITS,
            DataType::Int16 => i16::BITS,
            DataType::Int32 => i32::BITS,
            DataType::Int64 => i64::BITS,
            _ => return Err(self.of_type("an integer", arg)),
        };
        // One row at a time: each row may have another format.
        let wide = arrow::compute::cast(&arg.slice(row, 1), &DataType::Int64);
        let value = wide.map(|wide| wide.as_primitive::<Int64Type>().value(0));
        Ok(Integer { value: value.map_err(|_| self.of_type("an integer", arg))?, bits })
    }

    /// Returns the two's complement in the bits of the argument's type: -1 as an INT has 32 of them.
    fn unsigned(&self, arg: &ArrayRef, row: usize) -> Result<u64, Refused> {
        let Integer { value, bits } = self.integer(arg, row)?;
        Ok(value.cast_unsigned() & (u64::MAX >> (u64::BITS - bits)))
    }

    fn floating(
        &self,
        arg: &ArrayRef,
        row: usize,
        digits: fn(f64, Option<usize>) -> Magnitude,
    ) -> Result<String, Refused> {
        if !matches!(arg.data_type(), DataType::Float32 | DataType::Float64) {
            return Err(self.of_type("a DOUBLE", arg));
        }
        let wide = arrow::compute::cast(&arg.slice(row, 1), &DataType::Float64);
        let value = wide.map(|wide| wide.as_primitive::<Float64Type>().value(0));
        let value = value.map_err(|_| self.of_type("a DOUBLE", arg))?;
        if value.is_nan() {
            return Ok(self.justified("NaN".to_owned()));
        }
        if value.is_infinite() {
            let (before, after) = self.signs(value < 0.0);
            return Ok(self.justified(format!("{before}Infinity{after}")));
        }
        Ok(self.number(value.is_sign_negative(), &digits(value.abs(), self.precision)))
    }

    /// The refusal of an argument's type.
    fn of_type(&self, expected: &str, arg: &ArrayRef) -> Refused {
        let found = sql_name(arg.data_type());
        Refused::new(format!("{expected} for {}, to which the argument can be cast", self.shown), found)
    }
}

/// Inserts commas between groups of three digits before the point.
pub(super) fn grouped(digits: &str) -> String {
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
