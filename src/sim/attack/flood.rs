//! A peer that says more than anybody can remember, stamped all over the window.

use std::time::Duration;

use rand::RngExt;

use super::party::Party;
use crate::conn_id::ConnId;
use crate::sim::hand::Hand;
use crate::sim::outsider::Outsider;
use crate::sim::world::NodeIndex;

const PAUSE: Duration = Duration::from_millis(250);

/// How many messages it sends at a time, and how often.
const AT_ONCE: usize = 10;
const ROUNDS: usize = 30;

#[derive(Debug)]
pub(super) struct Flood {
    party: Party,
    rounds: usize,
}

impl Flood {
    pub(super) fn new(victims: Vec<NodeIndex>) -> Self {
        Self { party: Party::new(victims), rounds: 0 }
    }
}

impl Outsider for Flood {
    fn on_start(&mut self, hand: &mut Hand<'_>) {
        let is_extended = hand.rng().random_range(0..4) > 0;
        self.party.join(hand, is_extended);
        // Its handshake is answered by then.
        hand.wake_after(Duration::from_secs(2));
    }

    fn on_open(&mut self, hand: &mut Hand<'_>, conn: ConnId) {
        self.party.on_open(hand, conn);
    }

    fn on_close(&mut self, hand: &mut Hand<'_>, conn: ConnId) {
        self.party.on_close(hand, conn);
    }

    fn on_wake(&mut self, hand: &mut Hand<'_>) {
        self.rounds += 1;
        for number in 0..AT_ONCE {
            let age = hand.rng().random_range(0..=179);
            let time = (hand.wall().as_secs() + 59).saturating_sub(age);
            let text = format!("{} {} {number}", hand.addr(), self.rounds);
            let message = self.party.mask(hand).broadcast(time, &text);
            let open = &self.party.open;
            let conn = open.get(number % open.len().max(1));
            if let (Some(message), Some(conn)) = (message, conn) {
                hand.send(*conn, &message);
            }
        }
        if self.rounds < ROUNDS {
            hand.wake_after(PAUSE);
        }
    }
}
