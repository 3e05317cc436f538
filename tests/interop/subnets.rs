//! Nodes of different meshes do not become neighbors, and the rs2p user learns why.

use rs2p::{CloseReason, ConnectError};

use crate::nodes::{dial, node, py2p};
use crate::py2p::{Deadline, PATIENCE, Py2p};

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn rs2p_dials_another_mesh_and_is_told_so() {
    let (mesh, mut other, mut same) = (node(), Py2p::start(&["--subnet", "other"]), py2p());
    // py2p says who it is as soon as it accepts, and closes only when it has read who we are.
    for _ in 0..10 {
        let error = mesh.connect(other.addr()).unwrap_err();
        assert!(matches!(error, ConnectError::Closed(CloseReason::WrongProtocol)), "{error}");
    }
    assert!(other.peers().is_empty());
    other.assert_nominal();
    dial(&mesh, &mut same);
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn rs2p_is_dialed_from_another_mesh_and_says_so() {
    let (mesh, mut other, mut same) = (node(), Py2p::start(&["--subnet", "other"]), py2p());
    assert!(other.connect(mesh.local_addr()));
    let deadline = Deadline::after(PATIENCE);
    let status = loop {
        let status = mesh.status();
        if !status.is_nominal() {
            break status;
        }
        assert!(!deadline.left().is_zero(), "the node has no trouble with another mesh");
    };
    let reasons: Vec<_> = status.troubles().iter().map(|trouble| trouble.reason).collect();
    assert_eq!(reasons, [CloseReason::WrongProtocol]);
    assert!(other.peers().is_empty() && mesh.routing_table().is_empty());
    dial(&mesh, &mut same);
}
