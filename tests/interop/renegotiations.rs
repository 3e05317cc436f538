//! "Compress by these from now on" and "say that again", in both directions.

use std::time::Duration;

use rs2p::{Compress, Compressions, MeshSocket};
use serde_json::json;

use crate::nodes::{bind, builder, dial, py2p, recv_this};
use crate::py2p::{Deadline, PATIENCE, Py2p};

/// Long enough for a loop to show: a py2p node answers within 100 ms.
const QUIET: Duration = Duration::from_secs(2);

/// An rs2p node that compresses all it can, as a neighbor of a py2p node.
fn linked() -> (MeshSocket, Py2p) {
    let mesh = bind(builder().configure(|config| config.compress = Compress::Always));
    let mut py2p = py2p();
    dial(&mesh, &mut py2p);
    talk(&mesh, &mut py2p, "at first");
    (mesh, py2p)
}

fn talk(mesh: &MeshSocket, py2p: &mut Py2p, said: &str) {
    mesh.whisper(&py2p.id(), &[said]).unwrap();
    py2p.recv_until(PATIENCE, |message| message.says(&[said]));
    py2p.whisper(mesh.id(), &[said]);
    recv_this(mesh, &[said]);
}

/// Waits until each end has `methods` as what the other reads, then sees that nobody says more.
fn settle_on(mesh: &MeshSocket, py2p: &mut Py2p, methods: &[&str]) {
    let list = Compressions::from_names(methods.iter().copied());
    let deadline = Deadline::after(PATIENCE);
    loop {
        let ours = mesh.routing_table()[0].compressions;
        let table = py2p.command(json!({"cmd": "peers"}));
        let theirs = table["peers"][0]["compression"].clone();
        if ours == list && theirs == json!(methods) {
            break;
        }
        assert!(!deadline.left().is_zero(), "{ours:?}, {theirs}");
    }
    stays_quiet(mesh);
    talk(mesh, py2p, &format!("under {methods:?}"));
    py2p.assert_nominal();
    assert!(mesh.status().is_nominal(), "{}", mesh.status());
}

/// Whether neither end sends anything, once what is under way has arrived.
fn stays_quiet(mesh: &MeshSocket) {
    let frames = || (mesh.stats().frames_in, mesh.stats().frames_out);
    assert_eq!(mesh.recv_timeout(QUIET / 2), Ok(None));
    let before = frames();
    assert_eq!(mesh.recv_timeout(QUIET), Ok(None));
    assert_eq!(frames(), before);
}

fn ask(py2p: &mut Py2p, mesh: &MeshSocket, methods: &[&str]) {
    let to = mesh.id();
    py2p.command(json!({"cmd": "renegotiate", "to": to.as_str(), "methods": methods}));
}

fn ask_resend(py2p: &mut Py2p, mesh: &MeshSocket) {
    py2p.command(json!({"cmd": "resend", "to": mesh.id().as_str()}));
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn py2p_asks_for_fewer_methods_and_gets_its_way() {
    let (mesh, mut py2p) = linked();
    for methods in [&["gzip"][..], &["gzip"], &[], &[]] {
        ask(&mut py2p, &mesh, methods);
        settle_on(&mesh, &mut py2p, methods);
    }
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn rs2p_asks_for_fewer_methods_and_gets_its_way() {
    let (mesh, mut py2p) = linked();
    for methods in [&["gzip"][..], &["gzip"], &[], &[]] {
        let list = Compressions::from_names(methods.iter().copied());
        mesh.tools().renegotiate(&py2p.id(), list).unwrap();
        settle_on(&mesh, &mut py2p, methods);
    }
}

#[test]
#[cfg(feature = "xz")]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn a_method_that_was_not_agreed_on_is_read_all_the_same() {
    let (mesh, mut py2p) = linked();
    ask(&mut py2p, &mesh, &["gzip"]);
    settle_on(&mesh, &mut py2p, &["gzip"]);
    py2p.command(json!({"cmd": "setcomp", "to": mesh.id().as_str(), "methods": ["lzma"]}));
    py2p.whisper(mesh.id(), &["packed otherwise"]);
    recv_this(&mesh, &["packed otherwise"]);
    stays_quiet(&mesh);
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn what_cannot_be_read_is_sent_again_uncompressed() {
    let (mesh, mut py2p) = linked();
    py2p.whisper(mesh.id(), &["what was that?"]);
    recv_this(&mesh, &["what was that?"]);
    // A frame of eight bytes that are no message under any method.
    py2p.send_raw_bytes(mesh.id(), b"\0\0\0\x08\xff\xff\xff\xff\xff\xff\xff\xff");
    let again = recv_this(&mesh, &["what was that?"]);
    assert_eq!(again.sender(), py2p.id());
    settle_on(&mesh, &mut py2p, &[]);
    assert_eq!(mesh.stats().undecodable.total(), 1);
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn py2p_asks_for_the_last_message_again() {
    let (mesh, mut py2p) = linked();
    mesh.send(&["to all"]).unwrap();
    py2p.recv_until(PATIENCE, |message| message.says(&["to all"]));
    ask_resend(&mut py2p, &mesh);
    let again = py2p.recv_until(PATIENCE, |message| message.says(&["to all"]));
    assert_eq!((again.sender, again.main_flag.as_str()), (mesh.id(), "broadcast"));

    mesh.whisper(&py2p.id(), &["to one"]).unwrap();
    py2p.recv_until(PATIENCE, |message| message.says(&["to one"]));
    ask_resend(&mut py2p, &mesh);
    let again = py2p.recv_until(PATIENCE, |message| message.says(&["to one"]));
    assert_eq!((again.sender, again.main_flag.as_str()), (mesh.id(), "whisper"));
    stays_quiet(&mesh);
    py2p.assert_nominal();
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn rs2p_asks_for_the_last_message_again() {
    let (mesh, mut py2p) = linked();
    py2p.whisper(mesh.id(), &["to one"]);
    recv_this(&mesh, &["to one"]);
    mesh.tools().ask_resend(&py2p.id()).unwrap();
    assert!(recv_this(&mesh, &["to one"]).is_whisper());

    let received = mesh.stats().received;
    py2p.send(&["to all"]);
    recv_this(&mesh, &["to all"]);
    mesh.tools().ask_resend(&py2p.id()).unwrap();
    // It is stamped anew. Within the same second it is a copy, and the user has it already.
    let deadline = Deadline::after(PATIENCE);
    while mesh.stats().received < received + 2 {
        assert!(!deadline.left().is_zero(), "{:?}", mesh.stats());
        if let Some(again) = mesh.recv_timeout(Duration::from_millis(5)).unwrap() {
            assert!(again.contents().eq([b"to all"]) && !again.is_whisper());
        }
    }
    py2p.assert_nominal();
}
