//! Converts Spark SQL text to IR by recursive descent.
//!
//! There is one file per clause family. Each method reads one phrase of Spark's grammar and either moves past
//! all of it or returns an error. Nothing backtracks: where the meaning of a parenthesis is ambiguous, a look-ahead
//! over matched brackets decides. A clause that the IR cannot represent is always refused by name,
//! never skipped; nesting and tree height are bounded, so that neither this descent nor a later walk
//! over the IR can exhaust the stack.
//! The parser knows no catalog and no types of columns.

mod data_type;
mod expr;
mod identifier;
mod lexer;
mod query;
mod statement;
mod unescape;
mod words;

use crate::ir::{Arguments, Expr, ExprNode, FunctionCall, Name, Origin, Relation, Span, WindowCall};
use lexer::{Token, TokenKind, lex};
pub(crate) use statement::empty_statement;
use thalweg_common::{Error, ErrorKind, Position, Result};

/// The deepest nesting of expressions, queries and types: each level takes several stack frames of the descent.
pub(crate) const NESTING_MAX: usize = 100;

/// The largest height of an IR tree: a chain `a + b + c + …` nests to its left, and the resolver recurses once per level.
pub(crate) const TREE_HEIGHT_MAX: usize = 400;

/// The text of a parse and its tokens.
pub(crate) struct Source<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    /// For each token that opens a bracket, the token that closes it.
    closing: Vec<Option<usize>>,
    /// The arguments of its markers, where they are known before it is parsed.
    arguments: Option<&'a Arguments>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let tokens = lex(text);
        // Brackets are matched once for the whole text, so that a look-ahead past a parenthesis takes constant time.
        let mut closing = vec![None; tokens.len()];
        let mut open = vec![];
        for (at, token) in tokens.iter().enumerate() {
            match text.get(token.from..token.to) {
                Some("(") if token.kind == TokenKind::Symbol => open.push(at),
                Some(")") if token.kind == TokenKind::Symbol => {
                    // A parenthesis that closes nothing is not an error yet: the parser reports it where it reads it.
                    if let Some(slot) = open.pop().and_then(|o| closing.get_mut(o)) {
                        *slot = Some(at);
                    }
                }
                _ => {}
            }
        }
        Self { text, tokens, closing, arguments: None }
    }

    /// Adds the arguments of its markers.
    pub(crate) fn with_arguments(self, arguments: &'a Arguments) -> Self {
        Self { arguments: Some(arguments), ..self }
    }

    /// Returns the token ranges of the statements, without the `;` between them.
    pub(crate) fn statements(&self) -> Vec<std::ops::Range<usize>> {
        let mut ranges = vec![];
        let mut from = 0;
        for (at, token) in self.tokens.iter().enumerate() {
            let ends = token.kind == TokenKind::End
                || (token.kind == TokenKind::Symbol && self.text.get(token.from..token.to) == Some(";"));
            // As in spark-sql, a `;` may follow another one.
            if ends && at > from {
                ranges.push(from..at);
            }
            if ends {
                from = at + 1;
            }
        }
        ranges
    }

    /// Returns the byte and the character at which the token `at` begins.
    pub(crate) fn place(&self, at: usize) -> (usize, usize) {
        self.tokens.get(at).map_or((self.text.len(), 0), |t| (t.from, t.start))
    }
}

/// A named window of the SELECT that is being read.
type NamedWindow = (String, WindowCall);

/// A reader over the tokens of one statement.
pub(crate) struct Parser<'a> {
    source: &'a Source<'a>,
    /// The first token of the statement.
    start: usize,
    pos: usize,
    stop: usize,
    /// The end token after the last token of the statement.
    end: Token,
    /// The character at which the statement begins; origins count from there.
    base: usize,
    depth: usize,
    /// The height of the tallest tree read in the current phrase.
    height: usize,
    windows: Vec<NamedWindow>,
    /// Parameters of the lambdas around the current token, outermost first.
    lambda_parameters: Vec<String>,
}

impl<'a> Parser<'a> {
    /// Creates a parser of all of `source` as one phrase.
    pub(crate) fn new(source: &'a Source<'a>) -> Self {
        Self::over(source, 0..source.tokens.len().saturating_sub(1), 0)
    }

