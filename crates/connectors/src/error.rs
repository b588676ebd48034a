//! Converts DataFusion's errors to ours.

use datafusion::error::DataFusionError;
use thalweg_common::Error;

/// Returns our own error inside one of DataFusion's, or an internal one around it.
pub fn from_datafusion(error: DataFusionError) -> Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(inner) = cause {
        if let Some(found) = inner.downcast_ref::<Error>() {
            return found.clone();
        }
        cause = inner.source();
    }
    Error::internal(error.to_string())
}
