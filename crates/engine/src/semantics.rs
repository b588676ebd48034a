//! Do two DataFrames mean the same?
//!
//! Two unresolved plans that differ only in the client's ids mean the same. The converse does not
//! hold, so "no" means "not known", as Spark's documentation warns too.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use thalweg_sql::ir;

/// What comes before an id in a plan's text; where both fit, the longer one counts.
const IDS: &[&str] = &["plan_id: Some(", "plan_id: "];

/// A text that is the same for plans that differ in the client's ids only.
pub fn form(relation: &ir::Relation) -> String {
    let text = format!("{relation:?}");
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let mut form = String::with_capacity(text.len());
    let mut rest = text.as_str();
    let first = |rest: &str| IDS.iter().filter_map(|m| rest.find(m).map(|at| (at, Reverse(*m)))).min();
    while let Some((at, Reverse(mark))) = first(rest) {
        let (before, after) = rest.split_at(at + mark.len());
        let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        let (id, tail) = after.split_at(digits);
        form.push_str(before);
        if !id.is_empty() {
            let next = seen.len();
            form.push_str(&seen.entry(id).or_insert(next).to_string());
        }
        rest = tail;
    }
    form.push_str(rest);
    form
}

/// A hash that is the same for plans of the same form.
pub fn hash(relation: &ir::Relation) -> i32 {
    let mut hasher = DefaultHasher::new();
    form(relation).hash(&mut hasher);
    let bytes = hasher.finish().to_le_bytes();
    i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(plan_id: Option<i64>, end: i64) -> ir::Relation {
        let node = ir::RelationNode::Range { start: 0, end, step: 1 };
        let input = Box::new(ir::Relation { node, plan_id, origin: None });
        let name = vec!["id".to_owned()];
        let column = ir::Expr::new(ir::ExprNode::Attribute { name, plan_id });
        let node = ir::RelationNode::Project { input, exprs: vec![column] };
        ir::Relation { node, plan_id: plan_id.map(|id| id + 1), origin: None }
    }

    #[test]
    fn ids_do_not_matter_and_everything_else_does() {
        for (a, b, same) in [
            (range(Some(3), 5), range(Some(70), 5), true),
            (range(Some(3), 5), range(Some(3), 6), false),
            (range(Some(3), 5), range(None, 5), false),
        ] {
            assert_eq!(form(&a) == form(&b), same, "{a:?} {b:?}");
            assert_eq!(hash(&a) == hash(&b), same);
        }
    }
}
