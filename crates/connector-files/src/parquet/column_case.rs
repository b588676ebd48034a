//! Adapts expressions over the columns of a table to files that spell the columns in another case.
//!
//! DataFusion's adapter finds columns by their exact names. It is given the file's schema in the table's spelling, and
//! the columns of the resulting expressions get their own names back.

use super::types::spelled_like;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr_adapter::{
    DefaultPhysicalExprAdapterFactory, PhysicalExprAdapter, PhysicalExprAdapterFactory,
};
use std::sync::Arc;

/// Finds columns whatever the case of their names.
#[derive(Debug)]
pub(super) struct AnyCase;

impl PhysicalExprAdapterFactory for AnyCase {
    fn create(&self, table: SchemaRef, file: SchemaRef) -> Result<Arc<dyn PhysicalExprAdapter>> {
        let shown = spelled_like(&table, &file);
        let inner = DefaultPhysicalExprAdapterFactory.create(table, shown)?;
        Ok(Arc::new(Adapter { inner, file }))
    }
}

#[derive(Debug)]
struct Adapter {
    inner: Arc<dyn PhysicalExprAdapter>,
    file: SchemaRef,
}

impl PhysicalExprAdapter for Adapter {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        let own_name = |expr: Arc<dyn PhysicalExpr>| {
            let column = expr.downcast_ref::<Column>();
            let field = column.and_then(|c| Some((c, self.file.fields().get(c.index())?)));
            match field {
                Some((column, field)) if field.name() != column.name() => {
                    let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(field.name(), column.index()));
                    Ok(Transformed::yes(column))
                }
                _ => Ok(Transformed::no(expr)),
            }
        };
        // The scan resolves columns by name in the file's own schema once more.
        self.inner.rewrite(expr)?.transform(own_name).data()
    }
}
