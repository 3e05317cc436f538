//! The world: its machines, and the order in which things happen to them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::account::Account;
use super::agenda::{Agenda, Step};
use super::app::{App, Recorder};
use super::check;
use super::conduct::Conduct;
use super::content::Header;
#[cfg(feature = "rsa")]
use super::keys::Keys;
use super::ledger::Ledger;
use super::link::{Link, LinkId};

use super::machine::{Machine, addr_of};
use super::options::LinkOptions;
use super::topology::Topology;
use super::trace::Trace;
use super::walls::Walls;
use crate::error::SendError;
use crate::event::SendReport;
use crate::node::{Config, Node, Whispered};
use crate::time::{Instant, UnixTime};
use crate::wire::{NodeId, Protocol, RequestId};

/// Names a node of a world: the first added is 0.
pub type NodeIndex = usize;

/// When every world begins.
const DAWN: UnixTime = UnixTime::from_secs(1_700_000_000);

/// A mesh and everything around it. See the [module](super).
pub struct World<A = Recorder> {
    pub(super) seed: u64,
    pub(super) rng: StdRng,
    pub(super) now: Instant,
    pub(super) machines: Vec<Machine<A>>,
    pub(super) links: BTreeMap<LinkId, Link>,
    pub(super) last_link: LinkId,
    pub(super) agenda: Agenda,
    pub(super) link_options: LinkOptions,
    /// How the way back behaves, if differently.
    pub(super) return_options: Option<LinkOptions>,
    /// Who is to dial whom.
    wanted: BTreeSet<(NodeIndex, NodeIndex)>,
    /// From whom to whom nothing gets through.
    pub(super) walls: Walls,
    pub(super) ledger: Ledger,
    #[cfg(feature = "rsa")]
    pub(super) keys: Keys,
    pub(super) trace: Trace,
    pub(super) frames: u64,
    /// Whether all nodes have the same limits, so that each takes whatever another sends.
    pub(super) is_uniform: bool,
    /// Whether there are machines without nodes.
    pub(super) has_outsiders: bool,
    /// Whether one of them may make up the numbers of messages.
    pub(super) is_spoilt: bool,
    /// The scenario that this world lives through, as a line, where it is one.
    pub(super) scenario: String,
}

impl World {
    /// A world without nodes, whose nodes record what they are told.
    pub fn new(seed: u64) -> Self {
        Self::with_apps(seed)
    }

    /// Adds nodes with the default configuration, which keep the links that they are given.
    pub fn add_nodes(&mut self, count: usize) {
        for _ in 0..count {
            self.add(default_config(), Recorder::default());
        }
    }
}

/// The configuration of nodes that are not given another: they follow no peers lists.
fn default_config() -> Config {
    let mut config = Config::new(Protocol::new("mesh", "Plaintext"));
    config.limits.max_outgoing = 0;
    config
}

impl<A: App> World<A> {
    /// A world without nodes, whose nodes run programs.
    pub fn with_apps(seed: u64) -> Self {
        Self {
            seed,
            rng: StdRng::seed_from_u64(seed),
            now: Instant::ZERO,
            machines: Vec::new(),
            links: BTreeMap::new(),
            last_link: 0,
            agenda: Agenda::default(),
            link_options: LinkOptions::default(),
            return_options: None,
            wanted: BTreeSet::new(),
            walls: Walls::default(),
            ledger: Ledger::default(),
            #[cfg(feature = "rsa")]
            keys: Keys::default(),
            trace: Trace::new(),
            frames: 0,
            is_uniform: true,
            has_outsiders: false,
            is_spoilt: false,
            scenario: String::new(),
        }
    }

    /// Adds a node with a program on it. Its outward address is the world's choice.
    pub fn add(&mut self, config: Config, app: A) -> NodeIndex {
        let index = self.machines.len();
        let config = Config { out_addr: Some(addr_of(index).into()), ..config };
        self.is_uniform &= self
            .machines
            .first()
            .is_none_or(|first| check::limits(&first.config) == check::limits(&config));
        self.machines.push(Machine::new(config, Some(app)));
        self.boot(index);
        index
    }

    /// How links that are made from now on behave, both ways.
    pub fn set_link_options(&mut self, options: LinkOptions) {
        self.link_options = options;
        self.return_options = None;
    }

    /// How links that are made from now on behave in the direction to the end that dialled.
    pub fn set_return_options(&mut self, options: LinkOptions) {
        self.return_options = Some(options);
    }

    /// Connects the nodes in a shape. Each link is dialled by one of its ends, and dialled again
    /// whenever it is lost.
    pub fn link(&mut self, topology: &Topology) {
        for (from, to) in topology.links(self.machines.len(), &mut self.rng) {
            self.connect(from, to);
        }
    }

