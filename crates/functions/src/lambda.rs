//! Evaluates functions that call a lambda on elements: `transform`, `filter`, `exists`, `forall`, `aggregate`,
//! `zip_with`.
//!
//! A lambda's body is an expression over its parameters and over columns that it captures. The elements of all rows
//! become one batch in which captured columns are repeated, and the body runs once over it (once per position for
//! `aggregate`). Elements that belong to no row, such as those under a null array, are never evaluated. The optimizer
//! sees arrays and captured columns as arguments; it does not see the body.

use crate::registry::{Defaults, Entry, LambdaForm};
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int32Array, ListArray, RecordBatch, RecordBatchOptions,
    UInt64Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{interleave, take};
use arrow::datatypes::{DataType as Arrow, Field, Schema};
use datafusion::common::DFSchema;
use datafusion::error::{DataFusionError, Result as DfResult};
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::sync::Arc;

/// The functions with lambdas, whose calls the resolver makes.
pub(crate) const ENTRIES: &[Entry] = &[
    Entry::lambda(&["transform"], 2, 2, LambdaForm::Transform).doc(
        "array, function",
        "Returns the results of a lambda for each element, which also gets the index if it takes two arguments.",
        &["SELECT transform(array(1, 2, 3), x -> x * 10)"],
    ),
    Entry::lambda(&["filter"], 2, 2, LambdaForm::Filter).doc(
        "array, function",
        "Returns the elements for which a lambda is true.",
        &["SELECT filter(array(1, 2, 3), x -> x > 1)"],
    ),
    Entry::lambda(&["exists"], 2, 2, LambdaForm::Exists).doc(
        "array, function",
        "Returns whether a lambda is true for at least one element.",
        &["SELECT exists(array(1, 2, 3), x -> x > 2)"],
    ),
    Entry::lambda(&["forall"], 2, 2, LambdaForm::ForAll).doc(
        "array, function",
        "Returns whether a lambda is true for all elements.",
        &["SELECT forall(array(1, 2, 3), x -> x > 2)"],
    ),
    Entry::lambda(&["aggregate", "reduce"], 3, 4, LambdaForm::Fold)
        .doc(
            "array, start, merge[, finish]",
            "Folds an array: a lambda merges each element into a state.",
            &["SELECT aggregate(array(1, 2, 3), 0, (state, x) -> state + x)"],
        )
        .defaults(&[Defaults {
            given: 3,
            shown: &["lambdafunction(namedlambdavariable(), namedlambdavariable())"],
        }]),
    Entry::lambda(&["zip_with"], 3, 3, LambdaForm::ZipWith).doc(
        "left, right, function",
        "Returns the results of a lambda for the elements at the same positions of two arrays.",
        &["SELECT zip_with(array(1, 2), array(10, 20), (x, y) -> x + y)"],
    ),
    Entry::lambda(&["map_filter"], 2, 2, LambdaForm::MapFilter).doc(
        "map, function",
        "Returns the entries for which a lambda is true.",
        &["SELECT map_filter(map('a', 1, 'b', 2), (k, v) -> v > 1)"],
    ),
    Entry::lambda(&["transform_keys"], 2, 2, LambdaForm::TransformKeys).doc(
        "map, function",
        "Returns a map with the keys that a lambda makes.",
        &["SELECT transform_keys(map('a', 1), (k, v) -> upper(k))"],
    ),
    Entry::lambda(&["transform_values"], 2, 2, LambdaForm::TransformValues).doc(
        "map, function",
        "Returns a map with the values that a lambda makes.",
        &["SELECT transform_values(map('a', 1), (k, v) -> v + 1)"],
    ),
];

/// The use of the results of a lambda's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LambdaKind {
    /// They are the elements.
    Transform,
    /// The elements for which they are true.
    Filter,
    /// Whether one of them is true; unknown if none is and one is null.
    Exists,
    /// Whether all of them are true; unknown if none is false and one is null.
    ForAll,
    /// Each is the state for the next element; the second body converts the last one.
    Fold,
    /// As `Transform`, over two arrays, of which the shorter one is padded with nulls.
    Zip,
}

impl LambdaKind {
    fn name(self) -> &'static str {
        match self {
            Self::Transform => "transform",
            Self::Filter => "filter",
            Self::Exists => "exists",
            Self::ForAll => "forall",
            Self::Fold => "aggregate",
            Self::Zip => "zip_with",
        }
    }

    /// Returns the number of arguments before the captured columns.
    fn own_args(self) -> usize {
        match self {
            Self::Fold | Self::Zip => 2,
            Self::Transform | Self::Filter | Self::Exists | Self::ForAll => 1,
        }
    }
}

