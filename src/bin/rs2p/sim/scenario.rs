//! One run: the mesh comes up, nodes speak while things go wrong, and then they no longer do.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

#[cfg(feature = "tls")]
use rand::RngExt;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rs2p::sim::World;
use rs2p::time::Instant;
use rs2p::{Config, Protocol, SendError};
#[cfg(feature = "tls")]
use rs2p::{Encryption, Identity};

use super::faults::{Deed, Planner};
use super::listener::Listener;
use super::memory;
use super::options::Options;
use super::report::{Last, Report, Round};
use crate::clock::{self, Pulse};
use crate::console::{Console, human};
use crate::topology::Links;
use crate::traffic::Traffic;

/// How often the terminal may be told of progress, and it is looked whether a phase is over.
const STEP: Duration = Duration::from_millis(100);

/// How long the mesh has to come up.
const JOIN_TIMEOUT: Duration = Duration::from_secs(300);

/// How long it has to come together again: dials are put off by up to five minutes.
const CALM_TIMEOUT: Duration = Duration::from_secs(900);

/// What comes late when the links are up again: messages that were held up.
const CALM_TAIL: Duration = Duration::from_secs(30);

/// How long a phase goes on in which nothing arrives that is waited for.
const QUIET_TIMEOUT: Duration = Duration::from_secs(60);

/// What comes late when all is delivered: duplicates.
const TAIL: Duration = Duration::from_secs(5);

/// Makes the draws of keys others than those of contents and faults.
#[cfg(feature = "tls")]
const KEYS: u64 = 0x6b65_7973;

/// As many handshakes a second as a node may take at most: here all come from friends.
const NO_LIMIT: usize = 1_000_000;

/// The most messages that are sent when the faults are over.
const MAX_LAST: u64 = 10;

pub(super) struct Scenario<'a> {
    options: &'a Options,
    seed: u64,
    console: &'a Console,
    pulse: Pulse,
    world: World<Listener>,
    links: Links,
    body: Vec<u8>,
    /// What crashed nodes had counted.
    lost: Traffic,
    sent: u64,
}

impl<'a> Scenario<'a> {
    pub(super) fn new(options: &'a Options, seed: u64, console: &'a Console) -> Self {
        let mut world = World::with_apps(seed);
        if options.trace.is_some() {
            world.keep_trace();
        }
        let mut body = vec![0; options.size];
        StdRng::seed_from_u64(seed).fill_bytes(&mut body);
        Self {
            options,
            seed,
            console,
            pulse: Pulse::new(),
            world,
            links: Links::new(&options.topology, options.nodes, seed),
            body,
            lost: Traffic::default(),
            sent: 0,
        }
    }

    pub(super) fn trace(&self) -> impl Iterator<Item = String> {
        self.world.trace()
    }

    /// Runs to the end, and fills the report as it goes.
    ///
    /// # Panics
    ///
    /// Where a check of the simulator fails.
    pub(super) fn run(&mut self, report: &mut Report) {
        let start = clock::now();
        let memory_before = memory::peak();
        self.join();
        report.links = Some(self.links.clone());
        report.join_time = self.world.now().since(Instant::ZERO);
        report.links_up = self.links_up();
        report.show_links(self.console);

        let before = self.traffic();
        self.speak();
        self.wait_for(self.sent * self.others(), 0..self.options.messages);
        if self.options.has_faults() {
            self.calm_down();
        }
        report.talk = self.round(0..self.options.messages, self.sent);
        for latency in self.world.latencies() {
            report.latencies.add(latency);
        }
        report.hops = self.world.hops().to_vec();
        report.traffic = self.traffic().since(&before);
        if self.options.has_faults() {
            report.after = Some(self.speak_at_last());
        }
        self.finish(report);
        report.real_time = start.elapsed();
        let memory = memory::peak().zip(memory_before).map(|(now, then)| now.saturating_sub(then));
        report.memory_per_node = memory.map(|bytes| bytes / self.options.nodes.max(1) as u64);
    }

