//! An attacker among its victims: whom it dials, and by which name it goes to whom.

use std::collections::BTreeMap;

use super::mask::{Mask, introduce};
use crate::conn_id::ConnId;
use crate::sim::hand::Hand;
use crate::sim::world::NodeIndex;

/// An attacker that joins as anybody would, under one name, and comes back when it has lost a
/// connection.
#[derive(Debug)]
pub(super) struct Party {
    victims: Vec<NodeIndex>,
    is_extended: bool,
    mask: Option<Mask>,
    dials: BTreeMap<ConnId, NodeIndex>,
    pub(super) open: Vec<ConnId>,
    /// How often it comes back.
    left: usize,
}

/// How often an attacker comes back that is shown the door.
const RETURNS: usize = 30;

impl Party {
    pub(super) fn new(victims: Vec<NodeIndex>) -> Self {
        let (dials, open) = (BTreeMap::new(), Vec::new());
        Self { victims, is_extended: true, mask: None, dials, open, left: RETURNS }
    }

    /// Joins, as a node of this crate or as one of py2p.
    pub(super) fn join(&mut self, hand: &mut Hand<'_>, is_extended: bool) {
        self.dials.clear();
        self.open.clear();
        self.is_extended = is_extended;
        for victim in self.victims.clone() {
            self.dials.insert(hand.dial(victim), victim);
        }
    }

    pub(super) fn mask(&mut self, hand: &mut Hand<'_>) -> &mut Mask {
        let is_extended = self.is_extended;
        self.mask.get_or_insert_with(|| Mask::nobody(hand, is_extended))
    }

    pub(super) fn on_open(&mut self, hand: &mut Hand<'_>, conn: ConnId) {
        let mask = self.mask(hand).clone();
        introduce(hand, conn, &mask);
        self.open.push(conn);
    }

    pub(super) fn on_close(&mut self, hand: &mut Hand<'_>, conn: ConnId) {
        self.open.retain(|open| *open != conn);
        let victim = self.dials.remove(&conn).filter(|_| self.left > 0);
        if let Some(victim) = victim {
            self.left -= 1;
            self.dials.insert(hand.dial(victim), victim);
        }
    }
}
