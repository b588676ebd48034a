//! Parses Java's syntax of patterns to a tree.
//!
//! The parser is recursive descent over characters, like that of `java.util.regex.Pattern`, and accepts what that
//! accepts: [`Bad::Invalid`] for what Java refuses, [`Bad::Unsupported`] for what is valid there but not supported
//! here.

use super::class;
use super::flags::Flags;
use super::syntax::{Fold, Greed, Node, Place, Set, class as ranges};
use regex_syntax::hir::ClassUnicode;

/// The reason why a pattern cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bad {
    /// Java refuses the pattern.
    Invalid,
    /// The pattern is valid in Java; the text names the construct that is not supported here.
    Unsupported(&'static str),
}

/// The bound on nested groups and classes: parser, translation and compiler are recursive.
const DEPTH_MAX: usize = 250;

/// A parsed pattern.
pub(super) struct Parsed {
    pub node: Node,
    /// The number of capturing groups.
    pub groups: usize,
    pub names: Vec<(String, usize)>,
}

/// Parses a pattern.
pub(super) fn parse(pattern: &str) -> Result<Parsed, Bad> {
    let mut parser = Parser {
        chars: unquoted(pattern),
        at: 0,
        flags: Flags::default(),
        groups: 0,
        names: vec![],
        depth: 0,
    };
    let node = parser.alternatives()?;
    // Only a `)` without its `(` ends the alternatives early.
    if parser.at < parser.chars.len() {
        return Err(Bad::Invalid);
    }
    Ok(Parsed { node, groups: parser.groups, names: parser.names })
}

/// Returns the characters of a pattern; those between `\Q` and `\E` are marked `true` and stand for themselves.
fn unquoted(pattern: &str) -> Vec<(char, bool)> {
    let mut out = Vec::with_capacity(pattern.len());
    let (mut rest, mut quoted) = (pattern, false);
    while let Some(c) = rest.chars().next() {
        match (rest.get(..2), quoted) {
            (Some("\\Q"), false) => (quoted, rest) = (true, rest.get(2..).unwrap_or("")),
            (Some("\\E"), true) => (quoted, rest) = (false, rest.get(2..).unwrap_or("")),
            // The second backslash is escaped, so that a `Q` after it starts no quotation.
            (Some("\\\\"), false) => {
                out.extend([('\\', false), ('\\', false)]);
                rest = rest.get(2..).unwrap_or("");
            }
            _ => {
                out.push((c, quoted));
                rest = rest.get(c.len_utf8()..).unwrap_or("");
            }
        }
    }
    out
}

struct Parser {
    chars: Vec<(char, bool)>,
    at: usize,
    flags: Flags,
    groups: usize,
    names: Vec<(String, usize)>,
    depth: usize,
}

/// One piece of a class: a character, which may begin a range, or a class.
enum Piece {
    One(char),
    Many(ClassUnicode),
}

impl Parser {
    /// Returns the next character if it is not quoted. With the flag `x` spaces and comments before it are skipped.
    fn peek(&mut self) -> Option<char> {
        if self.flags.comments {
            self.skip_comments();
        }
        self.raw().filter(|(_, quoted)| !quoted).map(|(c, _)| c)
    }
    fn raw(&self) -> Option<(char, bool)> {
        self.chars.get(self.at).copied()
    }
    fn skip_comments(&mut self) {
        while let Some((c, false)) = self.raw() {
            match c {
                ' ' | '\t'..='\r' => self.at += 1,
                '#' => {
                    let lines = self.flags.lines();
                    while self.raw().is_some_and(|(c, _)| !lines.end_with(c)) {
                        self.at += 1;
                    }
                }
                _ => return,
            }
        }
    }
    fn eat(&mut self, wanted: char) -> bool {
        let here = self.peek() == Some(wanted);
        self.at += usize::from(here);
        here
    }
    fn expect(&mut self, wanted: char) -> Result<(), Bad> {
        if self.eat(wanted) { Ok(()) } else { Err(Bad::Invalid) }
    }
    /// Consumes the next character, quoted or not.
    fn next(&mut self) -> Result<char, Bad> {
        let (c, _) = self.raw().ok_or(Bad::Invalid)?;
        self.at += 1;
        Ok(c)
    }

