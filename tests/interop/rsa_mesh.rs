//! Meshes under `PKCS1_v1.5`, of nodes of both kinds.

use rs2p::{Encryption, MeshSocket};

use crate::nodes::{be_dialed, bind, builder, dial, recv_this};
use crate::py2p::{PATIENCE, Py2p};

fn node() -> MeshSocket {
    bind(builder().encryption(Encryption::Rsa))
}

fn py2p() -> Py2p {
    Py2p::start(&["--max-outgoing", "0", "--encryption", "PKCS1_v1.5"])
}

/// A broadcast, a reply and a second one each way.
fn talk(mesh: &MeshSocket, py2p: &mut Py2p) {
    mesh.send(&["from rs2p", "second packet"]).unwrap();
    let heard = py2p.recv_until(PATIENCE, |message| message.says(&["from rs2p", "second packet"]));
    py2p.reply(&heard, &["answer of py2p"]);
    assert!(recv_this(mesh, &["answer of py2p"]).is_whisper());
    py2p.send(&["from py2p", "ünïcödé"]);
    recv_this(mesh, &["from py2p", "ünïcödé"]).reply(&["answer of rs2p"]).unwrap();
    py2p.recv_until(PATIENCE, |message| message.says(&["answer of rs2p"]));
    let long = "long ".repeat(2_000);
    mesh.send(&[&long]).unwrap();
    py2p.recv_until(PATIENCE, |message| message.says(&[&long]));
    py2p.assert_nominal();
    assert!(mesh.status().is_nominal(), "{}", mesh.status());
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn rs2p_dials_py2p_under_rsa() {
    let (mesh, mut py2p) = (node(), py2p());
    dial(&mesh, &mut py2p);
    talk(&mesh, &mut py2p);
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn py2p_dials_rs2p_under_rsa() {
    let (mesh, mut py2p) = (node(), py2p());
    be_dialed(&mesh, &mut py2p);
    talk(&mesh, &mut py2p);
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn a_py2p_node_between_two_rs2p_nodes_passes_on_under_rsa() {
    let (left, right, mut middle) = (node(), node(), py2p());
    dial(&left, &mut middle);
    be_dialed(&right, &mut middle);
    left.send(&["over py2p"]).unwrap();
    assert_eq!(recv_this(&right, &["over py2p"]).sender(), left.id());
}
