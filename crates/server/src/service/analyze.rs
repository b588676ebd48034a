//! What is known of a plan without running it?
//!
//! There is no cache, and no answer ever depends on one: `persist` and `unpersist` change nothing,
//! and the storage level says so.

use super::{converter, semantics};
use crate::convert::{self, required, types};
use crate::session::Session;
use spark_connect_proto as pb;
use spark_connect_proto::analyze_plan_request as ask;
use spark_connect_proto::analyze_plan_request::Analyze;
use spark_connect_proto::analyze_plan_response as tell;
use spark_connect_proto::analyze_plan_response::Result as Answer;
use thalweg_common::{Error, Result};
use thalweg_engine::{Analyzed, Engine};
use thalweg_sql::ir;
use thalweg_sql::types::{parse_ddl_schema, parse_type_or_schema};

/// The answer to a question about a plan.
pub(super) async fn answer(session: &Session, question: Analyze) -> Result<Answer> {
    Ok(match question {
        Analyze::Schema(ask::Schema { plan }) => {
            let schema = types::schema_to_proto(&analyzed(session, plan).await?.schema);
            Answer::Schema(tell::Schema { schema: Some(schema) })
        }
        Analyze::Explain(ask::Explain { plan, explain_mode }) => {
            let explain_string =
                session.engine.explain(&relation(session, plan)?, mode(explain_mode)?).await?;
            Answer::Explain(tell::Explain { explain_string })
        }
        Analyze::TreeString(ask::TreeString { plan, level }) => {
            let tree_string = analyzed(session, plan).await?.schema.tree_string(levels(level));
            Answer::TreeString(tell::TreeString { tree_string })
        }
        Analyze::IsLocal(ask::IsLocal { plan }) => {
            let is_local = analyzed(session, plan).await?.is_local;
            Answer::IsLocal(tell::IsLocal { is_local })
        }
        Analyze::IsStreaming(ask::IsStreaming { plan }) => {
            let is_streaming = analyzed(session, plan).await?.streaming;
            Answer::IsStreaming(tell::IsStreaming { is_streaming })
        }
        Analyze::InputFiles(ask::InputFiles { plan }) => {
            analyzed(session, plan).await?;
            return Err(Error::unsupported("inputFiles"));
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
            let (target, other) = (relation(session, target_plan)?, relation(session, other_plan)?);
            let result = semantics::form(&target) == semantics::form(&other);
            Answer::SameSemantics(tell::SameSemantics { result })
        }
        Analyze::SemanticHash(ask::SemanticHash { plan }) => {
            let result = semantics::hash(&relation(session, plan)?);
            Answer::SemanticHash(tell::SemanticHash { result })
        }
        Analyze::Persist(ask::Persist { relation, storage_level: _ }) => {
            must_analyze(session, relation).await?;
            Answer::Persist(tell::Persist {})
        }
        Analyze::Unpersist(ask::Unpersist { relation, blocking: _ }) => {
            must_analyze(session, relation).await?;
            Answer::Unpersist(tell::Unpersist {})
        }
        Analyze::GetStorageLevel(ask::GetStorageLevel { relation }) => {
            must_analyze(session, relation).await?;
            let storage_level = Some(pb::StorageLevel { replication: 1, ..Default::default() });
            Answer::GetStorageLevel(tell::GetStorageLevel { storage_level })
        }
    })
}

fn relation(session: &Session, plan: Option<pb::Plan>) -> Result<ir::Relation> {
    converter(session, |converter| convert::relation_of(converter, plan))
}

async fn analyzed(session: &Session, plan: Option<pb::Plan>) -> Result<Analyzed> {
    let relation = relation(session, plan)?;
    session.engine.analyze(&relation, None).await
}

async fn must_analyze(session: &Session, proto: Option<pb::Relation>) -> Result<()> {
    let proto = required(proto, "relation")?;
    let relation = converter(session, |converter| converter.relation(proto))?;
    session.engine.analyze(&relation, None).await.map(|_| ())
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
