//! Two linked py2p nodes repeat a broadcast to each other, and to their neighbors, without end.
//! It is theirs alone: rs2p nodes hear it once, pass it on once, and calm nobody by force.

use std::time::Duration;

use rs2p::{MeshSocket, NodeId, Stats};

use crate::nodes::{be_dialed, dial, node, py2p};
use crate::py2p::{Deadline, PATIENCE, Py2p};

/// How long a storm is watched.
const WATCHED: Duration = Duration::from_secs(30);

/// Two rs2p nodes and two py2p nodes, each linked with its like, and with one of the other kind
/// or both; and a py2p node at the first rs2p node alone.
struct Meeting {
    ours: [MeshSocket; 2],
    linked: [Py2p; 2],
    outsider: Py2p,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Ours,
    /// One of the py2p nodes that are linked. The other's copies are dropped while it remembers
    /// what it sent, so that a storm is likely and not certain.
    Linked,
    Outsider,
}

impl Meeting {
    fn new(is_full: bool) -> Self {
        let (mut ours, mut linked, mut outsider) = ([node(), node()], [py2p(), py2p()], py2p());
        let (second, id) = (linked[1].addr(), linked[1].id());
        assert!(linked[0].connect(second));
        linked[0].wait_for_peer(id);
        ours[0].connect(ours[1].local_addr()).unwrap();
        dial(&ours[0], &mut outsider);
        dial(&ours[0], &mut linked[0]);
        be_dialed(&ours[1], &mut linked[1]);
        if is_full {
            be_dialed(&ours[0], &mut linked[1]);
            dial(&ours[1], &mut linked[0]);
        }
        for (node, count) in ours.iter_mut().zip(if is_full { [4, 3] } else { [3, 2] }) {
            assert_eq!(node.wait_for_peers(count, PATIENCE), count);
            assert_eq!(node.routing_table().len(), count);
        }
        Self { ours, linked, outsider }
    }

    /// Has one node broadcast, and watches what becomes of it.
    fn weather(mut self, origin: Origin) {
        let neighbors = self.ours.each_ref().map(|node| node.routing_table().len());
        let before = self.ours.each_ref().map(MeshSocket::stats);
        let sender = self.start(origin);
        let heard = self.watch(sender);
        assert_eq!(heard, if origin == Origin::Ours { [0, 1] } else { [1, 1] }, "{origin:?}");
        let mut echoes = 0;
        for (index, node) in self.ours.iter().enumerate() {
            let Stats { relayed, frames_out, dropped, .. } = node.stats();
            let begins = origin == Origin::Ours && index == 0;
            let sent = frames_out - before[index].frames_out;
            let passed_on = relayed - before[index].relayed;
            let neighbors = u64::try_from(neighbors[index]).unwrap();
            let (own, most) = if begins { (neighbors, 0) } else { (0, neighbors - 1) };
            assert!(passed_on <= most, "{origin:?}: {passed_on}");
            // Signs of life are asked for and given twice a minute (PROTOCOL.md §5.6).
            let signs = 2 + WATCHED.as_secs() / 10;
            assert!(sent <= passed_on + own + signs, "{origin:?}: {sent}");
            assert!(node.status().is_nominal(), "{}", node.status());
            echoes += dropped.total();
        }
        // Else this was no storm, and nothing is shown. Ten a second are usual.
        assert!(origin == Origin::Linked || echoes > WATCHED.as_secs(), "{origin:?}: {echoes}");
        let [first, second] = &mut self.linked;
        for node in [first, second, &mut self.outsider] {
            if node.id() != sender {
                node.recv_until(PATIENCE, |message| message.says(&["a butterfly"]));
            }
            node.assert_nominal();
        }
    }

    fn start(&mut self, origin: Origin) -> NodeId {
        let node = match origin {
            Origin::Ours => {
                self.ours[0].send(&["a butterfly"]).unwrap();
                return self.ours[0].id();
            }
            Origin::Linked => &mut self.linked[0],
            Origin::Outsider => &mut self.outsider,
        };
        node.send(&["a butterfly"]);
        node.id()
    }

    /// How often each rs2p user hears it while the storm is watched.
    fn watch(&self, sender: NodeId) -> [u32; 2] {
        let deadline = Deadline::after(WATCHED);
        let mut heard = [0; 2];
        while !deadline.left().is_zero() {
            for (node, heard) in self.ours.iter().zip(&mut heard) {
                let wait = deadline.left().min(Duration::from_millis(50));
                if let Some(message) = node.recv_timeout(wait).unwrap() {
                    assert_eq!(message.sender(), sender);
                    *heard += 1;
                }
            }
        }
        heard
    }
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn a_storm_of_two_py2p_nodes_reaches_each_rs2p_user_once_and_is_passed_on_once() {
    let cases = [
        (false, Origin::Ours),
        (false, Origin::Outsider),
        (true, Origin::Ours),
        (true, Origin::Outsider),
        (true, Origin::Linked),
    ];
    let meetings = cases.map(|(is_full, _)| Meeting::new(is_full));
    std::thread::scope(|scope| {
        for (meeting, (_, origin)) in meetings.into_iter().zip(cases) {
            scope.spawn(move || meeting.weather(origin));
        }
    });
}
