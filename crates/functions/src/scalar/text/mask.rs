//! Replaces letters and digits, for `mask(text [, upper [, lower [, digit [, other]]]])`.
//!
//! A null replacement keeps the characters of its kind; other characters are kept by default.

use crate::binding::{Arg, Bound};
use crate::coerce::constant_of;
use crate::errors::{bad_value, not_constant};
use crate::kernel::{Batch, Kernel};
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

/// The names of the replacements and their defaults. `None` keeps the characters.
const KINDS: [(&str, Option<char>); 4] =
    [("upperChar", Some('X')), ("lowerChar", Some('x')), ("digitChar", Some('n')), ("otherChar", None)];

/// The replacement of upper case, lower case, digits and other characters.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Replacements([Option<char>; 4]);

fn mask(mut call: Call) -> Result<Bound> {
    call.coerce(0, &DataType::Utf8)?;
    let mut replacements = Replacements(KINDS.map(|(_, default)| default));
    let given = call.args.iter().skip(1).zip(KINDS);
    for (instead, (arg, (name, _))) in replacements.0.iter_mut().zip(given) {
        *instead = replacement(name, arg)?;
    }
    call.args.truncate(1);
    let kernel = Kernel::new("mask", DataType::Utf8, masked).params(replacements);
    Ok(kernel.call(call.args))
}

/// Returns a replacement that is given as an argument: one character, or `None` for null.
fn replacement(name: &str, arg: &Arg) -> Result<Option<char>> {
    let text = match constant_of(arg) {
        Some(ScalarValue::Utf8(Some(text))) => text,
        Some(value) if value.is_null() => return Ok(None),
        _ => return Err(not_constant("mask", name, "STRING")),
    };
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(one), None) => Ok(Some(one)),
        _ => Err(bad_value("mask", name, "a text of one character", &text)),
    }
}

fn masked(b: &Batch) -> Result<ArrayRef> {
    let texts = b.strings(0)?;
    let Replacements([upper, lower, digit, other]) = *b.params()?;
    let replace = |c: char| {
        let instead = match c {
            c if c.is_uppercase() => upper,
            c if c.is_lowercase() => lower,
            c if c.is_ascii_digit() => digit,
            _ => other,
        };
        instead.unwrap_or(c)
    };
    // Java sees a character beyond U+FFFF as two, and replaces each of them.
    let all = |c: char| {
        let new = replace(c);
        std::iter::repeat_n(new, if new == c { 1 } else { c.len_utf16() })
    };
    b.build_text(|row| Ok(texts.get(row).map(|t| t.chars().flat_map(all).collect::<String>())))
}
