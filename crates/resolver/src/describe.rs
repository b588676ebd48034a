//! Resolves `describe` and `summary`: one row per statistic, one text column per column of the input.
//!
//! One row of all statistics is computed, and cross-joined with their names; a CASE selects the statistic of a row.
//! Only numbers and strings are described, strings as numbers where they are valid ones.

use crate::errors::unresolved_column;
use crate::expr_scope::ExprScope;
use crate::{ResolvedRelation, Resolver};
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_sql::ir::{self, EvalMode, Expr, ExprNode, JoinKind, Literal, Relation, RelationNode};
use thalweg_sql::types::DataType;

/// The column that names the statistic of a row.
const SUMMARY: &str = "summary";

/// A statistic of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Statistic {
    Count,
    CountDistinct,
    ApproxCountDistinct,
    Mean,
    Stddev,
    Min,
    Max,
    /// A percentile, as a fraction from 0 to 1.
    Percentile(f64),
}

impl Statistic {
    fn of(name: &str) -> Result<Self> {
        Ok(match name.to_lowercase().as_str() {
            "count" => Self::Count,
            "count_distinct" => Self::CountDistinct,
            "approx_count_distinct" => Self::ApproxCountDistinct,
            "mean" => Self::Mean,
            "stddev" => Self::Stddev,
            "min" => Self::Min,
            "max" => Self::Max,
            other => Self::Percentile(percentile(other).ok_or_else(|| unrecognized(name))?),
        })
    }

    fn fraction(self) -> Option<f64> {
        match self {
            Self::Percentile(fraction) => Some(fraction),
            _ => None,
        }
    }

    /// The statistic of a column, as text. All percentiles of a column, at `fractions`, are one aggregate.
    fn expr(self, column: &Expr, data_type: &DataType, fractions: &[f64]) -> Expr {
        let number = match data_type {
            DataType::String | DataType::Char(_) | DataType::Varchar(_) => double(column, EvalMode::Try),
            _ => column.clone(),
        };
        let value = match self {
            Self::Count => Expr::call("count", vec![column.clone()]),
            Self::CountDistinct => {
                let mut call = ir::FunctionCall::new("count", vec![column.clone()]);
                call.distinct = true;
                Expr::new(ExprNode::Function(call))
            }
            Self::ApproxCountDistinct => Expr::call("approx_count_distinct", vec![column.clone()]),
            Self::Mean => Expr::call("avg", vec![number]),
            Self::Stddev => Expr::call("stddev", vec![double(&number, EvalMode::Ansi)]),
            Self::Min => Expr::call("min", vec![column.clone()]),
            Self::Max => Expr::call("max", vec![column.clone()]),
            Self::Percentile(fraction) => {
                let number = match data_type {
                    DataType::Decimal { .. } => double(&number, EvalMode::Ansi),
                    _ => number,
                };
                let literal = |f: &f64| Expr::new(ExprNode::Literal(Literal::Double(*f)));
                let all = Expr::call("array", fractions.iter().map(literal).collect());
                let place = fractions.iter().position(|f| *f == fraction).unwrap_or_default();
                let place = Expr::new(ExprNode::Literal(Literal::Integer(place as i32)));
                Expr::call("get", vec![Expr::call("percentile_approx", vec![number, all]), place])
            }
        };
        cast(value, DataType::String, EvalMode::Ansi)
    }
}

fn percentile(name: &str) -> Option<f64> {
    let percent: f64 = name.strip_suffix('%')?.parse().ok()?;
    (0.0..=100.0).contains(&percent).then_some(percent / 100.0)
}

fn cast(expr: Expr, to: DataType, mode: EvalMode) -> Expr {
    Expr::new(ExprNode::Cast { expr: Box::new(expr), to, mode })
}

fn double(expr: &Expr, mode: EvalMode) -> Expr {
    cast(expr.clone(), DataType::Double, mode)
}

fn text(value: &str) -> Expr {
    Expr::new(ExprNode::Literal(Literal::String(value.to_owned())))
}

fn named(expr: Expr, name: &str) -> Expr {
    Expr::new(ExprNode::Alias { expr: Box::new(expr), names: vec![name.to_owned()], metadata: None })
}

