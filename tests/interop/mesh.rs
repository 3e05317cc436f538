//! Mesh sockets and py2p nodes in one mesh.

use std::time::Duration;

use rs2p::MeshSocket;

use crate::nodes::{node, py2p, recv};
use crate::py2p::{PATIENCE, Py2p};

/// A broadcast each way between two neighbors.
fn talk(mesh: &MeshSocket, py2p: &mut Py2p) {
    mesh.send(&["from rs2p", "second packet", ""]).unwrap();
    let heard =
        py2p.recv_until(PATIENCE, |message| message.says(&["from rs2p", "second packet", ""]));
    assert_eq!(heard.sender, mesh.id());
    py2p.send(&["from py2p", "ünïcödé"]);
    let heard = recv(mesh);
    assert_eq!(heard.sender(), py2p.id());
    let packets = [&b"broadcast"[..], b"from py2p", "ünïcödé".as_bytes()];
    assert!(heard.packets().eq(packets), "{heard:?}");
    py2p.assert_nominal();
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn rs2p_dials_py2p_and_a_broadcast_goes_each_way() {
    let (mesh, mut py2p) = (node(), py2p());
    assert_eq!(mesh.connect(py2p.addr()).unwrap(), py2p.id());
    py2p.wait_for_peer(mesh.id());
    talk(&mesh, &mut py2p);
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn py2p_dials_rs2p_and_a_broadcast_goes_each_way() {
    let (mesh, mut py2p) = (node(), py2p());
    assert!(py2p.connect(mesh.local_addr()));
    assert_eq!(mesh.wait_for_peers(1, PATIENCE), 1);
    py2p.wait_for_peer(mesh.id());
    talk(&mesh, &mut py2p);
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn a_py2p_node_that_leaves_is_no_neighbor_any_more() {
    let (mesh, py2p) = (node(), py2p());
    mesh.connect(py2p.addr()).unwrap();
    drop(py2p);
    while !mesh.routing_table().is_empty() {
        assert_eq!(mesh.recv_timeout(Duration::from_millis(5)), Ok(None));
    }
}
