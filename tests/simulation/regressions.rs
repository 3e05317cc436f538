//! Seeds that have failed once. Those with a story are listed here; `failed-seeds.txt` beside this
//! file keeps those that failed in a run of many, until somebody has looked into them. It holds a
//! seed a line, and `#` begins a comment.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::panic;
use std::path::{Path, PathBuf};

use rs2p::sim::{Swarm, SwarmReport};

const FOUND: [(u64, &str); 7] = [
    (26, "a scenario under TLS whose nodes were to do without their extension"),
    (199, "a check that took two lives of one neighbor for one"),
    (5, "a message that compression made longer than its receiver takes"),
    (16, "a peers list longer than the node's own limit on messages"),
    (22, "a scenario whose last message could not be through in time"),
    (39, "a question that went round a meshed graph for as long as it was open"),
    (66, "bytes that overtook others on a link that was unblocked"),
];

/// Where seeds that fail are kept.
pub(crate) fn kept_at() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/simulation/failed-seeds.txt")
}

/// The seeds that have failed, the latest first.
pub(crate) fn known() -> Vec<u64> {
    let kept = read(&kept_at()).into_iter().rev();
    kept.chain(FOUND.iter().map(|(seed, _)| *seed)).collect()
}

fn read(path: &Path) -> Vec<u64> {
    // No file, no seeds.
    let text = fs::read_to_string(path).unwrap_or_default();
    let seeds = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    seeds.filter(|seed| !seed.is_empty()).map(|seed| seed.parse().unwrap()).collect()
}

/// Runs a seed's scenario, and keeps the seed in this file if that fails.
pub(crate) fn run_and_keep(path: &Path, seed: u64, run: impl Fn() -> SwarmReport) -> SwarmReport {
    let outcome = panic::catch_unwind(panic::AssertUnwindSafe(run));
    outcome.unwrap_or_else(|failure| {
        if !read(path).contains(&seed) {
            let text = failure.downcast_ref::<String>().map_or("", String::as_str);
            let why = text.lines().next().unwrap_or_default();
            let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
            writeln!(file, "{seed} # {why}").unwrap();
        }
        panic::resume_unwind(failure)
    })
}

#[test]
fn seeds_that_have_failed_hold() {
    for seed in known() {
        let story = FOUND.iter().find(|(found, _)| *found == seed).map_or("", |(_, story)| *story);
        eprintln!("seed {seed}: {story}");
        Swarm::from_seed(seed).run();
    }
}

#[test]
fn a_seed_that_fails_is_kept_once_with_its_reason() {
    let path = std::env::temp_dir().join(format!("rs2p-failed-seeds-{}", std::process::id()));
    fs::write(&path, "# a comment\n5 # an old one\n").unwrap();
    for seed in [5, 7, 7] {
        let run = || -> SwarmReport { panic!("seed {seed} is wrong\nand more") };
        let outcome = panic::catch_unwind(|| run_and_keep(&path, seed, run));
        assert!(outcome.is_err());
    }
    let kept = fs::read_to_string(&path).unwrap();
    assert_eq!(kept, "# a comment\n5 # an old one\n7 # seed 7 is wrong\n");
    assert_eq!(read(&path), [5, 7]);
    fs::remove_file(&path).unwrap();
}
