//! Resolves expressions: the dispatch, and the nodes without a file of their own.

use crate::errors::analysis;
use crate::expr_scope::{ExprScope, ResolvedExpr};
use crate::function::exactly;
use crate::literal::{literal_type, to_scalar};
use crate::{Resolver, column};
use arrow::array::RecordBatchOptions;
use arrow::datatypes::{DataType as Arrow, Schema};
use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::{ColumnarValue, Expr, ExprSchemable, lit};
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_functions::{BindContext, Bound, CastMode};
use thalweg_sql::ir::{self, ExprNode, Literal, Origin};
use thalweg_sql::types::DataType;
use thalweg_values::errors::from_datafusion;
use thalweg_values::types::to_arrow;

impl Resolver<'_> {
    /// Resolves an expression.
    pub(crate) fn expr(&self, expr: &ir::Expr, expr_scope: &ExprScope) -> Result<ResolvedExpr> {
        // Resolution has no await at which a cancelled query could end.
        thalweg_common::cancel::check()?;
        let resolved = self.expr_node(expr, expr_scope).map_err(|e| self.at(e, expr.origin))?;
        self.located(resolved, expr.origin)
    }

    /// Adds the place in the statement to an expression that can raise at run time.
    fn located(&self, resolved: ResolvedExpr, origin: Origin) -> Result<ResolvedExpr> {
        if !resolved.fallible {
            return Ok(resolved);
        }
        let Some(place) = self.position(origin) else { return Ok(resolved) };
        Ok(ResolvedExpr { expr: thalweg_functions::located(resolved.expr, &Arc::new(place))?, ..resolved })
    }

    fn expr_node(&self, expr: &ir::Expr, expr_scope: &ExprScope) -> Result<ResolvedExpr> {
        match &expr.node {
            ExprNode::Literal(literal) => self.literal(literal),
            ExprNode::Attribute { name, plan_id } => self.attribute(name, *plan_id, expr_scope),
            ExprNode::Function(call) => self.function(call, expr_scope),
            ExprNode::Window(call) => self.window(call, expr_scope),
            ExprNode::Cast { expr, to, mode } => {
                let resolved = self.expr(expr, expr_scope)?;
                self.cast(resolved, to, *mode)
            }
            // Only select lists and struct() use the name of an item, and they read it before they resolve the value.
            ExprNode::Alias { expr, .. } => self.expr(expr, expr_scope),
            ExprNode::Extract { child, extraction } => self.extract(child, extraction, expr_scope),
            ExprNode::Subquery { kind, relation } => self.subquery(kind, relation, expr_scope),
            ExprNode::SubqueryReference { kind, plan_id } => {
                let relation = self.reference(*plan_id)?;
                self.subquery(kind, &relation, expr_scope)
            }
            ExprNode::Star { .. } | ExprNode::Regex { .. } => {
                let text = format!("Invalid usage of '*' in {}.", expr_scope.clause.operator());
                Err(analysis("INVALID_USAGE_OF_STAR_OR_REGEX", "42000", text)
                    .param("elem", "'*'")
                    .param("prettyName", expr_scope.clause.operator()))
            }
            ExprNode::Parameter(marker) => self.parameter(marker, expr.origin, expr_scope),
            ExprNode::NamedArgument { name, .. } => {
                Err(Error::unsupported(format!("a named argument ({name} => …) of this function")))
            }
            ExprNode::LambdaVariable(name) => self.lambda_variable(name),
            ExprNode::Lambda { .. } => Err(Error::unsupported("a lambda outside of a function's arguments")),
            ExprNode::UpdateField { .. } => Err(Error::unsupported("withField and dropFields")),
        }
    }

    fn literal(&self, literal: &Literal) -> Result<ResolvedExpr> {
        let data_type = literal_type(literal);
        // The text has no zone: its value depends on the session's, which the cast applies.
        if let Literal::TimestampText(text) = literal {
            let text = ResolvedExpr::new(lit(text.as_str()), Arrow::Utf8, false);
            return self.cast(text, &data_type, ir::EvalMode::Ansi);
        }
        let scalar = to_scalar(literal)?;
        let nullable = scalar.is_null();
        let mut resolved = ResolvedExpr::new(Expr::Literal(scalar, None), to_arrow(&data_type), nullable);
        if matches!(data_type, DataType::DayTimeInterval { .. } | DataType::YearMonthInterval { .. }) {
            resolved.spark = Some(data_type);
        }
        Ok(resolved)
    }

    /// `CAST` and `TRY_CAST`.
    pub(crate) fn cast(
        &self,
        resolved: ResolvedExpr,
        to: &DataType,
        mode: ir::EvalMode,
    ) -> Result<ResolvedExpr> {
        let mode = match mode {
            ir::EvalMode::Ansi => CastMode::Ansi,
            ir::EvalMode::Try => CastMode::Try,
        };
        let mut cast = self.once(vec![resolved], |args| {
            let [resolved] = exactly(args)?;
            // A cast of an interval depends on its fields, which are not in Arrow's type.
            let bound = match self.cast_interval(&resolved, to, mode)? {
                Some(bound) => bound,
                None => thalweg_functions::cast(resolved.arg(), &to_arrow(to), mode, &self.binding())?,
            };
            Ok(self.finished(bound, &[resolved]))
        })?;
        if crate::interval_fields::holds_fields(to) {
            cast.spark = Some(to.clone());
        }
        Ok(cast)
    }

    /// Casts a value to the type it is stored or compared as; returns it unchanged if it has the type.
    pub(crate) fn coerced(&self, resolved: ResolvedExpr, to: &Arrow) -> Result<ResolvedExpr> {
        if &resolved.data_type == to {
            return Ok(resolved);
        }
        self.once(vec![resolved], |args| {
            let [resolved] = exactly(args)?;
            let bound = thalweg_functions::implicit_cast(resolved.arg(), to, &self.binding())?;
            Ok(self.finished(bound, &[resolved]))
        })
    }

    fn extract(
        &self,
        child: &ir::Expr,
        extraction: &ir::Expr,
        expr_scope: &ExprScope,
    ) -> Result<ResolvedExpr> {
        let of = self.expr(child, expr_scope)?;
        let is_struct = matches!(of.data_type, Arrow::Struct(_));
        match &extraction.node {
            ExprNode::Literal(Literal::String(name)) if is_struct => self.field(of, name),
            _ => {
                let key = self.expr(extraction, expr_scope)?;
                self.once(vec![of, key], |args| {
                    let [of, key] = exactly(args)?;
                    let bound = thalweg_functions::extract(of.arg(), key.arg(), &self.binding())?;
                    let args = [of, key];
                    let mut resolved = self.finished(bound, &args);
                    resolved.spark = crate::interval_fields::of_call(
                        thalweg_functions::Intervals::Widest,
                        &resolved.data_type,
                        &args,
                    );
                    Ok(resolved)
                })
            }
        }
    }

    /// Returns the session state that functions depend on.
    pub(crate) fn binding(&self) -> BindContext<'_> {
        BindContext {
            time_zone: &self.ctx.time_zone,
            now_micros: self.ctx.now_micros,
            user: &self.ctx.user,
            database: &self.ctx.current_database,
            seed: self.new_seed(),
        }
    }

    /// Returns a function's result, guarded against the optimizer, and computed now if it is constant.
    pub(crate) fn finished(&self, bound: Bound, args: &[ResolvedExpr]) -> ResolvedExpr {
        let mut resolved = ResolvedExpr::of_bound(bound, args);
        if resolved.fallible {
            // The guard comes before folding, since a constant that raises is not folded and needs the guard.
            resolved.expr = guarded(resolved.expr);
            resolved = folded(resolved);
        }
        resolved
    }

    /// `left AND right` as Spark evaluates it: the right side only where the left is not false.
    pub(crate) fn and(&self, left: ResolvedExpr, right: ResolvedExpr) -> Result<ResolvedExpr> {
        self.connected(left, right, |left, right| {
            left.clone().and(right.map_or_else(|e| e, |e| masked(left.is_not_false(), e, false)))
        })
    }

    /// `left OR right` as Spark evaluates it: the right side only where the left is not true.
    pub(crate) fn or(&self, left: ResolvedExpr, right: ResolvedExpr) -> Result<ResolvedExpr> {
        self.connected(left, right, |left, right| {
            left.clone().or(right.map_or_else(|e| e, |e| masked(left.is_not_true(), e, true)))
        })
    }

    /// Connects two booleans; `make` gets a right side that must be masked as `Ok`.
    fn connected(
        &self,
        left: ResolvedExpr,
        right: ResolvedExpr,
        make: impl FnOnce(Expr, std::result::Result<Expr, Expr>) -> Expr,
    ) -> Result<ResolvedExpr> {
        let masks = right.fallible || right.volatile;
        let fallible = left.fallible || right.fallible;
        let nullable = left.nullable || right.nullable;
        // A volatile right side is evaluated only on the rows that need it, so only the left one is shared.
        let volatile = right.volatile;
        let made = self.once(vec![left], |args| {
            let [left] = exactly(args)?;
            let right = if masks { Ok(right.expr) } else { Err(right.expr) };
            Ok(ResolvedExpr {
                fallible,
                volatile,
                ..ResolvedExpr::new(make(left.expr, right), Arrow::Boolean, nullable)
            })
        })?;
        Ok(ResolvedExpr { volatile: volatile || made.volatile, ..made })
    }

    /// Returns the value of a literal expression, such as a limit or an interval.
    pub(crate) fn constant(&self, expr: &ir::Expr, expr_scope: &ExprScope) -> Result<Option<ScalarValue>> {
        let resolved = self.expr(expr, expr_scope)?;
        if let Expr::Literal(value, _) = &resolved.expr {
            return Ok(Some(value.clone()));
        }
        if !is_constant(&resolved.expr) {
            return Ok(None);
        }
        evaluate(&resolved.expr).map(Some).map_err(from_datafusion)
    }
}

