//! Compares what patterns find with the answers of Java 17. Each case runs on the machine and, where it can, on the
//! crate.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

/// All matches, each shown as its text.
fn all(regex: &JavaRegex, text: &str) -> Vec<String> {
    let mut out = vec![];
    regex
        .for_each(text, |found| {
            let (start, end) = found.span();
            out.push(text[start..end].to_owned());
            Ok(true)
        })
        .unwrap();
    out
}

fn check(pattern: &str, text: &str, expect: &[&str]) {
    let mut regex = JavaRegex::new(pattern).unwrap_or_else(|bad| panic!("{pattern}: {bad:?}"));
    assert_eq!(all(&regex, text), expect, "{pattern} in {text:?}");
    regex.fast = None;
    assert_eq!(all(&regex, text), expect, "{pattern} in {text:?} on the machine");
}

#[test]
fn ends_of_lines() {
    check("b$", "ab\n", &["b"]);
    check("b$", "ab\r\n", &["b"]);
    check("b$", "ab\n\n", &[]);
    check("a$\n", "a\n", &["a\n"]);
    check("a\r$", "a\r\n", &[]);
    check("$", "a\r\n", &["", ""]);
    check("(?:a|b)$|x$", "ab\u{2028}", &["b"]);
    check("a\\z", "a\n", &[]);
    check("(?d)a$", "a\r", &[]);
    check("(?m)^.*$", "a\r\nb\u{85}c\u{2028}\u{2029}e\r", &["a", "b", "c", "", "e"]);
    check("(?m)^", "", &[]);
    check("(?m)^", "a\n", &[""]);
    check("^$", "", &[""]);
    check("^b", "a\nb", &[]);
    check(".", "\n\r\u{85}\u{2028}\u{2029}\u{B}", &["\u{B}"]);
    check("(?s).", "\n", &["\n"]);
    check("(?d).", "\r\n", &["\r"]);
    check("\\R", "\r\n\n\u{2028}", &["\r\n", "\n", "\u{2028}"]);
}

#[test]
fn classes_are_ascii_unless_told_otherwise() {
    check("\\d", "1٣", &["1"]);
    check("(?U)\\d", "1٣", &["1", "٣"]);
    check("\\w+", "éa bé", &["a", "b"]);
    check("(?i)É", "é", &[]);
    check("(?iu)É", "é", &["é"]);
    check("(?i)[a-c]+", "aBC", &["aBC"]);
    check("\\p{Alpha}", "aé1", &["a"]);
    check("\\p{L}", "aé1", &["a", "é"]);
    check("\\pL", "é", &["é"]);
    check("\\P{ASCII}", "aé", &["é"]);
    check("\\p{IsGreek}|\\p{InCyrillic}", "aβЖ", &["β", "Ж"]);
    check("\\h", "\u{A0}\u{3000}x", &["\u{A0}", "\u{3000}"]);
    check("[a-f&&[^bd]]", "abcdef", &["a", "c", "e", "f"]);
    check("[a-c&&b&&b]", "abc", &["b"]);
    check("[]b]", "ab]", &["b", "]"]);
    check("[^\\W_]", "a_1", &["a", "1"]);
    check("[a-]", "-a", &["-", "a"]);
    check("[\\Q^]\\E]", "^]", &["^", "]"]);
    check("\\Qa+\\E+", "a++", &["a++"]);
    check("(?x) a \\  b # c", "a b", &["a b"]);
    check("\\x41\\u0042\\x{1F600}\\0103\\t", "AB😀C\t", &["AB😀C\t"]);
    check("\\uD83D\\uDE00", "😀", &["😀"]);
}

#[test]
fn words_have_letters_of_all_scripts() {
    check("\\b.", "é a", &["é", " ", "a"]);
    check("\\ba", "e\u{301}a a", &["a"]);
    check("\\B", "ab", &[""]);
}

#[test]
fn what_the_crate_lacks_runs_on_the_machine() {
    check("foo(?!bar)", "foobar foobaz", &["foo"]);
    check("(?<=: )\\d+", "a: 12, 34", &["12"]);
    check("(?<!\\d)\\d{2}(?!\\d)", "1 23 456", &["23"]);
    check("(?<=a|bc)x", "ax bcx cx", &["x", "x"]);
    check("a++ab", "aaab", &[]);
    check("(?>a+)b", "aaab", &["aaab"]);
    check("(?:ab)*+c", "ababc", &["ababc"]);
    check("(\\w)\\1", "aabbc", &["aa", "bb"]);
    check("(?i)(a)\\1", "aA", &["aA"]);
    check("(?<p>ab)\\k<p>", "abab", &["abab"]);
    check("(a)\\11", "aa1", &["aa1"]);
    check("(a*)*b", "aab", &["aab"]);
    check("(?:|a)+b", "aab", &["aab"]);
    check("(?:a|ab)(?:c|bcd)(?:d*)$", "abcd", &["abcd"]);
    check("a*?b", "aab", &["aab"]);
    check("(?:ab){2,3}?", "abababab", &["abab", "abab"]);
    check("x*", "abc", &["", "", "", ""]);
    check("a*", "aaa", &["aaa", ""]);
}

#[test]
fn groups_end_where_the_match_does() {
    let check = |pattern: &str, text: &str, expect: &[Option<&str>]| {
        let mut regex = JavaRegex::new(pattern).unwrap();
        for _ in 0..2 {
            let found = regex.find_at(text, 0).unwrap().unwrap();
            let groups: Vec<_> =
                (0..=regex.groups()).map(|g| found.group(g).map(|(s, e)| &text[s..e])).collect();
            assert_eq!(groups, expect, "{pattern}");
            regex.fast = None;
        }
    };
    check("(b$)", "ab\n", &[Some("b"), Some("b")]);
    check("(a)|(b)", "b", &[Some("b"), None, Some("b")]);
    check("(?<x>a)(?:(b)|c)", "ac", &[Some("ac"), Some("a"), None]);
    check("(a|b)*", "ab", &[Some("ab"), Some("b")]);
    check("(?=(a))ab", "ab", &[Some("ab"), Some("a")]);
}

#[test]
fn what_java_refuses_is_refused() {
    for pattern in [
        "[",
        "(",
        ")",
        "*a",
        "a**",
        "a{2",
        "x{",
        "{",
        "\\y",
        "[b-a]",
        "(?<=a*)b",
        "a{2,1}",
        "\\p{Nope}",
        "(?z)",
    ] {
        assert_eq!(JavaRegex::new(pattern).err(), Some(Bad::Invalid), "{pattern}");
    }
    for pattern in ["\\G", "\\X", "\\b{g}", "\\N{DIGIT ONE}", "\\p{InNowhere}"] {
        assert!(matches!(JavaRegex::new(pattern), Err(Bad::Unsupported(_))), "{pattern}");
    }
}

#[test]
fn a_search_without_end_ends_in_an_error() {
    let regex = JavaRegex::new("(?:a|aa)+\\1?(?!b)$(?!x)c").unwrap();
    let text = "a".repeat(60) + "b";
    assert_eq!(regex.find_at(&text, 0).unwrap_err().class(), "UNSUPPORTED_FEATURE");
    let deep = JavaRegex::new("(?:a|b)*+$").unwrap();
    assert!(deep.is_match(&"ab".repeat(200_000)).unwrap());
}
