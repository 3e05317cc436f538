//! Whole scenarios drawn from a seed: which mesh, which network, which faults, what is said.
//!
//! Each seed switches each kind of fault on or off and then draws its strength, so that some runs
//! have one fault alone and some have all at once. First everything is allowed to go wrong, and
//! only safety is checked; then the faults stop, and what was promised must follow.

use std::fmt;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::app::Recorder;
use super::attack::Attack;
use super::options::{Latency, LinkOptions};
use super::storm::{Faults, STORM, unblock_all};
use super::strangers::LateDraws;
use super::topology::Topology;
use super::world::World;
use crate::event::{Event, PeerInfo};
#[cfg(feature = "tls")]
use crate::identity::{Identity, KEY_LEN};
use crate::node::{Compress, Config, PKCS1, PLAINTEXT, TLS};
use crate::wire::{NodeId, Protocol};

/// How long the nodes have to meet before the faults begin.
const MORNING: Duration = Duration::from_secs(20);

/// How long the mesh has to come together again: dials are put off by up to five minutes.
const CALM: Duration = Duration::from_secs(900);

/// How long the last broadcasts have to reach everybody.
const ECHO: Duration = Duration::from_secs(120);

/// A scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Swarm {
    pub(super) seed: u64,
    /// The number of nodes: 2 to 64.
    pub nodes: usize,
    /// Which of them are linked.
    pub topology: Topology,
    /// How the links behave.
    pub link: LinkOptions,
    /// How they behave in the direction to the end that dialled, if differently.
    pub link_back: Option<LinkOptions>,
    /// Whether each link is dialled from both of its ends.
    pub from_both_ends: bool,
    /// Whether the nodes tell each other what they can do beyond the 0.2 protocol.
    pub extension: bool,
    /// When nodes compress.
    pub compress: Compress,
    /// The longest message of the mesh, in bytes.
    pub max_frame_len: usize,
    /// The number of things that users do.
    pub actions: usize,
    /// How often a user sends many messages at once, which shrink to almost nothing on the way: the
    /// receivers take them in several turns.
    pub bursts: usize,
    /// How often a node is left hardly more memory than it has.
    pub squeezes: usize,
    /// How often a user takes no messages for a while.
    pub dozes: usize,
    /// The faults that are on, and how many there are of each.
    pub faults: Faults,
    /// How long they go on, and users speak. Default a minute.
    pub storm: Duration,
    /// The name of the mesh's encryption. Most have none, for what is encrypted costs more; those
    /// that have are small.
    pub encryption: &'static str,
    /// How many py2p nodes there are beside the nodes.
    pub legacy: usize,
    /// What hostile peers do, each to some of the nodes.
    pub attacks: Vec<Attack>,
}

/// What a scenario came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwarmReport {
    /// Deliveries, all in all.
    pub deliveries: u64,
    /// Pieces of streams that arrived.
    pub arrivals: u64,
    /// The hash of the trace.
    pub trace_hash: u64,
}

impl Swarm {
    /// The scenario of a seed, in which there are nodes of this crate alone, on good machines.
    pub fn from_seed(seed: u64) -> Self {
        let drawn = Self::with_strangers(seed);
        let faults = Faults { full_tables: 0, slow_machines: 0, stops: 0, ..drawn.faults };
        Self { legacy: 0, attacks: Vec::new(), faults, ..drawn }
    }

