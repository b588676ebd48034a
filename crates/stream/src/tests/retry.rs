//! Tests that steps of the sink are repeated after an I/O error, as often as named and no more.

use super::behaviour::rows;
use super::env::*;
use super::source_and_sink::TestSink;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use thalweg_common::ids::{Epoch, Generation};
use thalweg_common::lock::lock;
use thalweg_common::{Error, Result};
use thalweg_connectors::stream::{Commit, Guarantee, Staged, StreamSink};
use thalweg_storage::ATTEMPTS_MAX;
use thalweg_storage::durable::write_failed;

/// Fails each step a number of times before it takes it.
#[derive(Debug)]
struct FlakySink {
    inner: TestSink,
    step: &'static str,
    failures: u32,
    /// The failures so far, by step.
    failed: Mutex<BTreeMap<String, u32>>,
}

impl FlakySink {
    fn step(&self, step: &'static str, of: String) -> Result<()> {
        let mut failed = lock(&self.failed);
        let failures = failed.entry(format!("{step} {of}")).or_default();
        if step == self.step && *failures < self.failures {
            *failures += 1;
            return Err(timed_out());
        }
        Ok(())
    }
}

fn timed_out() -> Error {
    write_failed("/target".as_ref(), &std::io::Error::from(std::io::ErrorKind::TimedOut))
}

#[async_trait]
impl StreamSink for FlakySink {
    fn description(&self) -> String {
        self.inner.description()
    }
    fn guarantee(&self) -> Guarantee {
        self.inner.guarantee()
    }
    async fn fence(&self, generation: Generation) -> Result<Option<Commit>> {
        self.step("fence", String::new())?;
        self.inner.fence(generation).await
    }
    async fn stage(&self, epoch: Epoch, chunk: usize, rows: Vec<RecordBatch>) -> Result<Option<Staged>> {
        self.step("stage", format!("{epoch} {chunk}"))?;
        self.inner.stage(epoch, chunk, rows).await
    }
    async fn commit(&self, epoch: Epoch, staged: Vec<Staged>) -> Result<()> {
        self.step("commit", epoch.to_string())?;
        self.inner.commit(epoch, staged).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_of_the_sink_is_tried_again_until_it_was_tried_often_enough() {
    let all = rows(3, 40);
    for step in ["fence", "stage", "commit"] {
        for (failures, class) in [(1, ""), (ATTEMPTS_MAX - 1, ""), (ATTEMPTS_MAX, "FAILED_WRITE_FILE")] {
            let env = TestEnv::new(&all, &[9, 1, 20]);
            let inner = TestSink::new(&env.target, Guarantee::ExactlyOnce, None);
            let sink = FlakySink { inner, step, failures, failed: Mutex::default() };
            let run = RunOptions::new(windowed(5)).workers(2);
            let ended = async { env.start_into(Arc::new(sink), &run).await?.await_termination(None).await };
            let ended = ended.await.err().map(|e| e.class().to_owned()).unwrap_or_default();
            assert_eq!(ended, class, "{step} fails {failures} times");
            env.run(&run).await.unwrap();
            assert_eq!(env.answer().unwrap(), expect(&all), "{step} fails {failures} times");
        }
    }
}
