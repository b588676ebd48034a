//! The tree of a pattern in Java's syntax.
//!
//! The tree holds no flags: the parser has resolved each of them into sets, places and folds, so that neither the
//! translation nor the machine depends on them.

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

/// A set of characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Set {
    ranges: Vec<(char, char)>,
}

impl Set {
    /// Returns the set that no character is in.
    pub(super) fn empty() -> Self {
        Self { ranges: Vec::new() }
    }
    pub(super) fn of(class: &ClassUnicode) -> Self {
        Self { ranges: class.iter().map(|r| (r.start(), r.end())).collect() }
    }
    pub(super) fn contains(&self, c: char) -> bool {
        // `ClassUnicode` keeps its ranges sorted and disjoint, so one binary search finds the only candidate.
        let after = self.ranges.partition_point(|(low, _)| *low <= c);
        after.checked_sub(1).and_then(|i| self.ranges.get(i)).is_some_and(|(_, high)| c <= *high)
    }
    pub(crate) fn ranges(&self) -> &[(char, char)] {
        &self.ranges
    }
}

/// Creates a class from ranges with inclusive ends.
pub(super) fn class(ranges: &[(char, char)]) -> ClassUnicode {
    ClassUnicode::new(ranges.iter().map(|(low, high)| ClassUnicodeRange::new(*low, *high)))
}

/// The order in which a quantifier tries its counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Greed {
    Greedy,
    Lazy,
    Possessive,
}

/// The comparison of a back reference, from the flags `i` and `u`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fold {
    Exactly,
    Ascii,
    Unicode,
}

/// The characters that end a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lines {
    /// `\n`, `\r`, `\r\n`, U+0085, U+2028 and U+2029.
    All,
    /// `\n` alone: the flag `d`.
    Unix,
}

impl Lines {
    /// Returns whether the character ends a line.
    pub(super) fn end_with(self, c: char) -> bool {
        match self {
            Self::All => matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}'),
            Self::Unix => c == '\n',
        }
    }
}

/// A condition on a place between two characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    TextStart,
    TextEnd,
    /// The end, or before a line's end that ends the text: `$` and `\Z`.
    LastLine(Lines),
    LineStart(Lines),
    LineEnd(Lines),
    /// `\b` (true) and `\B`; the flag `U` has other words.
    Word {
        boundary: bool,
        unicode: bool,
    },
}

/// A pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    Empty,
    Set(Set),
    Concat(Vec<Node>),
    Alternate(Vec<Node>),
    /// A group that captures.
    Group(usize, Box<Node>),
    Repeat {
        node: Box<Node>,
        least: u32,
        most: Option<u32>,
        greed: Greed,
    },
    At(Place),
    Look {
        ahead: bool,
        negated: bool,
        node: Box<Node>,
    },
    Atomic(Box<Node>),
    Back(usize, Fold),
}

impl Node {
    /// Returns the least and the greatest number of characters of a match; the latter is `None` without a bound.
    pub(super) fn widths(&self) -> (usize, Option<usize>) {
        match self {
            Node::Empty | Node::At(_) | Node::Look { .. } => (0, Some(0)),
            Node::Set(_) => (1, Some(1)),
            // The group may have matched any text. Java refuses a back reference in a look-behind for the
            // same reason.
            Node::Back(..) => (0, None),
            Node::Group(_, node) | Node::Atomic(node) => node.widths(),
            Node::Concat(nodes) => nodes.iter().map(Node::widths).fold((0, Some(0)), |a, w| {
                (a.0.saturating_add(w.0), a.1.zip(w.1).map(|(x, y)| x.saturating_add(y)))
            }),
            Node::Alternate(nodes) => {
                let all = nodes.iter().map(Node::widths);
                let sum = all.reduce(|a, w| (a.0.min(w.0), a.1.zip(w.1).map(|(x, y)| x.max(y))));
                sum.unwrap_or((0, Some(0)))
            }
            Node::Repeat { node, least, most, .. } => {
                let (low, high) = node.widths();
                let high = match (high, most) {
                    // However often it repeats, a part that matches only the empty text stays empty.
                    (Some(0), _) => Some(0),
                    (Some(h), Some(n)) => Some(h.saturating_mul(*n as usize)),
                    _ => None,
                };
                (low.saturating_mul(*least as usize), high)
            }
        }
    }
}
