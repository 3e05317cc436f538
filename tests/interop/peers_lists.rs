//! Peers lists: what rs2p tells py2p, and what it makes of what py2p tells.

use crate::locates::closed_addr;
use crate::nodes::{
    be_dialed, bind, builder, dial, neighbors, node, py2p, recv_this, wait_for_neighbor,
};
use crate::py2p::{Deadline, PATIENCE, Py2p};

/// A py2p node that follows peers lists, as it does by default.
fn follower() -> Py2p {
    Py2p::start(&[])
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn py2p_joins_the_nodes_that_rs2p_tells_of_and_stays_its_neighbor() {
    for mesh_dials in [true, false] {
        let (mesh, dialed) = (node(), node());
        let unreachable = bind(builder().out_addr(closed_addr()));
        mesh.connect(dialed.local_addr()).unwrap();
        unreachable.connect(mesh.local_addr()).unwrap();
        assert_eq!(mesh.wait_for_peers(2, PATIENCE), 2);

        let mut newcomer = follower();
        if mesh_dials {
            dial(&mesh, &mut newcomer);
        } else {
            be_dialed(&mesh, &mut newcomer);
        }
        newcomer.wait_for_peer(dialed.id());
        wait_for_neighbor(&dialed, newcomer.id());
        assert_eq!(newcomer.peers(), [mesh.id(), dialed.id()].into());

        for said in ["one", "two"] {
            dialed.send(&[said]).unwrap();
            newcomer.recv_until(PATIENCE, |message| message.says(&[said]));
            newcomer.whisper(mesh.id(), &[said]);
        }
        newcomer.assert_nominal();
        for node in [&mesh, &dialed] {
            assert!(node.status().is_nominal(), "{}", node.status());
        }
    }
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn rs2p_joins_those_whom_py2p_tells_of_and_who_are_there() {
    let mut teller = py2p();
    let mut nowhere = Py2p::start(&["--max-outgoing", "0", "--out-addr", "null"]);
    let (reachable, unreachable) = (node(), bind(builder().out_addr(closed_addr())));
    for end in [&reachable, &unreachable] {
        dial(end, &mut teller);
    }
    // Without an address of its own, py2p cannot dial.
    assert!(teller.connect(nowhere.addr()));
    teller.wait_for_peer(nowhere.id());
    nowhere.wait_for_peer(teller.id());

    let newcomer = bind(builder().max_outgoing(8));
    dial(&newcomer, &mut teller);
    wait_for_neighbor(&newcomer, reachable.id());
    // The list has been followed to its end when nothing is being dialled any more.
    let deadline = Deadline::after(PATIENCE);
    while !newcomer.awaiting().is_empty() {
        assert!(!deadline.left().is_zero(), "{:?}", newcomer.awaiting());
    }
    assert_eq!(neighbors(&newcomer), [teller.id(), reachable.id()].into());
    assert_eq!(teller.peers().len(), 4);
    teller.whisper(newcomer.id(), &["still here"]);
    recv_this(&newcomer, &["still here"]);
    teller.assert_nominal();
    nowhere.assert_nominal();
}
