//! Converts errors to gRPC statuses and error details.
//!
//! A gRPC status carries the class, SQLSTATE and a shortened message in `google.rpc.ErrorInfo`,
//! small enough for HTTP/2 trailers. The client then requests the rest with `FetchErrorDetails` by the
//! error's id. The list of Java class names determines which Python exception is raised: the client
//! takes the first that it knows.

use spark_connect_proto::FetchErrorDetailsResponse;
use spark_connect_proto::fetch_error_details_response as wire;
use std::collections::HashMap;
use thalweg_common::{Error, ErrorKind, Position};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// The largest length of a message in a status, in characters; `FetchErrorDetails` returns the whole message.
const STATUS_MESSAGE_CHARS_MAX: usize = 2_000;
/// The largest size of message parameters in a status, in bytes.
const STATUS_PARAMETERS_BYTES_MAX: usize = 1_024;

/// Converts an error to a status. The client can fetch its details by `error_id`.
pub(crate) fn status(error: &Error, error_id: &str) -> Status {
    let classes = classes(error.kind());
    let mut metadata = HashMap::from([
        ("classes".to_owned(), serde_json::json!(classes).to_string()),
        ("errorClass".to_owned(), error.class().to_owned()),
        ("sqlState".to_owned(), error.sqlstate().to_owned()),
        ("errorId".to_owned(), error_id.to_owned()),
    ]);
    // PySpark replaces these parameters by those of the details, so a long list can be left out.
    let parameters = serde_json::json!(error.parameters()).to_string();
    if parameters.len() <= STATUS_PARAMETERS_BYTES_MAX {
        metadata.insert("messageParameters".to_owned(), parameters);
    }
    let reason = classes.first().copied().unwrap_or_default();
    let details = ErrorDetails::with_error_info(reason, "org.apache.spark", metadata);
    let message: String = text(error).chars().take(STATUS_MESSAGE_CHARS_MAX).collect();
    // Spark's server uses this code for all errors. PySpark would retry after UNAVAILABLE, which looks like a hang.
    Status::with_error_details(Code::Internal, message, details)
}

/// Converts an error to the response of `FetchErrorDetails`.
pub(crate) fn details(error: &Error) -> FetchErrorDetailsResponse {
    let names = |kind| classes(kind).iter().map(|name| (*name).to_owned()).collect();
    let mut errors = vec![wire::Error {
        error_type_hierarchy: names(error.kind()),
        message: text(error),
        stack_trace: vec![],
        cause_idx: error.cause().map(|_| 1),
        spark_throwable: Some(wire::SparkThrowable {
            error_class: Some(error.class().to_owned()),
            message_parameters: error.parameters().clone().into_iter().collect(),
            query_contexts: error.position().map(query_context).into_iter().collect(),
            sql_state: Some(error.sqlstate().to_owned()),
            breaking_change_info: None,
        }),
    }];
    // PySpark reads the first class of each error, so a cause needs a class as well.
    errors.extend(error.cause().map(|cause| wire::Error {
        error_type_hierarchy: names(ErrorKind::Internal),
        message: cause.to_owned(),
        ..Default::default()
    }));
    FetchErrorDetailsResponse { root_error_idx: Some(0), errors, ..Default::default() }
}

/// Returns the message for the user: class, text, SQLSTATE, position and hint.
fn text(error: &Error) -> String {
    // Errors before the run show their place in the text themselves, as in Spark.
    let early = matches!(error.kind(), ErrorKind::Parse | ErrorKind::Analysis);
    let message = match error.position() {
        // An error at run time is shown with the fragment of the statement in which it occurred.
        Some(place) if !early => {
            let (class, message, state) = (error.class(), error.message(), error.sqlstate());
            format!("[{class}] {message} SQLSTATE: {state}\n{}", summary(place))
        }
        _ => error.to_string(),
    };
    match error.hint_text() {
        Some(hint) => format!("{message}\nHint: {hint}"),
        None => message,
    }
}

/// Converts a position. Spark counts characters from 0, and `stop_index` is the last one of the fragment.
fn query_context(position: &Position) -> wire::QueryContext {
    let index = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    wire::QueryContext {
        context_type: wire::query_context::ContextType::Sql.into(),
        object_type: String::new(),
        object_name: String::new(),
        start_index: index(position.start),
        stop_index: index(position.stop.max(position.start + 1) - 1),
        fragment: position.fragment.clone(),
        call_site: String::new(),
        summary: summary(position),
    }
}

fn summary(position: &Position) -> String {
    let Position { line, column, fragment, start: _, stop: _ } = position;
    let marks = "^".repeat(fragment.lines().map(|l| l.chars().count()).max().unwrap_or(0).max(1));
    format!("== SQL (line {line}, position {column}) ==\n{fragment}\n{marks}\n")
}

