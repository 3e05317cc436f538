//! Messages from one byte to what py2p can be asked to read: it takes time with the square of the
//! length, 0.4 s for 10 kB.

use rs2p::MeshSocket;

use crate::nodes::{dial, node, py2p, recv_this};
use crate::py2p::{PATIENCE, Py2p};

/// Bytes that do not compress, the same in every run.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let mut byte = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(&mut byte).take(len).collect()
}

fn linked() -> (MeshSocket, Py2p) {
    let (mesh, mut py2p) = (node(), py2p());
    dial(&mesh, &mut py2p);
    (mesh, py2p)
}

fn goes_there(mesh: &MeshSocket, py2p: &mut Py2p, packet: &[u8]) {
    mesh.whisper(&py2p.id(), &[packet]).unwrap();
    py2p.recv_until(PATIENCE, |message| message.says(&[packet]));
}

fn comes_back(mesh: &MeshSocket, py2p: &mut Py2p, packet: &[u8]) {
    py2p.whisper_bytes(mesh.id(), packet);
    recv_this(mesh, &[packet]);
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn any_bytes_of_up_to_20_kb_go_both_ways() {
    let (mesh, mut py2p) = linked();
    for len in [1, 2, 57, 255, 256, 257, 1_000, 4_096, 10_000, 20_000] {
        goes_there(&mesh, &mut py2p, &noise(len));
        comes_back(&mesh, &mut py2p, &noise(len));
    }
    py2p.assert_nominal();
    assert!(mesh.status().is_nominal(), "{}", mesh.status());
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn text_of_50_kb_goes_both_ways() {
    let (mesh, mut py2p) = linked();
    let text = "all work and no play makes a dull node; ".repeat(1_250);
    assert_eq!(text.len(), 50_000);
    mesh.send(&[&text]).unwrap();
    py2p.recv_until(PATIENCE, |message| message.says(&[&text]));
    goes_there(&mesh, &mut py2p, text.as_bytes());
    comes_back(&mesh, &mut py2p, text.as_bytes());
    py2p.assert_nominal();
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn half_a_megabyte_comes_from_py2p_whole() {
    let (mesh, mut py2p) = linked();
    comes_back(&mesh, &mut py2p, &noise(500_000));
    py2p.assert_nominal();
}