    /// The scenario of a seed with py2p nodes, hostile peers, full tables of descriptors and slow
    /// machines in it.
    pub fn with_strangers(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let nodes = match rng.random_range(0..10) {
            0..5 => rng.random_range(2..=4),
            5..9 => rng.random_range(5..=16),
            _ => rng.random_range(17..=64),
        };
        let topology = match rng.random_range(0..5) {
            0 => Topology::Line,
            1 => Topology::Ring,
            2 => Topology::Star,
            3 => Topology::Grid,
            _ => Topology::Random { degree: rng.random_range(2..=6) },
        };
        let compress = match rng.random_range(0..4) {
            0 => Compress::Always,
            1 => Compress::Never,
            _ => Compress::WhenItPays,
        };
        let link = draw_link(&mut rng);
        let link_back = rng.random::<bool>().then(|| draw_link(&mut rng));
        let from_both_ends = rng.random();
        let extension = rng.random_range(0..4) > 0;
        let max_frame_len =
            *[1 << 10, 5_000, 100_000, 400_000].get(rng.random_range(0..4)).unwrap_or(&0);
        // The longest message must be through a line of such links while it is fresh, and in large
        // meshes a byte at a time is a turn of the simulator for each byte.
        let is_quick = [Some(&link), link_back.as_ref()]
            .into_iter()
            .flatten()
            .all(|link| *link.chunk_len.end() >= 100);
        let longest = match (nodes <= 16, is_quick) {
            (true, true) => 400_000,
            (false, false) => 5_000,
            _ => 100_000,
        };
        let max_frame_len = longest.min(max_frame_len);
        let faults = draw_faults(&mut rng, nodes);
        let actions = rng.random_range(20..=120);
        let bursts = if rng.random() { rng.random_range(1..=2) } else { 0 };
        // Last, so that seeds stand for what they stood for before there was a choice.
        let encryption = draw_encryption(&mut rng, nodes);
        // A handshake goes to and fro several times within its limit of time, and under RSA a byte
        // takes a hundred times as long.
        let (haste, max_frame_len) = match encryption {
            PKCS1 => (8, max_frame_len.min(5_000)),
            TLS => (4, max_frame_len),
            _ => (1, max_frame_len),
        };
        let hasten = |link: LinkOptions| LinkOptions { latency: link.latency / haste, ..link };
        let (link, link_back) = (hasten(link), link_back.map(hasten));
        // TLS is spoken by our own nodes alone.
        let extension = extension || encryption == TLS;
        let late = LateDraws::new(&mut rng, nodes, (encryption, is_quick), &faults);
        Self {
            seed,
            nodes,
            topology,
            link,
            link_back,
            from_both_ends,
            extension,
            compress,
            max_frame_len,
            actions,
            bursts,
            squeezes: late.squeezes,
            dozes: late.dozes,
            faults: late.faults,
            storm: STORM,
            encryption,
            legacy: late.legacy,
            attacks: late.attacks,
        }
    }

    /// The seed of everything in it that its fields leave open.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The plainest scenario of a seed: two nodes and good links, where nobody speaks before the
    /// end and nothing goes wrong.
    pub fn plain(seed: u64) -> Self {
        Self {
            seed,
            nodes: 2,
            topology: Topology::Line,
            link: LinkOptions::default(),
            link_back: None,
            from_both_ends: false,
            extension: true,
            compress: Compress::WhenItPays,
            max_frame_len: 100_000,
            actions: 0,
            bursts: 0,
            squeezes: 0,
            dozes: 0,
            faults: Faults::default(),
            storm: STORM,
            encryption: PLAINTEXT,
            legacy: 0,
            attacks: Vec::new(),
        }
    }

    /// Lives through the scenario.
    ///
    /// # Panics
    ///
    /// Where a promise is broken, with the seed and the last lines of the trace.
    pub fn run(&self) -> SwarmReport {
        self.run_and(|_| ())
    }

    /// Lives through the scenario, and lets an application check what it promises of its own, by
    /// panicking where that is broken: once the faults are over and everybody has heard everybody,
    /// and before the partition that every scenario ends with.
    ///
    /// # Panics
    ///
    /// As [`Swarm::run`], and where the check does.
    pub fn run_and(&self, check: impl FnOnce(&World)) -> SwarmReport {
        let mut rng = StdRng::seed_from_u64(!self.seed);
        let mut world = World::new(self.seed);
        world.scenario = self.to_line();
        world.set_link_options(self.link.clone());
        if let Some(link_back) = &self.link_back {
            world.set_return_options(link_back.clone());
        }
        for number in 0..self.nodes {
            world.add(self.config(number), Recorder::default());
        }
        world.link(&self.topology);
        if self.from_both_ends {
            world.link_back();
        }
        world.run_for(MORNING);
        self.check_morning(&world);
        self.let_strangers_in(&mut world, &mut rng);
        for (at, deed) in self.plan(&mut rng) {
            world.run_for((MORNING + at).saturating_sub(since_dawn(&world)));
            self.carry_out(&mut world, &mut rng, deed);
        }
        self.calm_down(&mut world);
        self.check_liveness(&mut world);
        check(&world);
        self.check_healing(&mut world, &mut rng, ECHO);
        (0..self.nodes).for_each(|node| check_rest(&world, node));
        SwarmReport {
            deliveries: world.deliveries(),
            arrivals: world.arrivals(),
            trace_hash: world.trace_hash(),
        }
    }

