//! Converts relations of one input: limits, orders, columns, and rows as text.

use crate::convert::expression::integer;
use crate::convert::{Converter, count, identifier, invalid, refuse_if, required, types};
use spark_connect_proto as pb;
use spark_connect_proto::with_columns_renamed::Rename;
use thalweg_common::Result;
use thalweg_sql::ir;
use thalweg_sql::ir::{Expr, ExprNode, RelationNode as Node};

impl Converter<'_> {
    pub(super) fn project(&self, proto: pb::Project) -> Result<Node> {
        let pb::Project { input, expressions } = proto;
        let exprs = self.expressions(expressions)?;
        match input {
            Some(input) => Ok(Node::Project { input: Box::new(self.relation(*input)?), exprs }),
            // Without an input the expressions are evaluated once, as in `SELECT 1`.
            None => Ok(Node::Project { input: Box::new(ir::Relation::new(Node::OneRow)), exprs }),
        }
    }

    pub(super) fn filter(&self, proto: pb::Filter) -> Result<Node> {
        let pb::Filter { input, condition } = proto;
        let condition = self.expression(required(condition, "Filter.condition")?)?;
        Ok(Node::Filter { input: self.input(input)?, condition })
    }

    pub(super) fn sort(&self, proto: pb::Sort) -> Result<Node> {
        let pb::Sort { input, order, is_global } = proto;
        let order = self.sort_orders(order)?;
        // `sortWithinPartitions` is the call that sets it to false.
        Ok(Node::Sort { input: self.input(input)?, order, global: is_global.unwrap_or(true) })
    }

    pub(super) fn limit(&self, proto: pb::Limit) -> Result<Node> {
        let pb::Limit { input, limit } = proto;
        Ok(Node::Limit { input: self.input(input)?, limit: integer(limit) })
    }

    pub(super) fn offset(&self, proto: pb::Offset) -> Result<Node> {
        let pb::Offset { input, offset } = proto;
        Ok(Node::Offset { input: self.input(input)?, offset: integer(offset) })
    }

    pub(super) fn tail(&self, proto: pb::Tail) -> Result<Node> {
        let pb::Tail { input, limit } = proto;
        Ok(Node::Tail { input: self.input(input)?, limit: count(limit, "Tail.limit")? })
    }

    pub(super) fn sample(&self, proto: pb::Sample) -> Result<Node> {
        let pb::Sample { input, lower_bound, upper_bound, with_replacement, seed, deterministic_order } =
            proto;
        // The parts of a split must not overlap, which requires the same order of rows in all of them.
        refuse_if(deterministic_order, "randomSplit")?;
        Ok(Node::Sample {
            input: self.input(input)?,
            lower: lower_bound,
            upper: upper_bound,
            with_replacement: with_replacement.unwrap_or(false),
            seed,
        })
    }

    pub(super) fn deduplicate(&self, proto: pb::Deduplicate) -> Result<Node> {
        let pb::Deduplicate { input, column_names, all_columns_as_keys, within_watermark } = proto;
        if column_names.is_empty() != all_columns_as_keys.unwrap_or(false) {
            return Err(invalid("dropDuplicates takes either all columns or a list of columns."));
        }
        let within_watermark = within_watermark.unwrap_or(false);
        Ok(Node::Deduplicate { input: self.input(input)?, columns: column_names, within_watermark })
    }

    pub(super) fn subquery_alias(&self, proto: pb::SubqueryAlias) -> Result<Node> {
        let pb::SubqueryAlias { input, alias, qualifier } = proto;
        refuse_if(!qualifier.is_empty(), "an alias with a qualifier")?;
        Ok(Node::Alias { input: self.input(input)?, alias, columns: vec![] })
    }

    pub(super) fn repartition(&self, proto: pb::Repartition) -> Result<Node> {
        let pb::Repartition { input, num_partitions, shuffle } = proto;
        let partitions = Some(count(num_partitions, "Repartition.num_partitions")?);
        Ok(Node::Repartition {
            input: self.input(input)?,
            partitions,
            exprs: vec![],
            shuffle: shuffle.unwrap_or(false),
        })
    }

    pub(super) fn repartition_by(&self, proto: pb::RepartitionByExpression) -> Result<Node> {
        let pb::RepartitionByExpression { input, partition_exprs, num_partitions } = proto;
        let partitions = num_partitions.map(|n| count(n, "num_partitions")).transpose()?;
        let exprs = partition_exprs.into_iter().map(|e| self.partition_key(e)).collect::<Result<_>>()?;
        Ok(Node::Repartition { input: self.input(input)?, partitions, exprs, shuffle: true })
    }

    /// `repartitionByRange` sends orderings; only their keys matter to a partition.
    fn partition_key(&self, proto: pb::Expression) -> Result<Expr> {
        match proto.expr_type {
            Some(pb::expression::ExprType::SortOrder(order)) => Ok(self.sort_order(*order)?.expr),
            expr_type => self.expression(pb::Expression { common: None, expr_type }),
        }
    }

    pub(super) fn to_df(&self, proto: pb::ToDf) -> Result<Node> {
        let pb::ToDf { input, column_names } = proto;
        Ok(Node::ToDf { input: self.input(input)?, names: column_names })
    }

    pub(super) fn to_schema(&self, proto: pb::ToSchema) -> Result<Node> {
        let pb::ToSchema { input, schema } = proto;
        let schema = types::schema_from_proto(required(schema, "ToSchema.schema")?)?;
        Ok(Node::ToSchema { input: self.input(input)?, schema })
    }

    pub(super) fn with_columns(&self, proto: pb::WithColumns) -> Result<Node> {
        let pb::WithColumns { input, aliases } = proto;
        let column = |alias| Ok(Expr::new(self.alias(alias)?));
        let columns = aliases.into_iter().map(column).collect::<Result<_>>()?;
        Ok(Node::WithColumns { input: self.input(input)?, columns })
    }

    #[allow(deprecated)] // Older clients send a map.
    pub(super) fn with_columns_renamed(&self, proto: pb::WithColumnsRenamed) -> Result<Node> {
        let pb::WithColumnsRenamed { input, rename_columns_map, renames } = proto;
        let mut pairs: Vec<_> = rename_columns_map.into_iter().collect();
        pairs.sort();
        pairs.extend(renames.into_iter().map(|Rename { col_name, new_col_name }| (col_name, new_col_name)));
        Ok(Node::WithColumnsRenamed { input: self.input(input)?, renames: pairs })
    }

    pub(super) fn drop_columns(&self, proto: pb::Drop) -> Result<Node> {
        let pb::Drop { input, columns, column_names } = proto;
        let columns = self.expressions(columns)?;
        Ok(Node::Drop { input: self.input(input)?, columns, names: column_names })
    }

    pub(super) fn hint(&self, proto: pb::Hint) -> Result<Node> {
        let pb::Hint { input, name, parameters } = proto;
        Ok(Node::Hint { input: self.input(input)?, name, args: self.expressions(parameters)? })
    }

    pub(super) fn unpivot(&self, proto: pb::Unpivot) -> Result<Node> {
        let pb::Unpivot { input, ids, values, variable_column_name, value_column_name } = proto;
        let values = values.map(|pb::unpivot::Values { values }| self.expressions(values)).transpose()?;
        Ok(Node::Unpivot(ir::Unpivot {
            input: self.input(input)?,
            ids: self.expressions(ids)?,
            values,
            variable_column: variable_column_name,
            value_column: value_column_name,
        }))
    }

    pub(super) fn with_watermark(&self, proto: pb::WithWatermark) -> Result<Node> {
        let pb::WithWatermark { input, event_time, delay_threshold } = proto;
        let event_time = Expr::new(ExprNode::Attribute { name: identifier(&event_time)?, plan_id: None });
        Ok(Node::WithWatermark { input: self.input(input)?, event_time, delay: delay_threshold })
    }

    pub(super) fn show_string(&self, proto: pb::ShowString) -> Result<Node> {
        let pb::ShowString { input, num_rows, truncate, vertical } = proto;
        Ok(Node::ShowString {
            input: self.input(input)?,
            // Spark shows no row for a negative count, and truncates nothing for a negative width.
            rows: usize::try_from(num_rows).unwrap_or(0),
            truncate: usize::try_from(truncate).unwrap_or(0),
            vertical,
            html: false,
        })
    }

    pub(super) fn html_string(&self, proto: pb::HtmlString) -> Result<Node> {
        let pb::HtmlString { input, num_rows, truncate } = proto;
        Ok(Node::ShowString {
            input: self.input(input)?,
            rows: usize::try_from(num_rows).unwrap_or(0),
            truncate: usize::try_from(truncate).unwrap_or(0),
            vertical: false,
            html: true,
        })
    }
}
