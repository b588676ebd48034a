//! Selects the optimizer rules of DataFusion that run.
//!
//! A rule is on the list after a review of what it does to expressions that can raise, to null and to types.
//! A rule that a new version adds runs only after such a review: an unknown name is left out.

use crate::barrier::RemoveOptimizationBarriers;
use crate::first_rows::LimitInOrder;
use crate::keep_sorts::KeepSorts;
use crate::null_safe::PlainEquijoins;
use crate::pushdown::{OptimizationBarrierProjectionPushdown, OptimizationBarrierPushdown};
use crate::simplify::CarefulSimplify;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::{Optimizer, OptimizerConfig, OptimizerRule};
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

/// Rules without which some plans cannot run at all, in their order: a FROM list of several tables
/// would be every combination of their rows, distinct rows and subqueries have no operator of their own, and only
/// a hash join handles the nulls of NOT IN.
const REQUIRED: &[&str] = &[
    "eliminate_cross_join",
    "replace_distinct_aggregate",
    "decorrelate_predicate_subquery",
    "scalar_subquery_to_join",
    "extract_equijoin_predicate",
];

/// Rules that do not run, and why.
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

/// A rule of the optimizer.
type LogicalRule = Arc<dyn OptimizerRule + Send + Sync>;

/// Returns the optimizer's rules of the reviewed list in DataFusion's order. A cancelled query ends between them.
pub fn optimizer_rules() -> Vec<LogicalRule> {
    let reviewed = Optimizer::new().rules.into_iter().filter(|rule| RUN.contains(&rule.name()));
    reviewed.flat_map(|rule| [Arc::new(CheckCancellation) as LogicalRule, in_our_form(rule)]).collect()
}

/// A rule that changes nothing, and ends the planning of a cancelled query.
#[derive(Debug)]
struct CheckCancellation;

impl OptimizerRule for CheckCancellation {
    fn name(&self) -> &str {
        "check_cancellation"
    }
    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        thalweg_common::cancel::check().map_err(thalweg_values::errors::external)?;
        Ok(Transformed::no(plan))
    }
}

/// Returns the rules of a query that runs without optimization, whose rows tests compare with the optimized ones.
pub fn required_rules() -> Vec<LogicalRule> {
    let all = Optimizer::new().rules;
    let required = REQUIRED.iter().filter_map(|name| all.iter().find(|rule| rule.name() == *name).cloned());
    required.map(in_our_form).collect()
}

/// Returns the rule in a form that handles null correctly, where DataFusion's does not.
fn in_our_form(rule: LogicalRule) -> LogicalRule {
    match rule.name() {
        "simplify_expressions" => Arc::new(CarefulSimplify(rule)),
        "extract_equijoin_predicate" => Arc::new(PlainEquijoins(rule)),
        _ => rule,
    }
}

/// The rule of the physical optimizer that adds the sorts that operators require, and removes all others.
const REMOVES_SORTS: &str = "EnsureRequirements";

/// A rule of the physical optimizer.
type PhysicalRule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// The physical optimizer's rules in DataFusion's order: four of them in forms that respect guards and limits, one of
/// ours before the rule that removes sorts, and at the end those that remove the barriers of the others and give limits an
/// order.
pub fn physical_optimizer_rules() -> Vec<PhysicalRule> {
    let guarded = |rule: PhysicalRule| -> PhysicalRule {
        match rule.name() {
            "ProjectionPushdown" => Arc::new(OptimizationBarrierProjectionPushdown),
            "FilterPushdown" => Arc::new(OptimizationBarrierPushdown::at_barriers(rule)),
            REMOVES_SORTS => Arc::new(OptimizationBarrierPushdown::at_limits_and_chains(rule)),
            "FilterPushdown(Post)" => Arc::new(OptimizationBarrierPushdown::at_nested_keys(rule)),
            _ => rule,
        }
    };
    let mut rules: Vec<PhysicalRule> = PhysicalOptimizer::new().rules.into_iter().map(guarded).collect();
    if let Some(at) = rules.iter().position(|rule| rule.name() == REMOVES_SORTS) {
        rules.insert(at, Arc::new(KeepSorts));
    }
    rules.push(Arc::new(RemoveOptimizationBarriers));
    // Last: no rule knows that its rows are in an order.
    rules.push(Arc::new(LimitInOrder));
    rules
}

/// Returns the settings that the resolver's plans require.
pub fn session_config() -> SessionConfig {
    let mut config = SessionConfig::new();
    let options = config.options_mut();
    options.execution.parquet.schema_force_view_types = false;
    options.sql_parser.map_string_types_to_utf8view = false;
    options.optimizer.expand_views_at_output = false;
    options.optimizer.skip_failed_rules = false;
    // All partitions of an aggregate share these bounds while they prune, and a bound that one partition has not
    // set yet leaves it out of the filter: `min(v), max(v)` over files of which one holds only NULLs then lost the
    // minimum (https://github.com/apache/datafusion/issues/25147).
    options.optimizer.enable_aggregate_dynamic_filter_pushdown = false;
    // A union's column is nullable if one branch makes it so, which physical expressions derive more loosely than logical
    // ones: an aggregate above it is then refused, although nothing depends on the difference.
    options.execution.skip_physical_aggregate_schema_check = true;
    options.execution.time_zone = Some("UTC".to_owned());
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_physical_rules_that_need_another_form_are_there() {
        let names: Vec<String> = PhysicalOptimizer::new().rules.iter().map(|r| r.name().to_owned()).collect();
        for name in ["ProjectionPushdown", "FilterPushdown", "FilterPushdown(Post)", REMOVES_SORTS] {
            assert!(names.iter().any(|n| n == name), "{name} is not one of {names:?}");
        }
    }

    #[test]
    fn the_rules_that_need_another_form_are_there() {
        let names: Vec<String> = optimizer_rules().iter().map(|r| format!("{r:?}")).collect();
        for form in ["CarefulSimplify", "PlainEquijoins"] {
            assert!(names.iter().any(|n| n.starts_with(form)), "{form} is not one of {names:?}");
        }
    }

    #[test]
    fn a_query_that_was_cancelled_is_not_optimized_further() {
        let cancellation = thalweg_common::cancel::Cancellation::default();
        let optimizer = Optimizer::with_rules(optimizer_rules());
        let optimized = || {
            let plan = datafusion::logical_expr::LogicalPlanBuilder::empty(true).build();
            let config = datafusion::optimizer::OptimizerContext::new().with_skip_failing_rules(false);
            plan.and_then(|plan| optimizer.optimize(plan, &config, |_, _| {}))
        };
        let _entered = cancellation.enter();
        assert!(optimized().is_ok());
        cancellation.cancel();
        assert!(optimized().is_err_and(|e| e.to_string().contains("OPERATION_CANCELED")));
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
