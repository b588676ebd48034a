//! Rows that are written nowhere.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;
use thalweg_connector_testing::{batch, options, stream_of};
use thalweg_connectors::noop::Noop;
use thalweg_connectors::{Connector, ConnectorRegistry, WriteMode, WriteRequest};

#[tokio::test]
async fn rows_are_counted_and_gone() {
    let request = |pairs: &[(&str, &str)]| WriteRequest {
        path: String::new(),
        mode: WriteMode::Append,
        partition_by: vec![],
        replace: false,
        options: options(pairs),
        time_zone: "UTC".to_owned(),
    };
    let rows = || stream_of(batch("n int", &[&["1"], &["2"]]));
    assert_eq!(Noop.write(request(&[]), rows()).await.unwrap().rows, 2);
    let checked = ConnectorRegistry::default().with(Arc::new(Noop)).unwrap().get("noop").unwrap();
    let refused = checked.write(request(&[("x", "1")]), rows()).await.unwrap_err();
    assert_eq!(refused.class(), "UNSUPPORTED_OPTION");
}
