//! Converts aggregations: `groupBy`, `rollup`, `cube`, `pivot`, `groupingSets`.

use crate::convert::expression::literal_expr;
use crate::convert::{Converter, invalid, required};
use spark_connect_proto as pb;
use spark_connect_proto::aggregate::{GroupType, GroupingSets, Pivot};
use thalweg_common::Result;
use thalweg_sql::ir;
use thalweg_sql::ir::RelationNode as Node;

impl Converter<'_> {
    /// `groupBy().agg()` and its variants.
    pub(super) fn aggregate(&self, proto: pb::Aggregate) -> Result<Node> {
        let pb::Aggregate {
            input,
            group_type,
            grouping_expressions,
            aggregate_expressions,
            pivot,
            grouping_sets,
        } = proto;
        let kind = match GroupType::try_from(group_type) {
            Ok(GroupType::Groupby) => ir::GroupKind::GroupBy,
            Ok(GroupType::Rollup) => ir::GroupKind::Rollup,
            Ok(GroupType::Cube) => ir::GroupKind::Cube,
            Ok(GroupType::Pivot) => self.pivot(required(pivot, "Aggregate.pivot")?)?,
            Ok(GroupType::GroupingSets) => self.grouping_sets(grouping_sets)?,
            Ok(GroupType::Unspecified) | Err(_) => {
                return Err(invalid(format!("{group_type} is not a kind of grouping.")));
            }
        };
        Ok(Node::Aggregate(ir::Aggregate {
            input: self.input(input)?,
            kind,
            grouping: self.expressions(grouping_expressions)?,
            aggregates: self.expressions(aggregate_expressions)?,
            // The result of a DataFrame's aggregation begins with its grouping columns; SQL text has to select them.
            output_grouping: true,
        }))
    }

    fn pivot(&self, proto: Pivot) -> Result<ir::GroupKind> {
        let Pivot { col, values } = proto;
        let column = self.expression(required(col, "Pivot.col")?)?;
        let values = values.into_iter().map(literal_expr).collect::<Result<_>>()?;
        Ok(ir::GroupKind::Pivot { column, values })
    }

    fn grouping_sets(&self, protos: Vec<GroupingSets>) -> Result<ir::GroupKind> {
        let set = |GroupingSets { grouping_set }| self.expressions(grouping_set);
        Ok(ir::GroupKind::Sets(protos.into_iter().map(set).collect::<Result<_>>()?))
    }
}
