//! Three nodes, and in-memory streams between them that carry as much as the script says.

use std::collections::{BTreeMap, VecDeque};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use rs2p::node::{CloseMode, Config, Input, Node, Output, Whispered};
use rs2p::time::{Instant, UnixTime};
use rs2p::{ConnId, Event};

use super::super::upkeep;
use super::ledger::Ledger;

pub(super) const COUNT: usize = 3;

/// Longer than anything of its kind that a script can say.
const LAST: &[u8] = &[b'!'; 300];

/// One end of a link: which node, and which of its connections.
type End = (usize, ConnId);

/// What one end sends.
#[derive(Default)]
struct Pipe {
    /// The other end; `None` where nobody is there any more, which this end need not know.
    to: Option<End>,
    waiting: VecDeque<u8>,
    /// Whether the sender ends its side behind what waits, and whether it has.
    is_finishing: bool,
    is_finished: bool,
    /// Whether the receiver does not read.
    is_paused: bool,
    is_held: bool,
}

impl Pipe {
    fn is_read(&self) -> bool {
        !self.is_paused && !self.is_held
    }
}

pub(super) struct Net {
    nodes: Vec<Node>,
    now: Instant,
    pipes: BTreeMap<End, Pipe>,
    dials: VecDeque<(End, SocketAddr)>,
    ledger: Ledger,
}

pub(super) fn addr(index: usize) -> SocketAddr {
    let last = u8::try_from(index).unwrap() + 1;
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)), 4_000)
}

impl Net {
    pub(super) fn new(configs: [Config; COUNT]) -> Self {
        let wall = UnixTime::from_secs(1_466_965_490);
        let mut seed = [0; 32];
        let node = |config| {
            seed[0] += 1;
            Node::new(config, seed, Instant::ZERO, wall).expect("a fair configuration")
        };
        Self {
            nodes: configs.into_iter().map(node).collect(),
            now: Instant::ZERO,
            pipes: BTreeMap::new(),
            dials: VecDeque::new(),
            ledger: Ledger::default(),
        }
    }

    pub(super) fn check(&self) {
        self.nodes.iter().for_each(upkeep::check);
    }

    pub(super) fn dial(&mut self, from: usize, to: usize) {
        let _ = self.nodes[from].dial(self.now, addr(to));
        self.carry_out(from);
    }

    pub(super) fn broadcast(&mut self, from: usize, text: &[u8]) {
        let sent = self.nodes[from].broadcast(self.now, &[text]);
        if sent.is_ok() {
            self.ledger.note_sent(self.nodes[from].id(), None, text);
        }
        self.carry_out(from);
    }

    pub(super) fn whisper(&mut self, from: usize, to: usize, text: &[u8]) {
        let target = self.nodes[to].id();
        let sent = self.nodes[from].whisper(self.now, &target, &[text]);
        if let Ok(Whispered::Queued | Whispered::Locating(_)) = sent {
            self.ledger.note_sent(self.nodes[from].id(), Some(target), text);
        }
        self.carry_out(from);
    }

    pub(super) fn disconnect(&mut self, from: usize, to: usize) {
        let target = self.nodes[to].id();
        self.nodes[from].disconnect(self.now, &target);
        self.carry_out(from);
    }

    pub(super) fn pass(&mut self, pause: Duration) {
        self.now = self.now + pause;
        for index in 0..COUNT {
            upkeep::time_out(&mut self.nodes[index], self.now);
            self.carry_out(index);
        }
    }

