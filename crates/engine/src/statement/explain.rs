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
    let analyzed = resolved.plan.display_indent().to_string();
    let extended = !matches!(mode, ir::ExplainMode::Simple | ir::ExplainMode::Formatted);
    if resolved.streaming {
        return Ok(streaming(&analyzed, extended));
    }
    let physical = physical(session, &resolved).await?;
    if !extended {
        return Ok(simple_text(&physical));
    }
    let state = session.engine()?.runtime.state(session.plan_options(true));
    let bounded = crate::batch::without_watermarks(resolved.plan)?;
    let optimized = state.optimize(&bounded).map_err(from_datafusion)?.display_indent().to_string();
    Ok(extended_text(&analyzed, &optimized, &physical))
}

/// Returns the plans of a stream from the text of its resolved plan, from which it is lowered: the optimizer does not run.
pub(crate) fn streaming(plan: &str, extended: bool) -> String {
    let physical = format!("StreamingQuery\n{plan}");
    match extended {
        true => extended_text(plan, plan, &physical),
        false => simple_text(&physical),
    }
}

fn simple_text(physical: &str) -> String {
    format!("== Physical Plan ==\n{physical}\n")
}

fn extended_text(analyzed: &str, optimized: &str, physical: &str) -> String {
    format!(
        "== Analyzed Logical Plan ==\n{analyzed}\n\n== Optimized Logical Plan ==\n{optimized}\n\n{}",
        simple_text(physical)
    )
}

async fn physical(session: &Session, resolved: &ResolvedQuery) -> Result<String> {
    let (_, plan) = session.engine()?.runtime.physical(&resolved.plan, session.plan_options(true)).await?;
    Ok(displayable(plan.as_ref()).indent(false).to_string().trim_end().to_owned())
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
