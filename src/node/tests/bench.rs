//! One node, and peers that say what a script has them say.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use super::net::{WALL, addr, config, ms};
use crate::conn_id::ConnId;
use crate::event::Event;
use crate::node::{CloseMode, Config, Input, Node, Output};
use crate::time::Instant;
use crate::wire::{
    Address, Compressions, DecodeLimits, Extension, Handshake, NodeId, Origin, PathfindingMessage,
};

pub(super) struct Bench {
    pub(super) node: Node,
    pub(super) now: Instant,
    events: Vec<Event>,
    sent: Vec<(ConnId, PathfindingMessage)>,
    closed: Vec<(ConnId, CloseMode)>,
    dials: Vec<(ConnId, SocketAddr)>,
    /// Connections that are not to be read.
    pub(super) held: BTreeSet<ConnId>,
}

pub(super) fn id(text: &str) -> NodeId {
    text.parse().unwrap()
}

/// A frame stamped so many seconds after the beginning.
pub(super) fn frame_at<P: AsRef<[u8]>>(
    secs: u64,
    main: &str,
    sender: &str,
    payload: &[P],
) -> Vec<u8> {
    let time = WALL.as_secs() + secs;
    let message = PathfindingMessage::new(main.as_bytes(), sender.as_bytes(), time, payload);
    message.unwrap().encode().unwrap()
}

pub(super) fn frame<P: AsRef<[u8]>>(main: &str, sender: &str, payload: &[P]) -> Vec<u8> {
    frame_at(0, main, sender, payload)
}

/// A frame that its sender numbered.
pub(super) fn numbered(main: &str, sender: &str, sequence: u64, text: &str) -> Vec<u8> {
    let origin = Origin { incarnation: 7, sequence };
    let (time, payload) = (WALL.as_secs(), ["broadcast", text]);
    PathfindingMessage::numbered(main.as_bytes(), sender.as_bytes(), origin, time, &payload)
        .unwrap()
        .encode()
        .unwrap()
}

pub(super) fn handshake(name: &str, link: Option<u64>, address: Option<Address>) -> Vec<u8> {
    let methods = Compressions::supported();
    let extension = link.map(|link| Extension::new(7, link));
    let handshake = Handshake::new(id(name), &config().protocol, address, methods);
    frame("whisper", name, &Handshake { extension, ..handshake }.encode())
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(config())
    }

    pub(super) fn with(config: Config) -> Self {
        Self {
            node: Node::new(config, [5; 32], ms(0), WALL).unwrap(),
            now: ms(0),
            events: Vec::new(),
            sent: Vec::new(),
            closed: Vec::new(),
            dials: Vec::new(),
            held: BTreeSet::new(),
        }
    }

    pub(super) fn call<T>(&mut self, call: impl FnOnce(&mut Node, Instant) -> T) -> T {
        let result = call(&mut self.node, self.now);
        while let Some(output) = self.node.poll_output() {
            match output {
                Output::Dial { conn, addr } => self.dials.push((conn, addr)),
                Output::Transmit { conn, data } => {
                    let (methods, limits) = (Compressions::supported(), DecodeLimits::PROTOCOL);
                    let message = PathfindingMessage::decode(&data, methods, limits).unwrap();
                    self.sent.push((conn, message));
                    let sent = Input::Sent { conn, len: data.len() };
                    self.node.handle_input(self.now, sent);
                }
                Output::Close { conn, mode } => self.closed.push((conn, mode)),
                Output::Event(event) => self.events.push(event),
                Output::PauseRead { conn } => {
                    self.node.handle_input(self.now, Input::Continue { conn });
                }
                Output::ResumeRead { .. } => {}
                Output::HoldRead { conn } => drop(self.held.insert(conn)),
                Output::ReleaseRead { conn } => drop(self.held.remove(&conn)),
                #[cfg(feature = "rsa")]
                Output::MakeRsaKey => panic!("nothing here is encrypted"),
            }
        }
        result
    }

    pub(super) fn input(&mut self, input: Input<'_>) {
        self.call(|node, now| node.handle_input(now, input));
    }

    pub(super) fn receive(&mut self, conn: ConnId, data: &[u8]) {
        self.input(Input::Received { conn, data });
    }

    pub(super) fn wait(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        while let Some(due) = self.node.poll_timeout().filter(|&due| due <= end) {
            self.now = self.now.max(due);
            self.input(Input::Timeout);
        }
        self.now = end;
    }

    pub(super) fn accept(&mut self, from: usize) -> ConnId {
        let from = SocketAddr::new(addr(from).ip(), 50_000);
        self.call(|node, now| node.accept(now, from)).unwrap()
    }

    /// A neighbor that has dialled this node; what was said so far is forgotten.
    pub(super) fn neighbor(&mut self, from: usize, name: &str, link: Option<u64>) -> ConnId {
        let conn = self.accept(from);
        self.receive(conn, &handshake(name, link, None));
        self.wait(50);
        self.forget();
        conn
    }

    /// A neighbor that this node has dialled.
    pub(super) fn dialed(&mut self, to: usize, name: &str, link: Option<u64>) -> ConnId {
        let conn = self.call(|node, now| node.dial(now, addr(to))).unwrap();
        self.input(Input::Connected { conn });
        self.receive(conn, &handshake(name, link, None));
        self.forget();
        conn
    }

    pub(super) fn forget(&mut self) {
        (self.events, self.sent, self.closed, self.dials) = Default::default();
    }

    pub(super) fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    pub(super) fn closed(&mut self) -> Vec<(ConnId, CloseMode)> {
        std::mem::take(&mut self.closed)
    }

    pub(super) fn dials(&mut self) -> Vec<(ConnId, SocketAddr)> {
        std::mem::take(&mut self.dials)
    }

    /// Takes what was sent on a connection.
    pub(super) fn sent(&mut self, conn: ConnId) -> Vec<PathfindingMessage> {
        let all = std::mem::take(&mut self.sent);
        let (its, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|(to, _)| *to == conn);
        self.sent = others;
        its.into_iter().map(|(_, message)| message).collect()
    }

    /// Takes what was sent on a connection: main flag, sub-flag and the packet behind it.
    pub(super) fn said(&mut self, conn: ConnId) -> Vec<String> {
        self.sent(conn).iter().map(in_short).collect()
    }

    /// Takes the events, and keeps the texts of messages.
    pub(super) fn texts(&mut self) -> Vec<String> {
        let text = |event| match event {
            Event::Message(delivery) => Some(second(&delivery.message)),
            _ => None,
        };
        self.events().into_iter().filter_map(text).collect()
    }

    /// The node's name for a connection.
    pub(super) fn link(&self, conn: ConnId) -> u64 {
        self.node.connections.get(&conn).unwrap().link
    }

    pub(super) fn neighbors(&self) -> Vec<(NodeId, ConnId)> {
        self.node.routing_table().map(|info| (info.id, info.conn)).collect()
    }
}

fn second(message: &PathfindingMessage) -> String {
    String::from_utf8_lossy(message.payload().nth(1).unwrap_or_default()).into_owned()
}

pub(super) fn in_short(message: &PathfindingMessage) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let sub_flag = text(message.payload().next().unwrap_or_default());
    let mut line = format!("{} {sub_flag}", text(message.msg_type()));
    if !matches!(&sub_flag[..], "handshake" | "peers") {
        line = format!("{line} {}", second(message));
    }
    line
}
