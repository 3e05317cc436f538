//! Scenarios drawn from seeds. `SEED=n cargo test --test simulation one_seed` repeats one.

use rs2p::sim::Swarm;

use crate::regressions::{kept_at, known, run_and_keep};

#[test]
fn one_seed() {
    let seed = std::env::var("SEED").ok().map_or(1, |seed| seed.parse().unwrap());
    let swarm = Swarm::from_seed(seed);
    assert_eq!(swarm.run(), swarm.run(), "{swarm}");
}

#[test]
fn the_first_seeds_hold() {
    for seed in 0..20 {
        run_and_keep(&kept_at(), seed, || Swarm::from_seed(seed).run());
    }
}

/// `SEEDS=0..2000 cargo test --release --test simulation many_seeds -- --ignored`
///
/// Of those, seeds that have failed before come first, and seeds that fail are kept: see
/// [`crate::regressions`].
#[test]
#[ignore = "takes minutes: SEEDS=from..to"]
fn many_seeds() {
    let range = std::env::var("SEEDS").unwrap_or_else(|_| "0..200".to_owned());
    let (from, to) = range.split_once("..").unwrap();
    let range = from.parse().unwrap()..to.parse().unwrap();
    let known = known().into_iter().filter(|seed| range.contains(seed));
    for seed in known.chain(range.clone()) {
        let swarm = Swarm::from_seed(seed);
        let report = run_and_keep(&kept_at(), seed, || swarm.run());
        if seed % 100 == 0 {
            assert_eq!(swarm.run(), report, "{swarm}");
        }
    }
}
