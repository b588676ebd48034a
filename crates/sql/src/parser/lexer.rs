//! Splits a text into tokens.
//!
//! This is the first step of every parse. It follows Spark's lexer: `1L` is one number, `1st` a word, `'a''b'` one
//! string; a hint's `/*+` and `*/` are tokens, other comments are dropped.
//! The lexer never fails: what is not a token becomes [`TokenKind::Unknown`], which the parser refuses. That way
//! the value of `SET key = value` may be any text. Token places are characters (for users) and bytes (for slices).

use super::unescape::unescape;

/// What a token is. Its text is the slice of the statement that it covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A keyword or plain identifier.
    Word,
    /// A back-quoted identifier, without its quotes.
    Quoted(String),
    /// A string literal's value.
    Text(String),
    /// A number with its suffix.
    Number,
    /// An operator or a bracket.
    Symbol,
    /// Text that is not a token of the language, or a string or comment that never ends.
    Unknown,
    /// The end of the text.
    End,
}

/// A token and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    /// First character and one past the last, counted in characters.
    pub(crate) start: usize,
    pub(crate) stop: usize,
    /// The same places counted in bytes.
    pub(crate) from: usize,
    pub(crate) to: usize,
}

/// Symbols of more than one character, longest first. `>>` stays two tokens, for `array<array<int>>`.
const SYMBOLS: [&str; 15] =
    ["<=>", "<=", ">=", "<>", "!=", "!<", "!>", "==", "=>", "->", "||", "|>", "<<", "::", ":="];

/// Characters that are a symbol by themselves.
const SINGLES: &str = "()[]{},.;:?=<>+-*/%&|^~!@";

/// Splits `text` into tokens; the last one is [`TokenKind::End`].
pub(crate) fn lex(text: &str) -> Vec<Token> {
    let mut lexer = Lexer { text, chars: text.char_indices().collect(), tokens: vec![], in_hint: false };
    let mut at = 0;
    while let Some(c) = lexer.char(at) {
        at = if c.is_whitespace() { at + 1 } else { lexer.token(at, c) };
    }
    lexer.push(TokenKind::End, at, at);
    lexer.tokens
}

struct Lexer<'a> {
    text: &'a str,
    chars: Vec<(usize, char)>,
    tokens: Vec<Token>,
    in_hint: bool,
}

