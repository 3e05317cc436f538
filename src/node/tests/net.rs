//! Nodes joined by perfect links: what one transmits arrives at the other a millisecond later.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;

use super::super::{CloseMode, Config, Input, Limits, Node, Output};
use crate::conn_id::ConnId;
use crate::event::Event;
use crate::time::{Instant, UnixTime};
use crate::wire::{NodeId, Protocol};

/// When every test begins.
pub(super) const WALL: UnixTime = UnixTime::from_secs(1_466_965_490);

const LATENCY: Duration = Duration::from_millis(1);

/// One end of a link: which node, and which of its connections.
pub(super) type End = (usize, ConnId);

/// Something under way to one end.
pub(super) enum Parcel {
    Open,
    Refusal,
    Data(Bytes),
    Fin,
    Reset,
}

pub(super) struct Net {
    pub(super) nodes: Vec<Node>,
    pub(super) now: Instant,
    /// Somebody in the middle of one of the links.
    #[cfg(feature = "tls")]
    pub(super) tap: Option<super::tap::Tap>,
    events: Vec<Vec<Event>>,
    links: BTreeMap<End, End>,
    in_flight: BTreeMap<Instant, VecDeque<(End, Parcel)>>,
    /// Ends whose bytes stay where they are: nothing is reported as sent.
    deaf: Vec<End>,
    /// Ends whose bytes wait until they are let go.
    held: BTreeMap<End, VecDeque<Bytes>>,
    /// Ends that are not read.
    paused: BTreeSet<End>,
    /// Ends that are not read for longer, and what has arrived at them.
    unread: BTreeMap<End, VecDeque<Parcel>>,
    /// Ends that have ended their sending side.
    finished: BTreeSet<End>,
    /// Ends whose peer has ended its sending side.
    ended: BTreeSet<End>,
}

pub(super) fn config() -> Config {
    let mut config = Config::new(Protocol::new("mesh", "Plaintext"));
    config.limits.max_outgoing = 0;
    config
}

pub(super) fn limited(change: impl FnOnce(&mut Limits)) -> Config {
    let mut config = config();
    change(&mut config.limits);
    config
}

pub(super) fn addr(node: usize) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, u8::try_from(node).unwrap() + 1)), 4_000)
}

