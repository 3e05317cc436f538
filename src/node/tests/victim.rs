//! A node under RSA with a driver that does what it is told at once, and peers that speak to it
//! bytes of their own choice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::time::Duration;

use super::super::{CloseMode, Config, Input, Node, Output};
use super::net::{WALL, addr, limited, ms};
use crate::conn_id::ConnId;
use crate::event::Event;
use crate::rsa::{KeySize, PrivateKey, PublicKey, SeededRng, encrypt_with};
use crate::session::rsa::{Limits, Role, RsaSession, chunk_len, construct_packets};
use crate::time::Instant;
use crate::wire::{
    Compressions, Extension, Handshake, NodeId, Origin, PathfindingMessage, Protocol,
};

/// Keys for the connections of the node under attack. Small: nothing here depends on their size,
/// and there are thousands of connections.
pub(super) static KEYS: LazyLock<Vec<PrivateKey>> = LazyLock::new(|| {
    let key = |seed| {
        let mut rng = SeededRng::from_seed([seed; 32]);
        PrivateKey::generate(KeySize::weak(512).unwrap(), &mut rng).unwrap()
    };
    (0..12).map(key).collect()
});

/// Longer than many attacks on connections that were opened before the first of them.
pub(super) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(60);

/// The most turns that anything here takes.
const MAX_TURNS: usize = 10_000;

pub(super) struct Victim {
    pub(super) node: Node,
    pub(super) now: Instant,
    said: BTreeMap<ConnId, Vec<u8>>,
    pub(super) closed: BTreeMap<ConnId, (CloseMode, Instant)>,
    pub(super) paused: BTreeSet<ConnId>,
    pub(super) texts: Vec<String>,
    orders: usize,
    withholds_keys: bool,
    keys_given: usize,
}

pub(super) fn protocol() -> Protocol {
    Protocol::new("mesh", "PKCS1_v1.5")
}

impl Victim {
    pub(super) fn new() -> Self {
        let config = limited(|limits| {
            limits.max_pending = 64;
            limits.handshake_timeout = HANDSHAKE_TIMEOUT;
            limits.progress_interval = HANDSHAKE_TIMEOUT;
            // What is above it never gets as far as what is tested here.
            limits.max_handshakes = 1_000_000;
            limits.max_handshake_burst = 1_000_000;
            limits.max_handshakes_per_ip = 1_000_000;
            limits.max_handshake_burst_per_ip = 1_000_000;
        });
        let config = Config { protocol: protocol(), ..config };
        let mut victim = Self {
            node: Node::new(config, [5; 32], ms(0), WALL).unwrap(),
            now: ms(0),
            said: BTreeMap::new(),
            closed: BTreeMap::new(),
            paused: BTreeSet::new(),
            texts: Vec::new(),
            orders: 0,
            withholds_keys: false,
            keys_given: 0,
        };
        victim.carry_out();
        victim
    }

    pub(super) fn call<T>(&mut self, call: impl FnOnce(&mut Node, Instant) -> T) -> T {
        let result = call(&mut self.node, self.now);
        self.carry_out();
        result
    }

    pub(super) fn input(&mut self, input: Input<'_>) {
        self.call(|node, now| node.handle_input(now, input));
    }

    fn carry_out(&mut self) {
        loop {
            while let Some(output) = self.node.poll_output() {
                self.on_output(output);
            }
            if self.orders == 0 || self.withholds_keys {
                return;
            }
            self.supply();
        }
    }

    fn supply(&mut self) {
        self.orders -= 1;
        let key = KEYS[self.keys_given % KEYS.len()].clone();
        self.keys_given += 1;
        self.node.supply_rsa_key(self.now, key);
    }

    /// From now on keys that are ordered come by [`Victim::give_key`] only.
    pub(super) fn withhold_keys(&mut self) {
        self.withholds_keys = true;
    }

    pub(super) fn give_key(&mut self) {
        self.supply();
        self.carry_out();
    }

    pub(super) fn keys_given(&self) -> usize {
        self.keys_given
    }

    fn on_output(&mut self, output: Output) {
        match output {
            Output::Dial { .. } => {}
            Output::Transmit { conn, data } => {
                self.said.entry(conn).or_default().extend_from_slice(&data);
                let sent = Input::Sent { conn, len: data.len() };
                self.node.handle_input(self.now, sent);
            }
            Output::PauseRead { conn } => assert!(self.paused.insert(conn), "paused twice"),
            Output::ResumeRead { conn } => assert!(self.paused.remove(&conn), "resumed twice"),
            Output::HoldRead { conn } | Output::ReleaseRead { conn } => panic!("{conn} is held"),
            Output::MakeRsaKey => self.orders += 1,
            Output::Close { conn, mode } => {
                assert!(self.closed.insert(conn, (mode, self.now)).is_none(), "closed twice");
                self.paused.remove(&conn);
                if mode == CloseMode::Flush {
                    self.node.handle_input(self.now, Input::Closed { conn, error: None });
                }
            }
            Output::Event(Event::Message(delivery)) => {
                let text = delivery.message.payload().nth(1).unwrap_or_default();
                self.texts.push(String::from_utf8(text.to_vec()).unwrap());
            }
            Output::Event(_) => {}
        }
    }

    /// One turn of the loop for the connections that have asked for it.
    pub(super) fn turn(&mut self) {
        for conn in self.paused.clone() {
            self.input(Input::Continue { conn });
        }
    }

