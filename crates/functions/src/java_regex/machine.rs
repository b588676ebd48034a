//! Runs a compiled pattern by backtracking, with a stack of its own and a bound on the steps.
//!
//! The order of the choices is that of `java.util.regex`, so the first way that matches is the one that Java finds.
//! The time may grow exponentially with the text, as in Java; here such a search ends with an error.

use super::class::{LETTERS_AND_DIGITS, MARKS};
use super::program::{Op, Program};
use super::syntax::{Fold, Greed, Lines, Place, Set};
use regex_syntax::is_word_character;

/// The bound on the steps of one search. Java has none: `(a+)+b` does not end there on a long text of `a`.
const STEPS_MAX: u64 = 50_000_000;
/// The bound on the choices that are kept at once, about 128 MB. A stack on the heap needs no bound on recursion.
const CHOICES_MAX: usize = 4_000_000;

/// The search took more steps than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLong;

/// Start and end of each group, then the places that loops have saved. `usize::MAX` stands for "not set".
pub(super) type Slots = Vec<usize>;

/// An alternative to try when the current way fails.
enum Choice {
    Go {
        op: usize,
        at: usize,
    },
    Restore {
        slot: usize,
        old: usize,
    },
    /// A greedy run that ends at `at` and can give back characters down to `low`.
    Less {
        op: usize,
        low: usize,
        at: usize,
    },
    /// A lazy run that ends at `at` and can take `left` more characters.
    More {
        op: usize,
        at: usize,
        left: usize,
    },
}

/// The slots of one run and the choices that undo or replace what it did.
struct Trail<'s> {
    choices: Vec<Choice>,
    slots: &'s mut Slots,
}

impl Trail<'_> {
    /// Saves a place in a slot, and records how to undo it.
    fn save(&mut self, slot: usize, at: usize) {
        if let Some(place) = self.slots.get_mut(slot) {
            self.choices.push(Choice::Restore { slot, old: *place });
            *place = at;
        }
    }
}

struct Machine<'p, 't> {
    program: &'p Program,
    text: &'t str,
    steps: u64,
}

/// Returns the slots of the first match that begins at `from` or later.
pub(super) fn search(program: &Program, text: &str, from: usize) -> Result<Option<Slots>, TooLong> {
    let mut machine = Machine { program, text, steps: 0 };
    let mut slots = vec![usize::MAX; program.slots];
    let tail = text.get(from..).unwrap_or("");
    for start in tail.char_indices().map(|(i, _)| from + i).chain([text.len()]) {
        if machine.run(0, start, None, &mut slots)?.is_some() {
            return Ok(Some(slots));
        }
        // A pattern that begins with `^` (instruction 0 saves the start of the match) can match nowhere else. Without
        // this check each start of a long text would be tried in vain.
        if start == 0 && matches!(program.ops.get(1), Some(Op::At(Place::TextStart))) {
            return Ok(None);
        }
        slots.fill(usize::MAX);
    }
    Ok(None)
}

impl Machine<'_, '_> {
    /// Runs from an instruction and returns where the match ends, which is `end` if that is given. Without a match
    /// the slots are as before: every change has a choice that undoes it.
    fn run(
        &mut self,
        op: usize,
        at: usize,
        end: Option<usize>,
        slots: &mut Slots,
    ) -> Result<Option<usize>, TooLong> {
        let mut trail = Trail { choices: vec![], slots };
        let mut next = Some((op, at));
        loop {
            self.steps += 1;
            if self.steps > STEPS_MAX || trail.choices.len() > CHOICES_MAX {
                return Err(TooLong);
            }
            let Some((op, at)) = next else {
                match trail.choices.pop() {
                    None => return Ok(None),
                    Some(choice) => next = self.resume(choice, &mut trail),
                }
                continue;
            };
            next = match self.program.ops.get(op) {
                None => None,
                Some(Op::Match) if end.is_none_or(|end| end == at) => return Ok(Some(at)),
                Some(Op::Match) => None,
                Some(instruction) => self.step(instruction, (op, at), &mut trail)?,
            };
        }
    }

