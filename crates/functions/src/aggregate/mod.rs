//! Binds the aggregate functions: checks and coerces their arguments, and chooses the accumulator.
//!
//! DataFusion's accumulators are used where they give Spark's answer, and our own ones where DataFusion's wrap,
//! truncate or interpolate differently. Every accumulator can be merged from states, so that streams and partitions
//! can use it.

mod bitmap;
mod call;
mod cancellable;
mod checked;
mod collect;
mod extreme;
mod min_max_by;
mod moving_frame;
mod statistics;

use crate::binding::{Arg, BoundAggregate};
use crate::coerce::as_arg;
use crate::errors::{failed_preparation, not_constant, not_double_literal, unexpected_type};
use crate::kernel::{Batch, Kernel};
use crate::registry::{
    AggregateForm, Defaults, Display, DisplayForm, Entry, Intervals, MANY, NullClause, SpecialForm,
};
use crate::types::{DAY_TIME, YEAR_MONTH, is_float, is_integral, is_nested, is_numeric, is_string};
use arrow::array::{ArrayRef, BinaryArray, StructArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field};
use arrow::row::{RowConverter, SortField};
use datafusion::common::ScalarValue;
use datafusion::functions_aggregate as df;
use datafusion::logical_expr::{AggregateUDF, Cast, Expr};
use std::sync::Arc;
use thalweg_common::{Error, Result};

pub(crate) use bitmap::BYTES as BITMAP_BYTES;
use bitmap::Bits;
pub(crate) use call::Aggregate;
pub use call::AggregateCall;
pub(crate) use cancellable::windowed;
use min_max_by::Extreme;
use statistics::Percentile;

