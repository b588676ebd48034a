//! Encodes and decodes sealed records: one line with the checksum of the rest, then JSON.
//!
//! Decoding returns exactly the record that was written, or an error that names the file.

use super::sha256;
use crate::error::corrupt;
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use thalweg_common::{Error, Result};

const HEAD: &str = "thalweg 1 sha256 ";

/// Encodes a record.
pub(crate) fn seal<T: Serialize>(name: &str, record: &T) -> Result<Bytes> {
    let body = serde_json::to_string_pretty(record)
        .map_err(|e| Error::internal(format!("encoding record '{name}' as JSON: {e}")))?;
    Ok(Bytes::from(format!("{HEAD}{}\n{body}\n", sha256(body.as_bytes()))))
}

/// Decodes a record and verifies its checksum.
pub(crate) fn open<T: DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T> {
    let text = std::str::from_utf8(bytes).map_err(|_| corrupt(name, "it is not text"))?;
    let (head, body) = text.split_once('\n').ok_or_else(|| corrupt(name, "it is incomplete"))?;
    let sum = head.strip_prefix(HEAD).ok_or_else(|| corrupt(name, "it has no checksum"))?;
    let body = body.strip_suffix('\n').unwrap_or(body);
    if sha256(body.as_bytes()) != sum {
        return Err(corrupt(name, "its checksum does not match"));
    }
    serde_json::from_str(body).map_err(|e| corrupt(name, &e.to_string()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn any_byte_that_changes_is_noticed() {
        let sealed = seal("x", &vec!["a", "b"]).unwrap();
        assert_eq!(open::<Vec<String>>("x", &sealed).unwrap(), vec!["a", "b"]);
        for at in 0..sealed.len() - 1 {
            let mut torn = sealed.to_vec();
            torn[at] ^= 1;
            let error = open::<Vec<String>>("plans/7", &torn).expect_err("a changed byte went unnoticed");
            assert!(error.message().contains("plans/7"), "{error}");
            assert!(open::<Vec<String>>("x", &sealed[..at]).is_err(), "torn at {at}");
        }
    }
}
