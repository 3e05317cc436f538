//! A peer that introduces itself as others.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::RngExt;

use super::mask::{Mask, introduce};
use crate::conn_id::ConnId;
use crate::sim::hand::Hand;
use crate::sim::outsider::Outsider;
use crate::sim::world::NodeIndex;
use crate::wire::{
    Control, Flag, Handshake, LinkName, LinkVerdict, NodeId, PathfindingMessage, PeerEntry,
};

const PAUSE: Duration = Duration::from_millis(500);

/// How often it tries.
const ROUNDS: usize = 120;

/// How many names it remembers.
const MAX_IDS: usize = 100;

/// Joins once to learn who there is, and from then on dials as one of them. Asked whether a second
/// connection of that name is its own, it says no.
#[derive(Debug)]
pub(super) struct Takeover {
    victims: Vec<NodeIndex>,
    rounds: usize,
    ids: BTreeSet<NodeId>,
    open: BTreeMap<ConnId, Mask>,
}

impl Takeover {
    pub(super) fn new(victims: Vec<NodeIndex>) -> Self {
        Self { victims, rounds: 0, ids: BTreeSet::new(), open: BTreeMap::new() }
    }

    fn learn(&mut self, message: &PathfindingMessage) {
        let ids = match message.sub_flag() {
            Some(Flag::Handshake) => {
                Handshake::decode(message.payload()).into_iter().map(|it| it.id).collect()
            }
            Some(Flag::Peers) => PeerEntry::decode_list(message.payload(), 1_000)
                .map_or_else(|_| Vec::new(), |list| list.into_iter().map(|it| it.id).collect()),
            _ => Vec::new(),
        };
        let room = MAX_IDS.saturating_sub(self.ids.len());
        self.ids.extend(ids.into_iter().take(room));
    }
}

impl Outsider for Takeover {
    fn on_start(&mut self, hand: &mut Hand<'_>) {
        self.open.clear();
        hand.wake_after(Duration::ZERO);
    }

    fn on_open(&mut self, hand: &mut Hand<'_>, conn: ConnId) {
        let is_extended = hand.rng().random();
        let chosen = hand.rng().random_range(0..self.ids.len().max(1));
        let mask = match self.ids.iter().nth(chosen).copied() {
            Some(id) => Mask::of(hand, id, is_extended),
            None => Mask::nobody(hand, is_extended),
        };
        introduce(hand, conn, &mask);
        self.open.insert(conn, mask);
    }

    fn on_close(&mut self, _hand: &mut Hand<'_>, conn: ConnId) {
        self.open.remove(&conn);
    }

    fn on_message(&mut self, hand: &mut Hand<'_>, conn: ConnId, message: &PathfindingMessage) {
        self.learn(message);
        let Some(Control::Ask(LinkName { yours, mine })) = Control::decode(message.payload())
        else {
            return;
        };
        let link = LinkName { yours: mine, mine: yours };
        let answer = Control::Answer { link, verdict: LinkVerdict::Unknown }.encode();
        let mask = self.open.get(&conn);
        if let Some(answer) = mask.and_then(|mask| mask.message(hand, Flag::Whisper, &answer)) {
            hand.send(conn, &answer);
        }
    }

    fn on_wake(&mut self, hand: &mut Hand<'_>) {
        let victim = self.victims.get(self.rounds % self.victims.len().max(1)).copied();
        self.rounds += 1;
        if self.rounds > ROUNDS {
            return;
        }
        if let Some(victim) = victim {
            hand.dial(victim);
        }
        hand.wake_after(PAUSE);
    }
}
