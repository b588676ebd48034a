//! Translates a tree to the syntax of the regex crate, which matches in linear time.
//!
//! Look-around, back references, possessive quantifiers and Java's line ends do not exist there: a pattern that has
//! them has no translation. Some translations hold for some texts only (`Emitted::holds_for`).
//!
//! Both take the leftmost match and, of these, the first alternative that matches, so a translated pattern finds the
//! same text and the same groups.

use super::syntax::{Greed, Lines, Node, Place, Set};
use std::fmt::Write;

/// A translated pattern.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Emitted {
    pub pattern: String,
    /// The number in the crate's pattern of each of Java's groups, beginning with the whole match.
    pub groups: Vec<usize>,
    /// The numbers of the empty groups before the line end that the translation of `$` consumes: Java's match ends
    /// there.
    pub ends: Vec<usize>,
    /// Set if the translation holds for ASCII texts only.
    pub ascii_only: bool,
    count: usize,
}

impl Emitted {
    /// Returns whether the translation finds what Java finds in this text.
    pub(super) fn holds_for(&self, text: &str) -> bool {
        // Java's `$` matches before a final `\r\n` and never between the two. The translation would match
        // between them.
        (!self.ascii_only || text.is_ascii()) && (self.ends.is_empty() || !text.ends_with("\r\n"))
    }
}

/// Translates a pattern, or returns `None` if the crate has no equivalent.
pub(super) fn emit(node: &Node, groups: usize) -> Option<Emitted> {
    let mut out = Emitted { groups: vec![0; groups + 1], ..Emitted::default() };
    out.node(node, true)?;
    Some(out)
}

impl Emitted {
    /// Appends a part; `last` is set if nothing follows it in the pattern.
    fn node(&mut self, node: &Node, last: bool) -> Option<()> {
        match node {
            Node::Empty => self.pattern.push_str("(?:)"),
            Node::Set(set) => self.set(set),
            Node::Concat(nodes) => {
                for (i, node) in nodes.iter().enumerate() {
                    self.node(node, last && i + 1 == nodes.len())?;
                }
            }
            Node::Alternate(nodes) => {
                self.pattern.push_str("(?:");
                for (i, node) in nodes.iter().enumerate() {
                    self.pattern.push_str(if i == 0 { "" } else { "|" });
                    self.node(node, last)?;
                }
                self.pattern.push(')');
            }
            Node::Group(number, node) => {
                let place = self.open();
                *self.groups.get_mut(*number)? = place;
                self.node(node, last)?;
                self.pattern.push(')');
            }
            Node::Repeat { node, least, most, greed } => self.repeat(node, (*least, *most), *greed)?,
            Node::At(place) => self.place(*place, last)?,
            Node::Look { .. } | Node::Atomic(_) | Node::Back(..) => return None,
        }
        Some(())
    }

    /// Opens a group that captures; its number.
    fn open(&mut self) -> usize {
        self.count += 1;
        self.pattern.push('(');
        self.count
    }

    fn set(&mut self, set: &Set) {
        self.pattern.push('[');
        if set.ranges().is_empty() {
            // The crate has no empty class; an intersection of two different characters is one.
            self.pattern.push_str("a&&b");
        }
        for (low, high) in set.ranges() {
            // Code points instead of characters: no character needs an escape of its own. Writing to a
            // `String` cannot fail.
            let _ = write!(self.pattern, "\\x{{{:X}}}-\\x{{{:X}}}", u32::from(*low), u32::from(*high));
        }
        self.pattern.push(']');
    }

    fn repeat(&mut self, node: &Node, (least, most): (u32, Option<u32>), greed: Greed) -> Option<()> {
        // Java ends a loop after a round that matched nothing, the crate goes on differently, and groups and matches
        // show it. Possessive quantifiers do not exist in the crate.
        if node.widths().0 == 0 || greed == Greed::Possessive {
            return None;
        }
        self.pattern.push_str("(?:");
        // `last` is false even for the last round: a `$` inside of a loop may be followed by another round.
        self.node(node, false)?;
        self.pattern.push(')');
        let _ = match (least, most) {
            (least, Some(most)) => write!(self.pattern, "{{{least},{most}}}"),
            (least, None) => write!(self.pattern, "{{{least},}}"),
        };
        self.pattern.push_str(if greed == Greed::Lazy { "?" } else { "" });
        Some(())
    }

    fn place(&mut self, place: Place, last: bool) -> Option<()> {
        match place {
            Place::TextStart => self.pattern.push_str("\\A"),
            Place::TextEnd => self.pattern.push_str("\\z"),
            // The crate's `$` is the end of the text alone. A look-ahead over the line end is not available,
            // so the line end is consumed, which is right only where nothing follows in the pattern, and the
            // match is cut afterwards.
            Place::LastLine(lines) if last => {
                self.pattern.push_str("(?:");
                let end = self.open();
                self.ends.push(end);
                self.pattern.push_str(match lines {
                    Lines::All => ")[\\n\\r\\x{85}\\x{2028}\\x{2029}]?\\z)",
                    Lines::Unix => ")\\n?\\z)",
                });
            }
            // Java's `\b` counts letters and digits of all alphabets and marks, though `\w` is ASCII. On
            // ASCII texts it equals the crate's ASCII boundary.
            Place::Word { boundary, unicode: false } => {
                self.ascii_only = true;
                self.pattern.push_str(if boundary { "(?-u:\\b)" } else { "(?-u:\\B)" });
            }
            Place::LastLine(_) | Place::LineStart(_) | Place::LineEnd(_) | Place::Word { .. } => return None,
        }
        Some(())
    }
}