    /// Makes `from` dial `to`, now and whenever the connection is lost.
    pub fn connect(&mut self, from: NodeIndex, to: NodeIndex) {
        self.wanted.insert((from, to));
        self.carry_out_step(Step::Seed { machine: from, addr: addr_of(to) });
    }

    /// Makes both ends of every link dial the other.
    pub fn link_back(&mut self) {
        for (from, to) in self.wanted.clone() {
            self.connect(to, from);
        }
    }

    /// Sends packets from a node to another.
    ///
    /// # Errors
    ///
    /// The node's; [`SendError::Closed`] where it is crashed or paused.
    pub fn whisper<P: AsRef<[u8]>>(
        &mut self,
        from: NodeIndex,
        to: &NodeId,
        packets: &[P],
    ) -> Result<Whispered, SendError> {
        let sender = self.id(from).ok_or(SendError::Closed)?;
        let written = self.written(from);
        let called = self.call(from, |node, now| node.whisper(now, to, packets));
        let whispered = called.unwrap_or(Err(SendError::Closed))?;
        let times = (self.now, self.node(from).map_or(DAWN, |node| node.wall(self.now)));
        let header = Header::of_user(sender, Some(*to), packets);
        let is_queued = whispered == Whispered::Queued;
        let content = self.ledger.note_own(times, header, None, is_queued);
        match whispered {
            Whispered::Queued => {
                self.check_whisper(from, &written, to);
                self.owe_whisper(from, to, content);
            }
            Whispered::Locating(id) => self.enter_question(from, id, Some((*to, content))),
        }
        Ok(whispered)
    }

    /// Asks a node where another one is.
    ///
    /// # Errors
    ///
    /// The node's; [`SendError::Closed`] where it is crashed or paused.
    pub fn locate(&mut self, from: NodeIndex, wanted: &NodeId) -> Result<RequestId, SendError> {
        let called = self.call(from, |node, now| node.locate(now, wanted));
        let id = called.unwrap_or(Err(SendError::Closed))?;
        self.enter_question(from, id, None);
        Ok(id)
    }

    /// Sends packets from a node to everybody.
    ///
    /// # Errors
    ///
    /// The node's; [`SendError::Closed`] where it is crashed or paused.
    pub fn broadcast<P: AsRef<[u8]>>(
        &mut self,
        from: NodeIndex,
        packets: &[P],
    ) -> Result<SendReport, SendError> {
        let written = self.written(from);
        let report = self
            .call(from, |node, now| node.broadcast(now, packets))
            .unwrap_or(Err(SendError::Closed))?;
        self.check_report(from, &written, &report);
        if let Some(node) = self.node(from) {
            let times = (self.now, node.wall(self.now));
            let (header, number) = (Header::of_user(node.id(), None, packets), node.last_number());
            self.ledger.note_own(times, header, number, true);
            self.owe_fresh(from);
        }
        Ok(report)
    }

    /// Calls a node as its user would. `None` where it is crashed, and while its machine is paused.
    pub fn call<T>(
        &mut self,
        index: NodeIndex,
        call: impl FnOnce(&mut Node, Instant) -> T,
    ) -> Option<T> {
        let now = self.now;
        let machine = self.machines.get_mut(index)?;
        if machine.stopped_until.is_some() {
            return None;
        }
        let node = machine.node.as_mut()?;
        let result = call(node, now);
        self.note_questions(index);
        self.after_turn(index);
        Some(result)
    }

