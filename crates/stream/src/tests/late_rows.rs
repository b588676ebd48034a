//! Tests queries whose rows come late: what is dropped depends on the watermark of each epoch, and must not depend on
//! the number of workers nor on kills.

use super::env::*;
use super::kill::Kill;
use crate::Trigger;

const DELAY: i64 = 5;

/// Random rows that are out of order by up to 40 s, so that some are late whatever the epochs.
fn rows(random: &mut fastrand::Rng, count: usize) -> Vec<InputRow> {
    let one = |i: usize| {
        let time = 100 + i as i64 / 2 - if random.u8(0..4) == 0 { random.i64(0..40) } else { 0 };
        (format!("k{}", random.u8(0..5)), time, random.i64(-3..10))
    };
    (0..count).map(one).collect()
}

/// What a query emits that is not drained, and the rows that it drops.
fn model(rows: &[InputRow], epoch_rows: &[usize]) -> (Answer, usize) {
    let (mut open, mut emitted, mut dropped) = (Answer::new(), Answer::new(), 0);
    let (mut watermark, mut max) = (0, 0);
    let mut rest = rows;
    for size in epoch_rows.iter().chain(&[0]) {
        // The watermark of the epoch before decides what is late, and that of this one what is closed.
        let late = watermark;
        watermark = watermark.max(max - DELAY);
        let (epoch, later) = rest.split_at(*size.min(&rest.len()));
        rest = later;
        for (key, time, value) in epoch {
            let end = (time.div_euclid(WINDOW) + 1) * WINDOW;
            max = max.max(*time);
            if end <= late {
                dropped += 1;
                continue;
            }
            let group = open.entry((end, key.clone())).or_default();
            *group = (group.0 + value, group.1 + 1);
        }
        let closed = open.extract_if(.., |(end, _), _| *end <= watermark);
        emitted.extend(closed);
    }
    assert!(rest.is_empty());
    (emitted, dropped)
}

/// A query over random rows: the environment, and what it must emit.
fn query(random: &mut fastrand::Rng) -> (TestEnv, Answer) {
    let rows = rows(random, 150);
    let mut epoch_rows = Vec::new();
    while epoch_rows.iter().sum::<usize>() < rows.len() {
        epoch_rows.push(if random.bool() { random.usize(1..4) } else { random.usize(4..30) });
    }
    let (emitted, dropped) = model(&rows, &epoch_rows);
    assert!(dropped > 0 && !emitted.is_empty(), "a test without late rows shows nothing");
    (TestEnv::new(&rows, &epoch_rows), emitted)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_rows_are_dropped_alike_by_any_number_of_workers() {
    for seed in 0..24 {
        let (env, wanted) = query(&mut fastrand::Rng::with_seed(seed));
        let run = RunOptions { drain: false, ..RunOptions::new(windowed(DELAY)) };
        env.run(&run.workers(1 + seed as usize % 4)).await.unwrap();
        assert_eq!(env.answer().unwrap(), wanted, "seed {seed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_rows_are_dropped_alike_after_any_kill() {
    let mut kills = 0;
    for seed in 0..40 {
        let mut random = fastrand::Rng::with_seed(seed);
        let (env, wanted) = query(&mut random);
        for last in [false, false, false, false, true] {
            let probe = Kill::new(None, if last { usize::MAX } else { random.usize(3..90) });
            let run = RunOptions { drain: false, probe: Some(probe), ..RunOptions::new(windowed(DELAY)) };
            match env.run(&run.workers(random.usize(1..4))).await {
                Ok(_) => break,
                Err(error) => assert_eq!(error.class(), "KILLED", "seed {seed}: {error}"),
            }
            kills += 1;
        }
        assert_eq!(env.answer().unwrap(), wanted, "seed {seed}");
    }
    assert!(kills > 40, "only {kills} kills");
}

/// Each run has one epoch, and no plan of the next: its watermark comes from the manifest alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_rows_are_dropped_alike_when_each_epoch_is_a_run() {
    for seed in 0..8 {
        let (env, wanted) = query(&mut fastrand::Rng::with_seed(seed));
        let once = |workers| {
            let operators = windowed(DELAY);
            RunOptions { drain: false, trigger: Trigger::Once, ..RunOptions::new(operators).workers(workers) }
        };
        for run in 0..=env.source.epoch_rows.len() {
            env.run(&once(1 + run % 3)).await.unwrap();
        }
        assert_eq!(env.answer().unwrap(), wanted, "seed {seed}");
    }
}
