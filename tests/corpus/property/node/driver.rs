//! A driver that holds the node to its word.

use std::collections::BTreeSet;
use std::time::Duration;

use rs2p::node::{CloseMode, Config, Input, Node, Output};
use rs2p::time::{Instant, UnixTime};
use rs2p::wire::{Compressions, Control, DecodeLimits, Handshake, LinkName, PathfindingMessage};
use rs2p::{ConnId, Event, NodeId, RequestId};

use super::super::upkeep;
use super::links::Links;

/// When every run begins.
pub(super) const WALL: UnixTime = UnixTime::from_secs(1_466_965_490);

/// The most inputs and calls that take milliseconds: bombs, and what is compressed by `lzma`.
const MAX_HEAVY: usize = 4;

pub(super) struct Driver {
    pub(super) node: Node,
    pub(super) now: Instant,
    pub(super) links: Links,
    /// The names that the node gave its connections, and the last that it asked about: what
    /// peers need to take part in its talk.
    pub(super) names: Vec<u64>,
    pub(super) asked: Option<LinkName>,
    /// Whether what the node transmits is all of its own making.
    pub(super) is_raw: bool,
    pub(super) heavy: usize,
    neighbors: BTreeSet<NodeId>,
    settled: BTreeSet<RequestId>,
    frames_out: u64,
    bytes_out: u64,
    bytes_in: u64,
    delivered: u64,
}

impl Driver {
    pub(super) fn new(config: Config) -> Self {
        Self {
            node: Node::new(config, [7; 32], Instant::ZERO, WALL).expect("a fair configuration"),
            now: Instant::ZERO,
            links: Links::default(),
            names: Vec::new(),
            asked: None,
            is_raw: false,
            heavy: 0,
            neighbors: BTreeSet::new(),
            settled: BTreeSet::new(),
            frames_out: 0,
            bytes_out: 0,
            bytes_in: 0,
            delivered: 0,
        }
    }

    /// Whether one more heavy thing may be done.
    pub(super) fn may_be_heavy(&mut self) -> bool {
        self.heavy += 1;
        self.heavy <= MAX_HEAVY
    }

    pub(super) fn input(&mut self, input: Input<'_>) {
        if let Input::Received { data, .. } = input {
            self.bytes_in += u64::try_from(data.len()).unwrap();
        }
        self.node.handle_input(self.now, input);
        if let Input::Closed { conn, .. } = input {
            self.links.remove(conn);
        }
        self.carry_out();
    }

    /// Bytes arrive, unless the connection is paused: then the driver does not read.
    pub(super) fn receive(&mut self, conn: ConnId, data: &[u8]) {
        if self.links.find(conn).is_none_or(|link| !link.is_paused && !link.is_held) {
            self.input(Input::Received { conn, data });
        }
    }

    pub(super) fn call<T>(&mut self, call: impl FnOnce(&mut Node, Instant) -> T) -> T {
        let result = call(&mut self.node, self.now);
        self.carry_out();
        result
    }

    pub(super) fn carry_out(&mut self) {
        while let Some(output) = self.node.poll_output() {
            match output {
                #[cfg(feature = "rsa")]
                Output::MakeRsaKey => panic!("nothing here is encrypted"),
                Output::Dial { conn, addr } => self.links.dial(conn, addr),
                Output::Transmit { conn, data } => self.transmit(conn, &data),
                Output::PauseRead { conn } => self.links.named(conn).is_paused = true,
                Output::ResumeRead { conn } => {
                    let link = self.links.named(conn);
                    assert!(link.is_paused, "{conn} is resumed and was not paused");
                    link.is_paused = false;
                }
                Output::HoldRead { conn } => {
                    let was_held = std::mem::replace(&mut self.links.named(conn).is_held, true);
                    assert!(!was_held, "{conn} is held twice");
                }
                Output::ReleaseRead { conn } => {
                    let was_held = std::mem::take(&mut self.links.named(conn).is_held);
                    assert!(was_held, "{conn} is released and was not held");
                }
                Output::Close { conn, mode: CloseMode::Flush } => {
                    self.links.named(conn).is_flushed = true;
                }
                Output::Close { conn, mode: CloseMode::Abort } => {
                    self.links.named(conn);
                    self.links.remove(conn);
                }
                Output::Event(event) => self.note_event(event),
            }
        }
    }

