//! `EXPLAIN` and `df.explain()`: returns the plans of a query as text.

use super::rows;
use crate::session::{Output, Session};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::displayable;
use std::collections::HashSet;
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_connectors::ConnectorRegistry;
use thalweg_resolver::ResolvedQuery;
use thalweg_sql::ir;
use thalweg_values::errors::from_datafusion;

/// `EXPLAIN`: one row, one column `plan`.
pub(crate) async fn run(
    session: &Session,
    query: &ir::Relation,
    mode: ir::ExplainMode,
    text: Option<Arc<str>>,
) -> Result<Output> {
    rows(vec![("plan", vec![Some(self::text(session, query, mode, text).await?)])])
}

/// Returns the plans of a mode. `codegen` and `cost` show the same as `extended`: there is no
/// generated code, and the optimizer's row counts are in the physical plan.
pub(crate) async fn text(
    session: &Session,
    query: &ir::Relation,
    mode: ir::ExplainMode,
    sql: Option<Arc<str>>,
) -> Result<String> {
    let resolved = session.resolve(query, sql).await?;
    let physical =
        if resolved.streaming { streaming(&resolved) } else { physical(session, &resolved).await? };
    if matches!(mode, ir::ExplainMode::Simple | ir::ExplainMode::Formatted) {
        return Ok(format!("== Physical Plan ==\n{physical}\n"));
    }
    let optimized = if resolved.streaming {
        // A stream is lowered from the resolved plan: the optimizer does not run.
        resolved.plan.display_indent().to_string()
    } else {
        let state = session.engine()?.runtime.state(session.plan_options(true));
        let bounded = crate::batch::without_watermarks(resolved.plan.clone())?;
        state.optimize(&bounded).map_err(from_datafusion)?.display_indent().to_string()
    };
    Ok(format!(
        "== Analyzed Logical Plan ==\n{}\n\n== Optimized Logical Plan ==\n{optimized}\n\n== Physical Plan ==\n{physical}\n",
        resolved.plan.display_indent(),
    ))
}

async fn physical(session: &Session, resolved: &ResolvedQuery) -> Result<String> {
    let (_, plan) = session.engine()?.runtime.physical(&resolved.plan, session.plan_options(true)).await?;
    Ok(displayable(plan.as_ref()).indent(false).to_string().trim_end().to_owned())
}

fn streaming(resolved: &ResolvedQuery) -> String {
    format!("StreamingQuery\n{}", resolved.plan.display_indent())
}

/// Returns the files that a plan reads, each once, in the order of its scans.
pub(crate) fn input_files(resolved: &ResolvedQuery, registry: &ConnectorRegistry) -> Result<Vec<String>> {
    if resolved.streaming {
        return Err(Error::unsupported("inputFiles of a stream"));
    }
    let mut files = vec![];
    let walk = resolved.plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            let provider = source_as_provider(&scan.source)?;
            files.extend(registry.input_files(provider.as_ref()));
        }
        Ok(TreeNodeRecursion::Continue)
    });
    walk.map_err(from_datafusion)?;
    let mut seen = HashSet::new();
    files.retain(|file| seen.insert(file.clone()));
    Ok(files)
}