    /// The most work that a turn of these connections makes.
    pub(super) fn units_of(&mut self, conns: BTreeSet<ConnId>) -> usize {
        let (node, now) = (&mut self.node, self.now);
        conns.iter().map(|conn| node.connections.get_mut(conn).unwrap().allowance.units(now)).sum()
    }

    /// Turns until no connection wants one.
    pub(super) fn settle(&mut self) {
        for _ in 0..MAX_TURNS {
            if self.paused.is_empty() {
                return;
            }
            self.turn();
        }
        panic!("connections want turns for ever: {:?}", self.paused);
    }

    /// Bytes arrive, and all is done that can be done with them.
    pub(super) fn receive(&mut self, conn: ConnId, data: &[u8]) {
        self.input(Input::Received { conn, data });
        self.settle();
    }

    pub(super) fn wait(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        while let Some(due) = self.node.poll_timeout().filter(|&due| due <= end) {
            self.now = self.now.max(due);
            self.input(Input::Timeout);
            self.settle();
        }
        self.now = end;
    }

    pub(super) fn accept(&mut self) -> ConnId {
        self.call(|node, now| node.accept(now, addr(1))).unwrap()
    }

    /// What the node has written on a connection since it was last asked.
    pub(super) fn take_said(&mut self, conn: ConnId) -> Vec<u8> {
        self.said.remove(&conn).unwrap_or_default()
    }

    /// Connections and timers; what an attack may not leave behind.
    pub(super) fn used(&self) -> (usize, usize) {
        let usage = self.node.usage();
        // What is held for others has a timer of its own, and whoever is honest is part of that.
        (usage.connections, usage.timers - usize::from(usage.history_count > 0))
    }
}

/// The other end of a connection, with an honest session of its own.
pub(super) struct Peer {
    pub(super) conn: ConnId,
    pub(super) session: RsaSession,
    /// All that it has said.
    pub(super) stream: Vec<u8>,
}

impl Peer {
    /// A peer on a connection that is open.
    pub(super) fn new(victim: &mut Victim, conn: ConnId, role: Role) -> Self {
        let session = RsaSession::new(role, super::rsa_key(), Limits::ALONE, [8; 32]);
        let mut peer = Self { conn, session, stream: Vec::new() };
        peer.talk(victim);
        assert!(peer.session.is_established());
        peer
    }

    /// A peer that has dialled, with keys exchanged.
    pub(super) fn dials(victim: &mut Victim) -> Self {
        let conn = victim.accept();
        Self::new(victim, conn, Role::Client)
    }

    /// A neighbor: its handshake is done, too.
    pub(super) fn joins(victim: &mut Victim, name: &str) -> Self {
        let mut peer = Self::dials(victim);
        peer.send(victim, &handshake(name));
        peer
    }

    /// Carries bytes both ways until there are none.
    pub(super) fn talk(&mut self, victim: &mut Victim) {
        loop {
            let said = victim.take_said(self.conn);
            assert_eq!(self.session.received(&said), said.len());
            let _ = self.session.step(usize::MAX).unwrap();
            let answer: Vec<_> = std::iter::from_fn(|| self.session.take_transmit()).collect();
            if said.is_empty() && answer.is_empty() {
                return;
            }
            self.stream.extend(answer.concat());
            victim.receive(self.conn, &answer.concat());
        }
    }

    pub(super) fn send(&mut self, victim: &mut Victim, frame: &[u8]) {
        self.session.send(frame).unwrap();
        self.talk(victim);
    }

    /// The ciphertext of a message that nobody has received yet.
    pub(super) fn seal(&mut self, message: &[u8]) -> Vec<u8> {
        self.session.send(message).unwrap();
        let _ = self.session.step(usize::MAX).unwrap();
        std::iter::from_fn(|| self.session.take_transmit()).collect::<Vec<_>>().concat()
    }

    pub(super) fn victims_key(&self) -> PublicKey {
        self.session.peer_key().unwrap().clone()
    }

    /// Encrypts pieces as they are, a block each.
    pub(super) fn blocks(&self, pieces: &[&[u8]]) -> Vec<u8> {
        let (key, mut rng) = (self.victims_key(), SeededRng::from_seed([3; 32]));
        pieces.iter().flat_map(|piece| encrypt_with(piece, &key, &mut rng).unwrap()).collect()
    }

    /// Encrypts one part of a record: a message or a signature.
    pub(super) fn part(&self, bytes: &[u8]) -> Vec<u8> {
        let pieces = construct_packets(bytes, chunk_len(self.victims_key().size()));
        self.blocks(&pieces.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }
}

pub(super) fn handshake(name: &str) -> Vec<u8> {
    let id: NodeId = name.parse().unwrap();
    let extension = Some(Extension::new(7, 9));
    let handshake = Handshake::new(id, &protocol(), None, Compressions::NONE);
    let payload = Handshake { extension, ..handshake }.encode();
    let time = WALL.as_secs();
    let message = PathfindingMessage::new(b"whisper", name.as_bytes(), time, &payload);
    message.unwrap().encode().unwrap()
}

pub(super) fn broadcast(now: Instant, name: &str, sequence: u64, text: &str) -> Vec<u8> {
    let origin = Origin { incarnation: 7, sequence };
    let time = WALL.as_secs() + now.since(ms(0)).as_secs();
    let payload = ["broadcast", text];
    PathfindingMessage::numbered(b"broadcast", name.as_bytes(), origin, time, &payload)
        .unwrap()
        .encode()
        .unwrap()
}
