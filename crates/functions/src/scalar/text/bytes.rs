//! Converts between texts and binaries: hexadecimal digits, Base64, character sets, digests.

use crate::binding::{Arg, Bound};
use crate::coerce::{as_arg, to_type};
use crate::errors::malformed_coding;
use crate::kernel::{Batch, Kernel, Nulls, Run};
use crate::operators::compare::compare_args;
use crate::registry::{Call, Entry, MANY, Ty};
use crate::types::{is_decimal, is_integral};
use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Int64Type};
use base64::alphabet;
use base64::engine::{DecodePaddingMode, Engine as _, GeneralPurpose, GeneralPurposeConfig};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Case, Cast, Expr, Operator, ScalarUDF};
use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_values::charset::{Charset, unknown};

/// The sentence about `decode`, which is too long for the table.
const DECODE_DOC: &str = "Decodes bytes by a character set, or returns the result after the first candidate that \
    equals the value.";

pub(super) const ENTRIES: &[Entry] = &[
    Entry::bind(&["hex"], 1, 1, hex).doc(
        "value",
        "Writes an integer, text or binary in hexadecimal digits.",
        &["SELECT hex(255), hex('A')"],
    ),
    Entry::plain(&["unhex"], &[Ty::Text], Ty::Bytes, unhex).nullable().doc(
        "digits",
        "Reads hexadecimal digits as bytes; null if the text contains other characters.",
        &["SELECT unhex('4142')"],
    ),
    Entry::plain(&["bin"], &[Ty::Long], Ty::Text, bin).doc(
        "number",
        "Writes an integer in binary digits.",
        &["SELECT bin(10)"],
    ),
    Entry::bind(&["base64"], 1, 1, |c| of_bytes(c, "base64", DataType::Utf8, base64)).doc(
        "bytes",
        "Writes bytes in Base64, in lines of 76 characters.",
        &["SELECT base64('hello')"],
    ),
    Entry::plain(&["unbase64"], &[Ty::Text], Ty::Bytes, unbase64).fallible().doc(
        "text",
        "Reads Base64 as bytes.",
        &["SELECT string(unbase64('aGVsbG8='))"],
    ),
    Entry::bind(&["md5"], 1, 1, md5).doc(
        "bytes",
        "Returns the MD5 digest in hexadecimal digits.",
        &["SELECT md5('hello')"],
    ),
    Entry::bind(&["sha1", "sha"], 1, 1, |c| {
        digest(c, datafusion_spark::function::hash::sha1(), DataType::Utf8)
    })
    .doc("bytes", "Returns the SHA-1 digest in hexadecimal digits.", &["SELECT sha1('hello')"]),
    Entry::bind(&["crc32"], 1, 1, |c| digest(c, datafusion_spark::function::hash::crc32(), DataType::Int64))
        .doc("bytes", "Returns the CRC-32 checksum.", &["SELECT crc32('hello')"]),
    Entry::bind(&["sha2"], 2, 2, sha2).doc(
        "bytes, bits",
        "Returns a SHA-2 digest of 224, 256, 384 or 512 bits in hexadecimal digits.",
        &["SELECT sha2('hello', 256)"],
    ),
    Entry::plain(&["encode"], &[Ty::Text, Ty::Text], Ty::Bytes, encode).fallible().nullable().doc(
        "text, charset",
        "Returns the bytes of a text in a character set.",
        &["SELECT encode('abc', 'UTF-16BE')"],
    ),
    Entry::bind(&["decode"], 2, MANY, decode).doc(
        "value, candidate, ...",
        DECODE_DOC,
        &["SELECT decode(binary('abc'), 'UTF-8'), decode(2, 1, 'one', 2, 'two', 'many')"],
    ),
];

fn to_bytes(call: &mut Call) -> Result<()> {
    if call.type_of(0) != DataType::Binary {
        call.coerce(0, &DataType::Utf8)?;
        call.coerce(0, &DataType::Binary)?;
    }
    Ok(())
}

fn of_bytes(mut call: Call, name: &'static str, returns: DataType, run: Run) -> Result<Bound> {
    to_bytes(&mut call)?;
    Ok(Kernel::new(name, returns, run).call(call.args))
}

