//! A peer that repeats what it has heard, later.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::RngExt;

use super::party::Party;
use crate::conn_id::ConnId;
use crate::sim::hand::Hand;
use crate::sim::outsider::Outsider;
use crate::sim::world::NodeIndex;
use crate::time::Instant;
use crate::wire::{Flag, PathfindingMessage};

/// How many messages it records.
const COUNT: usize = 50;

/// How much later it repeats each, in seconds: within the time for which the contents of messages
/// are remembered, at its end, within that for which they are acceptable, behind it, and a day.
const DELAYS: [u64; 5] = [1, 59, 119, 121, 86_400];

#[derive(Debug)]
pub(super) struct Replay {
    party: Party,
    recorded: usize,
    /// What it is going to say, and when.
    plan: BTreeMap<(Instant, usize), PathfindingMessage>,
}

impl Replay {
    pub(super) fn new(victims: Vec<NodeIndex>) -> Self {
        Self { party: Party::new(victims), recorded: 0, plan: BTreeMap::new() }
    }
}

impl Outsider for Replay {
    fn on_start(&mut self, hand: &mut Hand<'_>) {
        let is_extended = hand.rng().random();
        self.party.join(hand, is_extended);
    }

    fn on_open(&mut self, hand: &mut Hand<'_>, conn: ConnId) {
        self.party.on_open(hand, conn);
    }

    fn on_close(&mut self, hand: &mut Hand<'_>, conn: ConnId) {
        self.party.on_close(hand, conn);
    }

    fn on_message(&mut self, hand: &mut Hand<'_>, _conn: ConnId, message: &PathfindingMessage) {
        let is_flood =
            matches!(Flag::parse(message.msg_type()), Some(Flag::Broadcast | Flag::Waterfall));
        if !is_flood || self.recorded == COUNT {
            return;
        }
        self.recorded += 1;
        for delay in DELAYS.map(Duration::from_secs) {
            self.plan.insert((hand.now() + delay, self.recorded), message.clone());
            hand.wake_after(delay);
        }
    }

    fn on_wake(&mut self, hand: &mut Hand<'_>) {
        while let Some(due) = self.plan.first_entry().filter(|due| due.key().0 <= hand.now()) {
            let message = due.remove();
            for conn in &self.party.open {
                hand.send(*conn, &message);
            }
        }
    }
}
