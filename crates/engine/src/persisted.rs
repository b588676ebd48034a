//! The DataFrames that a session has marked with `persist` or `cacheTable`, with their storage levels.
//!
//! Marks only: nothing is materialised, and every action computes its rows anew, so no answer depends on a mark.
//! Two plans that mean the same have one mark, as in Spark.

use crate::semantics::CanonicalPlan;
use std::collections::BTreeMap;
use std::sync::Mutex;
use thalweg_common::{Error, Result};
use thalweg_sql::ir::Relation;

/// How many plans a session may mark.
const MARKS_MAX: usize = 10_000;

/// Where the user wants rows to be kept: told back, nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StorageLevel {
    pub disk: bool,
    pub memory: bool,
    pub off_heap: bool,
    pub deserialized: bool,
    pub replication: i32,
}

impl StorageLevel {
    /// What a plan without a mark has.
    pub const NONE: Self =
        Self { disk: false, memory: false, off_heap: false, deserialized: false, replication: 1 };
    /// What `cache()` asks for: Spark's `MEMORY_AND_DISK_DESER`.
    pub const DEFAULT: Self = Self { disk: true, memory: true, deserialized: true, ..Self::NONE };
}

/// The marks of a session, by what the plans mean.
#[derive(Debug, Default)]
pub(crate) struct Persisted(Mutex<BTreeMap<i32, Vec<(CanonicalPlan, StorageLevel)>>>);

impl Persisted {
    /// Marks a plan; one that has a mark keeps it.
    pub fn mark(&self, plan: &Relation, level: StorageLevel) -> Result<()> {
        let plan = CanonicalPlan::of(plan);
        let mut marks = self.0.lock().map_err(|_| poisoned())?;
        if marks.len() >= MARKS_MAX {
            return Err(Error::unsupported(format!(
                "more than {MARKS_MAX} persisted DataFrames of a session"
            )));
        }
        let same = marks.entry(plan.semantic_hash()).or_default();
        if same.iter().all(|(known, _)| *known != plan) {
            same.push((plan, level));
        }
        Ok(())
    }

    /// Takes a plan's mark away.
    pub fn unmark(&self, plan: &Relation) -> Result<()> {
        let plan = CanonicalPlan::of(plan);
        let mut marks = self.0.lock().map_err(|_| poisoned())?;
        if let Some(same) = marks.get_mut(&plan.semantic_hash()) {
            same.retain(|(known, _)| *known != plan);
        }
        marks.retain(|_, same| !same.is_empty());
        Ok(())
    }

    /// A plan's mark.
    pub fn level(&self, plan: &Relation) -> Option<StorageLevel> {
        let plan = CanonicalPlan::of(plan);
        let marks = self.0.lock().ok()?;
        let same = marks.get(&plan.semantic_hash())?;
        same.iter().find(|(known, _)| *known == plan).map(|(_, level)| *level)
    }

    /// Takes all marks away.
    pub fn clear(&self) -> Result<()> {
        self.0.lock().map_err(|_| poisoned())?.clear();
        Ok(())
    }
}

fn poisoned() -> Error {
    Error::internal("the marks of persisted plans are poisoned")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use thalweg_sql::ir::RelationNode;

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
        persisted.unmark(&range(3, 5)).unwrap();
        assert_eq!(persisted.level(&range(3, 1)), None);
        persisted.mark(&range(3, 1), StorageLevel::DEFAULT).unwrap();
        persisted.clear().unwrap();
        assert_eq!(persisted.level(&range(3, 1)), None);
    }
}
