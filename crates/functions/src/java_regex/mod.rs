//! Regular expressions in Java's syntax and with Java's meaning.
//!
//! A pattern is parsed once into a tree (`syntax`). If the regex crate has an equivalent, that matches it in linear
//! time (`emit`). Everything else (look-around, back references, possessive quantifiers, `^` and `$` at lines) runs
//! on a backtracking machine (`machine`), as in `java.util.regex`. `\G`, `\X`, `\b{g}` and `\N{..}` are refused by
//! name.
//!
//! Offsets are in bytes of the UTF-8 text and always lie between two characters.
//!
//! ```
//! use thalweg_functions::java_regex::JavaRegex;
//!
//! // A back reference, which the regex crate does not have.
//! let regex = JavaRegex::new(r"(\w)\1").map_err(|_| "invalid pattern")?;
//! let found = regex.find_at("hello", 0).map_err(|e| e.to_string())?;
//! assert_eq!(found.map(|found| found.span()), Some((2, 4)));
//! # Ok::<(), String>(())
//! ```

mod class;
mod emit;
mod flags;
mod machine;
mod parse;
mod program;
mod syntax;
#[cfg(test)]
mod tests;

pub use parse::Bad;

use emit::Emitted;
use regex::Regex;
use thalweg_common::{Error, Result};

/// A compiled pattern.
#[derive(Debug)]
pub struct JavaRegex {
    fast: Option<(Regex, Emitted)>,
    program: program::Program,
    groups: usize,
    names: Vec<(String, usize)>,
}

/// The groups of one match, as pairs of start and end in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    groups: Vec<Option<(usize, usize)>>,
}

impl Found {
    /// Returns start and end of a group, or `None` if it did not take part in the match. Group 0 is the whole match.
    pub fn group(&self, group: usize) -> Option<(usize, usize)> {
        self.groups.get(group).copied().flatten()
    }
    /// Returns start and end of the whole match.
    pub fn span(&self) -> (usize, usize) {
        self.group(0).unwrap_or_default()
    }
}

impl JavaRegex {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// [`Bad::Invalid`] if Java refuses the pattern, [`Bad::Unsupported`] if it is valid in Java but not supported
    /// here.
    pub fn new(pattern: &str) -> std::result::Result<Self, Bad> {
        let parsed = parse::parse(pattern)?;
        let emitted = emit::emit(&parsed.node, parsed.groups);
        let fast = emitted.and_then(|e| Regex::new(&e.pattern).ok().map(|regex| (regex, e)));
        // The machine's program is needed in either case: a translation may hold for some texts only. A pattern that
        // is too large for the machine is therefore an error even if the crate could match it.
        let program = program::compile(&parsed.node, parsed.groups)?;
        Ok(Self { fast, program, groups: parsed.groups, names: parsed.names })
    }

    /// Returns the number of capturing groups, without group 0.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// Returns the number of the group with this name.
    pub fn group_named(&self, name: &str) -> Option<usize> {
        self.names.iter().find(|(known, _)| known == name).map(|(_, number)| *number)
    }

    /// Returns whether the pattern matches any part of the text.
    ///
    /// # Errors
    /// Reports a search that takes more steps than the machine allows.
    pub fn is_match(&self, text: &str) -> Result<bool> {
        match &self.fast {
            Some((regex, emitted)) if emitted.holds_for(text) => Ok(regex.is_match(text)),
            _ => Ok(self.find_at(text, 0)?.is_some()),
        }
    }

    /// Returns the first match that begins at byte `from` or later.
    ///
    /// # Errors
    /// Reports a search that takes more steps than the machine allows.
    pub fn find_at(&self, text: &str, from: usize) -> Result<Option<Found>> {
        match &self.fast {
            Some((regex, emitted)) if emitted.holds_for(text) => Ok(fast(regex, emitted, text, from)),
            _ => {
                let slots = machine::search(&self.program, text, from).map_err(|_| too_long())?;
                Ok(slots.map(|slots| Found { groups: self.pairs(&slots) }))
            }
        }
    }

    /// Converts the slots of the machine to groups.
    fn pairs(&self, slots: &[usize]) -> Vec<Option<(usize, usize)>> {
        let pair = |pair: &[usize]| match pair {
            [start, end] if *start != usize::MAX && *end != usize::MAX => Some((*start, *end)),
            _ => None,
        };
        slots.chunks(2).take(self.groups + 1).map(pair).collect()
    }

    /// Calls `each` for one match after the other, until it returns false. As in Java, a match may be empty at the
    /// place where the previous one ended.
    ///
    /// # Errors
    /// Reports a search that takes more steps than the machine allows, and the errors of `each`.
    pub fn for_each(&self, text: &str, mut each: impl FnMut(&Found) -> Result<bool>) -> Result<()> {
        let mut from = 0;
        while let Some(found) = self.find_at(text, from)? {
            if !each(&found)? {
                return Ok(());
            }
            let (start, end) = found.span();
            from = end;
            // An empty match would be found again at the same place: like `Matcher.find`, go on after the
            // next character, which is what proves that the loop ends.
            if start == end {
                match text.get(end..).and_then(|rest| rest.chars().next()) {
                    Some(c) => from += c.len_utf8(),
                    None => return Ok(()),
                }
            }
        }
        Ok(())
    }
}

/// Finds a match with the regex crate.
fn fast(regex: &Regex, emitted: &Emitted, text: &str, from: usize) -> Option<Found> {
    // Without groups the crate finds the bounds alone, which is faster than finding captures.
    if emitted.groups.len() == 1 && emitted.ends.is_empty() {
        let found = regex.find_at(text, from)?;
        return Some(Found { groups: vec![Some((found.start(), found.end()))] });
    }
    let captures = regex.captures_at(text, from)?;
    // The translation of `$` consumes the line end before the end of the text, which Java's `$` does not:
    // whatever reaches into it, the whole match or a group, is cut where the empty group before it stands.
    let end = emitted.ends.iter().find_map(|group| captures.get(*group)).map(|end| end.end());
    let place = |group: &usize| {
        let found = captures.get(*group)?;
        Some((found.start(), end.map_or(found.end(), |end| found.end().min(end))))
    };
    Some(Found { groups: emitted.groups.iter().map(place).collect() })
}

fn too_long() -> Error {
    Error::unsupported("a regular expression that needs more than 50 million steps on one text")
}