/// Returns `then` on rows where `when` is true, `otherwise` on others, on which `then` is not evaluated.
///
/// The form with a base (`CASE true WHEN …`) matters: the simplifier turns a boolean `CASE WHEN` into AND and
/// OR, which evaluate both sides on all rows.
pub(crate) fn masked(when: Expr, then: Expr, otherwise: bool) -> Expr {
    Expr::Case(Case::new(
        Some(Box::new(lit(true))),
        vec![(Box::new(when), Box::new(then))],
        Some(Box::new(lit(otherwise))),
    ))
}

/// Rewrites an expression that can raise so that the optimizer keeps the order of evaluation.
fn guarded(expr: Expr) -> Expr {
    match expr {
        // This is the form of `masked`, for its reason: branches must not become operands of AND and OR.
        Expr::Case(Case { expr: None, when_then_expr, else_expr }) => {
            Expr::Case(Case { expr: Some(Box::new(lit(true))), when_then_expr, else_expr })
        }
        other => other,
    }
}

/// Returns whether an expression has the same value on every row of every run.
fn is_constant(expr: &Expr) -> bool {
    let mut constant = true;
    let walked = expr.apply(|e| {
        constant &= match e {
            Expr::Column(_)
            | Expr::OuterReferenceColumn(..)
            | Expr::ScalarSubquery(_)
            | Expr::Exists(_)
            | Expr::InSubquery(_)
            | Expr::AggregateFunction(_)
            | Expr::WindowFunction(_)
            | Expr::Placeholder(_) => false,
            Expr::ScalarFunction(call) => {
                call.func.signature().volatility == datafusion::logical_expr::Volatility::Immutable
            }
            _ => true,
        };
        Ok(if constant { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    constant && walked.is_ok()
}

/// Computes a constant that could raise but does not, so that it needs no guards; one that raises stays.
fn folded(resolved: ResolvedExpr) -> ResolvedExpr {
    if !is_constant(&resolved.expr) {
        return resolved;
    }
    match evaluate(&resolved.expr) {
        Ok(value) if value.data_type() == resolved.data_type => {
            // In Spark the type is nullable if the value could have been null.
            let nullable = resolved.nullable || value.is_null();
            ResolvedExpr { expr: Expr::Literal(value, None), nullable, fallible: false, ..resolved }
        }
        // A constant that raises stays: the branch that has it may be evaluated on no row.
        _ => resolved,
    }
}

fn evaluate(expr: &Expr) -> datafusion::error::Result<ScalarValue> {
    let schema = DFSchema::empty();
    expr.get_type(&schema)?;
    let physical = datafusion::physical_expr::create_physical_expr(
        expr,
        &schema,
        &ExecutionProps::new(),
        &Default::default(),
    )?;
    // A batch without columns has no array that would determine its number of rows.
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    let batch = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options)?;
    match physical.evaluate(&batch)? {
        ColumnarValue::Scalar(value) => Ok(value),
        ColumnarValue::Array(array) => ScalarValue::try_from_array(&array, 0),
    }
}

/// Creates a constant string.
pub(crate) fn text(value: &str) -> ResolvedExpr {
    ResolvedExpr::new(lit(value), Arrow::Utf8, false)
}

/// Creates a reference to the column of this id.
pub(crate) fn placeholder(id: &str, data_type: Arrow, nullable: bool) -> ResolvedExpr {
    ResolvedExpr::new(column(id), data_type, nullable)
}
