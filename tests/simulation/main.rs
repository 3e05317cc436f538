//! The mesh in the simulator.

#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that it cannot have")]

mod example;
mod faults;
mod locate;
mod regressions;
#[cfg(any(feature = "rsa", feature = "tls"))]
mod secured;
mod shapes;
mod swarm;

use std::time::Duration;

use rs2p::sim::World;

const SECOND: Duration = Duration::from_secs(1);

/// Runs until every node has at least one neighbor, which takes a few round trips.
fn settle(world: &mut World) {
    world.run_for(5 * SECOND);
}
