//! Dispatches each kind of relation to the function that resolves it.
//!
//! Every kind is listed, without a catch-all: a new node of the IR does not compile until it is resolved or refused.

use crate::expr_scope::ExprScope;
use crate::{ResolvedRelation, Resolver, source};
use thalweg_common::{Error, Result};
use thalweg_sql::ir::{Aggregate, GroupKind, Relation, RelationNode};

/// The query around a subquery, if the relation is in one.
type Outer<'a> = Option<&'a ExprScope<'a>>;

impl Resolver<'_> {
    pub(crate) fn relation_node(&self, relation: &Relation, outer: Outer) -> Result<ResolvedRelation> {
        match &relation.node {
            RelationNode::Table { name, options, streaming } => self.table(name, options, *streaming),
            RelationNode::View { plan, columns, qualifier } => self.view(plan, columns, qualifier),
            RelationNode::DataSource(source) => self.data_source(source),
            RelationNode::Range { start, end, step } => self.range(*start, *end, *step),
            RelationNode::Local { ipc, schema } => self.local(ipc.as_deref(), schema.as_ref()),
            RelationNode::Values { rows } => self.values(rows, outer),
            RelationNode::OneRow => Ok(source::one_row()),
            RelationNode::TableFunction { name, args } => self.table_function(name, args, outer),
            RelationNode::SqlQuery { text, query, positional, named } => {
                self.sql_query((text, query), (positional, named), outer)
            }
            RelationNode::Project { .. }
            | RelationNode::Having { .. }
            | RelationNode::Qualify { .. }
            | RelationNode::Sort { .. } => self.select_relation(relation, outer),
            RelationNode::Filter { input, condition } => self.filter(input, condition, outer),
            RelationNode::Aggregate(aggregate) => self.aggregate_node(relation, aggregate, outer),
            RelationNode::Limit { input, limit } => self.limit(input, Some(limit), None, outer),
            RelationNode::Offset { input, offset } => self.limit(input, None, Some(offset), outer),
            RelationNode::LateralView(view) => self.lateral_view(view, outer),
            RelationNode::With { ctes, recursive, input } => self.with(ctes, *recursive, input, outer),
            RelationNode::Join(join) => self.join(join, outer),
            RelationNode::SetOperation(set) => self.set_operation(set, outer),
            RelationNode::WithRelations { root, references } => self.with_relations(root, references, outer),
            RelationNode::Alias { input, alias, columns } => self.alias(input, alias, columns, outer),
            RelationNode::Deduplicate { input, columns, within_watermark } => {
                self.deduplicate(input, columns, *within_watermark, outer)
            }
            RelationNode::WithColumns { input, columns } => self.with_columns(input, columns, outer),
            RelationNode::WithColumnsRenamed { input, renames } => self.renamed(input, renames, outer),
            RelationNode::Drop { input, columns, names } => self.drop_columns(input, columns, names, outer),
            RelationNode::ToDf { input, names } => self.to_df(input, names, outer),
            RelationNode::ToSchema { input, schema } => self.to_schema(input, schema, outer),
            RelationNode::Repartition { input, exprs, .. } => self.repartition(input, exprs, outer),
            // Hints do not change rows, and Spark ignores unknown ones with a warning.
            RelationNode::Hint { input, .. } => self.relation(input, outer),
            RelationNode::Tail { input, limit } => self.tail(input, *limit, outer),
            RelationNode::WithWatermark { input, event_time, delay } => {
                self.watermark(input, event_time, delay, outer)
            }
            RelationNode::Sample { .. } => Err(Error::unsupported("sample")),
            RelationNode::FillNa { input, columns, values } => self.fill(input, columns, values, outer),
            RelationNode::DropNa { input, columns, min_non_nulls } => {
                self.drop_missing(input, columns, *min_non_nulls, outer)
            }
            RelationNode::Replace { input, columns, replacements } => {
                self.replace(self.relation(input, outer)?, columns, replacements)
            }
            RelationNode::Unpivot(unpivot) => self.unpivot(unpivot, outer),
            RelationNode::Describe { input, columns, statistics } => {
                self.describe(input, columns, statistics, outer)
            }
            RelationNode::ShowString { .. } => Err(Error::unsupported("show as part of a query")),
        }
    }

    fn aggregate_node(
        &self,
        relation: &Relation,
        aggregate: &Aggregate,
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        match &aggregate.kind {
            GroupKind::Pivot { column, values } => self.pivot(aggregate, (column, values), outer),
            GroupKind::GroupBy
            | GroupKind::All
            | GroupKind::Rollup
            | GroupKind::Cube
            | GroupKind::Sets(_) => self.select_relation(relation, outer),
        }
    }
}
