//! A peer that is whoever is looked for.

use std::collections::BTreeMap;

use super::mask::{Mask, introduce};
use super::party::Party;
use crate::conn_id::ConnId;
use crate::sim::hand::Hand;
use crate::sim::outsider::Outsider;
use crate::sim::world::NodeIndex;
use crate::wire::{Address, Flag, NodeId, PathfindingMessage, Request, Response, Wanted};

/// Answers every question with its own address, and goes by the name that was asked for to whoever
/// comes.
#[derive(Debug)]
pub(super) struct Answers {
    party: Party,
    /// How many of its dials have not been answered.
    dialing: usize,
    wanted: Option<NodeId>,
    masks: BTreeMap<ConnId, Mask>,
}

impl Answers {
    pub(super) fn new(victims: Vec<NodeIndex>) -> Self {
        let dialing = victims.len();
        Self { party: Party::new(victims), dialing, wanted: None, masks: BTreeMap::new() }
    }
}

impl Outsider for Answers {
    fn on_start(&mut self, hand: &mut Hand<'_>) {
        self.party.join(hand, true);
    }

    fn on_open(&mut self, hand: &mut Hand<'_>, conn: ConnId) {
        if self.dialing > 0 {
            self.dialing -= 1;
            return self.party.on_open(hand, conn);
        }
        let Some(wanted) = self.wanted else { return };
        let mask = Mask::of(hand, wanted, true);
        introduce(hand, conn, &mask);
        self.masks.insert(conn, mask);
    }

    fn on_close(&mut self, _hand: &mut Hand<'_>, conn: ConnId) {
        self.party.open.retain(|open| *open != conn);
        self.masks.remove(&conn);
    }

    fn on_message(&mut self, hand: &mut Hand<'_>, conn: ConnId, message: &PathfindingMessage) {
        if message.sub_flag() != Some(Flag::Request) {
            return;
        }
        let Ok(Request { request_id, wanted: Wanted::Node(id) }) =
            Request::decode(message.payload())
        else {
            return;
        };
        self.wanted = Some(id);
        let address = Some(Address::from(hand.addr()));
        let payload = Response { request_id, id, address }.encode();
        let mask = self.party.mask(hand).clone();
        if let Some(answer) = mask.message(hand, Flag::Broadcast, &payload) {
            hand.send(conn, &answer);
        }
    }
}
