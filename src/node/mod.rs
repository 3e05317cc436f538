//! The mesh node as a pure state machine: bytes, time and user calls go in; bytes, events and one
//! deadline come out.
//!
//! This room knows the mesh: connections, their sessions and handshakes, who may join, the routing
//! table, floods, who has signed them and the cache that ends them, peers lists, limits and timers.
//! It has no sockets, no threads, no clock and no randomness of its own, so that the same node runs behind real sockets, in a simulator
//! and under a fuzzer. The same seed and the same inputs give the same outputs, to the byte.
//!
//! A driver tells it what happened ([`Node::handle_input`]), then takes what is to be done until
//! there is nothing more ([`Node::poll_output`]), then waits for the next thing to happen, at
//! most until [`Node::poll_timeout`]. PROTOCOL.md §3 to §5.
//!
//! *May change in a minor release.* Applications use [`MeshSocket`](crate::MeshSocket).

mod admission;
mod alive;
mod allowance;
mod backoff;
mod barred;
mod book;
mod broadcast;
mod budget;
mod catch_up;
mod config;
mod connection;
mod connections;
mod counts;
mod dial;
mod dial_policy;
mod digest;
mod dispatch;
mod duplicate;
mod echo;
mod encryption;
mod eviction;
mod explained;
mod flood;
mod handshake;
mod history;
#[cfg(feature = "sim")]
mod inspect;
mod io;
mod ledger;
mod limits;
mod link;
mod memory;
mod network;
mod noise;
mod offers;
mod offsets;
mod outgoing;
mod peers;
mod places;
mod questions;
mod reading;
mod records;
mod refusal;
mod renegotiate;
mod requests;
mod routing_table;
mod rules;
mod search;
mod secured;
mod seeds;
mod seen;
mod signing;
mod sources;
mod stats;
#[cfg(test)]
mod tests;
mod throttle;
mod timer;
mod tools;
mod turns;
mod wants;

use std::collections::VecDeque;
use std::net::SocketAddr;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

pub use admission::{Admission, AdmissionCheck, Candidate};
pub use book::{AddressBook, AddressBookError, BookEntry, Standing};
pub use broadcast::MAX_BATCH_COUNT;
pub use config::{Compress, Config, Signatures};
pub use counts::{CaughtUp, Closed, Dropped, Frames, Ignored, Rejected, Undecodable, Unsent};
pub use digest::Digester;
#[cfg(any(feature = "rsa", feature = "sim"))]
pub(crate) use encryption::PKCS1;
pub(crate) use encryption::PLAINTEXT;
#[cfg(any(feature = "sim", feature = "tls"))]
pub(crate) use encryption::TLS;
#[cfg(feature = "sim")]
pub use inspect::ConnectionView;
#[cfg(feature = "sim")]
pub(crate) use inspect::bounds;
pub use io::{CloseMode, Input, Output, Refused};
pub use limits::Limits;
pub use network::{Network, ParseNetworkError};
pub use requests::Whispered;
pub use rules::{Rule, RuleKind, Subject};
pub use seen::{SeenCache, SeenKey, Verdict};
pub use stats::{Stats, Usage};

use crate::conn_id::ConnId;
use crate::error::{CloseReason, ConfigError};
use crate::event::{Event, Leftover, PeerInfo, Trouble};
use crate::time::{Instant, UnixTime};
use crate::wire::{Address, Compressions, NodeId};
use book::Book;
use catch_up::Serving;
use connections::Connections;
use echo::Echoes;
use encryption::Encryption;
use explained::Explained;
use history::History;
use ledger::Ledger;
use offsets::Offsets;
use records::Records;
use requests::Requests;
use routing_table::RoutingTable;
use rules::{MAX_RULES, Rules};
use search::Search;
use seeds::Seeds;
use signing::Signing;
use throttle::Throttle;
use timer::{Timer, Timers};