    /// Creates a parser of the tokens in `range`, with origins counted from the character `base`.
    pub(crate) fn over(source: &'a Source<'a>, range: std::ops::Range<usize>, base: usize) -> Self {
        // This is the end of the statement and not of the text, so that an error there points behind the statement that
        // is incomplete.
        let (byte, place) = source.place(range.end);
        let end = Token { kind: TokenKind::End, start: place, stop: place, from: byte, to: byte };
        Self {
            source,
            start: range.start,
            pos: range.start,
            stop: range.end,
            end,
            base,
            depth: 0,
            height: 0,
            windows: vec![],
            lambda_parameters: vec![],
        }
    }

    // ---- looking at tokens ----

    fn token_at(&self, at: usize) -> &Token {
        if at < self.stop { self.source.tokens.get(at).unwrap_or(&self.end) } else { &self.end }
    }

    /// Counts the `?` markers of the statement before a token. A phrase may be read twice, so nothing is counted while
    /// it is read.
    fn markers_before(&self, at: usize) -> usize {
        (self.start..at).filter(|i| self.is_symbol_at(*i, "?")).count()
    }

    fn peek(&self) -> &Token {
        self.token_at(self.pos)
    }

    fn text_of(&self, token: &Token) -> &'a str {
        self.source.text.get(token.from..token.to).unwrap_or_default()
    }

    /// Returns the text of the current token; empty at the end.
    fn here(&self) -> &'a str {
        self.text_of(self.peek())
    }

    fn is_word_at(&self, at: usize, word: &str) -> bool {
        let token = self.token_at(at);
        token.kind == TokenKind::Word && self.text_of(token).eq_ignore_ascii_case(word)
    }

    fn is_symbol_at(&self, at: usize, symbol: &str) -> bool {
        let token = self.token_at(at);
        token.kind == TokenKind::Symbol && self.text_of(token) == symbol
    }

    fn is_word(&self, word: &str) -> bool {
        self.is_word_at(self.pos, word)
    }

    fn is_symbol(&self, symbol: &str) -> bool {
        self.is_symbol_at(self.pos, symbol)
    }

    fn is_any_word(&self, words: &[&str]) -> bool {
        words.iter().any(|w| self.is_word(w))
    }

    /// Returns whether the next words are `words`, which blanks separate.
    fn is_words(&self, words: &str) -> bool {
        words.split(' ').enumerate().all(|(i, w)| self.is_word_at(self.pos + i, w))
    }

    fn at_end(&self) -> bool {
        self.peek().kind == TokenKind::End
    }

    /// Returns the token after the bracket that closes the one at `at`.
    fn after_bracket(&self, at: usize) -> Option<usize> {
        self.source.closing.get(at).copied().flatten().filter(|c| *c < self.stop).map(|c| c + 1)
    }

    // ---- reading tokens ----

    fn advance(&mut self) {
        if self.pos < self.stop {
            self.pos += 1;
        }
    }

    fn eat(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.advance();
        }
        found
    }

    fn eat_words(&mut self, words: &str) -> bool {
        let found = self.is_words(words);
        if found {
            self.pos += words.split(' ').count();
        }
        found
    }

    fn eat_any(&mut self, words: &[&'static str]) -> Option<&'static str> {
        let found = words.iter().copied().find(|w| self.is_word(w));
        if found.is_some() {
            self.advance();
        }
        found
    }

    fn eat_symbol(&mut self, symbol: &str) -> bool {
        let found = self.is_symbol(symbol);
        if found {
            self.advance();
        }
        found
    }

    fn expect(&mut self, word: &str) -> Result<()> {
        if self.eat(word) { Ok(()) } else { Err(self.error_missing(word)) }
    }

    fn expect_symbol(&mut self, symbol: &str) -> Result<()> {
        if self.eat_symbol(symbol) { Ok(()) } else { Err(self.error_missing(symbol)) }
    }

    /// Returns an error at the first token that was not read, if there is one.
    pub(crate) fn finish(&self) -> Result<()> {
        if self.at_end() { Ok(()) } else { Err(self.error()) }
    }

    /// Reads one or more phrases with commas between them.
    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.eat_symbol(",") {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// `( item, item, … )`.
    fn parenthesized<T>(&mut self, item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        self.expect_symbol("(")?;
        let items = self.list(item)?;
        self.expect_symbol(")")?;
        Ok(items)
    }

    // ---- bounds ----

    /// Reads a phrase one level deeper. Afterwards `height` is that of the tallest phrase read so far.
    fn deeper<T>(&mut self, phrase: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= NESTING_MAX {
            return Err(self.too_complex());
        }
        self.depth += 1;
        // The phrase measures its own height from zero; that of its siblings is a lower bound afterwards.
        let siblings = std::mem::take(&mut self.height);
        let result = phrase(self);
        self.depth -= 1;
        self.height = siblings.max(self.height + 1);
        result
    }

    /// Reads a phrase that is a sibling of what was read so far, not its parent.
    fn beside<T>(&mut self, phrase: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let siblings = std::mem::take(&mut self.height);
        let result = phrase(self);
        self.height = self.height.max(siblings);
        result
    }

    /// Counts a node whose child is what the phrase has read so far.
    fn grow(&mut self) -> Result<()> {
        self.height += 1;
        if self.height > TREE_HEIGHT_MAX { Err(self.too_complex()) } else { Ok(()) }
    }

    // ---- names and strings ----

    /// Reads an identifier, quoted or not; any keyword is allowed.
    fn identifier(&mut self) -> Result<String> {
        let token = self.peek();
        let name = match &token.kind {
            TokenKind::Quoted(name) => name.clone(),
            TokenKind::Word => self.text_of(token).to_owned(),
            _ => return Err(self.error()),
        };
        self.advance();
        Ok(name)
    }

    /// Reads an alias without `AS`, if there is one.
    fn bare_alias(&mut self) -> Option<String> {
        let token = self.peek();
        let fits = match token.kind {
            TokenKind::Quoted(_) => true,
            // WINDOW is an alias unless a definition follows, so the list of words does not have it.
            TokenKind::Word => words::may_be_alias(self.text_of(token)) && !self.is_windows_at(self.pos),
            _ => false,
        };
        if fits { self.identifier().ok() } else { None }
    }

    /// `a.b.c`.
    fn name(&mut self) -> Result<Name> {
        // Without a parenthesis IDENTIFIER is a name like any other.
        if self.is_word("IDENTIFIER") && self.is_symbol_at(self.pos + 1, "(") {
            return self.identifier_clause();
        }
        let mut parts = vec![self.identifier()?];
        while self.eat_symbol(".") {
            parts.push(self.identifier()?);
        }
        Ok(parts)
    }

    /// Reads a string literal together with those that directly follow it; none if the current token is not a string.
    fn eat_text(&mut self) -> Option<String> {
        let mut value: Option<String> = None;
        while let TokenKind::Text(part) = &self.peek().kind {
            let part = part.clone();
            value.get_or_insert_default().push_str(&part);
            self.advance();
        }
        value
    }

    fn text(&mut self) -> Result<String> {
        self.eat_text().ok_or_else(|| self.error())
    }

    /// Reads a whole number that fits the type.
    fn integer<T: std::str::FromStr>(&mut self) -> Result<T> {
        let token = self.peek();
        let value = if token.kind == TokenKind::Number { self.text_of(token).parse().ok() } else { None };
        let value = value.ok_or_else(|| self.error())?;
        self.advance();
        Ok(value)
    }

    // ---- origins and nodes ----

    fn span(&self, from: usize, to: usize) -> Origin {
        let start = self.token_at(from).start.saturating_sub(self.base);
        let stop = if to > from { self.token_at(to - 1).stop.saturating_sub(self.base) } else { start };
        Some(Span { start: u32::try_from(start).ok()?, stop: u32::try_from(stop).ok()? })
    }

    /// Returns the place from the token `from` to the last one read.
    fn origin(&self, from: usize) -> Origin {
        self.span(from, self.pos)
    }

    fn expr_at(&self, node: ExprNode, from: usize) -> Expr {
        Expr::at(node, self.origin(from))
    }

    fn call_at(&self, name: &str, args: Vec<Expr>, from: usize) -> Expr {
        self.expr_at(ExprNode::Function(FunctionCall::new(name, args)), from)
    }

    fn relation_at(&self, node: crate::ir::RelationNode, from: usize) -> Relation {
        Relation::at(node, self.origin(from))
    }

    /// Returns the text from the token `from` to the last one read.
    fn slice(&self, from: usize) -> &'a str {
        let last = self.token_at(self.pos.saturating_sub(1).max(from));
        self.source.text.get(self.token_at(from).from..last.to).unwrap_or_default()
    }

    /// The tokens from `from` to the last one read, as text in which equal phrases are equal.
    fn canonical(&self, from: usize) -> String {
        let mut text = String::new();
        for token in (from..self.pos).map(|at| self.token_at(at)) {
            match token.kind {
                // Names ignore case, so `a` and `A` are one key. Strings do not, and stay as they are written.
                TokenKind::Word => text.push_str(&self.text_of(token).to_lowercase()),
                _ => text.push_str(self.text_of(token)),
            }
            text.push(' ');
        }
        text
    }

    // ---- errors ----

    fn position(&self, from: usize, to: usize) -> Option<Position> {
        let (start, stop) = (self.token_at(from).start, self.token_at(to.saturating_sub(1).max(from)).stop);
        Some(Position::locate(self.source.text, start, stop))
    }

    /// Creates a syntax error at the current token.
    pub(crate) fn error(&self) -> Error {
        self.error_at(self.pos, String::new())
    }

    fn error_missing(&self, what: &str) -> Error {
        self.error_at(self.pos, format!(": missing '{what}'"))
    }

    fn error_at(&self, at: usize, hint: String) -> Error {
        let token = self.token_at(at);
        let near = match self.text_of(token) {
            "" => "end of input".to_owned(),
            text => format!("'{}'", shorten(text)),
        };
        let error = Error::new(
            ErrorKind::Parse,
            "PARSE_SYNTAX_ERROR",
            "42601",
            format!("Syntax error at or near {near}{hint}."),
        )
        .param("error", near)
        .param("hint", hint)
        .at(self.position(at, at + 1));
        match self.misspelled(at) {
            Some((word, keyword)) => error.hint(format!("Did you mean {keyword} instead of {word}?")),
            None => error,
        }
    }

    /// Returns a word similar to a keyword at the token `at`, or just before it where it was read as an alias.
    fn misspelled(&self, at: usize) -> Option<(&'a str, String)> {
        [at, at.saturating_sub(1)].into_iter().find_map(|at| {
            let token = self.token_at(at);
            let text = self.text_of(token);
            let found = if token.kind == TokenKind::Word { words::nearest_keyword(text) } else { None };
            found.map(|keyword| (text, keyword))
        })
    }

    /// Creates the error for a clause that Spark supports and Thalweg does not, at the token `at`.
    fn unsupported_at(&self, what: &str, at: usize) -> Error {
        Error::unsupported(what).at(self.position(at, at + 1))
    }

    fn unsupported(&self, what: &str) -> Error {
        self.unsupported_at(what, self.pos)
    }

    fn too_complex(&self) -> Error {
        Error::new(
            ErrorKind::Parse,
            "FAILED_TO_PARSE_TOO_COMPLEX",
            "54001",
            format!("The statement nests deeper than {NESTING_MAX} levels or chains more than {TREE_HEIGHT_MAX} operators."),
        )
        .hint("Split it into common table expressions or temporary views.")
        .at(self.position(self.pos, self.pos + 1))
    }
}

/// The longest stretch of text that an error quotes.
const QUOTE_CHARS_MAX: usize = 60;

fn shorten(text: &str) -> String {
    match text.char_indices().nth(QUOTE_CHARS_MAX) {
        Some((byte, _)) => format!("{}…", text.get(..byte).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Parses a multi-part name such as `` db.`my table` ``.
pub(crate) fn parse_name(text: &str) -> Result<Name> {
    let source = Source::new(text);
    let mut parser = Parser::new(&source);
    let name = parser.name()?;
    parser.finish()?;
    Ok(name)
}