    /// Lets this much virtual time pass.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some((at, step)) = self.agenda.pop_until(end) {
            self.now = at;
            self.carry_out_step(step);
        }
        self.now = end;
    }

    /// How long this world has existed.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The number of nodes, crashed ones included. They are the first machines of a world where all
    /// outsiders were added behind them.
    pub fn count(&self) -> usize {
        self.machines.iter().filter(|machine| machine.outside.is_none()).count()
    }

    /// A node; `None` while it is crashed.
    pub fn node(&self, index: NodeIndex) -> Option<&Node> {
        self.machines.get(index)?.node.as_ref()
    }

    /// The id of a node; `None` while it is crashed.
    pub fn id(&self, index: NodeIndex) -> Option<NodeId> {
        self.node(index).map(Node::id)
    }

    /// The program on a node.
    ///
    /// # Panics
    ///
    /// Where there is no such node.
    #[expect(clippy::expect_used, reason = "a test harness stops at a mistake in the test")]
    pub fn app(&self, index: NodeIndex) -> &A {
        self.machines.get(index).and_then(|it| it.app.as_ref()).expect("there is no such node")
    }

    /// How often a node has received what another has sent with these packets.
    pub fn received<P: AsRef<[u8]>>(
        &self,
        index: NodeIndex,
        sender: NodeId,
        packets: &[P],
    ) -> usize {
        let receiver = (index, self.machines.get(index).map_or(0, |machine| machine.life));
        let got = |to| self.ledger.got(receiver, &Header::of_user(sender, to, packets));
        got(None) + self.id(index).map_or(0, |to| got(Some(to)))
    }

    /// The number of deliveries so far.
    pub fn deliveries(&self) -> u64 {
        self.ledger.delivered()
    }

    /// How long each delivery took, in virtual time, in the order of the deliveries: in whole
    /// microseconds, and what took more than an hour may be told as an hour.
    pub fn latencies(&self) -> impl Iterator<Item = Duration> {
        self.ledger.latencies()
    }

    /// How many deliveries came over how many links, by that number: at index 1 are those that came
    /// from their sender itself.
    pub fn hops(&self) -> &[u64] {
        self.ledger.hops()
    }

    /// A hash over everything that has happened: the same for the same seed and calls.
    pub fn trace_hash(&self) -> u64 {
        self.trace.hash()
    }

    /// Keeps the whole trace from now on, for [`World::trace`].
    pub fn keep_trace(&mut self) {
        self.trace.keep_all();
    }

    /// The lines of the trace since [`World::keep_trace`].
    pub fn trace(&self) -> impl Iterator<Item = String> {
        self.trace.whole()
    }

    /// The number of dials that have ever come to a machine, those that it refused included.
    pub fn dials_to(&self, index: NodeIndex) -> u64 {
        self.machines.get(index).map_or(0, |machine| machine.dialed)
    }

    /// The number of pieces of streams that have arrived.
    pub fn arrivals(&self) -> u64 {
        self.frames
    }

    /// Starts the node of a machine.
    pub(super) fn boot(&mut self, index: NodeIndex) {
        let mut seed = [0; 32];
        self.rng.fill(&mut seed);
        let now = self.now;
        let wall = self.wall(index);
        let Some(machine) = self.machines.get_mut(index) else { return };
        machine.life += 1;
        machine.links.clear();
        machine.paused.clear();
        machine.unwanted.clear();
        machine.timer_at = None;
        machine.conduct = Conduct::default();
        (machine.reading, machine.reads_outsider) = (None, false);
        machine.known.clear();
        machine.farewell = None;
        machine.neighbors.clear();
        machine.questions.clear();
        machine.outcomes.clear();
        machine.hindrances = 0;
        machine.displaced = [0; 2];
        machine.account = Account::default();
        (machine.started_at, machine.most_links, machine.undecodable) = (now, 0, 0);
        match Node::new(machine.config.clone(), seed, now, wall) {
            Ok(node) => {
                let id = node.id();
                self.ledger.note_started(node.id(), (index, machine.life));
                machine.node = Some(node);
                self.note(index, format_args!("start {}", id.short()));
                self.dial_wanted(index);
            }
            Err(error) => self.fail(index, &format!("the configuration makes no node: {error}")),
        }
    }

    /// Makes a node that was started dial those that it is to dial: they are in its program's
    /// configuration.
    pub(super) fn dial_wanted(&mut self, index: NodeIndex) {
        let wanted: Vec<_> =
            self.wanted.range((index, 0)..=(index, NodeIndex::MAX)).map(|(_, to)| *to).collect();
        for to in wanted {
            self.carry_out_step(Step::Seed { machine: index, addr: addr_of(to) });
        }
    }

    /// What the calendar of a machine shows.
    pub(super) fn wall(&self, index: NodeIndex) -> UnixTime {
        let passed = self.now.since(Instant::ZERO);
        let Some(machine) = self.machines.get(index) else { return DAWN + passed };
        machine.clock_offset.apply(DAWN + passed.mul_f64(machine.clock_rate))
    }

    /// Stops the simulation: something is wrong.
    #[expect(clippy::panic, reason = "a failed check must stop the test that runs this world")]
    pub(super) fn fail(&self, index: NodeIndex, fault: &str) {
        let Self { now, seed, scenario, trace, .. } = self;
        let tail = trace.tail();
        panic!("{now} node {index}: {fault}\nseed {seed}\nscenario {scenario}\n{tail}");
    }
}

impl<A> fmt::Debug for World<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("seed", &self.seed)
            .field("now", &self.now)
            .field("nodes", &self.machines.len())
            .field("links", &self.links.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_that_have_changed_make_no_work_for_ever() {
        let mut world = World::new(1);
        world.add_nodes(1);
        // There is always a timer, for the next dial to somebody who is not there.
        world.connect(0, 1);
        world.run_for(Duration::from_secs(3_600));
        for _ in 0..100 {
            // Whoever dials and says nothing brings an earlier one.
            world.call(0, |node, now| node.accept(now, addr_of(1)).is_ok());
            world.run_for(Duration::from_secs(10));
        }
        world.run_for(Duration::from_secs(3_600));
        assert_eq!(world.agenda.len(), 1);
    }
}
