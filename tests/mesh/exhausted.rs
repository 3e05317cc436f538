//! A process without descriptors, and one whose standard error nobody reads.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::Duration;

use rs2p::MeshSocket;

use super::victim::Victim;
use super::{PATIENCE, node, within};

/// Enough for the connections that a node may have by default, and no more than that.
const FILES: usize = 256;

fn exchange(mesh: &MeshSocket, victim: rs2p::NodeId, word: &str) {
    mesh.whisper(&victim, &[word]).unwrap();
    let reply = mesh.recv_timeout(PATIENCE).unwrap().expect("the reply is missing");
    assert!(reply.contents().eq([word.as_bytes()]));
}

/// A connection that the victim has ended, which it does though it has no descriptor for it.
fn turned_away(victim: &Victim) -> bool {
    let mut stream = TcpStream::connect(victim.addr).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    match stream.read(&mut [0]) {
        Ok(len) => len == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

#[test]
fn t14_without_descriptors_neighbors_are_served_newcomers_turned_away_and_later_taken() {
    let mut victim = Victim::start(FILES);
    let neighbor = node();
    let id = neighbor.connect(victim.addr).unwrap();
    assert!(victim.ask("exhaust").parse::<usize>().unwrap() > 0);
    assert!(turned_away(&victim) && turned_away(&victim));
    exchange(&neighbor, id, "still here");
    assert!(victim.count("shed") >= 2);
    assert_eq!(victim.ask("free"), "free");
    let newcomer = node();
    let addr = victim.addr;
    // Whoever came within the last pause may be turned away yet.
    within(PATIENCE, move || {
        while newcomer.connect(addr).is_err() {}
        exchange(&newcomer, id, "welcome");
    });
    exchange(&neighbor, id, "and still here");
}

/// Alone: `cargo test --release --test mesh t14_a_full_table -- --ignored --nocapture`.
#[test]
#[ignore = "measures processor time and waits for pauses to grow to their longest"]
fn t14_a_full_table_costs_less_than_a_twentieth_of_a_core_and_is_over_within_five_seconds() {
    let mut victim = Victim::start(FILES);
    let neighbor = node();
    let id = neighbor.connect(victim.addr).unwrap();
    victim.ask("exhaust");
    let (_never, pace) = std::sync::mpsc::channel::<()>();
    let before = victim.ticks();
    let mut waiting = Vec::new();
    for _ in 0..100 {
        waiting.push(TcpStream::connect(victim.addr).unwrap());
        let _ = pace.recv_timeout(Duration::from_millis(100));
    }
    let ticks = victim.ticks() - before;
    exchange(&neighbor, id, "still here");
    println!("100 connects in 10 s without a descriptor: {ticks} ticks of 10 ms");
    assert!(ticks <= 50, "5 % of a core is 5 ticks a second, not {ticks} in 10 s");
    drop(waiting);
    victim.ask("free");
    let (newcomer, addr) = (node(), victim.addr);
    within(Duration::from_secs(6), move || while newcomer.connect(addr).is_err() {});
}

#[test]
fn t40_a_node_whose_standard_error_is_a_full_pipe_goes_on() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    // A pipe of Linux takes 64 KiB, and then whoever writes waits.
    writer.write_all(&[b'x'; 64 << 10]).unwrap();
    let victim = Victim::with_stderr(1_024, Stdio::from(writer));
    let neighbor = node();
    let id = neighbor.connect(victim.addr).unwrap();
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\xff\xff\xff\xff", b"\0\0\0\x01x"] {
        let mut stranger = TcpStream::connect(victim.addr).unwrap();
        stranger.write_all(garbage).unwrap();
        let _ = stranger.read_to_end(&mut Vec::new());
        exchange(&neighbor, id, "still here");
    }
    drop(reader);
}
