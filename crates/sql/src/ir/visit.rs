//! Walks over the unresolved plan: the relations and expressions directly inside a node.
//!
//! Every node is listed with all its fields and without a catch-all, so that a new node or field does not compile
//! until its children are listed here. The walks are generated for shared and for exclusive references.

use super::{
    Aggregate, Expr, ExprNode, FrameBound, FunctionCall, GroupKind, Join, LateralView, Relation,
    RelationNode, SetOperation, SortOrder, SubqueryKind, Unpivot, WindowCall, WindowFrame,
};

/// A direct child of a node.
pub enum Child<'n> {
    /// A relation: an input, a CTE, or the query of a subquery.
    Relation(&'n Relation),
    /// An expression: a condition, an argument, a sort key.
    Expr(&'n Expr),
}

/// A direct child of a node, by exclusive reference.
pub enum ChildMut<'n> {
    /// A relation: an input, a CTE, or the query of a subquery.
    Relation(&'n mut Relation),
    /// An expression: a condition, an argument, a sort key.
    Expr(&'n mut Expr),
}

impl Expr {
    /// Removes the places in a text from this node and everything inside it.
    pub fn clear_origins(&mut self) {
        self.origin = None;
        self.for_each_child_mut(&mut |child| child.clear_origins());
    }
}

impl ChildMut<'_> {
    fn clear_origins(self) {
        match self {
            Self::Expr(expr) => expr.clear_origins(),
            Self::Relation(relation) => {
                relation.origin = None;
                relation.for_each_child_mut(&mut |child| child.clear_origins());
            }
        }
    }
}

macro_rules! walks {
    ($child:ident, $visit:ident, $relation:ident, $expr:ident, $sorts:ident, $kind:ident, $call:ident, $($mutable:tt)?) => {
        impl Relation {
            /// Calls `visit` with each relation and expression directly inside this one, in their order.
            pub fn $visit<'n>(&'n $($mutable)? self, visit: &mut dyn FnMut($child<'n>)) {
                $relation(&$($mutable)? self.node, visit);
            }
        }

        impl Expr {
            /// Calls `visit` with each relation and expression directly inside this one, in their order.
            pub fn $visit<'n>(&'n $($mutable)? self, visit: &mut dyn FnMut($child<'n>)) {
                $expr(&$($mutable)? self.node, visit);
            }
        }

        fn $relation<'n>(node: &'n $($mutable)? RelationNode, visit: &mut dyn FnMut($child<'n>)) {
            match node {
                RelationNode::Table { name: _, options: _, streaming: _ }
                | RelationNode::DataSource(_)
                | RelationNode::Range { start: _, end: _, step: _ }
                | RelationNode::Local { ipc: _, schema: _ }
                | RelationNode::OneRow => {}
                RelationNode::Values { rows } => {
                    for expr in rows.into_iter().flatten() {
                        visit($child::Expr(expr));
                    }
                }
                RelationNode::Filter { input, condition }
                | RelationNode::Having { input, condition }
                | RelationNode::Qualify { input, condition } => {
                    visit($child::Relation(input));
                    visit($child::Expr(condition));
                }
                RelationNode::Limit { input, limit: expr }
                | RelationNode::Offset { input, offset: expr }
                | RelationNode::WithWatermark { input, event_time: expr, delay: _ }
                | RelationNode::LateralView(LateralView { input, generator: expr, outer: _, alias: _, columns: _ }) => {
                    visit($child::Relation(input));
                    visit($child::Expr(expr));
                }
                RelationNode::Project { input, exprs }
                | RelationNode::Repartition { input, partitions: _, exprs, shuffle: _ }
                | RelationNode::WithColumns { input, columns: exprs }
                | RelationNode::Drop { input, columns: exprs, names: _ }
                | RelationNode::FillNa { input, columns: _, values: exprs }
                | RelationNode::Hint { input, name: _, args: exprs } => {
                    visit($child::Relation(input));
                    exprs.into_iter().for_each(|e| visit($child::Expr(e)));
                }
                RelationNode::Sort { input, order, global: _ } => {
                    visit($child::Relation(input));
                    $sorts(order, visit);
                }
                RelationNode::Tail { input, limit: _ }
                | RelationNode::Deduplicate { input, columns: _, within_watermark: _ }
                | RelationNode::Alias { input, alias: _, columns: _ }
                | RelationNode::View { plan: input, columns: _, qualifier: _ }
                | RelationNode::WithColumnsRenamed { input, renames: _ }
                | RelationNode::ToDf { input, names: _ }
                | RelationNode::ToSchema { input, schema: _ }
                | RelationNode::Sample { input, lower: _, upper: _, with_replacement: _, seed: _ }
                | RelationNode::DropNa { input, columns: _, min_non_nulls: _ }
                | RelationNode::Describe { input, columns: _, statistics: _ }
                | RelationNode::ShowString { input, rows: _, truncate: _, vertical: _, html: _ } => {
                    visit($child::Relation(input));
                }
                RelationNode::Aggregate(Aggregate { input, kind, grouping, aggregates, output_grouping: _ }) => {
                    visit($child::Relation(input));
                    $kind(kind, visit);
                    grouping.into_iter().chain(aggregates).for_each(|e| visit($child::Expr(e)));
                }
                RelationNode::Join(Join { left, right, kind: _, condition, using: _, natural: _, lateral: _ }) => {
                    visit($child::Relation(left));
                    visit($child::Relation(right));
                    condition.into_iter().for_each(|e| visit($child::Expr(e)));
                }
                RelationNode::SetOperation(SetOperation {
                    left, right, kind: _, all: _, by_name: _, allow_missing_columns: _,
                }) => {
                    visit($child::Relation(left));
                    visit($child::Relation(right));
                }
                RelationNode::With { ctes, recursive: _, input } => {
                    ctes.into_iter().for_each(|cte| visit($child::Relation(& $($mutable)? cte.query)));
                    visit($child::Relation(input));
                }
                RelationNode::WithRelations { root, references } => {
                    references.into_iter().for_each(|r| visit($child::Relation(r)));
                    visit($child::Relation(root));
                }
                RelationNode::TableFunction { name: _, args } => {
                    args.into_iter().for_each(|e| visit($child::Expr(e)));
                }
                RelationNode::Replace { input, columns: _, replacements } => {
                    visit($child::Relation(input));
                    for (old, new) in replacements {
                        visit($child::Expr(old));
                        visit($child::Expr(new));
                    }
                }
                RelationNode::Unpivot(Unpivot { input, ids, values, variable_column: _, value_column: _ }) => {
                    visit($child::Relation(input));
                    ids.into_iter().chain(values.into_iter().flatten()).for_each(|e| visit($child::Expr(e)));
                }
                RelationNode::SqlQuery { text: _, query, positional, named } => {
                    visit($child::Relation(query));
                    positional.into_iter().for_each(|e| visit($child::Expr(e)));
                    named.into_iter().for_each(|(_, e)| visit($child::Expr(e)));
                }
            }
        }

        fn $kind<'n>(kind: &'n $($mutable)? GroupKind, visit: &mut dyn FnMut($child<'n>)) {
            match kind {
                GroupKind::GroupBy | GroupKind::All | GroupKind::Rollup | GroupKind::Cube => {}
                GroupKind::Sets(sets) => {
                    for expr in sets.into_iter().flatten() {
                        visit($child::Expr(expr));
                    }
                }
                GroupKind::Pivot { column, values } => {
                    visit($child::Expr(column));
                    values.into_iter().for_each(|e| visit($child::Expr(e)));
                }
            }
        }

        fn $sorts<'n>(order: &'n $($mutable)? [SortOrder], visit: &mut dyn FnMut($child<'n>)) {
            for SortOrder { expr, descending: _, nulls_first: _ } in order {
                visit($child::Expr(expr));
            }
        }

        fn $call<'n>(call: &'n $($mutable)? FunctionCall, visit: &mut dyn FnMut($child<'n>)) {
            let FunctionCall { name: _, args, distinct: _, filter, order_within, ignore_nulls: _ } = call;
            args.into_iter().for_each(|e| visit($child::Expr(e)));
            filter.into_iter().for_each(|e| visit($child::Expr(e)));
            $sorts(order_within, visit);
        }

        fn $expr<'n>(node: &'n $($mutable)? ExprNode, visit: &mut dyn FnMut($child<'n>)) {
            match node {
                ExprNode::Literal(_)
                | ExprNode::Attribute { name: _, plan_id: _ }
                | ExprNode::Star { target: _, plan_id: _, except: _ }
                | ExprNode::Regex { pattern: _, plan_id: _ }
                | ExprNode::LambdaVariable(_)
                | ExprNode::Parameter(_) => {}
                ExprNode::Function(call) => $call(call, visit),
                ExprNode::Window(window) => {
                    let WindowCall { function, partition, order, frame } = & $($mutable)? **window;
                    visit($child::Expr(function));
                    partition.into_iter().for_each(|e| visit($child::Expr(e)));
                    $sorts(order, visit);
                    for WindowFrame { rows: _, lower, upper } in frame.into_iter() {
                        for bound in [lower, upper] {
                            match bound {
                                FrameBound::CurrentRow
                                | FrameBound::UnboundedPreceding
                                | FrameBound::UnboundedFollowing => {}
                                FrameBound::Value(expr) => visit($child::Expr(expr)),
                            }
                        }
                    }
                }
                ExprNode::Cast { expr, to: _, mode: _ }
                | ExprNode::Alias { expr, names: _, metadata: _ }
                | ExprNode::NamedArgument { name: _, value: expr }
                | ExprNode::Lambda { parameters: _, body: expr } => visit($child::Expr(expr)),
                ExprNode::Extract { child, extraction } => {
                    visit($child::Expr(child));
                    visit($child::Expr(extraction));
                }
                ExprNode::UpdateField { child, field: _, value } => {
                    visit($child::Expr(child));
                    value.into_iter().for_each(|e| visit($child::Expr(e)));
                }
                ExprNode::Subquery { kind, relation } => {
                    match kind {
                        SubqueryKind::Scalar | SubqueryKind::Exists => {}
                        SubqueryKind::In { values } => values.into_iter().for_each(|e| visit($child::Expr(e))),
                    }
                    visit($child::Relation(relation));
                }
                ExprNode::SubqueryReference { kind, plan_id: _ } => match kind {
                    SubqueryKind::Scalar | SubqueryKind::Exists => {}
                    SubqueryKind::In { values } => values.into_iter().for_each(|e| visit($child::Expr(e))),
                },
            }
        }
    };
}

walks!(Child, for_each_child, relation, expression, sort_orders, group_kind, function_call,);
walks!(
    ChildMut,
    for_each_child_mut,
    relation_mut,
    expression_mut,
    sort_orders_mut,
    group_kind_mut,
    function_call_mut,
    mut
);
