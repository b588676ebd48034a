//! Loads the tables of a query before it is resolved, so that resolution is one pass of synchronous code.
//!
//! Every table and source of the query is loaded once, with those of views and subqueries, so a plan never
//! mixes two states of one table. A name that cannot be loaded is not an error here: a common table expression may
//! have the name. Resolution requests the table again when it needs it, and then the error has its position.

use crate::catalog::{Catalog, TableEntry};
use thalweg_common::Result;
use thalweg_sql::ir::{self, Child, Expr, Relation, RelationNode};

/// The largest number of tables of a query.
pub(crate) const LOADS_MAX: usize = 1_000;

/// A table of a query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Request {
    Table { name: ir::Name, options: ir::Options, streaming: bool },
    Source(ir::DataSource),
}

/// The tables loaded so far.
#[derive(Debug, Default)]
pub(crate) struct Loads(Vec<(Request, TableEntry)>);

impl Loads {
    /// Loads all tables of a query, as far as they can be loaded.
    pub(crate) async fn of(query: &Relation, catalog: &dyn Catalog) -> Self {
        let mut loads = Self::default();
        let mut wanted = requests(query);
        // `pop` takes the last one, so that tables are loaded in the order of the text.
        wanted.reverse();
        while let Some(request) = wanted.pop() {
            // No request is loaded twice, so the loop ends even if views read each other.
            if loads.get(&request).is_some() || loads.0.len() >= LOADS_MAX {
                continue;
            }
            let Ok(entry) = entry(catalog, &request).await else { continue };
            if let TableEntry::View { plan, .. } = &entry {
                wanted.extend(requests(plan));
            }
            loads.0.push((request, entry));
        }
        loads
    }

    /// Loads one more table.
    ///
    /// # Errors
    /// The catalog's errors, such as `TABLE_OR_VIEW_NOT_FOUND`.
    pub(crate) async fn add(&mut self, catalog: &dyn Catalog, request: Request) -> Result<()> {
        let entry = entry(catalog, &request).await?;
        self.0.push((request, entry));
        Ok(())
    }

    /// Returns the table, if it is loaded.
    pub(crate) fn get(&self, request: &Request) -> Option<&TableEntry> {
        self.0.iter().find(|(known, _)| known == request).map(|(_, entry)| entry)
    }
}

async fn entry(catalog: &dyn Catalog, request: &Request) -> Result<TableEntry> {
    match request {
        Request::Table { name, options, streaming } => catalog.table(name, options, *streaming).await,
        Request::Source(source) => catalog.data_source(source).await,
    }
}

/// Returns the tables of a relation, without those inside views. The walk has its own stack: a relation may
/// be nested deeper than the thread's stack allows.
fn requests(relation: &Relation) -> Vec<Request> {
    let mut found = vec![];
    let mut rest = vec![Child::Relation(relation)];
    while let Some(child) = rest.pop() {
        let at = rest.len();
        match child {
            Child::Relation(relation) => {
                found.extend(request(relation));
                relation.for_each_child(&mut |child| rest.push(child));
            }
            Child::Expr(expr) => Expr::for_each_child(expr, &mut |child| rest.push(child)),
        }
        // The first child is visited next.
        if let Some(children) = rest.get_mut(at..) {
            children.reverse();
        }
    }
    found
}

fn request(relation: &Relation) -> Option<Request> {
    match &relation.node {
        RelationNode::Table { name, options, streaming } => {
            Some(Request::Table { name: name.clone(), options: options.clone(), streaming: *streaming })
        }
        RelationNode::DataSource(source) => Some(Request::Source(source.clone())),
        // What these read is in their children, which the walk visits.
        RelationNode::View { .. }
        | RelationNode::Range { .. }
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
        | RelationNode::With { .. }
        | RelationNode::WithColumns { .. }
        | RelationNode::WithColumnsRenamed { .. }
        | RelationNode::Drop { .. }
        | RelationNode::ToDf { .. }
        | RelationNode::ToSchema { .. }
        | RelationNode::Repartition { .. }
        | RelationNode::Hint { .. }
        | RelationNode::Sample { .. }
        | RelationNode::WithWatermark { .. }
        | RelationNode::TableFunction { .. }
        | RelationNode::LateralView(_)
        | RelationNode::FillNa { .. }
        | RelationNode::DropNa { .. }
        | RelationNode::Replace { .. }
        | RelationNode::Describe { .. }
        | RelationNode::ShowString { .. }
        | RelationNode::WithRelations { .. }
        | RelationNode::Unpivot(_)
        | RelationNode::SqlQuery { .. } => None,
    }
}
