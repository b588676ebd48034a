//! Resolves stars and regular expressions to the columns that they stand for.

use crate::Resolver;
use crate::errors::{analysis, foreign_dataframe_column};
use crate::expr_scope::{ExprScope, ResolvedExpr};
use crate::scope::{Scope, ScopeColumn};
use arrow::datatypes::DataType as Arrow;
use thalweg_common::{Error, Result};
use thalweg_functions::java_regex::{Bad, JavaRegex};
use thalweg_sql::ir::{self, ExprNode};
use thalweg_values::names::{quoted, same_name};

impl Resolver<'_> {
    /// Returns the columns of a star or a regular expression.
    pub(crate) fn star(&self, item: &ir::Expr, expr_scope: &ExprScope) -> Result<Vec<ScopeColumn>> {
        let columns = match &item.node {
            ExprNode::Star { target: None, plan_id: None, .. } => expr_scope.scope.columns.clone(),
            ExprNode::Star { target: None, plan_id: Some(id), .. } => match of_plan(expr_scope.scope, *id) {
                // If there are no columns at all, the star of a frame without columns stands for none.
                none if none.is_empty() && !expr_scope.scope.columns.is_empty() => {
                    return Err(foreign_dataframe_column(&["*".to_owned()]));
                }
                columns => columns,
            },
            ExprNode::Star { target: Some(target), .. } => {
                let found: Vec<_> = expr_scope.scope.qualified(target).into_iter().cloned().collect();
                if found.is_empty() {
                    return Err(self.at(no_such_star(target, expr_scope.scope), item.origin));
                }
                found
            }
            ExprNode::Regex { pattern, plan_id: None } => by_pattern(pattern, expr_scope.scope)?,
            ExprNode::Regex { pattern, plan_id: Some(id) } => {
                // `df.select(other.colRegex(..))` matches the names of all relations.
                match of_plan(expr_scope.scope, *id) {
                    none if none.is_empty() => by_pattern(pattern, expr_scope.scope)?,
                    of_plan => by_pattern(pattern, &Scope::new(of_plan))?,
                }
            }
            ExprNode::Literal(_)
            | ExprNode::Attribute { .. }
            | ExprNode::Function(_)
            | ExprNode::Window(_)
            | ExprNode::Cast { .. }
            | ExprNode::Alias { .. }
            | ExprNode::NamedArgument { .. }
            | ExprNode::Lambda { .. }
            | ExprNode::LambdaVariable(_)
            | ExprNode::Extract { .. }
            | ExprNode::UpdateField { .. }
            | ExprNode::Subquery { .. }
            | ExprNode::SubqueryReference { .. }
            | ExprNode::Parameter(_) => {
                let what = format!("{} in the place of a star", self.name_of(item, expr_scope));
                return Err(self.at(Error::unsupported(what), item.origin));
            }
        };
        let ExprNode::Star { except, .. } = &item.node else { return Ok(columns) };
        let mut kept = columns;
        for name in except {
            let before = kept.len();
            let last = name.last().cloned().unwrap_or_default();
            kept.retain(|c| !same_name(&c.name, &last));
            if kept.len() == before {
                return Err(self.at(crate::errors::unresolved_column(name, expr_scope.scope), item.origin));
            }
        }
        Ok(kept)
    }

    /// `s.*`: the fields of a struct as columns.
    pub(crate) fn struct_star(
        &self,
        item: &ir::Expr,
        target: &[String],
        plan_id: Option<i64>,
        expr_scope: &ExprScope,
    ) -> Result<Vec<(ScopeColumn, ResolvedExpr)>> {
        let of = self.attribute(target, plan_id, expr_scope);
        let Ok(ResolvedExpr { data_type: Arrow::Struct(fields), .. }) = &of else {
            return Err(self.at(no_such_star(target, expr_scope.scope), item.origin));
        };
        let of = of.clone()?;
        let field = |name: &String| {
            let resolved = self.field(of.clone(), name)?;
            Ok((ScopeColumn::new(self.new_id(), name, resolved.spark_type()?, resolved.nullable), resolved))
        };
        fields.iter().map(|f| field(f.name())).collect()
    }
}

fn of_plan(scope: &Scope, plan_id: i64) -> Vec<ScopeColumn> {
    let of = |c: &&ScopeColumn| c.plan_ids.iter().any(|(id, _)| *id == plan_id);
    scope.columns.iter().filter(of).cloned().collect()
}

fn by_pattern(pattern: &str, scope: &Scope) -> Result<Vec<ScopeColumn>> {
    let bare = pattern.trim_matches('`');
    // As in Spark, the pattern matches whole names without regard to case.
    let regex = JavaRegex::new(&format!("(?i)\\A(?:{bare})\\z")).map_err(|bad| match bad {
        Bad::Invalid => {
            let text = format!("The pattern {bare} is invalid.");
            analysis("INVALID_PARAMETER_VALUE.PATTERN", "22023", text)
        }
        Bad::Unsupported(what) => Error::unsupported(format!("{what} in the pattern {bare}")),
    })?;
    let mut found = vec![];
    for column in &scope.columns {
        if regex.is_match(&column.name)? {
            found.push(column.clone());
        }
    }
    Ok(found)
}

fn no_such_star(target: &[String], scope: &Scope) -> thalweg_common::Error {
    let columns: Vec<_> = scope.columns.iter().map(|c| quoted(std::slice::from_ref(&c.name))).collect();
    let text = format!(
        "Cannot resolve '{}.*' given input columns {}. Please check that the specified table or struct exists \
         and is accessible in the input columns.",
        target.join("."),
        columns.join(", ")
    );
    analysis("CANNOT_RESOLVE_STAR_EXPAND", "42704", text)
        .param("targetString", quoted(target))
        .param("columns", columns.join(", "))
}