pub(crate) const ENTRIES: &[Entry] = &[
    Entry::aggregate(&["count"], 0, MANY, count).read_as(AggregateForm::Count).shown(DisplayForm::Count).doc(
        "[value, ...]",
        "Counts the rows in which no argument is null, or all rows for a star.",
        &["SELECT count(*), count(v), count(DISTINCT v) FROM VALUES (1), (1), (NULL) AS t(v)"],
    ),
    Entry::aggregate(&["count_if"], 1, 1, count_if).doc(
        "condition",
        "Counts the rows in which a condition holds.",
        &["SELECT count_if(v > 1) FROM VALUES (1), (2), (3) AS t(v)"],
    ),
    Entry::aggregate(&["sum"], 1, 1, |a| sum(a, false)).doc(
        "number",
        "Adds up numbers or intervals; an overflow raises an error.",
        &["SELECT sum(v) FROM VALUES (1), (2), (3) AS t(v)"],
    ),
    Entry::aggregate(&["try_sum"], 1, 1, |a| sum(a, true)).doc(
        "number",
        "Adds up numbers or intervals, and returns null instead of an overflow.",
        &["SELECT try_sum(v) FROM VALUES (9223372036854775807), (1) AS t(v)"],
    ),
    Entry::aggregate(&["avg", "mean"], 1, 1, |a| average(a, false)).intervals(Intervals::AllFields).doc(
        "number",
        "Returns the mean of numbers or intervals.",
        &["SELECT avg(v) FROM VALUES (1), (2), (4) AS t(v)"],
    ),
    Entry::aggregate(&["try_avg"], 1, 1, |a| average(a, true)).intervals(Intervals::AllFields).doc(
        "number",
        "Returns the mean, and null instead of an overflow.",
        &["SELECT try_avg(v) FROM VALUES (1), (2) AS t(v)"],
    ),
    Entry::aggregate(&["min"], 1, 1, |a| extreme::bind(a, Extreme::Min)).doc(
        "value",
        "Returns the least value.",
        &["SELECT min(v) FROM VALUES (3), (1), (2) AS t(v)"],
    ),
    Entry::aggregate(&["max"], 1, 1, |a| extreme::bind(a, Extreme::Max)).doc(
        "value",
        "Returns the greatest value.",
        &["SELECT max(v) FROM VALUES (3), (1), (2) AS t(v)"],
    ),
    Entry::aggregate(&["first", "first_value"], 1, 2, |a| {
        first_or_last(a, df::first_last::first_value_udaf())
    })
    .display(Display::first_arguments(1))
    .over_window(crate::window::first)
    .nulls(NullClause::Hidden)
    .doc(
        "value[, ignoreNulls]",
        "Returns the value of the first row, or the first that is not null.",
        &["SELECT first(v, true) FROM VALUES (NULL), (5), (7) AS t(v)"],
    ),
    Entry::aggregate(&["any_value"], 1, 2, |a| first_or_last(a, df::first_last::first_value_udaf()))
        .display(Display::first_arguments(1))
        .over_window(crate::window::first)
        .nulls(NullClause::Hidden)
        .doc(
            "value[, ignoreNulls]",
            "Returns the value of any row.",
            &["SELECT any_value(v) FROM VALUES (5), (5) AS t(v)"],
        ),
    Entry::aggregate(&["last", "last_value"], 1, 2, |a| first_or_last(a, df::first_last::last_value_udaf()))
        .display(Display::first_arguments(1))
        .over_window(crate::window::last)
        .nulls(NullClause::Hidden)
        .doc(
            "value[, ignoreNulls]",
            "Returns the value of the last row, or the last that is not null.",
            &["SELECT last(v) FROM VALUES (5), (7) AS t(v)"],
        ),
    Entry::aggregate(&["stddev", "std", "stddev_samp"], 1, 1, |a| over_doubles(a, df::stddev::stddev_udaf()))
        .doc(
            "number",
            "Returns the standard deviation of a sample.",
            &["SELECT stddev(v) FROM VALUES (1), (2), (3) AS t(v)"],
        ),
    Entry::aggregate(&["stddev_pop"], 1, 1, |a| over_doubles(a, df::stddev::stddev_pop_udaf())).doc(
        "number",
        "Returns the standard deviation of a population.",
        &["SELECT stddev_pop(v) FROM VALUES (1), (3) AS t(v)"],
    ),
    Entry::aggregate(&["variance", "var_samp"], 1, 1, |a| over_doubles(a, df::variance::var_samp_udaf()))
        .doc(
            "number",
            "Returns the variance of a sample.",
            &["SELECT variance(v) FROM VALUES (1), (2), (3) AS t(v)"],
        ),
    Entry::aggregate(&["var_pop"], 1, 1, |a| over_doubles(a, df::variance::var_pop_udaf())).doc(
        "number",
        "Returns the variance of a population.",
        &["SELECT var_pop(v) FROM VALUES (1), (3) AS t(v)"],
    ),
    Entry::aggregate(&["corr"], 2, 2, |a| over_doubles(a, df::correlation::corr_udaf())).doc(
        "x, y",
        "Returns the correlation of pairs.",
        &["SELECT corr(x, y) FROM VALUES (1, 2), (2, 4), (3, 6) AS t(x, y)"],
    ),
    Entry::aggregate(&["covar_samp"], 2, 2, |a| over_doubles(a, df::covariance::covar_samp_udaf())).doc(
        "x, y",
        "Returns the covariance of a sample of pairs.",
        &["SELECT covar_samp(x, y) FROM VALUES (1, 2), (2, 4), (3, 6) AS t(x, y)"],
    ),
    Entry::aggregate(&["covar_pop"], 2, 2, |a| over_doubles(a, df::covariance::covar_pop_udaf())).doc(
        "x, y",
        "Returns the covariance of a population of pairs.",
        &["SELECT covar_pop(x, y) FROM VALUES (1, 2), (3, 6) AS t(x, y)"],
    ),
    Entry::aggregate(&["regr_avgx"], 2, 2, |a| over_doubles(a, df::regr::regr_avgx_udaf())).doc(
        "y, x",
        "Returns the mean of x over pairs without nulls.",
        &["SELECT regr_avgx(y, x) FROM VALUES (1, 2), (2, 4) AS t(y, x)"],
    ),
    Entry::aggregate(&["regr_avgy"], 2, 2, |a| over_doubles(a, df::regr::regr_avgy_udaf())).doc(
        "y, x",
        "Returns the mean of y over pairs without nulls.",
        &["SELECT regr_avgy(y, x) FROM VALUES (1, 2), (2, 4) AS t(y, x)"],
    ),
    Entry::aggregate(&["regr_count"], 2, 2, regr_count).doc(
        "y, x",
        "Counts pairs without nulls.",
        &["SELECT regr_count(y, x) FROM VALUES (1, 2), (2, NULL) AS t(y, x)"],
    ),
    Entry::aggregate(&["regr_intercept"], 2, 2, |a| over_doubles(a, df::regr::regr_intercept_udaf())).doc(
        "y, x",
        "Returns the intercept of the line of a linear regression.",
        &["SELECT regr_intercept(y, x) FROM VALUES (1, 1), (2, 2), (3, 3) AS t(y, x)"],
    ),
    Entry::aggregate(&["regr_r2"], 2, 2, |a| over_doubles(a, df::regr::regr_r2_udaf())).doc(
        "y, x",
        "Returns the coefficient of determination of a linear regression.",
        &["SELECT regr_r2(y, x) FROM VALUES (1, 1), (2, 2), (3, 3) AS t(y, x)"],
    ),
    Entry::aggregate(&["regr_slope"], 2, 2, |a| over_doubles(a, df::regr::regr_slope_udaf())).doc(
        "y, x",
        "Returns the slope of the line of a linear regression.",
        &["SELECT regr_slope(y, x) FROM VALUES (2, 1), (4, 2), (6, 3) AS t(y, x)"],
    ),
    Entry::aggregate(&["regr_sxx"], 2, 2, |a| over_doubles(a, df::regr::regr_sxx_udaf())).doc(
        "y, x",
        "Returns the sum of squared deviations of x.",
        &["SELECT regr_sxx(y, x) FROM VALUES (1, 1), (2, 3) AS t(y, x)"],
    ),
    Entry::aggregate(&["regr_sxy"], 2, 2, |a| over_doubles(a, df::regr::regr_sxy_udaf())).doc(
        "y, x",
        "Returns the sum of products of deviations.",
        &["SELECT regr_sxy(y, x) FROM VALUES (1, 1), (2, 3) AS t(y, x)"],
    ),
    Entry::aggregate(&["regr_syy"], 2, 2, |a| over_doubles(a, df::regr::regr_syy_udaf())).doc(
        "y, x",
        "Returns the sum of squared deviations of y.",
        &["SELECT regr_syy(y, x) FROM VALUES (1, 1), (3, 2) AS t(y, x)"],
    ),
    Entry::aggregate(&["skewness"], 1, 1, statistics::skewness).doc(
        "number",
        "Returns the skewness of a population.",
        &["SELECT skewness(v) FROM VALUES (1), (2), (3) AS t(v)"],
    ),
    Entry::aggregate(&["kurtosis"], 1, 1, statistics::kurtosis).doc(
        "number",
        "Returns the excess kurtosis of a population.",
        &["SELECT kurtosis(v) FROM VALUES (1), (1), (3), (3) AS t(v)"],
    ),
    Entry::aggregate(&["bool_and", "every"], 1, 1, |a| booleans(a, df::bool_and_or::bool_and_udaf())).doc(
        "condition",
        "Returns whether a condition holds in all rows.",
        &["SELECT bool_and(v) FROM VALUES (true), (false) AS t(v)"],
    ),
    Entry::aggregate(&["bool_or", "some", "any"], 1, 1, |a| booleans(a, df::bool_and_or::bool_or_udaf()))
        .doc(
            "condition",
            "Returns whether a condition holds in at least one row.",
            &["SELECT bool_or(v) FROM VALUES (true), (false) AS t(v)"],
        ),
    Entry::aggregate(&["bit_and"], 1, 1, |a| bits(a, df::bit_and_or_xor::bit_and_udaf())).doc(
        "number",
        "Returns the bits that all integers have.",
        &["SELECT bit_and(v) FROM VALUES (6), (3) AS t(v)"],
    ),
    Entry::aggregate(&["bit_or"], 1, 1, |a| bits(a, df::bit_and_or_xor::bit_or_udaf())).doc(
        "number",
        "Returns the bits that at least one integer has.",
        &["SELECT bit_or(v) FROM VALUES (4), (1) AS t(v)"],
    ),
    Entry::aggregate(&["bit_xor"], 1, 1, |a| bits(a, df::bit_and_or_xor::bit_xor_udaf())).doc(
        "number",
        "Returns the bits that an odd number of integers has.",
        &["SELECT bit_xor(v) FROM VALUES (6), (3) AS t(v)"],
    ),
    Entry::aggregate(&["bitmap_construct_agg"], 1, 1, bitmap::construct).doc(
        "position",
        "Returns a bitmap of 4,096 bytes in which the bits at these positions are set, counted from 0.",
        &["SELECT bitmap_count(bitmap_construct_agg(bitmap_bit_position(v))) FROM VALUES (1), (2), (2) AS t(v)"],
    ),
    Entry::aggregate(&["bitmap_or_agg"], 1, 1, |a| bitmap::merged(a, Bits::Or)).doc(
        "bitmap",
        "Returns a bitmap of 4,096 bytes with the bits that at least one bitmap has.",
        &["SELECT hex(substring(bitmap_or_agg(v), 1, 2)) FROM VALUES (X'10'), (X'0201') AS t(v)"],
    ),
    Entry::aggregate(&["bitmap_and_agg"], 1, 1, |a| bitmap::merged(a, Bits::And)).doc(
        "bitmap",
        "Returns a bitmap of 4,096 bytes with the bits that all bitmaps have.",
        &["SELECT hex(substring(bitmap_and_agg(v), 1, 2)) FROM VALUES (X'F0'), (X'7001') AS t(v)"],
    ),
    Entry::aggregate(&["approx_count_distinct"], 1, 2, approx_count_distinct).display(Display::first_arguments(1)).doc(
        "value[, relativeSD]",
        "Estimates the number of different values, up to a relative standard deviation, which is 0.05 by default.",
        &["SELECT approx_count_distinct(v) FROM VALUES (1), (1), (2) AS t(v)"],
    ),
    Entry::aggregate(&["collect_list", "array_agg"], 1, 1, collect::list).nulls(NullClause::ShownIfRespected).doc(
        "value",
        "Collects the values that are not null in an array.",
        &["SELECT collect_list(v) FROM VALUES (1), (2), (1) AS t(v)"],
    ),
    Entry::aggregate(&["collect_set"], 1, 1, collect::set).nulls(NullClause::ShownIfRespected).doc(
        "value",
        "Collects the different values that are not null in an array.",
        &["SELECT sort_array(collect_set(v)) FROM VALUES (1), (2), (1) AS t(v)"],
    ),
    Entry::aggregate(&["mode"], 1, 2, statistics::mode).doc(
        "value[, deterministic]",
        "Returns the most frequent value.",
        &["SELECT mode(v) FROM VALUES (1), (2), (2) AS t(v)"],
    ),
    Entry::aggregate(&["median"], 1, 1, statistics::median).read_as(AggregateForm::WholePartition).doc(
        "number",
        "Returns the median.",
        &["SELECT median(v) FROM VALUES (1), (2), (4), (9) AS t(v)"],
    ),
    Entry::aggregate(&["percentile"], 2, 3, statistics::percentile)
        .defaults(&[Defaults { given: 2, shown: &["1"] }])
        .doc(
            "number, fraction[, frequency]",
            "Returns the value below which a fraction of the values lies, interpolated between two values if necessary. \
             The frequency of each value must be the constant 1.",
            &["SELECT percentile(v, 0.25) FROM VALUES (0), (10) AS t(v)"],
        ),
    Entry::aggregate(&["percentile_cont"], 3, 3, |a| statistics::within_group(a, Percentile::Continuous))
        .read_as(AggregateForm::InverseDistribution)
        .doc(
            "fraction",
            "Works like `percentile`, over an order: `percentile_cont(f) WITHIN GROUP (ORDER BY v)`.",
            &["SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY v) FROM VALUES (0), (10) AS t(v)"],
        ),
    Entry::aggregate(&["percentile_disc"], 3, 3, |a| statistics::within_group(a, Percentile::Discrete))
        .read_as(AggregateForm::InverseDistribution)
        .doc(
            "fraction",
            "Returns the first value, in an order, that a fraction of the values does not exceed.",
            &["SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY v) FROM VALUES (0), (10), (20) AS t(v)"],
        ),
    Entry::aggregate(&["percentile_approx", "approx_percentile"], 2, 3, statistics::percentile_approx).doc(
        "number, fraction[, accuracy]",
        "Returns the least value that a fraction of the values does not exceed, approximately.",
        &["SELECT percentile_approx(v, 0.5, 100) FROM VALUES (1), (2), (3) AS t(v)"],
    ),
    Entry::aggregate(&["listagg", "string_agg"], 1, 2, text_list)
        .defaults(&[Defaults { given: 1, shown: &["NULL"] }])
        .doc(
            "text[, delimiter]",
            "Joins texts with a delimiter.",
            &["SELECT listagg(v, ', ') WITHIN GROUP (ORDER BY v) FROM VALUES ('b'), ('a') AS t(v)"],
        ),
    Entry::aggregate(&["min_by"], 2, 2, |a| min_max_by::bind(a, Extreme::Min)).doc(
        "value, key",
        "Returns the value of the row with the least key.",
        &["SELECT min_by(v, k) FROM VALUES ('a', 2), ('b', 1) AS t(v, k)"],
    ),
    Entry::aggregate(&["max_by"], 2, 2, |a| min_max_by::bind(a, Extreme::Max)).doc(
        "value, key",
        "Returns the value of the row with the greatest key.",
        &["SELECT max_by(v, k) FROM VALUES ('a', 2), ('b', 1) AS t(v, k)"],
    ),
    Entry::syntax(&["grouping"], 1, 1, SpecialForm::Grouping).doc(
        "key",
        "Returns 1 if a key is left out of a row's grouping set, otherwise 0.",
        &["SELECT v, grouping(v), sum(v) FROM VALUES (1), (2) AS t(v) GROUP BY ROLLUP(v) ORDER BY v"],
    ),
    Entry::syntax(&["grouping_id"], 0, MANY, SpecialForm::GroupingId).doc(
        "[key, ...]",
        "Returns a number with a bit for each key that is left out of a row's grouping set.",
        &["SELECT v, grouping_id(), count(*) FROM VALUES (1) AS t(v) GROUP BY CUBE(v) ORDER BY v"],
    ),
];

