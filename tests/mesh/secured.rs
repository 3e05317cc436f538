//! Meshes under encryption, on real sockets.

#[cfg(feature = "tls")]
use std::io::{Read, Write};
use std::net::TcpStream;
#[cfg(feature = "tls")]
use std::time::Duration;

use rs2p::{Builder, Encryption, MeshSocket, RecvError};
#[cfg(feature = "tls")]
use rs2p::{CloseReason, ConnectError};

use super::{PATIENCE, until};

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
fn a_batch_arrives_signed_over_two_links_and_a_mesh_without_signatures_is_another() {
    let nodes: Vec<_> = (0..3).map(|_| node(Encryption::Tls)).collect();
    for (from, to) in [(0, 1), (1, 2)] {
        nodes[from].connect(nodes[to].local_addr()).unwrap();
    }
    assert_eq!(nodes[1].wait_for_peers(2, PATIENCE), 2);
    let batch: Vec<[String; 1]> = (0..100).map(|number| [format!("message {number}")]).collect();
    let reports = nodes[0].send_batch(&batch).unwrap();
    assert!(reports.iter().all(|report| report.as_ref().is_ok_and(|report| report.queued() == 1)));
    for [text] in &batch {
        let message = nodes[2].recv_timeout(PATIENCE).unwrap().expect("a message is missing");
        assert!(message.contents().eq([text.as_bytes()]));
        assert!(message.is_authenticated() && message.sender() == nodes[0].id());
    }
    assert_eq!(nodes[2].stats().verified, 1);
    assert!(nodes[2].routing_table().iter().all(|info| info.is_authenticated));
    let too_many = vec![["x"]; 1_025];
    let error = rs2p::SendError::TooManyMessages { count: 1_025, max: 1_024 };
    assert_eq!(nodes[0].send_batch(&too_many).unwrap_err(), error);

    let unsigned = builder(Encryption::Tls);
    let unsigned = unsigned
        .configure(|config| config.signatures = rs2p::Signatures::Never)
        .bind("127.0.0.1:0");
    let unsigned = unsigned.unwrap();
    for (from, to) in [(&unsigned, &nodes[0]), (&nodes[0], &unsigned)] {
        let outcome = from.connect(to.local_addr());
        assert!(
            matches!(&outcome, Err(ConnectError::Closed(CloseReason::Unsigned))),
            "{outcome:?}"
        );
    }
    assert_eq!(unsigned.status().troubles().len(), 2);
}

#[cfg(all(feature = "rsa", feature = "tls"))]
#[test]
fn encryptions_do_not_mix_and_both_ends_say_which_is_the_others() {
    let all = [Encryption::Plaintext, Encryption::Rsa, Encryption::Tls];
    for (own, other) in all.iter().flat_map(|own| all.map(|other| (*own, other))) {
        if own == other {
            continue;
        }
        let (dialer, listener) = (node(own), node(other));
        let outcome = dialer.connect(listener.local_addr());
        let expected = CloseReason::OtherEncryption(other.name());
        assert!(
            matches!(&outcome, Err(ConnectError::Closed(reason)) if *reason == expected),
            "{own:?} dials {other:?}: {outcome:?}"
        );
        until(&listener, |listener| !listener.status().troubles().is_empty());
        let told: Vec<_> = listener.status().troubles().iter().map(|it| it.reason).collect();
        let expected = CloseReason::OtherEncryption(own.name());
        assert_eq!(told, [expected], "{own:?} dialled {other:?}");
    }
}

/// Whoever only wants to know whether an address can be reached, as every node does of its new
/// neighbors.
#[test]
fn a_connection_that_ends_without_a_word_leaves_a_node_nominal() {
    for encryption in [
        Encryption::Plaintext,
        #[cfg(feature = "rsa")]
        Encryption::Rsa,
        #[cfg(feature = "tls")]
        Encryption::Tls,
    ] {
        let node = node(encryption);
        let probe = TcpStream::connect(node.local_addr()).unwrap();
        until(&node, |node| node.awaiting().len() == 1);
        drop(probe);
        until(&node, |node| node.awaiting().is_empty());
        assert_eq!(node.status().to_string(), "Nominal", "{encryption:?}");
    }
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
