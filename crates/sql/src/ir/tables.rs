//! Walks over what a query reads: the tables, views and data sources that a catalog provides.
//!
//! The name of a common table expression in scope is not one of them. The walk has a stack of its own, since relations
//! may be nested deeper than the thread's stack allows, and is generated for shared and for exclusive references.

use super::{Child, ChildMut, Expr, Relation, RelationNode};

/// The lower-case names of the common table expressions in scope.
#[derive(Default)]
struct Ctes(Vec<String>);

impl Ctes {
    /// Returns whether a table's name is that of a common table expression.
    fn hide(&self, name: &[String], streaming: bool) -> bool {
        // A name with a database never means a common table expression, and none is read as a stream.
        matches!(name, [single] if !streaming && self.0.contains(&single.to_lowercase()))
    }
}

/// What a relation is to the walk.
enum Role {
    /// It is a table, a view or a data source.
    Read,
    /// It defines common table expressions.
    Define,
    /// It reads what is in its children.
    Other,
}

fn role(node: &RelationNode, ctes: &Ctes) -> Role {
    match node {
        RelationNode::Table { name, streaming, .. } if ctes.hide(name, *streaming) => Role::Other,
        // The names inside a view mean what they meant where it was defined.
        RelationNode::Table { .. } | RelationNode::DataSource(_) | RelationNode::View { .. } => Role::Read,
        RelationNode::With { .. } => Role::Define,
        // They are listed so that a new node does not compile until it is known whether it reads something itself.
        RelationNode::Range { .. }
        | RelationNode::Local { .. }
        | RelationNode::Values { .. }
        | RelationNode::OneRow
        | RelationNode::Project { .. }
        | RelationNode::Filter { .. }
        | RelationNode::Aggregate(_)
        | RelationNode::Having { .. }
        | RelationNode::Qualify { .. }
        | RelationNode::Join(_)
        | RelationNode::SetOperation(_)
        | RelationNode::Sort { .. }
        | RelationNode::Limit { .. }
        | RelationNode::Offset { .. }
        | RelationNode::Tail { .. }
        | RelationNode::Deduplicate { .. }
        | RelationNode::Alias { .. }
        | RelationNode::WithRelations { .. }
        | RelationNode::WithWatermark { .. }
        | RelationNode::WithColumns { .. }
        | RelationNode::WithColumnsRenamed { .. }
        | RelationNode::Drop { .. }
        | RelationNode::ToDf { .. }
        | RelationNode::ToSchema { .. }
        | RelationNode::Repartition { .. }
        | RelationNode::Sample { .. }
        | RelationNode::FillNa { .. }
        | RelationNode::DropNa { .. }
        | RelationNode::Replace { .. }
        | RelationNode::Unpivot(_)
        | RelationNode::Hint { .. }
        | RelationNode::LateralView(_)
        | RelationNode::TableFunction { .. }
        | RelationNode::SqlQuery { .. }
        | RelationNode::Describe { .. }
        | RelationNode::ShowString { .. } => Role::Other,
    }
}

/// A step of a walk, over children by shared or by exclusive reference.
enum Step<Child> {
    Visit(Child),
    /// A common table expression is in scope from here on.
    Define(String),
    /// As many common table expressions as this are in scope from here on.
    Leave(usize),
}

