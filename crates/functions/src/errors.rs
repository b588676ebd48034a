//! Constructs the errors of Spark that functions raise: one constructor per class, so that each text is written once.
//!
//! Class names, parameters and texts follow Spark, since programs match on them.

use crate::java_regex::Bad;
use arrow::datatypes::DataType;
use thalweg_common::{Error, ErrorKind};
use thalweg_values::errors::ANSI_KEY;
use thalweg_values::types::sql_name;

pub(crate) use thalweg_values::errors::{divide_by_zero, external, from_arrow, from_datafusion, overflow};

/// `[REMAINDER_BY_ZERO]`.
pub(crate) fn remainder_by_zero() -> Error {
    let text = format!(
        "Remainder by zero. Use `try_mod` to tolerate divisor being 0 and return NULL instead. \
         If necessary set {ANSI_KEY} to \"false\" to bypass this error."
    );
    Error::new(ErrorKind::Arithmetic, "REMAINDER_BY_ZERO", "22012", text).param("config", ANSI_KEY)
}

/// `[INTERVAL_DIVIDED_BY_ZERO]`.
pub(crate) fn interval_divided_by_zero() -> Error {
    let text = "Division by zero. Use `try_divide` to tolerate divisor being 0 and return NULL instead.";
    Error::new(ErrorKind::Arithmetic, "INTERVAL_DIVIDED_BY_ZERO", "22012", text)
}

/// `[INTERVAL_ARITHMETIC_OVERFLOW.WITH_SUGGESTION]`.
pub(crate) fn interval_overflow(try_function: &str) -> Error {
    let text = format!(
        "Integer overflow while operating with intervals. Use `{try_function}` to tolerate overflow and return NULL \
         instead."
    );
    Error::new(ErrorKind::Arithmetic, "INTERVAL_ARITHMETIC_OVERFLOW.WITH_SUGGESTION", "22015", text)
        .param("functionName", format!("`{try_function}`"))
}

/// `[INTERVAL_ARITHMETIC_OVERFLOW.WITHOUT_SUGGESTION]`: parts that are out of range for an interval.
pub(crate) fn interval_parts_overflow() -> Error {
    let text = "Integer overflow while operating with intervals. Try devising appropriate values for the interval \
                parameters.";
    let class = "INTERVAL_ARITHMETIC_OVERFLOW.WITHOUT_SUGGESTION";
    Error::new(ErrorKind::Arithmetic, class, "22015", text.to_owned())
}

/// `[MALFORMED_CHARACTER_CODING]`: bytes that are not valid in their charset.
pub(crate) fn malformed_coding(function: &str, charset: &str) -> Error {
    let text = format!("Invalid value found when performing `{function}` with {charset}");
    Error::new(ErrorKind::IllegalArgument, "MALFORMED_CHARACTER_CODING", "22000", text)
        .param("function", format!("`{function}`"))
        .param("charset", charset)
}

/// `[BINARY_ARITHMETIC_OVERFLOW]`: TINYINT and SMALLINT operands name their values.
pub(crate) fn small_overflow(left: &str, symbol: &str, right: &str, try_function: &str) -> Error {
    let text = format!(
        "{left} {symbol} {right} caused overflow. Use '{try_function}' to ignore overflow problem and return NULL."
    );
    Error::new(ErrorKind::Arithmetic, "BINARY_ARITHMETIC_OVERFLOW", "22003", text)
        .param("value1", left)
        .param("symbol", symbol)
        .param("value2", right)
        .param("functionName", try_function)
}

/// `[NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION]`: a decimal that needs more digits than its type has.
pub(crate) fn decimal_out_of_range(value: &str, precision: u8, scale: i8) -> Error {
    let text = format!(
        "The {value} cannot be represented as Decimal({precision}, {scale}). \
         If necessary set {ANSI_KEY} to \"false\" to bypass this error, and return NULL instead."
    );
    Error::new(ErrorKind::Arithmetic, "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION", "22003", text)
        .param("value", value)
        .param("precision", precision.to_string())
        .param("scale", scale.to_string())
        .param("config", ANSI_KEY)
}

