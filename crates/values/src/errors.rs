//! Converts errors of DataFusion and Arrow to ours: finds the error that a function or connector raised. Constructs the
//! errors that several crates raise.

use crate::names::quoted;
use crate::types::DataType;
use arrow::error::ArrowError;
use datafusion_common::DataFusionError;
use std::error::Error as _;
use std::fmt::Display;
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind};

/// The setting that Spark's messages mention, with the quotes that they write.
pub const ANSI_KEY: &str = "\"spark.sql.ansi.enabled\"";

/// The text of DataFusion's error for a scalar subquery that returned several rows, which has no variant of its own.
const TOO_MANY_ROWS: &str = "Scalar subquery returned more than one row";

/// Wraps an error so that it can travel through DataFusion and be found again by [`from_datafusion`].
pub fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// Returns the error that a user should see: the first one of ours inside of `error`, or the equivalent of a known
/// error of DataFusion. Any other one is an internal error.
pub fn from_datafusion(error: DataFusionError) -> Error {
    find(&error).unwrap_or_else(|| Error::internal(error.strip_backtrace()))
}

/// Returns the error that a user should see for an error of Arrow; see [`from_datafusion`].
pub fn from_arrow(error: ArrowError) -> Error {
    find(&error).unwrap_or_else(|| Error::internal(error.to_string()))
}

/// Follows the causes to the first error that is ours or has an equivalent.
fn find(error: &(dyn std::error::Error + 'static)) -> Option<Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(ours) = error.downcast_ref::<Error>() {
            return Some(ours.clone());
        }
        // DataFusion shares one error between the consumers of a plan.
        let shared = error.downcast_ref::<Arc<DataFusionError>>().map(Arc::as_ref);
        next = if let Some(theirs) = error.downcast_ref::<DataFusionError>().or(shared) {
            if let Some(known) = of_datafusion(theirs) {
                return Some(known);
            }
            cause_of(theirs)
        } else if let Some(theirs) = error.downcast_ref::<ArrowError>() {
            if let Some(known) = of_arrow(theirs) {
                return Some(known);
            }
            match theirs {
                ArrowError::ExternalError(inner) => Some(inner.as_ref()),
                other => other.source(),
            }
        } else {
            error.source()
        };
    }
    None
}

/// Returns the error inside of one of DataFusion's, whose own `source` skips external ones.
fn cause_of(error: &DataFusionError) -> Option<&(dyn std::error::Error + 'static)> {
    match error {
        DataFusionError::External(inner) => Some(inner.as_ref()),
        DataFusionError::ArrowError(inner, _) => Some(inner.as_ref()),
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => Some(inner.as_ref()),
        DataFusionError::Shared(inner) => Some(inner.as_ref()),
        other => other.source(),
    }
}

/// Returns the equivalent of a known error of DataFusion.
fn of_datafusion(error: &DataFusionError) -> Option<Error> {
    match error {
        DataFusionError::ResourcesExhausted(text) => Some(out_of_memory(text)),
        DataFusionError::ObjectStore(inner) => Some(storage(&inner.to_string())),
        DataFusionError::IoError(inner) => {
            // Our readers of files return our errors inside of I/O errors.
            let ours = inner.get_ref().and_then(|cause| find(cause));
            Some(ours.unwrap_or_else(|| storage(&inner.to_string())))
        }
        // Recognised by its text, for want of a variant.
        DataFusionError::Execution(text) if text == TOO_MANY_ROWS => Some(Error::new(
            ErrorKind::Runtime,
            "SCALAR_SUBQUERY_TOO_MANY_ROWS",
            "21000",
            "More than one row returned by a subquery used as an expression.",
        )),
        _ => None,
    }
}

/// Returns the equivalent of a known error of Arrow.
fn of_arrow(error: &ArrowError) -> Option<Error> {
    match error {
        ArrowError::DivideByZero => Some(divide_by_zero()),
        ArrowError::ArithmeticOverflow(_) => Some(overflow("Overflow", None)),
        _ => None,
    }
}

