//! Holds the flags of a pattern, which `(?imsdxuU)` sets.

use super::parse::Bad;
use super::syntax::Lines;

/// The flags in force at one place of a pattern.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flags {
    pub fold: bool,
    pub unicode_case: bool,
    pub unicode_classes: bool,
    pub multiline: bool,
    pub dot_all: bool,
    pub unix_lines: bool,
    pub comments: bool,
}

impl Flags {
    /// Returns the characters that end a line.
    pub(super) fn lines(self) -> Lines {
        if self.unix_lines { Lines::Unix } else { Lines::All }
    }
    /// Sets or clears the flag of a letter, as in `(?i-m)`.
    pub(super) fn set(&mut self, letter: char, on: bool) -> Result<(), Bad> {
        let flag = match letter {
            'i' => &mut self.fold,
            'm' => &mut self.multiline,
            's' => &mut self.dot_all,
            'd' => &mut self.unix_lines,
            'x' => &mut self.comments,
            'u' => &mut self.unicode_case,
            'U' => {
                // UNICODE_CHARACTER_CLASS implies UNICODE_CASE in Java.
                self.unicode_classes = on;
                &mut self.unicode_case
            }
            _ => return Err(Bad::Invalid),
        };
        *flag = on;
        Ok(())
    }
}
