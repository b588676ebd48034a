//! Resolves `dropDuplicates`: one row of each group of equal rows, or of equal values of some columns.

use crate::errors::unknown_key;
use crate::expr_scope::{ExprScope, ResolvedExpr};
use crate::{ResolvedRelation, Resolver, column};
use arrow::datatypes::DataType as Arrow;
use datafusion::logical_expr::lit;
use thalweg_common::{Error, Result};
use thalweg_sql::ir::Relation;
use thalweg_values::names::same_name;

impl Resolver<'_> {
    pub(crate) fn deduplicate(
        &self,
        input: &Relation,
        columns: &[String],
        within: bool,
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        if within {
            return Err(Error::unsupported("dropDuplicatesWithinWatermark"));
        }
        let rel = self.relation(input, outer)?;
        if columns.is_empty() {
            return self.distinct(rel);
        }
        let mut keys = vec![];
        for name in columns {
            // Here a name with dots is one column's whole name; it selects all columns with this name.
            let before = keys.len();
            let named = rel.scope.columns.iter().filter(|c| same_name(&c.name, name));
            keys.extend(named.map(|c| crate::attribute::value_of(c).key()));
            if keys.len() == before {
                return Err(unknown_key(name, &rel.scope));
            }
        }
        // As in Spark, any row of equal keys may be the one that stays, so the numbers need no order.
        let (rel, number) = self.row_numbers(rel, keys)?;
        let first = column(&number).eq(lit(1_i32));
        let first = self.filtered(rel, vec![ResolvedExpr::new(first, Arrow::Boolean, false)])?;
        Ok(first)
    }
}
