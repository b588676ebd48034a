//! `mask(text [, upper [, lower [, digit [, other]]]])`: letters and digits made unreadable.
//!
//! A null replacement leaves its kind of character as it is; so does no replacement of other characters.

use crate::binding::{Arg, Bound};
use crate::coerce::constant_of;
use crate::errors::{bad_value, not_constant};
use crate::kernel::{Batch, Kernel, Setting};
use crate::registry::{Call, Defaults, Entry};
use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use thalweg_common::Result;

pub(super) const ENTRIES: &[Entry] = &[Entry::bind(&["mask"], 1, 5, mask)
    .doc(
        "text[, upper[, lower[, digit[, other]]]]",
        "Replaces letters and digits by characters that hide them.",
        &["SELECT mask('Ab-12')"],
    )
    .defaults(&[
        Defaults { given: 1, shown: &["X", "x", "n", "NULL"] },
        Defaults { given: 2, shown: &["x", "n", "NULL"] },
        Defaults { given: 3, shown: &["n", "NULL"] },
        Defaults { given: 4, shown: &["NULL"] },
    ])];

/// The replacements' names and what they are unless given; NUL stands for none.
const KINDS: [(&str, char); 4] =
    [("upperChar", 'X'), ("lowerChar", 'x'), ("digitChar", 'n'), ("otherChar", '\0')];

fn mask(mut call: Call) -> Result<Bound> {
    call.coerce(0, &DataType::Utf8)?;
    let mut replacements = String::new();
    for (i, (name, default)) in KINDS.iter().enumerate() {
        replacements.push(match call.args.get(i + 1) {
            None => *default,
            Some(arg) => replacement(name, arg)?,
        });
    }
    call.args.truncate(1);
    let kernel = Kernel::new("mask", DataType::Utf8, masked).setting(Setting::text(&replacements));
    Ok(kernel.call(call.args))
}

/// One character; NUL for null.
fn replacement(name: &str, arg: &Arg) -> Result<char> {
    let text = match constant_of(arg) {
        Some(ScalarValue::Utf8(Some(text))) => text,
        Some(value) if value.is_null() => return Ok('\0'),
        _ => return Err(not_constant("mask", name, "STRING")),
    };
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(one), None) => Ok(one),
        _ => Err(bad_value("mask", name, "a text of one character", &text)),
    }
}

fn masked(b: &Batch) -> Result<ArrayRef> {
    let texts = b.strings(0)?;
    let mut kinds = b.setting.text.chars();
    let mut next = || kinds.next().filter(|c| *c != '\0');
    let (upper, lower, digit, other) = (next(), next(), next(), next());
    let replace = |c: char| {
        let instead = match c {
            c if c.is_uppercase() => upper,
            c if c.is_lowercase() => lower,
            c if c.is_ascii_digit() => digit,
            _ => other,
        };
        instead.unwrap_or(c)
    };
    b.build_text(|row| Ok(texts.get(row).map(|t| t.chars().map(replace).collect::<String>())))
}
