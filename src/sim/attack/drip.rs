//! A peer that takes all the time in the world.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use super::mask::{Mask, introduce};
use crate::conn_id::ConnId;
use crate::sim::hand::Hand;
use crate::sim::outsider::Outsider;
use crate::sim::world::NodeIndex;

/// How long it takes over each byte.
const PAUSE: Duration = Duration::from_millis(500);

/// How many bytes there are.
const BYTES: usize = 200;

/// On its connections by turns: a handshake byte by byte, a frame byte by byte behind a handshake,
/// and nothing.
#[derive(Debug)]
pub(super) struct Drip {
    victims: Vec<NodeIndex>,
    open: BTreeMap<ConnId, Bytes>,
    opened: usize,
    rounds: usize,
    /// How many more connections each victim would have.
    missing: Vec<NodeIndex>,
    dials: BTreeMap<ConnId, NodeIndex>,
}

impl Drip {
    pub(super) fn new(victims: Vec<NodeIndex>) -> Self {
        let (open, dials) = (BTreeMap::new(), BTreeMap::new());
        Self { victims, open, opened: 0, rounds: 0, missing: Vec::new(), dials }
    }
}

impl Outsider for Drip {
    fn on_start(&mut self, hand: &mut Hand<'_>) {
        self.open.clear();
        self.dials.clear();
        self.missing = self.victims.iter().flat_map(|victim| [*victim; 3]).collect();
        hand.wake_after(Duration::ZERO);
    }

    fn on_open(&mut self, hand: &mut Hand<'_>, conn: ConnId) {
        let mask = Mask::nobody(hand, self.opened % 2 == 0);
        self.opened += 1;
        let handshake = mask.handshake(hand).and_then(|it| it.encode().ok()).unwrap_or_default();
        let drip: Bytes = match self.opened % 3 {
            0 => handshake.into(),
            1 => {
                introduce(hand, conn, &mask);
                [&3_000_u32.to_be_bytes()[..], &[0; 3_000]].concat().into()
            }
            _ => Bytes::new(),
        };
        self.open.insert(conn, drip);
    }

    fn on_close(&mut self, _hand: &mut Hand<'_>, conn: ConnId) {
        self.open.remove(&conn);
        self.missing.extend(self.dials.remove(&conn));
    }

    fn on_wake(&mut self, hand: &mut Hand<'_>) {
        self.rounds += 1;
        if self.rounds > BYTES {
            return;
        }
        for (conn, drip) in &mut self.open {
            let byte = drip.split_to(drip.len().min(1));
            hand.write(*conn, byte);
        }
        for victim in std::mem::take(&mut self.missing) {
            self.dials.insert(hand.dial(victim), victim);
        }
        hand.wake_after(PAUSE);
    }
}
