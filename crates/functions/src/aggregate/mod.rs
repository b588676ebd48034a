//! Aggregates: which there are, what they take, and what Spark says of their results.
//!
//! DataFusion's own where they give Spark's answer, ours where they wrap, truncate or interpolate.
//! All of them merge, so that a stream can keep their states.

mod by;
mod checked;
mod collect;
mod replayed;
mod statistics;
mod windowed;

use crate::binding::{Arg, BindContext, BoundAggregate};
use crate::coerce::{as_arg, coerce_argument};
use crate::errors::{not_constant, unexpected_type, wrong_num_args};
use crate::kernel::{Batch, Kernel};
use crate::operators::key::{key, of_order, order};
use crate::registry::{MANY, unknown};
use crate::types::{DAY_TIME, YEAR_MONTH, is_float, is_integral, is_nested, is_numeric, is_string};
use arrow::array::{ArrayRef, BinaryArray, StructArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field};
use arrow::row::{RowConverter, SortField};
use datafusion::common::ScalarValue;
use datafusion::functions_aggregate as df;
use datafusion::logical_expr::expr::{AggregateFunction, NullTreatment};
use datafusion::logical_expr::{AggregateUDF, Cast, Expr, SortExpr};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use thalweg_common::{Error, Result};

pub(crate) use windowed::windowed;

/// The clauses of an aggregate call.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AggregateCall {
    pub distinct: bool,
    pub filter: Option<Expr>,
    pub order_by: Vec<SortExpr>,
    /// The types of the keys of `order_by`.
    pub order_types: Vec<DataType>,
    pub ignore_nulls: Option<bool>,
}

/// A call to bind.
pub(crate) struct Aggregate<'a> {
    pub name: &'static str,
    pub args: Vec<Arg>,
    pub call: AggregateCall,
    pub ctx: &'a BindContext<'a>,
}

impl Aggregate<'_> {
    pub(crate) fn type_of(&self, i: usize) -> DataType {
        self.args.get(i).map_or(DataType::Null, |a| a.data_type.clone())
    }
    pub(crate) fn coerce(&mut self, i: usize, to: &DataType) -> Result<()> {
        if let Some(arg) = self.args.get_mut(i) {
            *arg = coerce_argument(self.name, i, arg.clone(), to, self.ctx)?;
        }
        Ok(())
    }
    /// Makes argument `i` the value that stands for all its equals.
    pub(crate) fn as_key(&mut self, i: usize) {
        if let Some(arg) = self.args.get_mut(i) {
            *arg = key(arg.clone());
        }
    }
    /// The call of `udaf`, whose raw result is Spark's too.
    pub(crate) fn of(self, udaf: Arc<AggregateUDF>, data_type: DataType, nullable: bool) -> BoundAggregate {
        let args = self.args.into_iter().map(|a| a.expr).collect();
        let nulls = self.call.ignore_nulls.map(|ignore| match ignore {
            true => NullTreatment::IgnoreNulls,
            false => NullTreatment::RespectNulls,
        });
        let filter = self.call.filter.map(Box::new);
        let made =
            AggregateFunction::new_udf(udaf, args, self.call.distinct, filter, self.call.order_by, nulls);
        BoundAggregate {
            aggregate: Expr::AggregateFunction(made),
            raw_type: data_type.clone(),
            data_type,
            nullable,
            finish: None,
        }
    }
}

type Bind = fn(Aggregate) -> Result<BoundAggregate>;

struct Item {
    names: &'static [&'static str],
    min: usize,
    max: usize,
    bind: Bind,
}

const fn item(names: &'static [&'static str], min: usize, max: usize, bind: Bind) -> Item {
    Item { names, min, max, bind }
}

