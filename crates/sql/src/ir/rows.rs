//! Classifies relations by what they do with the rows of their input.

use super::{LateralView, Relation, RelationNode};

impl RelationNode {
    /// Returns the input of an operator that computes columns of its rows, or drops, repeats or reorders rows, and so could
    /// output any further column of its input as well. None for an operator that cannot, such as an aggregate or a join,
    /// and for one that hides the columns of its input, such as an alias.
    ///
    /// ```
    /// let query = thalweg_sql::parse_query("SELECT a FROM t WHERE b > 1")?;
    /// let filter = query.node.row_preserving_input().expect("the input of the select");
    /// let table = filter.node.row_preserving_input().expect("the input of the filter");
    /// assert!(table.node.row_preserving_input().is_none());
    /// # Ok::<(), thalweg_common::Error>(())
    /// ```
    pub fn row_preserving_input(&self) -> Option<&Relation> {
        match self {
            Self::Project { input, .. }
            | Self::Filter { input, .. }
            | Self::Sort { input, .. }
            | Self::Limit { input, .. }
            | Self::Offset { input, .. }
            | Self::Tail { input, .. }
            | Self::WithColumns { input, .. }
            | Self::WithColumnsRenamed { input, .. }
            | Self::Drop { input, .. }
            | Self::ToDf { input, .. }
            | Self::ToSchema { input, .. }
            | Self::Repartition { input, .. }
            | Self::Hint { input, .. }
            | Self::Sample { input, .. }
            | Self::WithWatermark { input, .. }
            | Self::LateralView(LateralView { input, .. })
            | Self::FillNa { input, .. }
            | Self::DropNa { input, .. }
            | Self::Replace { input, .. } => Some(input),
            Self::Table { .. }
            | Self::View { .. }
            | Self::DataSource(_)
            | Self::Range { .. }
            | Self::Local { .. }
            | Self::Values { .. }
            | Self::OneRow
            | Self::TableFunction { .. }
            | Self::Aggregate(_)
            | Self::Having { .. }
            | Self::Qualify { .. }
            | Self::Join(_)
            | Self::SetOperation(_)
            | Self::Deduplicate { .. }
            | Self::Alias { .. }
            | Self::With { .. }
            | Self::WithRelations { .. }
            | Self::Unpivot(_)
            | Self::SqlQuery { .. }
            | Self::Describe { .. }
            | Self::ShowString { .. } => None,
        }
    }
}
