//! RSA keys for simulated nodes.

use rand::RngExt;
use rand::rngs::StdRng;

use super::agenda::Step;
use super::app::App;
use super::world::{NodeIndex, World};
use crate::rsa::{KeySize, PrivateKey, SeededRng};
use crate::time::Instant;

/// How long a node waits for a key: as long as making one takes a real machine.
const MAKING: std::time::Duration = std::time::Duration::from_millis(100);

/// How many keys there are in a world. Making them takes real time, and nothing that is simulated
/// depends on nobody else having them, so they are used over and over.
const COUNT: usize = 6;

#[derive(Debug, Default)]
pub(super) struct Keys {
    made: Vec<PrivateKey>,
    given: usize,
}

impl Keys {
    /// The next key; `None` where none can be made.
    fn next(&mut self, rng: &mut StdRng) -> Option<PrivateKey> {
        if self.made.len() < COUNT {
            let mut generator = SeededRng::from_seed(rng.random());
            self.made.push(PrivateKey::generate(KeySize::DEFAULT, &mut generator).ok()?);
        }
        let key = self.made.get(self.given % self.made.len().max(1)).cloned();
        self.given += 1;
        key
    }
}

impl<A: App> World<A> {
    /// Has a key made for a node.
    pub(super) fn order_key(&mut self, machine: NodeIndex) {
        let Some(life) = self.machines.get(machine).map(|machine| machine.life) else { return };
        self.agenda.push(self.now + MAKING, Step::Key { machine, life });
    }

    /// Gives a node the key that it has waited for.
    pub(super) fn give_key(&mut self, index: NodeIndex, life: u64) {
        if self.machines.get(index).is_none_or(|machine| machine.life != life) {
            return;
        }
        if let Some(key) = self.keys.next(&mut self.rng) {
            self.call(index, |node, now: Instant| node.supply_rsa_key(now, key));
        }
    }
}