/// The argument of `count(1)`.
fn one() -> Arg {
    Arg {
        expr: Expr::Literal(ScalarValue::Int64(Some(1)), None),
        data_type: DataType::Int64,
        nullable: false,
    }
}

/// Binds `count`: the rows in which no argument is null, or all rows without an argument. The result is a
/// BIGINT and never null.
fn count(mut a: Aggregate) -> Result<BoundAggregate> {
    match a.args.len() {
        0 => a.args = vec![one()],
        // A constant that is not null counts every row, like a star. DataFusion knows `count(1)` as that.
        1 if a.args.iter().all(|x| x.literal().is_some_and(|v| !v.is_null())) && !a.call.distinct => {
            a.args = vec![one()];
        }
        1 => {}
        _ => {
            // A row counts if no argument is null. For DISTINCT it becomes bytes that compare like the row: a struct
            // in the set of seen values would keep the whole batch that it came from in memory.
            if a.call.distinct
                && rows_of(&a.args.iter().map(|x| x.data_type.clone()).collect::<Vec<_>>()).is_ok()
            {
                let row = Kernel::new("row_bytes_without_nulls", DataType::Binary, row_bytes_without_nulls)
                    .call(std::mem::take(&mut a.args));
                a.args = vec![as_arg(row)];
                return Ok(a.of(df::count::count_udaf(), DataType::Int64, false));
            }
            // Types without a row format become a struct that is null if one of its fields is.
            let fields = a
                .args
                .iter()
                .enumerate()
                .map(|(i, x)| Field::new(format!("_{i}"), x.data_type.clone(), true));
            let returns = crate::coerce::struct_of(fields.collect());
            let row = Kernel::new("row_without_nulls", returns, row_without_nulls)
                .call(std::mem::take(&mut a.args));
            a.args = vec![as_arg(row)];
        }
    }
    Ok(a.of(df::count::count_udaf(), DataType::Int64, false))
}