impl Resolver<'_> {
    pub(crate) fn describe(
        &self,
        input: &Relation,
        columns: &[ir::Name],
        statistics: &[String],
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        let chosen = self.described(input, columns, outer)?;
        let kinds = statistics.iter().map(|s| Statistic::of(s)).collect::<Result<Vec<_>>>()?;
        let fractions: Vec<f64> = kinds.iter().filter_map(|kind| kind.fraction()).collect();
        let names = RelationNode::Values { rows: statistics.iter().map(|s| vec![text(s)]).collect() };
        let names = RelationNode::Alias {
            input: Box::new(Relation::new(names)),
            alias: SUMMARY.to_owned(),
            columns: vec![SUMMARY.to_owned()],
        };
        let inner = |column: usize, statistic: usize| format!("#{column} {statistic}");
        let (mut computed, mut shown) = (vec![], vec![Expr::column(&[SUMMARY])]);
        for (i, (reference, data_type)) in chosen.iter().enumerate() {
            let name = reference.last().map_or("", String::as_str);
            let column = Expr::new(ExprNode::Attribute { name: reference.clone(), plan_id: None });
            let mut branches = vec![];
            for (j, (kind, label)) in kinds.iter().zip(statistics).enumerate() {
                let value = kind.expr(&column, data_type, &fractions);
                computed.push(named(value, &inner(i, j)));
                branches.push(Expr::call("=", vec![Expr::column(&[SUMMARY]), text(label)]));
                branches.push(Expr::column(&[&inner(i, j)]));
            }
            shown.push(named(Expr::call("when", branches), name));
        }
        // Without a column to describe the answer is the names of the statistics alone.
        let all = match computed.is_empty() {
            true => names,
            false => RelationNode::Join(ir::Join {
                left: Box::new(Relation::new(names)),
                right: Box::new(one_row(input, computed)),
                kind: JoinKind::Cross,
                condition: None,
                using: vec![],
                natural: false,
                lateral: false,
            }),
        };
        let input = Box::new(Relation::new(all));
        self.relation(&Relation::new(RelationNode::Project { input, exprs: shown }), outer)
    }

    /// Returns the described columns with their types.
    fn described(
        &self,
        input: &Relation,
        columns: &[ir::Name],
        outer: Option<&ExprScope>,
    ) -> Result<Vec<(ir::Name, DataType)>> {
        let scope = self.relation(input, outer)?.scope;
        let expr_scope = ExprScope::new(&scope, outer);
        let chosen: Vec<_> = match columns {
            [] => scope.columns.iter().map(|c| (vec![c.name.clone()], c.data_type.clone())).collect(),
            _ => {
                let resolved = |name: &ir::Name| {
                    if self.seen(name, None, &expr_scope)?.is_none() {
                        return Err(unresolved_column(name, &scope));
                    }
                    Ok((name.clone(), self.attribute(name, None, &expr_scope)?.spark_type()?))
                };
                columns.iter().map(resolved).collect::<Result<_>>()?
            }
        };
        let chosen: Vec<_> = chosen.into_iter().filter(|(_, data_type)| is_described(data_type)).collect();
        // Spark looks the selected columns up a second time, by names in which dots separate parts.
        let parted = chosen.iter().filter_map(|(name, _)| name.last()).find(|n| n.contains(['.', '`']));
        match parted {
            Some(name) => {
                let parts: Vec<String> = name.split('.').map(str::to_owned).collect();
                Err(unresolved_column(&parts, &scope))
            }
            None => Ok(chosen),
        }
    }
}

fn one_row(input: &Relation, aggregates: Vec<Expr>) -> Relation {
    Relation::new(RelationNode::Aggregate(ir::Aggregate {
        input: Box::new(input.clone()),
        kind: ir::GroupKind::GroupBy,
        grouping: vec![],
        aggregates,
        output_grouping: true,
    }))
}

fn is_described(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Byte
            | DataType::Short
            | DataType::Integer
            | DataType::Long
            | DataType::Float
            | DataType::Double
            | DataType::Decimal { .. }
            | DataType::String
            | DataType::Char(_)
            | DataType::Varchar(_)
    )
}

fn unrecognized(name: &str) -> Error {
    let text = format!(
        "The statistic '{name}' is not recognized. Valid statistics include `count`, `count_distinct`, \
         `approx_count_distinct`, `mean`, `stddev`, `min`, `max`, and percentile values. Percentile must be a \
         numeric value followed by '%', within the range 0% to 100%."
    );
    Error::new(ErrorKind::IllegalArgument, "UNRECOGNIZED_STATISTIC", "42704", text).param("stats", name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_known_by_name_and_percentiles_by_number() {
        for (name, expect) in [
            ("count", Some(Statistic::Count)),
            ("MAX", Some(Statistic::Max)),
            ("25%", Some(Statistic::Percentile(0.25))),
            ("0.5%", Some(Statistic::Percentile(0.005))),
            ("101%", None),
            ("foo", None),
        ] {
            assert_eq!(Statistic::of(name).ok(), expect, "{name}");
        }
    }
}