    fn finish(&self, report: &mut Report) {
        report.arrivals = self.world.arrivals();
        report.virtual_time = self.world.now().since(Instant::ZERO);
        report.trace_hash = self.world.trace_hash();
    }

    /// Adds and links the nodes, and lets them come together.
    fn join(&mut self) {
        let mut config = Config::new(Protocol::new("mesh", self.options.encryption.name()));
        config.limits.max_outgoing = 0;
        // The hub of a star takes all others.
        config.limits.max_incoming = config.limits.max_incoming.max(self.options.nodes);
        config.limits.max_memory = config.limits.max_memory.max(config.least_memory());
        config.limits.max_pending = config.limits.max_incoming;
        config.limits.max_handshakes = NO_LIMIT;
        config.limits.max_handshake_burst = NO_LIMIT;
        config.limits.max_handshakes_per_ip = NO_LIMIT;
        config.limits.max_handshake_burst_per_ip = NO_LIMIT;
        #[cfg(feature = "tls")]
        let mut keys = StdRng::seed_from_u64(self.seed ^ KEYS);
        for _ in 0..self.options.nodes {
            #[cfg(feature = "tls")]
            if self.options.encryption == Encryption::Tls {
                // Any 32 bytes are a key.
                config.identity = Identity::from_secret(&keys.random()).ok();
            }
            self.world.add(config.clone(), Listener::default());
        }
        for &(from, to) in self.links.pairs() {
            self.world.connect(from, to);
        }
        let total = self.links.pairs().len();
        self.run_while(JOIN_TIMEOUT, |it| {
            let up = it.links_up();
            it.progress("joining", format_args!("{up} of {total} links"));
            up < total
        });
    }

    fn speak(&mut self) {
        if self.options.nodes < 2 {
            return;
        }
        let plan = Planner {
            rng: StdRng::seed_from_u64(!self.seed),
            nodes: self.options.nodes,
            links: self.links.pairs(),
            time: self.options.time,
        }
        .plan(&self.options.faults, self.options.messages);
        let start = self.world.now();
        for (at, deed) in plan {
            self.run_until(start + at);
            self.carry_out(deed);
        }
        self.run_until(start + self.options.time);
    }

    fn carry_out(&mut self, deed: Deed) {
        let world = &mut self.world;
        match deed {
            Deed::Send(number) => self.send(number),
            Deed::Cut => drop(world.cut_any()),
            Deed::Partition(inside) => world.partition(&inside),
            Deed::Heal => world.heal(),
            Deed::Clog(one, other, time) => world.clog(one, other, time),
            Deed::Stall(reader, writer, time) => world.stall(reader, writer, time),
            Deed::Reset(at, from) => world.reset(at, from),
            Deed::Refuse(node) => world.refuse_dials(node, 1),
            Deed::Block(from, to) => world.block(from, to),
            Deed::Unblock(from, to) => world.unblock(from, to),
            Deed::Pause(node, time) => world.pause(node, time),
            Deed::Crash(node) => {
                if let Some(node) = world.node(node) {
                    self.lost = self.lost.plus(&node.stats());
                }
                self.world.crash(node);
            }
            Deed::Restart(node) => world.restart(node),
            Deed::SetAhead(node, step) => world.set_clock_ahead(node, step),
            Deed::SetBehind(node, step) => world.set_clock_behind(node, step),
        }
    }

    /// Broadcasts from the node whose turn it is, or from the next that can.
    fn send(&mut self, number: u64) {
        let count = self.options.nodes;
        let turn = usize::try_from(number).unwrap_or_default() % count;
        for node in (turn..count).chain(0..turn) {
            if self.send_from(node, number).is_ok() {
                self.sent += 1;
                return;
            }
        }
    }

    fn send_from(&mut self, node: usize, number: u64) -> Result<(), SendError> {
        let packets = [number.to_be_bytes().to_vec(), self.body.clone()];
        self.world.broadcast(node, &packets).map(drop)
    }