    /// Takes a choice up and returns where to continue; `None` if it was only to undo something.
    fn resume(&self, choice: Choice, trail: &mut Trail) -> Option<(usize, usize)> {
        match choice {
            Choice::Go { op, at } => Some((op, at)),
            Choice::Restore { slot, old } => {
                *trail.slots.get_mut(slot)? = old;
                None
            }
            Choice::Less { op, low, at } => {
                // The run consumed at least one whole character between `low` and `at`.
                let at = at - self.before(at)?.len_utf8();
                if at > low {
                    trail.choices.push(Choice::Less { op, low, at });
                }
                Some((op + 1, at))
            }
            Choice::More { op, at, left } => {
                let Some(Op::Run { set, .. }) = self.program.ops.get(op) else { return None };
                let at = self.taken(set, at)?;
                if left > 1 {
                    trail.choices.push(Choice::More { op, at, left: left - 1 });
                }
                Some((op + 1, at))
            }
        }
    }

    fn after(&self, at: usize) -> Option<char> {
        self.text.get(at..)?.chars().next()
    }
    fn before(&self, at: usize) -> Option<char> {
        self.text.get(..at)?.chars().next_back()
    }
    /// Returns the place after the character at `at`, if the set contains it.
    fn taken(&self, set: &Set, at: usize) -> Option<usize> {
        self.after(at).filter(|c| set.contains(*c)).map(|c| at + c.len_utf8())
    }

    /// Runs one instruction and returns where to continue, or `None` if it fails.
    fn step(
        &mut self,
        instruction: &Op,
        (op, at): (usize, usize),
        trail: &mut Trail,
    ) -> Result<Option<(usize, usize)>, TooLong> {
        Ok(match instruction {
            Op::Set(set) => self.taken(set, at).map(|at| (op + 1, at)),
            Op::Run { set, least, most, greed } => {
                self.repeat(set, (*least, *most), (*greed, op, at), trail).map(|at| (op + 1, at))
            }
            Op::Jump(to) => Some((*to, at)),
            Op::Split(first, second) => {
                trail.choices.push(Choice::Go { op: *second, at });
                Some((*first, at))
            }
            Op::Save(slot) => {
                trail.save(*slot, at);
                Some((op + 1, at))
            }
            Op::At(place) => self.holds(*place, at).then_some((op + 1, at)),
            Op::Back(group, fold) => {
                self.match_back_reference(*group, *fold, at, trail.slots).map(|at| (op + 1, at))
            }
            Op::Unmoved { slot, to } => {
                Some((if trail.slots.get(*slot) == Some(&at) { *to } else { op + 1 }, at))
            }
            Op::Atomic { next } => self.part(op + 1, (at, None), trail)?.map(|at| (*next, at)),
            Op::Ahead { negated, next } => {
                let found = self.matches_around(*negated, op + 1, (at, None), trail)?;
                found.then_some((*next, at))
            }
            Op::Behind { negated, least, most, next } => {
                self.look_behind((*least, *most), *negated, (op, at), trail)?.then_some((*next, at))
            }
            Op::Match => None,
        })
    }

    /// Runs a part on its own and returns where it ends.
    fn part(
        &mut self,
        op: usize,
        (at, end): (usize, Option<usize>),
        trail: &mut Trail,
    ) -> Result<Option<usize>, TooLong> {
        // The choices of the part end with it, which makes it atomic, but the groups that it captured stay.
        // They must be undone when an earlier choice is taken up, so the difference becomes choices of the
        // caller.
        let before = trail.slots.clone();
        let found = self.run(op, at, end, trail.slots)?;
        for (slot, (old, new)) in before.iter().zip(trail.slots.iter()).enumerate() {
            if old != new {
                trail.choices.push(Choice::Restore { slot, old: *old });
            }
        }
        Ok(found)
    }

    /// Returns whether the part of a look-around matches, or does not if `negated`.
    fn matches_around(
        &mut self,
        negated: bool,
        op: usize,
        (at, end): (usize, Option<usize>),
        trail: &mut Trail,
    ) -> Result<bool, TooLong> {
        if !negated {
            return Ok(self.part(op, (at, end), trail)?.is_some());
        }
        // Groups inside of a negated look-around stay unset after it.
        let mut scratch = trail.slots.clone();
        Ok(self.run(op, at, end, &mut scratch)?.is_none())
    }

    /// Returns whether a look-behind holds: whether its part matches a text that ends here.
    fn look_behind(
        &mut self,
        (least, most): (usize, usize),
        negated: bool,
        (op, at): (usize, usize),
        trail: &mut Trail,
    ) -> Result<bool, TooLong> {
        // From the shortest text to the longest one, as Java tries them: groups in the look-behind show the
        // order.
        let mut start = at;
        for length in 0..=most {
            if length >= least && self.matches_around(false, op + 1, (start, Some(at)), trail)? {
                return Ok(!negated);
            }
            match self.before(start) {
                Some(c) => start -= c.len_utf8(),
                None => break,
            }
        }
        Ok(negated)
    }

