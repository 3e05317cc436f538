//! Attacks on nodes under RSA, on real sockets. What the node decides, and when, is tested without.

#![expect(clippy::disallowed_methods, reason = "what passes on the way is measured")]
#![expect(clippy::print_stdout, reason = "for who wants to see the figures")]

use std::collections::BTreeSet;
use std::io::Write;
use std::net::{Shutdown, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use rs2p::rsa::{Hash, SeededRng, encrypt, sign};
use rs2p::session::rsa::{chunk_len, construct_packets};
use rs2p::{Encryption, MeshSocket};

use super::stranger::{KEY, Stranger, connect, message, read_to_end};
use super::{PATIENCE, until};

fn node() -> MeshSocket {
    MeshSocket::builder().encryption(Encryption::Rsa).max_outgoing(0).bind("127.0.0.1:0").unwrap()
}

/// A node, and one that it serves.
fn served() -> (MeshSocket, MeshSocket) {
    let (server, friend) = (node(), node());
    friend.connect(server.local_addr()).unwrap();
    (server, friend)
}

fn is_served(server: &MeshSocket, friend: &MeshSocket) {
    friend.send(&["served all the same"]).unwrap();
    assert_eq!(server.recv_timeout(PATIENCE).unwrap().unwrap().sender(), friend.id());
}

/// The sockets that a node has open, without the one that listens.
#[cfg(target_os = "linux")]
fn open_sockets(addr: SocketAddr) -> usize {
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    let local = format!(":{:04X}", addr.port());
    let is_open = |line: &&str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        // Local address, state, inode: a socket that nobody holds open has no inode.
        fields[1].ends_with(&local) && fields[3] != "0A" && fields[9] != "0"
    };
    table.lines().skip(1).filter(is_open).count()
}

const QUESTIONS: &[u8] = b"Requesting key sizeRequesting key";

#[test]
fn strangers_of_every_kind_are_closed_in_silence_and_the_others_are_served() {
    let (server, friend) = served();
    let addr = server.local_addr();
    let silent: Vec<_> = (0..4).map(|_| connect(addr)).collect();
    let sizes = ["1000000000000000", "999999999999999 ", "88              ", "-5              "];
    let texts = sizes.iter().map(|size| [QUESTIONS, size.as_bytes()].concat());
    let own_key = |text: String| {
        [QUESTIONS, b"1024            ", format!("{text:<1024}").as_bytes()].concat()
    };
    let key = KEY.public().to_string();
    let (n, _) = key.split_once(',').unwrap();
    let keys = [format!("{n},1"), format!("{n},4"), format!("{n},8589934593"), String::new()];
    let garbage = vec![b"GET / HTTP/1.1\r\n\r\nabc".to_vec(), vec![0; 19], vec![0xff; 100_000]];
    for data in texts.chain(keys.map(own_key)).chain(garbage) {
        let mut stream = connect(addr);
        // The node may have closed before it has read all.
        stream.write_all(&data).unwrap_or_default();
        is_served(&server, &friend);
        let said = read_to_end(&mut stream);
        assert!(said.is_empty() || said.starts_with(b"1024      "), "{said:?}");
    }
    drop(silent);
}

#[test]
fn strangers_under_keys_are_closed_in_silence_and_the_others_are_served() {
    let (server, friend) = served();
    let addr = server.local_addr();
    let forged = sign(b"another", &KEY, Hash::Sha512).unwrap();
    let blocks = |stranger: &Stranger, pieces: &[Vec<u8>]| -> Vec<u8> {
        let key = stranger.session.peer_key().unwrap();
        pieces.iter().flat_map(|piece| encrypt(piece, key).unwrap()).collect()
    };
    let part = |stranger: &Stranger, bytes: &[u8]| {
        let key = stranger.session.peer_key().unwrap();
        blocks(stranger, &construct_packets(bytes, chunk_len(key.size())))
    };
    type Make<'a> = &'a dyn Fn(&Stranger) -> Vec<u8>;
    let faults: [Make<'_>; 5] = [
        &|_| [&[0], &[0x5a; 127][..]].concat(),
        &|stranger| blocks(stranger, &[b"\0\0\0\x02\0\0".to_vec()]),
        &|stranger| blocks(stranger, &[b"\0\0\0\x04\xff\xff\xff\xff".to_vec()]),
        &|stranger| [part(stranger, b"message"), part(stranger, &forged)].concat(),
        &|stranger| [part(stranger, &[1; 5_000]), vec![0; 128]].concat(),
    ];
    for make in faults {
        let mut stranger = Stranger::meets(addr);
        let data = make(&stranger);
        let began = Instant::now();
        stranger.stream.write_all(&data).unwrap();
        is_served(&server, &friend);
        assert_eq!(stranger.hears(), b"");
        assert!(began.elapsed() >= Duration::from_millis(50), "it ended at once");
    }
}

