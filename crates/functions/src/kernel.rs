//! Implements DataFusion's scalar function trait once, for named kernels over Arrow arrays.
//!
//! Every scalar function of this crate that DataFusion lacks is a [`Kernel`], except those with a state or a lambda.
//! Constants stay constants: a kernel reads a column or a constant through the same accessor, which does not expand
//! the constant. A kernel does not run on an empty batch, so that a constant which would raise an error raises none
//! without rows.

use crate::binding::{Arg, Bound};
use crate::call_name::call_name;
use crate::errors::{external, from_arrow, from_datafusion};
use crate::kernel_checks::{self, ArgumentsRead};
use crate::params::KernelParams;
use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BinaryArray, BinaryBuilder, BooleanArray, BooleanBuilder,
    Datum, PrimitiveArray, PrimitiveBuilder, StringArray, StringBuilder, new_empty_array,
};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use thalweg_common::{Error, Position, Result};
use thalweg_logical::large_list_aliases;
use thalweg_values::types::sql_name;

/// The number of rows after which a loop checks for cancellation: the check reads an atomic flag, and one row may
/// take long.
const ROWS_PER_LOOK: usize = 32;

/// Computes a result array of `Batch::rows` rows.
pub(crate) type Run = fn(&Batch) -> Result<ArrayRef>;

/// The nullability of a result, as Spark declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Nulls {
    /// Nullable if any argument is.
    Args,
    /// Nullable: the function may return null for arguments that are not null.
    Always,
    /// Not nullable.
    Never,
}

/// A scalar function. Two kernels with one name run the same code, so comparisons use the name and not `run`.
#[derive(Clone)]
pub(crate) struct Kernel {
    pub name: &'static str,
    pub run: Run,
    pub returns: DataType,
    pub nulls: Nulls,
    pub fallible: bool,
    pub in_place: bool,
    /// Whether the result is a list that may be much larger than its row.
    pub large_lists: bool,
    pub params: KernelParams,
    /// The position of the call in the statement, for its errors. Not part of the identity.
    place: Option<Arc<Position>>,
    signature: Signature,
}

impl Kernel {
    /// Creates a kernel that cannot fail and whose result is nullable if an argument is.
    pub(crate) fn new(name: &'static str, returns: DataType, run: Run) -> Self {
        Self {
            name,
            run,
            returns,
            nulls: Nulls::Args,
            fallible: false,
            in_place: false,
            large_lists: false,
            params: KernelParams::default(),
            place: None,
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }
    /// Sets whether the kernel can raise an error on some row.
    pub(crate) fn fallible(mut self, fallible: bool) -> Self {
        self.fallible = fallible;
        self
    }
    /// Sets the nullability of the result.
    pub(crate) fn nulls(mut self, nulls: Nulls) -> Self {
        self.nulls = nulls;
        self
    }
    /// Sets the parameters, which the code reads with [`Batch::params`].
    pub(crate) fn params<T: fmt::Debug + Eq + Hash + Send + Sync + 'static>(mut self, params: T) -> Self {
        self.params = KernelParams::new(params);
        self
    }
    /// The same, whose lists may be much larger than their rows, so that few rows are computed at a time.
    pub(crate) fn large_lists(mut self) -> Self {
        self.large_lists = true;
        self
    }
    /// The same, which the optimizer neither moves nor computes ahead, though every evaluation of a row gives the same.
    /// No kernel gives another answer at every call: [`crate::once::draws_itself`] relies on it.
    pub(crate) fn in_place(mut self) -> Self {
        self.in_place = true;
        self.signature = Signature::user_defined(Volatility::Volatile);
        self
    }

    /// Calls the kernel with `args`.
    pub(crate) fn call(self, args: Vec<Arg>) -> Bound {
        kernel_checks::check_identity(&self, &args);
        let nullable = match self.nulls {
            Nulls::Args => args.iter().any(|a| a.nullable),
            Nulls::Always => true,
            Nulls::Never => false,
        };
        let (data_type, fallible) = (self.returns.clone(), self.fallible);
        let exprs = args.into_iter().map(|a| a.expr).collect();
        let udf = Arc::new(ScalarUDF::new_from_impl(self));
        let expr = Expr::ScalarFunction(ScalarFunction::new_udf(udf, exprs));
        Bound { expr, data_type, nullable, fallible }
    }
}

