//! Two nodes under TLS with somebody in the middle, who changes, cuts, repeats and turns back what
//! passes, and a third node that is honest.
//!
//! Whatever is done: no message is delivered that was not sent, or twice; nothing waits for ever;
//! both ends have a reason; nothing readable is on the wire; and the third node is served.

mod bytes;
mod impostor;
mod records;
mod takeover;

use std::collections::BTreeSet;

use super::net::{Net, addr};
use super::secured::{identity, net, reasons, troubles};
use super::tap::Deed;
use crate::conn_id::ConnId;
use crate::error::CloseReason;
use crate::event::Event;
use crate::wire::NodeId;

/// Node 0 dials node 1 through the middle; both have a link to node 2.
pub(super) struct Trio {
    net: Net,
    case: usize,
}

/// What came of a dial through the middle.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    /// Why each end is without the link in the end; nothing where it has it.
    ends: [Vec<CloseReason>; 2],
    /// Whether the link is up at both ends.
    stands: bool,
    /// What each end has said.
    said: [Vec<u8>; 2],
}

impl Trio {
    fn new() -> Self {
        let mut net = net(3);
        net.dial(2, 0);
        net.dial(2, 1);
        net.run_for(100);
        for number in 0..3 {
            net.take_events(number);
        }
        Self { net, case: 0 }
    }

    /// What both ends say until they are neighbors, when nobody meddles.
    fn opening(&mut self) -> [Vec<u8>; 2] {
        let conn = self.net.dial(0, 1);
        self.net.tap(0, conn, pass);
        self.net.run_for(15);
        let said = self.net.tap.as_ref().unwrap().said.clone();
        assert!(self.net.nodes[0].table.conn(&self.net.id(1)).is_some());
        self.part("nothing");
        said
    }

    /// Dials through the middle, says something at every node while that goes on and when it is
    /// over, and checks what must hold whatever the middle does.
    fn attack(
        &mut self,
        name: &str,
        meddling: impl FnMut(usize, &[u8]) -> Vec<Deed> + 'static,
    ) -> Outcome {
        self.attack_dial(name, None, meddling)
    }

    fn attack_dial(
        &mut self,
        name: &str,
        expected: Option<NodeId>,
        meddling: impl FnMut(usize, &[u8]) -> Vec<Deed> + 'static,
    ) -> Outcome {
        self.case += 1;
        (0..3).for_each(|number| self.net.nodes[number].troubles.clear());
        let conn = self.net.call(0, |node, now| node.dial_for(now, addr(1), expected).unwrap());
        self.net.tap(0, conn, meddling);
        self.net.run_for(20);
        self.say("meanwhile");
        // Twice the time that a handshake may take.
        self.net.run_for(10_000);
        self.say("afterwards");
        self.net.run_for(200);
        let outcome = self.check(name, conn);
        self.part(name);
        outcome
    }

    fn say(&mut self, word: &str) {
        for from in 0..3 {
            let text = format!("{word} {} from {from}", self.case);
            self.net.broadcast(from, &text);
        }
    }

