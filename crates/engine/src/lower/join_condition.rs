//! Splits the condition of a join of two streams, and computes from it when a row cannot match any more.

use super::Lowering;
use super::join::event_time;
use arrow::array::{Array, ArrayRef, AsArray, TimestampMicrosecondArray, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, TimeUnit, TimestampMicrosecondType};
use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{Column, DFSchema, JoinType, ScalarValue};
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{Between, BinaryExpr, Expr, ExprSchemable, Join, Operator};
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_stream::Expiry;
use thalweg_values::errors::{from_arrow, from_datafusion};

const US_PER_MS: i64 = 1000;

/// The condition of a join of two streams.
pub(super) struct JoinCondition {
    /// Pairs of equal keys: of the left side and of the right one.
    pub keys: Vec<(Expr, Expr)>,
    /// What is tested on rows with equal keys.
    pub rest: Option<Expr>,
    /// What drops rows of one side before the join.
    pub of_one_side: [Vec<Expr>; 2],
    /// What rows of one side need to have a match, where those without one are in the result.
    pub preserved: [Vec<Expr>; 2],
    /// Comparisons that hold for every row of the result: of the left side with the right one.
    comparisons: Vec<(Expr, Operator, Expr)>,
}

impl JoinCondition {
    /// Splits the condition of a join and the conditions `above` it, which are tested there as well.
    pub(super) fn of(join: &Join, above: &[Expr]) -> Result<Self> {
        let schemas = [join.left.schema(), join.right.schema()];
        let none = || [vec![], vec![]];
        let mut found =
            Self { keys: vec![], rest: None, of_one_side: none(), preserved: none(), comparisons: vec![] };
        let mut rest = vec![];
        let equal = join.on.iter().map(|(l, r)| l.clone().eq(r.clone()));
        let filters = join.filter.iter().flat_map(split_conjunction).cloned();
        for conjunct in equal.chain(filters) {
            implied(&conjunct).iter().for_each(|part| found.compare(part, schemas));
            let keys = equal_keys(&conjunct, schemas)?;
            match (keys.is_empty(), dropped_before(&conjunct, join.join_type, schemas)) {
                (false, _) => found.keys.extend(keys),
                (true, Some(side)) => found.of_one_side[side].push(conjunct),
                (true, None) => match preserved(&conjunct, join.join_type, schemas) {
                    Some(side) => found.preserved[side].push(conjunct),
                    None => rest.push(conjunct),
                },
            }
        }
        for conjunct in above.iter().flat_map(split_conjunction) {
            // As in Spark, the filter drops the rows before they reach a watermark, unless it uses the event time.
            if let Some(side) = kept_above(conjunct, join.join_type, schemas) {
                found.of_one_side[side].push(conjunct.clone());
            }
        }
        // Rows of an outer join that the filter drops are not in the result, and the join still emits them.
        if join.join_type == JoinType::Inner {
            for conjunct in above.iter().flat_map(implied) {
                let conjunct = &conjunct;
                found.compare(conjunct, schemas);
                if found.keys.is_empty() {
                    found.keys.extend(equal_keys(conjunct, schemas)?);
                }
            }
        }
        found.rest = conjunction(rest);
        Ok(found)
    }

    /// The keys of a side: 0 for the left one.
    pub(super) fn keys_of(&self, side: usize) -> impl Iterator<Item = &Expr> {
        self.keys.iter().map(move |(left, right)| if side == 0 { left } else { right })
    }

    fn compare(&mut self, conjunct: &Expr, schemas: [&Arc<DFSchema>; 2]) {
        for (a, operator, b) in comparisons(conjunct) {
            match [side_of(a, schemas), side_of(b, schemas)] {
                [Some(0), Some(1)] => self.comparisons.push((a.clone(), operator, b.clone())),
                [Some(1), Some(0)] => {
                    let Some(swapped) = operator.swap() else { continue };
                    self.comparisons.push((b.clone(), swapped, a.clone()));
                }
                _ => {}
            }
        }
    }
}

/// Returns conditions that hold wherever `condition` does.
fn implied(condition: &Expr) -> Vec<Expr> {
    match condition {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            [implied(left), implied(right)].concat()
        }
        // A condition that can raise is evaluated where another one holds.
        Expr::Case(case)
            if case.expr.as_deref().is_none_or(is_true)
                && case.else_expr.as_deref().is_some_and(is_false) =>
        {
            match case.when_then_expr.as_slice() {
                [(when, then)] => [implied(when), implied(then)].concat(),
                _ => vec![],
            }
        }
        other => vec![other.clone()],
    }
}

