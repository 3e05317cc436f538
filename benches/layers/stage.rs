//! One node, and neighbors that exist only as what it is told of them.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use rs2p::ConnId;
use rs2p::node::{Config, Input, Node, Output};
use rs2p::time::{Instant, UnixTime};
use rs2p::wire::{
    Address, Compressions, Extension, Handshake, NodeId, Origin, PathfindingMessage, Protocol,
};

/// The second in which every bench happens.
pub(crate) const TIME: u64 = 1_466_965_490;

/// What the neighbors are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nodes of this crate.
    Extended,
    /// Nodes of the 0.2 protocol.
    Legacy,
}

pub(crate) struct Stage {
    node: Node,
    now: Instant,
    kind: Kind,
    /// The connections to the neighbors.
    pub(crate) conns: Vec<ConnId>,
}

impl Stage {
    /// A node with so many neighbors, all handshakes done.
    pub(crate) fn new(kind: Kind, count: u8) -> Self {
        let config = Config::new(protocol());
        let node = Node::new(config, [5; 32], Instant::ZERO, UnixTime::from_secs(TIME)).unwrap();
        let mut stage = Self { node, now: Instant::ZERO, kind, conns: Vec::new() };
        for number in 1..=count {
            let addr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, number)), 50_000);
            let conn = stage.node.accept(stage.now, addr).unwrap();
            stage.receive(conn, &handshake(kind, number));
            stage.conns.push(conn);
        }
        // Handshakes are held back from py2p nodes for a moment.
        stage.now = stage.now + Duration::from_millis(100);
        stage.node.handle_input(stage.now, Input::Timeout);
        stage.carry_out();
        assert_eq!(stage.node.routing_table().count(), usize::from(count), "neighbors");
        stage
    }

    /// What a neighbor sends when it passes on a broadcast of a node further away.
    pub(crate) fn passed_on(&self, sequence: u64, payload: &[u8]) -> PathfindingMessage {
        let (sender, packets) = (node_id(u8::MAX), [&b"broadcast"[..], payload]);
        let (flag, sender) = (b"waterfall", sender.as_bytes());
        let made = match self.kind {
            Kind::Legacy => PathfindingMessage::new(flag, sender, TIME, &packets),
            Kind::Extended => {
                let origin = Origin { incarnation: 7, sequence };
                PathfindingMessage::numbered(flag, sender, origin, TIME, &packets)
            }
        };
        made.unwrap()
    }

    /// Bytes arrive, and the node's answers are carried out.
    pub(crate) fn receive(&mut self, conn: ConnId, data: &[u8]) {
        self.node.handle_input(self.now, Input::Received { conn, data });
        self.carry_out();
    }

    /// The node's user broadcasts.
    pub(crate) fn broadcast(&mut self, payload: &[u8]) {
        self.node.broadcast(self.now, &[payload]).unwrap();
        self.carry_out();
    }

    /// The frames that the node has sent.
    pub(crate) fn frames_out(&self) -> u64 {
        self.node.stats().frames_out
    }

    /// Does what a driver does, save sockets and users: all bytes are taken at once.
    fn carry_out(&mut self) {
        while let Some(output) = self.node.poll_output() {
            match black_box(output) {
                #[cfg(feature = "rsa")]
                Output::MakeRsaKey => {}
                Output::Transmit { conn, data } => {
                    self.node.handle_input(self.now, Input::Sent { conn, len: data.len() });
                }
                Output::PauseRead { conn } => {
                    self.node.handle_input(self.now, Input::Continue { conn });
                }
                Output::Close { conn, mode } => panic!("{conn} is closed: {mode:?}"),
                Output::HoldRead { conn } | Output::ReleaseRead { conn } => {
                    panic!("{conn} is held")
                }
                Output::Event(_) | Output::ResumeRead { .. } | Output::Dial { .. } => {}
            }
        }
    }
}

/// Ids as long as real ones.
pub(crate) fn node_id(number: u8) -> NodeId {
    let address = Address { host: format!("10.0.0.{number}"), port: 4_000 };
    NodeId::new(&address, &protocol(), "a salt")
}

fn protocol() -> Protocol {
    Protocol::new("mesh", "Plaintext")
}

fn handshake(kind: Kind, number: u8) -> Vec<u8> {
    let id = node_id(number);
    let extension = Extension::new(7, u64::from(number));
    let handshake = Handshake {
        extension: (kind == Kind::Extended).then_some(extension),
        ..Handshake::new(id, &protocol(), None, Compressions::supported())
    };
    let packets = handshake.encode();
    PathfindingMessage::new(b"whisper", id.as_bytes(), TIME, &packets).unwrap().encode().unwrap()
}
