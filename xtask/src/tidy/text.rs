//! Blanks comments and literals of Rust text, so that braces and names can be found by simple searches.
//!
//! Line numbers do not change: every character becomes a space, and line ends are kept. There is no parser.

/// Replaces comments, strings and characters by spaces.
pub(crate) fn blank(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let taken = literal_length(rest, out.chars().next_back());
        if taken == 0 {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            out.extend(rest[..taken].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = &rest[taken..];
        }
    }
    out
}

/// Returns the string literals outside of comments, each with the number of its line from 0 and without its quotes.
pub(crate) fn literals(source: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let (mut rest, mut line, mut before) = (source, 0, None);
    while let Some(c) = rest.chars().next() {
        let taken = literal_length(rest, before);
        let token = &rest[..taken.max(c.len_utf8())];
        if taken > 0 && token.starts_with('"') {
            found.push((line, token.trim_matches('"')));
        }
        line += token.matches('\n').count();
        before = token.chars().next_back();
        rest = &rest[token.len()..];
    }
    found
}

/// Returns the length in bytes of the comment or literal at the start of `text`; 0 if there is none.
pub(crate) fn literal_length(text: &str, before: Option<char>) -> usize {
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return block_comment(text);
    }
    if text.starts_with('"') {
        return quoted(text, 1);
    }
    // The last letter of an identifier does not begin a raw string.
    if !in_word && (text.starts_with("r\"") || text.starts_with("r#") || text.starts_with("br")) {
        return raw_string(text);
    }
    if text.starts_with('\'') { character(text) } else { 0 }
}

fn block_comment(text: &str) -> usize {
    // Block comments of Rust nest.
    let (mut depth, mut at) = (0usize, 0usize);
    while at < text.len() {
        let here = &text[at..];
        if here.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

fn quoted(text: &str, start: usize) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip_while(|(at, _)| *at < start) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn raw_string(text: &str) -> usize {
    let prefix = text.find(['"', '#']).unwrap_or(0);
    if !matches!(&text[..prefix], "r" | "br") {
        return 0;
    }
    let hashes = text[prefix..].chars().take_while(|c| *c == '#').count();
    let open = prefix + hashes;
    if !text[open..].starts_with('"') {
        return 0; // A raw identifier such as `r#type`.
    }
    let close = format!("\"{}", "#".repeat(hashes));
    text[open + 1..].find(&close).map_or(text.len(), |at| open + 1 + at + close.len())
}

/// Returns the length of a character literal; 0 for a lifetime.
fn character(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    let Some((_, first)) = chars.next() else { return 0 };
    if first == '\\' {
        // The character after the backslash may be a quote.
        chars.next();
        return chars.find(|(_, c)| *c == '\'').map_or(0, |(at, _)| at + 1);
    }
    match chars.next() {
        Some((at, '\'')) => at + 1,
        _ => 0,
    }
}

/// Empties the lines of the `#[cfg(test)]` modules in blanked text.
pub(crate) fn without_tests(blanked: &str) -> String {
    let mut out = blanked.to_owned();
    let mut from = 0;
    while let Some(found) = out[from..].find("#[cfg(test)]") {
        let start = from + found;
        let Some(end) = block_end(&out, start) else { break };
        // Line ends stay, so that complaints have the lines of the file.
        let emptied: String = out[start..end].chars().filter(|c| *c == '\n').collect();
        out.replace_range(start..end, &emptied);
        from = start;
    }
    out
}

/// Returns the offset after the brace that closes the first block after `start`, or after a `;` before it.
fn block_end(text: &str, start: usize) -> Option<usize> {
    let (mut depth, mut brackets) = (0usize, 0isize);
    for (at, c) in text[start..].char_indices() {
        match c {
            '[' => brackets += 1,
            ']' => brackets -= 1,
            // A semicolon in brackets belongs to an array type such as `[u8; 4]`.
            ';' if depth == 0 && brackets == 0 => return Some(start + at + 1),
            '{' => depth += 1,
            '}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(start + at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_become_spaces() {
        let cases = [
            ("let a = \"x{\\\"\"; b", "let a =       ; b"),
            ("a // {\nb", "a     \nb"),
            ("a/*{/*}*/*/b", "a          b"),
            ("r#\"{\"# + 1", "       + 1"),
            ("'{' 'a '\\n' <'a>", "    'a      <'a>"),
            ("r#type", "r#type"),
        ];
        for (source, expected) in cases {
            assert_eq!(blank(source), expected, "{source}");
        }
    }

    #[test]
    fn literals_are_found_with_their_lines() {
        let source = "f(\"a\") // \"no\"\n/* \"no\" */\n'\"' \"b\\n\"\n";
        assert_eq!(literals(source), [(0, "a"), (2, "b\\n")]);
    }

    #[test]
    fn test_modules_are_cut_off() {
        let source = "fn one() {}\n#[cfg(test)]\nmod tests {\nfn two() {}\n}\n";
        assert_eq!(without_tests(&blank(source)), "fn one() {}\n\n\n\n\n");
    }
}
