//! The logical node of `withWatermark`, and the filters that Spark moves below it.
//!
//! The node does not change rows. A stream is lowered with its column and delay; a batch removes the node.
//! A filter above that does not use the event time moves below, as in Spark: the rows that it drops do not
//! advance the watermark. Only filters that cannot raise are moved.

use crate::extension::{LogicalExtension, only_input, place_of};
use arrow::datatypes::Field;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, DFSchemaRef, Result};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, UserDefinedLogicalNodeCore};
use datafusion::optimizer::push_down_filter::replace_cols_by_name;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use thalweg_common::clock::PROCESSING_TIME;

/// The metadata key of a field that is an event time; the value is the delay of its watermark in microseconds.
pub const EVENT_TIME_KEY: &str = "thalweg.event_time_delay_us";

/// Returns the delay of the watermark on a field in microseconds, if there is one.
pub fn event_time_of(field: &Field) -> Option<i64> {
    field.metadata().get(EVENT_TIME_KEY).and_then(|text| text.parse().ok())
}

/// Declares that the column `column` is the event time, and that rows are at most `delay_micros` late.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WatermarkNode {
    /// The rows.
    pub input: LogicalPlan,
    /// The id of the event-time column in the input's schema.
    pub column: String,
    /// The delay of the watermark in microseconds.
    pub delay_micros: i64,
    index: usize,
    schema: DFSchemaRef,
}

impl WatermarkNode {
    /// Creates the node over `input`; the column's field gets the metadata that [`crate::event_time_of`] reads.
    ///
    /// # Errors
    /// DataFusion's internal error if the input does not have the column.
    pub fn try_new(input: LogicalPlan, column: String, delay_micros: i64) -> Result<Self> {
        let index = place_of("Watermark", &column, input.schema())?;
        let fields = input.schema().iter().map(|(qualifier, field)| {
            let mut field = field.as_ref().clone();
            // Only the newest watermark counts: the metadata of other columns is removed.
            field.metadata_mut().remove(EVENT_TIME_KEY);
            if field.name() == &column {
                field.metadata_mut().insert(EVENT_TIME_KEY.to_owned(), delay_micros.to_string());
            }
            (qualifier.cloned(), Arc::new(field))
        });
        let schema = DFSchema::new_with_metadata(fields.collect(), input.schema().metadata().clone())?;
        Ok(Self { input, column, delay_micros, index, schema: Arc::new(schema) })
    }

    /// Returns the index of the event-time column.
    pub fn index(&self) -> usize {
        self.index
    }
}

impl PartialOrd for WatermarkNode {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.column.partial_cmp(&other.column)
    }
}

impl UserDefinedLogicalNodeCore for WatermarkNode {
    fn name(&self) -> &str {
        "Watermark"
    }
    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }
    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }
    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }
    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        // Filters that may move below were moved when the plan was built, see `filter_below`.
        self.schema.fields().iter().map(|f| f.name().clone()).collect()
    }
    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Watermark: {} delay={}us", self.column, self.delay_micros)
    }
    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        Self::try_new(only_input("Watermark", inputs)?, self.column.clone(), self.delay_micros)
    }
}

/// Returns the plan with a filter below its watermark; none if there is no watermark that the filter may pass.
///
/// # Errors
/// DataFusion's errors of the walk over the plan.
pub fn filter_below(plan: &LogicalPlan, predicate: &Expr) -> Result<Option<LogicalPlan>> {
    if !leads_to_watermark(plan) || looks_elsewhere(predicate)? || varies(predicate)? {
        return Ok(None);
    }
    pushed(plan, predicate)
}

fn leads_to_watermark(plan: &LogicalPlan) -> bool {
    match (plan, LogicalExtension::at(plan)) {
        (_, Some(LogicalExtension::Watermark(_))) => true,
        (
            _,
            Some(
                LogicalExtension::ComputeOnce(_)
                | LogicalExtension::SequentialProjection(_)
                | LogicalExtension::Deduplicate(_),
            ),
        ) => false,
        (_, Some(LogicalExtension::Generate(_)))
        | (LogicalPlan::Projection(_) | LogicalPlan::Filter(_) | LogicalPlan::Aggregate(_), None) => {
            plan.inputs().into_iter().all(leads_to_watermark)
        }
        (_, None) => false,
    }
}

