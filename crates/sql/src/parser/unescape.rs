//! Converts the text between the quotes of a string literal to its value.
//!
//! Spark's escapes: `\0 \b \n \r \t \Z`, octal `\101`, `\u0041`, `\U00000041`; `\%` and `\_` keep
//! their backslash because LIKE reads it; any other `\x` is `x`. A doubled quote is one quote.

/// The value of a string literal's inner text.
pub(crate) fn unescape(inner: &str, quote: char) -> String {
    let chars: Vec<char> = inner.chars().collect();
    let mut out = String::with_capacity(inner.len());
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        // A backslash at the end escapes nothing and is kept.
        if c == '\\' && at + 1 < chars.len() {
            at += escape(chars.get(at + 1..).unwrap_or_default(), &mut out) + 1;
        } else {
            out.push(c);
            at += if c == quote && chars.get(at + 1) == Some(&quote) { 2 } else { 1 };
        }
    }
    out
}

/// Appends the value of the escape after a backslash; returns the number of characters that it consists of.
fn escape(rest: &[char], out: &mut String) -> usize {
    // This comes before the single characters: `\0` alone is NUL, but `\041` is an exclamation mark.
    if let Some((c, taken)) = code_point(rest) {
        out.push(c);
        return taken;
    }
    let Some(&c) = rest.first() else { return 0 };
    match c {
        '0' => out.push('\0'),
        'b' => out.push('\u{8}'),
        'n' => out.push('\n'),
        'r' => out.push('\r'),
        't' => out.push('\t'),
        'Z' => out.push('\u{1a}'),
        '%' | '_' => out.extend(['\\', c]),
        _ => out.push(c),
    }
    1
}

/// `u0041`, `U00000041` and octal `101`.
fn code_point(rest: &[char]) -> Option<(char, usize)> {
    let (skip, digits, radix) = match rest.first()? {
        'u' => (1, 4, 16),
        'U' => (1, 8, 16),
        // Three octal digits of which the first is 0 or 1 are at most 127, an ASCII character.
        '0' | '1' => (0, 3, 8),
        _ => return None,
    };
    let text: String = rest.get(skip..skip + digits)?.iter().collect();
    if !text.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let code = u32::from_str_radix(&text, radix).ok()?;
    Some((char::from_u32(code)?, skip + digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_mean_what_they_mean_in_spark() {
        let cases = [
            (r"a\tb", "a\tb"),
            (r"\'\\", r"'\"),
            (r"\101\u00e9\U0001F600", "Aé😀"),
            (r"10\% \_ \q \0", "10\\% \\_ q \0"),
            ("it''s", "it's"),
            (r"\u12", "u12"),
            ("tail\\", "tail\\"),
        ];
        for (inner, expect) in cases {
            assert_eq!(unescape(inner, '\''), expect, "{inner}");
        }
    }
}