/// `[CAST_INVALID_INPUT]`: `value` as a SQL literal, from the type named `from`.
pub(crate) fn cast_invalid_input(value: &str, from: &DataType, to: &DataType) -> Error {
    // The kind decides the exception class in PySpark, which is that of the Java exception in Spark.
    let kind = match to {
        DataType::Date32 | DataType::Timestamp(..) => ErrorKind::DateTime,
        DataType::Boolean => ErrorKind::Runtime,
        _ => ErrorKind::NumberFormat,
    };
    let (from, to) = (quoted_type(from), quoted_type(to));
    let text = format!(
        "The value {value} of the type {from} cannot be cast to {to} because it is malformed. \
         Correct the value as per the syntax, or change its target type. \
         Use `try_cast` to tolerate malformed input and return NULL instead."
    );
    Error::new(kind, "CAST_INVALID_INPUT", "22018", text)
        .param("expression", value)
        .param("sourceType", from)
        .param("targetType", to)
}

/// `[CAST_OVERFLOW]`.
pub(crate) fn cast_overflow(value: &str, from: &DataType, to: &DataType) -> Error {
    let (from, to) = (quoted_type(from), quoted_type(to));
    let text = format!(
        "The value {value} of the type {from} cannot be cast to {to} due to an overflow. \
         Use `try_cast` to tolerate overflow and return NULL instead."
    );
    Error::new(ErrorKind::Arithmetic, "CAST_OVERFLOW", "22003", text)
        .param("value", value)
        .param("sourceType", from)
        .param("targetType", to)
}

/// `[DATETIME_OVERFLOW]`: `operation` says what was computed.
pub(crate) fn datetime_overflow(operation: &str) -> Error {
    let text = format!("Datetime operation overflow: {operation}.");
    Error::new(ErrorKind::Arithmetic, "DATETIME_OVERFLOW", "22008", text).param("operation", operation)
}

/// `[CANNOT_PARSE_TIMESTAMP]`: a text that does not match its pattern.
pub(crate) fn cannot_parse_timestamp(message: &str, function: &str) -> Error {
    let text =
        format!("{message}. Use `{function}` to tolerate invalid input string and return NULL instead.");
    Error::new(ErrorKind::DateTime, "CANNOT_PARSE_TIMESTAMP", "22007", text)
        .param("message", message)
        .param("func", format!("`{function}`"))
}

/// `[INVALID_BITMAP_POSITION]`: a position outside of a bitmap of so many bytes.
pub(crate) fn bitmap_position(position: i64, bytes: usize) -> Error {
    let bits = bytes * 8;
    let text = format!(
        "The 0-indexed bitmap position {position} is out of bounds. The bitmap has {bits} bits ({bytes} bytes)."
    );
    Error::new(ErrorKind::ArrayIndex, "INVALID_BITMAP_POSITION", "22003", text)
        .param("bitPosition", position.to_string())
        .param("bitmapNumBytes", bytes.to_string())
        .param("bitmapNumBits", bits.to_string())
}

/// `[INVALID_ARRAY_INDEX]`.
pub(crate) fn array_index(index: i64, size: usize) -> Error {
    let text = format!(
        "The index {index} is out of bounds. The array has {size} elements. Use the SQL function \
         `get()` to tolerate accessing element at invalid index and return NULL instead."
    );
    Error::new(ErrorKind::ArrayIndex, "INVALID_ARRAY_INDEX", "22003", text)
        .param("indexValue", index.to_string())
        .param("arraySize", size.to_string())
}

/// `[INVALID_ARRAY_INDEX_IN_ELEMENT_AT]`.
pub(crate) fn element_at_index(index: i64, size: usize) -> Error {
    let text = format!(
        "The index {index} is out of bounds. The array has {size} elements. Use `try_element_at` \
         to tolerate accessing element at invalid index and return NULL instead."
    );
    Error::new(ErrorKind::ArrayIndex, "INVALID_ARRAY_INDEX_IN_ELEMENT_AT", "22003", text)
        .param("indexValue", index.to_string())
        .param("arraySize", size.to_string())
}

/// `[INVALID_INDEX_OF_ZERO]`.
pub(crate) fn index_of_zero() -> Error {
    let text = "The index 0 is invalid. An index shall be either < 0 or > 0 (the first element has index 1).";
    Error::new(ErrorKind::Runtime, "INVALID_INDEX_OF_ZERO", "22003", text)
}

/// `[INVALID_PARAMETER_VALUE]`: an argument whose value the function does not accept.
pub(crate) fn bad_value(function: &str, parameter: &str, expected: &str, value: &str) -> Error {
    bad_value_of("INVALID_PARAMETER_VALUE", [function, parameter], expected, value)
}

/// `[INVALID_PARAMETER_VALUE.*]`: the same with a more specific class, for a function and a parameter.
pub(crate) fn bad_value_of(
    class: &str,
    [function, parameter]: [&str; 2],
    expected: &str,
    value: &str,
) -> Error {
    let text = format!(
        "The value of parameter(s) `{parameter}` in `{function}` is invalid: expects {expected}, but got {value}."
    );
    Error::new(ErrorKind::IllegalArgument, class, "22023", text)
        .param("parameter", format!("`{parameter}`"))
        .param("functionName", format!("`{function}`"))
}

