//! Refuses to write rows into a view, with the error that Spark has for each way to write.

use crate::catalog::TableKind;
use crate::session::Session;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_values::names::quoted;

/// A way to write rows into an existing table.
#[derive(Debug, Clone, Copy)]
pub(super) enum Writer {
    /// `INSERT` and `df.write.insertInto`.
    Insert,
    /// `df.writeTo`.
    WriteTo,
    /// `df.write.saveAsTable`, which means no temporary view.
    SaveAsTable,
    /// `df.writeStream.toTable`.
    Stream,
}

/// Refuses the name of a view.
///
/// # Errors
/// `EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE`, `VIEW_WRITE_NOT_ALLOWED` and classes without a name of their own.
pub(super) fn check(session: &Session, parts: &[String], writer: Writer) -> Result<()> {
    let catalog = &session.catalog;
    let names_temporary = !matches!(writer, Writer::SaveAsTable);
    if names_temporary && catalog.temporary(parts).is_some() {
        return Err(is_view(parts, parts, true, writer));
    }
    match catalog.definition(parts) {
        Ok((name, found)) if found.kind == TableKind::View => {
            Err(is_view(parts, &name.qualifier(), false, writer))
        }
        // A name that is not found is for the writer to refuse, or to create.
        _ => Ok(()),
    }
}

fn is_view(parts: &[String], full_name: &[String], is_temporary: bool, writer: Writer) -> Error {
    let (view, parts) = (quoted(full_name), parts.join("."));
    let error = |class, state, text: String| Error::new(ErrorKind::Analysis, class, state, text);
    // Most of these have no names of their own in Spark.
    match writer {
        Writer::Insert => {
            let text = format!("'INSERT' expects a table but {view} is a view.");
            error("EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE", "42809", text)
                .param("operation", "INSERT")
                .param("viewName", view)
        }
        Writer::WriteTo => {
            let text = format!("Cannot write into view {view}, please write into a table instead.");
            error("VIEW_WRITE_NOT_ALLOWED", "42809", text).param("name", view)
        }
        Writer::SaveAsTable => {
            error("_LEGACY_ERROR_TEMP_1158", "42809", "Saving data into a view is not allowed.".to_owned())
        }
        Writer::Stream if is_temporary => {
            let text = format!("Temporary view {parts} doesn't support streaming write.");
            error("_LEGACY_ERROR_TEMP_1190", "42809", text)
        }
        Writer::Stream => {
            let text = format!("Streaming into views {parts} is not supported.");
            error("_LEGACY_ERROR_TEMP_1191", "42809", text)
        }
    }
}
