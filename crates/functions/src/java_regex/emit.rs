//! A pattern in the regex crate's syntax, which matches in linear time.
//!
//! Look-around, back references, possessive parts and conditions on lines don't exist there: a pattern
//! that has them is left to the machine. Some translations hold for some texts only, and say for which.

use super::syntax::{Greed, Lines, Node, Place, Set};
use std::fmt::Write;

/// A translation.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Emitted {
    pub pattern: String,
    /// The crate's number of each group of ours, beginning with the whole match.
    pub groups: Vec<usize>,
    /// The crate's numbers of the empty groups before what `$` steps over: there the match ends.
    pub ends: Vec<usize>,
    /// Whether it holds for ASCII texts only.
    pub ascii_only: bool,
    count: usize,
}

impl Emitted {
    /// Whether the translation gives Java's answer on a text: `$` never stands between `\r` and `\n`.
    pub(super) fn holds_for(&self, text: &str) -> bool {
        (!self.ascii_only || text.is_ascii()) && (self.ends.is_empty() || !text.ends_with("\r\n"))
    }
}

/// The translation, if there is one.
pub(super) fn emit(node: &Node, groups: usize) -> Option<Emitted> {
    let mut out = Emitted { groups: vec![0; groups + 1], ..Emitted::default() };
    out.node(node, true)?;
    Some(out)
}

impl Emitted {
    /// Writes a part; `last` means that nothing follows it.
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
            // Nothing is in both.
            self.pattern.push_str("a&&b");
        }
        for (low, high) in set.ranges() {
            let _ = write!(self.pattern, "\\x{{{:X}}}-\\x{{{:X}}}", u32::from(*low), u32::from(*high));
        }
        self.pattern.push(']');
    }

    fn repeat(&mut self, node: &Node, (least, most): (u32, Option<u32>), greed: Greed) -> Option<()> {
        // An empty round ends Java's loop, which shows in what is captured and in what matches.
        if node.widths().0 == 0 || greed == Greed::Possessive {
            return None;
        }
        self.pattern.push_str("(?:");
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
            Place::LastLine(lines) if last => {
                self.pattern.push_str("(?:");
                let end = self.open();
                self.ends.push(end);
                self.pattern.push_str(match lines {
                    Lines::All => ")[\\n\\r\\x{85}\\x{2028}\\x{2029}]?\\z)",
                    Lines::Unix => ")\\n?\\z)",
                });
            }
            Place::Word { boundary, unicode: false } => {
                self.ascii_only = true;
                self.pattern.push_str(if boundary { "(?-u:\\b)" } else { "(?-u:\\B)" });
            }
            Place::LastLine(_) | Place::LineStart(_) | Place::LineEnd(_) | Place::Word { .. } => return None,
        }
        Some(())
    }
}
