//! Resolves relations that add, rename, drop or cast columns.

use crate::errors::{analysis, foreign_dataframe_column, unresolved_column};
use crate::expr_scope::{ExprScope, ResolvedExpr};
use crate::scope::ScopeColumn;
use crate::select::ListItem;
use crate::source::rename;
use crate::{ResolvedRelation, Resolver};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::lit;
use thalweg_common::{Error, Result};
use thalweg_sql::ir::{self, ExprNode, Relation};
use thalweg_sql::types::StructType;
use thalweg_values::errors::column_already_exists;
use thalweg_values::errors::from_datafusion;
use thalweg_values::names::{quoted, same_name};

impl Resolver<'_> {
    /// Changes the partitioning only, so the rows are those of the input; the expressions must resolve.
    pub(crate) fn repartition(
        &self,
        input: &Relation,
        exprs: &[ir::Expr],
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        let relation = self.relation(input, outer)?;
        let expr_scope = ExprScope::new(&relation.scope, outer);
        exprs.iter().try_for_each(|e| self.expr(e, &expr_scope).map(|_| ()))?;
        Ok(relation)
    }

    pub(crate) fn alias(
        &self,
        input: &Relation,
        alias: &str,
        columns: &[String],
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        let mut relation = self.relation(input, outer)?;
        rename(&mut relation.scope, columns, "an alias")?;
        for c in &mut relation.scope.columns {
            c.qualifier = vec![alias.to_owned()];
        }
        // Above an alias the qualifiers of the input are not visible, so the keys that USING hides are not either.
        relation.scope.hidden.clear();
        Ok(relation)
    }

    pub(crate) fn with_columns(
        &self,
        input: &Relation,
        columns: &[ir::Expr],
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        let relation = self.relation(input, outer)?;
        let mut named = vec![];
        for item in columns {
            let ExprNode::Alias { names, .. } = &item.node else {
                return Err(Error::unsupported("withColumns of an expression without a name"));
            };
            let name = names.first().cloned().unwrap_or_default();
            if named.iter().any(|(n, _): &(String, &ir::Expr)| same_name(n, &name)) {
                return Err(column_already_exists(&name));
            }
            named.push((name, item));
        }
        // As in Spark, a name that several columns have replaces each of them.
        let new_for = |c: &ScopeColumn| named.iter().find(|(n, _)| same_name(n, &c.name));
        let mut list: Vec<ListItem> = vec![];
        for c in &relation.scope.columns {
            list.push(match new_for(c) {
                Some((_, item)) => ListItem::Expr((*item).clone()),
                None => ListItem::column(c),
            });
        }
        for (name, item) in &named {
            if !relation.scope.columns.iter().any(|c| same_name(&c.name, name)) {
                list.push(ListItem::Expr((*item).clone()));
            }
        }
        self.select_items(relation, &list, outer)
    }

    pub(crate) fn renamed(
        &self,
        input: &Relation,
        renames: &[(String, String)],
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        let relation = self.relation(input, outer)?;
        let mut columns = relation.scope.columns.clone();
        for c in &mut columns {
            for (from, to) in renames {
                if same_name(&c.name, from) {
                    c.name.clone_from(to);
                    c.qualifier.clear();
                    // As in Spark, a new name makes a new column: two of one name are ambiguous.
                    c.repeats = None;
                }
            }
        }
        Ok(self.showing(relation, columns))
    }

    pub(crate) fn drop_columns(
        &self,
        input: &Relation,
        columns: &[ir::Expr],
        names: &[String],
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        let relation = self.relation(input, outer)?;
        let mut dropped = vec![];
        for item in columns {
            let ExprNode::Attribute { name, plan_id } = &item.node else {
                return Err(Error::unsupported("drop of an expression that is not a column"));
            };
            let expr_scope = ExprScope::new(&relation.scope, None);
            // A name that does not exist is ignored, and so is a field of a struct.
            match self.seen(name, *plan_id, &expr_scope)? {
                Some(seen) if name.len() == seen.qualifier_len + 1 => {
                    dropped.push(seen.column.identity().to_owned());
                }
                None if plan_id.is_some() => return Err(foreign_dataframe_column(name)),
                _ => {}
            }
        }
        let mut columns = relation.scope.columns.clone();
        columns.retain(|c| {
            !dropped.iter().any(|d| d == c.identity()) && !names.iter().any(|n| same_name(n, &c.name))
        });
        Ok(self.showing(relation, columns))
    }

    pub(crate) fn to_df(
        &self,
        input: &Relation,
        names: &[String],
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        let relation = self.relation(input, outer)?;
        if names.len() != relation.scope.columns.len() {
            let text = format!(
                "The number of columns ({}) does not match the number of new names ({}).",
                relation.scope.columns.len(),
                names.len()
            );
            return Err(Error::new(
                thalweg_common::ErrorKind::IllegalArgument,
                "ASSIGNMENT_ARITY_MISMATCH",
                "42802",
                text,
            ));
        }
        let mut columns = relation.scope.columns.clone();
        for (c, name) in columns.iter_mut().zip(names) {
            c.name.clone_from(name);
            c.qualifier.clear();
            c.repeats = None;
        }
        Ok(self.showing(relation, columns))
    }

    /// Makes these columns of the plan the visible ones.
    fn showing(&self, mut relation: ResolvedRelation, columns: Vec<ScopeColumn>) -> ResolvedRelation {
        relation.scope.left_out = self.left_out(&relation, &columns);
        relation.scope.columns = columns;
        relation
    }

    /// `df.to(schema)`: columns by name, cast where a loss is an error.
    pub(crate) fn to_schema(
        &self,
        input: &Relation,
        schema: &StructType,
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        let relation = self.relation(input, outer)?;
        let mut list = vec![];
        for field in &schema.fields {
            let found = relation.scope.columns.iter().find(|c| same_name(&c.name, &field.name));
            let Some(found) = found else {
                if !field.nullable {
                    return Err(unresolved_column(std::slice::from_ref(&field.name), &relation.scope));
                }
                let null = ScalarValue::try_new_null(&thalweg_values::types::to_arrow(&field.data_type));
                let resolved = ResolvedExpr::new(
                    lit(null.map_err(from_datafusion)?),
                    thalweg_values::types::to_arrow(&field.data_type),
                    true,
                );
                let c = ScopeColumn::new(self.new_id(), &field.name, field.data_type.clone(), true);
                list.push(ListItem::Made(Box::new((c, resolved))));
                continue;
            };
            if found.nullable && !field.nullable {
                let name = quoted(std::slice::from_ref(&field.name));
                let text =
                    format!("Column or field {name} is nullable while it's required to be non-nullable.");
                return Err(analysis("NULLABLE_COLUMN_OR_FIELD", "42000", text).param("name", name));
            }
            let resolved =
                self.cast(crate::attribute::value_of(found), &field.data_type, ir::EvalMode::Ansi)?;
            let mut c = ScopeColumn::new(self.new_id(), &field.name, field.data_type.clone(), found.nullable);
            c.metadata.clone_from(&field.metadata);
            list.push(ListItem::Made(Box::new((c, resolved))));
        }
        self.select_items(relation, &list, outer)
    }
}
