//! Evaluates the JSON paths of `get_json_object`: `$`, `.name`, `['name']`, `[3]`, `[*]`.
//!
//! A path without `[*]` returns one value, a text without its quotes. A path with `[*]` returns all matches: a single
//! one as it is, several as an array. After a double `[*]` the elements of arrays are joined into one, as in Hive.

use thalweg_values::json::Json;

/// The replacement of a single surrogate, a code point that is in no text. Spark returns null for a match with one.
pub(super) const HALF: char = '\u{FFFE}';

/// A step of a path.
#[derive(Debug, Clone, PartialEq)]
enum Step {
    Name(String),
    At(usize),
    Each,
    /// Finds nothing.
    Nothing,
}

/// A parsed path.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Path(Vec<Step>);

/// The form in which a match is written.
#[derive(Clone, Copy, PartialEq)]
enum Style {
    /// A text without quotes, where there is at most one match.
    Raw,
    Quoted,
    /// An array's elements instead of the array.
    Flat,
}

impl Path {
    /// Parses a path; `None` if it is not valid.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut rest = text.strip_prefix('$')?;
        let mut steps = vec![];
        while !rest.is_empty() {
            let (step, after) = step(rest)?;
            steps.push(step);
            rest = after;
        }
        Some(Self(steps))
    }

    /// Returns what the path finds in a value, as a text, or `None` if it finds nothing.
    pub(super) fn find(&self, value: &Json) -> Option<String> {
        let mut out = vec![];
        let found = matches(value, &self.0, Style::Raw, &mut out);
        found.then(|| out.concat()).filter(|text| !text.contains(HALF))
    }
}

fn step(text: &str) -> Option<(Step, &str)> {
    if let Some(rest) = text.strip_prefix('.') {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        return (!name.is_empty()).then(|| (named(name), after));
    }
    let rest = text.strip_prefix('[')?;
    if let Some(rest) = rest.strip_prefix("*]") {
        return Some((Step::Each, rest));
    }
    if let Some(rest) = rest.strip_prefix('\'') {
        let (name, after) = rest.split_once("']")?;
        return (!name.is_empty() && !name.contains(['\'', '?'])).then(|| (named(name), after));
    }
    let (index, after) = rest.split_once(']')?;
    let digits = !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| index.parse().ok()).flatten().map(|i| (Step::At(i), after))
}

/// The step to a field. `*` is accepted and finds nothing, as in Spark, not even a field of that name.
fn named(name: &str) -> Step {
    if name == "*" { Step::Nothing } else { Step::Name(name.to_owned()) }
}

/// Appends the texts of all matches, and returns whether there was one.
fn matches(value: &Json, steps: &[Step], style: Style, out: &mut Vec<String>) -> bool {
    match (value, steps) {
        (Json::Text(text), []) if style == Style::Raw => {
            out.push(text.clone().into_owned());
            true
        }
        (Json::Array(values, _), []) if style == Style::Flat => {
            values.iter().fold(false, |found, v| matches(v, &[], style, out) | found)
        }
        (_, []) => {
            out.push(value.compact());
            true
        }
        (Json::Object(fields, _), [Step::Name(name), rest @ ..]) => {
            // The first of equal keys that is not null counts, as in Spark.
            let mut named = fields.iter().filter(|(key, value)| key == name && *value != Json::Null);
            named.any(|(_, v)| matches(v, rest, style, out))
        }
        (Json::Array(values, _), [Step::Each, Step::Each, rest @ ..]) => {
            let mut inner = vec![];
            let found =
                values.iter().fold(false, |found, v| matches(v, rest, Style::Flat, &mut inner) | found);
            out.push(format!("[{}]", inner.join(",")));
            found
        }
        (Json::Array(values, _), [Step::Each, rest @ ..]) => each(values, rest, style, out),
        (Json::Array(values, _), [Step::At(i), rest @ ..]) => {
            let style = if rest.first() == Some(&Step::Each) { Style::Quoted } else { style };
            values.get(*i).is_some_and(|v| matches(v, rest, style, out))
        }
        _ => false,
    }
}

fn each(values: &[Json], rest: &[Step], style: Style, out: &mut Vec<String>) -> bool {
    let inside = if style == Style::Flat { Style::Flat } else { Style::Quoted };
    let mut inner = vec![];
    let found = values.iter().filter(|v| matches(v, rest, inside, &mut inner)).count();
    // A single match is written without brackets, unless an outer `[*]` collects arrays.
    match (style, found) {
        (Style::Quoted, _) => out.push(format!("[{}]", inner.join(","))),
        (_, 0) => {}
        (_, 1) => out.push(inner.join(",")),
        _ => out.push(format!("[{}]", inner.join(","))),
    }
    found > 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use thalweg_values::json::{Lenience, parse};

    #[test]
    fn paths_find_what_spark_finds() {
        for (json, path, expect) in [
            (r#"{"a":"b"}"#, "$.a", Some("b")),
            (r#"{"a":{"b":1.50}}"#, "$.a", Some(r#"{"b":1.5}"#)),
            (r#"{"a":null}"#, "$.a", None),
            ("[1,[2,3],{\"a\":4}]", "$[1][0]", Some("2")),
            ("[1,[2,3],{\"a\":4}]", "$[2].a", Some("4")),
            ("[1,2]", "$[5]", None),
            ("[1,[2,3]]", "$[*]", Some("[1,[2,3]]")),
            (r#"[{"a":1},{"a":2}]"#, "$[*].a", Some("[1,2]")),
            (r#"[{"a":1}]"#, "$[*].a", Some("1")),
            (r#"{"a":[{"b":"x"}]}"#, "$.a[*].b", Some("\"x\"")),
            (r#"{"a":[]}"#, "$.a[*].b", None),
            ("[[1,2],[3]]", "$[*][*]", Some("[1,2,3]")),
            ("[[1,2],[3]]", "$[*][0]", Some("[1,3]")),
            (r#"{"a":1,"b":2}"#, "$.*", None),
            (r#"{"*":1}"#, "$.*", None),
            (r#"{"*":1}"#, "$['*']", None),
            (r#"{"a b":1}"#, "$['a b']", Some("1")),
            (r#"{"a":1,"a":2}"#, "$.a", Some("1")),
            (r#"{"a":1}"#, "$", Some(r#"{"a":1}"#)),
            ("\"x\"", "$", Some("x")),
        ] {
            let found = Path::parse(path).and_then(|p| p.find(&parse(json, Lenience::SPARK)?));
            assert_eq!(found.as_deref(), expect, "{json} {path}");
        }
        for bad in ["a", "", "$a", "$.", "$[x]", "$['a'"] {
            assert_eq!(Path::parse(bad), None, "{bad}");
        }
    }
}