/// Calls a digest of DataFusion. The arguments get its types here, so that DataFusion coerces nothing.
fn digest(mut call: Call, udf: Arc<ScalarUDF>, returns: DataType) -> Result<Bound> {
    to_bytes(&mut call)?;
    let nullable = call.args.iter().any(|a| a.nullable);
    let args = call.args.into_iter().map(|a| a.expr).collect();
    let expr = Expr::ScalarFunction(ScalarFunction::new_udf(udf, args));
    Ok(Bound { expr, data_type: returns, nullable, fallible: false })
}

fn md5(call: Call) -> Result<Bound> {
    let made = digest(call, datafusion::functions::crypto::md5(), DataType::Utf8)?;
    // DataFusion's function returns a string view.
    let expr = Expr::Cast(Cast::new(Box::new(made.expr), DataType::Utf8));
    Ok(Bound { expr, ..made })
}

/// Binds `sha2` with a length of 224, 256, 384 or 512 bits.
fn sha2(mut call: Call) -> Result<Bound> {
    call.coerce(1, &DataType::Int32)?;
    let made = digest(call, datafusion_spark::function::hash::sha2(), DataType::Utf8)?;
    // A length that does not exist gives null.
    Ok(Bound { nullable: true, ..made })
}

/// Binds `hex` of an integer, as a 64-bit two's complement, or of the bytes of a text or binary.
fn hex(mut call: Call) -> Result<Bound> {
    let t = call.type_of(0);
    if is_integral(&t) || is_decimal(&t) {
        // A decimal is truncated to a BIGINT, as in Spark.
        call.coerce(0, &DataType::Int64)?;
        return Ok(Kernel::new("hex", DataType::Utf8, |b| {
            let n = b.prims::<Int64Type>(0)?;
            b.build_text(|i| Ok(n.get(i).map(|n| format!("{n:X}"))))
        })
        .call(call.args));
    }
    of_bytes(call, "hex_bytes", DataType::Utf8, |b| {
        let bytes = b.bytes(0)?;
        b.build_text(|i| Ok(bytes.get(i).map(hex_of)))
    })
}

fn hex_of(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(out, "{byte:02X}");
    }
    out
}

/// Computes `unhex`. An odd number of digits gets a leading 0; a text with other characters is null.
fn unhex(b: &Batch) -> Result<ArrayRef> {
    let text = b.strings(0)?;
    b.build_bytes(|i| Ok(text.get(i).and_then(from_hex)))
}

pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect();
    let mut digits = digits?;
    if digits.len() % 2 == 1 {
        digits.insert(0, 0);
    }
    Some(digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |v, d| v << 4 | d)).collect())
}

fn bin(b: &Batch) -> Result<ArrayRef> {
    let n = b.prims::<Int64Type>(0)?;
    b.build_text(|i| Ok(n.get(i).map(|n| format!("{n:b}"))))
}

/// The standard alphabet. As in Java, the bits of a last digit that are part of no byte have no meaning.
const fn base64_engine(padding: DecodePaddingMode) -> GeneralPurpose {
    let config = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
    GeneralPurpose::new(&alphabet::STANDARD, config.with_decode_padding_mode(padding))
}

const PADDED: GeneralPurpose = base64_engine(DecodePaddingMode::RequireCanonical);
const NOT_PADDED: GeneralPurpose = base64_engine(DecodePaddingMode::RequireNone);

/// The number of digits in a line of MIME.
const LINE_DIGITS: usize = 76;

fn base64(b: &Batch) -> Result<ArrayRef> {
    let bytes = b.bytes(0)?;
    b.build_text(|i| Ok(bytes.get(i).map(to_base64)))
}

/// Writes bytes in lines of MIME, as `spark.sql.chunkBase64String.enabled` has them.
fn to_base64(bytes: &[u8]) -> String {
    let digits = PADDED.encode(bytes);
    let lines: Vec<Cow<str>> = digits.as_bytes().chunks(LINE_DIGITS).map(String::from_utf8_lossy).collect();
    lines.join("\r\n")
}

fn unbase64(b: &Batch) -> Result<ArrayRef> {
    let text = b.strings(0)?;
    b.build_bytes(|i| {
        let Some(s) = text.get(i) else { return Ok(None) };
        // As in MIME, whose decoder Spark uses, characters that are not digits are ignored.
        let digits: String = s.chars().filter(|c| c.is_ascii_alphanumeric() || "+/=".contains(*c)).collect();
        from_base64(&digits).map(Some).ok_or_else(|| bad_base64(s))
    })
}

