//! Tests what the console prints of an epoch.

use std::path::Path;
use std::sync::{Arc, Mutex};
use thalweg_common::ids::{Epoch, Generation};
use thalweg_common::lock::lock;
use thalweg_connector_testing::{batch, lines, sink_request};
use thalweg_connectors::Connector;
use thalweg_connectors::console::Console;
use thalweg_connectors::{ConnectorRegistry, OutputMode};

#[tokio::test]
async fn an_epoch_is_printed_under_its_number() {
    let printed = Arc::new(Mutex::new(String::new()));
    let out = Arc::clone(&printed);
    let console = Console::new(
        Arc::new(move |text| lock(&out).push_str(&text)),
        Arc::new(|rows, style| {
            let shown = lines(std::slice::from_ref(rows)).join(" ");
            Ok(format!("{shown} of {} {} in {}\n", style.rows, style.truncate, style.time_zone))
        }),
    );
    let request =
        |pairs: &[(&str, &str)], mode: OutputMode| sink_request(Path::new(""), "n int", mode, pairs);
    let sink =
        console.sink(request(&[("numRows", "5"), ("truncate", "false")], OutputMode::Update)).await.unwrap();
    assert_eq!(sink.fence(Generation(1)).await.unwrap(), None);
    let rows = vec![batch("n int", &[&["1"], &["2"]])];
    let staged = sink.stage(Epoch(3), 0, rows).await.unwrap();
    sink.commit(Epoch(3), staged.into_iter().collect()).await.unwrap();
    let rule = "-".repeat(43);
    assert_eq!(*lock(&printed), format!("{rule}\nBatch: 3\n{rule}\n1 2 of 5 false in UTC\n\n"));
    let checked = ConnectorRegistry::default().with(Arc::new(console)).unwrap().get("console").unwrap();
    let refused = checked.sink(request(&[("rows", "5")], OutputMode::Append)).await.unwrap_err();
    assert_eq!(refused.class(), "UNSUPPORTED_OPTION");
}
