//! Which rows are meant?
//!
//! One small function per message; families with more to say live in files of their own below.

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
    /// The relation of a message, with the id that references to it carry.
    pub(crate) fn relation(&self, proto: pb::Relation) -> Result<ir::Relation> {
        let pb::Relation { common, rel_type } = proto;
        let node = self.node(required(rel_type, "Relation.rel_type")?)?;
        Ok(ir::Relation { node, plan_id: common.and_then(plan_id), origin: None })
    }

    /// The relation of a boxed field that must be there.
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
            refused => Err(Error::unsupported(refused::name(&refused))),
        }
    }
}

fn plan_id(common: pb::RelationCommon) -> Option<i64> {
    // The origin tells where the call stood in the client's program, which only its own traces show.
    #[allow(deprecated)]
    let pb::RelationCommon { source_info: _, plan_id, origin: _ } = common;
    plan_id
}
