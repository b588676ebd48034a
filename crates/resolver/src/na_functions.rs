//! Resolves `na.fill`, `na.drop` and `na.replace`.

use crate::errors::unresolved_column;
use crate::expr_scope::{ExprScope, ResolvedExpr};
use crate::scope::{Scope, ScopeColumn};
use crate::select::ListItem;
use crate::{ResolvedRelation, Resolver};
use arrow::datatypes::DataType as Arrow;
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::{Expr, lit};
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_sql::ir;
use thalweg_values::names::quoted;

/// A value that a method refers to.
struct Named {
    /// The identity of its column; none for a field of a struct.
    id: Option<String>,
    resolved: ResolvedExpr,
}

impl Named {
    fn is(&self, c: &ScopeColumn) -> bool {
        self.id.as_deref() == Some(c.identity())
    }
}

impl Resolver<'_> {
    /// Returns the values with these names, in order: columns, or fields of a struct. No names means all columns.
    fn named_values(&self, names: &[ir::Name], scope: &Scope) -> Result<Vec<Named>> {
        if names.is_empty() {
            let whole = |c: &ScopeColumn| Named {
                id: Some(c.identity().to_owned()),
                resolved: crate::attribute::value_of(c),
            };
            return Ok(scope.columns.iter().map(whole).collect());
        }
        let expr_scope = ExprScope::new(scope, None);
        let named = |name: &ir::Name| {
            let seen = self.seen(name, None, &expr_scope)?.ok_or_else(|| unresolved_column(name, scope))?;
            let is_column = name.len() == seen.qualifier_len + 1;
            Ok(Named {
                id: is_column.then(|| seen.column.identity().to_owned()),
                resolved: self.attribute(name, None, &expr_scope)?,
            })
        };
        names.iter().map(named).collect()
    }

    /// Fills nulls with one value for all columns of its kind, or with one value per named column.
    pub(crate) fn fill(
        &self,
        input: &ir::Relation,
        columns: &[ir::Name],
        values: &[ir::Expr],
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        let relation = self.relation(input, outer)?;
        let empty = Scope::default();
        let expr_scope = ExprScope::new(&empty, None);
        let values = values.iter().map(|v| self.expr(v, &expr_scope)).collect::<Result<Vec<_>>>()?;
        let named = self.named_values(columns, &relation.scope)?;
        let value_for = |c: &ScopeColumn| {
            let at = named.iter().position(|n| n.is(c))?;
            if values.len() == 1 { values.first() } else { values.get(at) }
        };
        let mut list = vec![];
        for c in &relation.scope.columns {
            let resolved = crate::attribute::value_of(c);
            // One value for all columns fills those of its kind; a value for one column is cast to its type.
            let fits = |v: &&ResolvedExpr| values.len() > 1 || same_kind(&v.data_type, &resolved.data_type);
            list.push(match value_for(c).filter(fits) {
                None => ListItem::column(c),
                Some(value) => {
                    // A value that cannot be cast to the column's type fills nothing.
                    let value = self.cast(value.clone(), &c.data_type, ir::EvalMode::Try)?;
                    // NaN counts as missing in floating-point columns.
                    let resolved = match resolved.data_type {
                        Arrow::Float32 | Arrow::Float64 => {
                            let null = ResolvedExpr::new(
                                lit(datafusion::common::ScalarValue::Null),
                                Arrow::Null,
                                true,
                            );
                            self.scalar(
                                "nanvl",
                                vec![resolved.clone(), self.coerced(null, &resolved.data_type)?],
                            )?
                        }
                        _ => resolved,
                    };
                    let filled = self.scalar("coalesce", vec![resolved, value])?;
                    let made = ScopeColumn { id: self.new_id(), nullable: filled.nullable, ..c.clone() };
                    ListItem::Made(Box::new((made, filled)))
                }
            });
        }
        self.select_items(relation, &list, None)
    }

    pub(crate) fn drop_missing(
        &self,
        input: &ir::Relation,
        columns: &[ir::Name],
        min_non_nulls: Option<usize>,
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        let relation = self.relation(input, outer)?;
        let named = self.named_values(columns, &relation.scope)?;
        let mut present = vec![];
        for Named { resolved, .. } in named {
            let not_null = resolved.expr.clone().is_not_null();
            present.push(match resolved.data_type {
                Arrow::Float32 | Arrow::Float64 => {
                    let nan = self.scalar("isnan", vec![resolved])?;
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
                let least = i64::try_from(least).map_err(|_| {
                    Error::unsupported(format!("na.drop() of rows with fewer than {least} values"))
                        .hint("Give a threshold up to the number of columns.")
                })?;
                let sum = present.into_iter().map(one).reduce(|a, b| a + b).unwrap_or_else(|| lit(0_i64));
                Some(sum.gt_eq(lit(least)))
            }
        };
        let conjuncts = condition.map(|c| ResolvedExpr::new(c, Arrow::Boolean, false));
        self.filtered(relation, conjuncts.into_iter().collect())
    }

    /// Replaces values in columns of the values' kind.
    pub(crate) fn replace(
        &self,
        relation: ResolvedRelation,
        columns: &[ir::Name],
        replacements: &[(ir::Expr, ir::Expr)],
    ) -> Result<ResolvedRelation> {
        let empty = Scope::default();
        let expr_scope = ExprScope::new(&empty, None);
        let pairs = replacements
            .iter()
            .map(|(old, new)| Ok((self.expr(old, &expr_scope)?, self.expr(new, &expr_scope)?)))
            .collect::<Result<Vec<_>>>()?;
        let named = self.named_values(columns, &relation.scope)?;
        if let Some((_, name)) = named.iter().zip(columns).find(|(n, _)| n.id.is_none()) {
            let text = format!("The replace function does not support nested column {}.", quoted(name));
            return Err(Error::new(
                ErrorKind::Unsupported,
                "UNSUPPORTED_FEATURE.REPLACE_NESTED_COLUMN",
                "0A000",
                format!("The feature is not supported: {text}"),
            )
            .param("colName", quoted(name)));
        }
        let mut list = vec![];
        for c in &relation.scope.columns {
            let resolved = crate::attribute::value_of(c);
            let fits = pairs.iter().all(|(old, _)| same_kind(&old.data_type, &resolved.data_type));
            if !fits || !named.iter().any(|n| n.is(c)) {
                list.push(ListItem::column(c));
                continue;
            }
            let mut branches = vec![];
            let mut nullable = c.nullable;
            for (old, new) in &pairs {
                let old = self.cast(old.clone(), &c.data_type, ir::EvalMode::Ansi)?;
                let new = self.cast(new.clone(), &c.data_type, ir::EvalMode::Ansi)?;
                nullable |= new.nullable;
                // The comparison is null-safe, since the value to replace may be a null.
                let equal = self.scalar("<=>", vec![resolved.clone(), old])?;
                branches.push((Box::new(equal.expr), Box::new(new.expr)));
            }
            let replaced = Expr::Case(Case::new(None, branches, Some(Box::new(resolved.expr))));
            let made = ScopeColumn { id: self.new_id(), nullable, ..c.clone() };
            list.push(ListItem::Made(Box::new((
                made,
                ResolvedExpr::new(replaced, resolved.data_type, nullable),
            ))));
        }
        self.select_items(relation, &list, None)
    }
}

/// Returns whether a value of this type fills columns of that one: both are numbers, strings or booleans.
fn same_kind(value: &Arrow, column: &Arrow) -> bool {
    let numeric = |t: &Arrow| t.is_numeric();
    value == column || value.is_null() || (numeric(value) && numeric(column))
}
