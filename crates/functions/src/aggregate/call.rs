//! Defines a call of an aggregate that is being bound: its arguments and its clauses.

use crate::binding::{Arg, BindContext, BoundAggregate};
use crate::coerce::coerce_argument;
use crate::operators::key::key;
use arrow::datatypes::DataType;
use datafusion::logical_expr::expr::{AggregateFunction, NullTreatment};
use datafusion::logical_expr::{AggregateUDF, Expr, SortExpr};
use std::sync::Arc;
use thalweg_common::Result;

/// The clauses of an aggregate call, besides its arguments.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AggregateCall {
    /// Set for `f(DISTINCT …)`.
    pub distinct: bool,
    /// The condition of `FILTER (WHERE …)`.
    pub filter: Option<Expr>,
    /// The keys of `WITHIN GROUP (ORDER BY …)`.
    pub order_by: Vec<SortExpr>,
    /// The types of the keys of `order_by`.
    pub order_types: Vec<DataType>,
    /// `IGNORE NULLS` (true) or `RESPECT NULLS` (false), if the call has one of them.
    pub ignore_nulls: Option<bool>,
}

/// An aggregate call that is being bound.
pub(crate) struct Aggregate<'a> {
    pub name: &'static str,
    pub args: Vec<Arg>,
    pub call: AggregateCall,
    pub ctx: &'a BindContext<'a>,
}

impl Aggregate<'_> {
    pub(crate) fn type_of(&self, i: usize) -> DataType {
        self.args.get(i).map_or(DataType::Null, |a| a.data_type.clone())
    }
    pub(crate) fn coerce(&mut self, i: usize, to: &DataType) -> Result<()> {
        if let Some(arg) = self.args.get_mut(i) {
            *arg = coerce_argument(self.name, i, arg.clone(), to, self.ctx)?;
        }
        Ok(())
    }
    /// Replaces argument `i` by its key: the representative of all values that Spark takes as equal.
    pub(crate) fn as_key(&mut self, i: usize) {
        if let Some(arg) = self.args.get_mut(i) {
            *arg = key(arg.clone());
        }
    }
    /// Makes the call of an accumulator whose raw result is already Spark's.
    pub(crate) fn of(self, udaf: Arc<AggregateUDF>, data_type: DataType, nullable: bool) -> BoundAggregate {
        let args = self.args.into_iter().map(|a| a.expr).collect();
        let nulls = self.call.ignore_nulls.map(|ignore| match ignore {
            true => NullTreatment::IgnoreNulls,
            false => NullTreatment::RespectNulls,
        });
        let filter = self.call.filter.map(Box::new);
        let made =
            AggregateFunction::new_udf(udaf, args, self.call.distinct, filter, self.call.order_by, nulls);
        BoundAggregate {
            aggregate: Expr::AggregateFunction(made),
            raw_type: data_type.clone(),
            data_type,
            nullable,
            finish: None,
        }
    }
}
