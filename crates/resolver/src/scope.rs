//! Looks names up at one point of a query: the visible columns, with names and qualifiers.
//!
//! A column has an opaque id in the plan; names, qualifiers and the client's plan ids are only here.
//! Look-ups ignore case. This module knows no expressions and no plans.

use crate::catalog::ResolvedColumn;
use crate::missing_columns::LeftOutColumn;
use std::collections::BTreeMap;
use thalweg_sql::types::DataType;
use thalweg_values::names::same_name;

/// A visible column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ScopeColumn {
    /// Its name in the plan's schema.
    pub id: String,
    pub name: String,
    pub data_type: DataType,
    pub nullable: bool,
    pub metadata: BTreeMap<String, String>,
    /// `["spark_catalog", "default", "t"]` or an alias; matched from its end.
    pub qualifier: Vec<String>,
    /// The client's relation ids that it belongs to, each with the number of operators in between.
    pub plan_ids: Vec<(i64, u32)>,
    /// Whether computing it can raise, so that a predicate on it must not move to rows excluded below.
    pub guarded: bool,
    /// The delay of the watermark in microseconds, if it is an event time or a window of one.
    pub event_delay: Option<i64>,
    /// The column that it repeats, if a select list has one column twice.
    pub repeats: Option<Repeat>,
}

/// That the column `id` has the values of the column `of`. A copy of a column under another id repeats nothing: its
/// values may be others.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Repeat {
    pub id: String,
    pub of: String,
}

impl ScopeColumn {
    /// Creates a column without qualifier, metadata and plan ids.
    pub(crate) fn new(id: String, name: impl Into<String>, data_type: DataType, nullable: bool) -> Self {
        Self {
            id,
            name: name.into(),
            data_type,
            nullable,
            metadata: BTreeMap::new(),
            qualifier: vec![],
            plan_ids: vec![],
            guarded: false,
            event_delay: None,
            repeats: None,
        }
    }

    /// The same column of a select list once more, under an id of its own.
    pub(crate) fn repeated(self, id: String) -> Self {
        let repeats = Some(Repeat { id: id.clone(), of: self.identity().to_owned() });
        Self { id, repeats, ..self }
    }

    /// Returns what distinguishes the column from those with other values: the id of the column that it repeats, or
    /// its own.
    pub(crate) fn identity(&self) -> &str {
        self.repeats.as_ref().filter(|r| r.id == self.id).map_or(&self.id, |r| &r.of)
    }

    /// Returns the column of the query's result.
    pub(crate) fn resolved(&self) -> ResolvedColumn {
        ResolvedColumn {
            id: self.id.clone(),
            name: self.name.clone(),
            data_type: self.data_type.clone(),
            nullable: self.nullable,
            metadata: self.metadata.clone(),
        }
    }

    fn qualifier_ends_with(&self, parts: &[String]) -> bool {
        parts.len() <= self.qualifier.len()
            && self.qualifier.iter().rev().zip(parts.iter().rev()).all(|(a, b)| same_name(a, b))
    }
}

/// The visible columns. Hidden ones are found by a qualified name or a plan id only (both sides of USING).
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Scope {
    pub columns: Vec<ScopeColumn>,
    pub hidden: Vec<ScopeColumn>,
    /// In a join's condition, the ids of the right side's columns.
    pub right: Vec<String>,
    /// The columns that the plan outputs only for filters and sorts above that name them.
    pub left_out: Vec<LeftOutColumn>,
}

/// A column that a name refers to, and the number of parts of the name that are its qualifier.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FoundColumn<'a> {
    pub column: &'a ScopeColumn,
    pub qualifier_len: usize,
}

