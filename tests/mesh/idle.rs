//! What a mesh costs while nobody says anything.

use std::time::Duration;

use rs2p::MeshSocket;

use super::linked;

const COUNT: usize = 16;

/// A ring with a chord at every second node.
fn idle_mesh() -> Vec<MeshSocket> {
    let ring = (0..COUNT).map(|node| (node, (node + 1) % COUNT));
    let chords = (0..COUNT / 2).step_by(2).map(|node| (node, node + COUNT / 2));
    let nodes = linked(COUNT, &ring.chain(chords).collect::<Vec<_>>());
    for node in &nodes {
        node.send(&["the last word"]).unwrap();
    }
    for node in &nodes {
        for _ in 1..COUNT {
            node.recv().unwrap();
        }
    }
    nodes
}

/// How often each node wakes up in a time in which nothing happens, the look at it included.
fn wakeups_within(nodes: &[MeshSocket], time: Duration) -> Vec<u64> {
    let wakeups = || nodes.iter().map(|node| node.stats().wakeups).collect::<Vec<_>>();
    let before = wakeups();
    assert_eq!(nodes[0].recv_timeout(time), Ok(None));
    wakeups().iter().zip(before).map(|(after, before)| after - before).collect()
}

fn assert_few(wakeups: &[u64], time: Duration) {
    assert!(wakeups.iter().all(|&count| count <= 5 * time.as_secs()), "{wakeups:?}");
}

#[test]
fn t41_an_idle_node_wakes_at_most_five_times_a_second() {
    let time = Duration::from_secs(2);
    assert_few(&wakeups_within(&idle_mesh(), time), time);
}

/// Alone: `cargo test --test mesh idle_mesh_of_16 -- --ignored --nocapture`.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "takes 30 s, and counts what the whole process costs"]
fn t41_an_idle_mesh_of_16_costs_less_than_a_hundredth_of_a_core() {
    let nodes = idle_mesh();
    let time = Duration::from_secs(30);
    let before = cpu_ticks();
    let wakeups = wakeups_within(&nodes, time);
    let ticks = cpu_ticks() - before;
    println!("in {time:?}: {ticks} CPU ticks of 10 ms; wake-ups of each node: {wakeups:?}");
    assert_few(&wakeups, time);
    assert!(ticks <= time.as_secs(), "1 % of a core is 1 tick a second, not {ticks} in {time:?}");
}

/// The processor time of this process, in ticks: a hundred make a second on every Linux.
#[cfg(target_os = "linux")]
fn cpu_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // The name in parentheses may hold anything; utime and stime are fields 14 and 15.
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let fields = fields.split_whitespace().skip(11).take(2);
    fields.map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}
