//! Meshes under encryption, on real sockets.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rs2p::{Builder, CloseReason, ConnectError, Encryption, MeshSocket, RecvError};

use super::PATIENCE;

fn builder(encryption: Encryption) -> Builder {
    MeshSocket::builder().encryption(encryption).max_outgoing(0)
}

fn node(encryption: Encryption) -> MeshSocket {
    builder(encryption).bind("127.0.0.1:0").unwrap()
}

/// Everybody hears everybody in a ring, and a whisper finds its way; then all leave in good order.
fn everybody_hears_everybody(encryption: Encryption, count: usize) {
    let nodes: Vec<_> = (0..count).map(|_| node(encryption)).collect();
    for from in 0..count {
        nodes[from].connect(nodes[(from + 1) % count].local_addr()).unwrap();
    }
    for node in &nodes {
        assert_eq!(node.wait_for_peers(2, PATIENCE), 2);
    }
    for (index, node) in nodes.iter().enumerate() {
        node.send(&[format!("from {index}")]).unwrap();
    }
    for node in &nodes {
        let mut senders: Vec<_> = (1..count)
            .map(|_| node.recv_timeout(PATIENCE).unwrap().expect("a message is missing").sender())
            .collect();
        senders.sort();
        senders.dedup();
        assert_eq!(senders.len(), count - 1);
    }
    let far = nodes[count / 2].id();
    nodes[0].whisper(&far, &["only for you"]).unwrap();
    let message = nodes[count / 2].recv_timeout(PATIENCE).unwrap().unwrap();
    assert!(message.is_whisper() && message.sender() == nodes[0].id());
    for node in &nodes {
        assert!(node.close().is_clean());
    }
    for node in &nodes {
        assert_eq!(node.recv(), Err(RecvError::Closed), "nothing came on top");
    }
}

#[cfg(feature = "tls")]
#[test]
fn a_ring_of_eight_under_tls() {
    everybody_hears_everybody(Encryption::Tls, 8);
}

#[cfg(feature = "tls")]
#[test]
fn a_ring_of_32_under_tls() {
    everybody_hears_everybody(Encryption::Tls, 32);
}

#[cfg(feature = "rsa")]
#[test]
fn a_ring_of_four_under_rsa() {
    everybody_hears_everybody(Encryption::Rsa, 4);
}

#[cfg(feature = "tls")]
#[test]
fn an_identity_is_the_id_and_comes_back_with_it() {
    let identity = rs2p::Identity::generate().unwrap();
    let bind = || builder(Encryption::Tls).identity(identity.clone()).bind("127.0.0.1:0").unwrap();
    let hub = node(Encryption::Tls);
    for _ in 0..3 {
        let node = bind();
        assert_eq!(node.id(), identity.node_id());
        assert_eq!(node.connect(hub.local_addr()).unwrap(), hub.id());
        hub.send(&["welcome back"]).unwrap();
        node.recv_timeout(PATIENCE).unwrap().unwrap();
    }
}

#[cfg(feature = "tls")]
#[test]
fn encryptions_do_not_mix_and_both_ends_say_so() {
    let (secured, plain) = (node(Encryption::Tls), node(Encryption::Plaintext));
    let outcome = secured.connect(plain.local_addr());
    let expected = CloseReason::OtherEncryption("Plaintext");
    assert!(
        matches!(&outcome, Err(ConnectError::Closed(reason)) if *reason == expected),
        "{outcome:?}"
    );
    let outcome = plain.connect(secured.local_addr());
    let expected = CloseReason::OtherEncryption("tls13-rpk/1");
    assert!(
        matches!(&outcome, Err(ConnectError::Closed(reason)) if *reason == expected),
        "{outcome:?}"
    );
}

#[cfg(feature = "tls")]
#[test]
fn a_silent_or_babbling_stranger_keeps_nobody_waiting() {
    let server = node(Encryption::Tls);
    let silent: Vec<_> = (0..8).map(|_| TcpStream::connect(server.local_addr()).unwrap()).collect();
    let mut babbler = TcpStream::connect(server.local_addr()).unwrap();
    babbler.write_all(&[0x16; 100_000]).unwrap_or_default();
    let client = node(Encryption::Tls);
    client.connect(server.local_addr()).unwrap();
    client.send(&["served all the same"]).unwrap();
    server.recv_timeout(PATIENCE).unwrap().unwrap();
    babbler.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    // An alert at most, and then the end.
    let mut said = Vec::new();
    let _ = babbler.read_to_end(&mut said);
    assert!(said.len() <= 7, "{said:?}");
    drop(silent);
}
