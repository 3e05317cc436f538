//! Equal messages within one second: py2p's message id does not tell them apart.

use std::collections::BTreeSet;

use rs2p::{MeshSocket, Refusal, SendError};

use crate::nodes::{be_dialed, dial, node, py2p, recv_this};
use crate::py2p::{PATIENCE, Py2p};

/// What the py2p neighbor calls `count` messages of `mesh`, all of which must differ.
fn wait_for_names(py2p: &mut Py2p, mesh: &MeshSocket, count: usize) {
    let mut names = BTreeSet::new();
    while names.len() < count {
        let heard = py2p.recv_until(PATIENCE, |message| {
            message.sender == mesh.id() && message.main_flag == "broadcast"
        });
        assert!(heard.says(&["again"]));
        assert!(names.insert(heard.name.clone()), "twice: {:?}", heard.name);
    }
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn thirty_equal_messages_in_a_second_are_thirty_to_py2p_and_the_next_is_refused() {
    let (mesh, mut py2p) = (node(), py2p());
    dial(&mesh, &mut py2p);
    let mut sent = 0;
    let refused = loop {
        match mesh.send(&["again"]) {
            Ok(report) => assert_eq!((report.queued(), report.refused()), (1, &[][..])),
            Err(error) => break error,
        }
        sent += 1;
    };
    assert_eq!(refused, SendError::DuplicateInFlight);
    // Each second that passes meanwhile makes room for one more.
    assert!((30..40).contains(&sent), "{sent}");
    wait_for_names(&mut py2p, &mesh, sent);

    // A neighbor that can tell them apart still gets the next.
    let near = node();
    mesh.connect(near.local_addr()).unwrap();
    let mut refusals = Vec::new();
    for _ in 0..10 {
        let report = mesh.send(&["again"]).unwrap();
        recv_this(&near, &["again"]);
        refusals.extend(report.refused().iter().copied());
    }
    assert_eq!(refusals.first(), Some(&(py2p.id(), Refusal::DuplicateInFlight)));
    py2p.assert_nominal();
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn equal_messages_of_two_senders_are_two_over_py2p() {
    let (first, second, receiver, mut middle) = (node(), node(), node(), py2p());
    for end in [&first, &second, &receiver] {
        dial(end, &mut middle);
    }
    for sender in [&first, &second] {
        sender.send(&["same"]).unwrap();
    }
    let senders: BTreeSet<_> = (0..2).map(|_| recv_this(&receiver, &["same"]).sender()).collect();
    assert_eq!(senders, [first.id(), second.id()].into());
    assert_eq!(recv_this(&first, &["same"]).sender(), second.id());
    assert_eq!(recv_this(&second, &["same"]).sender(), first.id());
    middle.assert_nominal();
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn equal_messages_of_two_py2p_senders_are_two_over_rs2p() {
    let (mut first, mut second, middle, receiver) = (py2p(), py2p(), node(), node());
    middle.connect(receiver.local_addr()).unwrap();
    be_dialed(&middle, &mut first);
    be_dialed(&middle, &mut second);
    for sender in [&mut first, &mut second] {
        sender.send(&["same"]);
    }
    for mesh in [&middle, &receiver] {
        let senders: BTreeSet<_> = (0..2).map(|_| recv_this(mesh, &["same"]).sender()).collect();
        assert_eq!(senders, [first.id(), second.id()].into());
    }
}
