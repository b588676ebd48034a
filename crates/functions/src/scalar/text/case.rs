//! Converts words to title case, for `initcap`. Rust's standard library has no title case.

/// Converts the first letter of each word to title case and the others to lower case. Only spaces separate words.
pub(super) fn initcap(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (i, word) in text.split(' ').enumerate() {
        if i > 0 {
            out.push(' ');
        }
        let Some(first) = word.chars().next() else { continue };
        title(first, &mut out);
        // The whole word is lowered, and not the rest alone, since the lower case of a sigma at the end depends on
        // the letters before it.
        let skipped: usize = first.to_lowercase().map(char::len_utf8).sum();
        out.push_str(word.to_lowercase().get(skipped..).unwrap_or(""));
    }
    out
}

/// Appends the title case of a letter.
fn title(c: char, out: &mut String) {
    match c {
        'Ǆ' | 'ǅ' | 'ǆ' => out.push('ǅ'),
        'Ǉ' | 'ǈ' | 'ǉ' => out.push('ǈ'),
        'Ǌ' | 'ǋ' | 'ǌ' => out.push('ǋ'),
        'Ǳ' | 'ǲ' | 'ǳ' => out.push('ǲ'),
        // Georgian capitals are only for texts in capitals: title case keeps the letter.
        '\u{10D0}'..='\u{10FF}' => out.push(c),
        '\u{149}' => out.extend(c.to_uppercase()),
        '\u{1F80}'..='\u{1FFF}' => greek(c, out),
        c => {
            let mut upper = c.to_uppercase();
            out.extend(upper.next());
            // A ligature becomes several letters, of which only the first one is upper case.
            upper.for_each(|rest| out.extend(rest.to_lowercase()));
        }
    }
}

/// Appends the title case of a Greek letter: an iota subscript stays below, while upper case would write it as a
/// letter.
fn greek(c: char, out: &mut String) {
    let composed = match c {
        '\u{1F80}'..='\u{1F87}' | '\u{1F90}'..='\u{1F97}' | '\u{1FA0}'..='\u{1FA7}' => 8,
        '\u{1FB3}' | '\u{1FC3}' | '\u{1FF3}' => 9,
        '\u{1F88}'..='\u{1F8F}' | '\u{1F98}'..='\u{1F9F}' | '\u{1FA8}'..='\u{1FAF}' => 0,
        '\u{1FBC}' | '\u{1FCC}' | '\u{1FFC}' => 0,
        _ => {
            let iota = |c: char| if c == '\u{399}' { '\u{345}' } else { c };
            let mut upper = c.to_uppercase();
            out.extend(upper.next());
            return out.extend(upper.map(iota));
        }
    };
    out.extend(char::from_u32(u32::from(c) + composed));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_begin_in_title_case() {
        let cases = [
            ("éCOLE o'brien  ßx ǆ hello-world 1st tab\tx", "École O'brien  Ssx ǅ Hello-world 1st Tab\tx"),
            ("ΌΣΟΣ İSTANBUL ijs ﬁx ŉa", "Όσος İstanbul Ijs Fix ʼNa"),
            ("ᾳx ᾲx ᾀx აბ ΑΣ. և ὖ", "ᾼx Ὰͅx ᾈx აბ Ας. Եւ Υ̓͂"),
            ("ǆungla ss", "ǅungla Ss"),
            ("e\u{301}a", "E\u{301}a"),
            ("", ""),
        ];
        for (text, expect) in cases {
            assert_eq!(initcap(text), expect, "{text}");
        }
    }
}