fn bad_base64(text: &str) -> thalweg_common::Error {
    let message = format!(
        "The value '{text}' (\"STRING\") cannot be converted to \"BINARY\" because it is malformed. Correct the value \
         as per the syntax, or change its format. Use `try_to_binary` to tolerate malformed input and return NULL instead."
    );
    thalweg_common::Error::new(
        thalweg_common::ErrorKind::Runtime,
        "CONVERSION_INVALID_INPUT",
        "22018",
        message,
    )
    .param("str", format!("'{text}'"))
    .param("fmt", "'BASE64'")
    .param("targetType", "\"BINARY\"")
}

/// Decodes Base64; `None` if the padding or the number of digits is wrong. White space is ignored.
pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let body: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    // Padding may be missing, but not be incomplete.
    let engine = if body.ends_with(b"=") { PADDED } else { NOT_PADDED };
    engine.decode(body).ok()
}

/// Computes `encode`: the bytes of a text in a character set, which must have all of its characters.
fn encode(b: &Batch) -> Result<ArrayRef> {
    let (text, charset) = (b.strings(0)?, b.strings(1)?);
    b.build_bytes(|i| {
        let Some((s, name)) = text.get(i).zip(charset.get(i)) else { return Ok(None) };
        let charset = Charset::named(name).ok_or_else(|| unknown("`encode`", name))?;
        charset.encode(s).map(Some).ok_or_else(|| malformed_coding("encode", name))
    })
}

/// Binds `decode(binary, charset)` or `decode(value, search, result, .. [, default])`.
fn decode(call: Call) -> Result<Bound> {
    if call.args.len() == 2 {
        return decode_bytes(call);
    }
    let ctx = call.ctx;
    let mut args = call.args.into_iter();
    let Some(value) = args.next() else {
        return Err(crate::errors::wrong_num_args("decode", "> 1", 0));
    };
    let (mut tests, mut results, mut otherwise) = (Vec::new(), Vec::new(), None);
    while let Some(search) = args.next() {
        match args.next() {
            None => otherwise = Some(search),
            Some(result) => {
                // Unlike CASE, this `decode` finds a null by a null.
                let same = compare_args(Operator::IsNotDistinctFrom, value.clone(), search, ctx)?;
                tests.push(as_arg(same));
                results.push(result);
            }
        }
    }
    // Without a default it is a null of the type STRING, which takes part in the common type.
    results.push(otherwise.unwrap_or_else(|| Arg {
        expr: Expr::Literal(ScalarValue::Utf8(None), None),
        data_type: DataType::Utf8,
        nullable: true,
    }));
    let (results, common) = crate::coerce::coerce_all("decode", results, ctx)?;
    let nullable = results.iter().any(|r| r.nullable);
    let mut results = results.into_iter().map(|r| Box::new(r.expr));
    let branches = tests.into_iter().map(|t| Box::new(t.expr)).zip(results.by_ref()).collect();
    let expr = Expr::Case(Case::new(None, branches, results.next()));
    Ok(Bound { expr, data_type: common, nullable, fallible: false })
}

fn decode_bytes(mut call: Call) -> Result<Bound> {
    let ctx = call.ctx;
    call.coerce(1, &DataType::Utf8)?;
    let args = call.args.drain(..).enumerate();
    let args = args.map(|(i, a)| if i == 0 { to_type(a, &DataType::Binary, ctx) } else { Ok(a) });
    let args = args.collect::<Result<Vec<_>>>()?;
    Ok(Kernel::new("decode", DataType::Utf8, decoded).fallible(true).nulls(Nulls::Always).call(args))
}

/// Computes `decode` of bytes; bytes that are not valid in the character set are an error.
fn decoded(b: &Batch) -> Result<ArrayRef> {
    let (bytes, charset) = (b.bytes(0)?, b.strings(1)?);
    b.build_text(|i| {
        let Some((s, name)) = bytes.get(i).zip(charset.get(i)) else { return Ok(None) };
        let charset = Charset::named(name).ok_or_else(|| unknown("`decode`", name))?;
        charset.decode(s).map(Some).ok_or_else(|| malformed_coding("decode", name))
    })
}
