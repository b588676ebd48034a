//! Regular expressions in Java's syntax and with Java's meaning.
//!
//! A pattern is read once into a tree. What the regex crate can say is matched by it, in linear time; all
//! else (look-around, back references, possessive parts, lines) runs on a machine that tries, as Java's does.
//! `\G`, `\X`, `\b{g}` and `\N{..}` are refused by name.

mod class;
mod emit;
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

/// Where a pattern was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    groups: Vec<Option<(usize, usize)>>,
}

impl Found {
    /// The place of a group, if it took part; group 0 is the whole match.
    pub fn group(&self, group: usize) -> Option<(usize, usize)> {
        self.groups.get(group).copied().flatten()
    }
    /// Where the match begins and ends.
    pub fn span(&self) -> (usize, usize) {
        self.group(0).unwrap_or_default()
    }
}

impl JavaRegex {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// What Java refuses and what is not known here.
    pub fn new(pattern: &str) -> std::result::Result<Self, Bad> {
        let parsed = parse::parse(pattern)?;
        let emitted = emit::emit(&parsed.node, parsed.groups);
        let fast = emitted.and_then(|e| Regex::new(&e.pattern).ok().map(|regex| (regex, e)));
        let program = program::compile(&parsed.node, parsed.groups);
        // A pattern may be too large for the machine though the crate takes it for every text.
        let program = match (&fast, program) {
            (_, Ok(program)) => program,
            (_, Err(bad)) => return Err(bad),
        };
        Ok(Self { fast, program, groups: parsed.groups, names: parsed.names })
    }

    /// How many groups capture.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// The number of the group of that name.
    pub fn group_named(&self, name: &str) -> Option<usize> {
        self.names.iter().find(|(known, _)| known == name).map(|(_, number)| *number)
    }

    /// Whether the pattern is found anywhere.
    ///
    /// # Errors
    /// A search of too many steps.
    pub fn is_match(&self, text: &str) -> Result<bool> {
        match &self.fast {
            Some((regex, emitted)) if emitted.holds_for(text) => Ok(regex.is_match(text)),
            _ => Ok(self.find_at(text, 0)?.is_some()),
        }
    }

    /// The first match that begins at `from` or later.
    ///
    /// # Errors
    /// A search of too many steps.
    pub fn find_at(&self, text: &str, from: usize) -> Result<Option<Found>> {
        match &self.fast {
            Some((regex, emitted)) if emitted.holds_for(text) => Ok(fast(regex, emitted, text, from)),
            _ => {
                let slots = machine::search(&self.program, text, from).map_err(|_| too_long())?;
                Ok(slots.map(|slots| Found { groups: self.pairs(&slots) }))
            }
        }
    }

    fn pairs(&self, slots: &[usize]) -> Vec<Option<(usize, usize)>> {
        let pair = |pair: &[usize]| match pair {
            [start, end] if *start != usize::MAX && *end != usize::MAX => Some((*start, *end)),
            _ => None,
        };
        slots.chunks(2).take(self.groups + 1).map(pair).collect()
    }

    /// Calls `each` for one match after the other, until it says false. A match may be empty where the one
    /// before ended; only after an empty one the search moves on by a character.
    ///
    /// # Errors
    /// A search of too many steps, and what `each` gives.
    pub fn for_each(&self, text: &str, mut each: impl FnMut(&Found) -> Result<bool>) -> Result<()> {
        let mut from = 0;
        while let Some(found) = self.find_at(text, from)? {
            if !each(&found)? {
                return Ok(());
            }
            let (start, end) = found.span();
            from = end;
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

fn fast(regex: &Regex, emitted: &Emitted, text: &str, from: usize) -> Option<Found> {
    if emitted.groups.len() == 1 && emitted.ends.is_empty() {
        let found = regex.find_at(text, from)?;
        return Some(Found { groups: vec![Some((found.start(), found.end()))] });
    }
    let captures = regex.captures_at(text, from)?;
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