/// Returns the rows in which a column is null.
fn any_null(columns: &[ArrayRef]) -> Option<NullBuffer> {
    columns.iter().fold(None, |n, c| NullBuffer::union(n.as_ref(), c.logical_nulls().as_ref()))
}

/// Creates the converter to Arrow's row format, which fails for types that it does not support.
fn rows_of(types: &[DataType]) -> Result<RowConverter> {
    let fields = types.iter().map(|t| SortField::new(t.clone())).collect();
    crate::kernel::arrow(RowConverter::new(fields))
}

/// Converts each row to bytes that are equal exactly if the rows are; null if one of its values is null.
fn row_bytes_without_nulls(b: &Batch) -> Result<ArrayRef> {
    let columns = (0..b.len()).map(|i| b.array(i)).collect::<Result<Vec<_>>>()?;
    let nulls = any_null(&columns);
    let converter = rows_of(&columns.iter().map(|c| c.data_type().clone()).collect::<Vec<_>>())?;
    let rows = crate::kernel::arrow(converter.convert_columns(&columns))?;
    let is_valid = |row: usize| nulls.as_ref().is_none_or(|n| n.is_valid(row));
    let bytes = rows.iter().enumerate().map(|(i, row)| is_valid(i).then(|| row.data().to_vec()));
    Ok(Arc::new(bytes.collect::<BinaryArray>()))
}

