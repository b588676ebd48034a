//! Gives each call of an aggregate a column with a name of its own.

use datafusion::logical_expr::Expr;

/// The columns of an aggregate that are not keys.
#[derive(Default)]
pub(crate) struct AggregateColumns {
    pub exprs: Vec<Expr>,
}

impl AggregateColumns {
    /// Adds a call, or finds an equal one, since calls may differ in the type of their finished result only. Returns
    /// the name of its column.
    pub(crate) fn add(&mut self, call: &Expr, id: &str) -> String {
        if let Some(there) = self.exprs.iter().find(|e| unaliased(e) == call) {
            return there.schema_name().to_string();
        }
        // DataFusion's name of a call leaves out the casts of its arguments, so that two calls may have one name.
        let name = call.schema_name().to_string();
        let is_taken = self.exprs.iter().any(|e| e.schema_name().to_string() == name);
        let expr = if is_taken { call.clone().alias(id) } else { call.clone() };
        let name = expr.schema_name().to_string();
        self.exprs.push(expr);
        name
    }
}

fn unaliased(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => &alias.expr,
        other => other,
    }
}
