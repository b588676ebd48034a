//! Functions whose calls Spark does not show as they were written, as recorded from Spark 4.2.

/// Functions that are shown in capitals.
const CAPITALS: &[&str] = &[
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cbrt",
    "cos",
    "cosh",
    "cot",
    "csc",
    "degrees",
    "e",
    "exp",
    "expm1",
    "hypot",
    "log",
    "log10",
    "log1p",
    "log2",
    "pi",
    "power",
    "radians",
    "regexp",
    "regexp_like",
    "rlike",
    "sec",
    "signum",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
];

/// Functions that are shown in capitals if they have one argument.
const CAPITALS_OF_ONE: &[&str] = &["ceil", "floor"];

/// Functions that are shown under another name.
const RENAMED: &[(&str, &str)] = &[
    ("current_database", "current_schema"),
    ("dateadd", "date_add"),
    ("random", "rand"),
    ("bool", "boolean"),
];

/// A function with so many arguments is shown with these more: its defaults.
const DEFAULTS: &[(&str, usize, &[&str])] = &[
    ("bround", 1, &["0"]),
    ("from_unixtime", 1, &["yyyy-MM-dd HH:mm:ss"]),
    ("listagg", 1, &["NULL"]),
    ("locate", 2, &["1"]),
    ("lpad", 2, &[" "]),
    ("months_between", 2, &["true"]),
    ("overlay", 3, &["-1"]),
    ("percentile", 2, &["1"]),
    ("position", 2, &["1"]),
    ("regexp_instr", 2, &["0"]),
    ("regexp_replace", 3, &["1"]),
    ("round", 1, &["0"]),
    ("rpad", 2, &[" "]),
    ("split", 2, &["-1"]),
    ("str_to_map", 1, &[",", ":"]),
    ("string_agg", 1, &["NULL"]),
    ("substr", 2, &["2147483647"]),
    ("substring", 2, &["2147483647"]),
    ("unix_timestamp", 0, &["current_timestamp()", "yyyy-MM-dd HH:mm:ss"]),
    ("unix_timestamp", 1, &["yyyy-MM-dd HH:mm:ss"]),
];

/// Functions whose flag to ignore nulls is not shown.
const WITHOUT_FLAG: &[&str] = &["any_value", "first", "first_value", "last", "last_value"];

/// The name that a function is shown under, by its lower-case name and its number of arguments.
pub(crate) fn shown_name(function: &str, args: usize) -> String {
    if CAPITALS.contains(&function) || (args == 1 && CAPITALS_OF_ONE.contains(&function)) {
        return function.to_uppercase();
    }
    let renamed = RENAMED.iter().find(|(name, _)| *name == function);
    renamed.map_or(function, |(_, shown)| shown).to_owned()
}

/// The arguments as they are shown.
pub(crate) fn shown_args(function: &str, mut args: Vec<String>) -> Vec<String> {
    if WITHOUT_FLAG.contains(&function) {
        args.truncate(1);
    }
    if let Some((_, _, more)) =
        DEFAULTS.iter().find(|(name, count, _)| *name == function && *count == args.len())
    {
        args.extend(more.iter().map(|d| (*d).to_owned()));
    }
    args
}