/// Sets the position in the statement on all calls in `expr` that can raise an error and have no position yet.
///
/// The walk stops at a call that has a position, because everything below it has one too. So a tree that is bound
/// from its leaves up is walked once.
///
/// # Errors
/// Reports DataFusion's error if it cannot rebuild the tree.
pub fn located(expr: Expr, place: &Arc<Position>) -> Result<Expr> {
    let set_position = |expr: Expr| {
        let Expr::ScalarFunction(call) = &expr else { return Ok(Transformed::no(expr)) };
        let Some(kernel) = call.func.inner().downcast_ref::<Kernel>() else {
            return Ok(Transformed::no(expr));
        };
        if kernel.place.is_some() {
            return Ok(Transformed::new(expr, false, TreeNodeRecursion::Jump));
        }
        if !kernel.fallible {
            return Ok(Transformed::no(expr));
        }
        let placed = Kernel { place: Some(Arc::clone(place)), ..kernel.clone() };
        let udf = Arc::new(ScalarUDF::new_from_impl(placed));
        Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(udf, call.args.clone()))))
    };
    expr.transform_down(set_position).map(|t| t.data).map_err(from_datafusion)
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kernel({} -> {} {:?})", self.name, self.returns, self.params)
    }
}

impl PartialEq for Kernel {
    // Everything that changes the answer. The position does not: otherwise no two calls of a statement would
    // be equal.
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.returns == other.returns
            && self.nulls == other.nulls
            && self.params == other.params
    }
}

impl Eq for Kernel {}

impl Hash for Kernel {
    // A part of what is compared is enough for a hash.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.returns.hash(state);
        self.params.hash(state);
    }
}

/// Returns the parameters of a call if it is one of a kernel with such parameters.
pub(crate) fn params_of<P: 'static>(call: &ScalarFunction) -> Option<&P> {
    call.func.inner().downcast_ref::<Kernel>()?.params.get().ok()
}

/// Describes what a call computes beyond its name and arguments, such as a pattern that was compiled; nothing for
/// functions without such parameters and for those of DataFusion.
pub fn parameters(call: &ScalarFunction) -> Option<String> {
    let kernel = call.func.inner().downcast_ref::<Kernel>()?;
    (kernel.params != KernelParams::default()).then(|| format!("{} by {:?}", kernel.name, kernel.params))
}

impl ScalarUDFImpl for Kernel {
    fn name(&self) -> &str {
        self.name
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn aliases(&self) -> &[String] {
        if self.large_lists { large_list_aliases() } else { &[] }
    }
    fn return_type(&self, _arg_types: &[DataType]) -> DfResult<DataType> {
        Ok(self.returns.clone())
    }
    // DataFusion derives the schema of plans from this, so it must be Spark's nullability too.
    fn return_field_from_args(&self, args: ReturnFieldArgs) -> DfResult<FieldRef> {
        let nullable = match self.nulls {
            Nulls::Args => args.arg_fields.iter().any(|f| f.is_nullable()),
            Nulls::Always => true,
            Nulls::Never => false,
        };
        Ok(Arc::new(Field::new(self.name, self.returns.clone(), nullable)))
    }
    fn schema_name(&self, args: &[Expr]) -> DfResult<String> {
        Ok(call_name(self, self.name, args))
    }
    /// Returns the types as they are: arguments are coerced before a kernel is called, never by DataFusion.
    fn coerce_types(&self, arg_types: &[DataType]) -> DfResult<Vec<DataType>> {
        Ok(arg_types.to_vec())
    }
    /// Reports a fallible kernel as short-circuiting, so that common subexpression elimination does not move it
    /// to a place
    /// that evaluates it on more rows.
    fn short_circuits(&self) -> bool {
        self.fallible
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        if args.number_rows == 0 {
            return Ok(ColumnarValue::Array(new_empty_array(&self.returns)));
        }
        // A call with constants alone is computed once, not once for each row.
        let constant = !self.in_place && args.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let batch = Batch::new(&args.args, rows, &self.returns, &self.params);
        let array = (self.run)(&batch).map_err(|e| {
            kernel_checks::check_error(self, &e);
            external(e.at(self.place.as_deref().cloned()))
        })?;
        batch.read.check(self, batch.len());
        // Checked for every call: a wrong length or type would surface far from its cause.
        if array.len() != rows || array.data_type() != &self.returns {
            let (length, made) = (array.len(), sql_name(array.data_type()));
            let text = format!(
                "the kernel {} returned {length} rows of the type {made}, but {rows} rows of the type {} were expected",
                self.name,
                sql_name(&self.returns)
            );
            return Err(external(Error::internal(text)));
        }
        match constant {
            true => ScalarValue::try_from_array(&array, 0).map(ColumnarValue::Scalar),
            false => Ok(ColumnarValue::Array(array)),
        }
    }
}

/// The arguments of one call of a kernel.
pub(crate) struct Batch<'a> {
    args: &'a [ColumnarValue],
    pub rows: usize,
    pub returns: &'a DataType,
    params: &'a KernelParams,
    read: ArgumentsRead,
}