/// `[INVALID_EXTRACT_FIELD]`: a field that `extract` does not find in dates and timestamps.
pub(crate) fn no_such_field(field: &str, source: &DataType) -> Error {
    let source = format!("\"{}\"", sql_name(source));
    let text = format!("Cannot extract `{field}` from {source}.");
    Error::new(ErrorKind::Analysis, "INVALID_EXTRACT_FIELD", "42601", text)
        .param("field", format!("`{field}`"))
        .param("expr", source)
}

/// `[DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE]`: a constant outside of the range that the function accepts.
pub(crate) fn value_out_of_range(function: &str, expression: &str, range: &str, value: &str) -> Error {
    let why = format!("The {expression} must be between {range} (current value = {value})");
    mismatch("VALUE_OUT_OF_RANGE", function, &why)
        .param("exprName", expression)
        .param("valueRange", range)
        .param("currentValue", value)
}

/// `[INVALID_PARAMETER_VALUE.PATTERN]`: a pattern that Java refuses. A pattern that is valid in Java but not
/// supported here is another error.
pub(crate) fn bad_pattern(function: &str, pattern: &str, bad: Bad) -> Error {
    if let Bad::Unsupported(what) = bad {
        return Error::unsupported(format!("{what} in the regular expression '{pattern}'"));
    }
    // Spark shows the pattern as a SQL literal.
    let value = pattern.replace('\\', "\\\\").replace('\'', "\\'");
    let text = format!("The value of parameter(s) `regexp` in `{function}` is invalid: '{value}'.");
    Error::new(ErrorKind::Runtime, "INVALID_PARAMETER_VALUE.PATTERN", "22023", text)
        .param("parameter", "`regexp`")
        .param("functionName", format!("`{function}`"))
        .param("value", format!("'{value}'"))
}

/// `[INVALID_REGEXP_REPLACE]`: a replacement that refers to a missing group or ends in an escape.
pub(crate) fn bad_replacement(source: &str, pattern: &str, replacement: &str, position: i32) -> Error {
    let text = format!(
        "Could not perform regexp_replace for source = \"{source}\", pattern = \"{pattern}\", \
         replacement = \"{replacement}\" and position = {position}."
    );
    Error::new(ErrorKind::Runtime, "INVALID_REGEXP_REPLACE", "22023", text)
        .param("source", source)
        .param("pattern", pattern)
        .param("replacement", replacement)
        .param("position", position.to_string())
}

