//! Seeds that have failed once, each with what they found.

use rs2p::sim::Swarm;

const FOUND: [(u64, &str); 4] = [
    (16, "a peers list longer than the node's own limit on messages"),
    (22, "a scenario whose last message could not be through in time"),
    (39, "a question that went round a meshed graph for as long as it was open"),
    (66, "bytes that overtook others on a link that was unblocked"),
];

#[test]
fn seeds_that_have_failed_hold() {
    for (seed, found) in FOUND {
        eprintln!("seed {seed}: {found}");
        Swarm::from_seed(seed).run();
    }
}
