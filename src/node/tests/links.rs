//! Two nodes and the connections between them, on which any order of arrivals can be played.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::net::{WALL, config};
use crate::conn_id::ConnId;
use crate::error::CloseReason;
use crate::event::Event;
use crate::node::{CloseMode, Config, Input, Node, Output};
use crate::time::Instant;

/// Something under way to one end of a connection.
#[derive(Clone, Debug, Hash)]
enum Parcel {
    Accept,
    Open,
    Data(Vec<u8>),
    Fin,
    Reset,
}

/// One connection, with what each of its two ends has come to.
#[derive(Debug, Default)]
struct Link {
    ends: [Option<ConnId>; 2],
    finished: [bool; 2],
    ended: [bool; 2],
    gone: [bool; 2],
}

/// What can happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Step {
    /// A node begins the next of its dials.
    Dial(usize),
    /// The first thing under way on this connection to this node arrives there.
    Deliver { link: usize, to: usize },
}

pub(super) struct Pair {
    pub(super) nodes: [Node; 2],
    pub(super) now: Instant,
    plans: [VecDeque<SocketAddr>; 2],
    links: Vec<Link>,
    lanes: BTreeMap<(usize, usize), VecDeque<Parcel>>,
    dialed: [Vec<ConnId>; 2],
    events: [Vec<Event>; 2],
    sent: [Vec<String>; 2],
}

/// Each node has as many addresses as one likes.
pub(super) fn port(node: usize, port: u16) -> SocketAddr {
    let last = u8::try_from(node).unwrap() + 1;
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)), 4_000 + port)
}

impl Pair {
    /// Two nodes that are going to dial each other so many times.
    pub(super) fn new(seed: u64, dials: [u16; 2], probes: bool) -> Self {
        let node = |index: usize| {
            let out_addr = probes.then(|| port(index, 0).into());
            let config = Config { out_addr, ..config() };
            let mut bytes = [u8::try_from(index).unwrap(); 32];
            bytes[..8].copy_from_slice(&seed.to_le_bytes());
            Node::new(config, bytes, Instant::ZERO, WALL).unwrap()
        };
        let plan = |index: usize| (0..dials[index]).map(|n| port(1 - index, n)).collect();
        Self {
            nodes: [node(0), node(1)],
            now: Instant::ZERO,
            plans: [plan(0), plan(1)],
            links: Vec::new(),
            lanes: BTreeMap::new(),
            dialed: [const { Vec::new() }; 2],
            events: [const { Vec::new() }; 2],
            sent: [const { Vec::new() }; 2],
        }
    }

    pub(super) fn steps(&self) -> Vec<Step> {
        let dials = (0..2).filter(|&index| !self.plans[index].is_empty()).map(Step::Dial);
        let lanes = self.lanes.iter().filter(|(_, lane)| !lane.is_empty());
        dials.chain(lanes.map(|(&(link, to), _)| Step::Deliver { link, to })).collect()
    }

    /// Plays one step. Of bytes, at most `len` arrive. Returns to which node it happened.
    pub(super) fn play(&mut self, step: Step, len: usize) -> usize {
        match step {
            Step::Dial(index) => {
                let addr = self.plans[index].pop_front().unwrap();
                let conn = self.nodes[index].dial(self.now, addr).unwrap();
                self.dialed[index].push(conn);
                self.carry_out(index);
                index
            }
            Step::Deliver { link, to } => {
                self.deliver(link, to, len);
                self.carry_out(to);
                to
            }
        }
    }

    /// Lets a node send its peer a message, if it knows the peer: a broadcast and a whisper in
    /// turn.
    pub(super) fn say(&mut self, index: usize) {
        let peer = self.nodes[1 - index].id();
        if self.nodes[index].table.conn(&peer).is_none() {
            return;
        }
        let text = format!("{index} says {}", self.sent[index].len());
        if self.sent[index].len() % 2 == 0 {
            let report = self.nodes[index].broadcast(self.now, &[&text]).unwrap();
            assert_eq!((report.queued(), report.refused()), (1, &[][..]));
        } else {
            self.nodes[index].whisper(self.now, &peer, &[&text]).unwrap();
        }
        self.sent[index].push(text);
        self.carry_out(index);
    }

    /// Lets both nodes' timers run for a time, in which what is under way arrives at once.
    pub(super) fn wait(&mut self, until: Instant) {
        loop {
            while let Some(&step) = self.steps().first() {
                self.play(step, usize::MAX);
            }
            let due = self.nodes.iter().filter_map(Node::poll_timeout).min();
            let Some(due) = due.filter(|&due| due <= until) else { break };
            self.now = self.now.max(due);
            for index in 0..2 {
                self.nodes[index].handle_input(self.now, Input::Timeout);
                self.carry_out(index);
            }
        }
        self.now = until;
    }

    /// The state of both nodes' links, and all that is under way.
    pub(super) fn fingerprint(&self) -> u64 {
        let mut hash = DefaultHasher::new();
        for node in &self.nodes {
            format!("{:?} {:?}", node.connections, node.table).hash(&mut hash);
        }
        self.lanes.hash(&mut hash);
        self.plans.hash(&mut hash);
        hash.finish()
    }

    /// How the links of one node look from outside.
    pub(super) fn shape(&self, index: usize) -> String {
        let node = &self.nodes[index];
        let phase = |connection: &super::super::connection::Connection| {
            std::mem::discriminant(&connection.phase)
        };
        let phases: Vec<_> = node.connections.values().map(phase).collect();
        format!("{phases:?} {:?}", node.table)
    }

