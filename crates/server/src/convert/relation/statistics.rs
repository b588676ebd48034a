//! Converts statistics (`describe`, `summary`, `cov`, `corr`) and the replacement of nulls (`na`).

use crate::convert::expression::literal_expr;
use crate::convert::{Converter, count, identifier, refuse_if, required};
use spark_connect_proto as pb;
use spark_connect_proto::na_replace::Replacement;
use thalweg_common::Result;
use thalweg_sql::ir;
use thalweg_sql::ir::{EvalMode, Expr, ExprNode, Literal, RelationNode as Node};
use thalweg_sql::types::DataType;

/// The statistics of `describe`.
const DESCRIBE: &[&str] = &["count", "mean", "stddev", "min", "max"];
/// The statistics of `summary` without arguments.
const SUMMARY: &[&str] = &["count", "mean", "stddev", "min", "25%", "50%", "75%", "max"];

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

impl Converter<'_> {
    /// `summary`.
    pub(super) fn summary(&self, proto: pb::StatSummary) -> Result<Node> {
        let pb::StatSummary { input, statistics } = proto;
        let statistics = if statistics.is_empty() { owned(SUMMARY) } else { statistics };
        Ok(Node::Describe { input: self.input(input)?, columns: vec![], statistics })
    }

    /// `describe`.
    pub(super) fn describe(&self, proto: pb::StatDescribe) -> Result<Node> {
        let pb::StatDescribe { input, cols } = proto;
        let columns = names(cols)?;
        Ok(Node::Describe { input: self.input(input)?, columns, statistics: owned(DESCRIBE) })
    }

    /// `cov`: the covariance of a sample, as an aggregate. Like `corr` of a DataFrame, and unlike the functions of
    /// these names, it counts a null as 0, as Spark does.
    pub(super) fn covariance(&self, proto: pb::StatCov) -> Result<Node> {
        let pb::StatCov { input, col1, col2 } = proto;
        self.statistic(input, "covar_samp", "cov", [col1, col2])
    }

    /// `corr`: Pearson's correlation, as an aggregate.
    pub(super) fn correlation(&self, proto: pb::StatCorr) -> Result<Node> {
        let pb::StatCorr { input, col1, col2, method } = proto;
        let other = method.is_some_and(|m| !m.is_empty() && !m.eq_ignore_ascii_case("pearson"));
        refuse_if(other, "a correlation other than Pearson's")?;
        self.statistic(input, "corr", "corr", [col1, col2])
    }

    fn statistic(
        &self,
        input: Option<Box<pb::Relation>>,
        function: &str,
        name: &str,
        columns: [String; 2],
    ) -> Result<Node> {
        let mut args = vec![];
        for column in &columns {
            let column = Expr::new(ExprNode::Attribute { name: identifier(column)?, plan_id: None });
            let (expr, to, mode) = (Box::new(column), DataType::Double, EvalMode::Ansi);
            let number = Expr::new(ExprNode::Cast { expr, to, mode });
            let zero = Expr::new(ExprNode::Literal(Literal::Double(0.0)));
            args.push(Expr::call("coalesce", vec![number, zero]));
        }
        // A DataFrame's statistic is a number even where it is not defined.
        let undefined = Expr::new(ExprNode::Literal(Literal::Double(f64::NAN)));
        let expr = Box::new(Expr::call("coalesce", vec![Expr::call(function, args), undefined]));
        let alias = ExprNode::Alias { expr, names: vec![name.to_owned()], metadata: None };
        Ok(Node::Aggregate(ir::Aggregate {
            input: self.input(input)?,
            kind: ir::GroupKind::GroupBy,
            grouping: vec![],
            aggregates: vec![Expr::new(alias)],
            output_grouping: true,
        }))
    }

    /// `na.fill`.
    pub(super) fn fill_na(&self, proto: pb::NaFill) -> Result<Node> {
        let pb::NaFill { input, cols, values } = proto;
        let values = values.into_iter().map(literal_expr).collect::<Result<_>>()?;
        Ok(Node::FillNa { input: self.input(input)?, columns: names(cols)?, values })
    }

    /// `na.drop`.
    pub(super) fn drop_na(&self, proto: pb::NaDrop) -> Result<Node> {
        let pb::NaDrop { input, cols, min_non_nulls } = proto;
        let min_non_nulls = min_non_nulls.map(|n| count(n, "NADrop.min_non_nulls")).transpose()?;
        Ok(Node::DropNa { input: self.input(input)?, columns: names(cols)?, min_non_nulls })
    }

    /// `na.replace`.
    pub(super) fn replace(&self, proto: pb::NaReplace) -> Result<Node> {
        let pb::NaReplace { input, cols, replacements } = proto;
        let replacements = replacements.into_iter().map(replacement).collect::<Result<_>>()?;
        Ok(Node::Replace { input: self.input(input)?, columns: names(cols)?, replacements })
    }
}

/// Converts the names of columns: dots separate, backticks quote.
fn names(columns: Vec<String>) -> Result<Vec<ir::Name>> {
    columns.iter().map(|column| identifier(column)).collect()
}

fn replacement(proto: Replacement) -> Result<(Expr, Expr)> {
    let Replacement { old_value, new_value } = proto;
    let old = literal_expr(required(old_value, "Replacement.old_value")?)?;
    Ok((old, literal_expr(required(new_value, "Replacement.new_value")?)?))
}
