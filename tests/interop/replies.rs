//! Replies, to senders near and far.

use std::time::Duration;

use rs2p::{MeshSocket, Message};
use serde_json::json;

use crate::nodes::{be_dialed, dial, node, py2p, recv_this, wait_for_neighbor};
use crate::py2p::{Deadline, PATIENCE, Py2p};

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn neighbors_reply_to_each_other() {
    let (mesh, mut py2p) = (node(), py2p());
    dial(&mesh, &mut py2p);

    py2p.send(&["question"]);
    recv_this(&mesh, &["question"]).reply(&["answer", "of rs2p"]).unwrap();
    let heard = py2p.recv_until(PATIENCE, |message| message.says(&["answer", "of rs2p"]));
    assert_eq!((heard.sender, heard.main_flag.as_str()), (mesh.id(), "whisper"));

    py2p.reply(&heard, &["answer", "of py2p"]);
    let heard = recv_this(&mesh, &["answer", "of py2p"]);
    assert!((heard.sender(), heard.is_whisper()) == (py2p.id(), true));
    py2p.assert_nominal();
}

/// Has a py2p node reply to a sender that is no neighbor of it, until the reply is there: py2p
/// notes its question after asking it, and loses the answer to one that comes sooner.
fn reply_from_afar(py2p: &mut Py2p, to: &MeshSocket) -> Message {
    to.send(&["who is there?"]).unwrap();
    let heard = py2p.recv_until(PATIENCE, |message| message.says(&["who is there?"]));
    assert_eq!(heard.sender, to.id());
    let deadline = Deadline::after(PATIENCE);
    while !deadline.left().is_zero() {
        py2p.reply(&heard, &["a distant one"]);
        if let Some(reply) = to.recv_timeout(Duration::from_secs(5)).unwrap() {
            return reply;
        }
    }
    panic!("the reply did not come")
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn py2p_replies_to_a_distant_rs2p_node_and_lives_on() {
    let (mut py2p, middle, far) = (py2p(), node(), node());
    dial(&middle, &mut py2p);
    middle.connect(far.local_addr()).unwrap();

    let reply = reply_from_afar(&mut py2p, &far);
    assert!(reply.contents().eq([b"a distant one"]), "{reply:?}");
    assert_eq!((reply.sender(), reply.is_whisper()), (py2p.id(), true));

    // Having been answered with a handshake, it could meet nobody any more.
    py2p.assert_nominal();
    for dials in [true, false] {
        let newcomer = node();
        if dials {
            dial(&newcomer, &mut py2p);
        } else {
            be_dialed(&newcomer, &mut py2p);
        }
        newcomer.send(&["hello"]).unwrap();
        py2p.recv_until(PATIENCE, |message| message.sender == newcomer.id());
        py2p.whisper(newcomer.id(), &["welcome"]);
        recv_this(&newcomer, &["welcome"]);
    }
    py2p.assert_nominal();
    assert!(far.status().is_nominal(), "{}", far.status());
}

/// The py2p node's broadcast has reached `far` over one in the middle; `far` replies.
fn replies_from_afar(py2p: &mut Py2p, far: &MeshSocket) {
    py2p.send(&["who is there?"]);
    let heard = recv_this(far, &["who is there?"]);
    assert_eq!(heard.sender(), py2p.id());
    assert_ne!(heard.neighbor(), py2p.id());
    heard.reply(&["a distant one"]).unwrap();
    let reply = py2p.recv_until(PATIENCE, |message| message.says(&["a distant one"]));
    assert_eq!((reply.sender, reply.main_flag.as_str()), (far.id(), "whisper"));
    py2p.wait_for_peer(far.id());
    wait_for_neighbor(far, py2p.id());
    py2p.assert_nominal();
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn rs2p_replies_to_a_distant_py2p_node_over_rs2p() {
    for middle_dials in [true, false] {
        let (mut py2p, middle, far) = (py2p(), node(), node());
        if middle_dials {
            dial(&middle, &mut py2p);
        } else {
            be_dialed(&middle, &mut py2p);
        }
        far.connect(middle.local_addr()).unwrap();
        replies_from_afar(&mut py2p, &far);
    }
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn rs2p_replies_to_a_distant_py2p_node_over_py2p() {
    let (mut py2p, mut middle, far) = (py2p(), py2p(), node());
    assert!(py2p.connect(middle.addr()));
    py2p.wait_for_peer(middle.id());
    middle.wait_for_peer(py2p.id());
    dial(&far, &mut middle);
    replies_from_afar(&mut py2p, &far);
    let pending = py2p.command(json!({"cmd": "pending"}));
    assert_eq!(pending["pending"], json!([]));
    middle.assert_nominal();
}