/// Converts each row to a struct; null if one of its values is null.
fn row_without_nulls(b: &Batch) -> Result<ArrayRef> {
    let columns = (0..b.len()).map(|i| b.array(i)).collect::<Result<Vec<_>>>()?;
    let nulls = any_null(&columns);
    let fields = b.returned_fields()?;
    Ok(Arc::new(crate::kernel::arrow(StructArray::try_new(fields.clone(), columns, nulls))?))
}

/// Binds `count_if`: the rows in which a condition is true.
fn count_if(mut a: Aggregate) -> Result<BoundAggregate> {
    a.coerce(0, &DataType::Boolean)?;
    // `count(CASE WHEN condition THEN 1 END)`: false and null both give null, which is not counted.
    let branches = a.args.drain(..).map(|x| (Box::new(x.expr), Box::new(one().expr))).collect();
    let expr = Expr::Case(datafusion::logical_expr::Case::new(None, branches, None));
    a.args = vec![Arg { expr, data_type: DataType::Int64, nullable: true }];
    Ok(a.of(df::count::count_udaf(), DataType::Int64, false))
}

/// Returns the type that the argument of a sum or an average is cast to: BIGINT, DOUBLE, or a decimal or an interval
/// as it is.
fn sum_input(a: &Aggregate) -> Result<DataType> {
    match a.type_of(0) {
        t if is_integral(&t) => Ok(DataType::Int64),
        t @ (DataType::Decimal128(..) | DAY_TIME | YEAR_MONTH) => Ok(t),
        // Spark reads texts as doubles in arithmetic, and types a bare NULL as DOUBLE.
        t if is_float(&t) || is_string(&t) || t == DataType::Null => Ok(DataType::Float64),
        other => Err(unexpected_type(a.name, 0, "NUMERIC", &other)),
    }
}

