//! A peer that opens dozens of connections and says nothing on them.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::conn_id::ConnId;
use crate::sim::hand::Hand;
use crate::sim::outsider::Outsider;
use crate::sim::world::NodeIndex;

/// How many connections it has at once.
const COUNT: usize = 40;

/// How many it opens in all.
const DIALS: usize = 400;

const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Crowd {
    victims: Vec<NodeIndex>,
    held: BTreeSet<ConnId>,
    dialed: usize,
}

impl Crowd {
    pub(super) fn new(victims: Vec<NodeIndex>) -> Self {
        Self { victims, held: BTreeSet::new(), dialed: 0 }
    }
}

impl Outsider for Crowd {
    fn on_start(&mut self, hand: &mut Hand<'_>) {
        self.held.clear();
        hand.wake_after(Duration::ZERO);
    }

    fn on_close(&mut self, _hand: &mut Hand<'_>, conn: ConnId) {
        self.held.remove(&conn);
    }

    fn on_wake(&mut self, hand: &mut Hand<'_>) {
        while self.held.len() < COUNT && self.dialed < DIALS {
            let Some(victim) = self.victims.get(self.dialed % self.victims.len().max(1)) else {
                return;
            };
            self.held.insert(hand.dial(*victim));
            self.dialed += 1;
        }
        if self.dialed < DIALS {
            hand.wake_after(PAUSE);
        }
    }
}
