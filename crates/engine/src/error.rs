//! Converts errors of DataFusion and Arrow: extracts the error that a function or connector raised.

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use thalweg_common::{Error, ErrorKind};

/// DataFusion's text, which is not an error variant, for a scalar subquery with several rows.
const TOO_MANY_ROWS: &str = "Scalar subquery returned more than one row";

/// Converts an error to the one that the user sees.
pub(crate) fn from_datafusion(error: DataFusionError) -> Error {
    match &error {
        DataFusionError::Shared(inner) => dig(inner),
        other => dig(other),
    }
    .unwrap_or_else(|| unknown(&error))
}

fn dig(error: &DataFusionError) -> Option<Error> {
    match error.find_root() {
        DataFusionError::External(inner) => dig_boxed(inner.as_ref()),
        DataFusionError::ArrowError(inner, _) => dig_arrow(inner),
        DataFusionError::ResourcesExhausted(text) => Some(out_of_memory(text)),
        DataFusionError::ObjectStore(inner) => Some(storage(&inner.to_string())),
        DataFusionError::IoError(inner) => Some(storage(&inner.to_string())),
        DataFusionError::Execution(text) if text == TOO_MANY_ROWS => Some(too_many_rows()),
        _ => None,
    }
}

fn too_many_rows() -> Error {
    Error::new(
        ErrorKind::Runtime,
        "SCALAR_SUBQUERY_TOO_MANY_ROWS",
        "21000",
        "More than one row returned by a subquery used as an expression.",
    )
}

fn dig_boxed(error: &(dyn std::error::Error + Send + Sync + 'static)) -> Option<Error> {
    if let Some(ours) = error.downcast_ref::<Error>() {
        return Some(ours.clone());
    }
    if let Some(theirs) = error.downcast_ref::<DataFusionError>() {
        return dig(theirs);
    }
    error.downcast_ref::<ArrowError>().and_then(dig_arrow)
}

fn dig_arrow(error: &ArrowError) -> Option<Error> {
    match error {
        ArrowError::ExternalError(inner) => dig_boxed(inner.as_ref()),
        ArrowError::DivideByZero => {
            Some(Error::new(ErrorKind::Arithmetic, "DIVIDE_BY_ZERO", "22012", "Division by zero."))
        }
        ArrowError::ArithmeticOverflow(text) => {
            Some(Error::new(ErrorKind::Arithmetic, "ARITHMETIC_OVERFLOW", "22003", text.clone()))
        }
        _ => None,
    }
}

fn out_of_memory(text: &str) -> Error {
    Error::new(
        ErrorKind::Runtime,
        "UNABLE_TO_ACQUIRE_MEMORY",
        "53200",
        format!("Unable to acquire memory: {text}."),
    )
    .hint("Raise memory.limit in the configuration, or make the query touch less at once.")
}

fn storage(text: &str) -> Error {
    Error::new(ErrorKind::Runtime, "FAILED_READ_FILE.NO_HINT", "KD001", format!("Storage failed: {text}."))
}

fn unknown(error: &DataFusionError) -> Error {
    Error::internal(error.strip_backtrace())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn our_error_is_found_under_every_wrapping() {
        let ours = Error::new(ErrorKind::Arithmetic, "DIVIDE_BY_ZERO", "22012", "Division by zero.");
        let plain = DataFusionError::External(Box::new(ours.clone()));
        let in_arrow = DataFusionError::from(ArrowError::ExternalError(Box::new(ours.clone())));
        let shared = DataFusionError::Shared(Arc::new(DataFusionError::External(Box::new(ours.clone()))));
        let nested = DataFusionError::Context("while sorting".into(), Box::new(shared));
        for wrapped in [plain, in_arrow, nested] {
            assert_eq!(from_datafusion(wrapped), ours);
        }
    }
}