    /// The configuration of a node.
    fn config(&self, number: usize) -> Config {
        #[cfg(not(feature = "tls"))]
        let _ = number;
        let mut config = Config {
            extension: self.extension,
            compress: self.compress,
            #[cfg(feature = "tls")]
            identity: identity_of(number),
            ..Config::new(Protocol::new("mesh", self.encryption))
        };
        config.limits.max_outgoing = 0;
        config.limits.max_frame_len = self.max_frame_len;
        // The slowest links take more than a minute for the longest frame.
        config.limits.frame_timeout = Duration::from_secs(300);
        config
    }

    /// While nothing has gone wrong, everybody has met and nobody was lost, even where both ends
    /// have dialled at once.
    fn check_morning(&self, world: &World) {
        for node in 0..self.nodes {
            let is_loss = |event: &Event| matches!(event, Event::PeerLost { .. });
            if world.app(node).events().iter().any(is_loss) {
                world.fail(node, "G3 broken: has lost a neighbor before there was a fault");
            }
            if world.node(node).is_some_and(|node| node.routing_table().next().is_none()) {
                world.fail(node, "G3 broken: has met nobody though there was no fault");
            }
        }
    }

    /// The faults stop.
    fn calm_down(&self, world: &mut World) {
        world.heal();
        unblock_all(world);
        if self.faults.stops > 0 {
            // Those that are closing, or stand still before they are closed, get done.
            world.run_for(Duration::from_secs(50));
        }
        for node in 0..self.nodes {
            world.restart(node);
            world.set_clock_drift(node, 0);
            world.set_clock_ahead(node, Duration::ZERO);
            world.refuse_dials(node, 0);
            world.slow_down(node, Duration::ZERO);
        }
        // Those that stand still hear nothing yet.
        world.run_for(CALM / 10);
        (0..self.nodes).for_each(|node| world.relax(node));
        self.calm_strangers(world);
        world.run_for(CALM);
    }

    /// Everybody hears everybody once more: messages that nobody else sends, messages that all
    /// send at once, messages that differ in the borders of their packets alone, and the longest
    /// that the mesh takes.
    fn check_liveness(&self, world: &mut World) {
        let ids: Vec<Option<NodeId>> = (0..self.nodes).map(|node| world.id(node)).collect();
        let said = |node: usize| -> Vec<Vec<Vec<u8>>> {
            let split =
                |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect();
            let mine = format!("at last {node}");
            let mut said = vec![split(&[&mine]), split(&["all"]), split(&["al", "l"])];
            if node == 0 {
                said.push(vec![vec![7; longest_packet(world, node)]]);
            }
            said
        };
        let all: Vec<Vec<Vec<Vec<u8>>>> = (0..self.nodes).map(said).collect();
        for (node, messages) in all.iter().enumerate() {
            for packets in messages {
                if let Err(error) = world.broadcast(node, packets) {
                    let what = format!("G3 broken: cannot broadcast without a fault left: {error}");
                    world.fail(node, &what);
                }
            }
        }
        world.run_for(ECHO);
        for ((from, messages), sender) in all.iter().enumerate().zip(ids) {
            let Some(sender) = sender else { continue };
            for to in (0..self.nodes).filter(|to| *to != from) {
                let times = |packets: &Vec<_>| world.received(to, sender, packets);
                for packets in
                    messages.iter().filter(|packets| !self.is_heard(world, times(packets)))
                {
                    let len = packets.iter().map(Vec::len).sum::<usize>();
                    let (parts, times) = (packets.len(), times(packets));
                    let what = format!(
                        "G3 broken: without a fault left has heard {times} times what node {from} \
                        said in {parts} packets of {len} bytes"
                    );
                    world.fail(to, &what);
                }
            }
        }
        self.check_legacy(world);
    }