/// One node of a mesh. See the [module](self).
#[derive(Debug)]
pub struct Node {
    config: Config,
    encryption: Encryption,
    signing: Signing,
    rules: Rules,
    throttle: Throttle,
    /// RSA keys that are being made.
    #[cfg(feature = "rsa")]
    keys_wanted: usize,
    id: NodeId,
    /// Which life of the node this is; never 0.
    incarnation: u64,
    last_sequence: u64,
    rng: StdRng,
    clock: Clock,
    connections: Connections,
    /// What its buffers take.
    ledger: Ledger,
    /// Whether the user takes no messages for now.
    is_full: bool,
    last_conn: u64,
    table: RoutingTable,
    digester: Digester,
    seen: SeenCache,
    echoes: Echoes,
    /// What is held for those who have missed it, and whom it is sent to.
    history: History,
    serving: Serving,
    requests: Requests,
    seeds: Seeds,
    records: Records,
    book: Book,
    search: Search,
    /// Connections whose peers are to be probed when fewer probes are under way.
    unprobed: VecDeque<ConnId>,
    timers: Timers,
    outputs: VecDeque<Output>,
    stats: Stats,
    /// The last connections that ended by somebody's fault.
    troubles: VecDeque<Trouble>,
    explained: Explained,
    offsets: Offsets,
    /// The bytes of messages that the user has had sent.
    own_len: u64,
    closing: bool,
    /// What could not be sent to neighbors before their connections ended, once closing.
    unsent: Vec<(NodeId, Leftover)>,
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
        mut config: Config,
        seed: [u8; 32],
        now: Instant,
        wall: UnixTime,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let supported = Compressions::supported();
        config.compressions =
            config.compressions.iter().filter(|&method| supported.contains(method)).collect();
        let mut rng = StdRng::from_seed(seed);
        let salt = uuid::Builder::from_random_bytes(draw_bytes(&mut rng)).into_uuid().to_string();
        let encryption = Encryption::new(&config)?;
        encryption.limit(&mut config);
        let nowhere = Address { host: String::new(), port: 0 };
        let address = config.out_addr.as_ref().unwrap_or(&nowhere);
        let proven = encryption.id_to_prove(&config);
        let id = proven.or(config.id);
        let id = id.unwrap_or_else(|| NodeId::new(address, &config.protocol, &salt));
        let mut rules = Rules::default();
        for rule in std::mem::take(&mut config.rules) {
            let too_many = ConfigError::TooLarge { field: "rules", max: MAX_RULES };
            rules.add(now, rule).map_err(|_| too_many)?;
        }
        let mut node = Self {
            encryption,
            signing: Signing::new(&config),
            rules,
            throttle: Throttle::new(&config),
            #[cfg(feature = "rsa")]
            keys_wanted: 0,
            id,
            incarnation: rng.random_range(1..=u64::MAX),
            last_sequence: 0,
            clock: Clock { told_at: now, wall },
            connections: Connections::default(),
            ledger: Ledger::new(config.connection_len()),
            is_full: false,
            last_conn: 0,
            table: RoutingTable::default(),
            digester: Digester::new(draw_bytes(&mut rng)),
            seen: SeenCache::new(config.limits.max_seen_len),
            echoes: Echoes::new(now, config.limits.max_seen_len),
            history: History::default(),
            serving: Serving::default(),
            requests: Requests::default(),
            seeds: Seeds::default(),
            records: Records::default(),
            book: Book::new(config.counts_private),
            search: Search::default(),
            unprobed: VecDeque::new(),
            timers: Timers::default(),
            outputs: VecDeque::new(),
            stats: Stats::default(),
            troubles: VecDeque::new(),
            explained: Explained::new(config.limits.max_explained_count),
            offsets: Offsets::default(),
            own_len: 0,
            closing: false,
            unsent: Vec::new(),
            config,
            rng,
        };
        node.prepare();
        Ok(node)
    }

    /// Takes in what happened outside. A peer that breaks a rule becomes outputs, never an error.
    pub fn handle_input(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::Connected { conn } => self.on_connected(now, conn),
            Input::SelfConnected { conn } => {
                self.end(now, conn, CloseReason::SelfConnection, CloseMode::Abort);
            }
            Input::Received { conn, data } => self.on_received(now, conn, data),
            Input::Continue { conn } => self.on_continue(now, conn),
            Input::Sent { conn, len } => self.on_sent(now, conn, len),
            Input::Ended { conn } => self.on_ended(now, conn),
            Input::Closed { conn, error } => {
                let fault = self.connections.get(&conn).and_then(|connection| connection.fault);
                let reason = error.map_or(CloseReason::Remote, CloseReason::Network);
                self.forget(now, conn, fault.unwrap_or(reason));
            }
            Input::ClockSet { wall } => self.clock = Clock { told_at: now, wall },
            Input::Timeout => self.on_timeout(now),
        }
        self.relieve(now);
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

    /// Whether the node was closed and every connection is gone.
    pub fn is_closed(&self) -> bool {
        self.closing && self.connections.is_empty()
    }

    /// The neighbors of a closed node that did not show, by ending the connection behind it, that
    /// they took everything.
    pub fn unsent(&self) -> &[(NodeId, Leftover)] {
        &self.unsent
    }

    /// The id that this node goes by.
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// The configuration that the node lives by.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The neighbors, in the order of their ids.
    pub fn routing_table(&self) -> impl Iterator<Item = PeerInfo> {
        self.table.iter().filter_map(|(_, conn)| self.peer_info(conn))
    }

    /// How many neighbors there are.
    pub(crate) fn peer_count(&self) -> usize {
        self.table.len()
    }

    /// The neighbors that something waits for, and how many bytes.
    pub(crate) fn backlogs(&self) -> impl Iterator<Item = (NodeId, usize)> {
        let backlogs = self.table.iter();
        backlogs.filter_map(|(id, conn)| Some((id, self.backlog_len(conn).filter(|len| *len > 0)?)))
    }

    /// The other ends of connections whose handshakes are not done.
    pub fn awaiting(&self) -> impl Iterator<Item = SocketAddr> {
        let pending = self.connections.values().filter(|connection| connection.is_pending());
        pending.map(|connection| connection.addr)
    }

    /// The connections that ended by somebody's fault, the oldest first; of more than 64 the
    /// last.
    pub fn troubles(&self) -> impl Iterator<Item = &Trouble> {
        self.troubles.iter()
    }

    /// Forgets what went wrong.
    pub fn clear_troubles(&mut self) {
        self.troubles.clear();
    }

    /// What the node has counted so far.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// How much of its limits the node uses. Takes no longer where the node has more of anything.
    pub fn usage(&self) -> Usage {
        Usage {
            connections: self.connections.len(),
            connections_ever: self.last_conn,
            questions: self.requests.questions(),
            seen_len: self.seen.bytes(),
            echoes_len: self.echoes.bytes(),
            history_count: self.history.count(),
            history_len: self.history.bytes(),
            seeds: self.seeds.len(),
            addresses: self.book.len(),
            timers: self.timers.len(),
            records: self.records.len(),
            explained_len: self.explained.bytes(),
            own_len: self.own_len,
            memory_len: self.memory_len(),
            queued_len: self.ledger.queued_len(),
        }
    }

    /// The bytes transmitted on a connection that the driver has not reported as sent; `None` where
    /// there is no such connection.
    pub fn backlog_len(&self, conn: ConnId) -> Option<usize> {
        self.connections.get(&conn).map(|connection| connection.backlog_len)
    }

    /// What the calendar shows at `now`.
    #[inline(never)]
    pub fn wall(&self, now: Instant) -> UnixTime {
        self.clock.wall + now.since(self.clock.told_at)
    }

    fn on_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::Opening(conn) => self.on_opening_timer(now, conn),
                Timer::Hold(conn) => self.release(now, conn),
                Timer::Stall(conn) => self.on_stall_timer(now, conn),
                Timer::Alive(conn) => self.on_alive_timer(now, conn),
                Timer::Linger(conn) => self.on_linger_timer(now, conn),
                Timer::Seed(addr) => self.dial_seed(now, addr),
                Timer::Search => self.search(now),
                Timer::Request(request_id) => self.on_request_timeout(request_id),
                Timer::Forget(request_id) => self.forget_request(&request_id),
                Timer::CatchUp => self.on_catch_up_timer(now),
                Timer::Frame(conn) => self.on_frame_timer(now, conn),
                Timer::Rate(conn) => self.on_rate_timer(now, conn),
                Timer::Memory => self.on_memory_timer(now),
            }
        }
    }

    #[inline(never)]
    fn emit(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }
}

/// Random bytes, one by one: the generator's own way to draw many writes it out for each.
#[inline(never)]
fn draw_bytes(rng: &mut StdRng) -> [u8; 16] {
    let mut bytes = [0; 16];
    for byte in &mut bytes {
        *byte = rng.random();
    }
    bytes
}
