//! Real nodes over loopback: throughput and round trip of a pair, and one that sends to many.

use std::thread;
use std::time::Duration;

use rs2p::{Encryption, MeshSocket};

use crate::case::{Batch, Case, Source};
use crate::payload::{SIZES, noise, text};

/// How long anything may take before the bench is given up.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (len, size) in SIZES {
        cases.push(send(format!("pair/{size}"), 1, len, noise));
        // Shorter ones are not compressed.
        if len >= 512 {
            cases.push(send(format!("pair/{size}-text"), 1, len, text));
        }
    }
    cases.push(round_trip("round-trip/256B", 256));
    for receivers in [1, 7, 15] {
        cases.push(send(format!("fan-out/256B/to-{receivers}"), receivers, 256, noise));
    }
    cases
}

/// One node sends as fast as it can, and its neighbors receive everything.
fn send(name: String, receivers: usize, len: usize, payload: fn(usize, u64) -> Vec<u8>) -> Case {
    Case::new(name, "message", len, move || {
        let (hub, others) = star(receivers);
        let count = ((8 << 20) / len / receivers).clamp(8, 10_000);
        let payload = payload(len, 1);
        Source::new(move || {
            let (hub, others, payload) = (hub.clone(), others.clone(), payload.clone());
            Batch::new(move || {
                thread::scope(|scope| {
                    for other in &others {
                        scope.spawn(|| (0..count).for_each(|_| receive(other, &payload)));
                    }
                    for _ in 0..count {
                        hub.send_timeout(&[&payload], PATIENCE).unwrap();
                    }
                });
                count as u64
            })
        })
    })
}

/// A message to the other node, and one back from there, before the next is sent.
fn round_trip(name: &str, len: usize) -> Case {
    Case::new(name.to_owned(), "round trip", 0, move || {
        let (hub, others) = star(1);
        let payload = noise(len, 1);
        Source::new(move || {
            let (hub, other) = (hub.clone(), others.first().unwrap().clone());
            let payload = payload.clone();
            Batch::repeat(500, move || {
                hub.send(&[&payload]).unwrap();
                receive(&other, &payload);
                other.send(&[&payload]).unwrap();
                receive(&hub, &payload);
            })
        })
    })
}

/// A node and its only neighbors, each linked to nothing else.
fn star(receivers: usize) -> (MeshSocket, Vec<MeshSocket>) {
    let hub = bind();
    let others: Vec<_> = (0..receivers).map(|_| bind()).collect();
    for other in &others {
        other.connect(hub.local_addr()).unwrap();
    }
    assert_eq!(hub.wait_for_peers(receivers, PATIENCE), receivers, "neighbors");
    (hub, others)
}

/// A node whose inbox takes all of a batch: what is measured loses nothing.
fn bind() -> MeshSocket {
    MeshSocket::builder()
        .encryption(Encryption::Plaintext)
        .max_outgoing(0)
        .max_inbox_count(1 << 20)
        .max_inbox_len(1 << 30)
        .bind("127.0.0.1:0")
        .unwrap()
}

fn receive(socket: &MeshSocket, expected: &[u8]) {
    let message = socket.recv_timeout(PATIENCE).unwrap().unwrap();
    let len: usize = message.contents().map(<[u8]>::len).sum();
    assert_eq!(len, expected.len(), "the message that was sent");
}
