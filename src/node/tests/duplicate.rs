//! Two connections between two nodes: one is left, and nothing is lost with the other.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::links::{Pair, Step};
use crate::event::Direction;

/// Plays steps drawn at random until there are none, with messages from both sides in between.
fn play_at_random(seed: u64, dials: [u16; 2]) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut pair = Pair::new(seed, dials, rng.random_ratio(1, 4));
    let cuts = rng.random_ratio(1, 3);
    loop {
        let steps = pair.steps();
        if steps.is_empty() {
            break;
        }
        let len = if cuts { rng.random_range(1..800) } else { usize::MAX };
        pair.play(steps[rng.random_range(0..steps.len())], len);
        for index in 0..2 {
            if rng.random_ratio(1, 5) {
                pair.say(index);
            }
        }
    }
    pair.check();
    pair.wait(pair.now + Duration::from_secs(100));
    pair.say(0);
    pair.say(1);
    pair.wait(pair.now + Duration::from_secs(1));
    pair.check();
}

/// Plays the steps of a run, with a message from a node whenever its links have changed.
fn replay(dials: [u16; 2], seed: u64, steps: &[Step]) -> Pair {
    let mut pair = Pair::new(seed, dials, false);
    for &step in steps {
        let before = [0, 1].map(|index| pair.shape(index));
        let index = pair.play(step, usize::MAX);
        if pair.shape(index) != before[index] {
            pair.say(index);
        }
    }
    pair
}

/// Plays every order of steps. Of orders that lead to one state, one is played on.
fn play_all(dials: [u16; 2], seed: u64) -> usize {
    let mut met = BTreeSet::new();
    let mut open = vec![Vec::new()];
    while let Some(steps) = open.pop() {
        let pair = replay(dials, seed, &steps);
        if !met.insert(pair.fingerprint()) {
            continue;
        }
        let next = pair.steps();
        if next.is_empty() {
            pair.check();
        }
        for step in next {
            let mut steps = steps.clone();
            steps.push(step);
            open.push(steps);
        }
    }
    met.len()
}

#[test]
fn t28_every_order_of_two_simultaneous_dials_leaves_one_link_and_loses_nothing() {
    let states = play_all([1, 1], 0);
    assert!(states > 1_000, "{states} states");
}

#[test]
fn t28_thousands_of_simultaneous_dials_leave_one_link_and_lose_nothing() {
    for seed in 0..if cfg!(debug_assertions) { 2_000 } else { 10_000 } {
        let dials = [[1, 1], [2, 1], [1, 2], [2, 2], [2, 0]][usize::try_from(seed % 5).unwrap()];
        let played = std::panic::catch_unwind(|| play_at_random(seed, dials));
        assert!(played.is_ok(), "seed {seed}, dials {dials:?}");
    }
}

#[test]
fn t28_of_two_dials_at_once_that_of_the_lower_id_is_kept() {
    for seed in 0..20 {
        let mut pair = Pair::new(seed, [1, 1], false);
        while !pair.steps().is_empty() {
            for step in pair.steps() {
                pair.play(step, usize::MAX);
            }
        }
        pair.check();
        let ids = [0, 1].map(|index| pair.nodes[index].id());
        for index in [0, 1] {
            let kept = pair.nodes[index].routing_table().next().unwrap().direction;
            let is_lower = ids[index] < ids[1 - index];
            assert_eq!(kept == Direction::Outgoing, is_lower, "seed {seed}");
        }
    }
}
