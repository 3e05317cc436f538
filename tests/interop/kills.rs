//! Processes that end without a word.

use rs2p::{Event, MeshSocket, NodeId};

use crate::nodes::{be_dialed, dial, node, py2p, recv_this};
use crate::py2p::{Deadline, PATIENCE};

/// Waits until the node tells that it has lost this neighbor.
fn wait_for_loss(mesh: &MeshSocket, lost: NodeId) {
    let deadline = Deadline::after(PATIENCE);
    loop {
        let event = mesh.next_event(deadline.left()).unwrap();
        assert!(event.is_some(), "no loss was told");
        if matches!(event, Some(Event::PeerLost { id, .. }) if id == lost) {
            return;
        }
    }
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn a_py2p_node_killed_within_a_frame_is_lost_and_the_others_are_served() {
    for mesh_dials in [true, false] {
        let (mesh, near, mut victim, mut other) = (node(), node(), py2p(), py2p());
        mesh.connect(near.local_addr()).unwrap();
        dial(&mesh, &mut other);
        if mesh_dials {
            dial(&mesh, &mut victim);
        } else {
            be_dialed(&mesh, &mut victim);
        }
        // py2p's system holds small writes back until those before are confirmed, and drops them
        // with the process: what is to arrive must have arrived.
        victim.whisper(mesh.id(), &["farewell"]);
        recv_this(&mesh, &["farewell"]);
        let half = b"\0\0\x10\0half a frame";
        let until = mesh.stats().bytes_in + u64::try_from(half.len()).unwrap();
        victim.send_raw_bytes(mesh.id(), half);
        let deadline = Deadline::after(PATIENCE);
        while mesh.stats().bytes_in < until {
            assert!(!deadline.left().is_zero(), "the half frame did not come");
        }
        victim.kill();
        wait_for_loss(&mesh, victim.id());

        let report = mesh.send(&["after it"]).unwrap();
        assert_eq!((report.queued(), report.refused().len()), (2, 0));
        recv_this(&near, &["after it"]);
        other.recv_until(PATIENCE, |message| message.says(&["after it"]));
        other.whisper(mesh.id(), &["and back"]);
        recv_this(&mesh, &["and back"]);
        other.assert_nominal();
    }
}
