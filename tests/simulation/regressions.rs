//! Scenarios that have failed: `failed-scenarios.txt` beside this file keeps those that failed in a
//! run of many, until somebody has looked into them. It holds one a line, as `rs2p sim --scenario`
//! takes it, and `#` begins a comment. What a scenario has found is kept as a test of its own.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::panic;
use std::path::{Path, PathBuf};

use rs2p::sim::{Swarm, SwarmReport};

/// Where scenarios that fail are kept.
pub(crate) fn kept_at() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/simulation/failed-scenarios.txt")
}

/// The scenarios in a file.
fn read(path: &Path) -> Vec<Swarm> {
    // No file, no scenarios.
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    lines.filter(|line| !line.is_empty()).map(|line| line.parse().unwrap()).collect()
}

/// Lives through a scenario, and keeps it in this file if that fails.
pub(crate) fn run_and_keep(
    path: &Path,
    swarm: &Swarm,
    run: impl Fn(&Swarm) -> SwarmReport,
) -> SwarmReport {
    let outcome = panic::catch_unwind(panic::AssertUnwindSafe(|| run(swarm)));
    outcome.unwrap_or_else(|failure| {
        if !read(path).contains(swarm) {
            let text = failure.downcast_ref::<String>().map_or("", String::as_str);
            let why = text.lines().next().unwrap_or_default();
            let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
            writeln!(file, "{} # {why}", swarm.to_line()).unwrap();
        }
        panic::resume_unwind(failure)
    })
}

#[test]
fn scenarios_that_have_failed_hold() {
    for swarm in read(&kept_at()).into_iter().rev() {
        eprintln!("scenario {}", swarm.to_line());
        swarm.run();
    }
}

#[test]
fn a_scenario_that_fails_is_kept_once_with_its_reason() {
    let path = std::env::temp_dir().join(format!("rs2p-failed-{}", std::process::id()));
    fs::write(&path, "# a comment\nseed=5 # an old one\n").unwrap();
    for line in ["seed=5", "seed=7,nodes=3", "seed=7,nodes=3"] {
        let run = |swarm: &Swarm| panic!("{} is wrong\nand more", swarm.to_line());
        let outcome = panic::catch_unwind(|| run_and_keep(&path, &line.parse().unwrap(), run));
        assert!(outcome.is_err());
    }
    let kept = fs::read_to_string(&path).unwrap();
    let expected = "# a comment\nseed=5 # an old one\nseed=7,nodes=3 # seed=7,nodes=3 is wrong\n";
    assert_eq!(kept, expected);
    let lines: Vec<_> = read(&path).iter().map(Swarm::to_line).collect();
    assert_eq!(lines, ["seed=5", "seed=7,nodes=3"]);
    fs::remove_file(&path).unwrap();
}
