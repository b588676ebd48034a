//! `na.fill`, `na.drop` and `na.replace`.

use super::env::{Env, Typed};
use super::select::ListItem;
use super::{Rel, Resolver};
use crate::scope::{Scope, ScopeColumn};
use arrow::datatypes::DataType as Arrow;
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::{Expr, lit};
use thalweg_common::{Error, Result};
use thalweg_sql::ir::{self, RelationNode};

impl Resolver<'_> {
    pub(super) fn missing_values(&self, node: &RelationNode, outer: Option<&Env>) -> Result<Rel> {
        match node {
            RelationNode::FillNa { input, columns, values } => {
                let rel = self.relation(input, outer)?;
                self.fill(rel, columns, values)
            }
            RelationNode::DropNa { input, columns, min_non_nulls } => {
                let rel = self.relation(input, outer)?;
                self.drop_missing(rel, columns, *min_non_nulls)
            }
            RelationNode::Replace { input, columns, replacements } => {
                let rel = self.relation(input, outer)?;
                self.replace(rel, columns, replacements)
            }
            _ => Err(Error::internal("no relation over missing values")),
        }
    }

    fn named_columns<'s>(&self, names: &[String], scope: &'s Scope) -> Result<Vec<&'s ScopeColumn>> {
        if names.is_empty() {
            return Ok(scope.columns.iter().collect());
        }
        names.iter().map(|n| self.by_name_only(n, scope)).collect()
    }

    /// One value for all columns of its kind, or one value per named column.
    fn fill(&self, rel: Rel, columns: &[String], values: &[ir::Expr]) -> Result<Rel> {
        let empty = Scope::default();
        let env = Env::new(&empty, None);
        let values = values.iter().map(|v| self.expr(v, &env)).collect::<Result<Vec<_>>>()?;
        let named = self.named_columns(columns, &rel.scope)?;
        let value_for = |c: &ScopeColumn| {
            let at = named.iter().position(|n| n.id == c.id)?;
            if values.len() == 1 { values.first() } else { values.get(at) }
        };
        let mut list = vec![];
        for c in &rel.scope.columns {
            let typed = super::attribute::value_of(c);
            // One value for all fills the columns of its kind; a value of a column's own is cast to it.
            let fits = |v: &&Typed| values.len() > 1 || same_kind(&v.data_type, &typed.data_type);
            list.push(match value_for(c).filter(fits) {
                None => ListItem::column(c),
                Some(value) => {
                    let value = self.cast(value.clone(), &c.data_type, ir::CastMode::Ansi)?;
                    // NaN counts as missing in floating-point columns.
                    let typed = match typed.data_type {
                        Arrow::Float32 | Arrow::Float64 => {
                            let null =
                                Typed::new(lit(datafusion::common::ScalarValue::Null), Arrow::Null, true);
                            self.scalar("nanvl", vec![typed.clone(), self.coerced(null, &typed.data_type)?])?
                        }
                        _ => typed,
                    };
                    let filled = self.scalar("coalesce", vec![typed, value])?;
                    let made = ScopeColumn { id: self.new_id(), nullable: filled.nullable, ..c.clone() };
                    ListItem::Made(Box::new((made, filled)))
                }
            });
        }
        self.select_items(rel, &list, None)
    }

    fn drop_missing(&self, rel: Rel, columns: &[String], min_non_nulls: Option<usize>) -> Result<Rel> {
        let named = self.named_columns(columns, &rel.scope)?;
        let mut present = vec![];
        for c in &named {
            let typed = super::attribute::value_of(c);
            let not_null = typed.expr.clone().is_not_null();
            present.push(match typed.data_type {
                Arrow::Float32 | Arrow::Float64 => {
                    let nan = self.scalar("isnan", vec![typed])?;
                    not_null.and(Expr::Not(Box::new(nan.expr)))
                }
                _ => not_null,
            });
        }
        let condition = match min_non_nulls {
            None => present.into_iter().reduce(Expr::and),
            Some(least) => {
                let one = |p: Expr| {
                    Expr::Case(Case::new(
                        None,
                        vec![(Box::new(p), Box::new(lit(1_i64)))],
                        Some(Box::new(lit(0_i64))),
                    ))
                };
                let least = i64::try_from(least).map_err(|_| Error::unsupported("so many columns"))?;
                let sum = present.into_iter().map(one).reduce(|a, b| a + b).unwrap_or_else(|| lit(0_i64));
                Some(sum.gt_eq(lit(least)))
            }
        };
        let conjuncts = condition.map(|c| Typed::new(c, Arrow::Boolean, false));
        self.filtered(rel, conjuncts.into_iter().collect())
    }

    /// Replaces values in columns of the values' kind.
    fn replace(&self, rel: Rel, columns: &[String], replacements: &[(ir::Expr, ir::Expr)]) -> Result<Rel> {
        let empty = Scope::default();
        let env = Env::new(&empty, None);
        let pairs = replacements
            .iter()
            .map(|(old, new)| Ok((self.expr(old, &env)?, self.expr(new, &env)?)))
            .collect::<Result<Vec<_>>>()?;
        let named = self.named_columns(columns, &rel.scope)?;
        let mut list = vec![];
        for c in &rel.scope.columns {
            let typed = super::attribute::value_of(c);
            let fits = pairs.iter().all(|(old, _)| same_kind(&old.data_type, &typed.data_type));
            if !fits || !named.iter().any(|n| n.id == c.id) {
                list.push(ListItem::column(c));
                continue;
            }
            let mut branches = vec![];
            let mut nullable = c.nullable;
            for (old, new) in &pairs {
                let old = self.cast(old.clone(), &c.data_type, ir::CastMode::Ansi)?;
                let new = self.cast(new.clone(), &c.data_type, ir::CastMode::Ansi)?;
                nullable |= new.nullable;
                let equal = self.scalar("<=>", vec![typed.clone(), old])?;
                branches.push((Box::new(equal.expr), Box::new(new.expr)));
            }
            let replaced = Expr::Case(Case::new(None, branches, Some(Box::new(typed.expr))));
            let made = ScopeColumn { id: self.new_id(), nullable, ..c.clone() };
            list.push(ListItem::Made(Box::new((made, Typed::new(replaced, typed.data_type, nullable)))));
        }
        self.select_items(rel, &list, None)
    }
}

/// Whether a value of this type fills columns of that one: numbers fill numbers, texts texts, booleans booleans.
fn same_kind(value: &Arrow, column: &Arrow) -> bool {
    let numeric = |t: &Arrow| t.is_numeric();
    value == column || value.is_null() || (numeric(value) && numeric(column))
}