macro_rules! walk {
    ($(#[$doc:meta])* $visit:ident, $child:ident, $children:ident, $($mutable:tt)?) => {
        impl<'n> $child<'n> {
            $(#[$doc])*
            pub fn $visit(self, visit: &mut dyn FnMut(&'n $($mutable)? Relation)) {
                let mut ctes = Ctes::default();
                let mut rest = vec![Step::Visit(self)];
                while let Some(step) = rest.pop() {
                    let at = rest.len();
                    match step {
                        Step::Define(name) => ctes.0.push(name),
                        Step::Leave(outside) => ctes.0.truncate(outside),
                        Step::Visit($child::Expr(expr)) => {
                            expr.$children(&mut |child| rest.push(Step::Visit(child)));
                        }
                        Step::Visit($child::Relation(relation)) => match role(&relation.node, &ctes) {
                            Role::Read => visit(relation),
                            Role::Define => {
                                if let RelationNode::With { ctes: defined, recursive, input } =
                                    & $($mutable)? relation.node
                                {
                                    for cte in defined {
                                        let name = Step::Define(cte.name.to_lowercase());
                                        let query = Step::Visit($child::Relation(& $($mutable)? cte.query));
                                        // A recursive one sees itself, any other only those before it.
                                        rest.extend(if *recursive { [name, query] } else { [query, name] });
                                    }
                                    rest.push(Step::Visit($child::Relation(input)));
                                    rest.push(Step::Leave(ctes.0.len()));
                                }
                            }
                            Role::Other => {
                                relation.$children(&mut |child| rest.push(Step::Visit(child)));
                            }
                        },
                    }
                    // The steps are taken from the end, so that the tables are visited in the order of the text.
                    if let Some(added) = rest.get_mut(at..) {
                        added.reverse();
                    }
                }
            }
        }
    };
}

walk!(
    /// Calls `visit` with each table, view and data source that is read, in the order of the text. A view is not
    /// entered.
    for_each_table,
    Child,
    for_each_child,
);
walk!(
    /// Calls `visit` with each table, view and data source that is read, in the order of the text. A view is not
    /// entered, nor is what `visit` puts in the place of a table.
    for_each_table_mut,
    ChildMut,
    for_each_child_mut,
    mut
);

impl Relation {
    /// Calls `visit` with each table, view and data source that the relation reads: see [`Child::for_each_table`].
    pub fn for_each_table<'n>(&'n self, visit: &mut dyn FnMut(&'n Relation)) {
        Child::Relation(self).for_each_table(visit);
    }

    /// Calls `visit` with each table, view and data source that the relation reads: see
    /// [`ChildMut::for_each_table_mut`].
    pub fn for_each_table_mut<'n>(&'n mut self, visit: &mut dyn FnMut(&'n mut Relation)) {
        ChildMut::Relation(self).for_each_table_mut(visit);
    }
}

impl Expr {
    /// Calls `visit` with each table, view and data source that its subqueries read: see [`Child::for_each_table`].
    pub fn for_each_table<'n>(&'n self, visit: &mut dyn FnMut(&'n Relation)) {
        Child::Expr(self).for_each_table(visit);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let mut query = crate::parse_query(text).unwrap();
        let name = |relation: &Relation| match &relation.node {
            RelationNode::Table { name, .. } => name.join("."),
            other => format!("{other:?}"),
        };
        let (mut found, mut again) = (vec![], vec![]);
        query.for_each_table(&mut |table| found.push(name(table)));
        query.for_each_table_mut(&mut |table| again.push(name(table)));
        assert_eq!(found, again, "{text}");
        found
    }

    #[test]
    fn the_name_of_a_common_table_expression_in_scope_is_not_a_table() {
        for (text, tables) in [
            ("SELECT * FROM a, b WHERE x IN (SELECT y FROM c)", "a b c"),
            ("WITH a AS (SELECT * FROM b) SELECT * FROM A", "b"),
            ("WITH a AS (SELECT * FROM a) SELECT * FROM a", "a"),
            ("WITH a AS (SELECT 1), b AS (SELECT * FROM a) SELECT * FROM b, a", ""),
            ("WITH b AS (SELECT * FROM a), a AS (SELECT 1) SELECT * FROM b, a", "a"),
            ("WITH a AS (SELECT 1) SELECT * FROM d.a", "d.a"),
            ("WITH a AS (SELECT 1) SELECT * FROM STREAM a", "a"),
            ("WITH a AS (SELECT 1) SELECT (SELECT max(x) FROM a) FROM b", "b"),
            ("SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a), a", "a"),
            ("WITH RECURSIVE a AS (SELECT 1 UNION ALL SELECT * FROM a) SELECT * FROM a", ""),
            ("SELECT * FROM a LATERAL VIEW explode((SELECT x FROM b)) AS e", "a b"),
        ] {
            assert_eq!(read(text).join(" "), tables, "{text}");
        }
    }
}