    /// Matches a set repeatedly and returns where the run ends first.
    fn repeat(
        &mut self,
        set: &Set,
        (least, most): (usize, usize),
        (greed, op, at): (Greed, usize, usize),
        trail: &mut Trail,
    ) -> Option<usize> {
        let mut at = at;
        for _ in 0..least {
            at = self.taken(set, at)?;
        }
        if greed == Greed::Lazy {
            if most > least {
                trail.choices.push(Choice::More { op, at, left: most - least });
            }
            return Some(at);
        }
        let low = at;
        for _ in least..most {
            let Some(further) = self.taken(set, at) else { break };
            // A long run counts as many steps as it has characters, so that the bound limits time.
            self.steps += 1;
            at = further;
        }
        if greed == Greed::Greedy && at > low {
            trail.choices.push(Choice::Less { op, low, at });
        }
        Some(at)
    }

    /// Returns the place after the text of a group, if that text occurs at `at` once more. A group that did not take
    /// part matches nothing, as in Java.
    fn match_back_reference(&self, group: usize, fold: Fold, at: usize, slots: &Slots) -> Option<usize> {
        let (start, end) = (*slots.get(group * 2)?, *slots.get(group * 2 + 1)?);
        let wanted = self.text.get(start..end)?;
        let mut here = self.text.get(at..)?.chars();
        for w in wanted.chars() {
            let c = here.next()?;
            let same = match fold {
                Fold::Exactly => c == w,
                Fold::Ascii => c.eq_ignore_ascii_case(&w),
                Fold::Unicode => {
                    // Java compares the lower cases of the upper cases: in some alphabets neither mapping
                    // alone unites both forms.
                    c == w
                        || c.to_uppercase()
                            .flat_map(char::to_lowercase)
                            .eq(w.to_uppercase().flat_map(char::to_lowercase))
                }
            };
            if !same {
                return None;
            }
        }
        Some(self.text.len() - here.as_str().len())
    }

    /// Returns whether a condition holds at a place.
    fn holds(&self, place: Place, at: usize) -> bool {
        match place {
            Place::TextStart => at == 0,
            Place::TextEnd => at == self.text.len(),
            Place::LastLine(lines) => self.ends_line(lines, at) && self.is_last(at),
            Place::LineEnd(lines) => self.ends_line(lines, at),
            // Java's `^` does not match after a line end that ends the text.
            Place::LineStart(lines) => at < self.text.len() && self.starts_line(lines, at),
            Place::Word { boundary, unicode } => {
                // A mark needs its offset too, to find the character that it belongs to.
                let is = |c: Option<(usize, char)>| c.is_some_and(|(i, c)| self.is_word(c, i, unicode));
                let before = self.before(at).map(|c| (at - c.len_utf8(), c));
                (is(before) != is(self.after(at).map(|c| (at, c)))) == boundary
            }
        }
    }

    /// Returns whether a place is between `\r` and `\n`, where no line begins or ends.
    fn within_line_break(&self, lines: Lines, at: usize) -> bool {
        lines == Lines::All && self.before(at) == Some('\r') && self.after(at) == Some('\n')
    }

    fn starts_line(&self, lines: Lines, at: usize) -> bool {
        at == 0 || (self.before(at).is_some_and(|c| lines.end_with(c)) && !self.within_line_break(lines, at))
    }

    fn ends_line(&self, lines: Lines, at: usize) -> bool {
        match self.after(at) {
            None => true,
            Some(c) => lines.end_with(c) && !self.within_line_break(lines, at),
        }
    }

    /// Returns whether at most one line end follows.
    fn is_last(&self, at: usize) -> bool {
        let rest = self.text.get(at..).unwrap_or("");
        // The caller has checked that a line end follows, so one more character is that line end.
        rest == "\r\n" || rest.chars().nth(1).is_none()
    }

    /// Returns whether a character is part of a word: a letter, a digit, `_`, or a mark on one of these.
    fn is_word(&self, c: char, at: usize, unicode: bool) -> bool {
        if unicode {
            return is_word_character(c);
        }
        if c == '_' || LETTERS_AND_DIGITS.contains(c) {
            return true;
        }
        // As in Java 17: a mark continues a word only if the nearest character before it that is not a mark
        // is a letter or a digit.
        let base = self.text.get(..at).and_then(|t| t.chars().rev().find(|c| !MARKS.contains(*c)));
        MARKS.contains(c) && base.is_some_and(|c| LETTERS_AND_DIGITS.contains(c))
    }
}
