//! The same seconds yield the same rows, on any number of workers.

use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path as StorePath;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use thalweg_common::clock::{Clock, ManualClock};
use thalweg_connector_testing::{lines, read};
use thalweg_connectors::Connector;
use thalweg_connectors::ConnectorRegistry;
use thalweg_connectors::Subtask;
use thalweg_connectors::rate::Rate;
use thalweg_storage::MetadataLog;

#[tokio::test]
async fn seconds_are_planned_once_and_read_again() {
    let clock = Arc::new(ManualClock::default());
    let log = MetadataLog::new(Arc::new(InMemory::new()), StorePath::from("sources/0"));
    let rate = Rate::with_clock(Arc::clone(&clock) as _);
    let open = async || {
        rate.source(read(Path::new(""), None, &[("rowsPerSecond", "2")]), log.clone()).await.unwrap()
    };
    let source = open().await;
    assert_eq!(source.plan(None).await.unwrap(), None);
    clock.set(2_500_000);
    let first = source.plan(None).await.unwrap().unwrap();
    let wanted = [
        "1970-01-01T00:00:00Z|0",
        "1970-01-01T00:00:00.500Z|1",
        "1970-01-01T00:00:01Z|2",
        "1970-01-01T00:00:01.500Z|3",
    ];
    let whole = Subtask { index: 0, parallelism: 1 };
    let get = async |part| {
        lines(&source.read(None, &first, part).await.unwrap().try_collect::<Vec<_>>().await.unwrap())
    };
    assert_eq!(get(whole).await, wanted);
    assert_eq!(
        get(Subtask { index: 0, parallelism: 2 }).await.len()
            + get(Subtask { index: 1, parallelism: 2 }).await.len(),
        4
    );
    clock.set(9_000_000);
    assert_eq!(open().await.plan(None).await.unwrap(), Some(first.clone()));
    source.freeze().await.unwrap();
    clock.set(20_000_000);
    let second = source.plan(Some(&first)).await.unwrap().unwrap();
    let rest =
        source.read(Some(&first), &second, whole).await.unwrap().try_collect::<Vec<_>>().await.unwrap();
    assert_eq!(lines(&rest).len(), 14);
    assert_eq!(source.plan(Some(&second)).await.unwrap(), None);
    let checked = ConnectorRegistry::default().with(Arc::new(rate.clone())).unwrap().get("rate").unwrap();
    let refused =
        checked.stream_schema(&read(Path::new(""), None, &[("rampUpTime", "5")])).await.unwrap_err();
    assert_eq!(refused.class(), "INVALID_OPTION_VALUE");
}

/// The time of day and the monotonic time, in microseconds.
#[derive(Debug, Default)]
struct SteppingClock(AtomicI64, AtomicU64);

impl Clock for SteppingClock {
    fn now_micros(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.1.load(Ordering::SeqCst))
    }
}

#[tokio::test]
async fn a_time_of_day_that_is_set_neither_stops_nor_floods_the_rows() {
    const YEAR_US: i64 = 365 * 24 * 3600 * 1_000_000;
    let clock = Arc::new(SteppingClock::default());
    clock.0.store(YEAR_US, Ordering::SeqCst);
    let log = MetadataLog::new(Arc::new(InMemory::new()), StorePath::from("sources/0"));
    let rate = Rate::with_clock(Arc::clone(&clock) as _);
    let source = rate.source(read(Path::new(""), None, &[]), log).await.unwrap();
    let mut end = None;
    for step in [0, YEAR_US, -2 * YEAR_US, YEAR_US] {
        clock.0.fetch_add(step, Ordering::SeqCst);
        clock.1.fetch_add(2_000_000, Ordering::SeqCst);
        let next = source.plan(end.as_ref()).await.unwrap().unwrap();
        let second = |offset: &Option<serde_json::Value>| {
            offset.as_ref().and_then(|o| o["second"].as_i64()).unwrap_or(0)
        };
        assert_eq!(second(&Some(next.clone())) - second(&end), 2, "the time of day was set by {step}");
        end = Some(next);
    }
}
