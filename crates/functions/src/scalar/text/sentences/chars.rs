//! Classifies characters for the rules for words and sentences.

use regex_syntax::hir::{Class, ClassUnicode, HirKind};
use std::sync::LazyLock;
use thalweg_common::{Error, Result};

/// A character in the rules for words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WordChar {
    Letter,
    Number,
    Kanji,
    Hiragana,
    Katakana,
    /// A mark that follows Hiragana or Katakana.
    KanaMark,
    /// A dash or a connector: it may stand inside words.
    InWord,
    /// A comma: it may stand inside numbers.
    InNumber,
    /// A quotation mark or an apostrophe: it may stand inside both.
    InBoth,
    /// A full stop: it may stand inside both, and before a number.
    Stop,
    /// A sign of a currency: it may stand before a number.
    BeforeNumber,
    /// A percent sign: it may stand after a number.
    AfterNumber,
    /// A Hindi mark for the end of a phrase.
    Danda,
    /// A mark that belongs to the character before it.
    Mark,
    Other,
}

/// A character in the rules for sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SentenceChar {
    Paragraph,
    Danda,
    /// It ends a sentence.
    Terminator,
    /// It may end a sentence.
    Period,
    Space,
    /// It may stand at the end and at the start of a sentence.
    Quote,
    /// It may stand at the end of a sentence.
    Closing,
    Mark,
    /// A letter that may not begin a sentence.
    Lower,
    /// A digit or a comma, which may not begin a sentence either.
    Inside,
    /// A letter that may begin a sentence.
    Letter,
    /// All else, which may stand before the letter that begins a sentence.
    Other,
}

/// The categories of Unicode that the rules name.
pub(super) struct Chars {
    letters: ClassUnicode,
    lower: ClassUnicode,
    digits: ClassUnicode,
    numbers: ClassUnicode,
    spacing_marks: ClassUnicode,
    marks: ClassUnicode,
    dashes: ClassUnicode,
    currencies: ClassUnicode,
    spaces: ClassUnicode,
    closing: ClassUnicode,
}

static CHARS: LazyLock<Option<Chars>> = LazyLock::new(Chars::new);

impl Chars {
    /// The categories, which are made once.
    pub(super) fn shared() -> Result<&'static Self> {
        CHARS
            .as_ref()
            .ok_or_else(|| Error::internal("the tables of Unicode lack a category that sentences uses"))
    }

    fn new() -> Option<Self> {
        Some(Self {
            letters: class("\\p{L}")?,
            lower: class("\\p{Ll}")?,
            digits: class("\\p{Nd}")?,
            numbers: class("\\p{N}")?,
            spacing_marks: class("\\p{Mc}")?,
            marks: class("[\\p{Mn}\\p{Me}\\p{Cf}]")?,
            dashes: class("[\\p{Pd}\\p{Pc}]")?,
            currencies: class("\\p{Sc}")?,
            spaces: class("\\p{Zs}")?,
            closing: class("[\\p{Pe}\\p{Pf}]")?,
        })
    }

    /// Whether a word that begins with it counts: Java looks at half of a character beyond U+FFFF, which is none.
    pub(super) fn is_letter_or_digit(&self, c: char) -> bool {
        c.len_utf16() == 1 && (has(&self.letters, c) || has(&self.digits, c))
    }

    /// What a character is in the rules for words.
    pub(super) fn of_word(&self, c: char) -> WordChar {
        match c {
            // The characters that Java's rules name one by one come before the categories, of which some are members:
            // the cent sign is a currency, and stands after its number.
            'a'..='z' | 'A'..='Z' => WordChar::Letter,
            '0'..='9' => WordChar::Number,
            '.' => WordChar::Stop,
            '"' | '\'' => WordChar::InBoth,
            ',' | '\u{66B}' => WordChar::InNumber,
            '#' => WordChar::BeforeNumber,
            '%' | '&' | '\u{A2}' | '\u{66A}' | '\u{2030}' | '\u{2031}' => WordChar::AfterNumber,
            '\u{AD}' | '\u{2027}' => WordChar::InWord,
            '\u{964}' | '\u{965}' => WordChar::Danda,
            // The ranges are those of Java's rules, and not all characters that these scripts have today.
            '\u{3005}' | '\u{4E00}'..='\u{9FA5}' | '\u{F900}'..='\u{FA2D}' => WordChar::Kanji,
            '\u{3041}'..='\u{3094}' | '\u{309D}' | '\u{309E}' => WordChar::Hiragana,
            '\u{30A1}'..='\u{30FA}' | '\u{30FD}' | '\u{30FE}' => WordChar::Katakana,
            '\u{3099}'..='\u{309C}' | '\u{30FB}' | '\u{30FC}' => WordChar::KanaMark,
            _ if has(&self.letters, c) || has(&self.spacing_marks, c) => WordChar::Letter,
            _ if has(&self.numbers, c) => WordChar::Number,
            _ if has(&self.dashes, c) => WordChar::InWord,
            _ if has(&self.currencies, c) => WordChar::BeforeNumber,
            _ if has(&self.marks, c) => WordChar::Mark,
            _ => WordChar::Other,
        }
    }

    /// What a character is in the rules for sentences.
    pub(super) fn of_sentence(&self, c: char) -> SentenceChar {
        match c {
            '\u{2029}' => SentenceChar::Paragraph,
            '\u{964}' | '\u{965}' => SentenceChar::Danda,
            '!' | '?' | '\u{3002}' | '\u{FF01}' | '\u{FF1F}' => SentenceChar::Terminator,
            '.' | '\u{FF0E}' => SentenceChar::Period,
            '\t' | '\n' | '\u{C}' | '\r' | ' ' | '\u{2028}' => SentenceChar::Space,
            '"' | '\'' => SentenceChar::Quote,
            ',' => SentenceChar::Inside,
            _ if has(&self.lower, c) => SentenceChar::Lower,
            _ if has(&self.letters, c) => SentenceChar::Letter,
            _ if has(&self.numbers, c) => SentenceChar::Inside,
            _ if has(&self.spaces, c) => SentenceChar::Space,
            _ if has(&self.closing, c) => SentenceChar::Closing,
            _ if has(&self.marks, c) => SentenceChar::Mark,
            _ => SentenceChar::Other,
        }
    }
}

fn class(pattern: &str) -> Option<ClassUnicode> {
    match regex_syntax::parse(pattern).ok()?.into_kind() {
        HirKind::Class(Class::Unicode(found)) => Some(found),
        _ => None,
    }
}

/// Whether a class has a character: its ranges are sorted.
fn has(class: &ClassUnicode, c: char) -> bool {
    let ranges = class.ranges();
    let after = ranges.partition_point(|range| range.start() <= c);
    after.checked_sub(1).and_then(|i| ranges.get(i)).is_some_and(|range| c <= range.end())
}
