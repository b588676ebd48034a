//! Lowers `distinct`, `dropDuplicates` and `dropDuplicatesWithinWatermark`.

use super::{Lowering, Rows, arrow_schema, unsupported};
use datafusion::common::DFSchema;
use datafusion::logical_expr::Expr;
use thalweg_common::Result;
use thalweg_stream::{DeduplicateSpec, Expiry, OperatorSpec};

impl Lowering<'_> {
    pub(super) fn deduplicate(
        &mut self,
        rows: Rows,
        keys: &[Expr],
        input: &DFSchema,
        within_watermark: bool,
    ) -> Result<Rows> {
        let event_time = input.fields().iter().position(|f| thalweg_logical::event_time_of(f).is_some());
        let expiry = match (within_watermark, event_time) {
            (true, None) => return Err(unsupported::deduplication_without_watermark()),
            (true, Some(column)) => {
                let delay_us = thalweg_logical::event_time_of(input.field(column)).unwrap_or(0);
                Expiry::After { column, delay_us }
            }
            (false, _) => {
                let place = keys.iter().position(|key| is_column(key, event_time, input));
                place.map_or(Expiry::Never, Expiry::Key)
            }
        };
        let texts = rows.meaning.texts(keys, input)?;
        let meaning = rows
            .meaning
            .of_state(&self.session)
            .with("the keys", texts.join(", "))
            .with("when a key is forgotten", format!("{expiry:?}"));
        let keys = keys.iter().map(|e| self.physical(e, input)).collect::<Result<Vec<_>>>()?;
        let spec = DeduplicateSpec { keys, event_time, expiry, schema: arrow_schema(input) };
        let operator = self.graph.operator(OperatorSpec::Deduplicate(spec), vec![rows.operator], meaning);
        let text = format!("the first of {}", texts.join(", "));
        Ok(Rows { operator, meaning: rows.meaning.passing(text) })
    }
}

/// Returns whether a key is the column at `place`.
fn is_column(key: &Expr, place: Option<usize>, input: &DFSchema) -> bool {
    match key {
        Expr::Column(column) => place.is_some() && input.maybe_index_of_column(column) == place,
        _ => false,
    }
}
