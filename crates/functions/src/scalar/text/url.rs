//! Encodes and decodes texts as values of HTML forms in UTF-8: `url_encode` and `url_decode`.
//!
//! The rules are those of `java.net.URLEncoder`: a space is `+`, and `.`, `-`, `*` and `_` are kept.

use crate::kernel::Batch;
use crate::registry::{Entry, Ty};
use arrow::array::ArrayRef;
use std::fmt::Write;
use thalweg_common::{Error, ErrorKind, Result};

pub(super) const ENTRIES: &[Entry] = &[
    Entry::plain(&["url_encode"], &[Ty::Text], Ty::Text, encode).doc(
        "text",
        "Encodes a text for a URL's query.",
        &["SELECT url_encode('a b&c')"],
    ),
    Entry::plain(&["url_decode"], &[Ty::Text], Ty::Text, |b| decode(b, false)).fallible().doc(
        "text",
        "Decodes what `url_encode` encodes.",
        &["SELECT url_decode('a+b%26c')"],
    ),
    Entry::plain(&["try_url_decode"], &[Ty::Text], Ty::Text, |b| decode(b, true)).nullable().doc(
        "text",
        "Works like `url_decode`, but returns null for a text that is not validly encoded.",
        &["SELECT try_url_decode('%zz')"],
    ),
];

fn encode(b: &Batch) -> Result<ArrayRef> {
    let texts = b.strings(0)?;
    b.build_text(|row| Ok(texts.get(row).map(encoded)))
}

fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'*' | b'_' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

fn decode(b: &Batch, tries: bool) -> Result<ArrayRef> {
    let texts = b.strings(0)?;
    b.build_text(|row| match texts.get(row) {
        None => Ok(None),
        Some(text) => match decoded(text) {
            None if !tries => Err(undecodable(text)),
            found => Ok(found),
        },
    })
}

/// Decodes a text; `None` for a `%` without two digits. Bytes that are not UTF-8 become U+FFFD, as in Java.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?].map(|d| char::from(d).to_digit(16));
                let [Some(high), Some(low)] = digits else { return None };
                (high * 16 + low) as u8
            }
            other => other,
        });
    }
    Some(String::from_utf8_lossy(&out).into_owned())
}

fn undecodable(text: &str) -> Error {
    let message = format!(
        "The provided URL cannot be decoded: {text}. Please ensure that the URL is properly formatted and try again."
    );
    Error::new(ErrorKind::IllegalArgument, "CANNOT_DECODE_URL", "22546", message).param("url", text)
}
