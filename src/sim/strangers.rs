//! Who else is in a scenario: py2p nodes, and hostile peers.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;

use super::attack::Attack;
use super::legacy::Legacy;
use super::storm::Faults;
use super::swarm::Swarm;
use super::world::World;
use crate::node::{PKCS1, PLAINTEXT};
use crate::wire::NodeId;

/// How many py2p nodes there are at most: what one has heard, it tells the others without end.
const MAX_LEGACY: usize = 4;

/// How many addresses each of them dials on the word of others.
const MAX_FOLLOWED: usize = 1;

/// What is drawn after everything else, so that seeds stand for what they stood for before there
/// was a choice.
pub(super) struct LateDraws {
    pub(super) squeezes: usize,
    pub(super) dozes: usize,
    pub(super) faults: Faults,
    pub(super) legacy: usize,
    pub(super) attacks: Vec<Attack>,
}

impl LateDraws {
    /// Where links are not quick, a flood of messages would keep everybody busy for too long.
    pub(super) fn new(
        rng: &mut StdRng,
        nodes: usize,
        (encryption, is_quick): (&str, bool),
        faults: &Faults,
    ) -> Self {
        let mut some = |most: usize| if rng.random() { rng.random_range(1..=most) } else { 0 };
        let (squeezes, dozes) = (some(nodes * 2), some(nodes));
        let mut some = |most: usize| {
            if rng.random_range(0..3) == 0 { rng.random_range(1..=most) } else { 0 }
        };
        let full_tables = some(nodes);
        let slow_machines = some(nodes / 2 + 1);
        let stops = some(nodes / 2 + 1);
        let legacy = some(nodes.min(MAX_LEGACY));
        let count = if rng.random() { rng.random_range(1..=3) } else { 0 };
        let attack = |_| Attack::ALL.get(rng.random_range(0..Attack::ALL.len())).copied();
        let is_bearable = |it: &Attack| *it != Attack::Flood || (is_quick && nodes <= 16);
        let attacks: Vec<Attack> = (0..count).filter_map(attack).filter(is_bearable).collect();
        // Py2p nodes speak no TLS, and outsiders no RSA.
        let legacy = if encryption == PLAINTEXT { legacy } else { 0 };
        let attacks = if encryption == PKCS1 { Vec::new() } else { attacks };
        Self {
            squeezes,
            // What waits for more than a minute and is passed on then is new again to py2p nodes:
            // PROTOCOL.md §4.3.
            dozes: if legacy > 0 { 0 } else { dozes },
            faults: Faults { full_tables, slow_machines, stops, ..faults.clone() },
            legacy,
            attacks,
        }
    }
}

impl Swarm {
    /// Strangers come when the nodes have met.
    pub(super) fn let_strangers_in(&self, world: &mut World, rng: &mut StdRng) {
        for number in 0..self.legacy {
            let index = self.nodes + number;
            let dials: Vec<usize> =
                (0..rng.random_range(1..=2)).map(|_| rng.random_range(0..index)).collect();
            let every = Duration::from_millis(rng.random_range(2_000..=20_000));
            let speech = rng.random_range(0..=4);
            let legacy = Legacy::new(dials).following(MAX_FOLLOWED).saying(speech, every);
            world.add_outsider(legacy);
            if rng.random() {
                world.connect(rng.random_range(0..self.nodes), index);
            }
        }
        for attack in &self.attacks {
            let victims: Vec<usize> =
                (0..rng.random_range(1..=3)).map(|_| rng.random_range(0..self.nodes)).collect();
            world.add_attacker(*attack, &victims);
        }
    }

    /// When the faults stop, the py2p nodes begin anew, and those go who may keep nodes from
    /// meeting for as long as they stay. All other attackers stay.
    pub(super) fn calm_strangers(&self, world: &mut World) {
        for number in 0..self.legacy {
            world.crash(self.nodes + number);
            world.restart(self.nodes + number);
        }
        for (number, attack) in self.attacks.iter().enumerate() {
            if attack.takes_places() {
                world.crash(self.nodes + self.legacy + number);
            }
        }
    }

    /// A py2p node that is somebody's neighbor has heard of everybody.
    pub(super) fn check_legacy(&self, world: &World) {
        // A py2p node says whom it knows in one message, and the nodes close whoever sends one
        // that is too long for them.
        if self.max_frame_len < 5_000 {
            return;
        }
        let ids: Vec<Option<NodeId>> = (0..self.nodes).map(|node| world.id(node)).collect();
        for legacy in self.nodes..self.nodes + self.legacy {
            let is_met = (0..self.nodes).any(|node| world.is_linked(node, legacy));
            let has_heard = |(node, id): (usize, &Option<NodeId>)| {
                id.is_some_and(|id| world.has_heard(legacy, id, &[format!("at last {node}")]))
            };
            if is_met && !ids.iter().enumerate().all(has_heard) {
                world.fail(legacy, "G3 broken: has not heard everybody without a fault left");
            }
        }
    }
}

impl World {
    /// Whether a machine is a node's neighbor.
    fn is_linked(&self, index: usize, other: usize) -> bool {
        let leads_there = |conn| {
            let link = self.link_at(index, conn);
            link.is_some_and(|(_, link)| link.ends.iter().any(|end| end.machine == other))
        };
        self.node(index).is_some_and(|node| node.routing_table().any(|info| leads_there(info.conn)))
    }
}
