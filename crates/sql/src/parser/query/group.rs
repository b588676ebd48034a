//! `GROUP BY` in all its forms.
//!
//! A single ROLLUP or CUBE of plain keys is kept; anything that combines sets is expanded to
//! the list of sets that it denotes.

use super::super::Parser;
use crate::ir::{Expr, GroupKind};
use thalweg_common::Result;

/// The largest number of grouping sets of one GROUP BY: as many as a CUBE of 12 keys has.
const SETS_MAX: usize = 4096;

/// How to group, and by which distinct keys.
pub(super) struct GroupByClause {
    pub(super) kind: GroupKind,
    pub(super) keys: Vec<Expr>,
}

/// Sets of grouping keys.
type Sets = Vec<Vec<Expr>>;

/// One element of GROUP BY.
enum Element {
    Key(Expr),
    /// Composite keys such as `(a, b)` have several expressions.
    Rollup(Sets),
    Cube(Sets),
    Sets(Sets),
}

impl Parser<'_> {
    /// The clause after `GROUP BY`.
    pub(super) fn grouping(&mut self) -> Result<GroupByClause> {
        if self.is_all() {
            self.advance();
            return Ok(GroupByClause { kind: GroupKind::All, keys: vec![] });
        }
        // All elements share their keys: `GROUP BY a, ROLLUP (a, b)` has two keys and not three.
        let mut known = Keys::default();
        let elements = self.list(|p| p.grouping_element(&mut known))?;
        // In `GROUP BY a, b GROUPING SETS (…)` the list names the keys, and only the sets group.
        if self.eat_words("GROUPING SETS") {
            let sets = self.grouping_sets(&mut known)?;
            return Ok(GroupByClause { kind: GroupKind::Sets(sets), keys: known.into_exprs() });
        }
        let elements = match self.eat_any_words(&["WITH ROLLUP", "WITH CUBE"]) {
            None => elements,
            Some(word) => {
                let at = self.pos - 1;
                let keys = elements.into_iter().map(|e| match e {
                    Element::Key(key) => Ok(vec![key]),
                    _ => Err(self.error_at(at, String::new())),
                });
                let keys = keys.collect::<Result<Sets>>()?;
                vec![if word == "WITH ROLLUP" { Element::Rollup(keys) } else { Element::Cube(keys) }]
            }
        };
        self.combined(elements, known)
    }

    /// `ALL` by itself, followed by what may follow a GROUP BY.
    fn is_all(&self) -> bool {
        let next = self.token_at(self.pos + 1);
        self.is_word("ALL") && !matches!(self.text_of(next), "," | "." | "(" | "+" | "-" | "*" | "/" | "||")
    }

    fn eat_any_words(&mut self, phrases: &[&'static str]) -> Option<&'static str> {
        phrases.iter().copied().find(|phrase| self.eat_words(phrase))
    }

    fn grouping_element(&mut self, known: &mut Keys) -> Result<Element> {
        if self.is_words("GROUPING SETS") {
            self.pos += 2;
            return Ok(Element::Sets(self.grouping_sets(known)?));
        }
        let bracket = self.is_symbol_at(self.pos + 1, "(");
        match self.here().to_ascii_uppercase().as_str() {
            "ROLLUP" if bracket => {
                self.advance();
                Ok(Element::Rollup(self.parenthesized(|p| p.composite_key(known))?))
            }
            "CUBE" if bracket => {
                self.advance();
                Ok(Element::Cube(self.parenthesized(|p| p.composite_key(known))?))
            }
            _ => Ok(Element::Key(self.grouping_key(known)?)),
        }
    }

    /// `((a, b), a, (), ROLLUP (a, b))`.
    fn grouping_sets(&mut self, known: &mut Keys) -> Result<Sets> {
        let nested = self.parenthesized(|p| {
            if p.is_any_word(&["ROLLUP", "CUBE", "GROUPING"]) {
                // Sets nest in sets, and each level is a recursion, so the bound on nesting counts them.
                return p.deeper(|p| p.nested_sets(known));
            }
            Ok(vec![p.composite_key(known)?])
        })?;
        Ok(nested.into_iter().flatten().collect())
    }

    fn nested_sets(&mut self, known: &mut Keys) -> Result<Sets> {
        Ok(match self.grouping_element(known)? {
            Element::Key(key) => vec![vec![key]],
            Element::Sets(sets) => sets,
            Element::Rollup(keys) => rollup(&keys),
            Element::Cube(keys) => self.cube(&keys)?,
        })
    }

    /// `a`, `(a, b)` or `()`.
    fn composite_key(&mut self, known: &mut Keys) -> Result<Vec<Expr>> {
        // `(a) + 1` begins with a parenthesis as well, but is one expression.
        let whole = self
            .after_bracket(self.pos)
            .is_some_and(|after| self.is_symbol_at(after, ",") || self.is_symbol_at(after, ")"));
        if !(self.is_symbol("(") && whole) {
            return Ok(vec![self.grouping_key(known)?]);
        }
        if self.is_symbol_at(self.pos + 1, ")") {
            self.pos += 2;
            return Ok(vec![]);
        }
        self.parenthesized(|p| p.grouping_key(known))
    }

    fn grouping_key(&mut self, known: &mut Keys) -> Result<Expr> {
        let start = self.pos;
        let expr = self.expression()?;
        Ok(known.add(self.canonical(start), expr))
    }

    /// The elements as one kind of grouping: their sets multiply.
    fn combined(&mut self, elements: Vec<Element>, known: Keys) -> Result<GroupByClause> {
        let simple = |keys: &Sets| keys.iter().all(|key| key.len() == 1);
        let keys = known.into_exprs();
        match elements.as_slice() {
            // The IR's ROLLUP and CUBE have distinct plain keys. A composite or repeated key makes other sets, which
            // are listed.
            [Element::Rollup(list)] if simple(list) && list.len() == keys.len() => {
                return Ok(GroupByClause { kind: GroupKind::Rollup, keys });
            }
            [Element::Cube(list)] if simple(list) && list.len() == keys.len() => {
                return Ok(GroupByClause { kind: GroupKind::Cube, keys });
            }
            list if list.iter().all(|e| matches!(e, Element::Key(_))) => {
                let plain = elements.into_iter().filter_map(|e| match e {
                    Element::Key(key) => Some(key),
                    _ => None,
                });
                return Ok(GroupByClause { kind: GroupKind::GroupBy, keys: plain.collect() });
            }
            _ => {}
        }
        // The product of no factors is one set without keys.
        let mut sets: Sets = vec![vec![]];
        for element in elements {
            let factors = match element {
                Element::Key(key) => vec![vec![key]],
                Element::Sets(sets) => sets,
                Element::Rollup(keys) => rollup(&keys),
                Element::Cube(keys) => self.cube(&keys)?,
            };
            // The number is checked before the product is built, which grows exponentially with the number of elements.
            if sets.len().saturating_mul(factors.len()) > SETS_MAX {
                return Err(self.unsupported(&format!("a GROUP BY of more than {SETS_MAX} grouping sets")));
            }
            sets = sets.iter().flat_map(|set| factors.iter().map(move |f| merged(set, f))).collect();
        }
        Ok(GroupByClause { kind: GroupKind::Sets(sets), keys })
    }

    /// All subsets of the keys, the whole first.
    fn cube(&self, keys: &[Vec<Expr>]) -> Result<Sets> {
        // A shift by 64 or more has no value, so that many keys are refused like a count that is too large.
        let count = u32::try_from(keys.len()).ok().and_then(|n| 1usize.checked_shl(n));
        let Some(count) = count.filter(|c| *c <= SETS_MAX) else {
            return Err(self.unsupported(&format!("a GROUP BY of more than {SETS_MAX} grouping sets")));
        };
        let last = keys.len().saturating_sub(1);
        let chosen = |mask: usize| {
            let kept = keys.iter().enumerate().filter(|(i, _)| mask >> (last - i) & 1 == 1);
            kept.fold(vec![], |set, (_, key)| merged(&set, key))
        };
        Ok((0..count).rev().map(chosen).collect())
    }
}

/// All prefixes of the keys, the longest first.
fn rollup(keys: &[Vec<Expr>]) -> Sets {
    (0..=keys.len()).rev().map(|n| keys.iter().take(n).fold(vec![], |set, key| merged(&set, key))).collect()
}

/// The union of two sets of keys, in order.
fn merged(left: &[Expr], right: &[Expr]) -> Vec<Expr> {
    let mut set = left.to_vec();
    for key in right {
        if !set.contains(key) {
            set.push(key.clone());
        }
    }
    set
}

/// The distinct keys seen so far, by their text without regard to blanks and to the case of words.
#[derive(Default)]
struct Keys {
    keys: Vec<(String, Expr)>,
}

impl Keys {
    /// Returns the first key with this text, so that equal keys are the same expression.
    fn add(&mut self, text: String, expr: Expr) -> Expr {
        if let Some((_, known)) = self.keys.iter().find(|(t, _)| *t == text) {
            return known.clone();
        }
        self.keys.push((text, expr.clone()));
        expr
    }

    fn into_exprs(self) -> Vec<Expr> {
        self.keys.into_iter().map(|(_, expr)| expr).collect()
    }
}