    /// Checks what must be true when nothing is under way.
    pub(super) fn check(&self) {
        let [first, second] = &self.nodes;
        let links = [first, second].map(|node| {
            let conns: Vec<_> = node.routing_table().map(|info| info.conn).collect();
            assert_eq!(conns.len(), 1, "one neighbor");
            assert_eq!(node.connections.len(), 1, "and no other connection: {node:?}");
            conns[0]
        });
        assert!(
            self.links.iter().any(|link| link.ends == links.map(Some)),
            "both ends have kept the same one"
        );
        for index in [0, 1] {
            let mut got: Vec<_> = self.events[index].iter().filter_map(text).collect();
            let mut sent = self.sent[1 - index].clone();
            got.sort();
            sent.sort();
            assert_eq!(got, sent, "what node {index} got is what the other sent");
            assert_eq!(self.nodes[index].stats().impostors, 0);
            self.check_events(index);
        }
    }

    fn check_events(&self, index: usize) {
        let events = &self.events[index];
        let joined = events.iter().filter(|event| matches!(event, Event::PeerJoined(_)));
        assert_eq!(joined.count(), 1, "{events:?}");
        assert!(!events.iter().any(|event| matches!(event, Event::PeerLost { .. })), "{events:?}");
        let outcomes = events.iter().filter_map(|event| match event {
            Event::Dialed { conn, .. } => Some(*conn),
            Event::DialFailed { conn, reason, .. } => {
                assert_eq!(*reason, CloseReason::Duplicate);
                Some(*conn)
            }
            _ => None,
        });
        let mut outcomes: Vec<_> = outcomes.collect();
        outcomes.sort();
        assert_eq!(outcomes, self.dialed[index], "each dial has one outcome: {events:?}");
    }

    fn deliver(&mut self, link: usize, to: usize, len: usize) {
        let lane = self.lanes.get_mut(&(link, to)).unwrap();
        let mut parcel = lane.pop_front().unwrap();
        if let Parcel::Data(data) = &mut parcel {
            if data.len() > len {
                lane.push_front(Parcel::Data(data.split_off(len)));
            }
        }
        let state = &mut self.links[link];
        if state.gone[to] {
            return;
        }
        if let Parcel::Accept = parcel {
            let caller = SocketAddr::new(port(1 - to, 0).ip(), 50_000);
            state.ends[to] = Some(self.nodes[to].accept(self.now, caller).unwrap());
            return self.post(link, 1 - to, Parcel::Open);
        }
        let Some(conn) = state.ends[to] else { return };
        let input = match &parcel {
            Parcel::Accept => return,
            Parcel::Open => Input::Connected { conn },
            Parcel::Data(data) => Input::Received { conn, data },
            Parcel::Reset => {
                state.gone[to] = true;
                let error = std::io::ErrorKind::ConnectionReset.into();
                Input::Closed { conn, error: Some(error) }
            }
            Parcel::Fin => {
                state.ended[to] = true;
                if state.finished[to] {
                    state.gone[to] = true;
                    Input::Closed { conn, error: None }
                } else {
                    Input::Ended { conn }
                }
            }
        };
        self.nodes[to].handle_input(self.now, input);
    }

    fn carry_out(&mut self, index: usize) {
        while let Some(output) = self.nodes[index].poll_output() {
            match output {
                Output::Dial { conn, .. } => {
                    let mut link = Link::default();
                    link.ends[index] = Some(conn);
                    self.links.push(link);
                    self.post(self.links.len() - 1, 1 - index, Parcel::Accept);
                }
                Output::Transmit { conn, data } => {
                    let link = self.link(index, conn);
                    assert!(!self.links[link].finished[index], "nothing follows a close");
                    self.post(link, 1 - index, Parcel::Data(data.to_vec()));
                    let len = data.len();
                    self.nodes[index].handle_input(self.now, Input::Sent { conn, len });
                }
                #[cfg(feature = "rsa")]
                Output::MakeRsaKey => panic!("nothing here is encrypted"),
                Output::Close { conn, mode: CloseMode::Flush } => {
                    let link = self.link(index, conn);
                    if !std::mem::replace(&mut self.links[link].finished[index], true) {
                        self.post(link, 1 - index, Parcel::Fin);
                    }
                    if self.links[link].ended[index] {
                        self.links[link].gone[index] = true;
                        let closed = Input::Closed { conn, error: None };
                        self.nodes[index].handle_input(self.now, closed);
                    }
                }
                Output::Close { conn, mode: CloseMode::Abort } => {
                    let link = self.link(index, conn);
                    self.links[link].gone[index] = true;
                    self.post(link, 1 - index, Parcel::Reset);
                }
                Output::PauseRead { conn } => {
                    self.nodes[index].handle_input(self.now, Input::Continue { conn });
                }
                Output::ResumeRead { .. } => {}
                Output::HoldRead { conn } | Output::ReleaseRead { conn } => {
                    panic!("{conn} is held")
                }
                Output::Event(event) => self.events[index].push(event),
            }
        }
    }

    fn link(&self, index: usize, conn: ConnId) -> usize {
        self.links.iter().position(|link| link.ends[index] == Some(conn)).unwrap()
    }

    /// What is sent in one go arrives in one go, unless it is cut.
    fn post(&mut self, link: usize, to: usize, parcel: Parcel) {
        let lane = self.lanes.entry((link, to)).or_default();
        match (lane.back_mut(), parcel) {
            (Some(Parcel::Data(last)), Parcel::Data(more)) => last.extend(more),
            (_, parcel) => lane.push_back(parcel),
        }
    }
}

fn text(event: &Event) -> Option<String> {
    match event {
        Event::Message(delivery) => {
            let packet = delivery.message.payload().nth(1).unwrap_or_default();
            Some(String::from_utf8(packet.to_vec()).unwrap())
        }
        _ => None,
    }
}