fn is_true(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(ScalarValue::Boolean(Some(true)), _))
}

fn is_false(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(ScalarValue::Boolean(Some(false)), _))
}

/// Returns the operands of an equality.
fn operands(condition: &Expr) -> Option<(&Expr, Operator, &Expr)> {
    match condition {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => Some((left, *op, right)),
        // The equality of structs, such as windows.
        Expr::ScalarFunction(call) if call.name() == "nested_eq" => match call.args.as_slice() {
            [left, right] => Some((left, Operator::Eq, right)),
            _ => None,
        },
        _ => None,
    }
}

/// Returns whether values of a type are equal where their encodings are, also inside lists and structs.
fn is_equal_by_encoding(data_type: &DataType) -> bool {
    match data_type {
        DataType::Struct(fields) => {
            fields.iter().all(|f| is_equal_by_encoding(f.data_type()) && !f.data_type().is_floating())
        }
        other => !other.is_nested(),
    }
}

/// Returns the side whose columns an expression uses, if it is one.
fn side_of(expr: &Expr, schemas: [&Arc<DFSchema>; 2]) -> Option<usize> {
    let columns = expr.column_refs();
    let of = |schema: &DFSchema| columns.iter().all(|c| schema.maybe_index_of_column(c).is_some());
    if columns.is_empty() { None } else { schemas.iter().position(|schema| of(schema)) }
}

fn comparisons(conjunct: &Expr) -> Vec<(&Expr, Operator, &Expr)> {
    match conjunct {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => vec![(left, *op, right)],
        Expr::Between(Between { expr, negated: false, low, high }) => {
            vec![(expr, Operator::GtEq, low), (expr, Operator::LtEq, high)]
        }
        _ => vec![],
    }
}

/// Returns the keys of an equality between the sides; none for any other condition.
fn equal_keys(conjunct: &Expr, schemas: [&Arc<DFSchema>; 2]) -> Result<Vec<(Expr, Expr)>> {
    let Some((left, op, right)) = operands(conjunct) else { return Ok(vec![]) };
    let (l, r) = match [side_of(left, schemas), side_of(right, schemas)] {
        [Some(0), Some(1)] => (left, right),
        [Some(1), Some(0)] => (right, left),
        _ => return Ok(vec![]),
    };
    let types = (l.get_type(schemas[0]), r.get_type(schemas[1]));
    let (Ok(left_type), Ok(right_type)) = types else { return Ok(vec![]) };
    if !left_type.equals_datatype(&right_type) || !is_equal_by_encoding(&left_type) {
        return Ok(vec![]);
    }
    match op {
        Operator::Eq => Ok(vec![(l.clone(), r.clone())]),
        Operator::IsNotDistinctFrom => {
            thalweg_logical::plain_keys(l.clone(), schemas[0], r.clone(), schemas[1]).map_err(from_datafusion)
        }
        _ => Ok(vec![]),
    }
}

/// Returns the side whose rows a condition drops before the join.
fn dropped_before(conjunct: &Expr, join_type: JoinType, schemas: [&Arc<DFSchema>; 2]) -> Option<usize> {
    let side = side_of(conjunct, schemas)?;
    // A row of a preserved side that does not meet the condition is in the result, without a match.
    let drops = match join_type {
        JoinType::Inner | JoinType::LeftSemi => true,
        JoinType::Left => side == 1,
        JoinType::Right => side == 0,
        _ => false,
    };
    drops.then_some(side)
}

/// Returns the preserved side whose columns alone a condition uses.
fn preserved(conjunct: &Expr, join_type: JoinType, schemas: [&Arc<DFSchema>; 2]) -> Option<usize> {
    let side = side_of(conjunct, schemas)?;
    match (join_type, side) {
        (JoinType::Left, 0) | (JoinType::Right, 1) | (JoinType::Full, _) => Some(side),
        _ => None,
    }
}

/// Returns the side whose rows a filter above the join drops in any case.
fn kept_above(conjunct: &Expr, join_type: JoinType, schemas: [&Arc<DFSchema>; 2]) -> Option<usize> {
    // A condition that can raise is masked as a CASE, and stays above the join.
    let is_masked = conjunct.exists(|e| Ok(matches!(e, Expr::Case(_)))).unwrap_or(true);
    let side = side_of(conjunct, schemas).filter(|_| !is_masked)?;
    let drops = match join_type {
        JoinType::Inner => true,
        JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti => side == 0,
        JoinType::Right => side == 1,
        _ => false,
    };
    drops.then_some(side)
}