pub(super) fn ms(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

impl Net {
    pub(super) fn new(count: usize) -> Self {
        Self::with(count, config())
    }

    pub(super) fn with(count: usize, config: Config) -> Self {
        let node = |index| {
            let config = Config { out_addr: Some(addr(index).into()), ..config.clone() };
            let mut seed = [0; 32];
            seed[0] = u8::try_from(index).unwrap();
            Node::new(config, seed, Instant::ZERO, WALL).unwrap()
        };
        Self {
            nodes: (0..count).map(node).collect(),
            now: Instant::ZERO,
            #[cfg(feature = "tls")]
            tap: None,
            events: vec![Vec::new(); count],
            links: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            deaf: Vec::new(),
            held: BTreeMap::new(),
            paused: BTreeSet::new(),
            unread: BTreeMap::new(),
            finished: BTreeSet::new(),
            ended: BTreeSet::new(),
        }
    }

    /// Nodes in a row, each connected to the next, handshakes done.
    pub(super) fn line(count: usize) -> Self {
        let links: Vec<_> = (1..count).map(|right| (right - 1, right)).collect();
        Self::linked(count, &links)
    }

    /// A line of nodes that tell nothing beyond the 0.2 protocol.
    pub(super) fn legacy_line(count: usize) -> Self {
        let mut net = Self::with(count, Config { extension: false, ..config() });
        for right in 1..count {
            net.dial(right - 1, right);
        }
        net.run_for(200);
        for index in 0..count {
            net.take_events(index);
        }
        net
    }

    /// Nodes with these links, handshakes done.
    pub(super) fn linked(count: usize, links: &[(usize, usize)]) -> Self {
        let mut net = Self::new(count);
        for &(from, to) in links {
            net.dial(from, to);
        }
        net.run_for(100);
        for index in 0..count {
            net.take_events(index);
        }
        net
    }

    pub(super) fn id(&self, index: usize) -> NodeId {
        self.nodes[index].id()
    }

    pub(super) fn dial(&mut self, from: usize, to: usize) -> ConnId {
        let conn = self.nodes[from].dial(self.now, addr(to)).unwrap();
        self.carry_out(from);
        conn
    }

    pub(super) fn broadcast(&mut self, from: usize, text: &str) {
        self.nodes[from].broadcast(self.now, &[text]).unwrap();
        self.carry_out(from);
    }

    pub(super) fn call<T>(
        &mut self,
        index: usize,
        call: impl FnOnce(&mut Node, Instant) -> T,
    ) -> T {
        let result = call(&mut self.nodes[index], self.now);
        self.carry_out(index);
        result
    }

    /// From now on nothing that this node sends on this connection leaves it.
    pub(super) fn deafen(&mut self, end: End) {
        self.deaf.push(end);
    }

    /// From now on what this node sends on this connection waits.
    pub(super) fn hold(&mut self, end: End) {
        self.held.entry(end).or_default();
    }

    /// Sends the first frame of those that wait.
    pub(super) fn take_one(&mut self, end: End) {
        let Some(data) = self.held.get_mut(&end).and_then(VecDeque::pop_front) else { return };
        let (conn, len) = (end.1, data.len());
        self.send(end, Parcel::Data(data));
        self.nodes[end.0].handle_input(self.now, Input::Sent { conn, len });
        self.carry_out(end.0);
    }

    /// Sends all that waits, and holds nothing back any more.
    pub(super) fn let_go(&mut self, end: End) {
        while self.held.get(&end).is_some_and(|waiting| !waiting.is_empty()) {
            self.take_one(end);
        }
        self.held.remove(&end);
    }

    pub(super) fn conn(&self, from: usize, to: usize) -> ConnId {
        self.nodes[from].table.conn(&self.id(to)).unwrap()
    }

    pub(super) fn run_for(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        while let Some(next) = self.next().filter(|&next| next <= end) {
            self.now = self.now.max(next);
            self.deliver();
            for index in 0..self.nodes.len() {
                if self.nodes[index].poll_timeout().is_some_and(|due| due <= self.now) {
                    self.nodes[index].handle_input(self.now, Input::Timeout);
                    let next = self.nodes[index].poll_timeout();
                    assert!(next.is_none_or(|due| due > self.now), "a deadline moves on");
                    self.carry_out(index);
                }
            }
        }
        self.now = end;
    }

    pub(super) fn take_events(&mut self, index: usize) -> Vec<Event> {
        std::mem::take(&mut self.events[index])
    }

    /// The texts that a node received: the packet behind the sub-flag.
    pub(super) fn take_texts(&mut self, index: usize) -> Vec<String> {
        let text = |event| match event {
            Event::Message(delivery) => {
                let packet = delivery.message.payload().nth(1).unwrap_or_default();
                Some(String::from_utf8(packet.to_vec()).unwrap())
            }
            _ => None,
        };
        self.take_events(index).into_iter().filter_map(text).collect()
    }

    fn next(&self) -> Option<Instant> {
        let timeouts = self.nodes.iter().filter_map(Node::poll_timeout);
        timeouts.chain(self.in_flight.keys().next().copied()).min()
    }

    fn deliver(&mut self) {
        let Some(parcels) = self.in_flight.remove(&self.now) else { return };
        for (end, parcel) in parcels {
            let (index, conn) = end;
            if !self.links.contains_key(&end) && !matches!(parcel, Parcel::Refusal) {
                continue;
            }
            let is_told = matches!(parcel, Parcel::Data(_) | Parcel::Fin);
            if let Some(waiting) = self.unread.get_mut(&end).filter(|_| is_told) {
                waiting.push_back(parcel);
                continue;
            }
            if matches!(parcel, Parcel::Fin) {
                self.ended.insert(end);
            }
            let input = match &parcel {
                Parcel::Open => Input::Connected { conn },
                Parcel::Data(data) => Input::Received { conn, data },
                Parcel::Fin => Input::Ended { conn },
                Parcel::Refusal => Input::Closed { conn, error: Some(REFUSED.into()) },
                Parcel::Reset => Input::Closed { conn, error: Some(RESET.into()) },
            };
            if !self.close_finished(end) {
                self.nodes[index].handle_input(self.now, input);
            }
            self.carry_out(index);
            if matches!(parcel, Parcel::Refusal | Parcel::Reset) {
                self.links.remove(&end);
            }
        }
    }

    fn carry_out(&mut self, index: usize) {
        loop {
            self.drain(index);
            // No other connection waits for a turn here.
            let Some(&(_, conn)) = self.paused.iter().find(|end| end.0 == index) else { return };
            self.nodes[index].handle_input(self.now, Input::Continue { conn });
        }
    }

    fn drain(&mut self, index: usize) {
        while let Some(output) = self.nodes[index].poll_output() {
            match output {
                Output::Dial { conn, addr } => self.connect((index, conn), addr),
                Output::Transmit { conn, data } => {
                    let end = (index, conn);
                    if let Some(waiting) = self.held.get_mut(&end) {
                        waiting.push_back(data);
                    } else if !self.deaf.contains(&end) {
                        let len = data.len();
                        self.send(end, Parcel::Data(data));
                        self.nodes[index].handle_input(self.now, Input::Sent { conn, len });
                    }
                }
                Output::PauseRead { conn } => {
                    self.paused.insert((index, conn));
                }
                Output::ResumeRead { conn } => {
                    self.paused.remove(&(index, conn));
                }
                Output::HoldRead { conn } => {
                    self.unread.entry((index, conn)).or_default();
                }
                Output::ReleaseRead { conn } => {
                    for parcel in self.unread.remove(&(index, conn)).unwrap_or_default() {
                        self.post((index, conn), parcel);
                    }
                }
                Output::Close { conn, mode: CloseMode::Flush } => {
                    self.send((index, conn), Parcel::Fin);
                    self.finished.insert((index, conn));
                    self.close_finished((index, conn));
                }
                Output::Close { conn, mode: CloseMode::Abort } => {
                    self.send((index, conn), Parcel::Reset);
                    self.links.remove(&(index, conn));
                    self.paused.remove(&(index, conn));
                    self.unread.remove(&(index, conn));
                }
                #[cfg(feature = "rsa")]
                Output::MakeRsaKey => {
                    let key = super::rsa_key();
                    self.nodes[index].supply_rsa_key(self.now, key);
                }
                Output::Event(event) => self.events[index].push(event),
            }
        }
    }

    /// Reports an end as closed if both sides have ended. Returns whether they have.
    fn close_finished(&mut self, end: End) -> bool {
        let is_over = self.finished.contains(&end) && self.ended.contains(&end);
        if is_over && self.links.remove(&end).is_some() {
            let conn = end.1;
            self.nodes[end.0].handle_input(self.now, Input::Closed { conn, error: None });
        }
        is_over
    }

    fn connect(&mut self, from: End, to: SocketAddr) {
        let target = (0..self.nodes.len()).find(|&index| addr(index) == to);
        let caller = SocketAddr::new(addr(from.0).ip(), 50_000);
        let accepted = target
            .and_then(|index| Some((index, self.nodes[index].accept(self.now, caller).ok()?)));
        let Some(end) = accepted else {
            return self.post(from, Parcel::Refusal);
        };
        // A node that was made anew counts its connections from the beginning.
        for end in [from, end] {
            self.finished.remove(&end);
            self.ended.remove(&end);
        }
        self.links.insert(from, end);
        self.links.insert(end, from);
        self.post(from, Parcel::Open);
        self.carry_out(end.0);
    }

    fn send(&mut self, from: End, parcel: Parcel) {
        let Some(&to) = self.links.get(&from) else { return };
        #[cfg(feature = "tls")]
        let Some(parcel) = self.meddle(from, to, parcel) else { return };
        self.post(to, parcel);
    }

    pub(super) fn post(&mut self, to: End, parcel: Parcel) {
        self.in_flight.entry(self.now + LATENCY).or_default().push_back((to, parcel));
    }
}

const REFUSED: std::io::ErrorKind = std::io::ErrorKind::ConnectionRefused;
const RESET: std::io::ErrorKind = std::io::ErrorKind::ConnectionReset;
