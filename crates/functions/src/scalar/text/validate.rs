//! Checks texts: `is_valid_utf8` and its relatives, and `luhn_check`.
//!
//! A STRING is always valid UTF-8 here, so only binaries can fail.

use crate::binding::Bound;
use crate::errors::invalid_utf8;
use crate::kernel::{Batch, Kernel, Nulls};
use crate::registry::{Call, Entry, Ty};
use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use std::str::from_utf8;
use thalweg_common::Result;

pub(super) const ENTRIES: &[Entry] = &[
    Entry::plain(&["luhn_check"], &[Ty::Text], Ty::Bool, |b| {
        let text = b.strings(0)?;
        b.build_bool(|i| Ok(text.get(i).map(passes_luhn)))
    })
    .doc(
        "digits",
        "Returns whether a number's digits pass the Luhn check.",
        &["SELECT luhn_check('79927398713')"],
    ),
    Entry::bind(&["is_valid_utf8"], 1, 1, |c| {
        of_bytes(c, Kernel::new("is_valid_utf8", DataType::Boolean, is_valid))
    })
    .doc("value", "Returns whether the bytes are valid UTF-8.", &["SELECT is_valid_utf8('abc')"]),
    Entry::bind(&["make_valid_utf8"], 1, 1, |c| {
        of_bytes(c, Kernel::new("make_valid_utf8", DataType::Utf8, make_valid))
    })
    .doc("value", "Replaces bytes that are not valid UTF-8.", &["SELECT make_valid_utf8('abc')"]),
    Entry::bind(&["validate_utf8"], 1, 1, |c| {
        of_bytes(c, Kernel::new("validate_utf8", DataType::Utf8, validate).fallible(true))
    })
    .doc(
        "value",
        "Returns the text, and raises an error if it is not valid UTF-8.",
        &["SELECT validate_utf8('abc')"],
    ),
    Entry::bind(&["try_validate_utf8"], 1, 1, |c| {
        of_bytes(c, Kernel::new("try_validate_utf8", DataType::Utf8, try_validate).nulls(Nulls::Always))
    })
    .doc(
        "value",
        "Returns the text, or null if it is not valid UTF-8.",
        &["SELECT try_validate_utf8(x'80')"],
    ),
];

/// Binds a function of a text or a binary, whose kernel gets bytes.
fn of_bytes(mut call: Call, kernel: Kernel) -> Result<Bound> {
    if call.type_of(0) != DataType::Binary {
        call.coerce(0, &DataType::Utf8)?;
        call.coerce(0, &DataType::Binary)?;
    }
    Ok(kernel.call(call.args))
}

fn is_valid(b: &Batch) -> Result<ArrayRef> {
    let bytes = b.bytes(0)?;
    b.build_bool(|i| Ok(bytes.get(i).map(|v| from_utf8(v).is_ok())))
}

/// Replaces invalid bytes by U+FFFD: as in Spark, one for each maximal prefix of a character.
fn make_valid(b: &Batch) -> Result<ArrayRef> {
    let bytes = b.bytes(0)?;
    b.build_text(|i| Ok(bytes.get(i).map(String::from_utf8_lossy)))
}

fn validate(b: &Batch) -> Result<ArrayRef> {
    let bytes = b.bytes(0)?;
    b.build_text(|i| bytes.get(i).map(|v| from_utf8(v).map_err(|_| invalid_utf8(v))).transpose())
}

fn try_validate(b: &Batch) -> Result<ArrayRef> {
    let bytes = b.bytes(0)?;
    b.build_text(|i| Ok(bytes.get(i).and_then(|v| from_utf8(v).ok())))
}

/// Returns whether a number passes the Luhn check: its digits, every second one from the right doubled, add up to a
/// multiple of ten.
fn passes_luhn(text: &str) -> bool {
    let mut sum = 0;
    for (place, byte) in text.bytes().rev().enumerate() {
        if !byte.is_ascii_digit() {
            return false;
        }
        let digit = u32::from(byte - b'0') * if place % 2 == 1 { 2 } else { 1 };
        // A doubled digit counts as the sum of its own digits. Reduced at each step, so that no length
        // overflows.
        sum = (sum + digit / 10 + digit % 10) % 10;
    }
    !text.is_empty() && sum == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_cards_end_with_their_digit() {
        let cases = [
            ("79927398713", true),
            ("79927398714", false),
            ("8112189876", true),
            ("0", true),
            ("", false),
            ("a1", false),
            ("7992 7398713", false),
        ];
        for (text, expect) in cases {
            assert_eq!(passes_luhn(text), expect, "{text}");
        }
    }
}
