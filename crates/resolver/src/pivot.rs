//! Resolves PIVOT and UNPIVOT: rows to columns and back.

use crate::clause::Clause;
use crate::errors::analysis;
use crate::expr_scope::{ExprScope, ResolvedExpr};
use crate::scope::{Scope, ScopeColumn};
use crate::{ResolvedRelation, Resolver, column, project};
use arrow::datatypes::DataType as Arrow;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, LogicalPlan, Union, lit};
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_sql::ir::{self, ExprNode, FunctionCall, GroupKind, Literal, Relation, RelationNode};
use thalweg_values::errors::from_datafusion;
use thalweg_values::names::same_name;
use thalweg_values::types::DataType as SparkType;

impl Resolver<'_> {
    /// A pivot: each aggregate once per value, over the rows with that value; null where there are none.
    pub(crate) fn pivot(
        &self,
        aggregate: &ir::Aggregate,
        (column, values): (&ir::Expr, &[ir::Expr]),
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        if values.is_empty() {
            return Err(Error::unsupported("a pivot without its values"));
        }
        let mut aggregates = vec![];
        for value in values {
            let (value, label) = self.pivot_value(value)?;
            // The comparison is null-safe, since NULL may be one of the values of the pivot.
            let matches = ir::Expr::call("<=>", vec![column.clone(), value]);
            for item in &aggregate.aggregates {
                aggregates.push(self.pivoted(item, &matches, &label, aggregate.aggregates.len() == 1)?);
            }
        }
        let plain = ir::Aggregate {
            input: aggregate.input.clone(),
            kind: GroupKind::GroupBy,
            grouping: aggregate.grouping.clone(),
            aggregates,
            output_grouping: true,
        };
        self.relation(&Relation::new(RelationNode::Aggregate(plain)), outer)
    }

    /// `CASE WHEN count(1) FILTER (matches) > 0 THEN aggregate FILTER (matches) END` under the pivot's name.
    fn pivoted(&self, item: &ir::Expr, matches: &ir::Expr, label: &str, only: bool) -> Result<ir::Expr> {
        let (call, name) = match &item.node {
            ExprNode::Alias { expr, names, .. } => (expr.as_ref(), names.first().cloned()),
            _ => (item, None),
        };
        let filtered = with_filter(call, matches)?;
        let mut rows =
            FunctionCall::new("count", vec![ir::Expr::new(ExprNode::Literal(Literal::Integer(1)))]);
        rows.filter = Some(Box::new(matches.clone()));
        let rows = ir::Expr::new(ExprNode::Function(rows));
        let zero = ir::Expr::new(ExprNode::Literal(Literal::Long(0)));
        // Without the CASE a count would be 0 for a value without rows, where Spark's pivot is null.
        let value = ir::Expr::call("when", vec![ir::Expr::call(">", vec![rows, zero]), filtered]);
        let scope = Scope::default();
        let shown = name.unwrap_or_else(|| self.name_of(call, &ExprScope::new(&scope, None)));
        let name = if only { label.to_owned() } else { format!("{label}_{shown}") };
        Ok(ir::Expr::at(
            ExprNode::Alias { expr: Box::new(value), names: vec![name], metadata: None },
            item.origin,
        ))
    }

    /// UNPIVOT: one row per value column, with its name and its value.
    pub(crate) fn unpivot(
        &self,
        unpivot: &ir::Unpivot,
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        let relation = self.relation(&unpivot.input, outer)?;
        let expr_scope = ExprScope { clause: Clause::Unpivot, ..ExprScope::new(&relation.scope, outer) };
        let expand = |list: &[ir::Expr]| -> Result<Vec<(ScopeColumn, ResolvedExpr)>> {
            let items = list.iter().map(|e| self.item(e, &expr_scope)).collect::<Result<Vec<_>>>()?;
            Ok(items.into_iter().flatten().collect())
        };
        let ids = expand(&unpivot.ids)?;
        let values = match &unpivot.values {
            Some(values) => expand(values)?,
            None => {
                let is_id = |c: &ScopeColumn| ids.iter().any(|(id, _)| same_name(&id.name, &c.name));
                let rest = relation.scope.columns.iter().filter(|c| !is_id(c));
                rest.map(|c| (c.clone(), crate::attribute::value_of(c))).collect()
            }
        };
        let types: Vec<Arrow> = values.iter().map(|(_, v)| v.data_type.clone()).collect();
        let common = thalweg_functions::common_type(&types).ok_or_else(|| mismatch(&types))?;
        let value_type = ResolvedExpr::new(lit(ScalarValue::Null), common.clone(), true).spark_type()?;
        let nullable = values.iter().any(|(_, v)| v.nullable);
        let value_column = ScopeColumn::new(self.new_id(), &unpivot.value_column, value_type, nullable);
        let columns = self.unpivoted_columns(&ids, &unpivot.variable_column, value_column);
        let values = values.into_iter().map(|(c, value)| Ok((c, self.coerced(value, &common)?)));
        let plan = unpivoted(&relation.plan, &ids, values.collect::<Result<_>>()?, &columns)?;
        let visible = columns.iter().map(|c| column(&c.id)).collect::<Vec<Expr>>();
        Ok(ResolvedRelation { plan: project(plan, visible)?, scope: Scope::new(columns), ..relation })
    }

    /// The ids with new identities, the column of names, and the column of values.
    fn unpivoted_columns(
        &self,
        ids: &[(ScopeColumn, ResolvedExpr)],
        names: &str,
        values: ScopeColumn,
    ) -> Vec<ScopeColumn> {
        let ids = ids.iter().map(|(c, _)| ScopeColumn { id: self.new_id(), ..c.clone() });
        let names = ScopeColumn::new(self.new_id(), names, SparkType::String, false);
        ids.chain([names, values]).collect()
    }

    /// A pivot's value and the name it gives to columns.
    fn pivot_value(&self, value: &ir::Expr) -> Result<(ir::Expr, String)> {
        if let ExprNode::Alias { expr, names, .. } = &value.node {
            return Ok((expr.as_ref().clone(), names.first().cloned().unwrap_or_default()));
        }
        let label = self.name_of(value, &ExprScope::new(&Scope::default(), None));
        // Spark names the column of a null in lower case, while a name derived from the literal has capitals.
        Ok((value.clone(), if label == "NULL" { "null".to_owned() } else { label }))
    }
}

