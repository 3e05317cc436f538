//! The harness checked on py2p alone: what it reports of two real nodes is what they do.

use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use super::py2p::{PATIENCE, Py2p};

/// Two nodes, the first of which dialled the second.
fn linked() -> (Py2p, Py2p) {
    let mut first = Py2p::start(&["--max-outgoing", "0"]);
    let mut second = Py2p::start(&["--max-outgoing", "0"]);
    assert!(first.connect(second.addr()));
    first.wait_for_peer(second.id());
    second.wait_for_peer(first.id());
    (first, second)
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn two_py2p_nodes_join_and_talk() {
    let (mut first, mut second) = linked();
    assert_eq!(first.peers(), [second.id()].into());
    assert_eq!(second.peers(), [first.id()].into());

    first.send(&["hello", "you"]);
    let heard = second.recv_until(PATIENCE, |message| message.says(&["hello", "you"]));
    assert_eq!(heard.sender, first.id());
    assert_eq!(heard.packets.first().unwrap(), b"broadcast");

    second.reply(&heard, &["hello back"]);
    let reply = first.recv_until(PATIENCE, |message| message.says(&["hello back"]));
    assert_eq!((reply.sender, reply.main_flag.as_str()), (second.id(), "whisper"));

    second.send_bytes(&[b"\0\xff", b""]);
    first.recv_until(PATIENCE, |message| message.says(&[&b"\0\xff"[..], b""]));

    first.whisper(second.id(), &["last"]);
    second.recv_until(PATIENCE, |message| message.says(&["last"]));
    let said = |flag: &str, words: &[&str]| {
        let packets = std::iter::once(&flag).chain(words).map(|word| word.as_bytes().to_vec());
        packets.collect::<Vec<_>>()
    };
    assert!(second.distinct_payloads().contains(&said("broadcast", &["hello", "you"])));
    assert!(second.distinct_payloads().contains(&said("whisper", &["last"])));
    assert!(!first.distinct_payloads().contains(&said("whisper", &["last"])));
    first.assert_nominal();
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn a_disconnected_neighbor_leaves_the_table() {
    let (mut first, mut second) = linked();
    first.disconnect(second.id());
    first.wait_for_loss(second.id());
    second.wait_for_loss(first.id());
    assert!(first.peers().is_empty());
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn what_does_not_come_is_reported_as_such() {
    let mut node = Py2p::start(&[]);
    assert!(node.recv_within(Duration::from_millis(200), |_| true).is_none());
    let error = node.try_command(json!({"cmd": "whisper", "to": "nobody"})).unwrap_err();
    assert_eq!(error["error"], "KeyError");
    let own_addr = node.addr();
    assert!(!node.connect(own_addr));
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn a_dropped_node_is_gone() {
    let node = Py2p::start(&[]);
    let addr = node.addr();
    assert!(TcpStream::connect(addr).is_ok());
    drop(node);
    assert!(TcpStream::connect(addr).is_err());
}
