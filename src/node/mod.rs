//! The mesh node as a pure state machine: bytes, time and user calls go in; bytes, events and one
//! deadline come out.
//!
//! This room knows the mesh: connections and their handshakes, the routing table, floods and the
//! cache that ends them, peers lists, limits and timers. It has no sockets, no threads, no clock
//! and no randomness of its own, so that the same node runs behind real sockets, in a simulator
//! and under a fuzzer. The same seed and the same inputs give the same outputs, to the byte.
//!
//! A driver tells it what happened ([`Node::handle_input`]), then takes what is to be done until
//! there is nothing more ([`Node::poll_output`]), then waits for the next thing to happen, at
//! most until [`Node::poll_timeout`]. PROTOCOL.md §3 and §4.
//!
//! *May change in a minor release.* Applications use [`MeshSocket`](crate::MeshSocket).

mod config;
mod connection;
mod dial_policy;
mod flood;
mod handshake;
mod io;
mod outgoing;
mod peers;
mod routing_table;
mod seen;
mod stats;

#[cfg(test)]
mod tests;
mod timer;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

pub use config::Config;
pub use io::{CloseMode, Input, Output, Refused};
pub use seen::{SeenCache, SeenKey, Verdict};
pub use stats::{Dropped, Stats};

use crate::error::{CloseReason, ConfigError, DialError};
use crate::event::{ConnId, Direction, Event, PeerInfo};
use crate::time::{Instant, UnixTime};
use crate::wire::{Address, NodeId};
use connection::{Connection, Phase};
use routing_table::RoutingTable;
use timer::{Timer, Timers};

/// One node of a mesh. See the [module](self).
#[derive(Debug)]
pub struct Node {
    config: Config,
    id: NodeId,
    rng: StdRng,
    clock: Clock,
    connections: BTreeMap<ConnId, Connection>,
    table: RoutingTable,
    seen: SeenCache,
    timers: Timers,
    outputs: VecDeque<Output>,
    stats: Stats,
    last_conn: u64,
    closing: bool,
}

/// The calendar time, carried forward from when it was last told.
#[derive(Clone, Copy, Debug)]
struct Clock {
    told_at: Instant,
    wall: UnixTime,
}

impl Node {
    /// A node of this configuration, at the instant `now` of its time line, when the calendar
    /// shows `wall`. All its random choices come from `seed`: a real node needs a secret one.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] where a field of the configuration is out of its range.
    pub fn new(
        config: Config,
        seed: [u8; 32],
        now: Instant,
        wall: UnixTime,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let mut rng = StdRng::from_seed(seed);
        let salt = uuid::Builder::from_random_bytes(rng.random()).into_uuid().to_string();
        let nowhere = Address { host: String::new(), port: 0 };
        let address = config.out_addr.as_ref().unwrap_or(&nowhere);
        let id = config.id.unwrap_or_else(|| NodeId::new(address, &config.protocol, &salt));
        let seen = SeenCache::new(rng.random(), config.max_seen_len);
        Ok(Self {
            config,
            id,
            rng,
            clock: Clock { told_at: now, wall },
            connections: BTreeMap::new(),
            table: RoutingTable::default(),
            seen,
            timers: Timers::default(),
            outputs: VecDeque::new(),
            stats: Stats::default(),
            last_conn: 0,
            closing: false,
        })
    }

    /// Opens a connection to `addr`. Its outcome comes as [`Event::Dialed`] or
    /// [`Event::DialFailed`] with the id that this returns.
    ///
    /// # Errors
    ///
    /// [`DialError`], where there is no point in dialling.
    pub fn dial(&mut self, now: Instant, addr: SocketAddr) -> Result<ConnId, DialError> {
        if self.closing {
            return Err(DialError::Closed);
        }
        if self.config.out_addr.as_ref().and_then(Address::socket_addr) == Some(addr) {
            return Err(DialError::SelfConnection);
        }
        if let Some(connection) = self.connections.values().find(|other| other.is_dialed_to(addr)) {
            return Err(DialError::AlreadyConnected(connection.peer().map(|peer| peer.id)));
        }
        Ok(self.open(now, addr, Phase::Dialing))
    }

