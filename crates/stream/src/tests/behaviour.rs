//! What a query does when nothing goes wrong.

use super::world::*;
use crate::{OperatorSpec, OutputMode, Step};

pub fn row(k: &str, t: i64, v: i64) -> In {
    (k.to_owned(), t, v)
}

/// Rows of a few keys over some windows, in seeded order with disorder below 5 s.
pub fn rows(seed: u64, count: usize) -> Vec<In> {
    let mut random = fastrand::Rng::with_seed(seed);
    let one =
        |i: usize| (format!("k{}", random.u8(0..7)), i as i64 / 2 + random.i64(0..5), random.i64(-3..10));
    (0..count).map(one).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_windowed_sum_is_the_batch_answer() {
    let rows = rows(1, 200);
    let world = World::new(&rows, &[10, 1, 50]);
    world.run(&Run::new(windowed(5))).await.unwrap();
    assert_eq!(world.answer().unwrap(), expect(&rows));
    assert_eq!(world.target.unfenced_commits(), 0);
}
