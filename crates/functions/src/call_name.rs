//! Names the column of a call in a plan.
//!
//! DataFusion distinguishes the columns of an aggregate and of a window by the names of their expressions. Its own
//! name of a call has the arguments only: `CAST(s AS INT)` and `CAST(s AS BIGINT)` would be one column. It also
//! writes a call's arguments out once more at each level, which takes cubic time in the depth of an expression.

use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::Expr;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The depth up to which arguments are written out. Deeper ones are replaced by a hash.
const WRITTEN_OUT_MAX: usize = 4;

/// Returns a name that equal calls share and others do not have: the function's name, its arguments unless they are
/// too deep, and a hash of everything that is part of the call's identity.
pub fn call_name(function: &impl Hash, name: &str, args: &[Expr]) -> String {
    let mut hasher = DefaultHasher::new();
    function.hash(&mut hasher);
    let deep = args.iter().any(|a| is_deeper_than(a, WRITTEN_OUT_MAX));
    if deep {
        // The hash replaces the text: 64 bits make an equal name of two calls of one plan very unlikely.
        args.hash(&mut hasher);
        return format!("{name}(…)#{:016x}", hasher.finish());
    }
    let args: Vec<String> = args.iter().map(|a| a.schema_name().to_string()).collect();
    format!("{name}({})#{:016x}", args.join(","), hasher.finish())
}

/// Returns whether an expression is nested deeper than this many levels. Visits no more than these, so that the name
/// of a deep expression costs constant time.
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