const ITEMS: &[Item] = &[
    item(&["count"], 0, MANY, count),
    item(&["count_if"], 1, 1, count_if),
    item(&["sum"], 1, 1, |a| sum(a, false)),
    item(&["try_sum"], 1, 1, |a| sum(a, true)),
    item(&["avg", "mean"], 1, 1, |a| average(a, false)),
    item(&["try_avg"], 1, 1, |a| average(a, true)),
    item(&["min"], 1, 1, |a| extreme(a, df::min_max::min_udaf())),
    item(&["max"], 1, 1, |a| extreme(a, df::min_max::max_udaf())),
    item(&["first", "first_value"], 1, 2, |a| edge(a, df::first_last::first_value_udaf())),
    item(&["any_value"], 1, 2, |a| edge(a, df::first_last::first_value_udaf())),
    item(&["last", "last_value"], 1, 2, |a| edge(a, df::first_last::last_value_udaf())),
    item(&["stddev", "std", "stddev_samp"], 1, 1, |a| doubles(a, df::stddev::stddev_udaf())),
    item(&["stddev_pop"], 1, 1, |a| doubles(a, df::stddev::stddev_pop_udaf())),
    item(&["variance", "var_samp"], 1, 1, |a| doubles(a, df::variance::var_samp_udaf())),
    item(&["var_pop"], 1, 1, |a| doubles(a, df::variance::var_pop_udaf())),
    item(&["corr"], 2, 2, |a| doubles(a, df::correlation::corr_udaf())),
    item(&["covar_samp"], 2, 2, |a| doubles(a, df::covariance::covar_samp_udaf())),
    item(&["covar_pop"], 2, 2, |a| doubles(a, df::covariance::covar_pop_udaf())),
    item(&["regr_avgx"], 2, 2, |a| doubles(a, df::regr::regr_avgx_udaf())),
    item(&["regr_avgy"], 2, 2, |a| doubles(a, df::regr::regr_avgy_udaf())),
    item(&["regr_count"], 2, 2, regr_count),
    item(&["regr_intercept"], 2, 2, |a| doubles(a, df::regr::regr_intercept_udaf())),
    item(&["regr_r2"], 2, 2, |a| doubles(a, df::regr::regr_r2_udaf())),
    item(&["regr_slope"], 2, 2, |a| doubles(a, df::regr::regr_slope_udaf())),
    item(&["regr_sxx"], 2, 2, |a| doubles(a, df::regr::regr_sxx_udaf())),
    item(&["regr_sxy"], 2, 2, |a| doubles(a, df::regr::regr_sxy_udaf())),
    item(&["regr_syy"], 2, 2, |a| doubles(a, df::regr::regr_syy_udaf())),
    item(&["skewness"], 1, 1, statistics::skewness),
    item(&["kurtosis"], 1, 1, statistics::kurtosis),
    item(&["bool_and", "every"], 1, 1, |a| booleans(a, df::bool_and_or::bool_and_udaf())),
    item(&["bool_or", "some", "any"], 1, 1, |a| booleans(a, df::bool_and_or::bool_or_udaf())),
    item(&["bit_and"], 1, 1, |a| bits(a, df::bit_and_or_xor::bit_and_udaf())),
    item(&["bit_or"], 1, 1, |a| bits(a, df::bit_and_or_xor::bit_or_udaf())),
    item(&["bit_xor"], 1, 1, |a| bits(a, df::bit_and_or_xor::bit_xor_udaf())),
    item(&["approx_count_distinct"], 1, 2, approx_count_distinct),
    item(&["collect_list", "array_agg"], 1, 1, collect::list),
    item(&["collect_set"], 1, 1, collect::set),
    item(&["mode"], 1, 2, statistics::mode),
    item(&["median"], 1, 1, statistics::median),
    item(&["percentile"], 2, 2, statistics::percentile),
    item(&["percentile_cont"], 3, 3, |a| statistics::within_group(a, "percentile_cont")),
    item(&["percentile_disc"], 3, 3, |a| statistics::within_group(a, "percentile_disc")),
    item(&["percentile_approx", "approx_percentile"], 2, 3, statistics::percentile_approx),
    item(&["listagg", "string_agg"], 1, 2, text_list),
    item(&["min_by"], 2, 2, |a| by::bind(a, by::Which::Min)),
    item(&["max_by"], 2, 2, |a| by::bind(a, by::Which::Max)),
];

fn table() -> &'static HashMap<&'static str, (&'static str, &'static Item)> {
    static TABLE: OnceLock<HashMap<&'static str, (&'static str, &'static Item)>> = OnceLock::new();
    TABLE.get_or_init(|| ITEMS.iter().flat_map(|i| i.names.iter().map(move |n| (*n, (*n, i)))).collect())
}

/// The names of all aggregates.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    table().keys().copied()
}

