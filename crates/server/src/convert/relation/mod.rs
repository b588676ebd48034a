//! Converts relations.
//!
//! There is one small function per message; larger families have files of their own.

mod aggregate;
mod combine;
mod refused;
mod shape;
mod source;
mod statistics;

use super::{Converter, required};
use spark_connect_proto as pb;
use spark_connect_proto::relation::RelType;
use thalweg_common::{Error, Result};
use thalweg_sql::ir;
use thalweg_sql::ir::RelationNode as Node;

impl Converter<'_> {
    /// Converts a relation, with the id that references to it carry.
    pub(crate) fn relation(&self, proto: pb::Relation) -> Result<ir::Relation> {
        // The inputs of deep plans were split off: nested messages are decoded by recursion.
        if let Some(relation) = self.fragment(&proto) {
            return Ok(relation);
        }
        let pb::Relation { common, rel_type } = proto;
        let node = self.node(required(rel_type, "Relation.rel_type")?)?;
        Ok(ir::Relation { node, plan_id: common.and_then(plan_id), origin: None })
    }

    /// Converts the relation of a boxed field, which is required.
    pub(super) fn input(&self, proto: Option<Box<pb::Relation>>) -> Result<Box<ir::Relation>> {
        Ok(Box::new(self.relation(*required(proto, "Relation.input")?)?))
    }

    fn node(&self, rel_type: RelType) -> Result<Node> {
        match rel_type {
            RelType::Read(read) => source::read(read),
            RelType::Sql(sql) => self.sql_text(sql),
            RelType::LocalRelation(local) => self.local(local),
            RelType::CachedLocalRelation(cached) => self.cached_local(cached),
            RelType::ChunkedCachedLocalRelation(chunked) => self.chunked_local(chunked),
            RelType::Range(range) => source::range(range),
            RelType::UnresolvedTableValuedFunction(call) => self.table_function(call),
            RelType::Project(project) => self.project(*project),
            RelType::Filter(filter) => self.filter(*filter),
            RelType::Join(join) => self.join(*join),
            RelType::LateralJoin(join) => self.lateral_join(*join),
            RelType::SetOp(operation) => self.set_operation(*operation),
            RelType::WithRelations(with) => self.with_relations(*with),
            RelType::Aggregate(aggregate) => self.aggregate(*aggregate),
            RelType::Sort(sort) => self.sort(*sort),
            RelType::Limit(limit) => self.limit(*limit),
            RelType::Offset(offset) => self.offset(*offset),
            RelType::Tail(tail) => self.tail(*tail),
            RelType::Sample(sample) => self.sample(*sample),
            RelType::Deduplicate(deduplicate) => self.deduplicate(*deduplicate),
            RelType::SubqueryAlias(alias) => self.subquery_alias(*alias),
            RelType::Repartition(repartition) => self.repartition(*repartition),
            RelType::RepartitionByExpression(repartition) => self.repartition_by(*repartition),
            RelType::ToDf(to_df) => self.to_df(*to_df),
            RelType::ToSchema(to_schema) => self.to_schema(*to_schema),
            RelType::WithColumns(columns) => self.with_columns(*columns),
            RelType::WithColumnsRenamed(renamed) => self.with_columns_renamed(*renamed),
            RelType::Drop(drop) => self.drop_columns(*drop),
            RelType::Hint(hint) => self.hint(*hint),
            RelType::Unpivot(unpivot) => self.unpivot(*unpivot),
            RelType::WithWatermark(watermark) => self.with_watermark(*watermark),
            RelType::ShowString(show) => self.show_string(*show),
            RelType::HtmlString(html) => self.html_string(*html),
            RelType::FillNa(fill) => self.fill_na(*fill),
            RelType::DropNa(drop) => self.drop_na(*drop),
            RelType::Replace(replace) => self.replace(*replace),
            RelType::Summary(summary) => self.summary(*summary),
            RelType::Describe(describe) => self.describe(*describe),
            RelType::Cov(cov) => self.covariance(*cov),
            RelType::Corr(corr) => self.correlation(*corr),
            // A kind of the protocol that is not supported is refused by the name that users know.
            refused => Err(Error::unsupported(refused::name(&refused))),
        }
    }
}

