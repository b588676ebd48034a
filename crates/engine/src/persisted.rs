//! Keeps the DataFrames that a session has marked with `persist` or `cacheTable`, with their storage levels.
//!
//! Nothing is materialised, and every action computes its rows again, so no result depends on a mark.
//! Two plans with the same semantics share a mark, as in Spark.

use crate::semantics::CanonicalPlan;
use std::collections::BTreeMap;
use std::sync::Mutex;
use thalweg_common::lock::lock;
use thalweg_common::{Error, Result};
use thalweg_sql::ir::Relation;

/// The largest number of marked plans of a session.
// A mark keeps its plan in memory until the session ends or removes it.
const MARKS_MAX: usize = 10_000;

/// The storage level that a user requests. It is reported, but has no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StorageLevel {
    /// Whether rows may be on disk.
    pub disk: bool,
    /// Whether rows may be in memory.
    pub memory: bool,
    /// Whether they may be outside of Java's heap.
    pub off_heap: bool,
    /// Whether they are kept as objects.
    pub deserialized: bool,
    /// The number of copies.
    pub replication: i32,
}

impl StorageLevel {
    /// The level of a plan without a mark.
    pub const NONE: Self =
        Self { disk: false, memory: false, off_heap: false, deserialized: false, replication: 1 };
    /// The level of `cache()`: Spark's `MEMORY_AND_DISK_DESER`.
    pub const DEFAULT: Self = Self { disk: true, memory: true, deserialized: true, ..Self::NONE };
}

/// The marks of a session by canonical plan.
#[derive(Debug, Default)]
pub(crate) struct Persisted(Mutex<BTreeMap<i32, Vec<(CanonicalPlan, StorageLevel)>>>);

impl Persisted {
    /// Marks a plan; an existing mark stays.
    pub(crate) fn mark(&self, plan: &Relation, level: StorageLevel) -> Result<()> {
        let plan = CanonicalPlan::of(plan);
        let mut marks = lock(&self.0);
        let hash = plan.semantic_hash();
        // Hashes of different plans may be equal.
        if marks.get(&hash).is_some_and(|same| same.iter().any(|(known, _)| *known == plan)) {
            return Ok(());
        }
        // Refused and not forgotten: a program would read another level than it set.
        if marks.values().map(Vec::len).sum::<usize>() >= MARKS_MAX {
            return Err(Error::unsupported(format!(
                "more than {MARKS_MAX} persisted DataFrames of a session"
            )));
        }
        marks.entry(hash).or_default().push((plan, level));
        Ok(())
    }

    /// Removes the mark of a plan.
    pub(crate) fn unmark(&self, plan: &Relation) {
        let plan = CanonicalPlan::of(plan);
        let mut marks = lock(&self.0);
        if let Some(same) = marks.get_mut(&plan.semantic_hash()) {
            same.retain(|(known, _)| *known != plan);
        }
        marks.retain(|_, same| !same.is_empty());
    }

    /// Returns the mark of a plan.
    pub(crate) fn level(&self, plan: &Relation) -> Option<StorageLevel> {
        let plan = CanonicalPlan::of(plan);
        let marks = lock(&self.0);
        let same = marks.get(&plan.semantic_hash())?;
        same.iter().find(|(known, _)| *known == plan).map(|(_, level)| *level)
    }

    /// Removes all marks.
    pub(crate) fn clear(&self) {
        lock(&self.0).clear();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use thalweg_sql::ir::{ExprNode, RelationNode};

    fn range(end: i64, plan_id: i64) -> Relation {
        let node = RelationNode::Range { start: 0, end, step: 1 };
        Relation { plan_id: Some(plan_id), ..Relation::new(node) }
    }

    #[test]
    fn plans_that_mean_the_same_have_one_mark() {
        let persisted = Persisted::default();
        let disk = StorageLevel { disk: true, ..StorageLevel::NONE };
        persisted.mark(&range(3, 1), disk).unwrap();
        persisted.mark(&range(3, 2), StorageLevel::DEFAULT).unwrap();
        assert_eq!(persisted.level(&range(3, 9)), Some(disk));
        assert_eq!(persisted.level(&range(4, 1)), None);
        persisted.unmark(&range(3, 5));
        assert_eq!(persisted.level(&range(3, 1)), None);
        persisted.mark(&range(3, 1), StorageLevel::DEFAULT).unwrap();
        persisted.clear();
        assert_eq!(persisted.level(&range(3, 1)), None);
    }

    #[test]
    fn the_number_of_marked_plans_is_bounded() {
        let persisted = Persisted::default();
        for end in (0..).take(MARKS_MAX) {
            persisted.mark(&range(end, 1), StorageLevel::DEFAULT).unwrap();
        }
        // A plan that is marked takes no more room.
        persisted.mark(&range(0, 2), StorageLevel::DEFAULT).unwrap();
        assert_eq!(
            persisted.mark(&range(-1, 1), StorageLevel::DEFAULT).unwrap_err().class(),
            "UNSUPPORTED_FEATURE"
        );
        persisted.unmark(&range(0, 3));
        persisted.mark(&range(-1, 1), StorageLevel::DEFAULT).unwrap();
    }

    #[test]
    fn a_plan_with_nan_has_one_mark() {
        let persisted = Persisted::default();
        let nan = thalweg_sql::ir::Expr::new(ExprNode::Literal(thalweg_sql::ir::Literal::Double(f64::NAN)));
        let plan = Relation::new(RelationNode::Values { rows: vec![vec![nan]] });
        persisted.mark(&plan, StorageLevel::NONE).unwrap();
        persisted.mark(&plan, StorageLevel::DEFAULT).unwrap();
        assert_eq!(persisted.level(&plan), Some(StorageLevel::NONE));
        persisted.unmark(&plan);
        assert_eq!(persisted.level(&plan), None);
    }
}
