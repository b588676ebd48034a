//! Computes the American Soundex code of a word, as Spark does.

/// Returns the code: the first letter in upper case, and the digits of up to three of the following consonants,
/// padded with zeros.
pub(super) fn soundex(text: &str) -> String {
    let code = |c: char| match c.to_ascii_uppercase() {
        'B' | 'F' | 'P' | 'V' => '1',
        'C' | 'G' | 'J' | 'K' | 'Q' | 'S' | 'X' | 'Z' => '2',
        'D' | 'T' => '3',
        'L' => '4',
        'M' | 'N' => '5',
        'R' => '6',
        'H' | 'W' => '7',
        _ => '0',
    };
    let mut letters = text.chars();
    // Spark returns a text that does not begin with a letter unchanged.
    let Some(first) = letters.next().filter(char::is_ascii_alphabetic) else { return text.to_owned() };
    let mut out = String::from(first.to_ascii_uppercase());
    let mut last = code(first);
    for c in letters {
        let digit = if c.is_ascii_alphabetic() { code(c) } else { '0' };
        // Equal codes on both sides of an H or W count once, on both sides of a vowel twice.
        if digit == '7' {
            continue;
        }
        if digit != '0' && digit != last && out.len() < 4 {
            out.push(digit);
        }
        last = digit;
    }
    format!("{out:0<4}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sparks() {
        let cases = [("Ashcraft", "A261"), ("Tymczak", "T522"), ("123", "123"), ("a", "A000"), ("", "")];
        for (text, expect) in cases {
            assert_eq!(soundex(text), expect, "{text}");
        }
    }
}
