//! What signatures cost: nodes under TLS, with and without, one message at a time and by the batch.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::Bytes;
use rs2p::node::{Config, Input, Node, Output};
use rs2p::time::{Instant, UnixTime};
use rs2p::wire::Protocol;
use rs2p::{ConnId, Identity, Signatures};

use crate::case::{Batch, Case, Source};
use crate::payload::noise;
use crate::stage::TIME;

const LEN: usize = 256;

/// The messages of one measurement: four batches of 64.
const COUNT: u64 = 256;

/// How messages are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Unsigned,
    Signed,
    /// So many under one signature.
    Together(usize),
}

pub(crate) fn cases() -> Vec<Case> {
    let ways = [(How::Unsigned, "tls"), (How::Signed, "signed"), (How::Together(64), "signed-64")];
    let sends = ways.map(|(how, name)| send(format!("{name}/broadcast/256B/to-1"), how));
    let relays = ways.map(|(how, name)| relay(format!("{name}/relay/256B/to-1"), how));
    sends.into_iter().chain(relays).collect()
}

/// The user's own broadcasts go out to one neighbor.
fn send(name: String, how: How) -> Case {
    Case::new(name, "message", LEN, move || {
        Source::new(move || {
            let mut line = Line::new(how);
            black_box(line.send(how, 0));
            let payloads = payloads(1);
            let before = line.node(0).stats().frames_out;
            Batch::new(move || {
                black_box(line.send_all(how, &payloads));
                let sent = line.node(0).stats().frames_out - before;
                assert_eq!(sent, COUNT);
                COUNT
            })
        })
    })
}

/// They come to a node, which gives them to its user and passes them on to one neighbor.
fn relay(name: String, how: How) -> Case {
    Case::new(name, "message", LEN, move || {
        Source::new(move || {
            let mut line = Line::new(how);
            let early = line.send(how, 0);
            line.deliver(&early);
            let pieces = line.send(how, 1);
            let before = line.node(1).stats().relayed;
            Batch::new(move || {
                line.deliver(&pieces);
                let relayed = line.node(1).stats().relayed - before;
                assert_eq!(relayed, COUNT);
                COUNT
            })
        })
    })
}

fn payloads(round: u64) -> Vec<[Vec<u8>; 1]> {
    (0..COUNT).map(|number| [noise(LEN, round * COUNT + number)]).collect()
}

/// Three nodes in a row, handshakes done.
struct Line {
    nodes: Vec<Node>,
    /// The connection from the middle to the first, as the middle calls it.
    conn: ConnId,
}

impl Line {
    fn new(how: How) -> Self {
        let nodes = (1..=3).map(|number| node(number, how)).collect();
        let mut line = Self { nodes, conn: ConnId::from_number(1) };
        line.conn = line.link(0, 1);
        line.link(1, 2);
        let neighbors = line.nodes.iter().map(|node| node.routing_table().count());
        assert!(neighbors.eq([1, 2, 1]), "neighbors");
        line
    }

    fn node(&mut self, index: usize) -> &mut Node {
        self.nodes.get_mut(index).unwrap()
    }

    /// Dials, and carries bytes between the two until both are silent. Returns the accepting end.
    fn link(&mut self, from: usize, to: usize) -> ConnId {
        let dialed = self.node(from).dial(Instant::ZERO, addr(to)).unwrap();
        let accepted = self.node(to).accept(Instant::ZERO, addr(from)).unwrap();
        self.node(from).handle_input(Instant::ZERO, Input::Connected { conn: dialed });
        let ends = [(from, dialed, to, accepted), (to, accepted, from, dialed)];
        loop {
            let mut is_silent = true;
            for (from, out, to, conn) in ends {
                for data in take(self.node(from), out) {
                    is_silent = false;
                    let input = Input::Received { conn, data: &data };
                    self.node(to).handle_input(Instant::ZERO, input);
                }
            }
            if is_silent {
                return accepted;
            }
        }
    }

    /// Has the first node send messages of its own, and returns what it writes.
    fn send(&mut self, how: How, round: u64) -> Vec<Bytes> {
        self.send_all(how, &payloads(round))
    }

    fn send_all(&mut self, how: How, payloads: &[[Vec<u8>; 1]]) -> Vec<Bytes> {
        let node = self.node(0);
        let conn = node.routing_table().next().unwrap().conn;
        let mut pieces = Vec::new();
        match how {
            How::Together(count) => {
                for batch in payloads.chunks(count) {
                    let reports = node.broadcast_batch(Instant::ZERO, batch).unwrap();
                    assert!(reports.iter().all(Result::is_ok));
                    pieces.extend(take(node, conn));
                }
            }
            How::Unsigned | How::Signed => {
                for packets in payloads {
                    node.broadcast(Instant::ZERO, packets).unwrap();
                    pieces.extend(take(node, conn));
                }
            }
        }
        pieces
    }

    /// Gives the middle what the first has written.
    fn deliver(&mut self, pieces: &[Bytes]) {
        let conn = self.conn;
        let node = self.node(1);
        for data in pieces {
            node.handle_input(Instant::ZERO, Input::Received { conn, data });
            black_box(take(node, conn));
        }
    }
}

/// Carries out what a node wants, and returns what it writes on one connection. What it writes on
/// others is taken and lost.
fn take(node: &mut Node, wanted: ConnId) -> Vec<Bytes> {
    let mut pieces = Vec::new();
    while let Some(output) = node.poll_output() {
        match black_box(output) {
            #[cfg(feature = "rsa")]
            Output::MakeRsaKey => {}
            Output::Transmit { conn, data } => {
                node.handle_input(Instant::ZERO, Input::Sent { conn, len: data.len() });
                if conn == wanted {
                    pieces.push(data);
                }
            }
            Output::PauseRead { conn } => {
                node.handle_input(Instant::ZERO, Input::Continue { conn });
            }
            Output::Close { conn, mode } => panic!("{conn} is closed: {mode:?}"),
            Output::HoldRead { conn } | Output::ReleaseRead { conn } => panic!("{conn} is held"),
            Output::Event(_) | Output::ResumeRead { .. } | Output::Dial { .. } => {}
        }
    }
    pieces
}

fn addr(index: usize) -> SocketAddr {
    let last = u8::try_from(index).unwrap() + 1;
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)), 4_000)
}

fn node(number: u8, how: How) -> Node {
    let mut config = Config::new(Protocol::new("mesh", "tls13-rpk/1"));
    config.identity = Some(Identity::from_secret(&[number; 32]).unwrap());
    config.limits.max_outgoing = 0;
    if how == How::Unsigned {
        config.signatures = Signatures::Never;
    }
    Node::new(config, [number; 32], Instant::ZERO, UnixTime::from_secs(TIME)).unwrap()
}
