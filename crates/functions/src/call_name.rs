//! The name that a call has as a column of a plan.
//!
//! DataFusion tells the columns of an aggregate and of a window apart by the names of their expressions, and its own
//! name of a call leaves out all but the arguments: `CAST(s AS INT)` and `CAST(s AS BIGINT)` would be one column. It
//! also writes a call's arguments out once more at each level, which takes cubic time in the depth of an expression.

use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::Expr;
use std::hash::{DefaultHasher, Hash, Hasher};

/// From this depth on arguments are not written out: a hash stands for them.
const WRITTEN_OUT_MAX: usize = 4;

/// A name that equal calls share, and that others do not have: the function's name, its arguments as far as they are
/// not too deep, and a hash of everything that is part of the call's identity.
pub fn call_name(function: &impl Hash, name: &str, args: &[Expr]) -> String {
    let mut hasher = DefaultHasher::new();
    function.hash(&mut hasher);
    let deep = args.iter().any(|a| is_deeper_than(a, WRITTEN_OUT_MAX));
    if deep {
        args.hash(&mut hasher);
        return format!("{name}(…)#{:016x}", hasher.finish());
    }
    let args: Vec<String> = args.iter().map(|a| a.schema_name().to_string()).collect();
    format!("{name}({})#{:016x}", args.join(","), hasher.finish())
}

/// Whether an expression is nested deeper than this many levels. Looks at no more than these.
fn is_deeper_than(expr: &Expr, levels: usize) -> bool {
    use datafusion::common::tree_node::TreeNodeRecursion::{Continue, Stop};
    let Some(below) = levels.checked_sub(1) else { return true };
    let mut deeper = false;
    let walked = expr.apply_children(|child| {
        deeper |= is_deeper_than(child, below);
        Ok(if deeper { Stop } else { Continue })
    });
    deeper || walked.is_err()
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::logical_expr::{col, lit};

    #[test]
    fn calls_differ_in_what_is_part_of_them() {
        let shallow = [col("a") + lit(1)];
        assert_eq!(call_name(&"x", "f", &shallow), call_name(&"x", "f", &shallow));
        assert_ne!(call_name(&"x", "f", &shallow), call_name(&"y", "f", &shallow));
        assert_ne!(call_name(&"x", "f", &shallow), call_name(&"x", "f", &[col("a") + lit(2)]));
        let deep = |n: i32| [(1..n).fold(col("a"), |e, i| e + lit(i))];
        assert_ne!(call_name(&"x", "f", &deep(30)), call_name(&"x", "f", &deep(31)));
        assert!(call_name(&"x", "f", &deep(300)).len() < 40);
    }
}
