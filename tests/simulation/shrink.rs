//! A failing scenario shrinks to what its failure needs.

use std::panic::{self, AssertUnwindSafe};

use rs2p::Event;
use rs2p::sim::{Swarm, World};

/// An application that is wrong when its node has lost neighbors twice.
fn check(world: &World) {
    for node in 0..world.count() {
        let is_loss = |event: &&Event| matches!(event, Event::PeerLost { .. });
        let lost = world.app(node).events().iter().filter(is_loss).count();
        assert!(lost < 2, "node {node}: has lost its count of neighbors {lost} times");
    }
}

/// The text of a scenario's failure.
fn failure(swarm: &Swarm) -> Option<String> {
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| swarm.run_and(check)));
    Some(outcome.err()?.downcast_ref::<String>().cloned().unwrap_or_default())
}

#[test]
fn a_failure_that_two_cuts_make_shrinks_to_two_nodes_and_two_cuts() {
    // Among others, cuts and nothing else that ends connections.
    let cuts_alone = |swarm: &Swarm| {
        let mut others = swarm.faults.clone();
        (others.cuts, others.refusals, others.clock_steps) = (0, 0, 0);
        let is_at_ease = swarm.squeezes + swarm.dozes == 0;
        swarm.faults.cuts > 2 && swarm.nodes <= 8 && is_at_ease && others == Default::default()
    };
    let mut drawn = (0..).map(Swarm::from_seed).filter(cuts_alone);
    let (large, text) = drawn.find_map(|swarm| failure(&swarm).map(|text| (swarm, text))).unwrap();
    let shrunk = large.shrink(&text, 300, failure);
    let line = shrunk.swarm.to_line();
    assert!(line.contains(",cuts=2") && !line.contains("nodes="), "{line}");
    // Every word but the seed's is one of those two, or of what is no fault and no message.
    assert!(line.split(',').count() <= 4, "{line}");
    assert!(failure(&line.parse().unwrap()).is_some(), "{line} fails again");
}
