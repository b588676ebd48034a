//! Implements `to_number`, `try_to_number`, `to_char` and `to_varchar`: numbers as texts of a format such as
//! `$9,999.99`.
//!
//! A format is a constant and is read while a call is bound. Dates and times are formatted by `date_format`, and
//! binaries by the function that the format names.

mod errors;
mod format;
mod read;
mod write;

use crate::binding::{Arg, BindContext, Bound};
use crate::coerce::constant_of;
use crate::errors::{bad_value_of, decimal_out_of_range, not_constant, unexpected_type};
use crate::kernel::{Batch, Kernel, Nulls};
use crate::registry::{Call, Display, Entry, bind_scalar};
use crate::types::{is_datetime, is_decimal, is_numeric, is_string};
use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Decimal128Type};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use errors::{format_not_constant, mismatch};
use format::NumberFormat;
use thalweg_common::{ErrorKind, Result};
use thalweg_values::errors::decimal_precision;
use thalweg_values::types::{exact_digits, sql_name};

pub(super) const ENTRIES: &[Entry] = &[
    Entry::bind(&["to_number"], 2, 2, |c| to_number(c, false)).doc(
        "text, format",
        "Reads a text as a number by a format of `0`, `9`, `.`, `,`, `$`, `S`, `MI` and `PR`.",
        &["SELECT to_number('$1,234.50', '$9,999.99')"],
    ),
    Entry::bind(&["try_to_number"], 2, 2, |c| to_number(c, true)).doc(
        "text, format",
        "Works like `to_number`, but returns null for a text that does not match the format.",
        &["SELECT try_to_number('12-', '99MI'), try_to_number('x', '99')"],
    ),
    Entry::bind(&["to_char", "to_varchar"], 2, 2, to_char)
        .display(Display::names(&[("to_varchar", "to_char")]))
        .doc(
            "value, format",
            "Formats a number, a date or a time, or writes a binary as 'base64', 'hex' or 'utf-8'.",
            &[
                "SELECT to_char(-1234.5, 'S999,999.00')",
                "SELECT to_char(DATE '2024-02-29', 'd MMM yyyy') AS text",
            ],
        ),
];

/// The digits before and after the point that Spark gives a decimal without a size.
const DEFAULT_DECIMAL: DataType = DataType::Decimal128(10, 0);

/// The constant text of argument `i`, which is cast to a text; none if it is null.
fn constant_text(call: &mut Call, i: usize) -> Result<Option<String>> {
    call.coerce(i, &DataType::Utf8)?;
    let refused = || not_constant(call.name, "format", "STRING");
    match call.args.get(i).and_then(constant_of).ok_or_else(refused)? {
        ScalarValue::Utf8(text) => Ok(text),
        _ => Err(refused()),
    }
}

fn to_number(mut call: Call, tries: bool) -> Result<Bound> {
    call.coerce(0, &DataType::Utf8)?;
    let Some(text) = constant_text(&mut call, 1)? else { return null_of(DEFAULT_DECIMAL) };
    let format = NumberFormat::parse(&text)?;
    let (precision, scale) = format.size();
    let returns = match (u8::try_from(precision), i8::try_from(scale)) {
        (Ok(precision @ 1..=38), Ok(scale)) => DataType::Decimal128(precision, scale),
        _ => return Err(decimal_precision(ErrorKind::Arithmetic, precision)),
    };
    call.args.truncate(1);
    let (name, nulls) = if tries { ("try_to_number", Nulls::Always) } else { ("to_number", Nulls::Args) };
    let kernel = Kernel::new(name, returns, read_all).params(Reading { format, tries });
    Ok(kernel.nulls(nulls).fallible(true).call(call.args))
}

/// How texts are read.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Reading {
    format: NumberFormat,
    /// Whether a text that does not match is null.
    tries: bool,
}