/// A lambda: the ids of its parameters, and its body over them and over captured columns.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lambda {
    /// The ids of the parameters, which are unique in the statement.
    pub parameters: Vec<String>,
    /// The body.
    pub body: Expr,
}

/// A call of a function with lambdas.
#[derive(Debug, Clone)]
pub struct Call {
    /// The function.
    pub kind: LambdaKind,
    /// The arguments that are not lambdas.
    pub args: Vec<Expr>,
    /// The lambdas: two for [`LambdaKind::Fold`], otherwise one.
    pub lambdas: Vec<Lambda>,
    /// The type of the result.
    pub returns: Arrow,
    /// Whether a body can raise an error.
    pub fallible: bool,
}

/// Makes the expression of a call. What the lambdas capture becomes further arguments.
pub fn call(call: Call) -> Expr {
    let Call { kind, mut args, lambdas, returns, fallible } = call;
    let mut captured: Vec<String> = vec![];
    for lambda in &lambdas {
        for column in lambda.body.column_refs() {
            let name = &column.name;
            if !lambda.parameters.contains(name) && !captured.contains(name) {
                captured.push(name.clone());
            }
        }
    }
    // In an order that does not depend on the hashing of column references: equal calls must be equal
    // expressions.
    captured.sort();
    args.extend(captured.iter().map(|id| Expr::Column(datafusion::common::Column::new_unqualified(id))));
    let volatile = lambdas.iter().any(|l| l.body.is_volatile());
    let volatility = if volatile { Volatility::Volatile } else { Volatility::Immutable };
    let signature = Signature::user_defined(volatility);
    let udf = HigherOrder { kind, lambdas, captured, returns, fallible, signature };
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(ScalarUDF::new_from_impl(udf)), args))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct HigherOrder {
    kind: LambdaKind,
    lambdas: Vec<Lambda>,
    captured: Vec<String>,
    returns: Arrow,
    fallible: bool,
    signature: Signature,
}

impl ScalarUDFImpl for HigherOrder {
    fn name(&self) -> &str {
        self.kind.name()
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _: &[Arrow]) -> DfResult<Arrow> {
        Ok(self.returns.clone())
    }
    fn return_field_from_args(&self, _: ReturnFieldArgs) -> DfResult<Arc<Field>> {
        Ok(Arc::new(Field::new(self.kind.name(), self.returns.clone(), true)))
    }
    fn schema_name(&self, args: &[Expr]) -> DfResult<String> {
        Ok(crate::call_name(self, self.kind.name(), args))
    }
    fn coerce_types(&self, arg_types: &[Arrow]) -> DfResult<Vec<Arrow>> {
        Ok(arg_types.to_vec())
    }
    /// Reports a fallible call as short-circuiting, so that common subexpression elimination does not move it to a
    /// place that evaluates it on more rows.
    fn short_circuits(&self) -> bool {
        self.fallible
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let rows = args.number_rows;
        let arrays = args.args.iter().map(|a| a.to_array(rows)).collect::<DfResult<Vec<_>>>()?;
        let (own, captured) = arrays.split_at_checked(self.kind.own_args()).ok_or_else(lost)?;
        use LambdaKind::{Exists, Filter, Fold, ForAll, Transform, Zip};
        let made = match (self.kind, own) {
            (Fold, [list, start]) => self.fold(list.as_list(), start, captured)?,
            (Zip, [left, right]) => self.zip(left.as_list(), right.as_list(), captured)?,
            (Transform | Filter | Exists | ForAll, [list]) => self.each(list.as_list(), captured)?,
            (Transform | Filter | Exists | ForAll | Fold | Zip, _) => return Err(lost()),
        };
        Ok(ColumnarValue::Array(made))
    }
}

/// Evaluates an expression over columns that are given with their ids, and returns an array of `rows` rows.
///
/// # Errors
/// Reports the errors of DataFusion and of the expression.
///
/// # Examples
/// ```
/// use arrow::array::{ArrayRef, AsArray, Int64Array};
/// use arrow::datatypes::Int64Type;
/// use datafusion::logical_expr::{col, lit};
/// use std::sync::Arc;
/// use thalweg_functions::lambda::evaluate;
///
/// let x: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
/// let made = evaluate(&(col("x") * lit(10_i64)), vec![("x".to_owned(), x)], 2)?;
/// assert_eq!(made.as_primitive::<Int64Type>().values().as_ref(), [10, 20]);
/// # Ok::<(), datafusion::error::DataFusionError>(())
/// ```
pub fn evaluate(body: &Expr, columns: Vec<(String, ArrayRef)>, rows: usize) -> DfResult<ArrayRef> {
    // All columns are nullable here: padding and captured columns may bring nulls that the types exclude.
    let field = |(id, array): &(String, ArrayRef)| Field::new(id, array.data_type().clone(), true);
    let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
    let named = DFSchema::try_from(Arc::clone(&schema))?;
    let physical = datafusion::physical_expr::create_physical_expr(
        body,
        &named,
        &ExecutionProps::new(),
        &Default::default(),
    )?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let columns = columns.into_iter().map(|(_, array)| array).collect();
    let batch = RecordBatch::try_new_with_options(schema, columns, &options)?;
    physical.evaluate(&batch)?.into_array(rows)
}

