//! A peer that joins and never reads.

use std::collections::BTreeMap;
use std::time::Duration;

use super::mask::{Mask, introduce};
use crate::conn_id::ConnId;
use crate::sim::hand::Hand;
use crate::sim::outsider::Outsider;
use crate::sim::world::NodeIndex;

/// How long it waits before it joins again.
const PAUSE: Duration = Duration::from_secs(3);

/// How often it looks whether it should.
const ROUNDS: usize = 40;

#[derive(Debug)]
pub(super) struct Sink {
    victims: Vec<NodeIndex>,
    dials: BTreeMap<ConnId, NodeIndex>,
    rounds: usize,
}

impl Sink {
    pub(super) fn new(victims: Vec<NodeIndex>) -> Self {
        Self { victims, dials: BTreeMap::new(), rounds: 0 }
    }
}

impl Outsider for Sink {
    fn on_start(&mut self, hand: &mut Hand<'_>) {
        self.dials.clear();
        hand.wake_after(Duration::ZERO);
    }

    fn on_open(&mut self, hand: &mut Hand<'_>, conn: ConnId) {
        let mask = Mask::nobody(hand, self.rounds % 2 == 0);
        introduce(hand, conn, &mask);
        hand.stop_reading(conn);
    }

    fn on_close(&mut self, _hand: &mut Hand<'_>, conn: ConnId) {
        self.dials.remove(&conn);
    }

    fn on_wake(&mut self, hand: &mut Hand<'_>) {
        self.rounds += 1;
        if self.rounds > ROUNDS {
            return;
        }
        for victim in &self.victims {
            if !self.dials.values().any(|dialed| dialed == victim) {
                self.dials.insert(hand.dial(*victim), *victim);
            }
        }
        hand.wake_after(PAUSE);
    }
}
