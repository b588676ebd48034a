//! Answers `AnalyzePlan` with the properties of a plan that are known without running it.
//!
//! There is no cache, and no result ever depends on one: `persist` and `unpersist` mark a plan, and the
//! storage level reports the mark.

use super::converter;
use crate::convert::{self, required, types};
use crate::session::ClientSession;
use bytes::Bytes;
use spark_connect_proto as pb;
use spark_connect_proto::analyze_plan_request as request;
use spark_connect_proto::analyze_plan_request::Analyze;
use spark_connect_proto::analyze_plan_response as response;
use spark_connect_proto::analyze_plan_response::Result as AnalyzeResult;
use thalweg_common::Result;
use thalweg_engine::{Analyzed, Engine, StorageLevel, semantics::CanonicalPlan};
use thalweg_sql::ir;
use thalweg_sql::types::{parse_ddl_schema, parse_type_or_schema};

/// Analyses a plan.
pub(super) async fn answer(
    session: &ClientSession,
    question: Analyze,
    fragments: Vec<Bytes>,
) -> Result<AnalyzeResult> {
    let asked = Asked { session, fragments };
    Ok(match question {
        Analyze::Schema(request::Schema { plan }) => {
            let schema = types::schema_to_proto(&asked.analyzed(plan).await?.schema);
            AnalyzeResult::Schema(response::Schema { schema: Some(schema) })
        }
        Analyze::Explain(request::Explain { plan, explain_mode }) => {
            let explain_string = session.engine.explain(&asked.relation(plan)?, mode(explain_mode)?).await?;
            AnalyzeResult::Explain(response::Explain { explain_string })
        }
        Analyze::TreeString(request::TreeString { plan, level }) => {
            let tree_string = asked.analyzed(plan).await?.schema.tree_string(levels(level));
            AnalyzeResult::TreeString(response::TreeString { tree_string })
        }
        Analyze::IsLocal(request::IsLocal { plan }) => {
            let is_local = asked.analyzed(plan).await?.is_local;
            AnalyzeResult::IsLocal(response::IsLocal { is_local })
        }
        Analyze::IsStreaming(request::IsStreaming { plan }) => {
            let is_streaming = asked.analyzed(plan).await?.streaming;
            AnalyzeResult::IsStreaming(response::IsStreaming { is_streaming })
        }
        Analyze::InputFiles(request::InputFiles { plan }) => {
            let files = session.engine.input_files(&asked.relation(plan)?).await?;
            AnalyzeResult::InputFiles(response::InputFiles { files })
        }
        Analyze::SparkVersion(request::SparkVersion {}) => {
            AnalyzeResult::SparkVersion(response::SparkVersion { version: Engine::version().to_owned() })
        }
        Analyze::DdlParse(request::DdlParse { ddl_string }) => {
            let parsed = types::to_proto(&parse_type_or_schema(&ddl_string)?);
            AnalyzeResult::DdlParse(response::DdlParse { parsed: Some(parsed) })
        }
        Analyze::JsonToDdl(request::JsonToDdl { json_string }) => {
            let ddl_string = parse_ddl_schema(&json_string)?.ddl();
            AnalyzeResult::JsonToDdl(response::JsonToDdl { ddl_string })
        }
        Analyze::SameSemantics(request::SameSemantics { target_plan, other_plan }) => {
            let (target, other) = (asked.relation(target_plan)?, asked.relation(other_plan)?);
            let result = CanonicalPlan::of(&target) == CanonicalPlan::of(&other);
            AnalyzeResult::SameSemantics(response::SameSemantics { result })
        }
        Analyze::SemanticHash(request::SemanticHash { plan }) => {
            let result = CanonicalPlan::of(&asked.relation(plan)?).semantic_hash();
            AnalyzeResult::SemanticHash(response::SemanticHash { result })
        }
        Analyze::Persist(request::Persist { relation, storage_level }) => {
            let relation = asked.must_analyze(relation).await?;
            session.engine.persist(&relation, level_of(storage_level))?;
            AnalyzeResult::Persist(response::Persist {})
        }
        Analyze::Unpersist(request::Unpersist { relation, blocking: _ }) => {
            session.engine.unpersist(&asked.must_analyze(relation).await?);
            AnalyzeResult::Unpersist(response::Unpersist {})
        }
        Analyze::GetStorageLevel(request::GetStorageLevel { relation }) => {
            let relation = asked.must_analyze(relation).await?;
            let level = session.engine.storage_level(&relation).unwrap_or(StorageLevel::NONE);
            let storage_level = Some(level_to_proto(level));
            AnalyzeResult::GetStorageLevel(response::GetStorageLevel { storage_level })
        }
    })
}

/// The plans of a request, without the relations that were split off them.
struct Asked<'a> {
    session: &'a ClientSession,
    fragments: Vec<Bytes>,
}

impl Asked<'_> {
    fn relation(&self, plan: Option<pb::Plan>) -> Result<ir::Relation> {
        // Fragments are numbered over all plans of a request, so each plan is converted with all of them. A clone of
        // `Bytes` copies no data.
        converter(self.session, self.fragments.clone(), |converter| convert::relation_of(converter, plan))
    }

    async fn analyzed(&self, plan: Option<pb::Plan>) -> Result<Analyzed> {
        let relation = self.relation(plan)?;
        self.session.engine.analyze(&relation, None).await
    }

    async fn must_analyze(&self, proto: Option<pb::Relation>) -> Result<ir::Relation> {
        let proto = required(proto, "relation")?;
        let relation = converter(self.session, self.fragments.clone(), |c| c.relation(proto))?;
        // A plan that does not resolve is an error of this call, as in Spark, and leaves no mark.
        self.session.engine.analyze(&relation, None).await?;
        Ok(relation)
    }
}

/// Converts the storage level of a request; none is the level of `cache()`.
pub(crate) fn level_of(proto: Option<pb::StorageLevel>) -> StorageLevel {
    let Some(proto) = proto else { return StorageLevel::DEFAULT };
    let pb::StorageLevel { use_disk, use_memory, use_off_heap, deserialized, replication } = proto;
    StorageLevel { disk: use_disk, memory: use_memory, off_heap: use_off_heap, deserialized, replication }
}

fn level_to_proto(level: StorageLevel) -> pb::StorageLevel {
    let StorageLevel { disk, memory, off_heap, deserialized, replication } = level;
    pb::StorageLevel { use_disk: disk, use_memory: memory, use_off_heap: off_heap, deserialized, replication }
}

fn mode(mode: i32) -> Result<ir::ExplainMode> {
    match request::explain::ExplainMode::try_from(mode) {
        Ok(request::explain::ExplainMode::Unspecified | request::explain::ExplainMode::Simple) => {
            Ok(ir::ExplainMode::Simple)
        }
        Ok(request::explain::ExplainMode::Extended) => Ok(ir::ExplainMode::Extended),
        Ok(request::explain::ExplainMode::Codegen) => Ok(ir::ExplainMode::Codegen),
        Ok(request::explain::ExplainMode::Cost) => Ok(ir::ExplainMode::Cost),
        Ok(request::explain::ExplainMode::Formatted) => Ok(ir::ExplainMode::Formatted),
        Err(_) => Err(convert::invalid(format!("{mode} is not a mode of explain."))),
    }
}

/// Converts the number of levels of a schema tree to print; none prints all.
fn levels(level: Option<i32>) -> Option<usize> {
    level.and_then(|level| usize::try_from(level).ok()).filter(|level| *level > 0)
}
