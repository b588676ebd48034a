//! Defines the named classes of characters: `\d`, `\p{Alpha}`, `\p{IsGreek}` and similar ones.
//!
//! Names and contents follow the documentation of `java.util.regex.Pattern` of Java 17. Without the flag `U` the
//! one-letter classes and the POSIX classes are ASCII. The data of Unicode comes from regex-syntax, whose version may
//! be newer than Java's.

use super::parse::Bad;
use super::syntax::{Set, class};
use regex_syntax::hir::{ClassUnicode, HirKind};
use std::sync::LazyLock;

/// The characters that `\b` counts as part of a word besides `_` and marks: letters and decimal digits.
pub(super) static LETTERS_AND_DIGITS: LazyLock<Set> = LazyLock::new(|| Set::of(&union(&["L", "Nd"])));
/// The marks that are written over the character before them.
pub(super) static MARKS: LazyLock<Set> = LazyLock::new(|| Set::of(&union(&["Mn"])));

/// Returns the class of a letter after a backslash, or `None` for a letter that names no class.
pub(super) fn short(letter: char, unicode: bool) -> Option<ClassUnicode> {
    let named = |name: &str| by_property(name).unwrap_or_else(ClassUnicode::empty);
    let mut made = match letter.to_ascii_lowercase() {
        'd' if unicode => named("Nd"),
        'w' if unicode => word(),
        's' if unicode => named("White_Space"),
        'd' => class(&[('0', '9')]),
        'w' => class(&[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')]),
        's' => class(&[('\t', '\r'), (' ', ' ')]),
        'h' => class(&[
            ('\t', '\t'),
            (' ', ' '),
            ('\u{A0}', '\u{A0}'),
            ('\u{1680}', '\u{1680}'),
            // Java lists U+180E in `\h`, although Unicode no longer counts it as a space.
            ('\u{180E}', '\u{180E}'),
            ('\u{2000}', '\u{200A}'),
            ('\u{202F}', '\u{202F}'),
            ('\u{205F}', '\u{205F}'),
            ('\u{3000}', '\u{3000}'),
        ]),
        'v' => class(&[('\n', '\r'), ('\u{85}', '\u{85}'), ('\u{2028}', '\u{2029}')]),
        _ => return None,
    };
    if letter.is_ascii_uppercase() {
        made.negate();
    }
    Some(made)
}

/// Returns the characters of a word under the flag `U`, as Unicode's UTS 18 defines them.
fn word() -> ClassUnicode {
    union(&["Alphabetic", "M", "Nd", "Pc", "Join_Control"])
}

/// Returns the union of Unicode properties.
fn union(names: &[&str]) -> ClassUnicode {
    let mut all = ClassUnicode::empty();
    for name in names {
        if let Some(one) = by_property(name) {
            all.union(&one);
        }
    }
    all
}

/// Returns the class of a Unicode property by its name in regex-syntax.
fn by_property(name: &str) -> Option<ClassUnicode> {
    match regex_syntax::parse(&format!("\\p{{{name}}}")).ok()?.into_kind() {
        HirKind::Class(regex_syntax::hir::Class::Unicode(found)) => Some(found),
        HirKind::Class(regex_syntax::hir::Class::Bytes(found)) => found.to_unicode_class(),
        _ => None,
    }
}

/// Returns the class of `\p{name}`. `folded` is the flag `i`.
///
/// # Errors
/// [`Bad::Invalid`] for a name that Java does not know, [`Bad::Unsupported`] for a block that is not in the table.
pub(super) fn property(name: &str, unicode: bool, folded: bool) -> Result<ClassUnicode, Bad> {
    // With `i` Java reads a class of one case as letters of every case: `(?i)\p{Lower}` matches `A`.
    if folded && is_case(name) {
        let posix = matches!(name, "Lower" | "Upper") && !unicode;
        return Ok(if posix { class(&[('A', 'Z'), ('a', 'z')]) } else { union(&["Lu", "Ll", "Lt"]) });
    }
    // Java distinguishes the other names by `key=value`, the prefix `In` for blocks, and `Is` or no prefix for
    // scripts, categories and binary properties.
    if let Some(found) = posix(name, unicode).or_else(|| java(name)) {
        return Ok(found);
    }
    if let Some((key, value)) = name.split_once('=') {
        return match key.to_ascii_lowercase().as_str() {
            "script" | "sc" | "general_category" | "gc" => by_property(value).ok_or(Bad::Invalid),
            "block" | "blk" => block(value),
            _ => Err(Bad::Invalid),
        };
    }
    if let Some(value) = name.strip_prefix("In") {
        return block(value);
    }
    let bare = name.strip_prefix("Is").unwrap_or(name);
    match bare {
        "L1" => Ok(class(&[('\0', '\u{FF}')])),
        "LC" => Ok(union(&["Lu", "Ll", "Lt"])),
        "LD" => Ok(union(&["L", "Nd"])),
        "all" => Ok(class(&[('\0', char::MAX)])),
        _ => binary(bare).or_else(|| by_property(bare)).ok_or(Bad::Invalid),
    }
}

/// Returns whether a name means letters of one case, which the flag `i` widens.
fn is_case(name: &str) -> bool {
    let bare = name.strip_prefix("Is").unwrap_or(name);
    matches!(
        bare,
        "Lower" | "Upper" | "Lu" | "Ll" | "Lt" | "javaLowerCase" | "javaUpperCase" | "javaTitleCase"
    ) || matches!(bare.to_ascii_uppercase().as_str(), "LOWERCASE" | "UPPERCASE" | "TITLECASE")
}

/// Returns a POSIX class, which is ASCII without the flag `U`.
fn posix(name: &str, unicode: bool) -> Option<ClassUnicode> {
    if unicode && name != "ASCII" {
        return match name {
            "Lower" => by_property("Lowercase"),
            "Upper" => by_property("Uppercase"),
            "Alpha" => by_property("Alphabetic"),
            "Digit" => by_property("Nd"),
            "Alnum" => Some(union(&["Alphabetic", "Nd"])),
            "Punct" => by_property("P"),
            "Space" => by_property("White_Space"),
            "XDigit" => Some(union(&["Nd", "Hex_Digit"])),
            "Cntrl" => by_property("Cc"),
            _ => None,
        };
    }
    Some(match name {
        "Lower" => class(&[('a', 'z')]),
        "Upper" => class(&[('A', 'Z')]),
        "ASCII" => class(&[('\0', '\u{7F}')]),
        "Alpha" => class(&[('A', 'Z'), ('a', 'z')]),
        "Digit" => class(&[('0', '9')]),
        "Alnum" => class(&[('0', '9'), ('A', 'Z'), ('a', 'z')]),
        "Punct" => class(&[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')]),
        "Graph" => class(&[('!', '~')]),
        "Print" => class(&[(' ', '~')]),
        "Blank" => class(&[(' ', ' '), ('\t', '\t')]),
        "Cntrl" => class(&[('\0', '\u{1F}'), ('\u{7F}', '\u{7F}')]),
        "XDigit" => class(&[('0', '9'), ('A', 'F'), ('a', 'f')]),
        "Space" => class(&[('\t', '\r'), (' ', ' ')]),
        _ => return None,
    })
}

/// Returns a class that is named after a method of `java.lang.Character`, such as `javaLowerCase`.
fn java(name: &str) -> Option<ClassUnicode> {
    Some(match name.strip_prefix("java")? {
        "LowerCase" => by_property("Lowercase")?,
        "UpperCase" => by_property("Uppercase")?,
        "TitleCase" => by_property("Lt")?,
        "Alphabetic" => by_property("Alphabetic")?,
        "Ideographic" => by_property("Ideographic")?,
        "Digit" => by_property("Nd")?,
        "Letter" => by_property("L")?,
        "LetterOrDigit" => union(&["L", "Nd"]),
        "Defined" => by_property("Assigned")?,
        "SpaceChar" => by_property("Z")?,
        "ISOControl" => by_property("Cc")?,
        "Whitespace" => {
            // `Character.isWhitespace`: all separators but the non-breaking ones, and the ASCII controls that
            // separate.
            let mut found = by_property("Z")?;
            found.difference(&class(&[
                ('\u{A0}', '\u{A0}'),
                ('\u{2007}', '\u{2007}'),
                ('\u{202F}', '\u{202F}'),
            ]));
            found.union(&class(&[('\t', '\r'), ('\u{1C}', '\u{1F}')]));
            found
        }
        _ => return None,
    })
}

/// Returns the class of a binary property. Java ignores the case of these names, unlike that of general categories.
fn binary(name: &str) -> Option<ClassUnicode> {
    let unicode = match name.to_ascii_uppercase().as_str() {
        "ALPHABETIC" => "Alphabetic",
        "LETTER" => "L",
        "IDEOGRAPHIC" => "Ideographic",
        "LOWERCASE" => "Lowercase",
        "UPPERCASE" => "Uppercase",
        "TITLECASE" => "Lt",
        "WHITE_SPACE" | "WHITESPACE" => "White_Space",
        "CONTROL" => "Cc",
        "PUNCTUATION" => "P",
        "ASSIGNED" => "Assigned",
        "DIGIT" => "Nd",
        "JOIN_CONTROL" | "JOINCONTROL" => "Join_Control",
        "WORD" => return Some(word()),
        "ALNUM" => return Some(union(&["Alphabetic", "Nd"])),
        "HEX_DIGIT" | "HEXDIGIT" => return Some(union(&["Nd", "Hex_Digit"])),
        _ => return None,
    };
    by_property(unicode)
}

/// The blocks that have a name here. Java knows all of Unicode's; regex-syntax has none, so another one is refused.
const BLOCKS: &[(&str, char, char)] = &[
    ("basiclatin", '\0', '\u{7F}'),
    ("latin1supplement", '\u{80}', '\u{FF}'),
    ("latinextendeda", '\u{100}', '\u{17F}'),
    ("latinextendedb", '\u{180}', '\u{24F}'),
    ("combiningdiacriticalmarks", '\u{300}', '\u{36F}'),
    ("greek", '\u{370}', '\u{3FF}'),
    ("greekandcoptic", '\u{370}', '\u{3FF}'),
    ("cyrillic", '\u{400}', '\u{4FF}'),
    ("armenian", '\u{530}', '\u{58F}'),
    ("hebrew", '\u{590}', '\u{5FF}'),
    ("arabic", '\u{600}', '\u{6FF}'),
    ("devanagari", '\u{900}', '\u{97F}'),
    ("thai", '\u{E00}', '\u{E7F}'),
    ("generalpunctuation", '\u{2000}', '\u{206F}'),
    ("currencysymbols", '\u{20A0}', '\u{20CF}'),
    ("arrows", '\u{2190}', '\u{21FF}'),
    ("mathematicaloperators", '\u{2200}', '\u{22FF}'),
    ("boxdrawing", '\u{2500}', '\u{257F}'),
    ("cjksymbolsandpunctuation", '\u{3000}', '\u{303F}'),
    ("hiragana", '\u{3040}', '\u{309F}'),
    ("katakana", '\u{30A0}', '\u{30FF}'),
    ("cjkunifiedideographs", '\u{4E00}', '\u{9FFF}'),
    ("hangulsyllables", '\u{AC00}', '\u{D7AF}'),
    ("emoticons", '\u{1F600}', '\u{1F64F}'),
];

/// Returns the class of a Unicode block.
fn block(name: &str) -> Result<ClassUnicode, Bad> {
    // Java compares names of blocks without case, blanks, `-` and `_`.
    let plain: String = name.chars().filter(|c| !"_- ".contains(*c)).collect::<String>().to_ascii_lowercase();
    let found = BLOCKS.iter().find(|(known, ..)| *known == plain);
    found.map(|(_, low, high)| class(&[(*low, *high)])).ok_or(Bad::Unsupported("this Unicode block"))
}