    /// Lets the oldest dial through, or not.
    pub(super) fn answer_dial(&mut self, may: bool) {
        let Some((from, to)) = self.dials.pop_front() else { return };
        let caller = SocketAddr::new(addr(from.0).ip(), 50_000);
        let accepted = (0..COUNT)
            .find(|&index| may && addr(index) == to)
            .and_then(|index| Some((index, self.nodes[index].accept(self.now, caller).ok()?)));
        let Some(end) = accepted else {
            let error = Some(ErrorKind::ConnectionRefused.into());
            return self.input(from.0, Input::Closed { conn: from.1, error });
        };
        self.pipes.insert(from, Pipe { to: Some(end), ..Pipe::default() });
        self.pipes.insert(end, Pipe { to: Some(from), ..Pipe::default() });
        self.carry_out(end.0);
        self.input(from.0, Input::Connected { conn: from.1 });
    }

    /// Moves up to so many bytes along one pipe.
    pub(super) fn deliver(&mut self, choice: u8, len: usize) {
        let count = self.pipes.len().max(1);
        if let Some(&end) = self.pipes.keys().nth(usize::from(choice) % count) {
            self.move_along(end, len);
        }
    }

    /// Moves what is under way when this begins.
    pub(super) fn deliver_all(&mut self) {
        for _ in 0..self.dials.len() {
            self.answer_dial(true);
        }
        for end in self.pipes.keys().copied().collect::<Vec<_>>() {
            self.move_along(end, usize::MAX);
            self.input(end.0, Input::Continue { conn: end.1 });
        }
    }

    /// Cuts a link: what is under way is lost. Either end may go on without knowing.
    pub(super) fn cut(&mut self, choice: u8, is_told_both: bool) {
        let count = self.pipes.len().max(1);
        let Some(&end) = self.pipes.keys().nth(usize::from(choice) % count) else { return };
        let other = self.pipes.get(&end).and_then(|pipe| pipe.to);
        self.break_end(end);
        if let Some(other) = other {
            if is_told_both {
                self.break_end(other);
            } else if let Some(pipe) = self.pipes.get_mut(&other) {
                pipe.to = None;
            }
        }
    }

    fn break_end(&mut self, end: End) {
        if self.pipes.remove(&end).is_some() {
            let error = Some(ErrorKind::ConnectionReset.into());
            self.input(end.0, Input::Closed { conn: end.1, error });
        }
    }

    fn move_along(&mut self, from: End, len: usize) {
        let Some(pipe) = self.pipes.get_mut(&from).filter(|pipe| pipe.is_read()) else { return };
        let to = pipe.to;
        let len = len.min(pipe.waiting.len());
        let data: Vec<u8> = pipe.waiting.drain(..len).collect();
        let ends = pipe.waiting.is_empty() && pipe.is_finishing && !pipe.is_finished;
        pipe.is_finished |= ends;
        if len > 0 {
            self.input(from.0, Input::Sent { conn: from.1, len });
        }
        // Either may have closed the link meanwhile.
        let Some(to) = to else { return };
        if len > 0 && self.pipes.contains_key(&to) {
            self.input(to.0, Input::Received { conn: to.1, data: &data });
        }
        if ends && self.pipes.contains_key(&to) {
            self.input(to.0, Input::Ended { conn: to.1 });
            self.close_finished(from, to);
        }
    }

    /// A link both of whose sides have ended is closed.
    fn close_finished(&mut self, one: End, other: End) {
        let is_finished = |end| self.pipes.get(&end).is_some_and(|pipe| pipe.is_finished);
        if is_finished(one) && is_finished(other) {
            for end in [one, other] {
                self.pipes.remove(&end);
                self.input(end.0, Input::Closed { conn: end.1, error: None });
            }
        }
    }

    fn input(&mut self, index: usize, input: Input<'_>) {
        self.nodes[index].handle_input(self.now, input);
        self.carry_out(index);
    }