#[test]
fn a_conversation_that_is_cut_keeps_no_socket_open() {
    let (server, friend) = served();
    let addr = server.local_addr();
    let key = format!("{:<1024}", KEY.public().to_string());
    let exchange = [QUESTIONS, b"1024            ", key.as_bytes()].concat();
    // The pure tests cut at every byte; here it is about sockets.
    for len in (0..33).step_by(7).chain((33..exchange.len()).step_by(211)) {
        let mut stream = connect(addr);
        stream.write_all(&exchange[..len]).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let said = read_to_end(&mut stream);
        assert!(said.is_empty() || said.starts_with(b"1024      "), "cut at {len}");
    }
    is_served(&server, &friend);
    until(&server, |server| server.awaiting().is_empty());
    #[cfg(target_os = "linux")]
    until(&server, |server| open_sockets(server.local_addr()) == 1);
}

/// So many connections of four bad kinds, some twenty at a time.
fn bad_connections_leave_nothing(count: usize) {
    let (server, friend) = served();
    let addr = server.local_addr();
    let kinds: [&[u8]; 4] = [b"", b"Requesting", b"GET / HTTP/1.1\r\n\r\n", &[0xff; 2_000]];
    for batch in 0..count.div_ceil(24) {
        let mut streams: Vec<_> = (0..24).map(|_| connect(addr)).collect();
        for (index, stream) in streams.iter_mut().enumerate() {
            stream.write_all(kinds[(batch + index) % kinds.len()]).unwrap_or_default();
            // The peer may be gone already.
            drop(stream.shutdown(Shutdown::Write));
        }
        is_served(&server, &friend);
        for stream in &mut streams {
            assert_eq!(read_to_end(stream), b"");
        }
    }
    until(&server, |server| server.awaiting().is_empty());
    #[cfg(target_os = "linux")]
    until(&server, |server| open_sockets(server.local_addr()) == 1);
}

#[test]
fn two_hundred_bad_connections_leave_nothing() {
    bad_connections_leave_nothing(200);
}

#[test]
#[ignore = "waits for forty times a fifth of a second"]
fn a_thousand_bad_connections_leave_nothing() {
    bad_connections_leave_nothing(1_000);
}

#[test]
fn no_two_connections_have_the_same_modulus() {
    let server = node();
    let moduli: BTreeSet<_> = (0..6)
        .map(|_| Stranger::meets(server.local_addr()).session.peer_key().unwrap().n())
        .collect();
    assert_eq!(moduli.len(), 6);
}

/// How long each of so many messages takes from one node to the other, sorted.
fn latencies(from: &MeshSocket, to: &MeshSocket, count: usize) -> Vec<Duration> {
    let (_keep, pace) = channel::<()>();
    let mut latencies: Vec<_> = (0..count)
        .map(|number| {
            let text = format!("honest {number}");
            let began = Instant::now();
            from.send(&[&text]).unwrap();
            while to.recv_timeout(PATIENCE).unwrap().unwrap().packets().nth(1).unwrap()
                != text.as_bytes()
            {}
            let latency = began.elapsed();
            let _ = pace.recv_timeout(Duration::from_millis(20));
            latency
        })
        .collect();
    latencies.sort_unstable();
    latencies
}

/// Prints a row, and returns the 99th percentile.
fn report(what: &str, latencies: &[Duration]) -> Duration {
    let at = |percent: usize| latencies[(latencies.len() * percent / 100).min(latencies.len() - 1)];
    println!("{what}: p50 {:?}, p99 {:?}, most {:?}", at(50), at(99), at(100));
    at(99)
}

/// `cargo test --test mesh ten_at_full_rate -- --ignored --nocapture`, alone. Ten neighbors send
/// messages of 60 KB as fast as they are taken, five connections stay silent, and one stranger after
/// the other makes a fault. A message without them takes some 4 ms, of which all is RSA.
#[test]
#[ignore = "measures time: alone, on a machine that has nothing else to do"]
fn ten_at_full_rate_hold_up_nobody_else_for_long() {
    let (server, from) = served();
    let addr = server.local_addr();
    let to = node();
    to.connect(addr).unwrap();
    let idle = report("idle", &latencies(&from, &to, 200));

    let is_over = AtomicBool::new(false);
    let silent: Vec<_> = (0..5).map(|_| connect(addr)).collect();
    let loaded = thread::scope(|scope| {
        for number in 0..10 {
            let name = format!("heavy{number}");
            let mut heavy = Stranger::joins(addr, &name);
            let text = vec![b'x'; 60_000];
            let record = heavy.seal(&message("whisper", &name, &[&b"whisper"[..], &text]));
            let is_over = &is_over;
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) && heavy.stream.write_all(&record).is_ok() {}
            });
        }
        let faulty = scope.spawn(|| {
            let mut rng = SeededRng::from_seed([1; 32]);
            while !is_over.load(Ordering::Relaxed) {
                let mut stranger = Stranger::meets(addr);
                let mut noise = [0; 128];
                rs2p::rsa::rand_core::RngCore::fill_bytes(&mut rng, &mut noise);
                if stranger.stream.write_all(&noise).is_ok() {
                    stranger.hears();
                }
            }
        });
        let loaded = report("under load", &latencies(&from, &to, 200));
        is_over.store(true, Ordering::Relaxed);
        faulty.join().unwrap();
        // Ends the writers, which wait for a node that has more to do than it likes.
        server.close();
        loaded
    });
    drop(silent);
    assert!(loaded < idle + Duration::from_millis(250), "{loaded:?} under load, {idle:?} without");
}