    /// The faults stop, and the mesh comes together again.
    fn calm_down(&mut self) {
        self.world.heal();
        for node in 0..self.options.nodes {
            self.world.restart(node);
            self.world.set_clock_ahead(node, Duration::ZERO);
            self.world.refuse_dials(node, 0);
        }
        let total = self.links.pairs().len();
        self.run_while(CALM_TIMEOUT, |it| {
            let up = it.links_up();
            it.progress("settling", format_args!("{up} of {total} links"));
            up < total
        });
        let end = self.world.now() + CALM_TAIL;
        self.run_until(end);
    }

    /// Everybody hears some messages once more.
    fn speak_at_last(&mut self) -> Last {
        let links_up = self.links_up();
        let first = self.options.messages;
        let nodes = self.options.nodes as u64;
        let wanted = if nodes < 2 { 0 } else { nodes.min(MAX_LAST) };
        let mut sent = 0;
        for index in 0..wanted {
            // From all over the mesh.
            let node = usize::try_from(index * nodes / wanted).unwrap_or_default();
            sent += u64::from(self.send_from(node, first + index).is_ok());
        }
        self.wait_for(sent * self.others(), first..first + wanted);
        Last { wanted, links_up, round: self.round(first..first + wanted, sent) }
    }

    fn round(&self, numbers: Range<u64>, sent: u64) -> Round {
        Round { sent, expected: sent * self.others(), delivered: self.heard(&numbers) }
    }

    /// Lets the messages of these numbers arrive, as long as they do.
    fn wait_for(&mut self, expected: u64, numbers: Range<u64>) {
        let (mut last, mut quiet_since) = (self.world.deliveries(), self.world.now());
        self.run_while(Duration::MAX, |it| {
            let deliveries = it.world.deliveries();
            if deliveries != last {
                (last, quiet_since) = (deliveries, it.world.now());
            }
            let is_quiet = it.world.now().since(quiet_since) >= QUIET_TIMEOUT;
            it.progress("arriving", format_args!("{deliveries} deliveries"));
            !is_quiet && (deliveries < expected || it.heard(&numbers) < expected)
        });
        let end = self.world.now() + TAIL;
        self.run_until(end);
    }

    /// Goes on in small steps, as long as it is wanted.
    fn run_while(&mut self, timeout: Duration, mut is_wanted: impl FnMut(&mut Self) -> bool) {
        let start = self.world.now();
        while is_wanted(self) && self.world.now().since(start) < timeout {
            self.world.run_for(STEP);
        }
    }

    fn run_until(&mut self, end: Instant) {
        while self.world.now() < end {
            self.world.run_for(end.since(self.world.now()).min(STEP));
            let [sent, total] = [self.sent, self.options.messages];
            self.progress("sending", format_args!("{sent} of {total}"));
        }
    }

    fn progress(&mut self, label: &str, text: impl fmt::Display) {
        if self.pulse.is_due() {
            let time = human(self.world.now().since(Instant::ZERO));
            self.console.progress(label, format_args!("{text}, after {time} of virtual time"));
        }
    }

    /// The number of nodes that are to hear each message.
    fn others(&self) -> u64 {
        (self.options.nodes as u64).saturating_sub(1)
    }

    fn heard(&self, numbers: &Range<u64>) -> u64 {
        let listeners = (0..self.options.nodes).map(|node| self.world.app(node));
        listeners.map(|it| it.count(numbers.clone())).sum()
    }

    /// The links that both ends know of.
    fn links_up(&self) -> usize {
        let nodes = (0..self.options.nodes).filter_map(|node| self.world.node(node));
        nodes.map(|node| node.routing_table().count()).sum::<usize>() / 2
    }

    fn traffic(&self) -> Traffic {
        let nodes = (0..self.options.nodes).filter_map(|node| self.world.node(node));
        nodes.fold(self.lost, |sum, node| sum.plus(&node.stats()))
    }
}