impl Lexer<'_> {
    fn char(&self, at: usize) -> Option<char> {
        self.chars.get(at).map(|(_, c)| *c)
    }

    fn byte(&self, at: usize) -> usize {
        self.chars.get(at).map_or(self.text.len(), |(byte, _)| *byte)
    }

    fn slice(&self, start: usize, stop: usize) -> &str {
        self.text.get(self.byte(start)..self.byte(stop)).unwrap_or_default()
    }

    fn starts(&self, at: usize, prefix: &str) -> bool {
        self.text.get(self.byte(at)..).is_some_and(|rest| rest.starts_with(prefix))
    }

    fn push(&mut self, kind: TokenKind, start: usize, stop: usize) {
        let (from, to) = (self.byte(start), self.byte(stop));
        self.tokens.push(Token { kind, start, stop, from, to });
    }

    /// Reads what begins at `at`, a token or a comment, and returns where it ends.
    fn token(&mut self, at: usize, c: char) -> usize {
        if self.starts(at, "--") {
            return self.line_comment_end(at);
        }
        // What a hint contains is read by the parser, so its comment signs are tokens.
        if self.starts(at, "/*") && !self.starts(at, "/*+") {
            return self.block_comment(at);
        }
        let (kind, stop) = match c {
            '\'' | '"' => self.string(at, c),
            // This comes before words, since `r` without a quote behind it is a name.
            'r' | 'R' if matches!(self.char(at + 1), Some('\'' | '"')) => self.raw_string(at),
            '`' => self.quoted(at),
            '0'..='9' => self.number(at),
            '.' if self.starts_fraction(at) => self.number(at),
            c if is_word(c) => (TokenKind::Word, self.word_end(at)),
            _ => self.symbol(at, c),
        };
        self.push(kind, at, stop);
        stop
    }

    /// A line comment ends at the line's end, unless a backslash continues it.
    fn line_comment_end(&self, start: usize) -> usize {
        let mut at = start;
        while let Some(c) = self.char(at) {
            if c == '\n' && self.char(at.saturating_sub(1)) != Some('\\') {
                return at;
            }
            at += 1;
        }
        at
    }

    /// Block comments nest; one that never ends is [`TokenKind::Unknown`].
    fn block_comment(&mut self, start: usize) -> usize {
        let (mut at, mut depth) = (start + 2, 1);
        while depth > 0 {
            let step = match (self.starts(at, "/*"), self.starts(at, "*/")) {
                (true, _) => 1,
                (_, true) => -1,
                _ => 0,
            };
            if self.char(at).is_none() {
                self.push(TokenKind::Unknown, start, at);
                return at;
            }
            depth += step;
            at += if step == 0 { 1 } else { 2 };
        }
        at
    }

    /// `'…'` or `"…"`: a backslash escapes the next character, a doubled quote is one quote.
    fn string(&self, start: usize, quote: char) -> (TokenKind, usize) {
        let mut at = start + 1;
        while let Some(c) = self.char(at) {
            match c {
                // An escaped quote does not end the string; values of escapes are computed from the whole text
                // afterwards.
                '\\' => at += 2,
                _ if c == quote && self.char(at + 1) == Some(quote) => at += 2,
                _ if c == quote => {
                    return (TokenKind::Text(unescape(self.slice(start + 1, at), quote)), at + 1);
                }
                _ => at += 1,
            }
        }
        (TokenKind::Unknown, self.chars.len())
    }

    /// `r'…'`: no escapes at all.
    fn raw_string(&self, start: usize) -> (TokenKind, usize) {
        let quote = self.char(start + 1);
        let mut at = start + 2;
        while let Some(c) = self.char(at) {
            if Some(c) == quote {
                return (TokenKind::Text(self.slice(start + 2, at).to_owned()), at + 1);
            }
            at += 1;
        }
        (TokenKind::Unknown, at)
    }

    /// `` `…` ``: a doubled back quote is one.
    fn quoted(&self, start: usize) -> (TokenKind, usize) {
        let mut at = start + 1;
        while let Some(c) = self.char(at) {
            match c {
                '`' if self.char(at + 1) == Some('`') => at += 2,
                '`' => return (TokenKind::Quoted(self.slice(start + 1, at).replace("``", "`")), at + 1),
                _ => at += 1,
            }
        }
        (TokenKind::Unknown, at)
    }

    fn word_end(&self, start: usize) -> usize {
        let mut at = start;
        while self.char(at).is_some_and(is_word) {
            at += 1;
        }
        at
    }

    fn digits_end(&self, start: usize) -> usize {
        let mut at = start;
        while self.char(at).is_some_and(|c| c.is_ascii_digit()) {
            at += 1;
        }
        at
    }

    /// Returns whether the point at `at` begins a number such as `.5` and does not follow a name, as in `t.5`.
    fn starts_fraction(&self, at: usize) -> bool {
        let after_name = self.tokens.last().is_some_and(|t| {
            t.stop == at
                && (matches!(t.kind, TokenKind::Word | TokenKind::Quoted(_))
                    || self.slice(t.start, t.stop) == "]")
        });
        !after_name && self.char(at + 1).is_some_and(|c| c.is_ascii_digit())
    }

    /// A number with its suffix; or a word that begins with digits (`1st`).
    fn number(&self, start: usize) -> (TokenKind, usize) {
        let whole = self.digits_end(start);
        let mut mantissa = whole;
        if self.char(whole) == Some('.') {
            mantissa = self.digits_end(whole + 1);
        }
        let exponent = self.exponent_end(mantissa);
        let stop = self.word_end(exponent);
        let suffix = self.slice(exponent, stop).to_ascii_uppercase();
        let is_whole = exponent == whole;
        match suffix.as_str() {
            "" | "D" | "F" | "BD" => (TokenKind::Number, stop),
            "L" | "S" | "Y" if is_whole => (TokenKind::Number, stop),
            // Spark allows names that begin with digits, but not with a point among them.
            _ if mantissa == whole => (TokenKind::Word, stop),
            _ if whole == start => (TokenKind::Unknown, stop),
            _ => (TokenKind::Number, whole),
        }
    }

    fn exponent_end(&self, at: usize) -> usize {
        if !matches!(self.char(at), Some('e' | 'E')) {
            return at;
        }
        let sign = usize::from(matches!(self.char(at + 1), Some('+' | '-')));
        let stop = self.digits_end(at + 1 + sign);
        // Without digits the `e` is no exponent, and `1e` is a name.
        if stop == at + 1 + sign { at } else { stop }
    }

    fn symbol(&mut self, at: usize, c: char) -> (TokenKind, usize) {
        if self.starts(at, "/*+") {
            self.in_hint = true;
            return (TokenKind::Symbol, at + 3);
        }
        // Outside of a hint these are two operators.
        if self.in_hint && self.starts(at, "*/") {
            self.in_hint = false;
            return (TokenKind::Symbol, at + 2);
        }
        match SYMBOLS.iter().find(|s| self.starts(at, s)) {
            Some(symbol) => (TokenKind::Symbol, at + symbol.len()),
            None if SINGLES.contains(c) => (TokenKind::Symbol, at + 1),
            None => (TokenKind::Unknown, at + 1),
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[&str]) {
        let found: Vec<String> = lex(text)
            .into_iter()
            .filter(|t| t.kind != TokenKind::End)
            .map(|t| match t.kind {
                TokenKind::Text(value) => format!("'{value}'"),
                TokenKind::Quoted(name) => format!("`{name}`"),
                TokenKind::Number => format!("#{}", &text[t.from..t.to]),
                TokenKind::Unknown => format!("?{}", &text[t.from..t.to]),
                _ => text[t.from..t.to].to_owned(),
            })
            .collect();
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn texts_split_as_spark_splits_them() {
        check("SELECT 1L, 1.5BD,.5", &["SELECT", "#1L", ",", "#1.5BD", ",", "#.5"]);
        check("1st 1e3 1e 2.5e-3D 1.", &["1st", "#1e3", "1e", "#2.5e-3D", "#1."]);
        check("t.1 a[0].5x", &["t", ".", "#1", "a", "[", "#0", "]", ".", "5x"]);
        check("'it''s' \"a\\tb\" r'\\n'", &["'it's'", "'a\tb'", "'\\n'"]);
        check("`a``b`.c", &["`a`b`", ".", "c"]);
        check("a<=>b<>c>>d", &["a", "<=>", "b", "<>", "c", ">", ">", "d"]);
        check("a -- x\n/* y /* z */ */ b", &["a", "b"]);
        check("/*+ B(t) */ 1*/2", &["/*+", "B", "(", "t", ")", "*/", "#1", "*", "/", "#2"]);
        check("'open", &["?'open"]);
        check("/* open", &["?/* open"]);
        check("größe $", &["größe", "?$"]);
    }
}
