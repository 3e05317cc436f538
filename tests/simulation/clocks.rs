//! Clocks that are wrong. The world itself checks that nothing is delivered twice (G2).

use std::time::Duration;

use rs2p::Event;
use rs2p::sim::{Topology, World};

use crate::{SECOND, settle};

const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// Whose clock is wrong, and two who are right: one talks, the other shows that it is heard.
const WRONG: usize = 0;
const TALKER: usize = 2;
const LISTENER: usize = 4;

fn set_clock(world: &mut World, offset: Duration, is_ahead: bool) {
    if is_ahead {
        world.set_clock_ahead(WRONG, offset);
    } else {
        world.set_clock_behind(WRONG, offset);
    }
}

/// How much a node has heard of the talker.
fn heard(world: &World, node: usize) -> usize {
    world.app(node).texts().iter().filter(|text| text.starts_with("news")).count()
}

fn suspicions(world: &World, node: usize) -> Vec<i64> {
    let ahead = |event: &Event| match event {
        Event::ClockSuspect { ahead_secs } => Some(*ahead_secs),
        _ => None,
    };
    world.app(node).events().iter().filter_map(ahead).collect()
}

/// Has the talker say this much, 20 times a second, and tells how much the wrong one has heard.
fn talk(world: &mut World, count: usize) -> usize {
    let before = [WRONG, LISTENER].map(|node| heard(world, node));
    for number in 0..count {
        world.broadcast(TALKER, &["news", &format!("{:?} {number}", world.now())]).unwrap();
        world.run_for(SECOND / 20);
    }
    world.run_for(2 * SECOND);
    let after = [WRONG, LISTENER].map(|node| heard(world, node));
    assert_eq!(after[1] - before[1], count, "who is right hears whoever is right");
    after[0] - before[0]
}

#[test]
fn t25_a_node_hears_others_but_while_its_clock_is_wrong_by_more_than_the_window_and_says_so() {
    for offset in [SECOND, 59 * SECOND, 300 * SECOND, YEAR] {
        for is_ahead in [true, false] {
            let mut world = World::new(offset.as_secs() + u64::from(is_ahead));
            world.add_nodes(6);
            world.link(&Topology::Ring);
            settle(&mut world);
            assert_eq!(talk(&mut world, 20), 20);
            // To and fro, as somebody sets it who does not know it either.
            for (round, wrong_for) in [SECOND, 70 * SECOND, 400 * SECOND].into_iter().enumerate() {
                let told = suspicions(&world, WRONG).len();
                set_clock(&mut world, offset, is_ahead);
                world.run_for(wrong_for);
                // What it says itself is heard, or not, as its stamp has it.
                let _ = world.broadcast(WRONG, &["mine", &round.to_string()]);
                let is_deaf = offset > 60 * SECOND;
                assert_eq!(talk(&mut world, 250), if is_deaf { 0 } else { 250 }, "{offset:?}");
                let new = suspicions(&world, WRONG).split_off(told);
                assert_eq!(new.len(), usize::from(is_deaf), "{offset:?}: {new:?}");
                for ahead in new {
                    assert_eq!(ahead < 0, is_ahead);
                    assert!(ahead.unsigned_abs().abs_diff(offset.as_secs()) <= 1, "{ahead}");
                }
                set_clock(&mut world, Duration::ZERO, true);
                assert_eq!(talk(&mut world, 20), 20, "set right after {wrong_for:?}: {offset:?}");
            }
            assert_eq!(suspicions(&world, LISTENER), [0; 0]);
        }
    }
}

#[test]
fn t25_clocks_that_drift_a_percent_apart_for_an_hour_lose_nothing() {
    let mut world = World::new(25);
    world.add_nodes(6);
    world.link(&Topology::Ring);
    world.set_clock_drift(WRONG, 10_000);
    world.set_clock_drift(TALKER, -5_000);
    settle(&mut world);
    for _ in 0..60 {
        assert_eq!(talk(&mut world, 5), 5);
        world.run_for(57 * SECOND);
    }
    assert_eq!(suspicions(&world, WRONG), [0; 0]);
}