/// Binds `sum` and `try_sum`. Integers give a BIGINT, decimals a decimal with ten more digits, intervals an interval,
/// and everything else a DOUBLE.
fn sum(mut a: Aggregate, tries: bool) -> Result<BoundAggregate> {
    let input = sum_input(&a)?;
    a.coerce(0, &input)?;
    // Doubles do not overflow: infinity is the answer, as in Spark.
    if input == DataType::Float64 {
        return Ok(a.of(df::sum::sum_udaf(), input, true));
    }
    let udaf = checked::sum(input, tries)?;
    let returns = udaf.1;
    Ok(a.of(udaf.0, returns, true))
}

/// Binds `avg` and `try_avg`. Decimals give a decimal with four more digits after the point, intervals an
/// interval, everything else a DOUBLE.
fn average(mut a: Aggregate, tries: bool) -> Result<BoundAggregate> {
    let input = match sum_input(&a)? {
        // Spark averages integers as doubles, so that their sum cannot overflow.
        DataType::Int64 => DataType::Float64,
        other => other,
    };
    a.coerce(0, &input)?;
    if input == DataType::Float64 {
        return Ok(a.of(df::average::avg_udaf(), input, true));
    }
    let udaf = checked::average(input, tries)?;
    let returns = udaf.1;
    Ok(a.of(udaf.0, returns, true))
}

