//! Which of DataFusion's optimizer rules run, and which don't.
//!
//! A rule is on the list after a reading for what it does to expressions that can raise, to null and to types.
//! One that a new version adds runs only after such a reading: an unknown name is left out.

use crate::pushdown::{CalmProjectionPushdown, TakeWallsAway, WalledFilterPushdown};
use datafusion::optimizer::{Optimizer, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::prelude::SessionConfig;
use std::sync::Arc;

/// Rules that run, by name.
const RUN: &[&str] = &[
    "optimize_unions",
    "simplify_expressions",
    "replace_distinct_aggregate",
    "eliminate_join",
    "decorrelate_predicate_subquery",
    "scalar_subquery_to_join",
    "extract_equijoin_predicate",
    "eliminate_duplicated_expr",
    "eliminate_filter",
    "eliminate_cross_join",
    "eliminate_limit",
    "propagate_empty_relation",
    "filter_null_join_keys",
    "eliminate_outer_join",
    "push_down_limit",
    "push_down_filter",
    "single_distinct_aggregation_to_group_by",
    "eliminate_group_by_constant",
    "common_sub_expression_eliminate",
    "optimize_projections",
];

/// Rules without which some plans can't run at all, in the order in which they do: a FROM list of several tables
/// would be every combination of their rows, distinct rows and subqueries have no operator of their own, and only
/// a hash join knows NOT IN's nulls.
const REQUIRED: &[&str] = &[
    "eliminate_cross_join",
    "replace_distinct_aggregate",
    "decorrelate_predicate_subquery",
    "scalar_subquery_to_join",
    "extract_equijoin_predicate",
];

/// Rules that don't run, and why.
pub const LEFT_OUT: &[(&str, &str)] = &[
    ("rewrite_set_comparison", "rewrites ANY and ALL, which the resolver never makes"),
    (
        "unions_to_filter",
        "joins two filters with OR, which evaluates the second where the first already holds",
    ),
    (
        "decorrelate_lateral_join",
        "lateral joins of subqueries are refused, so there is nothing to test it on",
    ),
    ("extract_leaf_expressions", "moves field accesses below filters, for a gain on nested Parquet only"),
    ("push_down_leaf_projections", "the second half of extract_leaf_expressions"),
];

/// The optimizer's rules in DataFusion's order: those of the reviewed list.
pub fn optimizer_rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    Optimizer::new().rules.into_iter().filter(|rule| RUN.contains(&rule.name())).collect()
}

/// The rules that remain where a query runs unoptimised, to be compared with its optimised twin.
pub fn required_rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let all = Optimizer::new().rules;
    REQUIRED.iter().filter_map(|name| all.iter().find(|rule| rule.name() == *name).cloned()).collect()
}

/// A rule of the physical optimizer.
type PhysicalRule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// The physical optimizer's rules in DataFusion's order, two of them in forms that respect guards, and then the one that takes
/// their walls away.
pub fn physical_optimizer_rules() -> Vec<PhysicalRule> {
    let guarded = |rule: PhysicalRule| -> PhysicalRule {
        match rule.name() {
            "ProjectionPushdown" => Arc::new(CalmProjectionPushdown),
            "FilterPushdown" => Arc::new(WalledFilterPushdown(rule)),
            _ => rule,
        }
    };
    let walls: PhysicalRule = Arc::new(TakeWallsAway);
    PhysicalOptimizer::new().rules.into_iter().map(guarded).chain([walls]).collect()
}

/// Settings that the resolver's plans count on.
pub fn session_config() -> SessionConfig {
    let mut config = SessionConfig::new();
    let options = config.options_mut();
    options.execution.parquet.schema_force_view_types = false;
    options.sql_parser.map_string_types_to_utf8view = false;
    options.optimizer.expand_views_at_output = false;
    options.optimizer.skip_failed_rules = false;
    options.execution.time_zone = Some("UTC".to_owned());
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_physical_rules_that_need_another_form_are_there() {
        let names: Vec<String> = PhysicalOptimizer::new().rules.iter().map(|r| r.name().to_owned()).collect();
        for name in ["ProjectionPushdown", "FilterPushdown"] {
            assert!(names.iter().any(|n| n == name), "{name} is not one of {names:?}");
        }
    }

    #[test]
    fn every_rule_of_datafusion_is_either_run_or_left_out() {
        for rule in Optimizer::new().rules {
            let name = rule.name().to_owned();
            let left_out = LEFT_OUT.iter().any(|(n, _)| *n == name);
            assert!(RUN.contains(&name.as_str()) != left_out, "{name}");
        }
        let known: Vec<String> = Optimizer::new().rules.iter().map(|r| r.name().to_owned()).collect();
        assert!(REQUIRED.iter().all(|name| RUN.contains(name)));
        for name in RUN.iter().copied().chain(LEFT_OUT.iter().map(|(n, _)| *n)) {
            assert!(known.iter().any(|k| k == name), "{name}");
        }
    }
}