/// Binds an aggregate. `count()` of no arguments counts rows.
///
/// # Errors
/// `UNRESOLVED_ROUTINE`, `WRONG_NUM_ARGS`, `DATATYPE_MISMATCH.*`.
pub fn bind_aggregate(
    name: &str,
    args: Vec<Arg>,
    call: AggregateCall,
    ctx: &BindContext,
) -> Result<BoundAggregate> {
    let Some((name, item)) = table().get(name.to_ascii_lowercase().as_str()) else {
        return Err(unknown(name));
    };
    if args.len() < item.min || args.len() > item.max {
        let expected =
            if item.min == item.max { item.min.to_string() } else { format!("[{}, {}]", item.min, item.max) };
        return Err(wrong_num_args(name, &expected, args.len()));
    }
    let args = if call.distinct { args.into_iter().map(key).collect() } else { args };
    (item.bind)(Aggregate { name, args, call, ctx })
}

fn one() -> Arg {
    Arg {
        expr: Expr::Literal(ScalarValue::Int64(Some(1)), None),
        data_type: DataType::Int64,
        nullable: false,
    }
}

fn count(mut a: Aggregate) -> Result<BoundAggregate> {
    match a.args.len() {
        0 => a.args = vec![one()],
        1 if a.args.iter().all(|x| x.literal().is_some_and(|v| !v.is_null())) && !a.call.distinct => {
            a.args = vec![one()];
        }
        1 => {}
        _ => {
            // Rows count where no argument is null. Those that must differ are bytes: each struct would hold on to
            // the batch that it came from.
            if a.call.distinct
                && rows_of(&a.args.iter().map(|x| x.data_type.clone()).collect::<Vec<_>>()).is_ok()
            {
                let row = Kernel::new("row_bytes_without_nulls", DataType::Binary, row_bytes_without_nulls)
                    .call(std::mem::take(&mut a.args));
                a.args = vec![as_arg(row)];
                return Ok(a.of(df::count::count_udaf(), DataType::Int64, false));
            }
            // Together they are a struct that is null otherwise.
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

fn any_null(columns: &[ArrayRef]) -> Option<NullBuffer> {
    columns.iter().fold(None, |n, c| NullBuffer::union(n.as_ref(), c.logical_nulls().as_ref()))
}

fn rows_of(types: &[DataType]) -> Result<RowConverter> {
    let fields = types.iter().map(|t| SortField::new(t.clone())).collect();
    crate::kernel::arrow(RowConverter::new(fields))
}

fn row_bytes_without_nulls(b: &Batch) -> Result<ArrayRef> {
    let columns = (0..b.len()).map(|i| b.array(i)).collect::<Result<Vec<_>>>()?;
    let nulls = any_null(&columns);
    let converter = rows_of(&columns.iter().map(|c| c.data_type().clone()).collect::<Vec<_>>())?;
    let rows = crate::kernel::arrow(converter.convert_columns(&columns))?;
    let is_valid = |row: usize| nulls.as_ref().is_none_or(|n| n.is_valid(row));
    let bytes = rows.iter().enumerate().map(|(i, row)| is_valid(i).then(|| row.data().to_vec()));
    Ok(Arc::new(bytes.collect::<BinaryArray>()))
}

fn row_without_nulls(b: &Batch) -> Result<ArrayRef> {
    let columns = (0..b.len()).map(|i| b.array(i)).collect::<Result<Vec<_>>>()?;
    let nulls = any_null(&columns);
    let DataType::Struct(fields) = b.returns else {
        return Err(Error::internal("a row is a struct"));
    };
    Ok(Arc::new(crate::kernel::arrow(StructArray::try_new(fields.clone(), columns, nulls))?))
}

fn count_if(mut a: Aggregate) -> Result<BoundAggregate> {
    a.coerce(0, &DataType::Boolean)?;
    let branches = a.args.drain(..).map(|x| (Box::new(x.expr), Box::new(one().expr))).collect();
    let expr = Expr::Case(datafusion::logical_expr::Case::new(None, branches, None));
    a.args = vec![Arg { expr, data_type: DataType::Int64, nullable: true }];
    Ok(a.of(df::count::count_udaf(), DataType::Int64, false))
}

/// The type that a sum or an average reads: BIGINT, DOUBLE, or a decimal or an interval as it is.
fn summand(a: &Aggregate) -> Result<DataType> {
    match a.type_of(0) {
        t if is_integral(&t) => Ok(DataType::Int64),
        t @ (DataType::Decimal128(..) | DAY_TIME | YEAR_MONTH) => Ok(t),
        t if is_float(&t) || is_string(&t) || t == DataType::Null => Ok(DataType::Float64),
        other => Err(unexpected_type(a.name, 0, "NUMERIC", &other)),
    }
}

fn sum(mut a: Aggregate, tries: bool) -> Result<BoundAggregate> {
    let input = summand(&a)?;
    a.coerce(0, &input)?;
    if input == DataType::Float64 {
        return Ok(a.of(df::sum::sum_udaf(), input, true));
    }
    let udaf = checked::sum(input, tries)?;
    let returns = udaf.1;
    Ok(a.of(udaf.0, returns, true))
}

fn average(mut a: Aggregate, tries: bool) -> Result<BoundAggregate> {
    let input = match summand(&a)? {
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

/// The least or greatest value. Of floats it is told by integers that have Spark's order.
fn extreme(mut a: Aggregate, udaf: Arc<AggregateUDF>) -> Result<BoundAggregate> {
    let t = a.type_of(0);
    if matches!(t, DataType::Map(..)) {
        return Err(unexpected_type(a.name, 0, "ORDERED", &t));
    }
    if matches!(t, DataType::List(_)) {
        return Err(Error::unsupported(format!("{} of {}", a.name, thalweg_values::types::sql_name(&t))));
    }
    if !is_float(&t) {
        a.as_key(0);
        return Ok(a.of(udaf, t, true));
    }
    a.args = a.args.into_iter().map(order).collect();
    let mut made = a.of(udaf, t.clone(), true);
    made.raw_type = DataType::Int64;
    made.finish = Some(match t {
        DataType::Float32 => |e| of_order(e, DataType::Float32),
        _ => |e| of_order(e, DataType::Float64),
    });
    Ok(made)
}

/// `first`, `last`: a second argument `true` skips nulls.
fn edge(mut a: Aggregate, udaf: Arc<AggregateUDF>) -> Result<BoundAggregate> {
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

fn doubles(mut a: Aggregate, udaf: Arc<AggregateUDF>) -> Result<BoundAggregate> {
    for i in 0..a.args.len() {
        let t = a.type_of(i);
        if !is_numeric(&t) && !is_string(&t) && t != DataType::Null {
            return Err(unexpected_type(a.name, i, "DOUBLE", &t));
        }
        a.coerce(i, &DataType::Float64)?;
    }
    if a.call.distinct {
        return Err(Error::unsupported(format!("{}(DISTINCT ..)", a.name)));
    }
    Ok(a.of(udaf, DataType::Float64, true))
}

/// Pairs without a null; it never is null itself.
fn regr_count(a: Aggregate) -> Result<BoundAggregate> {
    let mut pairs = count(a)?;
    pairs.nullable = false;
    Ok(pairs)
}

fn booleans(mut a: Aggregate, udaf: Arc<AggregateUDF>) -> Result<BoundAggregate> {
    a.coerce(0, &DataType::Boolean)?;
    // Repeated values change nothing.
    a.call.distinct = false;
    Ok(a.of(udaf, DataType::Boolean, true))
}

fn bits(a: Aggregate, udaf: Arc<AggregateUDF>) -> Result<BoundAggregate> {
    let t = a.type_of(0);
    if !is_integral(&t) {
        return Err(unexpected_type(a.name, 0, "INTEGRAL", &t));
    }
    Ok(a.of(udaf, t, true))
}

fn approx_count_distinct(mut a: Aggregate) -> Result<BoundAggregate> {
    // The relative error that may be given is larger than the one of the sketch used, or exactness is.
    a.args.truncate(1);
    let t = a.type_of(0);
    if is_nested(&t) || is_float(&t) || t == DataType::Boolean {
        a.as_key(0);
        a.call.distinct = true;
        return Ok(a.of(df::count::count_udaf(), DataType::Int64, false));
    }
    let mut made = a.of(df::approx_distinct::approx_distinct_udaf(), DataType::Int64, false);
    made.raw_type = DataType::UInt64;
    made.finish = Some(|e| Expr::Cast(Cast::new(Box::new(e), DataType::Int64)));
    Ok(made)
}

/// `listagg(text [, delimiter])`: nulls are left out; no delimiter is the empty one.
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
    made.raw_type = DataType::LargeUtf8;
    made.finish = Some(|e| Expr::Cast(Cast::new(Box::new(e), DataType::Utf8)));
    Ok(made)
}