/// Binds `first`, `last` and `any_value`: a second argument `true` skips nulls.
fn first_or_last(mut a: Aggregate, udaf: Arc<AggregateUDF>) -> Result<BoundAggregate> {
    if a.args.len() == 2 {
        let flag = a.args.pop();
        match flag.as_ref().and_then(Arg::literal) {
            Some(ScalarValue::Boolean(Some(ignore))) => a.call.ignore_nulls = Some(*ignore),
            _ => return Err(not_constant(a.name, "ignoreNulls", "BOOLEAN")),
        }
    }
    let (t, nullable) = (a.type_of(0), true);
    Ok(a.of(udaf, t, nullable))
}

/// Binds an aggregate over doubles, to which numbers and texts are cast. The result is null without rows.
fn over_doubles(mut a: Aggregate, udaf: Arc<AggregateUDF>) -> Result<BoundAggregate> {
    for i in 0..a.args.len() {
        let t = a.type_of(i);
        if !is_numeric(&t) && !is_string(&t) && t != DataType::Null {
            return Err(unexpected_type(a.name, i, "DOUBLE", &t));
        }
        a.coerce(i, &DataType::Float64)?;
    }
    // Not all of DataFusion's accumulators for these functions implement DISTINCT.
    if a.call.distinct {
        return Err(Error::unsupported(format!("{}(DISTINCT ..)", a.name)));
    }
    Ok(a.of(udaf, DataType::Float64, true))
}

/// Binds `regr_count`: the number of pairs without a null, which Spark types as not nullable.
fn regr_count(a: Aggregate) -> Result<BoundAggregate> {
    let mut pairs = count(a)?;
    pairs.nullable = false;
    Ok(pairs)
}

/// Binds `bool_and` and `bool_or`, which skip nulls.
fn booleans(mut a: Aggregate, udaf: Arc<AggregateUDF>) -> Result<BoundAggregate> {
    a.coerce(0, &DataType::Boolean)?;
    // DISTINCT does not change the result, and without it no set of values is kept.
    a.call.distinct = false;
    Ok(a.of(udaf, DataType::Boolean, true))
}