/// Returns whether an expression contains a subquery.
fn looks_elsewhere(expr: &Expr) -> Result<bool> {
    expr.exists(|e| {
        Ok(matches!(
            e,
            Expr::ScalarSubquery(_)
                | Expr::Exists(_)
                | Expr::InSubquery(_)
                | Expr::OuterReferenceColumn(_, _)
        ))
    })
}

/// Returns whether an expression may have two values on one row. The time of an epoch is one value.
fn varies(expr: &Expr) -> Result<bool> {
    expr.exists(|e| {
        Ok(match e {
            Expr::ScalarFunction(f) => f.name() != PROCESSING_TIME && e.is_volatile_node(),
            _ => e.is_volatile_node(),
        })
    })
}

fn pushed(plan: &LogicalPlan, predicate: &Expr) -> Result<Option<LogicalPlan>> {
    let predicate = match plan {
        LogicalPlan::Extension(e) => match LogicalExtension::of(e.node.as_ref()) {
            Some(LogicalExtension::Watermark(mark)) => return passed(mark, plan, predicate),
            // A filter of other columns keeps or drops all elements of a row.
            Some(LogicalExtension::Generate(generate)) if !names(predicate).contains(&generate.column) => {
                predicate.clone()
            }
            // Nothing moves below rows that are computed once, and the columns of a chain are not known here. Below a
            // deduplication a filter could let another row be the first of its key.
            Some(
                LogicalExtension::Generate(_)
                | LogicalExtension::ComputeOnce(_)
                | LogicalExtension::SequentialProjection(_)
                | LogicalExtension::Deduplicate(_),
            )
            | None => return Ok(None),
        },
        LogicalPlan::Filter(_) => predicate.clone(),
        LogicalPlan::Projection(p) => computed(predicate, plan, &p.expr)?,
        // The filter keeps or drops whole groups, so it may drop their rows before grouping.
        LogicalPlan::Aggregate(a) if !matches!(a.group_expr.first(), None | Some(Expr::GroupingSet(_))) => {
            let keys: HashSet<&str> =
                plan.schema().fields().iter().take(a.group_expr.len()).map(|f| f.name().as_str()).collect();
            if !names(predicate).iter().all(|n| keys.contains(n.as_str())) {
                return Ok(None);
            }
            computed(predicate, plan, &a.group_expr)?
        }
        _ => return Ok(None),
    };
    let inputs = plan.inputs();
    let (Some(input), false) = (inputs.first(), varies(&predicate)?) else { return Ok(None) };
    match pushed(input, &predicate)? {
        Some(below) => plan.with_new_exprs(plan.expressions(), vec![below]).map(Some),
        None => Ok(None),
    }
}

/// Returns the watermark with the filter below it, unless the filter uses its event time.
fn passed(mark: &WatermarkNode, plan: &LogicalPlan, predicate: &Expr) -> Result<Option<LogicalPlan>> {
    // Spark leaves a filter on the event time above: the rows that it drops still advance the watermark.
    if names(predicate).contains(&mark.column) {
        return Ok(None);
    }
    // There may be another watermark below, and the filter passes both.
    let below = match pushed(&mark.input, predicate)? {
        Some(below) => below,
        None => LogicalPlanBuilder::from(mark.input.clone()).filter(predicate.clone())?.build()?,
    };
    plan.with_new_exprs(vec![], vec![below]).map(Some)
}

fn names(expr: &Expr) -> HashSet<String> {
    expr.column_refs().into_iter().map(|c| c.name.clone()).collect()
}

/// Converts an expression over a node's columns to one over its input.
fn computed(expr: &Expr, plan: &LogicalPlan, made_by: &[Expr]) -> Result<Expr> {
    let columns = plan.schema().columns();
    let by_name: HashMap<String, Expr> =
        columns.iter().zip(made_by).map(|(c, e)| (c.flat_name(), e.clone().unalias())).collect();
    replace_cols_by_name(expr.clone(), &by_name)
}