/// The result of a look-up.
#[derive(Debug)]
pub(crate) enum Lookup<'a> {
    None,
    One(FoundColumn<'a>),
    Many(Vec<&'a ScopeColumn>),
}

impl Scope {
    pub(crate) fn new(columns: Vec<ScopeColumn>) -> Self {
        Self { columns, ..Self::default() }
    }

    /// Looks a name up, the longest qualifier first; the parts after the column are fields of a struct.
    pub(crate) fn lookup(&self, name: &[String]) -> Lookup<'_> {
        for qualifier_len in (0..name.len()).rev() {
            let (qualifier, rest) = name.split_at(qualifier_len);
            let Some(column_name) = rest.first() else { continue };
            let matches = self.matching(qualifier, column_name);
            match matches.as_slice() {
                [] => {}
                [column] => return Lookup::One(FoundColumn { column, qualifier_len }),
                // Readings with a shorter qualifier are not tried: an ambiguous name is an error in Spark even if one
                // of them fits.
                _ => return Lookup::Many(matches),
            }
        }
        Lookup::None
    }

    fn matching(&self, qualifier: &[String], name: &str) -> Vec<&ScopeColumn> {
        let hits = |c: &&ScopeColumn| same_name(&c.name, name) && c.qualifier_ends_with(qualifier);
        let mut found: Vec<_> = self.columns.iter().filter(hits).collect();
        if found.is_empty() && !qualifier.is_empty() {
            found = self.hidden.iter().filter(hits).collect();
        }
        one_each(found)
    }

    /// Looks up a column of the client's relation `plan_id`. In a join's condition, the side with fewer operators
    /// between is meant where both sides have such a column; within one side, two of them are ambiguous.
    pub(crate) fn lookup_plan(&self, plan_id: i64, name: &str) -> Lookup<'_> {
        let depth =
            |c: &ScopeColumn| c.plan_ids.iter().filter(|(id, _)| *id == plan_id).map(|(_, d)| *d).min();
        let is_meant = |c: &&ScopeColumn, right: bool| {
            same_name(&c.name, name) && depth(c).is_some() && self.right.contains(&c.id) == right
        };
        let side = |right: bool| -> Vec<&ScopeColumn> {
            let visible: Vec<_> = self.columns.iter().filter(|c| is_meant(c, right)).collect();
            match visible.is_empty() {
                true => one_each(self.hidden.iter().filter(|c| is_meant(c, right)).collect()),
                false => one_each(visible),
            }
        };
        let (left, right) = (side(false), side(true));
        let found = match (left.as_slice(), right.as_slice()) {
            // In `df.join(df.filter(…), df.a == 1)` both sides have the column, and `df` itself is nearer to it.
            ([l], [r]) if depth(l) < depth(r) => left,
            ([l], [r]) if depth(l) > depth(r) => right,
            _ => one_each(left.into_iter().chain(right).collect()),
        };
        match found.as_slice() {
            [] => Lookup::None,
            [column] => Lookup::One(FoundColumn { column, qualifier_len: 0 }),
            _ => Lookup::Many(found),
        }
    }

    /// Returns the columns of `t.*`. Hidden ones come first, where a side of a join has its keys of USING in Spark.
    pub(crate) fn qualified(&self, qualifier: &[String]) -> Vec<&ScopeColumn> {
        let all = self.hidden.iter().chain(&self.columns);
        all.filter(|c| c.qualifier_ends_with(qualifier)).collect()
    }

    /// Returns the column with this id, visible or not.
    pub(crate) fn by_id(&self, id: &str) -> Option<&ScopeColumn> {
        let left_out = self.left_out.iter().map(|l| &l.column);
        self.columns.iter().chain(&self.hidden).chain(left_out).find(|c| c.id == id)
    }

    /// Marks all columns as belonging to the client's relation `plan_id`.
    pub(crate) fn mark_plan(&mut self, plan_id: i64) {
        for column in self.columns.iter_mut().chain(&mut self.hidden) {
            column.plan_ids.push((plan_id, 0));
        }
    }

    /// Counts one more operator between these columns and the relations that they came from.
    pub(crate) fn deepen(&mut self) {
        for (_, depth) in self.columns.iter_mut().chain(&mut self.hidden).flat_map(|c| &mut c.plan_ids) {
            *depth += 1;
        }
    }
}

/// Removes repetitions: one column that occurs twice (`select a, a`) is not ambiguous.
fn one_each(columns: Vec<&ScopeColumn>) -> Vec<&ScopeColumn> {
    let mut seen: Vec<&ScopeColumn> = vec![];
    for column in columns {
        if seen.iter().all(|s| s.identity() != column.identity()) {
            seen.push(column);
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(id: &str, name: &str, qualifier: &[&str]) -> ScopeColumn {
        let mut c = ScopeColumn::new(id.into(), name, DataType::Long, true);
        c.qualifier = qualifier.iter().map(|q| (*q).to_owned()).collect();
        c
    }

    fn check(name: &[&str], expected: &str) {
        let scope = Scope::new(vec![
            column("#1", "a", &["spark_catalog", "default", "t"]),
            column("#2", "b", &["spark_catalog", "default", "t"]),
            column("#3", "A", &["u"]),
            column("#4", "t", &["u"]),
        ]);
        let name: Vec<String> = name.iter().map(|p| (*p).to_owned()).collect();
        let found = match scope.lookup(&name) {
            Lookup::None => "none".to_owned(),
            Lookup::One(f) => format!("{} {}", f.column.id, f.qualifier_len),
            Lookup::Many(all) => format!("{} of them", all.len()),
        };
        assert_eq!(found, expected, "{name:?}");
    }

    #[test]
    fn a_repeated_column_is_not_ambiguous_and_a_copy_of_one_is() {
        let first = column("#1", "a", &[]);
        let again = first.clone().repeated("#2".into());
        let once_more = again.clone().repeated("#3".into());
        let replaced = ScopeColumn { id: "#4".into(), ..again.clone() };
        let found = |columns: &[&ScopeColumn]| {
            let scope = Scope::new(columns.iter().map(|c| (*c).clone()).collect());
            match scope.lookup(&["A".to_owned()]) {
                Lookup::One(found) => found.column.id.clone(),
                Lookup::None | Lookup::Many(_) => "ambiguous".to_owned(),
            }
        };
        assert_eq!(found(&[&first, &again, &once_more]), "#1");
        assert_eq!(found(&[&again, &once_more]), "#2");
        assert_eq!(found(&[&first, &replaced]), "ambiguous");
    }

    #[test]
    fn names_are_found_by_the_longest_qualifier_whatever_their_case() {
        check(&["B"], "#2 0");
        check(&["a"], "2 of them");
        check(&["T", "a"], "#1 1");
        check(&["default", "t", "a"], "#1 2");
        check(&["u", "a"], "#3 1");
        check(&["t", "x"], "#4 0");
        check(&["x"], "none");
    }
}
