//! Implements `to_binary` and `try_to_binary`: texts as the bytes that their hexadecimal or Base64 digits stand for, or
//! in UTF-8.

use super::bytes::{from_base64, from_hex};
use crate::binding::Bound;
use crate::coerce::constant_of;
use crate::errors::not_constant;
use crate::kernel::{Batch, Kernel, Nulls};
use crate::registry::{Call, Entry};
use crate::scalar::is_java_white_space;
use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use thalweg_common::{Error, ErrorKind, Result};

pub(super) const ENTRIES: &[Entry] = &[
    Entry::bind(&["to_binary"], 1, 2, |c| to_binary(c, false)).doc(
        "text[, format]",
        "Converts a text to bytes by 'hex', the default, 'base64' or 'utf-8'.",
        &["SELECT hex(to_binary('YWJj', 'base64')), hex(to_binary('abc', 'utf-8'))"],
    ),
    Entry::bind(&["try_to_binary"], 1, 2, |c| to_binary(c, true)).doc(
        "text[, format]",
        "Works like `to_binary`, but returns null for a text that can't be converted.",
        &["SELECT try_to_binary('not hex')"],
    ),
];

/// What a text is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum BinaryFormat {
    Hex,
    Base64,
    Utf8,
    /// The format is null, and so is every result.
    Null,
}

impl BinaryFormat {
    fn named(name: &str) -> Option<Self> {
        match name.to_lowercase().as_str() {
            "hex" => Some(Self::Hex),
            "base64" => Some(Self::Base64),
            "utf-8" | "utf8" => Some(Self::Utf8),
            _ => None,
        }
    }

    fn bytes(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Hex => from_hex(text),
            Self::Base64 => from_base64_with_blanks(text),
            Self::Utf8 => Some(text.as_bytes().to_vec()),
            Self::Null => None,
        }
    }
}

/// Blanks between digits mean nothing; after the signs that fill up the last four there may be none.
fn from_base64_with_blanks(text: &str) -> Option<Vec<u8>> {
    let (digits, filling) = text.split_at(text.find('=').unwrap_or(text.len()));
    let digits = digits.chars().filter(|c| !is_java_white_space(*c));
    let body: String = digits.chain(filling.chars()).collect();
    if filling.bytes().all(|b| b == b'=') { from_base64(&body) } else { None }
}

/// How a call converts.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Conversion {
    format: BinaryFormat,
    tries: bool,
}

fn to_binary(mut call: Call, tries: bool) -> Result<Bound> {
    call.coerce(0, &DataType::Utf8)?;
    let format = if call.args.len() > 1 { format_of(&mut call, tries)? } else { BinaryFormat::Hex };
    call.args.truncate(1);
    let name = if tries { "try_to_binary" } else { "to_binary" };
    let nulls = if tries || format == BinaryFormat::Null { Nulls::Always } else { Nulls::Args };
    let kernel = Kernel::new(name, DataType::Binary, convert).params(Conversion { format, tries });
    Ok(kernel.nulls(nulls).fallible(!tries).call(call.args))
}

fn format_of(call: &mut Call, tries: bool) -> Result<BinaryFormat> {
    call.coerce(1, &DataType::Utf8)?;
    let refused = || not_constant(call.name, "fmt", "STRING");
    match call.args.get(1).and_then(constant_of).ok_or_else(refused)? {
        ScalarValue::Utf8(None) => Ok(BinaryFormat::Null),
        ScalarValue::Utf8(Some(name)) => match BinaryFormat::named(&name) {
            Some(format) => Ok(format),
            None if tries => Ok(BinaryFormat::Null),
            None => Err(no_format(call.name, &name)),
        },
        _ => Err(refused()),
    }
}

fn convert(b: &Batch) -> Result<ArrayRef> {
    let (texts, Conversion { format, tries }) = (b.strings(0)?, b.params()?);
    b.build_bytes(|row| {
        let Some(text) = texts.get(row).filter(|_| *format != BinaryFormat::Null) else { return Ok(None) };
        match format.bytes(text) {
            None if !tries => Err(malformed(text, *format)),
            found => Ok(found),
        }
    })
}

/// `[DATATYPE_MISMATCH.INVALID_ARG_VALUE]`.
fn no_format(function: &str, format: &str) -> Error {
    let required = "case-insensitive \"STRING\" literal of 'hex', 'utf-8', 'utf8', or 'base64'";
    // The words "must to be" are Spark's.
    let text = format!(
        "Cannot resolve \"{function}\" due to data type mismatch: The fmt value must to be a {required}, but got \
         '{format}'."
    );
    Error::new(ErrorKind::Analysis, "DATATYPE_MISMATCH.INVALID_ARG_VALUE", "42K09", text)
        .param("inputName", "fmt")
        .param("requireType", required)
        .param("inputValue", format!("'{format}'"))
}

/// `[CONVERSION_INVALID_INPUT]`.
fn malformed(text: &str, format: BinaryFormat) -> Error {
    // No text is malformed as UTF-8, so the format is one of these two.
    let format = if format == BinaryFormat::Hex { "'HEX'" } else { "'BASE64'" };
    let message = format!(
        "The value '{text}' ({format}) cannot be converted to \"BINARY\" because it is malformed. Correct the value \
         as per the syntax, or change its format. Use `try_to_binary` to tolerate malformed input and return NULL instead."
    );
    Error::new(ErrorKind::Runtime, "CONVERSION_INVALID_INPUT", "22018", message)
        .param("str", format!("'{text}'"))
        .param("fmt", format)
        .param("targetType", "\"BINARY\"")
        .param("suggestion", "`try_to_binary`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_converted_by_formats() {
        let cases: [(BinaryFormat, &str, Option<&[u8]>); 18] = [
            (BinaryFormat::Hex, "abc", Some(&[0x0A, 0xBC])),
            (BinaryFormat::Hex, "ab cd", None),
            (BinaryFormat::Hex, "", Some(&[])),
            (BinaryFormat::Utf8, "é", Some(&[0xC3, 0xA9])),
            (BinaryFormat::Base64, "YWJj ", Some(b"abc")),
            (BinaryFormat::Base64, "YW\u{2003}Jj", Some(b"abc")),
            (BinaryFormat::Base64, "YW\u{A0}Jj", None),
            (BinaryFormat::Base64, "YWJ", Some(b"ab")),
            (BinaryFormat::Base64, "YWJ=", Some(b"ab")),
            (BinaryFormat::Base64, "YWJj=", None),
            (BinaryFormat::Base64, "Y", None),
            (BinaryFormat::Base64, "YW= =", None),
            (BinaryFormat::Base64, "YW ==", Some(b"a")),
            (BinaryFormat::Base64, "YW==\n", None),
            (BinaryFormat::Base64, "====", None),
            (BinaryFormat::Base64, "YW==YW==", None),
            (BinaryFormat::Base64, "Y*Jj", None),
            (BinaryFormat::Base64, " ", Some(&[])),
        ];
        for (format, text, expect) in cases {
            assert_eq!(format.bytes(text).as_deref(), expect, "{text}");
        }
    }
}
