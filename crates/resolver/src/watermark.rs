//! Resolves `withWatermark` and the WATERMARK clause.

use crate::errors::analysis;
use crate::expr_scope::{ExprScope, ResolvedExpr};
use crate::scope::ScopeColumn;
use crate::select::ListItem;
use crate::{ResolvedRelation, Resolver, column};
use arrow::datatypes::DataType as Arrow;
use datafusion::logical_expr::{Expr, Extension, LogicalPlan};
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_sql::ir::{self, ExprNode, Relation};
use thalweg_values::errors::from_datafusion;

impl Resolver<'_> {
    pub(crate) fn watermark(
        &self,
        input: &Relation,
        event_time: &ir::Expr,
        delay: &str,
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        let relation = self.relation(input, outer)?;
        let delay = thalweg_values::interval::parse_interval_micros(delay)?;
        if delay < 0 {
            return Err(Error::new(
                thalweg_common::ErrorKind::IllegalArgument,
                "INVALID_PARAMETER_VALUE.DELAY_THRESHOLD",
                "22023",
                "The delay of a watermark must not be negative.",
            ));
        }
        let (inner, alias) = match &event_time.node {
            ExprNode::Alias { expr, names, .. } => (expr.as_ref(), names.first()),
            _ => (event_time, None),
        };
        let (mut relation, id) = match alias {
            // `WATERMARK expr AS name`: the expression is a new column.
            Some(_) => {
                let mut list: Vec<ListItem> = relation.scope.columns.iter().map(ListItem::column).collect();
                list.push(ListItem::Expr(event_time.clone()));
                let relation = self.select_items(relation, &list, outer)?;
                let id = relation.scope.columns.last().map(|c| c.id.clone()).unwrap_or_default();
                (relation, id)
            }
            None => {
                let expr_scope = ExprScope::new(&relation.scope, outer);
                let resolved = self.expr(inner, &expr_scope)?;
                let Expr::Column(c) = &resolved.expr else {
                    return Err(Error::unsupported("a watermark on an expression that is not a column"));
                };
                let id = c.name.clone();
                (relation, id)
            }
        };
        let is_time = |c: &ScopeColumn| {
            matches!(thalweg_values::types::to_arrow(&c.data_type), Arrow::Timestamp(_, _) | Arrow::Struct(_))
        };
        let Some(found) = relation.scope.by_id(&id).filter(|c| is_time(c)) else {
            let text = "The event time of a watermark must be a timestamp or a window.";
            return Err(analysis("EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE", "42K09", text.to_owned()));
        };
        let mut watermarked = ResolvedExpr::new(column(&found.id), Arrow::Null, true);
        watermarked.event_delay = Some(delay);
        for c in &mut relation.scope.columns {
            if c.id == id {
                crate::select::mark_event_time(c, &watermarked);
            } else if c.event_delay.take().is_some() {
                // A relation has one watermark: a new one takes the place of an earlier one.
                c.metadata.remove("spark.watermarkDelayMs");
            }
        }
        let node =
            thalweg_logical::WatermarkNode::try_new(relation.plan, id, delay).map_err(from_datafusion)?;
        relation.plan = LogicalPlan::Extension(Extension { node: Arc::new(node) });
        Ok(relation)
    }
}