    fn carry_out(&mut self, index: usize) {
        while let Some(output) = self.nodes[index].poll_output() {
            match output {
                #[cfg(feature = "rsa")]
                Output::MakeRsaKey => panic!("nothing here is encrypted"),
                Output::Dial { conn, addr } => self.dials.push_back(((index, conn), addr)),
                Output::Transmit { conn, data } => {
                    if let Some(pipe) = self.pipes.get_mut(&(index, conn)) {
                        pipe.waiting.extend(data);
                    }
                }
                // The other pipe of the link is the one that is not read.
                Output::PauseRead { conn } => {
                    self.pause((index, conn), |pipe| pipe.is_paused = true)
                }
                Output::ResumeRead { conn } => {
                    self.pause((index, conn), |pipe| pipe.is_paused = false)
                }
                Output::HoldRead { conn } => self.pause((index, conn), |pipe| pipe.is_held = true),
                Output::ReleaseRead { conn } => {
                    self.pause((index, conn), |pipe| pipe.is_held = false)
                }
                Output::Close { conn, mode: CloseMode::Flush } => {
                    if let Some(pipe) = self.pipes.get_mut(&(index, conn)) {
                        pipe.is_finishing = true;
                    }
                }
                Output::Close { conn, mode: CloseMode::Abort } => self.abort((index, conn)),
                Output::Event(Event::Message(delivery)) => {
                    self.ledger.note_delivered(self.nodes[index].id(), &delivery);
                }
                Output::Event(_) => {}
            }
        }
    }

    fn pause(&mut self, receiver: End, change: impl FnOnce(&mut Pipe)) {
        let sender = self.pipes.get(&receiver).and_then(|pipe| pipe.to);
        if let Some(pipe) = sender.and_then(|sender| self.pipes.get_mut(&sender)) {
            change(pipe);
        }
    }

    /// The node is done with a connection: what it sent is lost, and the peer learns it later.
    fn abort(&mut self, end: End) {
        self.dials.retain(|&(from, _)| from != end);
        let other = self.pipes.remove(&end).and_then(|pipe| pipe.to);
        if let Some(pipe) = other.and_then(|other| self.pipes.get_mut(&other)) {
            pipe.to = None;
        }
    }

    /// Ends the faults: broken links are found out, the rest works, and a ring is dialled. From then
    /// on everybody gets everything.
    pub(super) fn heal(&mut self) {
        self.break_lost();
        self.run_for(Duration::from_secs(130));
        for _ in 0..2 {
            for index in 0..COUNT {
                self.dial(index, (index + 1) % COUNT);
            }
            self.run_for(Duration::from_secs(130));
        }
        for from in 0..COUNT {
            self.broadcast(from, LAST);
        }
        self.run_for(Duration::from_secs(10));
        for (receiver, sender) in (0..COUNT * COUNT).map(|pair| (pair / COUNT, pair % COUNT)) {
            let [receiver, sender] = [receiver, sender].map(|index| self.nodes[index].id());
            let got = self.ledger.got(receiver, sender, LAST);
            assert_eq!(got, usize::from(receiver != sender), "{receiver} got of {sender}");
        }
    }

    /// Lets time pass on links that carry everything.
    fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..10_000 {
            self.settle();
            let due = self.nodes.iter().filter_map(Node::poll_timeout).min();
            let Some(due) = due.filter(|&due| due <= end) else { break };
            self.pass(due.since(self.now));
            self.check();
        }
        self.pass(end.since(self.now));
        self.settle();
        self.check();
    }

    /// Moves everything until nothing moves any more.
    fn settle(&mut self) {
        for _ in 0..1_000 {
            let has_more = |pipe: &Pipe| {
                pipe.to.is_none()
                    || !pipe.waiting.is_empty()
                    || pipe.is_finishing && !pipe.is_finished
            };
            if self.dials.is_empty() && !self.pipes.values().any(has_more) {
                return;
            }
            self.deliver_all();
            self.break_lost();
        }
        panic!("three nodes with nothing to say talk without end");
    }

    /// The ends of links that the other end has aborted.
    fn break_lost(&mut self) {
        let lost = self.pipes.iter().filter(|(_, pipe)| pipe.to.is_none());
        for end in lost.map(|(end, _)| *end).collect::<Vec<_>>() {
            self.break_end(end);
        }
    }
}