    /// Takes a connection that `addr` has opened to this node.
    ///
    /// # Errors
    ///
    /// [`Refused`], where the driver should close it at once.
    pub fn accept(&mut self, now: Instant, addr: SocketAddr) -> Result<ConnId, Refused> {
        let incoming = || self.connections.values().filter(|other| other.is_incoming());
        let refused = if self.closing {
            Some(Refused::Closed)
        } else if incoming().count() >= self.config.max_incoming {
            Some(Refused::TooManyIncoming)
        } else if incoming().filter(|other| other.is_pending()).count() >= self.config.max_pending {
            Some(Refused::TooManyPending)
        } else {
            None
        };
        if let Some(refused) = refused {
            self.stats.rejected += 1;
            return Err(refused);
        }
        let conn = self.add(addr, Direction::Incoming, Phase::Opening, now);
        self.timers.set(Timer::Opening(conn), now + self.config.handshake_timeout);
        self.send_handshake(now, conn);
        Ok(conn)
    }

    /// Takes in what happened outside. A peer that breaks a rule becomes outputs, never an error.
    pub fn handle_input(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::Connected { conn } => self.on_connected(now, conn),
            Input::Received { conn, data } => self.on_received(now, conn, data),
            Input::Sent { conn, len } => self.on_sent(now, conn, len),
            Input::Closed { conn, error } => {
                let reason = error.map_or(CloseReason::Remote, CloseReason::Network);
                self.forget(conn, reason);
            }
            Input::ClockSet { wall } => self.clock = Clock { told_at: now, wall },
            Input::Timeout => self.on_timeout(now),
        }
    }

    /// The next thing for the driver to do. Ask until there is none after every input and call.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When the node wants [`Input::Timeout`] at the latest; `None` if nothing is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Ends the connection to a neighbor once what is queued for it has been sent. Returns
    /// whether there was one.
    pub fn disconnect(&mut self, now: Instant, peer: &NodeId) -> bool {
        let conn = self.table.conn(peer);
        if let Some(conn) = conn {
            self.end(now, conn, CloseReason::Local, CloseMode::Flush);
        }
        conn.is_some()
    }

    /// Ends every connection once what is queued has been sent, and takes no new ones.
    pub fn close(&mut self, now: Instant) {
        self.closing = true;
        let all: Vec<ConnId> = self.connections.keys().copied().collect();
        for conn in all {
            self.end(now, conn, CloseReason::Local, CloseMode::Flush);
        }
    }

    /// Whether the node was closed and every connection is gone.
    pub fn is_closed(&self) -> bool {
        self.closing && self.connections.is_empty()
    }

    /// The id that this node goes by.
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// The configuration it was made with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The neighbors, in the order of their ids.
    pub fn routing_table(&self) -> impl Iterator<Item = PeerInfo> {
        self.table.iter().filter_map(|(_, conn)| self.connections.get(&conn)?.peer_info(conn))
    }

    /// What the node has counted so far.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// What the calendar shows at `now`.
    pub fn wall(&self, now: Instant) -> UnixTime {
        self.clock.wall + now.since(self.clock.told_at)
    }

    fn on_connected(&mut self, now: Instant, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        match connection.phase {
            Phase::Dialing => {
                connection.phase = Phase::Opening;
                self.timers.set(Timer::Opening(conn), now + self.config.handshake_timeout);
                self.send_handshake(now, conn);
            }
            Phase::Probing(peer) => self.on_reached(now, conn, peer),
            Phase::Opening | Phase::Established(_) | Phase::Retiring(_) | Phase::Closing => {}
        }
    }

    fn on_received(&mut self, now: Instant, conn: ConnId, data: &[u8]) {
        self.stats.bytes_in += len_u64(data.len());
        let mut input = data;
        // A frame may end its connection, so the connection is looked up anew for each.
        while let Some(connection) = self.connections.get_mut(&conn) {
            let max_len = match connection.phase {
                Phase::Opening => self.config.max_handshake_len,
                Phase::Established(_) | Phase::Retiring(_) => self.config.max_frame_len,
                Phase::Dialing | Phase::Probing(_) | Phase::Closing => return,
            };
            match connection.decoder.next_frame(&mut input, max_len) {
                Ok(Some(body)) => {
                    self.stats.frames_in += 1;
                    self.on_frame(now, conn, body);
                }
                Ok(None) => return,
                Err(error) => {
                    self.end(now, conn, CloseReason::Malformed(error), CloseMode::Abort);
                }
            }
        }
    }

    fn on_sent(&mut self, now: Instant, conn: ConnId, len: usize) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.backlog_len = connection.backlog_len.saturating_sub(len);
            connection.last_progress = now;
        }
    }

    fn on_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::Opening(conn) => {
                    self.end(now, conn, CloseReason::HandshakeTimeout, CloseMode::Abort);
                }
                Timer::Stall(conn) => self.on_stall_timer(now, conn),
                Timer::Linger(conn) => {
                    self.end(now, conn, CloseReason::Local, CloseMode::Abort);
                }
            }
        }
    }

    /// The timer runs on while a connection is busy, so that queueing a frame costs nothing; what
    /// counts is when it last made progress.
    fn on_stall_timer(&mut self, now: Instant, conn: ConnId) {
        let Some(connection) = self.connections.get(&conn) else { return };
        let unsent_len = connection.backlog_len;
        let until = connection.last_progress + self.config.stall_timeout;
        if unsent_len == 0 {
            return;
        }
        if until <= now {
            self.end(now, conn, CloseReason::Stalled { unsent_len }, CloseMode::Abort);
        } else {
            self.timers.set(Timer::Stall(conn), until);
        }
    }

    /// Dials `addr` for the purpose that `phase` states.
    fn open(&mut self, now: Instant, addr: SocketAddr, phase: Phase) -> ConnId {
        let conn = self.add(addr, Direction::Outgoing, phase, now);
        self.timers.set(Timer::Opening(conn), now + self.config.connect_timeout);
        self.outputs.push_back(Output::Dial { conn, addr });
        conn
    }

    fn add(
        &mut self,
        addr: SocketAddr,
        direction: Direction,
        phase: Phase,
        now: Instant,
    ) -> ConnId {
        self.last_conn += 1;
        let conn = ConnId(self.last_conn);
        self.connections.insert(conn, Connection::new(addr, direction, phase, now));
        conn
    }

    /// Queues a frame for one connection. Returns whether there was room.
    fn transmit(&mut self, now: Instant, conn: ConnId, frame: Bytes) -> bool {
        let Some(connection) = self.connections.get_mut(&conn) else { return false };
        if connection.backlog_len + frame.len() > self.config.max_backlog_len {
            self.stats.refused += 1;
            return false;
        }
        if connection.backlog_len == 0 {
            connection.last_progress = now;
            if !self.timers.is_set(Timer::Stall(conn)) {
                self.timers.set(Timer::Stall(conn), now + self.config.stall_timeout);
            }
        }
        connection.backlog_len += frame.len();
        self.stats.frames_out += 1;
        self.stats.bytes_out += len_u64(frame.len());
        self.outputs.push_back(Output::Transmit { conn, data: frame });
        true
    }

    /// Ends a connection from this side.
    fn end(&mut self, now: Instant, conn: ConnId, reason: CloseReason, mode: CloseMode) {
        let Some(mut connection) = self.forget(conn, reason) else { return };
        // There is nothing to flush where no connection is open yet, nor where it was flushed.
        let was_open =
            matches!(connection.phase, Phase::Opening | Phase::Established(_) | Phase::Retiring(_));
        let mode = if was_open { mode } else { CloseMode::Abort };
        self.outputs.push_back(Output::Close { conn, mode });
        if mode == CloseMode::Flush {
            connection.phase = Phase::Closing;
            self.connections.insert(conn, connection);
            self.timers.set(Timer::Linger(conn), now + self.config.linger_timeout);
        }
    }

    /// Takes a connection out of every table, and tells the user what that means.
    fn forget(&mut self, conn: ConnId, reason: CloseReason) -> Option<Connection> {
        let connection = self.connections.remove(&conn)?;
        for timer in [Timer::Opening(conn), Timer::Stall(conn), Timer::Linger(conn)] {
            self.timers.stop(timer);
        }
        log::debug!("{} {conn} {}: {reason}", self.id.short(), connection.addr);
        if let Some(peer) = connection.peer() {
            self.table.remove(&peer.id, conn);
            self.emit(Event::PeerLost { id: peer.id, reason });
        } else if connection.is_pending() && !connection.is_incoming() {
            let addr = connection.addr;
            self.emit(Event::DialFailed { conn, addr, id: None, reason });
        }
        Some(connection)
    }

    fn emit(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }
}

fn len_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