/// Binds `bit_and`, `bit_or` and `bit_xor` of integers of one type.
fn bits(a: Aggregate, udaf: Arc<AggregateUDF>) -> Result<BoundAggregate> {
    let t = a.type_of(0);
    if !is_integral(&t) {
        return Err(unexpected_type(a.name, 0, "INTEGRAL", &t));
    }
    Ok(a.of(udaf, t, true))
}

/// The relative standard deviation of DataFusion's HyperLogLog: 1.04 / √m with m = 2^14 registers.
const SKETCH_DEVIATION: f64 = 1.04 / 128.0;

/// The relative standard deviation of Spark's smallest sketch, of 2^4 registers: 1.106 / 2^1.5. Spark refuses a call
/// that allows this or more.
const DEVIATION_MAX: f64 = 0.391_030;

/// Binds `approx_count_distinct(value [, deviation])`: by HyperLogLog if its deviation is allowed and it takes the
/// type, otherwise exactly.
fn approx_count_distinct(mut a: Aggregate) -> Result<BoundAggregate> {
    let allowed = allowed_deviation(&a)?;
    a.args.truncate(1);
    let t = a.type_of(0);
    // The sketch hashes raw bytes, in which equal floats can differ, and does not take nested types.
    if allowed < SKETCH_DEVIATION || is_nested(&t) || is_float(&t) || t == DataType::Boolean {
        a.as_key(0);
        a.call.distinct = true;
        return Ok(a.of(df::count::count_udaf(), DataType::Int64, false));
    }
    let mut made = a.of(df::approx_distinct::approx_distinct_udaf(), DataType::Int64, false);
    made.raw_type = DataType::UInt64;
    made.finish = Some(|e| Expr::Cast(Cast::new(Box::new(e), DataType::Int64)));
    Ok(made)
}

/// Returns the relative standard deviation that a call of `approx_count_distinct` allows, which is 5 % by default.
fn allowed_deviation(a: &Aggregate) -> Result<f64> {
    let Some(arg) = a.args.get(1) else { return Ok(0.05) };
    let deviation = match arg.literal() {
        Some(ScalarValue::Float64(Some(value))) => *value,
        Some(ScalarValue::Decimal128(Some(digits), _, scale)) => {
            *digits as f64 / 10_f64.powi(i32::from(*scale))
        }
        _ => return Err(not_double_literal()),
    };
    if deviation > 0.0 && deviation < DEVIATION_MAX {
        return Ok(deviation);
    }
    Err(failed_preparation(a.name).hint(format!("The deviation is above 0 and below {DEVIATION_MAX}.")))
}

/// Binds `listagg(text [, delimiter])`. Nulls are skipped; a null delimiter is the empty text.
fn text_list(mut a: Aggregate) -> Result<BoundAggregate> {
    a.coerce(0, &DataType::Utf8)?;
    let delimiter = match a.args.get(1) {
        None => String::new(),
        Some(arg) => match arg.literal() {
            Some(ScalarValue::Utf8(text)) => text.clone().unwrap_or_default(),
            Some(ScalarValue::Null) => String::new(),
            _ => return Err(not_constant(a.name, "delimiter", "STRING")),
        },
    };
    a.args.truncate(1);
    if a.call.order_by.is_empty() {
        return collect::joined(a, &delimiter);
    }
    if a.call.distinct {
        return collect::joined_in_order(a, &delimiter);
    }
    let expr = Expr::Literal(ScalarValue::Utf8(Some(delimiter)), None);
    a.args.push(Arg { expr, data_type: DataType::Utf8, nullable: false });
    let mut made = a.of(df::string_agg::string_agg_udaf(), DataType::Utf8, true);
    // DataFusion returns the text with 64-bit offsets; a STRING has 32-bit ones everywhere else.
    made.raw_type = DataType::LargeUtf8;
    made.finish = Some(|e| Expr::Cast(Cast::new(Box::new(e), DataType::Utf8)));
    Ok(made)
}
