//! Implements `sentences`: the words of each sentence of a text, cut where Java's break iterator cuts it.
//!
//! Java cuts texts of all languages but Thai by one set of rules, which are not those of Unicode's annex 29; Thai is
//! refused, since Java has a dictionary for it. A word counts if it begins with a letter or a decimal digit.

mod chars;
mod sentence;
mod word;

use crate::binding::{Arg, BindContext, Bound};
use crate::kernel::{Batch, Kernel, arrow};
use crate::registry::{Call, Defaults, Entry};
use crate::types::array_with;
use ::arrow::array::{ArrayRef, ListArray, StringBuilder};
use ::arrow::buffer::{NullBuffer, OffsetBuffer};
use ::arrow::datatypes::{DataType, Field};
use chars::Chars;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use std::sync::Arc;
use thalweg_common::{Error, Result};

pub(super) const ENTRIES: &[Entry] = &[Entry::bind(&["sentences"], 1, 3, sentences)
    .defaults(&[Defaults { given: 1, shown: &["", ""] }, Defaults { given: 2, shown: &[""] }])
    .doc(
        "text[, language[, country]]",
        "Splits a text into sentences, and each of them into words.",
        &["SELECT sentences('Hi there! Good day.')"],
    )];

fn sentences(mut call: Call) -> Result<Bound> {
    for i in 0..call.args.len() {
        call.coerce(i, &DataType::Utf8)?;
    }
    let ctx = call.ctx;
    let nullable = call.nullable(0);
    let returns = array_with(array_with(DataType::Utf8, false), false);
    // A language or a country that is null is as good as none.
    let args =
        call.args.into_iter().enumerate().map(|(i, arg)| if i == 0 { Ok(arg) } else { or_none(arg, ctx) });
    let args = args.collect::<Result<Vec<_>>>()?;
    let language = args.get(1).map(Arg::literal);
    if let Some(Some(ScalarValue::Utf8(Some(language)))) = language {
        check_language(language)?;
    }
    // A constant language was checked above; a language of a column may be Thai in some row.
    let fallible = language == Some(None);
    let bound = Kernel::new("sentences", returns, run).fallible(fallible).call(args);
    Ok(Bound { nullable, ..bound })
}

/// The argument, and an empty text where it is null.
fn or_none(arg: Arg, ctx: &BindContext) -> Result<Arg> {
    if !arg.nullable {
        return Ok(arg);
    }
    let empty = ScalarValue::Utf8(Some(String::new()));
    let empty = Arg { expr: Expr::Literal(empty, None), data_type: DataType::Utf8, nullable: false };
    crate::registry::bind_scalar("coalesce", vec![arg, empty], ctx).map(crate::coerce::as_arg)
}

fn run(b: &Batch) -> Result<ArrayRef> {
    let texts = b.strings(0)?;
    let languages = if b.len() > 1 { Some(b.strings(1)?) } else { None };
    if b.len() > 2 {
        // No country changes where the sentences and words of a language end; its column must be readable.
        b.strings(2)?;
    }
    let chars = Chars::shared()?;
    let (mut words, mut word_counts, mut sentence_counts, mut valid) =
        (StringBuilder::new(), vec![], vec![], vec![]);
    for row in 0..b.rows {
        crate::kernel::still_wanted(row)?;
        let text = texts.get(row);
        valid.push(text.is_some());
        if let Some(language) = languages.as_ref().and_then(|l| l.get(row)).filter(|_| text.is_some()) {
            check_language(language)?;
        }
        let before = word_counts.len();
        split(text.unwrap_or_default(), chars, |words_of_one| {
            words_of_one.iter().for_each(|word| words.append_value(word));
            word_counts.push(words_of_one.len());
        });
        sentence_counts.push(word_counts.len() - before);
    }
    let element = |data_type, nullable| Arc::new(Field::new("element", data_type, nullable));
    let words = Arc::new(words.finish());
    let inner = element(DataType::Utf8, false);
    let inner = arrow(ListArray::try_new(inner, OffsetBuffer::from_lengths(word_counts), words, None))?;
    let outer = element(array_with(DataType::Utf8, false), false);
    let lengths = OffsetBuffer::from_lengths(sentence_counts);
    let nulls = Some(NullBuffer::from(valid));
    Ok(Arc::new(arrow(ListArray::try_new(outer, lengths, Arc::new(inner), nulls))?))
}

fn check_language(language: &str) -> Result<()> {
    // Java's locales ignore the case of a language.
    match language.to_lowercase().as_str() {
        "th" => Err(Error::unsupported("sentences of the language 'th', which need a dictionary")),
        _ => Ok(()),
    }
}

/// Hands the words of each sentence to `take`.
fn split(text: &str, chars: &Chars, mut take: impl FnMut(&[&str])) {
    let mut rest = text;
    while !rest.is_empty() {
        // A sentence has one character at least, so the loop ends.
        let (sentence, after) = rest.split_at(sentence::length(rest, chars));
        let (mut words, mut left) = (vec![], sentence);
        while !left.is_empty() {
            let (word, after) = left.split_at(word::length(left, chars));
            if word.starts_with(|c| chars.is_letter_or_digit(c)) {
                words.push(word);
            }
            left = after;
        }
        take(&words);
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(text: &str, expect: &[&[&str]]) {
        let mut found = vec![];
        split(text, Chars::shared().unwrap(), |words| {
            found.push(words.iter().map(ToString::to_string).collect::<Vec<_>>());
        });
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn texts_are_cut_as_java_cuts_them() {
        check("Hi there! Good day.", &[&["Hi", "there"], &["Good", "day"]]);
        check("", &[]);
        check("...", &[&[]]);
        check(
            "Mr. Smith's dog can't run. Dr. No said \"yes.\" Then left.",
            &[
                &["Mr"],
                &["Smith's", "dog", "can't", "run"],
                &["Dr"],
                &["No", "said", "yes"],
                &["Then", "left"],
            ],
        );
        check(
            "It costs $1,234.50 today. v1.2.3 is 3.14 out",
            &[&["It", "costs", "today", "v1.2.3", "is", "3.14", "out"]],
        );
        check("50% off! a_b c-d, me@example.com", &[&["50%", "off"], &["a_b", "c-d", "me", "example.com"]]);
        check(
            "日本語の文。次の文です！三つ目？",
            &[&["日本語", "の", "文"], &["次", "の", "文", "です"], &["三", "つ", "目"]],
        );
        check("two  spaces.  dot . Next 5.Five", &[&["two", "spaces"], &["dot"], &["Next", "5", "Five"]]);
        check(
            "He said (quietly.) Then 'left.' 'And' then",
            &[&["He", "said", "quietly"], &["Then", "left"], &["And", "then"]],
        );
        check("a. #", &[&["a"], &[], &[]]);
        check("\".  $,a\u{301}b", &[&[], &[], &["a\u{301}b"]]);
    }
}
