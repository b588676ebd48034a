//! Joins per value of the domain: the dependent side with the whole other side, or both sides by the domain.
//!
//! A side whose rows stay without a match must have the domain itself; only such a side may be the dependent one
//! of an outer, semi or anti join. Both sides may be in an inner join, and in the joins of INTERSECT and EXCEPT.

use super::domain::{Domain, columns};
use super::push::{Pushed, is_dependent, refused};
use super::{Resolver, column};
use datafusion::logical_expr::{Expr, Join, JoinType, LogicalPlan};
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_values::errors::from_datafusion;

impl Resolver<'_> {
    pub(super) fn pushed_join(&self, join: &Join, domain: &Domain) -> Result<Pushed> {
        let (left, right) = (is_dependent(&join.left), is_dependent(&join.right));
        let (left, right) = match join.join_type {
            // If only the condition uses the domain, neither side is dependent, and the left one gets it.
            JoinType::Inner => (left || !right, right),
            JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti => (true, right),
            JoinType::Right => (left, true),
            _ => (true, true),
        };
        match (left, right) {
            (true, true) => self.joined_by_domain(join, domain),
            (true, false) => {
                let side = self.pushed(&join.left, domain)?;
                let right = join.right.as_ref().clone();
                self.rejoined(join, (side.plan, right), side.keys, domain)
            }
            _ => {
                let side = self.pushed(&join.right, domain)?;
                let left = join.left.as_ref().clone();
                self.rejoined(join, (left, side.plan), side.keys, domain)
            }
        }
    }

    fn joined_by_domain(&self, join: &Join, domain: &Domain) -> Result<Pushed> {
        let (left, right) = (self.pushed(&join.left, domain)?, self.pushed(&join.right, domain)?);
        let semi = matches!(join.join_type, JoinType::LeftSemi | JoinType::LeftAnti);
        if !semi && join.join_type != JoinType::Inner {
            return Err(refused(&LogicalPlan::Join(join.clone())));
        }
        let mut join = join.clone();
        for (l, r) in left.keys.iter().zip(&right.keys) {
            let (l, r) = (column(l), column(r));
            match join.null_equality {
                datafusion::common::NullEquality::NullEqualsNull => join.on.push((l, r)),
                // A join has one rule for the nulls of all its keys. A null is a value of the domain, so where keys
                // with null are not equal, the domain is compared in the condition.
                datafusion::common::NullEquality::NullEqualsNothing => {
                    let same = datafusion::logical_expr::binary_expr(
                        l,
                        datafusion::logical_expr::Operator::IsNotDistinctFrom,
                        r,
                    );
                    join.filter = Some(join.filter.map_or(same.clone(), |f| f.and(same)));
                }
            }
        }
        self.rejoined(&join, (left.plan, right.plan), left.keys, domain)
    }

    /// Returns the same join of other sides, whose condition uses the domain by `keys`.
    fn rejoined(
        &self,
        join: &Join,
        (left, right): (LogicalPlan, LogicalPlan),
        keys: Vec<String>,
        domain: &Domain,
    ) -> Result<Pushed> {
        let filter = join.filter.clone().map(|f| domain.substituted(f, &keys)).transpose()?;
        let made = Join::try_new(
            Arc::new(left),
            Arc::new(right),
            join.on.clone(),
            filter,
            join.join_type,
            join.join_constraint,
            join.null_equality,
            join.null_aware,
        );
        let plan = LogicalPlan::Join(made.map_err(from_datafusion)?);
        // Only the columns that the join had: both sides may have the domain.
        let own = join.schema.columns().into_iter().map(Expr::Column);
        let plan = super::project(plan, columns(&keys).into_iter().chain(own).collect::<Vec<_>>())?;
        Ok(Pushed::unordered(plan, keys))
    }
}