fn plan_id(common: pb::RelationCommon) -> Option<i64> {
    // The origin is the place of the call in the client's program, which only the client's traces show.
    #[allow(deprecated)]
    let pb::RelationCommon { source_info: _, plan_id, origin: _ } = common;
    plan_id
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn convert(rel_type: RelType) -> Result<Node> {
        let converter = Converter::new(&|_| None);
        let common = pb::RelationCommon { plan_id: Some(7), ..Default::default() };
        let relation = converter.relation(pb::Relation { common: Some(common), rel_type: Some(rel_type) })?;
        assert_eq!(relation.plan_id, Some(7));
        Ok(relation.node)
    }

    fn range(end: i64) -> Option<Box<pb::Relation>> {
        let range = pb::Range { start: None, end, step: 1, num_partitions: Some(3) };
        Some(Box::new(pb::Relation { common: None, rel_type: Some(RelType::Range(range)) }))
    }

    fn ir_range(end: i64) -> Box<ir::Relation> {
        Box::new(ir::Relation::new(Node::Range { start: 0, end, step: 1 }))
    }

    #[test]
    fn a_message_becomes_its_node() {
        for (rel_type, expect) in [
            (
                RelType::Limit(Box::new(pb::Limit { input: range(3), limit: 2 })),
                Node::Limit { input: ir_range(3), limit: crate::convert::expression::integer(2) },
            ),
            (
                RelType::ShowString(Box::new(pb::ShowString {
                    input: range(3),
                    num_rows: -1,
                    truncate: 20,
                    vertical: true,
                })),
                Node::ShowString { input: ir_range(3), rows: 0, truncate: 20, vertical: true, html: false },
            ),
            (
                RelType::SetOp(Box::new(pb::SetOperation {
                    left_input: range(1),
                    right_input: range(2),
                    set_op_type: pb::set_operation::SetOpType::Union.into(),
                    is_all: None,
                    by_name: Some(true),
                    allow_missing_columns: None,
                })),
                Node::SetOperation(ir::SetOperation {
                    left: ir_range(1),
                    right: ir_range(2),
                    kind: ir::SetKind::Union,
                    all: true,
                    by_name: true,
                    allow_missing_columns: false,
                }),
            ),
            (
                RelType::Deduplicate(Box::new(pb::Deduplicate {
                    input: range(3),
                    column_names: vec![],
                    all_columns_as_keys: Some(true),
                    within_watermark: None,
                })),
                Node::Deduplicate { input: ir_range(3), columns: vec![], within_watermark: false },
            ),
        ] {
            assert_eq!(convert(rel_type).unwrap(), expect);
        }
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        let sample = pb::Sample { input: range(3), deterministic_order: true, ..Default::default() };
        let correlation = pb::StatCorr {
            input: range(3),
            col1: "a".into(),
            col2: "b".into(),
            method: Some("spearman".into()),
        };
        let alias = pb::SubqueryAlias { input: range(3), alias: "a".into(), qualifier: vec!["q".into()] };
        for (rel_type, name) in [
            (RelType::Transpose(Default::default()), "transpose"),
            (RelType::MapPartitions(Default::default()), "mapInPandas"),
            (RelType::Catalog(Default::default()), "catalog call"),
            (RelType::Sample(Box::new(sample)), "randomSplit"),
            (RelType::Corr(Box::new(correlation)), "correlation"),
            (RelType::SubqueryAlias(Box::new(alias)), "qualifier"),
        ] {
            let error = convert(rel_type).unwrap_err();
            assert_eq!((error.class(), error.sqlstate()), ("UNSUPPORTED_FEATURE", "0A000"));
            assert!(error.message().contains(name), "{name}: {error}");
        }
    }

    #[test]
    fn a_message_that_lacks_its_input_names_the_field() {
        let error = convert(RelType::Filter(Default::default())).unwrap_err();
        assert_eq!(error.class(), "CONNECT_INVALID_PLAN");
        assert!(error.message().contains("Filter.condition"), "{error}");
    }

    #[test]
    fn data_that_was_not_uploaded_is_an_unknown_handle() {
        let cached = pb::CachedLocalRelation { hash: "abc".into() };
        let error = convert(RelType::CachedLocalRelation(cached)).unwrap_err();
        assert_eq!(error.class(), "INVALID_HANDLE.ARTIFACT_NOT_FOUND");
    }
}
