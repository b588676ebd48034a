//! Evaluates operands once where a function's expression uses them several times: volatile ones, such as random numbers,
//! since another evaluation would give another value, and large ones, since copies of copies grow exponentially.
//!
//! A function is bound over placeholder columns for such operands. If each is used once, the operands replace their
//! placeholders; otherwise the expression becomes the body of one that computes them once for each row.

use crate::expr_scope::ResolvedExpr;
use crate::unnest::subquery_of;
use crate::{Resolver, column};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::Expr;
use thalweg_common::{Error, Result};
use thalweg_functions::once;
use thalweg_values::errors::from_datafusion;

/// The number of nodes from which on an operand that is used several times is computed once. Smaller ones are copied,
/// since the optimizer sees more of an expression than of the body of one that shares values.
const COPIED_NODES_MAX: usize = 256;

/// The largest number of nodes of an expression with copies of large operands.
const NODES_MAX: usize = 100_000;

impl Resolver<'_> {
    /// Returns the result of `bind`, in which no volatile operand is evaluated more than once for a row, and large ones
    /// are not copied. A large operand that can raise is shared if it is the first, which every function evaluates on
    /// all rows.
    pub(crate) fn once(
        &self,
        args: Vec<ResolvedExpr>,
        bind: impl FnOnce(Vec<ResolvedExpr>) -> Result<ResolvedExpr>,
    ) -> Result<ResolvedExpr> {
        let apart: Vec<bool> =
            args.iter().map(|a| a.volatile || has_more_nodes(&a.expr, COPIED_NODES_MAX)).collect();
        if !apart.contains(&true) {
            return bind(args);
        }
        let stand_in = |(arg, apart): (&ResolvedExpr, &bool)| match apart {
            true => ResolvedExpr { expr: column(&self.new_id()), volatile: false, ..arg.clone() },
            false => arg.clone(),
        };
        let stand_ins: Vec<ResolvedExpr> = args.iter().zip(&apart).map(stand_in).collect();
        // Stand-ins are neither volatile nor large, so calls of `once` inside of `bind` leave them alone.
        let bound = bind(stand_ins.clone())?;
        let volatile = bound.volatile || args.iter().any(|a| a.volatile);
        let bound = ResolvedExpr { volatile, ..bound };
        let mut operands = vec![];
        for (i, (arg, stand_in)) in args.iter().zip(stand_ins).enumerate() {
            if apart.get(i) == Some(&true) {
                let times = occurrences(&bound.expr, &stand_in.expr)?;
                operands.push(Operand { arg, stand_in: stand_in.expr, times, is_first: i == 0 });
            }
        }
        if operands.iter().all(|o| o.times < 2) {
            return with_all_replaced(bound, &operands);
        }
        match volatile {
            // A copy of a volatile operand would be another value, so size does not matter.
            true => self.shared(bound, operands, &args),
            false if !is_opaque(&bound.expr) && operands.iter().all(Operand::may_be_shared) => {
                self.shared(bound, operands, &args)
            }
            false => {
                let copied = with_all_replaced(bound, &operands)?;
                match has_more_nodes(&copied.expr, NODES_MAX) {
                    true => Err(Error::unsupported(format!("an expression of more than {NODES_MAX} parts"))),
                    false => Ok(copied),
                }
            }
        }
    }

    /// Makes the bound expression the body of one that computes the operands once.
    fn shared(
        &self,
        bound: ResolvedExpr,
        operands: Vec<Operand>,
        args: &[ResolvedExpr],
    ) -> Result<ResolvedExpr> {
        let mut shared: Vec<(String, Expr)> = vec![];
        let mut body = bound.expr;
        for operand in operands {
            let in_place = match operand.arg.volatile {
                true => operand.arg.fallible && operand.times == 1,
                false => !operand.may_be_shared() || (operand.arg.fallible && operand.times == 1),
            };
            if in_place {
                // It stays below the condition that may exclude its row.
                body = replaced(body, &operand.stand_in, &operand.arg.expr)?;
            } else if let (Expr::Column(c), true) = (operand.stand_in, operand.times > 0) {
                shared.push((c.name, operand.arg.expr.clone()));
            }
        }
        // Plan rewrites do not see the body, so as little as possible stays in it.
        for arg in args.iter().filter(|a| !a.volatile && !a.fallible) {
            if !matches!(arg.expr, Expr::Literal(..) | Expr::Column(_)) && occurrences(&body, &arg.expr)? > 0
            {
                let id = self.new_id();
                body = replaced(body, &arg.expr, &column(&id))?;
                shared.push((id, arg.expr.clone()));
            }
        }
        let sharing = once::Sharing { volatile: bound.volatile, fallible: bound.fallible };
        let expr = once::call(shared, body, bound.data_type.clone(), sharing);
        Ok(ResolvedExpr { expr, ..bound })
    }
}

/// An operand that a placeholder stands for in a bound expression.
struct Operand<'a> {
    arg: &'a ResolvedExpr,
    stand_in: Expr,
    /// The number of places that use it.
    times: usize,
    is_first: bool,
}

impl Operand<'_> {
    /// Returns whether the operand may be computed on rows on which not every place of it is evaluated. One that stays
    /// in the body must not hold a subquery, which nothing would convert there.
    fn may_be_shared(&self) -> bool {
        match (self.arg.fallible, self.times) {
            (false, _) | (true, 0) => true,
            (true, 1) => !is_opaque(&self.arg.expr),
            (true, _) => self.is_first,
        }
    }
}

/// Returns whether an expression holds what is converted in plans: a subquery or a column of the enclosing query.
fn is_opaque(expr: &Expr) -> bool {
    expr.exists(|e| Ok(subquery_of(e).is_some() || matches!(e, Expr::OuterReferenceColumn(..))))
        .unwrap_or(true)
}

fn has_more_nodes(expr: &Expr, nodes: usize) -> bool {
    let mut seen = 0;
    let walked = expr.apply(|_| {
        seen += 1;
        Ok(if seen > nodes { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    seen > nodes || walked.is_err()
}

fn with_all_replaced(bound: ResolvedExpr, operands: &[Operand]) -> Result<ResolvedExpr> {
    let mut expr = bound.expr;
    for operand in operands.iter().filter(|o| o.times > 0) {
        expr = replaced(expr, &operand.stand_in, &operand.arg.expr)?;
    }
    Ok(ResolvedExpr { expr, ..bound })
}

fn occurrences(expr: &Expr, part: &Expr) -> Result<usize> {
    let mut found = 0;
    let count = |e: &Expr| {
        if e == part {
            found += 1;
            return Ok(TreeNodeRecursion::Jump);
        }
        Ok(TreeNodeRecursion::Continue)
    };
    expr.apply(count).map_err(from_datafusion)?;
    Ok(found)
}

fn replaced(expr: Expr, part: &Expr, by: &Expr) -> Result<Expr> {
    let replace = |e: Expr| match &e == part {
        true => Ok(Transformed::new(by.clone(), true, TreeNodeRecursion::Jump)),
        false => Ok(Transformed::no(e)),
    };
    expr.transform_down(replace).map(|t| t.data).map_err(from_datafusion)
}
