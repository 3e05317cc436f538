//! Nodes of both kinds that keep the shape of mesh that a test gives them, and waiting for what
//! they get.

use std::collections::BTreeSet;

use rs2p::{Builder, Encryption, MeshSocket, Message, NodeId};

use crate::py2p::{Deadline, PATIENCE, Py2p};

/// A node that follows no peers list, to be changed and bound.
pub(crate) fn builder() -> Builder {
    MeshSocket::builder().encryption(Encryption::Plaintext).max_outgoing(0)
}

pub(crate) fn bind(builder: Builder) -> MeshSocket {
    builder.bind("127.0.0.1:0").unwrap()
}

pub(crate) fn node() -> MeshSocket {
    bind(builder())
}

/// A py2p node that follows no peers list.
pub(crate) fn py2p() -> Py2p {
    Py2p::start(&["--max-outgoing", "0"])
}

/// Has `mesh` dial, and waits until both have the other as a neighbor.
pub(crate) fn dial(mesh: &MeshSocket, py2p: &mut Py2p) {
    assert_eq!(mesh.connect(py2p.addr()).unwrap(), py2p.id());
    py2p.wait_for_peer(mesh.id());
}

/// Has `py2p` dial, and waits until both have the other as a neighbor.
pub(crate) fn be_dialed(mesh: &MeshSocket, py2p: &mut Py2p) {
    assert!(py2p.connect(mesh.local_addr()));
    py2p.wait_for_peer(mesh.id());
    wait_for_neighbor(mesh, py2p.id());
}

/// Waits until `mesh` has the neighbor.
pub(crate) fn wait_for_neighbor(mesh: &MeshSocket, id: NodeId) {
    let deadline = Deadline::after(PATIENCE);
    let mut count = 1;
    while !neighbors(mesh).contains(&id) {
        assert!(!deadline.left().is_zero(), "waited too long for neighbor {id}");
        count = mesh.wait_for_peers(count, deadline.left()) + 1;
    }
}

pub(crate) fn neighbors(mesh: &MeshSocket) -> BTreeSet<NodeId> {
    mesh.routing_table().into_iter().map(|info| info.id).collect()
}

/// The next message.
pub(crate) fn recv(mesh: &MeshSocket) -> Message {
    mesh.recv_timeout(PATIENCE).unwrap().unwrap_or_else(|| panic!("no message within {PATIENCE:?}"))
}

/// The next message, which must have these contents.
pub(crate) fn recv_this<P: AsRef<[u8]>>(mesh: &MeshSocket, contents: &[P]) -> Message {
    let message = recv(mesh);
    let packets = contents.iter().map(AsRef::as_ref);
    assert!(message.contents().eq(packets), "{:?}", message.contents().collect::<Vec<_>>());
    message
}