    /// Parses sequences that are separated by `|`.
    fn alternatives(&mut self) -> Result<Node, Bad> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Bad::Unsupported("groups nested this deep"));
        }
        let mut all = vec![self.sequence()?];
        while self.eat('|') {
            all.push(self.sequence()?);
        }
        self.depth -= 1;
        Ok(if all.len() == 1 { all.remove(0) } else { Node::Alternate(all) })
    }

    /// Parses atoms with their quantifiers up to `|`, `)` or the end.
    fn sequence(&mut self) -> Result<Node, Bad> {
        let mut all = vec![];
        loop {
            match self.peek() {
                Some('|' | ')') => break,
                None if self.raw().is_none() => break,
                _ => {}
            }
            let Some(node) = self.atom()? else { continue };
            all.push(self.repeated(node)?);
        }
        Ok(match all.len() {
            0 => Node::Empty,
            1 => all.remove(0),
            _ => Node::Concat(all),
        })
    }

    /// Parses what a quantifier may follow; `None` for `(?i)`, which only sets flags.
    fn atom(&mut self) -> Result<Option<Node>, Bad> {
        // `peek` hides quoted characters: they are literals, whatever they are.
        let Some(c) = self.peek() else { return self.next().map(|c| Some(self.one(c))) };
        self.at += 1;
        Ok(Some(match c {
            '(' => return self.group(),
            '[' => Node::Set(Set::of(&self.bracket()?)),
            '\\' => self.escape()?,
            '.' => Node::Set(Set::of(&self.dot())),
            '^' if self.flags.multiline => Node::At(Place::LineStart(self.flags.lines())),
            '^' => Node::At(Place::TextStart),
            '$' if self.flags.multiline => Node::At(Place::LineEnd(self.flags.lines())),
            '$' => Node::At(Place::LastLine(self.flags.lines())),
            // A quantifier needs something before it. `]` and `}` alone are literals.
            '*' | '+' | '?' | '{' => return Err(Bad::Invalid),
            c => self.one(c),
        }))
    }

    /// Returns the class of `.`: all characters, or all but those that end a line.
    fn dot(&self) -> ClassUnicode {
        let mut ends = match (self.flags.dot_all, self.flags.unix_lines) {
            (true, _) => ClassUnicode::empty(),
            (false, true) => ranges(&[('\n', '\n')]),
            (false, false) => {
                ranges(&[('\n', '\n'), ('\r', '\r'), ('\u{85}', '\u{85}'), ('\u{2028}', '\u{2029}')])
            }
        };
        ends.negate();
        ends
    }

    /// Returns the node of one literal character, with its other cases under the flag `i`.
    fn one(&self, c: char) -> Node {
        Node::Set(Set::of(&self.folded(ranges(&[(c, c)]))))
    }

    /// Adds the other cases of the letters of a class, if the flag `i` is set.
    fn folded(&self, mut class: ClassUnicode) -> ClassUnicode {
        if !self.flags.fold {
            return class;
        }
        if self.flags.unicode_case {
            // Fails only if regex-syntax is built without its tables of cases, which it is not.
            let _ = class.try_case_fold_simple();
            return class;
        }
        // Without the flag `u` Java folds ASCII letters only. Each range is clipped to the letters and
        // shifted by the distance of the two cases.
        let mut other = ClassUnicode::empty();
        for range in class.iter() {
            let shifted = |low: char, high: char, by: i32| {
                let (from, to) = (range.start().max(low), range.end().min(high));
                let moved = |c: char| u32::from(c).checked_add_signed(by).and_then(char::from_u32);
                (from <= to).then(|| moved(from).zip(moved(to))).flatten()
            };
            for both in [shifted('a', 'z', -32), shifted('A', 'Z', 32)].into_iter().flatten() {
                other.union(&ranges(&[both]));
            }
        }
        class.union(&other);
        class
    }

    /// Parses the quantifier after a node, if there is one.
    fn repeated(&mut self, node: Node) -> Result<Node, Bad> {
        let (least, most) = match self.peek() {
            Some('?') => (0, Some(1)),
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('{') => return self.counted(node),
            _ => return Ok(node),
        };
        self.at += 1;
        self.greed(node, least, most)
    }

    /// Parses `{n}`, `{n,}` or `{n,m}`.
    fn counted(&mut self, node: Node) -> Result<Node, Bad> {
        self.at += 1;
        // Java requires the lower bound: `{,3}` is an error.
        let least = self.number()?.ok_or(Bad::Invalid)?;
        let most = if self.eat(',') { self.number()? } else { Some(least) };
        self.expect('}')?;
        if most.is_some_and(|most| most < least) {
            return Err(Bad::Invalid);
        }
        self.greed(node, least, most)
    }

    fn number(&mut self) -> Result<Option<u32>, Bad> {
        let mut found: Option<u32> = None;
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
            self.at += 1;
            // Java's counts are of type `int`.
            let longer = found.unwrap_or(0).checked_mul(10).and_then(|n| n.checked_add(digit));
            found = Some(longer.filter(|n| *n <= i32::MAX as u32).ok_or(Bad::Invalid)?);
        }
        Ok(found)
    }

    /// Parses the `?` or `+` after a quantifier.
    fn greed(&mut self, node: Node, least: u32, most: Option<u32>) -> Result<Node, Bad> {
        let greed = if self.eat('?') {
            Greed::Lazy
        } else if self.eat('+') {
            Greed::Possessive
        } else {
            Greed::Greedy
        };
        Ok(Node::Repeat { node: Box::new(node), least, most, greed })
    }

    /// Parses what follows `(`.
    fn group(&mut self) -> Result<Option<Node>, Bad> {
        let outer = self.flags;
        if !self.eat('?') {
            // The number is taken before the body: groups count by their opening parentheses.
            self.groups += 1;
            let number = self.groups;
            return self.body(outer, |node| Node::Group(number, node)).map(Some);
        }
        let look = |ahead, negated| move |node| Node::Look { ahead, negated, node };
        let made = match self.next()? {
            ':' => self.body(outer, |node| *node),
            '=' => self.body(outer, look(true, false)),
            '!' => self.body(outer, look(true, true)),
            '>' => self.body(outer, Node::Atomic),
            '<' => match self.next()? {
                '=' => self.body(outer, look(false, false)),
                '!' => self.body(outer, look(false, true)),
                first => {
                    let name = self.name(first)?;
                    self.groups += 1;
                    let number = self.groups;
                    if self.names.iter().any(|(known, _)| *known == name) {
                        return Err(Bad::Invalid);
                    }
                    self.names.push((name, number));
                    self.body(outer, |node| Node::Group(number, node))
                }
            },
            first => return self.inline_flags(first, outer),
        };
        made.map(Some)
    }

    /// Parses the body of a group up to its `)`.
    fn body(&mut self, outer: Flags, made: impl FnOnce(Box<Node>) -> Node) -> Result<Node, Bad> {
        let node = self.alternatives()?;
        self.expect(')')?;
        // Flags that were set inside of the group end with it.
        self.flags = outer;
        let made = made(Box::new(node));
        match &made {
            // Java also refuses a look-behind whose length has no bound.
            Node::Look { ahead: false, node, .. } if node.widths().1.is_none() => Err(Bad::Invalid),
            _ => Ok(made),
        }
    }

    /// Parses the name of a group up to `>`: ASCII letters and digits, beginning with a letter.
    fn name(&mut self, first: char) -> Result<String, Bad> {
        if !first.is_ascii_alphabetic() {
            return Err(Bad::Invalid);
        }
        let mut name = String::from(first);
        loop {
            match self.next()? {
                '>' => return Ok(name),
                c if c.is_ascii_alphanumeric() => name.push(c),
                _ => return Err(Bad::Invalid),
            }
        }
    }

    /// Parses `(?i-m)`, whose flags hold until the enclosing group ends, and `(?i-m:…)`.
    fn inline_flags(&mut self, first: char, outer: Flags) -> Result<Option<Node>, Bad> {
        let (mut on, mut letter) = (true, first);
        loop {
            match letter {
                '-' if on => on = false,
                ')' => return Ok(None),
                ':' => return self.body(outer, |node| *node).map(Some),
                letter => self.flags.set(letter, on)?,
            }
            letter = self.next()?;
        }
    }

    /// Parses what follows a backslash outside of a class.
    fn escape(&mut self) -> Result<Node, Bad> {
        let c = self.next()?;
        let word = |boundary| Node::At(Place::Word { boundary, unicode: self.flags.unicode_classes });
        Ok(match c {
            'b' if self.raw() == Some(('{', false)) => return Err(Bad::Unsupported("\\b{g}")),
            'b' => word(true),
            'B' => word(false),
            'A' => Node::At(Place::TextStart),
            'Z' => Node::At(Place::LastLine(self.flags.lines())),
            'z' => Node::At(Place::TextEnd),
            'G' => return Err(Bad::Unsupported("\\G")),
            'X' => return Err(Bad::Unsupported("\\X")),
            'R' => line_break(),
            '1'..='9' => self.back_reference(c),
            'k' => {
                if self.next()? != '<' {
                    return Err(Bad::Invalid);
                }
                let first = self.next()?;
                let name = self.name(first)?;
                // Java resolves the name while it parses, so the group must stand before the reference.
                let known = self.names.iter().find(|(known, _)| *known == name);
                Node::Back(known.ok_or(Bad::Invalid)?.1, self.fold())
            }
            c => match self.escaped(c)? {
                Piece::One(c) => self.one(c),
                Piece::Many(class) => Node::Set(Set::of(&class)),
            },
        })
    }

    fn fold(&self) -> Fold {
        match (self.flags.fold, self.flags.unicode_case) {
            (false, _) => Fold::Exactly,
            (true, false) => Fold::Ascii,
            (true, true) => Fold::Unicode,
        }
    }

    /// Parses the rest of a back reference. `\11` is group 11 if 11 groups are open or closed so far, and otherwise
    /// group 1 and the character `1`.
    fn back_reference(&mut self, first: char) -> Node {
        let mut group = first.to_digit(10).unwrap_or(0) as usize;
        while let Some(digit) = self.raw().and_then(|(c, _)| c.to_digit(10)) {
            let longer = group * 10 + digit as usize;
            if longer > self.groups {
                break;
            }
            group = longer;
            self.at += 1;
        }
        Node::Back(group, self.fold())
    }

    /// Parses an escape that stands for characters, inside or outside of a class.
    fn escaped(&mut self, c: char) -> Result<Piece, Bad> {
        if let Some(found) = class::short(c, self.flags.unicode_classes) {
            return Ok(Piece::Many(found));
        }
        Ok(Piece::One(match c {
            'p' | 'P' => return self.property(c == 'P').map(Piece::Many),
            't' => '\t',
            'n' => '\n',
            'r' => '\r',
            'f' => '\u{C}',
            'a' => '\u{7}',
            'e' => '\u{1B}',
            'c' => {
                let c = self.next()?;
                char::from_u32(u32::from(c) ^ 64).ok_or(Bad::Invalid)?
            }
            '0' => self.octal()?,
            'x' if self.raw() == Some(('{', false)) => {
                self.at += 1;
                let digits: String = self.until('}')?;
                u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32).ok_or(Bad::Invalid)?
            }
            'x' => char::from_u32(self.hex(2)?).ok_or(Bad::Invalid)?,
            'u' => self.utf16()?,
            'N' => return Err(Bad::Unsupported("\\N{name}")),
            // Java reserves letters without a meaning; any other character may be escaped.
            c if c.is_ascii_alphabetic() => return Err(Bad::Invalid),
            c => c,
        }))
    }

    fn until(&mut self, end: char) -> Result<String, Bad> {
        let mut text = String::new();
        loop {
            match self.next()? {
                c if c == end => return Ok(text),
                c => text.push(c),
            }
        }
    }

    fn hex(&mut self, digits: usize) -> Result<u32, Bad> {
        let digit = |p: &mut Self| p.next()?.to_digit(16).ok_or(Bad::Invalid);
        (0..digits).try_fold(0, |value, _| Ok(value * 16 + digit(self)?))
    }

    /// Parses the digits of `\0`: up to three octal ones whose value is at most 255.
    fn octal(&mut self) -> Result<char, Bad> {
        let mut value = self.next()?.to_digit(8).ok_or(Bad::Invalid)?;
        for _ in 0..2 {
            match self.raw().and_then(|(c, _)| c.to_digit(8)) {
                Some(digit) if value * 8 + digit <= 0o377 => {
                    value = value * 8 + digit;
                    self.at += 1;
                }
                _ => break,
            }
        }
        char::from_u32(value).ok_or(Bad::Invalid)
    }

    /// Parses the four digits of `\u`. Two escapes of a surrogate pair are one character.
    fn utf16(&mut self) -> Result<char, Bad> {
        let high = self.hex(4)?;
        // A text here is UTF-8 and holds no single surrogate, which Java could match.
        if !(0xD800..0xDC00).contains(&high) {
            return char::from_u32(high).ok_or(Bad::Unsupported("a half of a character"));
        }
        let next = self.chars.get(self.at..self.at + 2);
        if next.is_none_or(|next| next != [('\\', false), ('u', false)]) {
            return Err(Bad::Unsupported("a half of a character"));
        }
        self.at += 2;
        let low = self.hex(4)?.checked_sub(0xDC00).filter(|low| *low < 0x400);
        let low = low.ok_or(Bad::Unsupported("a half of a character"))?;
        char::from_u32(0x10000 + ((high - 0xD800) << 10) + low).ok_or(Bad::Invalid)
    }

    /// Parses `\p{name}` or `\pL` after the `p`.
    fn property(&mut self, negated: bool) -> Result<ClassUnicode, Bad> {
        let name = match self.next()? {
            '{' => self.until('}')?,
            letter => letter.to_string(),
        };
        let mut found = class::property(&name, self.flags.unicode_classes, self.flags.fold)?;
        if negated {
            found.negate();
        }
        Ok(found)
    }

    /// Parses what follows `[`: characters, ranges, nested classes, and `&&` for intersections.
    fn bracket(&mut self) -> Result<ClassUnicode, Bad> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Bad::Unsupported("classes nested this deep"));
        }
        let negated = self.eat('^');
        let mut left: Option<ClassUnicode> = None;
        let mut here = ClassUnicode::empty();
        let mut empty = true;
        loop {
            match self.peek() {
                // A `]` at the beginning is a literal.
                Some(']') if !empty || left.is_some() => {
                    self.at += 1;
                    break;
                }
                Some('[') => {
                    self.at += 1;
                    here.union(&self.bracket()?);
                }
                Some('&') if self.chars.get(self.at + 1) == Some(&('&', false)) => {
                    self.at += 2;
                    // `&&` binds weaker than union: everything since the last `&&` is one side.
                    intersect(&mut left, here, empty);
                    (here, empty) = (ClassUnicode::empty(), true);
                    continue;
                }
                _ => {
                    let piece = self.piece()?;
                    here.union(&piece);
                }
            }
            empty = false;
        }
        intersect(&mut left, here, empty);
        let mut all = left.unwrap_or_else(ClassUnicode::empty);
        if negated {
            all.negate();
        }
        self.depth -= 1;
        Ok(all)
    }

    /// Parses a character, a range or an escape of a class.
    fn piece(&mut self) -> Result<ClassUnicode, Bad> {
        let first = match self.class_item()? {
            Piece::Many(class) => return Ok(class),
            Piece::One(c) => c,
        };
        // A `-` before the end of the class or before a nested class is a literal.
        let range = self.peek() == Some('-')
            && !matches!(self.chars.get(self.at + 1), None | Some((']' | '[', false)));
        if !range {
            return Ok(self.folded(ranges(&[(first, first)])));
        }
        self.at += 1;
        match self.class_item()? {
            Piece::One(last) if first <= last => Ok(self.folded(ranges(&[(first, last)]))),
            _ => Err(Bad::Invalid),
        }
    }

    fn class_item(&mut self) -> Result<Piece, Bad> {
        if self.peek() == Some('\\') {
            self.at += 1;
            let c = self.next()?;
            return self.escaped(c);
        }
        self.next().map(Piece::One)
    }
}

/// Intersects the left side of `&&` with the right one. Java ignores an empty right side.
fn intersect(left: &mut Option<ClassUnicode>, right: ClassUnicode, empty: bool) {
    match left {
        None => *left = Some(right),
        Some(_) if empty => {}
        Some(left) => left.intersect(&right),
    }
}

/// Returns the equivalent of `\R`. `\r\n` comes first, so that it is consumed as one line break.
fn line_break() -> Node {
    let one = |c| Node::Set(Set::of(&ranges(&[(c, c)])));
    let single = ranges(&[('\n', '\r'), ('\u{85}', '\u{85}'), ('\u{2028}', '\u{2029}')]);
    Node::Alternate(vec![Node::Concat(vec![one('\r'), one('\n')]), Node::Set(Set::of(&single))])
}
