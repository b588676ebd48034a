//! Merges the panes of sliding windows to the windows that the watermark closes.
//!
//! A row is aggregated in one pane, whose length is the greatest common divisor of the windows' size and slide, and
//! not in each window that it is in. A window is merged from its panes when it closes, and a pane is removed with the
//! last window that it is in. What always holds: a window is emitted in the epoch whose watermark reaches its end,
//! since at the end of the epoch before, the watermark had not.

use super::accumulate::MergeableAggregate;
use super::event_time::event_times;
use super::operator::EmittedRows;
use super::stateless::batch_of;
use crate::error::unsupported;
use crate::spec::SlidingWindows;
use crate::state::RowCodec;
use arrow::array::{ArrayRef, StructArray, TimestampMicrosecondArray, UInt64Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use datafusion::common::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_values::errors::from_arrow;

impl SlidingWindows {
    /// Returns when the last window closes that has the pane which ends at `pane_end`.
    pub(super) fn last_end(self, pane_end: i64) -> i64 {
        let start = pane_end.saturating_sub(self.pane_us());
        let behind = start.saturating_sub(self.start_us).rem_euclid(self.slide_us);
        start.saturating_sub(behind).saturating_add(self.size_us)
    }

    /// Returns the times of the panes of all windows that end after `from_us` and not after `to_us`; none if no window
    /// ends there. The time of a pane is that of [`Self::last_end`].
    pub(super) fn times_of_panes(self, from_us: i64, to_us: i64) -> Option<RangeInclusive<i64>> {
        let next = from_us.saturating_add(1);
        // Most epochs move the watermark by less than a slide, and close no window. A pane is removed with its last
        // window, at most a window's size after the first one.
        (self.first_end(next) <= to_us).then(|| next..=to_us.saturating_add(self.size_us))
    }

    /// Returns when the first window closes that has the pane which ends at `pane_end`.
    fn first_end(self, pane_end: i64) -> i64 {
        // The windows end where they would start, moved by the size.
        let ahead = (self.start_us.saturating_add(self.size_us)).saturating_sub(pane_end);
        pane_end.saturating_add(ahead.rem_euclid(self.slide_us))
    }
}

/// How the rows of panes become rows of windows.
pub(super) struct WindowMerge<'a> {
    pub windows: SlidingWindows,
    /// The place of the window among the group columns.
    pub window: usize,
    pub functions: &'a [MergeableAggregate],
    pub output: &'a SchemaRef,
}

/// Panes with their keys and states, by column.
pub(super) struct Panes {
    pub keys: Vec<ArrayRef>,
    pub states: Vec<Vec<ArrayRef>>,
}

