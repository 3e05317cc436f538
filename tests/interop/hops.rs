//! Broadcasts over nodes of either kind in the middle.

use rs2p::MeshSocket;

use crate::nodes::{be_dialed, dial, node, py2p, recv_this};
use crate::py2p::{PATIENCE, Py2p};

/// Each end says one thing and then another; at the other end each comes once.
fn ends_hear_each_other_once(left: &MeshSocket, right: &MeshSocket) {
    for (from, to) in [(left, right), (right, left)] {
        for words in ["first", "second", "third"] {
            from.send(&[words]).unwrap();
        }
        for words in ["first", "second", "third"] {
            assert_eq!(recv_this(to, &[words]).sender(), from.id());
        }
    }
}

/// `from` broadcasts words that nobody else has said, because py2p takes equal ones of two senders
/// for one. All of `middle` and `to` have them; those of rs2p once.
fn carries(from: &mut Py2p, middle: &[&MeshSocket], to: &mut Py2p) {
    for words in ["first", "second"].map(|words| format!("{words} of {}", from.id())) {
        let words = words.as_str();
        from.send(&[words]);
        let heard = to
            .recv_until(PATIENCE, |message| message.says(&[words]) && message.sender == from.id());
        assert_eq!(heard.main_flag, "waterfall");
        for mesh in middle {
            assert_eq!(recv_this(mesh, &[words]).sender(), from.id());
        }
    }
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn rs2p_nodes_hear_each_other_over_py2p() {
    let (left, mut middle, right) = (node(), py2p(), node());
    dial(&left, &mut middle);
    be_dialed(&right, &mut middle);
    ends_hear_each_other_once(&left, &right);
    middle.assert_nominal();
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn py2p_nodes_hear_each_other_over_rs2p() {
    let (mut left, middle, mut right) = (py2p(), node(), py2p());
    dial(&middle, &mut left);
    be_dialed(&middle, &mut right);
    carries(&mut left, &[&middle], &mut right);
    carries(&mut right, &[&middle], &mut left);
    for end in [&mut left, &mut right] {
        end.assert_nominal();
    }
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn py2p_nodes_hear_each_other_over_two_rs2p_nodes() {
    let (mut left, first, second, mut right) = (py2p(), node(), node(), py2p());
    first.connect(second.local_addr()).unwrap();
    dial(&first, &mut left);
    be_dialed(&second, &mut right);
    carries(&mut left, &[&first, &second], &mut right);
    carries(&mut right, &[&first, &second], &mut left);
    for end in [&mut left, &mut right] {
        end.assert_nominal();
    }
}
