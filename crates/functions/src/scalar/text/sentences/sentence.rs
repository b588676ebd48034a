//! Finds the end of a sentence by the rules of Java's sentence break iterator.
//!
//! A terminator ends it, with the punctuation and the blanks that follow. A period ends it only if a letter follows
//! that may begin a sentence: one that is not lowercase, after blanks, or any letter after opening punctuation or after
//! several blanks. If that can't be said, since the text ends before the letter, the sentence ends where it could have
//! ended last: in front of the period. Java's machine has all these rules, and this one its answers.

use super::chars::{Chars, SentenceChar};

/// What came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing that could end the sentence.
    Inside,
    /// A Hindi mark that ends it, and blanks.
    Danda,
    /// A terminator, and punctuation after it.
    Terminator,
    /// A terminator and blanks.
    AfterTerminator,
    /// A period, and punctuation after it; whether that ended with a quotation mark, which can begin the next sentence.
    Period { quote: bool },
    /// A period and so many blanks.
    AfterPeriod { blanks: usize },
    /// What may stand before the first letter of the next sentence; whether only the letter or more of it may follow.
    Opening { strict: bool },
}

/// The length in bytes of the first sentence of a text that is not empty.
pub(super) fn length(text: &str, chars: &Chars) -> usize {
    let mut scan = Scan { state: State::Inside, accepted: 0, ahead: 0 };
    for (at, c) in text.char_indices() {
        let after = at + c.len_utf8();
        if at == 0 {
            // The first character is a part of the sentence whatever follows, so the length is never 0.
            scan.accepted = after;
        }
        match scan.take(chars.of_sentence(c), after) {
            Step::Go => {}
            Step::End(end) => return end,
            Step::Paragraph => {
                let rest = text.get(after..).unwrap_or_default();
                let is_mark = |c: char| chars.of_sentence(c) == SentenceChar::Mark;
                return after + rest.len() - rest.trim_start_matches(is_mark).len();
            }
        }
    }
    match scan.state {
        State::Opening { .. } => scan.accepted,
        _ => text.len(),
    }
}

enum Step {
    Go,
    /// The sentence ends here.
    End(usize),
    /// It ends after this character and its marks.
    Paragraph,
}

struct Scan {
    state: State,
    /// Where the sentence could end last.
    accepted: usize,
    /// Where it ends if a letter follows.
    ahead: usize,
}

impl Scan {
    fn take(&mut self, c: SentenceChar, after: usize) -> Step {
        match self.state {
            // A mark belongs to the character before it and does not change the state.
            _ if c == SentenceChar::Mark => self.take_mark(after),
            State::Terminator | State::AfterTerminator => self.take_after_terminator(c, after),
            State::Danda if c == SentenceChar::Space => self.accept(State::Danda, after),
            State::Danda => Step::End(self.accepted),
            _ => self.take_inside(c, after),
        }
    }

    fn accept(&mut self, state: State, after: usize) -> Step {
        (self.state, self.accepted) = (state, after);
        Step::Go
    }

    fn look_ahead(&mut self, state: State, after: usize) -> Step {
        (self.state, self.ahead) = (state, after);
        Step::Go
    }

    fn take_mark(&mut self, after: usize) -> Step {
        match self.state {
            State::Period { .. } | State::AfterPeriod { .. } => self.ahead = after,
            State::Opening { .. } => {}
            _ => self.accepted = after,
        }
        Step::Go
    }

    fn take_after_terminator(&mut self, c: SentenceChar, after: usize) -> Step {
        use SentenceChar::{Closing, Paragraph, Period, Quote, Space, Terminator};
        match c {
            // After blanks such a character begins the next sentence.
            Terminator | Period | Closing | Quote if self.state == State::Terminator => {
                self.accept(State::Terminator, after)
            }
            Space => self.accept(State::AfterTerminator, after),
            Paragraph => Step::Paragraph,
            _ => Step::End(self.accepted),
        }
    }

    fn take_inside(&mut self, c: SentenceChar, after: usize) -> Step {
        use SentenceChar::{
            Closing, Danda, Letter, Lower, Other, Paragraph, Period, Quote, Space, Terminator,
        };
        match (self.state, c) {
            (State::Opening { .. } | State::Period { quote: true }, Letter | Lower) => Step::End(self.ahead),
            (State::AfterPeriod { .. }, Letter) => Step::End(self.ahead),
            (State::AfterPeriod { blanks: 2.. }, Lower) => Step::End(self.ahead),
            (State::Opening { strict: true }, c) if !matches!(c, Quote | Other) => Step::End(self.accepted),
            (_, Paragraph) => Step::Paragraph,
            (State::Inside, Danda) => self.accept(State::Danda, after),
            (_, Terminator) => self.accept(State::Terminator, after),
            (_, Period) => self.look_ahead(State::Period { quote: false }, after),
            (State::Period { .. }, Closing | Quote) => {
                self.look_ahead(State::Period { quote: c == Quote }, after)
            }
            (State::AfterPeriod { blanks }, Space) => {
                self.look_ahead(State::AfterPeriod { blanks: blanks + 1 }, after)
            }
            (State::Period { .. }, Space) => self.look_ahead(State::AfterPeriod { blanks: 1 }, after),
            (State::Period { quote: true } | State::AfterPeriod { blanks: 2.. }, Quote | Other) => {
                self.state = State::Opening { strict: true };
                Step::Go
            }
            (State::Period { .. } | State::AfterPeriod { .. } | State::Opening { .. }, Quote | Other) => {
                self.state = State::Opening { strict: false };
                Step::Go
            }
            _ => self.accept(State::Inside, after),
        }
    }
}