impl<'a> Batch<'a> {
    fn new(args: &'a [ColumnarValue], rows: usize, returns: &'a DataType, params: &'a KernelParams) -> Self {
        Self { args, rows, returns, params, read: ArgumentsRead::default() }
    }
}

/// The parts of the type of the result. Binding has chosen it, so another kind of type is a mistake of ours.
impl Batch<'_> {
    /// Returns the fields of a struct.
    pub(crate) fn returned_fields(&self) -> Result<&Fields> {
        match self.returns {
            DataType::Struct(fields) => Ok(fields),
            other => Err(wrong_result("a struct", other)),
        }
    }
    /// Returns the field of the elements of an array.
    pub(crate) fn returned_element(&self) -> Result<&FieldRef> {
        match self.returns {
            DataType::List(element) => Ok(element),
            other => Err(wrong_result("an array", other)),
        }
    }
    /// Returns the precision and the scale of a decimal.
    pub(crate) fn returned_digits(&self) -> Result<(u8, i8)> {
        match self.returns {
            DataType::Decimal128(p, s) => Ok((*p, *s)),
            other => Err(wrong_result("a decimal", other)),
        }
    }
}

/// The error for a kernel that builds another type than it was bound to.
fn wrong_result(built: &str, bound: &DataType) -> Error {
    let bound = sql_name(bound);
    Error::internal(format!("a kernel builds {built}, but it was bound to return {bound}"))
}

/// A primitive column or constant.
pub(crate) enum Prims<'a, T: ArrowPrimitiveType> {
    Column(&'a PrimitiveArray<T>),
    Constant(Option<T::Native>),
}

impl<T: ArrowPrimitiveType> Prims<'_, T> {
    /// Returns the value of a row, `None` for null.
    pub(crate) fn get(&self, row: usize) -> Option<T::Native> {
        match self {
            Self::Column(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Constant(value) => *value,
        }
    }
}

/// A text column or constant.
pub(crate) enum Strings<'a> {
    Column(&'a StringArray),
    Constant(Option<&'a str>),
}

impl<'a> Strings<'a> {
    /// The value of a row.
    pub(crate) fn get(&self, row: usize) -> Option<&'a str> {
        match self {
            Self::Column(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Constant(value) => *value,
        }
    }
    /// Returns the constant, if the argument is one that is not null.
    pub(crate) fn constant(&self) -> Option<&'a str> {
        match self {
            Self::Column(_) => None,
            Self::Constant(value) => *value,
        }
    }
}