/// The union of one projection for each value column: the ids, the column's name, and its value.
fn unpivoted(
    input: &LogicalPlan,
    ids: &[(ScopeColumn, ResolvedExpr)],
    values: Vec<(ScopeColumn, ResolvedExpr)>,
    columns: &[ScopeColumn],
) -> Result<LogicalPlan> {
    let mut branches = vec![];
    for (c, value) in values {
        let exprs = ids.iter().map(|(_, t)| t.expr.clone()).chain([lit(c.name.as_str()), value.expr]);
        let exprs = exprs.zip(columns).map(|(e, c)| e.alias(&c.id)).collect::<Vec<_>>();
        branches.push(Arc::new(project(input.clone(), exprs)?));
    }
    match branches.as_slice() {
        [] => Err(Error::unsupported("UNPIVOT without value columns")),
        [single] => Ok(single.as_ref().clone()),
        _ => Ok(LogicalPlan::Union(Union::try_new(branches).map_err(from_datafusion)?)),
    }
}

/// The aggregate call with the condition added to its FILTER.
fn with_filter(call: &ir::Expr, matches: &ir::Expr) -> Result<ir::Expr> {
    let ExprNode::Function(function) = &call.node else {
        return Err(Error::unsupported("a pivot over an expression that is not an aggregate call"));
    };
    let filter = match &function.filter {
        Some(filter) => ir::Expr::call("and", vec![filter.as_ref().clone(), matches.clone()]),
        None => matches.clone(),
    };
    let function = FunctionCall { filter: Some(Box::new(filter)), ..function.clone() };
    Ok(ir::Expr::at(ExprNode::Function(function), call.origin))
}

fn mismatch(types: &[Arrow]) -> Error {
    let types: Vec<_> = types.iter().map(thalweg_values::types::sql_name).collect();
    let text = format!(
        "Unpivot value columns must share a least common type, some types do not: [{}].",
        types.join(", ")
    );
    analysis("UNPIVOT_VALUE_DATA_TYPE_MISMATCH", "42K09", text).param("types", types.join(", "))
}
