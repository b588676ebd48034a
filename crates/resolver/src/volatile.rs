//! Evaluates volatile operands, such as random numbers, once where a function's expression uses them several times.
//!
//! A function is bound over placeholder columns for such operands. If each is used once, the operands replace their
//! placeholders; otherwise the expression becomes the body of one that computes them once for each row.

use crate::expr_scope::ResolvedExpr;
use crate::{Resolver, column};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::Expr;
use thalweg_common::Result;
use thalweg_functions::once;
use thalweg_values::errors::from_datafusion;

impl Resolver<'_> {
    /// Returns the result of `bind`, in which no volatile operand is evaluated more than once for a row.
    pub(crate) fn once(
        &self,
        args: Vec<ResolvedExpr>,
        bind: impl FnOnce(Vec<ResolvedExpr>) -> Result<ResolvedExpr>,
    ) -> Result<ResolvedExpr> {
        if !args.iter().any(|a| a.volatile) {
            return bind(args);
        }
        let stand_in = |arg: &ResolvedExpr| match arg.volatile {
            true => ResolvedExpr { expr: column(&self.new_id()), volatile: false, ..arg.clone() },
            false => arg.clone(),
        };
        let stand_ins: Vec<ResolvedExpr> = args.iter().map(stand_in).collect();
        let bound = bind(stand_ins.clone())?;
        let mut shared: Vec<(String, Expr)> = vec![];
        let mut body = bound.expr;
        let mut repeats = false;
        for (arg, stand_in) in args.iter().zip(&stand_ins).filter(|(arg, _)| arg.volatile) {
            let times = occurrences(&body, &stand_in.expr)?;
            repeats |= times > 1;
            if arg.fallible && times == 1 {
                // It stays below the condition that may exclude its row.
                body = replaced(body, &stand_in.expr, &arg.expr)?;
            } else if let (Expr::Column(c), true) = (&stand_in.expr, times > 0) {
                shared.push((c.name.clone(), arg.expr.clone()));
            }
        }
        if !repeats {
            for (id, expr) in shared {
                body = replaced(body, &column(&id), &expr)?;
            }
            return Ok(ResolvedExpr { expr: body, volatile: true, ..bound });
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
        let expr = once::call(shared, body, bound.data_type.clone(), bound.fallible);
        Ok(ResolvedExpr { expr, volatile: true, ..bound })
    }
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
