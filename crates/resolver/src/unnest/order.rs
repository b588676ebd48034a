//! Converts ORDER BY, LIMIT and OFFSET per value of the domain to filters on row numbers.

use super::domain::{Domain, columns};
use super::push::{Pushed, refused};
use super::{Resolver, column, filtered};
use arrow::datatypes::DataType as Arrow;
use datafusion::logical_expr::expr::Sort as Key;
use datafusion::logical_expr::{Cast, Expr, FetchType, Limit, LogicalPlan, SkipType, Sort, lit};
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_values::errors::from_datafusion;

impl Resolver<'_> {
    pub(super) fn pushed_sort(&self, sort: &Sort, domain: &Domain) -> Result<Pushed> {
        let input = self.pushed(&sort.input, domain)?;
        let mut order = vec![];
        for key in &sort.expr {
            order.push(Key { expr: domain.substituted(key.expr.clone(), &input.keys)?, ..key.clone() });
        }
        let sorted = Sort { expr: order.clone(), input: Arc::new(input.plan), fetch: None };
        Ok(Pushed { plan: LogicalPlan::Sort(sorted), keys: input.keys, order })
    }

    pub(super) fn pushed_limit(&self, limit: &Limit, domain: &Domain) -> Result<Pushed> {
        let (skip, fetch) = bounds(limit)?;
        let input = self.pushed(&limit.input, domain)?;
        let (plan, number) = self.numbered_rows(input.plan, columns(&input.keys), input.order)?;
        let at = || Expr::Cast(Cast::new(Box::new(column(&number)), Arrow::Int64));
        let mut within = at().gt(lit(skip));
        if let Some(fetch) = fetch {
            within = within.and(at().lt_eq(lit(skip.saturating_add(fetch))));
        }
        // The numbers are the order of the rows that are kept, which another LIMIT above may need.
        let order = vec![Key::new(column(&number), true, true)];
        Ok(Pushed { plan: filtered(plan, within)?, keys: input.keys, order })
    }
}

fn bounds(limit: &Limit) -> Result<(i64, Option<i64>)> {
    let whole = |n: usize| {
        i64::try_from(n)
            .map_err(|_| Error::unsupported("LIMIT or OFFSET of more than 9223372036854775807 rows"))
    };
    let skip = match limit.get_skip_type().map_err(from_datafusion)? {
        SkipType::Literal(skip) => whole(skip)?,
        SkipType::UnsupportedExpr => return Err(refused(&LogicalPlan::Limit(limit.clone()))),
    };
    match limit.get_fetch_type().map_err(from_datafusion)? {
        FetchType::Literal(fetch) => Ok((skip, fetch.map(whole).transpose()?)),
        FetchType::UnsupportedExpr => Err(refused(&LogicalPlan::Limit(limit.clone()))),
    }
}
