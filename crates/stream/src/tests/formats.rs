//! Restores checkpoints that earlier formats wrote.
//!
//! Each folder of `fixtures` is a checkpoint as its version left it when it was killed: after the commit of
//! epoch 10, with the plans of two more epochs.

use super::behaviour::rows;
use super::env::*;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use std::path::PathBuf;
use thalweg_common::ids::{Epoch, Generation};
use thalweg_connectors::stream::Commit;

/// The windows that were committed before the kill.
const COMMITTED: [(&str, (i64, i64)); 7] = [
    ("k0", (5, 3)),
    ("k1", (8, 2)),
    ("k2", (5, 2)),
    ("k3", (7, 2)),
    ("k4", (14, 3)),
    ("k5", (8, 1)),
    ("k6", (9, 3)),
];

/// Copies a fixture to the checkpoint.
async fn load(env: &TestEnv, format: &str) {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/tests/fixtures").join(format);
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
            let to = Path::from(format!("q/{name}"));
            env.store.put(&to, std::fs::read(&path).unwrap().into()).await.unwrap();
        }
    }
}

/// Continues a checkpoint that `generation` wrote, and returns all windows, with those that it had committed.
async fn restores(format: &str, generation: u64) -> Answer {
    let env = TestEnv::new(&rows(3, 90), &[3; 40]);
    load(&env, format).await;
    env.target.set_last(Commit { epoch: Epoch(10), generation: Generation(generation) });
    env.run(&RunOptions::new(windowed(5)).workers(3)).await.unwrap();
    let mut answer = env.answer().unwrap();
    answer.extend(COMMITTED.map(|(key, value)| ((10, key.to_owned()), value)));
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_of_format_1_continues_with_its_state() {
    assert_eq!(restores("format_1", 1).await, expect(&rows(3, 90)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_of_format_2_continues_with_its_state() {
    assert_eq!(restores("format_2", 5_639_718_846).await, expect(&rows(3, 90)));
}
