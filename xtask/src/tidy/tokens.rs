//! Counts lines of code and of tests, and finds functions and counts their lines and tokens: a line of 110 columns
//! may hold one word or thirty.
//!
//! A token is an identifier, a keyword, a number, a literal, a lifetime or an operator, as in rustc. Comments are not
//! tokens. Functions inside `#[cfg(test)]` modules do not count; a function inside another one counts for both.

use super::text::literal_length;

/// Operators of more than one character, longest first.
const OPERATORS: &[&str] = &[
    "..=", "...", "<<=", ">>=", "::", "->", "=>", "==", "!=", "<=", ">=", "&&", "||", "+=", "-=", "*=", "/=",
    "%=", "^=", "&=", "|=", "<<", ">>", "..",
];

const TEST_MODULE: &[&str] = &["#", "[", "cfg", "(", "test", ")", "]"];

/// A function with its body, from `fn` to the closing brace.
pub(crate) struct MeasuredFunction<'a> {
    pub name: &'a str,
    pub lines: usize,
    pub tokens: usize,
}

/// A token and the number of the line that it starts on.
#[derive(Clone, Copy)]
struct Token<'a> {
    text: &'a str,
    line: usize,
}

/// Returns the functions with a body, in their order.
pub(crate) fn functions(source: &str) -> Vec<MeasuredFunction<'_>> {
    let all = tokens(source);
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(rest) = all.get(at..).filter(|rest| !rest.is_empty()) {
        if starts_test_module(rest) {
            at += block_length(rest).unwrap_or(1);
            continue;
        }
        found.extend(function(rest));
        at += 1;
    }
    found
}

/// Returns the number of lines with a token outside of test modules, and inside of them.
pub(crate) fn lines(source: &str) -> (usize, usize) {
    let all = tokens(source);
    let (mut code, mut tests, mut at, mut last) = (0, 0, 0, 0);
    while let Some(rest) = all.get(at..).filter(|rest| !rest.is_empty()) {
        let is_test = starts_test_module(rest);
        let length = if is_test { block_length(rest).unwrap_or(1) } else { 1 };
        // A line counts once, at its first token.
        let new = rest.iter().take(length).filter(|t| std::mem::replace(&mut last, t.line) != t.line).count();
        *(if is_test { &mut tests } else { &mut code }) += new;
        at += length;
    }
    (code, tests)
}

fn starts_test_module(tokens: &[Token]) -> bool {
    let texts = tokens.iter().map(|token| token.text);
    texts.take(TEST_MODULE.len()).eq(TEST_MODULE.iter().copied())
}

/// Returns the function that the tokens begin with.
fn function<'a>(tokens: &[Token<'a>]) -> Option<MeasuredFunction<'a>> {
    let [first, name, ..] = tokens else { return None };
    // A type such as `fn(u8)` has no name.
    if first.text != "fn" || !name.text.starts_with(is_word) {
        return None;
    }
    let length = block_length(tokens)?;
    let last = tokens.get(length - 1).filter(|last| last.text == "}")?;
    Some(MeasuredFunction { name: name.text, lines: last.line - first.line + 1, tokens: length })
}

/// Returns the number of tokens up to the brace that closes the first block, or up to a `;` before it.
fn block_length(tokens: &[Token]) -> Option<usize> {
    let (mut braces, mut brackets) = (0usize, 0isize);
    for (at, token) in tokens.iter().enumerate() {
        match token.text {
            "[" => brackets += 1,
            "]" => brackets -= 1,
            // A semicolon in brackets belongs to an array type of a parameter.
            ";" if braces == 0 && brackets == 0 => return Some(at + 1),
            "{" => braces += 1,
            "}" => {
                braces = braces.checked_sub(1)?;
                if braces == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// Splits Rust text into tokens.
fn tokens(source: &str) -> Vec<Token<'_>> {
    let (mut found, mut rest, mut line) = (Vec::new(), source, 1);
    while let Some(first) = rest.chars().next() {
        let is_comment = rest.starts_with("//") || rest.starts_with("/*");
        let length = if is_comment { literal_length(rest, None) } else { token_length(rest, first) };
        let (text, after) = rest.split_at(length);
        if !is_comment && !first.is_whitespace() {
            found.push(Token { text, line });
        }
        line += text.matches('\n').count();
        rest = after;
    }
    found
}

/// Returns the length in bytes of the token, or of the white space, that the text begins with.
fn token_length(text: &str, first: char) -> usize {
    let prefixed = text.starts_with("b\"") || text.starts_with("b'") || text.starts_with("c\"");
    let prefix = usize::from(prefixed);
    let literal = literal_length(&text[prefix..], None);
    if literal > 0 {
        return prefix + literal;
    }
    if first.is_ascii_digit() {
        return number_length(text);
    }
    if is_word(first) {
        return word_length(text);
    }
    if first == '\'' {
        // A quote that begins no literal begins a lifetime.
        return 1 + word_length(&text[1..]);
    }
    let operator = OPERATORS.iter().find(|operator| text.starts_with(**operator));
    operator.map_or(first.len_utf8(), |operator| operator.len())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn word_length(text: &str) -> usize {
    text.find(|c| !is_word(c)).unwrap_or(text.len())
}

/// Returns the length of a number with its suffix. A point belongs to it if a digit follows: `0..5` has three tokens.
fn number_length(text: &str) -> usize {
    let whole = word_length(text);
    let fraction =
        text[whole..].strip_prefix('.').filter(|after| after.starts_with(|c: char| c.is_ascii_digit()));
    let mut length = whole + fraction.map_or(0, |after| 1 + word_length(after));
    // In `1e-9` the sign is a part of the number, and in `0xe-9` it is not.
    let scientific = text[..length].ends_with(['e', 'E']) && !text.starts_with("0x");
    if scientific && text[length..].starts_with(['+', '-']) {
        length += 1 + word_length(&text[length + 1..]);
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_into_tokens() {
        let cases: &[(&str, &[&str])] = &[
            ("a.b(1, \"x y\")", &["a", ".", "b", "(", "1", ",", "\"x y\"", ")"]),
            ("x // y\n/* z */ w", &["x", "w"]),
            ("0..=5 1.5e-3f64 1.max(2)", &["0", "..=", "5", "1.5e-3f64", "1", ".", "max", "(", "2", ")"]),
            ("&'a str 'b' b\"c\" r#\"d\"#", &["&", "'a", "str", "'b'", "b\"c\"", "r#\"d\"#"]),
            ("a::<B>() -> c", &["a", "::", "<", "B", ">", "(", ")", "->", "c"]),
            ("é != ü", &["é", "!=", "ü"]),
        ];
        for (source, expected) in cases {
            let texts: Vec<_> = tokens(source).into_iter().map(|token| token.text).collect();
            assert_eq!(texts, *expected, "{source}");
        }
    }

    #[test]
    fn functions_are_counted_without_comments_and_tests() {
        let source = "fn one(x: [u8; 2]) { // {\n  x\n}\ntrait T { fn none(&self); }\n\
                      #[cfg(test)]\nmod tests { fn two() {} }\nfn three() { fn four() {} }\n";
        let counted: Vec<_> = functions(source).into_iter().map(|f| (f.name, f.lines, f.tokens)).collect();
        assert_eq!(counted, [("one", 3, 14), ("three", 1, 12), ("four", 1, 6)]);
        assert_eq!(lines(source), (5, 2));
    }
}