/// A binary column or constant.
pub(crate) enum Bytes<'a> {
    Column(&'a BinaryArray),
    Constant(Option<&'a [u8]>),
}

impl<'a> Bytes<'a> {
    /// The value of a row.
    pub(crate) fn get(&self, row: usize) -> Option<&'a [u8]> {
        match self {
            Self::Column(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Constant(value) => *value,
        }
    }
}

/// A boolean column or constant.
pub(crate) enum Bools<'a> {
    Column(&'a BooleanArray),
    Constant(Option<bool>),
}

impl Bools<'_> {
    /// The value of a row.
    pub(crate) fn get(&self, row: usize) -> Option<bool> {
        match self {
            Self::Column(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Constant(value) => *value,
        }
    }
}

impl<'a> Batch<'a> {
    /// Returns the kernel's parameters, which must have the type that it was bound with.
    pub(crate) fn params<T: 'static>(&self) -> Result<&'a T> {
        self.params.get()
    }

    /// Returns the number of arguments.
    pub(crate) fn len(&self) -> usize {
        self.args.len()
    }

    fn arg(&self, i: usize) -> Result<&'a ColumnarValue> {
        self.read.note(i);
        let given = self.args.len();
        let missing =
            || Error::internal(format!("a kernel reads argument {i}, but it was called with {given}"));
        self.args.get(i).ok_or_else(missing)
    }

    /// Returns the type of an argument.
    pub(crate) fn type_of(&self, i: usize) -> Result<DataType> {
        Ok(self.arg(i)?.data_type())
    }

    /// Returns an argument as numbers, dates or times of Arrow type `T`.
    pub(crate) fn prims<T: ArrowPrimitiveType>(&self, i: usize) -> Result<Prims<'a, T>> {
        match self.arg(i)? {
            ColumnarValue::Array(array) => match array.as_primitive_opt::<T>() {
                Some(column) => Ok(Prims::Column(column)),
                None => Err(wrong_layout(i, array.data_type())),
            },
            ColumnarValue::Scalar(scalar) => {
                // By way of an array of one row, which serves all types alike.
                let array = scalar.to_array().map_err(from_datafusion)?;
                match array.as_primitive_opt::<T>() {
                    Some(one) => Ok(Prims::Constant(one.is_valid(0).then(|| one.value(0)))),
                    None => Err(wrong_layout(i, array.data_type())),
                }
            }
        }
    }

    /// Returns an argument as texts.
    pub(crate) fn strings(&self, i: usize) -> Result<Strings<'a>> {
        match self.arg(i)? {
            ColumnarValue::Array(array) => match array.as_string_opt::<i32>() {
                Some(column) => Ok(Strings::Column(column)),
                None => Err(wrong_layout(i, array.data_type())),
            },
            ColumnarValue::Scalar(ScalarValue::Utf8(text)) => Ok(Strings::Constant(text.as_deref())),
            ColumnarValue::Scalar(other) => Err(wrong_layout(i, &other.data_type())),
        }
    }

    /// Returns an argument as bytes.
    pub(crate) fn bytes(&self, i: usize) -> Result<Bytes<'a>> {
        match self.arg(i)? {
            ColumnarValue::Array(array) => match array.as_binary_opt::<i32>() {
                Some(column) => Ok(Bytes::Column(column)),
                None => Err(wrong_layout(i, array.data_type())),
            },
            ColumnarValue::Scalar(ScalarValue::Binary(bytes)) => Ok(Bytes::Constant(bytes.as_deref())),
            ColumnarValue::Scalar(other) => Err(wrong_layout(i, &other.data_type())),
        }
    }

    /// Returns an argument as booleans.
    pub(crate) fn bools(&self, i: usize) -> Result<Bools<'a>> {
        match self.arg(i)? {
            ColumnarValue::Array(array) => match array.as_boolean_opt() {
                Some(column) => Ok(Bools::Column(column)),
                None => Err(wrong_layout(i, array.data_type())),
            },
            ColumnarValue::Scalar(ScalarValue::Boolean(value)) => Ok(Bools::Constant(*value)),
            ColumnarValue::Scalar(other) => Err(wrong_layout(i, &other.data_type())),
        }
    }

    /// Returns an argument as a column of `rows` rows; a constant is repeated.
    pub(crate) fn array(&self, i: usize) -> Result<ArrayRef> {
        self.arg(i)?.to_array(self.rows).map_err(from_datafusion)
    }

    /// Returns an argument for Arrow's kernels, which accept constants.
    pub(crate) fn datum(&self, i: usize) -> Result<Box<dyn Datum>> {
        match self.arg(i)? {
            ColumnarValue::Array(array) => Ok(Box::new(Arc::clone(array))),
            ColumnarValue::Scalar(scalar) => Ok(Box::new(scalar.to_scalar().map_err(from_datafusion)?)),
        }
    }

    /// Builds a primitive result of type `T`, row by row.
    pub(crate) fn build<T: ArrowPrimitiveType>(
        &self,
        mut value: impl FnMut(usize) -> Result<Option<T::Native>>,
    ) -> Result<ArrayRef> {
        let mut builder = PrimitiveBuilder::<T>::with_capacity(self.rows);
        // Row by row with a check for cancellation: a kernel may take long for one row, for example a regular
        // expression.
        for row in 0..self.rows {
            still_wanted(row)?;
            builder.append_option(value(row)?);
        }
        Ok(Arc::new(builder.finish().with_data_type(self.returns.clone())))
    }

    /// Builds a text result, row by row.
    pub(crate) fn build_text<S: AsRef<str>>(
        &self,
        mut value: impl FnMut(usize) -> Result<Option<S>>,
    ) -> Result<ArrayRef> {
        // A guess of 8 bytes for each value; the builder grows if they are too few.
        let mut builder = StringBuilder::with_capacity(self.rows, self.rows * 8);
        for row in 0..self.rows {
            still_wanted(row)?;
            builder.append_option(value(row)?);
        }
        Ok(Arc::new(builder.finish()))
    }

    /// Builds a binary result, row by row.
    pub(crate) fn build_bytes<B: AsRef<[u8]>>(
        &self,
        mut value: impl FnMut(usize) -> Result<Option<B>>,
    ) -> Result<ArrayRef> {
        let mut builder = BinaryBuilder::with_capacity(self.rows, self.rows * 8);
        for row in 0..self.rows {
            still_wanted(row)?;
            builder.append_option(value(row)?);
        }
        Ok(Arc::new(builder.finish()))
    }

    /// Builds a boolean result, row by row.
    pub(crate) fn build_bool(
        &self,
        mut value: impl FnMut(usize) -> Result<Option<bool>>,
    ) -> Result<ArrayRef> {
        let mut builder = BooleanBuilder::with_capacity(self.rows);
        for row in 0..self.rows {
            still_wanted(row)?;
            builder.append_option(value(row)?);
        }
        Ok(Arc::new(builder.finish()))
    }
}

