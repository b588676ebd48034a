//! Resolves `unionByName`: converts both sides to the same columns and, in structs, the same fields in one order.
//!
//! The left side's order and names come first, then what only the right side has, where missing columns are
//! allowed: it is null on the other side. Structs are merged the same way, in arrays and in other structs;
//! maps are not changed. Common types are derived afterwards, as for every set operation.

use crate::errors::columns_mismatch;
use crate::errors::{analysis, unknown_field_name};
use crate::expr_scope::ResolvedExpr;
use crate::scope::{Scope, ScopeColumn};
use crate::{ResolvedRelation, Resolver, project};
use arrow::datatypes::{DataType as Arrow, Field, FieldRef, Fields};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, lit};
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_values::errors::column_already_exists;
use thalweg_values::errors::from_datafusion;
use thalweg_values::names::same_name;
use thalweg_values::types::to_arrow;

impl Resolver<'_> {
    /// Both sides with the columns of the left's names in the left's order.
    pub(crate) fn by_name(
        &self,
        mut left: ResolvedRelation,
        mut right: ResolvedRelation,
        allow_missing: bool,
    ) -> Result<(ResolvedRelation, ResolvedRelation)> {
        require_distinct(&left.scope)?;
        require_distinct(&right.scope)?;
        let among =
            |c: &ScopeColumn, scope: &Scope| scope.columns.iter().any(|o| same_name(&o.name, &c.name));
        let (lefts, rights) = (left.scope.columns.clone(), right.scope.columns.clone());
        for c in lefts.iter().filter(|c| !among(c, &right.scope)).collect::<Vec<_>>() {
            if !allow_missing {
                return Err(unknown_field_name(&c.name, &right.scope));
            }
            right = self.with_null(right, c)?;
        }
        for c in rights.iter().filter(|c| !among(c, &left.scope)).collect::<Vec<_>>() {
            if !allow_missing {
                // Spark reports what only the right side has by the number of columns, not by name.
                return Err(columns_mismatch("UNION", lefts.len(), rights.len()));
            }
            left = self.with_null(left, c)?;
        }
        // Nothing is lost here: by now each side has a column for every name of the other.
        let of_name = |l: &ScopeColumn| right.scope.columns.iter().find(|r| same_name(&l.name, &r.name));
        right.scope.columns = left.scope.columns.iter().filter_map(of_name).cloned().collect();
        self.same_fields(left, right, allow_missing)
    }

    /// Both sides with the same fields in the structs of columns at the same place.
    fn same_fields(
        &self,
        left: ResolvedRelation,
        right: ResolvedRelation,
        allow_missing: bool,
    ) -> Result<(ResolvedRelation, ResolvedRelation)> {
        let (mut lefts, mut rights) = (vec![], vec![]);
        for (l, r) in left.scope.columns.iter().zip(&right.scope.columns) {
            let (l, r) = (crate::attribute::value_of(l), crate::attribute::value_of(r));
            let (to_left, to_right) = merged(&l.data_type, &r.data_type, allow_missing)?;
            lefts.push((l, to_left));
            rights.push((r, to_right));
        }
        Ok((self.with_types(left, lefts)?, self.with_types(right, rights)?))
    }

    /// Rebuilds the structs of the columns.
    fn with_types(
        &self,
        mut relation: ResolvedRelation,
        columns: Vec<(ResolvedExpr, Arrow)>,
    ) -> Result<ResolvedRelation> {
        if columns.iter().all(|(value, to)| &value.data_type == to) {
            return Ok(relation);
        }
        let mut exprs: Vec<Expr> = relation.plan.schema().columns().into_iter().map(Expr::Column).collect();
        for (c, (value, to)) in relation.scope.columns.iter_mut().zip(columns) {
            if value.data_type == to {
                continue;
            }
            let id = self.new_id();
            let laid_out = ResolvedExpr::of_bound(thalweg_functions::with_fields(value.arg(), &to), &[value]);
            c.data_type = laid_out.spark_type()?;
            exprs.push(laid_out.expr.alias(&id));
            c.id = id;
        }
        relation.plan = project(relation.plan, exprs)?;
        Ok(relation)
    }

    /// Adds a column of nulls that is named and typed as `like`.
    fn with_null(&self, mut relation: ResolvedRelation, like: &ScopeColumn) -> Result<ResolvedRelation> {
        let id = self.new_id();
        let null = ScalarValue::try_new_null(&to_arrow(&like.data_type)).map_err(from_datafusion)?;
        let mut exprs: Vec<Expr> = relation.plan.schema().columns().into_iter().map(Expr::Column).collect();
        exprs.push(lit(null).alias(&id));
        relation.plan = project(relation.plan, exprs)?;
        relation.scope.columns.push(ScopeColumn::new(id, &like.name, like.data_type.clone(), true));
        Ok(relation)
    }
}

/// Requires that the names of columns differ without regard to case.
fn require_distinct(scope: &Scope) -> Result<()> {
    for (i, c) in scope.columns.iter().enumerate() {
        if scope.columns.iter().skip(i + 1).any(|o| same_name(&o.name, &c.name)) {
            return Err(column_already_exists(&c.name.to_lowercase()));
        }
    }
    Ok(())
}

/// The types of both sides with the fields of both, in the order and under the names of the left.
fn merged(left: &Arrow, right: &Arrow, allow_missing: bool) -> Result<(Arrow, Arrow)> {
    match (left, right) {
        (Arrow::Struct(l), Arrow::Struct(r)) => {
            let (l, r) = merged_fields(l, r, allow_missing)?;
            Ok((Arrow::Struct(l), Arrow::Struct(r)))
        }
        (Arrow::List(l), Arrow::List(r)) => {
            let (to_left, to_right) = merged(l.data_type(), r.data_type(), allow_missing)?;
            let list = |field: &FieldRef, to: Arrow| {
                Arrow::List(Arc::new(Field::new(field.name(), to, field.is_nullable())))
            };
            Ok((list(l, to_left), list(r, to_right)))
        }
        _ => Ok((left.clone(), right.clone())),
    }
}

fn merged_fields(left: &Fields, right: &Fields, allow_missing: bool) -> Result<(Fields, Fields)> {
    let (mut lefts, mut rights) = (vec![], vec![]);
    let of_name = |fields: &Fields, name: &str| fields.iter().find(|f| same_name(f.name(), name)).cloned();
    for l in left {
        match of_name(right, l.name()) {
            Some(r) => {
                let (to_left, to_right) = merged(l.data_type(), r.data_type(), allow_missing)?;
                lefts.push(Field::new(l.name(), to_left, l.is_nullable()));
                rights.push(Field::new(l.name(), to_right, r.is_nullable()));
            }
            None if allow_missing => {
                lefts.push(l.as_ref().clone());
                rights.push(l.as_ref().clone().with_nullable(true));
            }
            None => return Err(no_such_field(l.name(), right)),
        }
    }
    for r in right.iter().filter(|r| of_name(left, r.name()).is_none()) {
        // Otherwise the sides differ in their fields, and the error is that they have no common type.
        if allow_missing {
            lefts.push(r.as_ref().clone().with_nullable(true));
        }
        rights.push(r.as_ref().clone());
    }
    Ok((lefts.into(), rights.into()))
}

fn no_such_field(name: &str, fields: &Fields) -> thalweg_common::Error {
    let list = fields.iter().map(|f| format!("`{}`", f.name())).collect::<Vec<_>>().join(", ");
    analysis("FIELD_NOT_FOUND", "42704", format!("No such struct field `{name}` in {list}."))
        .param("fieldName", format!("`{name}`"))
        .param("fields", list)
}
