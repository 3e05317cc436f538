//! Mesh sockets and py2p nodes in one mesh.

use std::time::Duration;

use rs2p::{CloseReason, ConnectError, Encryption, MeshSocket, Message};

use crate::py2p::{PATIENCE, Py2p};

fn node() -> MeshSocket {
    let builder = MeshSocket::builder().encryption(Encryption::Plaintext).max_outgoing(0);
    builder.bind("127.0.0.1:0").unwrap()
}

/// A py2p node that follows no peers list, so that the mesh keeps its shape.
fn py2p() -> Py2p {
    Py2p::start(&["--max-outgoing", "0"])
}

fn recv(mesh: &MeshSocket) -> Message {
    mesh.recv_timeout(PATIENCE).unwrap().unwrap_or_else(|| panic!("no message within {PATIENCE:?}"))
}

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
fn a_broadcast_crosses_a_node_of_either_kind() {
    // rs2p – py2p – rs2p
    let (left, mut middle, right) = (node(), py2p(), node());
    for end in [&left, &right] {
        end.connect(middle.addr()).unwrap();
        middle.wait_for_peer(end.id());
    }
    left.send(&["across py2p"]).unwrap();
    let heard = recv(&right);
    assert_eq!((heard.sender(), heard.neighbor()), (left.id(), middle.id()));
    assert!(heard.contents().eq([b"across py2p"]));

    // py2p – rs2p – py2p
    let (mut left, middle, mut right) = (py2p(), node(), py2p());
    for end in [&mut left, &mut right] {
        middle.connect(end.addr()).unwrap();
        end.wait_for_peer(middle.id());
    }
    left.send(&["across rs2p"]);
    let heard = right.recv_until(PATIENCE, |message| message.says(&["across rs2p"]));
    assert_eq!(heard.sender, left.id());
    assert!(recv(&middle).contents().eq([b"across rs2p"]));
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn a_py2p_node_of_another_subnet_is_refused_with_the_reason() {
    let (mesh, mut py2p) = (node(), Py2p::start(&["--subnet", "other"]));
    let error = mesh.connect(py2p.addr()).unwrap_err();
    // Whose check comes first is chance: py2p closes without a word.
    assert!(
        matches!(error, ConnectError::Closed(CloseReason::WrongProtocol | CloseReason::Remote)),
        "{error}"
    );
    assert!(py2p.peers().is_empty());
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
