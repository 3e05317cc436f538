//! A peer that throws things at others until they close it, and comes back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::RngExt;

use super::Attack;
use super::junk::{Heap, is_polite};
use super::mask::{Mask, introduce};
use crate::conn_id::ConnId;
use crate::sim::hand::Hand;
use crate::sim::outsider::Outsider;
use crate::sim::world::NodeIndex;

/// How often it throws something.
const PAUSE: Duration = Duration::from_millis(500);

/// How many times it throws something.
const ROUNDS: usize = 100;

/// In how many rounds it throws what takes the victim, and the one who runs this world, long.
const COSTLY_ROUNDS: usize = 10;

#[derive(Debug)]
pub(super) struct Thrower {
    attack: Attack,
    victims: Vec<NodeIndex>,
    heap: Heap,
    rounds: usize,
    open: BTreeMap<ConnId, Mask>,
    dials: BTreeSet<ConnId>,
}

impl Thrower {
    pub(super) fn new(attack: Attack, victims: Vec<NodeIndex>) -> Self {
        let heap = Heap::of(attack);
        Self { attack, victims, heap, rounds: 0, open: BTreeMap::new(), dials: BTreeSet::new() }
    }

    fn last_round(&self) -> usize {
        if self.attack == Attack::Bombs { COSTLY_ROUNDS } else { ROUNDS }
    }
}

impl Outsider for Thrower {
    fn on_start(&mut self, hand: &mut Hand<'_>) {
        self.open.clear();
        self.dials = self.victims.iter().map(|victim| hand.dial(*victim)).collect();
        hand.wake_after(PAUSE);
    }

    fn on_open(&mut self, hand: &mut Hand<'_>, conn: ConnId) {
        let is_extended = hand.rng().random();
        let mask = Mask::nobody(hand, is_extended);
        if is_polite(self.attack, self.rounds) {
            introduce(hand, conn, &mask);
        }
        self.open.insert(conn, mask);
    }

    fn on_close(&mut self, _hand: &mut Hand<'_>, conn: ConnId) {
        self.open.remove(&conn);
        self.dials.remove(&conn);
    }

    fn on_wake(&mut self, hand: &mut Hand<'_>) {
        self.rounds += 1;
        if self.rounds > self.last_round() {
            // What is left open stays so.
            return;
        }
        for (conn, mask) in &self.open {
            let thing = self.heap.take(hand, mask, self.rounds);
            hand.write(*conn, thing);
        }
        let victim = self.victims.get(self.rounds % self.victims.len().max(1));
        if let Some(victim) = victim.filter(|_| self.dials.len() < self.victims.len()) {
            self.dials.insert(hand.dial(*victim));
        }
        hand.wake_after(PAUSE);
    }
}
