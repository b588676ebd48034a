//! Tests that rows are counted and written nowhere.

use std::path::Path;
use std::sync::Arc;
use thalweg_connector_testing::{batch, stream_of, write_request};
use thalweg_connectors::noop::Noop;
use thalweg_connectors::{Connector, ConnectorRegistry, WriteMode};

#[tokio::test]
async fn rows_are_counted_and_gone() {
    let request = |pairs: &[(&str, &str)]| write_request(Path::new(""), WriteMode::Append, &[], pairs);
    let rows = || stream_of(batch("n int", &[&["1"], &["2"]]));
    assert_eq!(Noop.write(request(&[]), rows()).await.unwrap().rows, 2);
    let checked = ConnectorRegistry::default().with(Arc::new(Noop)).unwrap().get("noop").unwrap();
    let refused = checked.write(request(&[("x", "1")]), rows()).await.unwrap_err();
    assert_eq!(refused.class(), "UNSUPPORTED_OPTION");
}