fn lost() -> DataFusionError {
    DataFusionError::Internal("a call of a function with lambdas lacks one of its arguments".into())
}

/// Returns the range of a row's elements in the child array; an empty one for a null row, which may have hidden
/// elements.
fn range_of(list: &ListArray, row: usize) -> std::ops::Range<usize> {
    match list.value_offsets().get(row..row + 2) {
        Some([from, to]) if list.is_valid(row) => *from as usize..*to as usize,
        _ => 0..0,
    }
}

/// The elements of all rows, one after another.
struct Flat {
    /// The number of elements of each row.
    lengths: Vec<usize>,
    /// The row of each element.
    rows: UInt64Array,
    /// The index of each element in its array, from 0.
    places: Int32Array,
    /// The index of each element in the child array.
    values: UInt64Array,
}

impl Flat {
    fn of(list: &ListArray) -> Self {
        let ranges: Vec<_> = (0..list.len()).map(|row| range_of(list, row)).collect();
        let each = || ranges.iter().enumerate().flat_map(|(row, range)| range.clone().map(move |i| (row, i)));
        let place = |(row, i): (usize, usize)| (i - ranges.get(row).map_or(0, |r| r.start)) as i32;
        Self {
            lengths: ranges.iter().map(ExactSizeIterator::len).collect(),
            rows: each().map(|(row, _)| row as u64).collect::<Vec<_>>().into(),
            places: each().map(place).collect::<Vec<_>>().into(),
            values: each().map(|(_, i)| i as u64).collect::<Vec<_>>().into(),
        }
    }

    fn rows(&self) -> usize {
        self.rows.len()
    }
}

impl HigherOrder {
    fn lambda(&self, i: usize) -> DfResult<&Lambda> {
        self.lambdas.get(i).ok_or_else(lost)
    }

    /// Evaluates a body over parameters and the captured columns of the given rows.
    fn run(
        &self,
        lambda: &Lambda,
        values: Vec<ArrayRef>,
        captured: &[ArrayRef],
        rows: &UInt64Array,
    ) -> DfResult<ArrayRef> {
        let mut columns: Vec<(String, ArrayRef)> = lambda.parameters.iter().cloned().zip(values).collect();
        for (id, array) in self.captured.iter().zip(captured) {
            columns.push((id.clone(), take(array, rows, None)?));
        }
        evaluate(&lambda.body, columns, rows.len())
    }

    fn each(&self, list: &ListArray, captured: &[ArrayRef]) -> DfResult<ArrayRef> {
        let flat = Flat::of(list);
        let lambda = self.lambda(0)?;
        // A lambda with one parameter ignores the second value, the index.
        let values =
            vec![take(list.values(), &flat.values, None)?, Arc::new(flat.places.clone()) as ArrayRef];
        let made = self.run(lambda, values, captured, &flat.rows)?;
        match self.kind {
            LambdaKind::Transform => self.listed(flat.lengths, made, list.nulls().cloned()),
            LambdaKind::Filter => {
                let kept = made.as_boolean_opt().ok_or_else(lost)?;
                let is_kept = |i: usize| kept.is_valid(i) && kept.value(i);
                let mut lengths = vec![0; list.len()];
                let mut values = vec![];
                for i in (0..flat.rows()).filter(|i| is_kept(*i)) {
                    if let Some(length) = lengths.get_mut(flat.rows.value(i) as usize) {
                        *length += 1;
                    }
                    values.push(flat.values.value(i));
                }
                let values = take(list.values(), &UInt64Array::from(values), None)?;
                self.listed(lengths, values, list.nulls().cloned())
            }
            LambdaKind::Exists | LambdaKind::ForAll => {
                self.decided(list, &flat, made.as_boolean_opt().ok_or_else(lost)?)
            }
            LambdaKind::Fold | LambdaKind::Zip => Err(lost()),
        }
    }