    /// Whether a message that was given to a user so often has come as it should. Py2p nodes may keep
    /// what they repeat for minutes, and bring it again when it is forgotten: whether a minute lay
    /// between is checked where it was delivered. PROTOCOL.md §4.3. And where nobody signs what he says,
    /// one message may be made into another that says what a third has said.
    pub(super) fn is_heard(&self, world: &World, times: usize) -> bool {
        let is_forged = world.is_spoilt && self.attacks.contains(&Attack::Race);
        times == 1 || (times > 1 && (self.legacy > 0 || is_forged))
    }
}

/// When nothing is left to be done, nothing is left undone.
fn check_rest(world: &World, index: usize) {
    let Some(node) = world.node(index) else { return };
    if node.pending_requests().count() > 0 || world.has_questions(index) {
        world.fail(index, "G8 broken: has open questions at rest");
    }
    let waits = |info: &PeerInfo| info.backlog_len > 0 && !world.is_outside(index, info.conn);
    if let Some(info) = node.routing_table().find(waits) {
        let (len, conn) = (info.backlog_len, info.conn);
        world.fail(index, &format!("G5 broken: has a backlog at rest: {len} on {conn}"));
    }
}

/// The longest packet that a node of this mesh may send alone.
pub(super) fn longest_packet(world: &World, index: usize) -> usize {
    let max = world.node(index).map_or(0, |node| node.config().limits.max_frame_len);
    let node = world.node(index);
    node.and_then(|node| node.longest_packet(world.now(), &[])).unwrap_or(max)
}

/// One small mesh in six is under RSA, and one in six under TLS, where the build has them.
fn draw_encryption(rng: &mut StdRng, nodes: usize) -> &'static str {
    match rng.random_range(0..6) {
        0 if nodes <= 4 && cfg!(feature = "rsa") => PKCS1,
        1 if nodes <= 8 && cfg!(feature = "tls") => TLS,
        _ => PLAINTEXT,
    }
}

/// The key of a node, the same in each of its lives.
#[cfg(feature = "tls")]
fn identity_of(number: usize) -> Option<Identity> {
    let mut secret = [1; KEY_LEN];
    secret.iter_mut().zip(number.to_le_bytes()).for_each(|(byte, part)| *byte ^= part);
    Identity::from_secret(&secret).ok()
}

fn draw_faults(rng: &mut StdRng, nodes: usize) -> Faults {
    let mut some = |most: usize| if rng.random() { rng.random_range(1..=most) } else { 0 };
    Faults {
        cuts: some(nodes * 2),
        partitions: some(3),
        black_holes: some(nodes),
        pauses: some(nodes),
        crashes: some(nodes / 2 + 1),
        clock_steps: some(nodes),
        clogs: some(nodes * 2),
        stalls: some(nodes),
        resets: some(nodes),
        refusals: some(nodes * 2),
        ..Faults::default()
    }
}

fn draw_link(rng: &mut StdRng) -> LinkOptions {
    let millis = |rng: &mut StdRng, most| Duration::from_millis(rng.random_range(0..=most));
    let latency = match rng.random_range(0..3) {
        0 => Latency::Fixed(millis(rng, 100)),
        1 => {
            let least = millis(rng, 50);
            Latency::Uniform(least, least + millis(rng, 450))
        }
        _ => Latency::Exponential { min: millis(rng, 20), mean: millis(rng, 200) },
    };
    let longest = *[1, 7, 100, 1_500, 64 * 1024].get(rng.random_range(0..5)).unwrap_or(&1);
    LinkOptions {
        latency,
        bandwidth: *[100_000, 1_000_000, 100_000_000].get(rng.random_range(0..3)).unwrap_or(&1),
        chunk_len: 1.max(longest / 2)..=longest.max(1),
        window_len: rng.random_range(2_000..=512 * 1024),
    }
}

fn since_dawn(world: &World) -> Duration {
    world.now().since(crate::time::Instant::ZERO)
}

/// What the scenario is, in a line.
impl fmt::Display for Swarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, nodes, topology, faults, encryption, legacy, attacks, .. } = self;
        write!(f, "seed {seed}: {nodes} nodes, {encryption}, {topology:?}, {faults:?}")?;
        write!(f, ", {legacy} of py2p, {attacks:?}")
    }
}