impl Lowering<'_> {
    /// Returns when a row of `side` is forgotten because of a comparison of event times: no row of the other side
    /// that is not late is in its range any more.
    pub(super) fn bound(
        &self,
        condition: &JoinCondition,
        schemas: [&Arc<DFSchema>; 2],
        side: usize,
    ) -> Result<Expiry> {
        let mut bound: Option<(usize, i64)> = None;
        for (left, operator, right) in &condition.comparisons {
            // Written as `mine >= theirs`.
            let (mine, operator, theirs) = match side {
                0 => (left, Some(*operator), right),
                _ => (right, operator.swap(), left),
            };
            let slack_us = match operator {
                Some(Operator::Gt) => 0,
                // As in Spark, which counts in milliseconds, a row that the watermark just reaches stays.
                Some(Operator::GtEq | Operator::Eq | Operator::IsNotDistinctFrom) => US_PER_MS,
                _ => continue,
            };
            let (Some(of_mine), Some(of_theirs)) =
                (self.shifted(mine, schemas[side])?, self.shifted(theirs, schemas[1 - side])?)
            else {
                continue;
            };
            if Some(of_theirs.0) != event_time(schemas[1 - side]) {
                continue;
            }
            let delay = of_mine.1.saturating_sub(of_theirs.1).saturating_add(slack_us);
            bound = match bound {
                None => Some((of_mine.0, delay)),
                // As in Spark, the condition that keeps a row for longer counts.
                Some((column, before)) if column == of_mine.0 => Some((column, before.max(delay))),
                other => other,
            };
        }
        Ok(bound.map_or(Expiry::Never, |(column, delay_us)| Expiry::After { column, delay_us }))
    }

    /// Returns the column and the constant number of microseconds that an expression adds to it; none for any other
    /// expression.
    fn shifted(&self, expr: &Expr, schema: &DFSchema) -> Result<Option<(usize, i64)>> {
        let columns: Vec<&Column> = expr.column_refs().into_iter().collect();
        let [column] = columns.as_slice() else { return Ok(None) };
        let Some(place) = schema.maybe_index_of_column(column) else { return Ok(None) };
        let micros = |t: &DataType| matches!(t, DataType::Timestamp(TimeUnit::Microsecond, _));
        if !micros(schema.field(place).data_type()) || !expr.get_type(schema).is_ok_and(|t| micros(&t)) {
            return Ok(None);
        }
        let times: TimestampMicrosecondArray = probes().collect();
        let values = self.physical(expr, schema)?.evaluate(&probe_rows(schema, place, &times)?);
        // What cannot be computed for some time is not a constant shift.
        let Ok(Ok(values)) = values.map(|v| v.into_array(times.len())) else { return Ok(None) };
        let Some(values) = values.as_primitive_opt::<TimestampMicrosecondType>() else { return Ok(None) };
        let mut shifts =
            (0..times.len()).map(|i| values.is_valid(i).then(|| values.value(i) - times.value(i)));
        let first = shifts.next().flatten();
        Ok(first.filter(|first| shifts.all(|shift| shift == Some(*first))).map(|shift| (place, shift)))
    }
}

/// Times in all months, at all hours, over 60 years: an interval of months, a truncation or an offset of a time zone
/// does not shift all of them equally.
fn probes() -> impl Iterator<Item = Option<i64>> {
    const HOUR_US: i64 = 3_600_000_000;
    (0..1000).map(|i| Some(i * (22 * 24 + 1) * HOUR_US + i * 7_919))
}

/// Rows with `times` in one column and nulls in the others.
fn probe_rows(schema: &DFSchema, place: usize, times: &TimestampMicrosecondArray) -> Result<RecordBatch> {
    let fields = schema.fields().iter().map(|f| Field::new(f.name(), f.data_type().clone(), true));
    let fields: Vec<Field> = fields.collect();
    let column = |(i, field): (usize, &Field)| -> Result<ArrayRef> {
        match i == place {
            true => cast(times, field.data_type()).map_err(from_arrow),
            false => Ok(new_null_array(field.data_type(), times.len())),
        }
    };
    let columns = fields.iter().enumerate().map(column).collect::<Result<Vec<_>>>()?;
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(from_arrow)
}
