//! Questions where a node is, asked and answered by either kind.

use std::time::Duration;

use rs2p::{LocateError, MeshSocket, NodeId};
use serde_json::json;

use crate::nodes::{be_dialed, bind, builder, dial, neighbors, node, py2p, recv_this};
use crate::py2p::{PATIENCE, Py2p};

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn py2p_tells_where_its_neighbors_are_and_nothing_of_others() {
    let asker =
        bind(builder().configure(|config| config.limits.locate_timeout = Duration::from_secs(2)));
    let (mut middle, mut other, far) = (py2p(), py2p(), node());
    dial(&asker, &mut middle);
    be_dialed(&far, &mut middle);
    assert!(middle.connect(other.addr()));
    other.wait_for_peer(middle.id());

    assert_eq!(asker.locate(&far.id()).unwrap(), far.local_addr().into());
    assert_eq!(asker.locate(&other.id()).unwrap(), other.addr().into());
    let nobody: NodeId = "nobody".parse().unwrap();
    assert_eq!(asker.locate(&nobody), Err(LocateError::Timeout));
    assert_eq!(neighbors(&asker), [middle.id()].into());
    middle.assert_nominal();
}

/// Has the py2p node ask `mesh` for a node, and returns how many frames that was worth to `mesh`.
fn frames_for(py2p: &mut Py2p, mesh: &MeshSocket, wanted: &NodeId) -> u64 {
    let before = mesh.stats().frames_out;
    py2p.command(json!({"cmd": "request", "what": wanted.as_str()}));
    py2p.whisper(mesh.id(), &["asked"]);
    recv_this(mesh, &["asked"]);
    mesh.stats().frames_out - before
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn rs2p_tells_py2p_where_it_has_reached_a_node_itself_and_else_is_silent() {
    let (mut py2p, mesh, reached) = (py2p(), node(), node());
    // Nobody listens where it says it does.
    let unreachable = bind(builder().out_addr(closed_addr()));
    dial(&mesh, &mut py2p);
    mesh.connect(reached.local_addr()).unwrap();
    unreachable.connect(mesh.local_addr()).unwrap();
    assert_eq!(mesh.wait_for_peers(3, PATIENCE), 3);

    assert_eq!(frames_for(&mut py2p, &mesh, &reached.id()), 1);
    assert_eq!(frames_for(&mut py2p, &mesh, &mesh.id()), 1);
    assert_eq!(frames_for(&mut py2p, &mesh, &unreachable.id()), 0);
    assert_eq!(frames_for(&mut py2p, &mesh, &"nobody".parse().unwrap()), 0);

    // A reply to it waits for an answer that never comes, and costs nobody a connection.
    unreachable.send(&["cannot be called back"]).unwrap();
    let heard = py2p.recv_until(PATIENCE, |message| message.sender == unreachable.id());
    py2p.reply(&heard, &["lost"]);
    py2p.whisper(mesh.id(), &["replied"]);
    // py2p has echoed nothing of all this: a node of this crate sent it to `mesh` before.
    recv_this(&mesh, &["cannot be called back"]);
    recv_this(&mesh, &["replied"]);
    mesh.whisper(&py2p.id(), &["is it well?"]).unwrap();
    py2p.recv_until(PATIENCE, |message| message.says(&["is it well?"]));
    let pending = py2p.command(json!({"cmd": "pending"}));
    assert_eq!(pending["pending"].as_array().unwrap().len(), 1);
    assert_eq!(py2p.peers(), [mesh.id()].into());
    py2p.assert_nominal();
}

/// An address that refuses connections.
pub(crate) fn closed_addr() -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}