/// Returns the Java classes of a kind of error, most specific first.
fn classes(kind: ErrorKind) -> &'static [&'static str] {
    match kind {
        ErrorKind::Parse => &[
            "org.apache.spark.sql.catalyst.parser.ParseException",
            "org.apache.spark.sql.AnalysisException",
            "java.lang.Exception",
        ],
        ErrorKind::Analysis => &["org.apache.spark.sql.AnalysisException", "java.lang.Exception"],
        // Spark's server lists its own class first. PySpark knows only the Java class of this pair and most of the
        // others.
        ErrorKind::Arithmetic => {
            &["org.apache.spark.SparkArithmeticException", "java.lang.ArithmeticException"]
        }
        ErrorKind::NumberFormat => {
            &["org.apache.spark.SparkNumberFormatException", "java.lang.NumberFormatException"]
        }
        ErrorKind::DateTime => &["org.apache.spark.SparkDateTimeException", "java.time.DateTimeException"],
        ErrorKind::IllegalArgument => {
            &["org.apache.spark.SparkIllegalArgumentException", "java.lang.IllegalArgumentException"]
        }
        ErrorKind::Unsupported => &[
            "org.apache.spark.SparkUnsupportedOperationException",
            "java.lang.UnsupportedOperationException",
        ],
        ErrorKind::ArrayIndex => &[
            "org.apache.spark.SparkArrayIndexOutOfBoundsException",
            "java.lang.ArrayIndexOutOfBoundsException",
        ],
        ErrorKind::NoSuchElement => {
            &["org.apache.spark.SparkNoSuchElementException", "java.util.NoSuchElementException"]
        }
        ErrorKind::StreamingQuery => &["org.apache.spark.sql.streaming.StreamingQueryException"],
        ErrorKind::Runtime => &["org.apache.spark.SparkRuntimeException", "java.lang.RuntimeException"],
        // PySpark does not know the first class and raises its `SparkException` for the second.
        ErrorKind::Canceled | ErrorKind::InvalidHandle => {
            &["org.apache.spark.SparkSQLException", "org.apache.spark.SparkException"]
        }
        ErrorKind::Internal => &["org.apache.spark.SparkException", "java.lang.Exception"],
    }
}

/// `[INVALID_HANDLE.…]`: the client refers to something that the server does not know.
pub(crate) fn invalid_handle(subclass: &str, handle: &str, why: &str) -> Error {
    Error::new(
        ErrorKind::InvalidHandle,
        format!("INVALID_HANDLE.{subclass}"),
        "HY000",
        format!("The handle {handle} is invalid. {why}"),
    )
    .param("handle", handle)
}

/// `[INVALID_CURSOR.…]`: the client requests responses that the server no longer has.
pub(crate) fn invalid_cursor(subclass: &str, why: &str) -> Error {
    Error::new(
        ErrorKind::InvalidHandle,
        format!("INVALID_CURSOR.{subclass}"),
        "HY109",
        format!("The cursor is invalid. {why}"),
    )
}

/// `[OPERATION_CANCELED]`: the user interrupted the operation.
pub(crate) fn canceled(operation_id: &str) -> Error {
    Error::new(ErrorKind::Canceled, "OPERATION_CANCELED", "HY008", "Operation has been canceled.")
        .param("operationId", operation_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_tells_class_state_and_parameters_in_short() {
        let error = Error::new(ErrorKind::Analysis, "A.B", "42703", "x".repeat(9_000))
            .param("p", "q")
            .hint("Do this.");
        let status = status(&error, "id-1");
        assert_eq!(status.message().chars().count(), STATUS_MESSAGE_CHARS_MAX);
        let details = status.get_error_details();
        let info = details.error_info().map(|i| (i.reason.clone(), i.metadata.clone()));
        let (reason, metadata) = info.unwrap_or_default();
        assert_eq!(reason, "org.apache.spark.sql.AnalysisException");
        assert_eq!(metadata.get("errorClass").map(String::as_str), Some("A.B"));
        assert_eq!(metadata.get("messageParameters").map(String::as_str), Some(r#"{"p":"q"}"#));
    }

    #[test]
    fn details_hold_the_whole_message_and_the_place() {
        let position = Position::locate("SELECT\n 1/0", 8, 11);
        let error = Error::new(ErrorKind::Arithmetic, "DIVIDE_BY_ZERO", "22012", "Division by zero.")
            .at(Some(position))
            .hint("Use try_divide.")
            .caused_by("a fault");
        let found = details(&error);
        assert_eq!(found.errors.len(), 2);
        let root = found.errors.first().cloned().unwrap_or_default();
        assert!(root.message.ends_with("Hint: Use try_divide."), "{}", root.message);
        let contexts = root.spark_throwable.map(|t| t.query_contexts).unwrap_or_default();
        let places: Vec<_> =
            contexts.iter().map(|c| (c.start_index, c.stop_index, c.fragment.as_str())).collect();
        assert_eq!(places, [(8, 10, "1/0")]);
        let summary = contexts.first().map(|c| c.summary.clone()).unwrap_or_default();
        assert_eq!(summary, "== SQL (line 2, position 2) ==\n1/0\n^^^\n");
    }
}