impl WindowMerge<'_> {
    /// Emits the windows that end after `from_us` and not after `to_us`, one after the other.
    pub(super) fn emit(
        &self,
        panes: &Panes,
        (from_us, to_us): (i64, i64),
        output: &mut EmittedRows,
    ) -> Result<()> {
        let lost = || unsupported("sliding windows whose panes have no end");
        let ends = event_times(panes.keys.get(self.window))?;
        let ends: Vec<i64> = ends.into_iter().collect::<Option<_>>().ok_or_else(lost)?;
        let mut keys = panes.keys.clone();
        keys.remove(self.window);
        let types: Vec<DataType> = keys.iter().map(|c| c.data_type().clone()).collect();
        let encoded = RowCodec::new(&types)?.encode(&keys, ends.len())?;
        let mut order: Vec<usize> = (0..ends.len()).collect();
        // Stable: the panes come in the order of their keys, and a replayed epoch emits the same rows in the same
        // order.
        order.sort_by_key(|row| ends.get(*row));
        let sorted: Vec<i64> = order.iter().filter_map(|row| ends.get(*row).copied()).collect();
        // From window to window with panes: a gap in the data may be longer than any number of windows.
        let mut end = self.next(&sorted, from_us);
        while let Some(window_end) = end.filter(|end| *end <= to_us) {
            let mut groups: HashMap<&[u8], usize> = HashMap::new();
            let (mut rows, mut of, mut firsts) = (Vec::new(), Vec::new(), Vec::new());
            for row in order.get(self.places(&sorted, window_end)).into_iter().flatten() {
                let next = groups.len();
                let group = *groups.entry(encoded.get(*row)).or_insert(next);
                if group == next {
                    firsts.push(*row as u64);
                }
                rows.push(*row as u64);
                of.push(group);
            }
            output.emit(self.window(panes, &keys, window_end, (&rows.into(), &of, &firsts.into()))?);
            end = self.next(&sorted, window_end);
        }
        Ok(())
    }

    /// Returns the end of the first window after `after_us` that has a pane; `ends` are those of the panes, in order.
    fn next(&self, ends: &[i64], after_us: i64) -> Option<i64> {
        // The panes of the window that ends one slide later, and those after it.
        let next = after_us.saturating_add(1);
        let from = ends.partition_point(|end| self.windows.last_end(*end) < next);
        let first = *ends.get(from)?;
        // The earliest of its windows may have closed before.
        let aligned = self.windows.first_end(next);
        Some(aligned.max(self.windows.first_end(first)))
    }

    /// Returns the places of the panes of a window.
    fn places(&self, ends: &[i64], window_end: i64) -> std::ops::Range<usize> {
        let start = window_end.saturating_sub(self.windows.size_us);
        ends.partition_point(|end| *end <= start)..ends.partition_point(|end| *end <= window_end)
    }

    /// Merges the panes of one window. `rows` are their places, `of` their groups, and `firsts` a row of each group.
    fn window(
        &self,
        panes: &Panes,
        keys: &[ArrayRef],
        end: i64,
        (rows, of, firsts): (&UInt64Array, &[usize], &UInt64Array),
    ) -> Result<arrow::record_batch::RecordBatch> {
        let pick = |columns: &[ArrayRef], rows: &UInt64Array| {
            let picked = columns.iter().map(|c| take(c, rows, None)).collect::<Result<Vec<_>, _>>();
            picked.map_err(from_arrow)
        };
        let mut columns = pick(keys, firsts)?;
        columns.insert(self.window, self.window_column(end, firsts.len())?);
        for (function, states) in self.functions.iter().zip(&panes.states) {
            columns.push(function.merged_values(&pick(states, rows)?, of, firsts.len())?);
        }
        batch_of(self.output, columns, firsts.len())
    }

    fn window_column(&self, end: i64, rows: usize) -> Result<ArrayRef> {
        let other = || unsupported("sliding windows that have neither a start and an end nor a time");
        let field = self.output.fields().get(self.window).ok_or_else(other)?;
        let column = |time: i64, data_type: &DataType| -> ArrayRef {
            let times = TimestampMicrosecondArray::from_value(time, rows);
            Arc::new(times.with_data_type(data_type.clone()))
        };
        let fields = match field.data_type() {
            DataType::Struct(fields) => fields,
            DataType::Timestamp(TimeUnit::Microsecond, _) => return Ok(column(end, field.data_type())),
            _ => return Err(other()),
        };
        let times = [end.saturating_sub(self.windows.size_us), end];
        let columns =
            times.into_iter().zip(fields).map(|(time, field)| column(time, field.data_type())).collect();
        Ok(Arc::new(StructArray::try_new(fields.clone(), columns, None).map_err(from_arrow)?))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_pane_is_in_the_windows_that_contain_it() {
        for (size_us, slide_us, start_us) in [(15, 5, 0), (15, 10, 0), (10, 4, 3), (10, 4, -3), (12, 12, 5)] {
            let windows = SlidingWindows { size_us, slide_us, start_us };
            let pane = windows.pane_us();
            for k in -20..20 {
                let start = start_us + k * pane;
                let ends: Vec<i64> = (-100..100)
                    .map(|n| start_us + n * slide_us + size_us)
                    .filter(|end| end - size_us <= start && start + pane <= *end)
                    .collect();
                let found = (windows.first_end(start + pane), windows.last_end(start + pane));
                assert_eq!(found, (ends[0], ends[ends.len() - 1]), "{windows:?} {start}");
            }
        }
    }
    #[test]
    fn an_epoch_that_closes_no_window_looks_at_no_pane_and_another_one_at_those_of_its_windows() {
        for (size_us, slide_us, start_us) in [(15, 5, 0), (15, 10, 0), (10, 4, 3), (10, 4, -3), (12, 12, 5)] {
            let windows = SlidingWindows { size_us, slide_us, start_us };
            let pane = windows.pane_us();
            for (from, to) in (-30..30).flat_map(|from| (0..20).map(move |more| (from, from + more))) {
                let closes = (from + 1..=to).any(|end| (end - start_us - size_us).rem_euclid(slide_us) == 0);
                let times = windows.times_of_panes(from, to);
                assert_eq!(times.is_some(), closes, "{windows:?} {from} {to}");
                let Some(times) = times else { continue };
                for end in (-20..20).map(|k| start_us + k * pane) {
                    let (first, last) = (windows.first_end(end), windows.last_end(end));
                    let is_in = (from + 1..=to)
                        .any(|e| first <= e && e <= last && (e - first).rem_euclid(slide_us) == 0);
                    assert!(!is_in || times.contains(&last), "{windows:?} {from} {to} {end}");
                }
            }
        }
        let windows = SlidingWindows { size_us: 15, slide_us: 5, start_us: 0 };
        assert!(windows.times_of_panes(i64::MIN, i64::MIN).is_none(), "there is no watermark yet");
        assert!(windows.times_of_panes(i64::MIN, 5).is_some());
        assert!(windows.times_of_panes(5, i64::MAX).is_some(), "a drain");
    }
}
