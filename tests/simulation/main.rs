//! The mesh in the simulator.

#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that it cannot have")]

mod attacks;
mod catch_up;
mod clocks;
mod example;
mod faults;
mod legacy;
mod locate;
mod mutual;
mod reach;
mod regressions;
mod restart;
#[cfg(any(feature = "rsa", feature = "tls"))]
mod secured;
mod shapes;
mod shrink;
mod strain;
mod swarm;

use std::time::Duration;

use rs2p::sim::World;

const SECOND: Duration = Duration::from_secs(1);

/// Runs until every node has at least one neighbor, which takes a few round trips.
fn settle(world: &mut World) {
    world.run_for(5 * SECOND);
}
