//! Finds the end of a word by the rules of Java's word break iterator.
//!
//! Words and numbers that touch are one word: `v1.2.3`. Punctuation may stand inside a word or a number, one at a
//! time; a currency before and a percent sign after a number belong to it. Runs of Kanji, Hiragana and Katakana are
//! words; any other character is one alone.

use super::chars::{Chars, WordChar};

/// The length in bytes of the first word of a text that is not empty.
pub(super) fn length(text: &str, chars: &Chars) -> usize {
    let mut all = text.chars();
    let Some(first) = all.next() else { return 0 };
    let scan = Scan { text, chars };
    let one = scan.skip_marks(first.len_utf8());
    let of_run = |kinds: &[WordChar]| scan.run(0, kinds);
    let run = match chars.of_word(first) {
        WordChar::Letter | WordChar::Number => scan.words_and_numbers(0),
        WordChar::BeforeNumber | WordChar::Stop if scan.kind(first.len_utf8()) == Some(WordChar::Number) => {
            scan.words_and_numbers(first.len_utf8())
        }
        WordChar::Kanji => of_run(&[WordChar::Kanji]),
        WordChar::Hiragana => of_run(&[WordChar::Hiragana, WordChar::KanaMark]),
        WordChar::Katakana => of_run(&[WordChar::Katakana, WordChar::KanaMark]),
        WordChar::KanaMark => {
            // The mark may belong to either script, and Java takes the longest match.
            let hiragana = of_run(&[WordChar::Hiragana, WordChar::KanaMark]);
            hiragana.max(of_run(&[WordChar::Katakana, WordChar::KanaMark]))
        }
        _ => one,
    };
    // A word has one character at least, so the loop over the words of a sentence ends.
    run.max(one)
}

struct Scan<'a> {
    text: &'a str,
    chars: &'a Chars,
}

impl Scan<'_> {
    fn char(&self, at: usize) -> Option<char> {
        self.text.get(at..)?.chars().next()
    }

    fn kind(&self, at: usize) -> Option<WordChar> {
        self.char(at).map(|c| self.chars.of_word(c))
    }

    /// The place after a character.
    fn after(&self, at: usize) -> usize {
        at + self.char(at).map_or(0, char::len_utf8)
    }

    fn skip_marks(&self, at: usize) -> usize {
        self.run(at, &[WordChar::Mark])
    }

    fn run(&self, mut at: usize, kinds: &[WordChar]) -> usize {
        while self.kind(at).is_some_and(|kind| kinds.contains(&kind)) {
            at = self.after(at);
        }
        at
    }

    fn words_and_numbers(&self, start: usize) -> usize {
        let mut at = start;
        loop {
            let before = at;
            if self.kind(at) == Some(WordChar::Letter) {
                at = self.parts(at, WordChar::Letter, WordChar::InWord);
                // Letters after the Danda continue the word.
                if self.kind(at) == Some(WordChar::Danda) {
                    at = self.after(at);
                }
            } else if self.kind(at) == Some(WordChar::Number) {
                at = self.parts(at, WordChar::Number, WordChar::InNumber);
                if self.kind(at) == Some(WordChar::AfterNumber) {
                    // Nothing continues a number after its percent sign.
                    return self.after(at);
                }
            }
            // Each round takes a character or is the last one.
            if at == before {
                return at;
            }
        }
    }

    /// Characters of a kind with their marks, and single punctuation between them.
    fn parts(&self, mut at: usize, kind: WordChar, inside: WordChar) -> usize {
        loop {
            while self.kind(at) == Some(kind) {
                at = self.skip_marks(self.after(at));
            }
            let is_inside = |found| found == inside || matches!(found, WordChar::InBoth | WordChar::Stop);
            let after = self.after(at);
            // Punctuation belongs to the word only if the word goes on behind it.
            if !self.kind(at).is_some_and(is_inside) || self.kind(after) != Some(kind) {
                return at;
            }
            at = after;
        }
    }
}