    fn check(&mut self, name: &str, conn: ConnId) -> Outcome {
        let said = self.net.tap.as_ref().unwrap().said.clone();
        self.check_wire(name, &said);
        let has = |from: usize, to: usize| self.net.nodes[from].table.conn(&self.net.id(to));
        let stands = has(0, 1).is_some();
        assert_eq!(has(1, 0).is_some(), stands, "{name}: the ends disagree");
        let ends = [0, 1].map(|number| {
            let events = self.net.take_events(number);
            self.check_delivered(name, number, &events);
            if number == 0 {
                let is_outcome = |event: &&Event| match event {
                    Event::Dialed { conn: of, .. } | Event::DialFailed { conn: of, .. } => {
                        *of == conn
                    }
                    _ => false,
                };
                let count = events.iter().filter(is_outcome).count();
                assert_eq!(count, 1, "{name}: a dial has one outcome: {events:?}");
            }
            let mut reasons = reasons(&events);
            if reasons.is_empty() && !stands {
                reasons = troubles(&self.net.nodes[number]);
            }
            let pending = self.net.nodes[number].connections.values().filter(|it| it.is_pending());
            assert_eq!(pending.count(), 0, "{name}: node {number} waits");
            reasons
        });
        let events = self.net.take_events(2);
        self.check_delivered(name, 2, &events);
        assert_eq!(reasons(&events), [], "{name}: the third node has lost somebody");
        // Of a connection on which it has heard nothing, the one that was dialled says nothing.
        let has_heard = [true, self.net.tap.as_ref().unwrap().has_passed];
        let is_explained =
            ends.iter().zip(has_heard).all(|(reasons, heard)| !(heard && reasons.is_empty()));
        assert!(stands || is_explained, "{name}: {ends:?}");
        Outcome { ends, stands, said }
    }

    /// Everybody has got what the others have said, once each, and nothing else.
    fn check_delivered(&self, name: &str, number: usize, events: &[Event]) {
        let mut got: Vec<(NodeId, String)> = Vec::new();
        for event in events {
            if let Event::Message(delivery) = event {
                let text = delivery.message.payload().nth(1).unwrap_or_default();
                got.push((delivery.sender, String::from_utf8_lossy(text).into_owned()));
            }
        }
        let mut expected: Vec<_> = (0..3)
            .filter(|&from| from != number)
            .flat_map(|from| {
                let text = move |word| format!("{word} {} from {from}", self.case);
                ["meanwhile", "afterwards"].map(|word| (self.net.id(from), text(word)))
            })
            .collect();
        got.sort();
        expected.sort();
        assert_eq!(got, expected, "{name}: at node {number}");
    }

    /// All that the two nodes have put on the wire are records of TLS, without a word in them.
    fn check_wire(&self, name: &str, said: &[Vec<u8>; 2]) {
        for said in said {
            let _ = records(said).unwrap_or_else(|| panic!("{name}: no record: {said:?}"));
            for secret in [
                self.net.id(0).as_bytes(),
                self.net.id(1).as_bytes(),
                identity(0).public_key().as_bytes(),
                identity(1).public_key().as_bytes(),
                b"meanwhile",
                b"afterwards",
                b"handshake",
                b"10.0.0.",
            ] {
                let is_there = said.windows(secret.len()).any(|window| window == secret);
                assert!(!is_there, "{name}: {secret:?} in the clear");
            }
        }
    }

    /// Ends what is left of the link.
    fn part(&mut self, name: &str) {
        let [first, second] = [0, 1].map(|number| self.net.id(number));
        self.net.call(0, |node, now| node.disconnect(now, &second));
        self.net.call(1, |node, now| node.disconnect(now, &first));
        self.net.run_for(6_000);
        self.net.tap = None;
        let counts = [0, 1, 2].map(|number| self.net.nodes[number].connections.len());
        assert_eq!(counts, [1, 1, 2], "{name}: something is left");
        (0..3).for_each(|number| drop(self.net.take_events(number)));
    }
}

/// The records in a stream of TLS; `None` where it is no such stream.
pub(super) fn records(mut stream: &[u8]) -> Option<Vec<&[u8]>> {
    let mut records = Vec::new();
    while !stream.is_empty() {
        let &[kind, 3, 1 | 3, high, low, ..] = stream else { return None };
        let len = usize::from(u16::from_be_bytes([high, low]));
        if !(0x14..=0x17).contains(&kind) || len > (16 << 10) + 256 || stream.len() < 5 + len {
            return None;
        }
        let (record, rest) = stream.split_at(5 + len);
        records.push(record);
        stream = rest;
    }
    Some(records)
}

/// Lets everything through.
fn pass(_: usize, data: &[u8]) -> Vec<Deed> {
    vec![Deed::Pass(data.to_vec())]
}