fn read_all(b: &Batch) -> Result<ArrayRef> {
    let (texts, reading) = (b.strings(0)?, b.params::<Reading>()?);
    let Reading { format, tries } = reading;
    let (precision, scale) = match b.returns {
        DataType::Decimal128(precision, scale) => (*precision, *scale),
        _ => (38, 0),
    };
    let limit = 10_i128.checked_pow(u32::from(precision)).unwrap_or(i128::MAX);
    b.build::<Decimal128Type>(|row| {
        let Some(text) = texts.get(row) else { return Ok(None) };
        match format.read(text) {
            Some(value) if value.abs() < limit => Ok(Some(value)),
            Some(_) => Err(decimal_out_of_range(text.trim(), precision, scale)),
            None if *tries => Ok(None),
            None => Err(mismatch(format.text(), text)),
        }
    })
}

/// A null of a type, which no row changes.
fn null_of(data_type: DataType) -> Result<Bound> {
    let value = ScalarValue::try_from(&data_type).map_err(crate::errors::from_datafusion)?;
    Ok(Bound { expr: Expr::Literal(value, None), data_type, nullable: true, fallible: false })
}

fn to_char(mut call: Call) -> Result<Bound> {
    match call.type_of(0) {
        t if is_datetime(&t) => {
            call.coerce(1, &DataType::Utf8)?;
            bind_scalar("date_format", call.args, call.ctx)
        }
        DataType::Binary => of_binary(call),
        t if is_numeric(&t) || is_string(&t) || t == DataType::Null => of_number(call),
        t => Err(unexpected_type(call.name, 0, "DECIMAL", &t)),
    }
}

/// A binary by the function that the format names.
fn of_binary(call: Call) -> Result<Bound> {
    let (name, ctx) = (call.name, call.ctx);
    let [value, format] = call.take()?;
    let text = match constant_of(&format) {
        Some(ScalarValue::Utf8(Some(text))) => text,
        _ => return Err(format_not_constant(name, &format.data_type)),
    };
    match text.to_lowercase().as_str() {
        "base64" => bind_scalar("base64", vec![value], ctx),
        "hex" => bind_scalar("hex", vec![value], ctx),
        "utf-8" => bind_scalar("decode", vec![value, format], ctx),
        _ => {
            let expected = "one of binary formats 'base64', 'hex', 'utf-8'";
            let value = format!("'{text}'");
            Err(bad_value_of("INVALID_PARAMETER_VALUE.BINARY_FORMAT", [name, "format"], expected, &value))
        }
    }
}

fn of_number(mut call: Call) -> Result<Bound> {
    let Some(text) = constant_text(&mut call, 1)? else { return null_of(DataType::Utf8) };
    let format = NumberFormat::parse(&text)?;
    let ctx = call.ctx;
    let [value, _] = call.take()?;
    let value = as_decimal(value, ctx)?;
    // A number that does not fit is written as `#`, so no row can fail.
    let kernel = Kernel::new("to_char", DataType::Utf8, write_all).params(format);
    Ok(kernel.call(vec![value]))
}

/// The decimal that Spark takes a number or a text for.
fn as_decimal(value: Arg, ctx: &BindContext) -> Result<Arg> {
    let to = match &value.data_type {
        t if is_decimal(t) => return Ok(value),
        // These are the sizes of Spark's `DecimalType.forType`, and for a text its `SYSTEM_DEFAULT`.
        DataType::Float32 => DataType::Decimal128(14, 7),
        DataType::Float64 => DataType::Decimal128(30, 15),
        DataType::Utf8 => DataType::Decimal128(38, 18),
        t => match exact_digits(t) {
            Some((precision, scale)) => crate::types::decimal_bounded(precision, scale),
            None => DEFAULT_DECIMAL,
        },
    };
    crate::coerce::to_type(value, &to, ctx)
}

fn write_all(b: &Batch) -> Result<ArrayRef> {
    let (values, format) = (b.prims::<Decimal128Type>(0)?, b.params::<NumberFormat>()?);
    let scale = match b.type_of(0)? {
        DataType::Decimal128(_, scale) => usize::try_from(scale).unwrap_or(0),
        other => return Err(unexpected_type("to_char", 0, "DECIMAL", &other)),
    };
    b.build_text(|row| Ok(values.get(row).map(|value| format.write(value, scale))))
}

/// The name of a type in an error.
fn quoted(data_type: &DataType) -> String {
    format!("\"{}\"", sql_name(data_type))
}
