//! Replaces calls of [`PROCESSING_TIME`] in expressions by the processing time of the epoch.
//!
//! A query that uses the current time contains calls of that function. When an epoch starts, every worker
//! replaces them by the processing time of the epoch's plan. The plan is durable before the epoch starts, so
//! the constant is the same on every worker and in every replay. Nothing here reads a clock.

use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_common::clock::PROCESSING_TIME;
use thalweg_values::errors::from_datafusion;

type Exprs = Vec<Arc<dyn PhysicalExpr>>;

/// Expressions, as planned and as bound to the running epoch.
#[derive(Debug, Clone)]
pub(crate) struct EpochTimeExprs {
    planned: Exprs,
    bound: Exprs,
    /// Whether any expression uses the time; otherwise `bound` never changes.
    uses_time: bool,
}

impl EpochTimeExprs {
    pub(crate) fn new(exprs: Exprs) -> Self {
        let uses_time = exprs.iter().any(uses_time);
        Self { bound: exprs.clone(), planned: exprs, uses_time }
    }

    /// Returns the expressions bound to the epoch that was started last.
    pub(crate) fn exprs(&self) -> &[Arc<dyn PhysicalExpr>] {
        &self.bound
    }

    /// Binds the expressions to the processing time of an epoch.
    pub(crate) fn start_epoch(&mut self, processing_time_us: i64) -> Result<()> {
        // Most queries do not use the time, and rewriting every expression of every epoch is not free.
        if self.uses_time {
            let bind = |e: &Arc<dyn PhysicalExpr>| bind_time(e, processing_time_us);
            self.bound = self.planned.iter().map(bind).collect::<Result<_>>()?;
        }
        Ok(())
    }
}

fn is_time(expr: &Arc<dyn PhysicalExpr>) -> bool {
    // A physical expression knows a function by its name alone.
    expr.downcast_ref::<ScalarFunctionExpr>().is_some_and(|f| f.name() == PROCESSING_TIME)
}

fn uses_time(expr: &Arc<dyn PhysicalExpr>) -> bool {
    is_time(expr) || expr.children().into_iter().any(uses_time)
}

fn bind_time(expr: &Arc<dyn PhysicalExpr>, us: i64) -> Result<Arc<dyn PhysicalExpr>> {
    let time = ScalarValue::TimestampMicrosecond(Some(us), Some("UTC".into()));
    let replace = |e: Arc<dyn PhysicalExpr>| {
        Ok(if is_time(&e) {
            Transformed::yes(Arc::new(Literal::new(time.clone())) as _)
        } else {
            Transformed::no(e)
        })
    };
    Arc::clone(expr).transform_up(replace).data().map_err(from_datafusion)
}
