//! Metamorphic test: random tables and queries whose answers must not depend on how they are computed.
//!
//! Every query runs over the same rows in each layout of [`layout::LAYOUTS`], with one and with several
//! partitions, optimised and not: all answers must be the same rows. In addition the rows of a query must be
//! those for which a random predicate is true, false and null, put together. No answer is written down, so the
//! test needs no oracle, and a fault of a library is found as well as one of ours.
//!
//! The seeds are fixed, so that a failure repeats. `METAMORPHIC_SEEDS=1000..2000` runs others; a failure names
//! its seed, its query and the statements that make its tables.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod chain;
mod layout;
mod query;
mod rows;
mod table;

use chain::{Chain, chain};
use layout::{Layout, World};
use query::Generator;
use rows::{Answer, answer, plan};
use std::ops::Range;

/// Seeds that run without being asked for.
const SEEDS: Range<u64> = 1..6;
const QUERIES_PER_SEED: usize = 24;
const CHAINS_PER_SEED: usize = 2;
/// The operator that computes a long chain of projections, as plans show it.
const CHAIN: &str = "SequentialProjectionExec";
/// The share of queries that must have rows for an answer, not an error: below it the generator tests little.
const ANSWERED_MIN: f64 = 0.85;
const PARTITIONS: [usize; 3] = [1, 2, 4];

fn seeds() -> Range<u64> {
    let Ok(text) = std::env::var("METAMORPHIC_SEEDS") else { return SEEDS };
    let (from, to) = text.split_once("..").expect("METAMORPHIC_SEEDS is FROM..TO");
    from.parse().expect("a number")..to.parse().expect("a number")
}

/// How one query is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Way {
    layout: Layout,
    partitions: usize,
    optimize: bool,
}

/// The plainest way, which all others are compared with.
const REFERENCE: Way = Way { layout: Layout::Memory, partitions: 1, optimize: false };

fn ways() -> Vec<Way> {
    let mut ways = vec![];
    for layout in layout::LAYOUTS {
        for partitions in PARTITIONS {
            for optimize in [false, true] {
                ways.push(Way { layout, partitions, optimize });
            }
        }
    }
    ways
}

async fn ask(world: &World, template: &str, way: Way) -> Answer {
    let text = world.over(template, way.layout);
    answer(world.session(way.partitions), &text, way.optimize).await
}

/// All ways give the rows of the reference.
async fn check_ways(world: &World, template: &str) -> Answer {
    let expected = ask(world, template, REFERENCE).await;
    let reproduction = || world.reproduction(template, REFERENCE.layout);
    assert!(!expected.is_internal_error(), "{}\n{expected}", reproduction());
    for way in ways() {
        let got = ask(world, template, way).await;
        assert!(
            got == expected,
            "{}\n{way:?} answers\n  {got}\nbut {REFERENCE:?} answers\n  {expected}",
            world.reproduction(template, way.layout)
        );
    }
    expected
}

/// The rows for which a predicate is true, false and null are all rows. Returns whether rows were compared.
async fn check_partition(world: &World, generator: &mut Generator<'_>) -> bool {
    let (whole, parts) = generator.partitioned();
    let way = Way {
        layout: generator.pick(&layout::LAYOUTS),
        partitions: generator.pick(&PARTITIONS),
        optimize: generator.pick(&[true, true, true, false]),
    };
    let expected = ask(world, &whole, way).await;
    let mut together = Answer::default();
    for part in &parts {
        together = together.and(ask(world, part, way).await);
    }
    // An error of one part alone is possible: it looks at other rows first.
    if expected.is_error() || together.is_error() {
        return false;
    }
    assert!(
        together == expected,
        "{}\nits three parts by a predicate\n  {}\ngive\n  {together}\nbut the whole is\n  {expected}\n({way:?})",
        world.reproduction(&whole, way.layout),
        parts.join("\n  ")
    );
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_do_not_depend_on_how_they_are_computed() {
    let (mut asked, mut answered, mut partitioned) = (0, 0, 0);
    for seed in seeds() {
        let mut random = fastrand::Rng::with_seed(seed);
        let world = World::make(seed, &mut random).await;
        let mut generator = Generator::new(&mut random);
        for _ in 0..QUERIES_PER_SEED {
            let template = generator.query();
            let answer = check_ways(&world, &template).await;
            asked += 1;
            answered += usize::from(!answer.is_error());
            partitioned += usize::from(check_partition(&world, &mut generator).await);
        }
    }
    check_share(answered, asked);
    check_share(partitioned, asked);
}

/// The rows of a long chain are those of its parts, which the operator of long chains does not compute.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_of_projections_answers_as_its_parts_do() {
    let (mut asked, mut answered, mut collapsed) = (0, 0, 0);
    for seed in seeds() {
        let mut random = fastrand::Rng::with_seed(seed);
        let world = World::make(seed, &mut random).await;
        let mut generator = Generator::new(&mut random);
        for _ in 0..CHAINS_PER_SEED {
            let Chain { whole, parts } = chain(&mut generator);
            let answer = check_ways(&world, &whole).await;
            let of_parts = ask(&world, &parts, REFERENCE).await;
            assert!(
                answer == of_parts,
                "{}\nanswers\n  {answer}\nbut its parts\n  {parts}\nanswer\n  {of_parts}",
                world.reproduction(&whole, REFERENCE.layout)
            );
            let shown = |template| plan(world.session(1), world.over(template, REFERENCE.layout));
            assert!(!shown(&parts).await.contains(CHAIN), "a part of the chain is a chain: {parts}");
            collapsed += usize::from(shown(&whole).await.contains(CHAIN));
            asked += 1;
            answered += usize::from(!answer.is_error());
        }
    }
    assert!(collapsed * 10 >= asked * 9, "only {collapsed} of {asked} chains have the operator of chains");
    check_share(answered, asked);
}

fn check_share(answered: usize, asked: usize) {
    let share = f64::from(u32::try_from(answered).unwrap()) / f64::from(u32::try_from(asked).unwrap());
    assert!(share >= ANSWERED_MIN, "only {answered} of {asked} queries have rows for an answer");
}