    /// Computes `exists` and `forall` in three-valued logic.
    fn decided(&self, list: &ListArray, flat: &Flat, found: &BooleanArray) -> DfResult<ArrayRef> {
        // A true element decides `exists` and a false one `forall`, even beside nulls.
        let looked_for = self.kind == LambdaKind::Exists;
        let mut from = 0;
        let mut answers = Vec::with_capacity(list.len());
        for (row, length) in flat.lengths.iter().enumerate() {
            let mine = from..from + length;
            from += length;
            let decides = |i: usize| found.is_valid(i) && found.value(i) == looked_for;
            answers.push(if list.is_null(row) {
                None
            } else if mine.clone().any(decides) {
                Some(looked_for)
            } else if mine.clone().any(|i| found.is_null(i)) {
                None
            } else {
                Some(!looked_for)
            });
        }
        Ok(Arc::new(BooleanArray::from(answers)))
    }

    fn listed(&self, lengths: Vec<usize>, values: ArrayRef, nulls: Option<NullBuffer>) -> DfResult<ArrayRef> {
        let Arrow::List(field) = &self.returns else { return Err(lost()) };
        let offsets = OffsetBuffer::from_lengths(lengths);
        Ok(Arc::new(ListArray::try_new(Arc::clone(field), offsets, values, nulls)?))
    }

    /// Folds position by position: all rows that have an element there are merged in one batch.
    fn fold(&self, list: &ListArray, start: &ArrayRef, captured: &[ArrayRef]) -> DfResult<ArrayRef> {
        let (merge, finish) = (self.lambda(0)?, self.lambda(1)?);
        let ranges: Vec<_> = (0..list.len()).map(|row| range_of(list, row)).collect();
        let longest = ranges.iter().map(ExactSizeIterator::len).max().unwrap_or(0);
        let mut state = Arc::clone(start);
        for place in 0..longest {
            let here = || ranges.iter().enumerate().filter(move |(_, r)| place < r.len());
            let rows: UInt64Array = here().map(|(row, _)| row as u64).collect::<Vec<_>>().into();
            let elements: UInt64Array =
                here().map(|(_, r)| (r.start + place) as u64).collect::<Vec<_>>().into();
            let values = vec![take(&state, &rows, None)?, take(list.values(), &elements, None)?];
            let stepped = self.run(merge, values, captured, &rows)?;
            // Rows that have ended keep their state, the others take the new one.
            let mut picks: Vec<(usize, usize)> = (0..list.len()).map(|row| (0, row)).collect();
            for (i, row) in rows.values().iter().enumerate() {
                if let Some(pick) = picks.get_mut(*row as usize) {
                    *pick = (1, i);
                }
            }
            state = interleave(&[state.as_ref(), stepped.as_ref()], &picks)?;
        }
        // The result of a null array is null, and the second body is not evaluated for it: it might raise an error.
        // The second body runs on the valid rows alone, and its results are put back to their rows
        // afterwards.
        let valid: Vec<u64> = (0..list.len()).filter(|r| list.is_valid(*r)).map(|r| r as u64).collect();
        let rows = UInt64Array::from(valid);
        let made = self.run(finish, vec![take(&state, &rows, None)?], captured, &rows)?;
        let mut next = 0..made.len() as u64;
        let back: UInt64Array =
            (0..list.len()).map(|r| if list.is_valid(r) { next.next() } else { None }).collect();
        Ok(take(&made, &back, None)?)
    }

    fn zip(&self, left: &ListArray, right: &ListArray, captured: &[ArrayRef]) -> DfResult<ArrayRef> {
        let (mut lengths, mut rows) = (vec![], vec![]);
        let (mut lefts, mut rights) = (vec![], vec![]);
        let at =
            |range: &std::ops::Range<usize>, i: usize| (i < range.len()).then_some((range.start + i) as u64);
        for row in 0..left.len() {
            // A null array makes the result null, so its elements are not evaluated.
            let both = left.is_valid(row) && right.is_valid(row);
            let (l, r) = (range_of(left, row), range_of(right, row));
            let length = if both { l.len().max(r.len()) } else { 0 };
            for i in 0..length {
                rows.push(row as u64);
                lefts.push(at(&l, i));
                rights.push(at(&r, i));
            }
            lengths.push(length);
        }
        let values = vec![
            take(left.values(), &UInt64Array::from(lefts), None)?,
            take(right.values(), &UInt64Array::from(rights), None)?,
        ];
        let made = self.run(self.lambda(0)?, values, captured, &UInt64Array::from(rows))?;
        self.listed(lengths, made, NullBuffer::union(left.nulls(), right.nulls()))
    }
}