    fn transmit(&mut self, conn: ConnId, data: &[u8]) {
        let link = self.links.named(conn);
        assert!(!link.is_flushed, "{conn} has bytes behind its end");
        link.unsent_len += data.len();
        self.frames_out += 1;
        self.bytes_out += u64::try_from(data.len()).unwrap();
        if self.is_raw {
            return;
        }
        let all = Compressions::supported();
        let message = PathfindingMessage::decode(data, all, DecodeLimits::PROTOCOL);
        let message = message.expect("a node writes whole messages");
        if let Ok(handshake) = Handshake::decode(message.payload()) {
            self.names.extend(handshake.extension.map(|extension| extension.link));
        }
        if let Some(Control::Ask(link)) = Control::decode(message.payload()) {
            self.asked = Some(link);
        }
    }

    fn note_event(&mut self, event: Event) {
        match event {
            Event::Message(_) => self.delivered += 1,
            Event::PeerJoined(info) => {
                assert!(self.neighbors.insert(info.id), "{} has joined already", info.id);
                self.links.named(info.conn);
            }
            Event::PeerLost { id, .. } => {
                assert!(self.neighbors.remove(&id), "{id} is lost and was no neighbor");
            }
            Event::Dialed { conn, .. } => self.links.note_outcome(conn, None),
            Event::DialFailed { conn, addr, .. } => self.links.note_outcome(conn, Some(addr)),
            Event::LocateDone { request_id, .. } | Event::WhisperDone { request_id, .. } => {
                assert!(self.settled.insert(request_id), "{request_id} has a second outcome");
            }
            Event::ClockSuspect { .. } => {}
            other => panic!("{other:?} is new: what must hold of it?"),
        }
    }

    /// What the node says of itself is what it has done.
    pub(super) fn check(&self) {
        upkeep::check(&self.node);
        let (usage, stats, config) = (self.node.usage(), self.node.stats(), self.node.config());
        assert_eq!(usage.connections, self.links.count(), "connections");
        assert_eq!(usage.connections_ever, self.links.ever(), "connections ever");
        for (conn, link) in self.links.iter() {
            assert_eq!(self.node.backlog_len(conn), Some(link.unsent_len), "backlog of {conn}");
            assert!(
                link.unsent_len <= config.limits.max_backlog_len,
                "{} bytes wait",
                link.unsent_len
            );
        }
        assert_eq!(stats.frames_out, self.frames_out, "frames out");
        assert_eq!(stats.bytes_out, self.bytes_out, "bytes out");
        assert_eq!(stats.bytes_in, self.bytes_in, "bytes in");
        assert_eq!(stats.delivered, self.delivered, "messages delivered");
        let incoming = self.links.iter().filter(|(_, link)| link.is_incoming).count();
        assert!(incoming <= config.limits.max_incoming, "{incoming} incoming connections");
        let mut ids = BTreeSet::new();
        for info in self.node.routing_table() {
            assert!(self.links.iter().any(|(conn, _)| conn == info.conn), "{} is gone", info.conn);
            assert!(ids.insert(info.id), "{} is there twice", info.id);
        }
        assert_eq!(ids, self.neighbors, "the routing table is what the events have told");
        assert_eq!(self.node.config().id, Some(self.node.id()));
        assert!(self.node.pending_requests().all(|id| !self.settled.contains(&id)));
    }

    /// Told to close, the node is closed in the end, though nobody answers.
    pub(super) fn close(&mut self) {
        self.call(Node::close);
        self.check();
        for _ in 0..1_000 {
            let Some(due) = self.node.poll_timeout() else { break };
            self.now = self.now.max(due);
            upkeep::time_out(&mut self.node, self.now);
            self.carry_out();
            self.check();
        }
        assert!(self.node.is_closed(), "a node that was closed has connections");
        assert!(self.neighbors.is_empty(), "a node that was closed has neighbors");
        assert_eq!(self.node.pending_requests().count(), 0, "nobody answers any more");
        assert_eq!(self.node.poll_timeout(), None, "a node that is closed wants to be woken");
        assert!(self.node.dial(self.now, super::peer::addr(1)).is_err());
        self.now = self.now + Duration::from_secs(3_600);
        self.input(Input::Timeout);
        self.check();
    }
}
