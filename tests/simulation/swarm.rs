//! Scenarios drawn from seeds. `SEED=n cargo test --test simulation one_seed` repeats one;
//! `STRANGERS=1` has py2p nodes, hostile peers and bad machines in it.

use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{env, panic, thread};

use rs2p::sim::Swarm;

use crate::regressions::{kept_at, run_and_keep};

/// The scenario of a seed.
fn drawn(seed: u64) -> Swarm {
    let has_strangers = env::var("STRANGERS").is_ok_and(|word| word == "1");
    if has_strangers { Swarm::with_strangers(seed) } else { Swarm::from_seed(seed) }
}

#[test]
fn one_seed() {
    let seed = env::var("SEED").ok().map_or(3, |seed| seed.parse().unwrap());
    let swarm = drawn(seed);
    assert_eq!(swarm.run(), swarm.run(), "{swarm}");
}

#[test]
fn a_few_seeds_hold() {
    for seed in 2..7 {
        run_and_keep(&kept_at(), &Swarm::from_seed(seed), Swarm::run);
    }
}

#[test]
fn a_few_seeds_hold_with_strangers() {
    for seed in 2..7 {
        run_and_keep(&kept_at(), &Swarm::with_strangers(seed), Swarm::run);
    }
}

/// `SEEDS=0..2000 cargo test --release --test simulation many_seeds -- --ignored`
///
/// On every core one scenario at a time. Those that fail are kept: see [`crate::regressions`].
#[test]
#[ignore = "takes minutes: SEEDS=from..to"]
fn many_seeds() {
    let range = env::var("SEEDS").unwrap_or_else(|_| "0..200".to_owned());
    let (from, to) = range.split_once("..").unwrap();
    let (next, end) = (AtomicU64::new(from.parse().unwrap()), to.parse().unwrap());
    let live = |seed| {
        let swarm = drawn(seed);
        let report = run_and_keep(&kept_at(), &swarm, Swarm::run);
        if seed % 100 == 0 {
            assert_eq!(swarm.run(), report, "{swarm}");
        }
    };
    let live_on = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return;
            }
            if let Err(failure) = panic::catch_unwind(|| live(seed)) {
                // Nobody begins another.
                next.store(end, Ordering::Relaxed);
                panic::resume_unwind(failure);
            }
        }
    };
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let lives: Vec<_> = (0..cores).map(|_| scope.spawn(live_on)).collect();
        for life in lives {
            life.join().unwrap_or_else(|failure| panic::resume_unwind(failure));
        }
    });
}