/// Ends a loop over rows with an error once its query is cancelled.
pub(crate) fn still_wanted(row: usize) -> Result<()> {
    match row % ROWS_PER_LOOK {
        0 => thalweg_common::cancel::check(),
        _ => Ok(()),
    }
}

fn wrong_layout(i: usize, actual: &DataType) -> Error {
    Error::internal(format!("argument {i} has the type {}, which the kernel does not read", sql_name(actual)))
}

/// Converts Arrow's error to ours.
pub(crate) fn arrow<T>(result: std::result::Result<T, arrow::error::ArrowError>) -> Result<T> {
    result.map_err(from_arrow)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use arrow::datatypes::Int64Type;
    use thalweg_common::cancel::Cancellation;

    #[test]
    fn the_rows_of_a_cancelled_query_are_not_computed() {
        type Build = fn(&Batch, &mut dyn FnMut(usize) -> bool) -> Result<ArrayRef>;
        let builds: [Build; 4] = [
            |b, at| b.build::<Int64Type>(|row| Ok(at(row).then_some(1))),
            |b, at| b.build_text(|row| Ok(at(row).then_some("a"))),
            |b, at| b.build_bytes(|row| Ok(at(row).then_some("a"))),
            |b, at| b.build_bool(|row| Ok(at(row).then_some(true))),
        ];
        let returns = DataType::Int64;
        let params = KernelParams::default();
        let batch = Batch::new(&[], 8_192, &returns, &params);
        for build in builds {
            let cancellation = Cancellation::default();
            let _entered = cancellation.enter();
            let mut last = 0;
            let made = build(&batch, &mut |row| {
                last = row;
                if row == 100 {
                    cancellation.cancel();
                }
                true
            });
            assert_eq!(made.unwrap_err().class(), "OPERATION_CANCELED");
            assert!(last < 100 + ROWS_PER_LOOK, "{last}");
        }
    }
}
