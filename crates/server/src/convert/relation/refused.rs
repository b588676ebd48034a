//! Names the relations that the service refuses, as their users know them.

use spark_connect_proto::relation::RelType;

/// Returns the DataFrame method or clause that makes the message.
pub(super) fn name(rel_type: &RelType) -> &'static str {
    match rel_type {
        RelType::MapPartitions(_) => "functions in Python over partitions (mapInPandas, mapInArrow)",
        RelType::GroupMap(_) => "functions in Python over groups (applyInPandas, applyInArrow)",
        RelType::CoGroupMap(_) => "functions in Python over cogroups (cogroup)",
        RelType::ApplyInPandasWithState(_) => "applyInPandasWithState",
        RelType::CommonInlineUserDefinedTableFunction(_) => "user-defined table functions in Python",
        RelType::CommonInlineUserDefinedDataSource(_) => "data sources in Python",
        RelType::CollectMetrics(_) => "observed metrics (observe)",
        RelType::Parse(_) => "reading CSV, JSON or XML out of a column of text (spark.read.json(df))",
        RelType::CachedRemoteRelation(_) => "checkpointed DataFrames (checkpoint, localCheckpoint)",
        RelType::AsOfJoin(_) => "as-of joins",
        RelType::Transpose(_) => "transpose",
        RelType::RelationChanges(_) => "change feeds of tables (changes)",
        RelType::NearestByJoin(_) => "nearest-by joins",
        RelType::Zip(_) => "zip",
        RelType::Crosstab(_) => "crosstab",
        RelType::ApproxQuantile(_) => "approxQuantile",
        RelType::FreqItems(_) => "freqItems",
        RelType::SampleBy(_) => "sampleBy",
        RelType::Catalog(_) => "a catalog call inside a query",
        RelType::MlRelation(_) => "machine learning",
        RelType::Extension(_) => "relations of a plugin",
        RelType::Unknown(_) => "a relation without a kind",
        RelType::Read(_)
        | RelType::Sql(_)
        | RelType::LocalRelation(_)
        | RelType::CachedLocalRelation(_)
        | RelType::ChunkedCachedLocalRelation(_)
        | RelType::Range(_)
        | RelType::UnresolvedTableValuedFunction(_)
        | RelType::Project(_)
        | RelType::Filter(_)
        | RelType::Join(_)
        | RelType::LateralJoin(_)
        | RelType::SetOp(_)
        | RelType::WithRelations(_)
        | RelType::Aggregate(_)
        | RelType::Sort(_)
        | RelType::Limit(_)
        | RelType::Offset(_)
        | RelType::Tail(_)
        | RelType::Sample(_)
        | RelType::Deduplicate(_)
        | RelType::SubqueryAlias(_)
        | RelType::Repartition(_)
        | RelType::RepartitionByExpression(_)
        | RelType::ToDf(_)
        | RelType::ToSchema(_)
        | RelType::WithColumns(_)
        | RelType::WithColumnsRenamed(_)
        | RelType::Drop(_)
        | RelType::Hint(_)
        | RelType::Unpivot(_)
        | RelType::WithWatermark(_)
        | RelType::ShowString(_)
        | RelType::HtmlString(_)
        | RelType::FillNa(_)
        | RelType::DropNa(_)
        | RelType::Replace(_)
        | RelType::Summary(_)
        | RelType::Describe(_)
        | RelType::Cov(_)
        | RelType::Corr(_) => "this relation at this place",
    }
}
