//! What is known of a plan without running it?
//!
//! There is no cache, and no answer ever depends on one: `persist` and `unpersist` mark a plan, and the
//! storage level tells the mark.

use super::converter;
use crate::convert::{self, required, types};
use crate::session::ClientSession;
use bytes::Bytes;
use spark_connect_proto as pb;
use spark_connect_proto::analyze_plan_request as ask;
use spark_connect_proto::analyze_plan_request::Analyze;
use spark_connect_proto::analyze_plan_response as tell;
use spark_connect_proto::analyze_plan_response::Result as Answer;
use thalweg_common::Result;
use thalweg_engine::{Analyzed, Engine, StorageLevel, semantics::CanonicalPlan};
use thalweg_sql::ir;
use thalweg_sql::types::{parse_ddl_schema, parse_type_or_schema};

/// The answer to a question about a plan.
pub(super) async fn answer(
    session: &ClientSession,
    question: Analyze,
    fragments: Vec<Bytes>,
) -> Result<Answer> {
    let asked = Asked { session, fragments };
    Ok(match question {
        Analyze::Schema(ask::Schema { plan }) => {
            let schema = types::schema_to_proto(&asked.analyzed(plan).await?.schema);
            Answer::Schema(tell::Schema { schema: Some(schema) })
        }
        Analyze::Explain(ask::Explain { plan, explain_mode }) => {
            let explain_string = session.engine.explain(&asked.relation(plan)?, mode(explain_mode)?).await?;
            Answer::Explain(tell::Explain { explain_string })
        }
        Analyze::TreeString(ask::TreeString { plan, level }) => {
            let tree_string = asked.analyzed(plan).await?.schema.tree_string(levels(level));
            Answer::TreeString(tell::TreeString { tree_string })
        }
        Analyze::IsLocal(ask::IsLocal { plan }) => {
            let is_local = asked.analyzed(plan).await?.is_local;
            Answer::IsLocal(tell::IsLocal { is_local })
        }
        Analyze::IsStreaming(ask::IsStreaming { plan }) => {
            let is_streaming = asked.analyzed(plan).await?.streaming;
            Answer::IsStreaming(tell::IsStreaming { is_streaming })
        }
        Analyze::InputFiles(ask::InputFiles { plan }) => {
            let files = session.engine.input_files(&asked.relation(plan)?).await?;
            Answer::InputFiles(tell::InputFiles { files })
        }
        Analyze::SparkVersion(ask::SparkVersion {}) => {
            Answer::SparkVersion(tell::SparkVersion { version: Engine::version().to_owned() })
        }
        Analyze::DdlParse(ask::DdlParse { ddl_string }) => {
            let parsed = types::to_proto(&parse_type_or_schema(&ddl_string)?);
            Answer::DdlParse(tell::DdlParse { parsed: Some(parsed) })
        }
        Analyze::JsonToDdl(ask::JsonToDdl { json_string }) => {
            let ddl_string = parse_ddl_schema(&json_string)?.ddl();
            Answer::JsonToDdl(tell::JsonToDdl { ddl_string })
        }
        Analyze::SameSemantics(ask::SameSemantics { target_plan, other_plan }) => {
            let (target, other) = (asked.relation(target_plan)?, asked.relation(other_plan)?);
            let result = CanonicalPlan::of(&target) == CanonicalPlan::of(&other);
            Answer::SameSemantics(tell::SameSemantics { result })
        }
        Analyze::SemanticHash(ask::SemanticHash { plan }) => {
            let result = CanonicalPlan::of(&asked.relation(plan)?).semantic_hash();
            Answer::SemanticHash(tell::SemanticHash { result })
        }
        Analyze::Persist(ask::Persist { relation, storage_level }) => {
            let relation = asked.must_analyze(relation).await?;
            session.engine.persist(&relation, level_of(storage_level))?;
            Answer::Persist(tell::Persist {})
        }
        Analyze::Unpersist(ask::Unpersist { relation, blocking: _ }) => {
            session.engine.unpersist(&asked.must_analyze(relation).await?)?;
            Answer::Unpersist(tell::Unpersist {})
        }
        Analyze::GetStorageLevel(ask::GetStorageLevel { relation }) => {
            let relation = asked.must_analyze(relation).await?;
            let level = session.engine.storage_level(&relation).unwrap_or(StorageLevel::NONE);
            let storage_level = Some(level_to_proto(level));
            Answer::GetStorageLevel(tell::GetStorageLevel { storage_level })
        }
    })
}

/// The plans of a question: whole but for the relations that were cut out of them.
struct Asked<'a> {
    session: &'a ClientSession,
    fragments: Vec<Bytes>,
}

impl Asked<'_> {
    fn relation(&self, plan: Option<pb::Plan>) -> Result<ir::Relation> {
        converter(self.session, self.fragments.clone(), |converter| convert::relation_of(converter, plan))
    }

    async fn analyzed(&self, plan: Option<pb::Plan>) -> Result<Analyzed> {
        let relation = self.relation(plan)?;
        self.session.engine.analyze(&relation, None).await
    }

    async fn must_analyze(&self, proto: Option<pb::Relation>) -> Result<ir::Relation> {
        let proto = required(proto, "relation")?;
        let relation = converter(self.session, self.fragments.clone(), |c| c.relation(proto))?;
        self.session.engine.analyze(&relation, None).await?;
        Ok(relation)
    }
}

/// The level that a client asks for; none: what `cache()` means.
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
    match ask::explain::ExplainMode::try_from(mode) {
        Ok(ask::explain::ExplainMode::Unspecified | ask::explain::ExplainMode::Simple) => {
            Ok(ir::ExplainMode::Simple)
        }
        Ok(ask::explain::ExplainMode::Extended) => Ok(ir::ExplainMode::Extended),
        Ok(ask::explain::ExplainMode::Codegen) => Ok(ir::ExplainMode::Codegen),
        Ok(ask::explain::ExplainMode::Cost) => Ok(ir::ExplainMode::Cost),
        Ok(ask::explain::ExplainMode::Formatted) => Ok(ir::ExplainMode::Formatted),
        Err(_) => Err(convert::invalid(format!("{mode} is no mode of explain."))),
    }
}

/// How many levels of a tree are drawn; none: all.
fn levels(level: Option<i32>) -> Option<usize> {
    level.and_then(|level| usize::try_from(level).ok()).filter(|level| *level > 0)
}