/// `[DIVIDE_BY_ZERO]`.
pub fn divide_by_zero() -> Error {
    let text = format!(
        "Division by zero. Use `try_divide` to tolerate divisor being 0 and return NULL instead. \
         If necessary set {ANSI_KEY} to \"false\" to bypass this error."
    );
    Error::new(ErrorKind::Arithmetic, "DIVIDE_BY_ZERO", "22012", text).param("config", ANSI_KEY)
}

/// `[ARITHMETIC_OVERFLOW]`. `what` is for example `integer overflow`; `try_function` is the function that returns
/// null instead, if there is one.
pub fn overflow(what: &str, try_function: Option<&str>) -> Error {
    let alternative = match try_function {
        Some(f) => format!(" Use '{f}' to tolerate overflow and return NULL instead."),
        None => String::new(),
    };
    let text = format!("{what}.{alternative} If necessary set {ANSI_KEY} to \"false\" to bypass this error.");
    Error::new(ErrorKind::Arithmetic, "ARITHMETIC_OVERFLOW", "22003", text)
        .param("message", what)
        .param("alternative", alternative)
        .param("config", ANSI_KEY)
}

/// `[DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION]`. Spark raises it of several kinds, by what has too many digits.
pub fn decimal_precision(kind: ErrorKind, precision: impl Display) -> Error {
    let max = DataType::PRECISION_MAX;
    let text = format!("Decimal precision {precision} exceeds max precision {max}.");
    Error::new(kind, "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION", "22003", text)
        .param("precision", precision.to_string())
        .param("maxPrecision", max.to_string())
}

/// `[COLUMN_ALREADY_EXISTS]`.
pub fn column_already_exists(name: &str) -> Error {
    let name = quoted(&[name]);
    let text =
        format!("The column {name} already exists. Choose another name or rename the existing column.");
    Error::new(ErrorKind::Analysis, "COLUMN_ALREADY_EXISTS", "42711", text).param("columnName", name)
}

fn out_of_memory(text: &str) -> Error {
    let message = format!("Unable to acquire memory: {text}.");
    Error::new(ErrorKind::Runtime, "UNABLE_TO_ACQUIRE_MEMORY", "53200", message)
        .hint("Raise memory.limit in the configuration, or make the query touch less at once.")
}

fn storage(text: &str) -> Error {
    Error::new(ErrorKind::Runtime, "FAILED_READ_FILE.NO_HINT", "KD001", format!("Storage failed: {text}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_error_is_found_under_every_wrapping() {
        let ours = Error::new(ErrorKind::Arithmetic, "DIVIDE_BY_ZERO", "22012", "Division by zero.");
        let plain = || external(ours.clone());
        let in_arrow = DataFusionError::from(ArrowError::ExternalError(Box::new(ours.clone())));
        let shared = DataFusionError::Shared(Arc::new(plain()));
        let nested = DataFusionError::Context("while sorting".into(), Box::new(shared));
        let boxed = DataFusionError::External(Box::new(plain()));
        let arc = DataFusionError::External(Box::new(Arc::new(plain())));
        for wrapped in [plain(), in_arrow, nested, boxed, arc] {
            assert_eq!(from_datafusion(wrapped), ours);
        }
        assert_eq!(from_arrow(ArrowError::ExternalError(Box::new(plain()))), ours);
        assert_eq!(from_datafusion(ArrowError::DivideByZero.into()).class(), "DIVIDE_BY_ZERO");
    }

    #[test]
    fn an_error_of_datafusion_is_a_bug_unless_it_is_known() {
        let cases = [
            (DataFusionError::ResourcesExhausted("x".into()), "UNABLE_TO_ACQUIRE_MEMORY"),
            (DataFusionError::Execution(TOO_MANY_ROWS.into()), "SCALAR_SUBQUERY_TOO_MANY_ROWS"),
            (DataFusionError::IoError(std::io::Error::other("x")), "FAILED_READ_FILE.NO_HINT"),
            (DataFusionError::Execution("x".into()), "INTERNAL_ERROR"),
            (DataFusionError::Plan("x".into()), "INTERNAL_ERROR"),
        ];
        for (error, class) in cases {
            assert_eq!(from_datafusion(error).class(), class);
        }
    }
}
