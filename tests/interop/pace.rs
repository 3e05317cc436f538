//! py2p takes ten messages a second from each neighbor, and nobody else feels it.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::nodes::{dial, node, py2p, recv};
use crate::py2p::{Deadline, PATIENCE};

const COUNT: usize = 200;

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn a_slow_py2p_neighbor_gets_all_in_the_end_and_slows_nobody_down() {
    let (mesh, near, mut slow) = (node(), node(), py2p());
    mesh.connect(near.local_addr()).unwrap();
    dial(&mesh, &mut slow);

    let deadline = Deadline::after(Duration::from_secs(1));
    let words: Vec<String> = (0..COUNT).map(|number| format!("message {number}")).collect();
    for word in &words {
        let report = mesh.send(&[word]).unwrap();
        assert_eq!((report.queued(), report.refused().len()), (2, 0));
    }
    for word in &words {
        assert!(recv(&near).contents().eq([word.as_bytes()]));
    }
    assert!(!deadline.left().is_zero(), "the fast neighbor waited for the slow one");

    let mut missing: BTreeSet<&str> = words.iter().map(String::as_str).collect();
    while !missing.is_empty() {
        let heard = slow.recv_until(PATIENCE, |message| message.sender == mesh.id());
        missing.remove(std::str::from_utf8(&heard.packets[1]).unwrap());
    }
    slow.assert_nominal();
    assert!(mesh.status().is_nominal(), "{}", mesh.status());
}
