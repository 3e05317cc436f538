//! What the world has seen of a node, held against what the node counts itself: G7.
//!
//! Whatever comes in is given to the user or counted under the reason why not, and whatever ends has a
//! reason: so each event of an end has its counter, each counted end a connection that is ending or
//! gone, and each dial an outcome.

use std::collections::BTreeSet;

use crate::conn_id::ConnId;
use crate::error::CloseReason;
use crate::event::Event;
use crate::node::{Closed, Node};

/// What has happened to a node in this life.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// How many bytes it was given.
    pub(super) given_len: u64,
    /// How many messages it has given its user.
    delivered: u64,
    /// The ends of connections that it has told of, by their reasons.
    told: Closed,
    /// Connections that it has dialled, and not told what came of it.
    dialed: BTreeSet<ConnId>,
    /// Connections that have ended since this was last looked at.
    ended: Vec<ConnId>,
    /// How many ended of which it had not told what came of them.
    untold: u64,
}

impl Account {
    /// Enters that the node dials.
    pub(super) fn note_dial(&mut self, conn: ConnId) {
        self.dialed.insert(conn);
    }

    /// Enters that a connection is over: the node has ended it, or was told.
    pub(super) fn note_end(&mut self, conn: ConnId) {
        self.ended.push(conn);
    }

    /// Enters an event.
    pub(super) fn note_event(&mut self, event: &Event) {
        match event {
            Event::Message(_) => self.delivered += 1,
            Event::Dialed { conn, .. } => {
                self.dialed.remove(conn);
            }
            Event::PeerLost { reason, .. } => self.told.count(*reason),
            Event::DialFailed { conn, reason, .. } => {
                self.dialed.remove(conn);
                // Where another connection is used instead, this one is read to its end.
                if *reason != CloseReason::Duplicate {
                    self.told.count(*reason);
                }
            }
            _ => {}
        }
    }

    /// Whether what a node that has nothing left to do counts is what has happened.
    pub(super) fn check(&mut self, node: &Node) -> Result<(), String> {
        for conn in std::mem::take(&mut self.ended) {
            self.untold += u64::from(self.dialed.remove(&conn));
        }
        let (stats, usage) = (node.stats(), node.usage());
        if stats.delivered != self.delivered {
            let (counted, told) = (stats.delivered, self.delivered);
            return Err(format!("G7 broken: {counted} messages delivered, and {told} given"));
        }
        let probes = stats.closed.probes_answered + stats.closed.probes_failed;
        if probes != self.untold {
            let untold = self.untold;
            return Err(format!(
                "G7 broken: {untold} dials without an outcome, and {probes} probes"
            ));
        }
        // Those that are ending are counted, and there yet.
        let open = u64::try_from(usage.connections - node.closing_count()).unwrap_or(u64::MAX);
        let ended = stats.closed.total();
        if usage.connections_ever != ended + open {
            let ever = usage.connections_ever;
            return Err(format!(
                "G7 broken: {ever} connections, {ended} of them ended and {open} open"
            ));
        }
        let mut ends = self.told.iter().zip(stats.closed.iter());
        match ends.find(|((_, told), (_, counted))| told > counted) {
            Some(((name, told), (_, counted))) => {
                Err(format!("G7 broken: {told} ends told as {name}, and {counted} counted"))
            }
            None => Ok(()),
        }
    }
}