/// `[WRONG_NUM_ARGS.WITHOUT_SUGGESTION]`; `expected` is `2`, `[1, 2]` or `> 0`.
pub(crate) fn wrong_num_args(function: &str, expected: &str, actual: usize) -> Error {
    let text = format!(
        "The `{function}` requires {expected} parameters but the actual number is {actual}. \
         Please, refer to 'https://spark.apache.org/docs/latest/sql-ref-functions.html' for a fix."
    );
    Error::new(ErrorKind::Analysis, "WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "42605", text)
        .param("functionName", format!("`{function}`"))
        .param("expectedNum", expected)
        .param("actualNum", actual.to_string())
}

/// `[UNRESOLVED_ROUTINE]`, with the nearest names as a hint.
pub(crate) fn unresolved_routine(name: &str, nearest: &[String]) -> Error {
    let path = "[`system`.`builtin`, `system`.`session`, `spark_catalog`.`default`]";
    let text = format!("Cannot resolve routine `{name}` on search path {path}.");
    let error = Error::new(ErrorKind::Analysis, "UNRESOLVED_ROUTINE", "42883", text)
        .param("routineName", format!("`{name}`"))
        .param("searchPath", path);
    match nearest {
        [] => error,
        names => error.hint(format!("Did you mean {}?", names.join(", "))),
    }
}

/// `[DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE]`; `index` counts from 0.
pub(crate) fn unexpected_type(function: &str, index: usize, required: &str, actual: &DataType) -> Error {
    // Spark's message spells the ordinal out.
    const ORDINALS: [&str; 8] = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth"];
    let ordinal = ORDINALS.get(index).copied().unwrap_or("next");
    let required = format!("\"{required}\"");
    let actual = quoted_type(actual);
    let why =
        format!("The {ordinal} parameter requires the {required} type, however it has the type {actual}");
    mismatch("UNEXPECTED_INPUT_TYPE", function, &why)
        .param("paramIndex", ordinal)
        .param("requiredType", required)
        .param("inputType", actual)
}

/// `[MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION]`.
pub(crate) fn malformed_json(record: &str) -> Error {
    let text = format!(
        "Malformed records are detected in record parsing: {record}. Parse Mode: FAILFAST. To process malformed \
         records as null result, try setting the option 'mode' as 'PERMISSIVE'."
    );
    Error::new(ErrorKind::Runtime, "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION", "22023", text)
        .param("badRecord", record)
        .param("failFastMode", "FAILFAST")
}

/// `[DATATYPE_MISMATCH.INVALID_JSON_SCHEMA]`.
pub(crate) fn no_json_type(function: &str, actual: &DataType) -> Error {
    let schema = quoted_type(actual);
    let why = format!("Input schema {schema} must be a struct, an array, a map or a variant");
    mismatch("INVALID_JSON_SCHEMA", function, &why).param("schema", schema)
}

/// `[SEED_EXPRESSION_IS_UNFOLDABLE]`.
pub(crate) fn seed_not_constant(function: &str) -> Error {
    let text = format!("The seed expression of the expression \"{function}\" must be foldable.");
    Error::new(ErrorKind::Analysis, "SEED_EXPRESSION_IS_UNFOLDABLE", "42K08", text)
}

/// `[DATATYPE_MISMATCH.HASH_MAP_TYPE]`.
pub(crate) fn map_has_no_hash(function: &str) -> Error {
    let why = format!("Input to the function `{function}` cannot contain elements of the \"MAP\" type");
    mismatch("HASH_MAP_TYPE", function, &why).param("functionName", format!("`{function}`"))
}

/// `[DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES]`.
pub(crate) fn different_types(operator: &str, left: &DataType, right: &DataType) -> Error {
    let (left, right) = (quoted_type(left), quoted_type(right));
    let why = format!(
        "the left and right operands of the binary operator have incompatible types ({left} and {right})"
    );
    mismatch("BINARY_OP_DIFF_TYPES", operator, &why).param("left", left).param("right", right)
}

/// `[DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE]`.
pub(crate) fn wrong_operand(operator: &str, required: &str, actual: &DataType) -> Error {
    let actual = quoted_type(actual);
    let why = format!("the binary operator requires the input type {required}, not {actual}");
    mismatch("BINARY_OP_WRONG_TYPE", operator, &why)
        .param("inputType", required)
        .param("actualDataType", actual)
}

/// `[DATATYPE_MISMATCH.DATA_DIFF_TYPES]`: arguments that have no common type.
pub(crate) fn data_diff_types(function: &str, types: &[DataType]) -> Error {
    let list = types.iter().map(quoted_type).collect::<Vec<_>>().join(" or ");
    let why = format!("Input to `{function}` should all be the same type, but it's ({list})");
    mismatch("DATA_DIFF_TYPES", function, &why)
        .param("functionName", format!("`{function}`"))
        .param("dataType", format!("({list})"))
}

/// `[INVALID_INTERVAL_FORMAT.UNMATCHED_FORMAT_STRING*]`: a text that is not an interval of its type. For day-time
/// intervals Spark's text also mentions a setting.
pub(crate) fn bad_interval(input: &str, to: &DataType) -> Error {
    let text = format!(
        "Error parsing '{input}' to interval. Please ensure that the value provided is in a valid format for defining \
         an interval, and that it has the fields of the type."
    );
    let class = match to {
        DataType::Interval(_) => "INVALID_INTERVAL_FORMAT.UNMATCHED_FORMAT_STRING",
        _ => "INVALID_INTERVAL_FORMAT.UNMATCHED_FORMAT_STRING_WITH_NOTICE",
    };
    Error::new(ErrorKind::IllegalArgument, class, "22006", text).param("input", input)
}

/// `[INVALID_UTF8_STRING]`.
pub(crate) fn invalid_utf8(bytes: &[u8]) -> Error {
    let shown: String = bytes.iter().map(|b| format!("\\x{b:02X}")).collect();
    let text = format!("Invalid UTF8 byte sequence found in string: {shown}.");
    Error::new(ErrorKind::Runtime, "INVALID_UTF8_STRING", "22029", text).param("str", shown)
}

/// `[INVALID_CORRUPT_RECORD_TYPE]`: the column for malformed texts is not a text.
pub(crate) fn corrupt_type(column: &str, actual: &DataType) -> Error {
    let text = format!(
        "The column `{column}` for corrupt records must have the nullable STRING type, but got {}.",
        quoted_type(actual)
    );
    Error::new(ErrorKind::Analysis, "INVALID_CORRUPT_RECORD_TYPE", "42804", text)
        .param("columnName", format!("`{column}`"))
        .param("actualType", quoted_type(actual))
}

/// `[DATATYPE_MISMATCH.CAST_WITH_CONF_SUGGESTION]`: a cast that exists without ANSI mode only.
pub(crate) fn cannot_cast_in_ansi(from: &DataType, to: &DataType) -> Error {
    let (from, to) = (quoted_type(from), quoted_type(to));
    let why = format!(
        "cannot cast {from} to {to} with ANSI mode on. If you have to cast {from} to {to}, you can set {ANSI_KEY} as 'false'"
    );
    mismatch("CAST_WITH_CONF_SUGGESTION", "CAST", &why).param("srcType", from).param("targetType", to)
}

/// `[DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION]`.
pub(crate) fn cannot_cast(from: &DataType, to: &DataType) -> Error {
    let (from, to) = (quoted_type(from), quoted_type(to));
    mismatch("CAST_WITHOUT_SUGGESTION", "CAST", &format!("cannot cast {from} to {to}"))
        .param("srcType", from)
        .param("targetType", to)
}

/// `[DATATYPE_MISMATCH.NON_FOLDABLE_INPUT]`: the argument must be a constant.
pub(crate) fn not_constant(function: &str, parameter: &str, required: &str) -> Error {
    let why = format!("the input `{parameter}` should be a foldable \"{required}\" expression");
    mismatch("NON_FOLDABLE_INPUT", function, &why).param("inputName", format!("`{parameter}`"))
}

/// `[FAILED_FUNCTION_CALL]`: constants with which the function cannot be computed.
pub(crate) fn failed_preparation(function: &str) -> Error {
    let text = format!(
        "Failed preparing of the function `{function}` for call. Please, double check function's arguments."
    );
    Error::new(ErrorKind::Analysis, "FAILED_FUNCTION_CALL", "38000", text)
        .param("funcName", format!("`{function}`"))
}

/// `[_LEGACY_ERROR_TEMP_1104]`: the second argument is not a literal of the type DOUBLE or DECIMAL.
pub(crate) fn not_double_literal() -> Error {
    let text = "The second argument should be a double literal.";
    Error::new(ErrorKind::Analysis, "_LEGACY_ERROR_TEMP_1104", "42K09", text)
}

/// `[DATATYPE_MISMATCH.UNEXPECTED_NULL]`.
pub(crate) fn unexpected_null(function: &str, parameter: &str) -> Error {
    mismatch("UNEXPECTED_NULL", function, &format!("The {parameter} must not be null"))
        .param("exprName", parameter)
}

/// `[DATATYPE_MISMATCH.UNSUPPORTED_INPUT_TYPE]`.
pub(crate) fn unsupported_input_type(function: &str, data_type: &DataType) -> Error {
    let name = quoted_type(data_type);
    mismatch(
        "UNSUPPORTED_INPUT_TYPE",
        function,
        &format!("The input of `{function}` can't be {name} type data"),
    )
    .param("functionName", format!("`{function}`"))
    .param("dataType", name)
}

/// `[UNSUPPORTED_DATATYPE]`.
pub(crate) fn unsupported_data_type(data_type: &DataType) -> Error {
    let name = quoted_type(data_type);
    Error::new(ErrorKind::Analysis, "UNSUPPORTED_DATATYPE", "0A000", format!("Unsupported data type {name}."))
        .param("typeName", name)
}

/// `[PARSE_MODE_UNSUPPORTED]`.
pub(crate) fn parse_mode_unsupported(function: &str, mode: &str) -> Error {
    let mode = mode.to_uppercase();
    let text = format!(
        "The function `{function}` doesn't support the {mode} mode. Acceptable modes are PERMISSIVE and FAILFAST."
    );
    Error::new(ErrorKind::Analysis, "PARSE_MODE_UNSUPPORTED", "42601", text)
        .param("funcName", format!("`{function}`"))
        .param("mode", mode)
}

fn mismatch(class: &str, function: &str, why: &str) -> Error {
    let sql = format!("\"{function}\"");
    let text = format!("Cannot resolve {sql} due to data type mismatch: {why}.");
    Error::new(ErrorKind::Analysis, format!("DATATYPE_MISMATCH.{class}"), "42K09", text).param("sqlExpr", sql)
}

fn quoted_type(data_type: &DataType) -> String {
    format!("\"{}\"", sql_name(data_type))
}
