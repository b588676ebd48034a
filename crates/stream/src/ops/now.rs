//! The time of an epoch inside expressions.
//!
//! A query that asks for the current time holds calls of the function [`PROCESSING_TIME`]. When an epoch
//! starts, every worker puts the processing time of the epoch's plan in their place: a constant, the same on
//! every worker and after every replay, since the plan is durable before the epoch starts. Nothing here
//! reads a clock.

use crate::error::from_datafusion;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_common::clock::PROCESSING_TIME;

type Exprs = Vec<Arc<dyn PhysicalExpr>>;

/// Expressions, and the same for the epoch that runs.
#[derive(Debug, Clone)]
pub(crate) struct Timed {
    written: Exprs,
    bound: Exprs,
    asks: bool,
}

impl Timed {
    pub(crate) fn new(exprs: Exprs) -> Self {
        let asks = exprs.iter().any(asks);
        Self { bound: exprs.clone(), written: exprs, asks }
    }

    /// The expressions in the epoch that was begun last.
    pub(crate) fn exprs(&self) -> &[Arc<dyn PhysicalExpr>] {
        &self.bound
    }

    /// Begins an epoch.
    pub(crate) fn begin(&mut self, processing_time_us: i64) -> Result<()> {
        if self.asks {
            let at = |e: &Arc<dyn PhysicalExpr>| at(e, processing_time_us);
            self.bound = self.written.iter().map(at).collect::<Result<_>>()?;
        }
        Ok(())
    }
}

fn is_now(expr: &Arc<dyn PhysicalExpr>) -> bool {
    expr.downcast_ref::<ScalarFunctionExpr>().is_some_and(|f| f.name() == PROCESSING_TIME)
}

fn asks(expr: &Arc<dyn PhysicalExpr>) -> bool {
    is_now(expr) || expr.children().into_iter().any(asks)
}

fn at(expr: &Arc<dyn PhysicalExpr>, us: i64) -> Result<Arc<dyn PhysicalExpr>> {
    let now = ScalarValue::TimestampMicrosecond(Some(us), Some("UTC".into()));
    let place = |e: Arc<dyn PhysicalExpr>| {
        Ok(if is_now(&e) {
            Transformed::yes(Arc::new(Literal::new(now.clone())) as _)
        } else {
            Transformed::no(e)
        })
    };
    Arc::clone(expr).transform_up(place).data().map_err(from_datafusion)
}
