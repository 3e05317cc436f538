//! All memory of a node together: what it takes, and what is done where it grows scarce.
//!
//! From four fifths of [`Limits::max_memory`](super::Limits::max_memory) on, connections that hold
//! more than their share of the last fifth of what has arrived on them are not read, so that the
//! others cannot use up the rest together. They are read again when a quarter of all is free; where
//! that takes too long, those that hold the most are closed. A frame for which there is no memory is
//! not queued, and of those whose queues have not been empty for a while the one that holds the most
//! is closed. So memory never exceeds its limit, and nobody can keep it for ever.
//!
//! Only what holds more than its share is closed, whatever others hold or the node remembers. What has
//! been noted of messages that a neighbor has missed, or offers, is this node's own doing: it is
//! forgotten, and nobody is closed for it. Where nobody has more than its share, other things of the
//! node's own give way: what is held for those who have missed it, whispers that wait for their
//! receivers, and dials that have not come through. The tables have three quarters of all at most, so
//! where there is too much, there is one of these.

use std::cmp::Reverse;
use std::time::Duration;

use super::connection::Connection;
use super::ledger::Ticket;
use super::reading::MEMORY;
use super::timer::Timer;
use super::{CloseMode, Node};
use crate::conn_id::ConnId;
use crate::error::CloseReason;
use crate::time::Instant;

/// How long a queue must have had something in it before its neighbor can be closed for it: what was
/// queued just now may be gone as soon as the driver writes.
const PATIENCE: Duration = Duration::from_secs(1);

impl Node {
    /// The bytes of memory that the node takes.
    #[inline(never)]
    pub(super) fn memory_len(&self) -> usize {
        self.ledger.len() + self.tables_len()
    }

    /// What the node remembers, and its connections as such.
    fn tables_len(&self) -> usize {
        self.seen.bytes()
            + self.echoes.bytes()
            + self.requests.bytes()
            + self.history.bytes()
            + self.explained.memory_len()
            + self.connections.len().saturating_mul(self.ledger.connection_len)
    }

    /// Whether a frame can be queued for one more neighbor; `ticket` where it may wait for others.
    pub(super) fn has_memory(&self, ticket: Option<Ticket>, len: usize) -> bool {
        let len = self.memory_len().saturating_add(self.ledger.cost(ticket, len));
        len <= self.config.limits.max_memory
    }

    /// Whether there is memory for what is done as a favor: before it would grow scarce.
    pub(super) fn has_spare_memory(&self, len: usize) -> bool {
        self.memory_len().saturating_add(len) < self.config.limits.pressure_len()
    }

    /// Enters what a connection holds now.
    #[inline(never)]
    pub(super) fn charge(&mut self, conn: ConnId) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            let held = connection.held_len();
            let others = self.ledger.held_len.saturating_sub(connection.charged_len);
            self.ledger.held_len = others.saturating_add(held);
            connection.charged_len = held;
        }
    }

    /// A connection is gone, and what it held.
    pub(super) fn discharge(&mut self, connection: &mut Connection) {
        self.ledger.held_len = self.ledger.held_len.saturating_sub(connection.charged_len);
        connection.charged_len = 0;
    }

    /// Looks whether memory grows scarce. To be called whenever more may have been taken.
    pub(super) fn relieve(&mut self, now: Instant) {
        let is_plenty = self.memory_len() < self.config.limits.pressure_len();
        if !is_plenty || self.ledger.is_pressed || self.ledger.is_short {
            self.weigh(now);
        }
    }

    fn weigh(&mut self, now: Instant) {
        // This first: whoever is told that a connection is gone is sent something.
        if std::mem::take(&mut self.ledger.is_short) && !self.cut_largest_idle(now) {
            // Whoever has more than its share now has that for a second at most.
            if self.largest(&|_| true).is_none_or(|(_, part)| part <= self.share_len()) {
                self.give_way(now, self.config.limits.pressure_len());
            }
        }
        while self.memory_len() > self.config.limits.max_memory {
            let Some((conn, part)) = self.largest(&|_| true) else { break };
            let is_within = part <= self.share_len();
            if !(is_within && self.give_way(now, self.config.limits.max_memory)) {
                self.cut(now, conn, part);
            }
        }
        let limits = &self.config.limits;
        let (pressure_len, relief_len) = (limits.pressure_len(), limits.relief_len());
        let len = self.memory_len();
        if !self.ledger.is_pressed && len >= pressure_len {
            self.ledger.is_pressed = true;
            self.timers.set(Timer::Memory, now + limits.stall_timeout);
        } else if self.ledger.is_pressed && len < relief_len {
            self.ledger.is_pressed = false;
            self.timers.stop(Timer::Memory);
            for conn in self.conns_where(&|connection| connection.is_held_for(MEMORY)) {
                self.release_read(now, conn, MEMORY);
            }
        }
        if self.ledger.is_pressed {
            let share = self.share_len();
            for conn in self.conns_where(&|connection| connection.incoming_len() > share) {
                self.hold_read(now, conn, MEMORY);
            }
        }
    }

    /// What a connection may hold of what has arrived on it and still be read, while memory is
    /// scarce: as many of these as there are connections fit into what is left then.
    pub(super) fn share_len(&self) -> usize {
        let limits = &self.config.limits;
        let left = limits.max_memory.saturating_sub(limits.pressure_len());
        left / self.connections.len().max(1)
    }

    /// The connections that are meant. One function for whatever they are meant for.
    pub(super) fn conns_where(&self, is_meant: &dyn Fn(&Connection) -> bool) -> Vec<ConnId> {
        let all = self.connections.iter();
        all.filter(|(_, connection)| is_meant(connection)).map(|(conn, _)| *conn).collect()
    }

    /// Memory has been scarce for as long as a neighbor may keep bytes waiting.
    pub(super) fn on_memory_timer(&mut self, now: Instant) {
        let relief_len = self.config.limits.relief_len();
        while self.memory_len() >= relief_len
            && (self.cut_largest_idle(now) || self.give_back(relief_len.saturating_sub(1)))
        {
        }
        self.weigh(now);
        if self.ledger.is_pressed {
            self.timers.set(Timer::Memory, now + self.config.limits.stall_timeout);
        }
    }

    /// Cuts the connection that holds the most of those that hold more than their share and do not get
    /// rid of it. Returns whether there was one.
    fn cut_largest_idle(&mut self, now: Instant) -> bool {
        let share = self.share_len();
        let is_idle = |connection: &Connection| {
            let is_waiting = connection.backlog_len > 0;
            let is_late = is_waiting && now.since(connection.queued_since) >= PATIENCE;
            let is_listed = connection.catch_up.held_len() > share;
            is_late || is_listed || connection.is_held_for(MEMORY)
        };
        let found = self.largest(&is_idle).filter(|&(_, part)| part > share);
        if let Some((conn, part)) = found {
            self.cut(now, conn, part);
        }
        found.is_some()
    }

    /// The connection that holds the most of some, and how much; of those that hold as much, the
    /// newest. Of a frame that others wait for too it holds a part: whoever is only slow waits for
    /// what everybody is sent, and closing it would give nothing back.
    #[inline(never)]
    fn largest(&self, is_meant: &dyn Fn(&Connection) -> bool) -> Option<(ConnId, usize)> {
        let some = self.connections.iter().filter(|(_, connection)| is_meant(connection));
        let mut most: Vec<_> = some
            .map(|(conn, connection)| {
                let most = self.ledger.most_of(&connection.queue, connection.backlog_len);
                (connection.held_len().saturating_add(most), *conn, connection)
            })
            .collect();
        most.sort_unstable_by_key(|&(most, conn, _)| Reverse((most, conn)));
        // What there is in a queue is looked at frame by frame: so in as few queues as will do.
        let mut largest: Option<(usize, ConnId)> = None;
        for (most, conn, connection) in most {
            if largest.is_some_and(|(part, _)| part > most) {
                break;
            }
            let part = connection.held_len().saturating_add(self.ledger.part_of(&connection.queue));
            largest = largest.max(Some((part, conn)));
        }
        largest.map(|(part, conn)| (conn, part))
    }

    /// Gives back of what is held for those who have missed it, until no more than so much memory is
    /// taken. Returns whether there was any.
    fn give_back(&mut self, len: usize) -> bool {
        let displaced = self.history.give_back(self.memory_len().saturating_sub(len));
        self.stats.catch_up.displaced += displaced;
        displaced > 0
    }

    /// Lets something of the node's own give way: of what is held for those who have missed it, until
    /// no more than so much memory is taken, or a whisper, or a dial. Returns whether there was any.
    fn give_way(&mut self, now: Instant, len: usize) -> bool {
        self.give_back(len) || self.give_up_whisper() || self.give_up_dial(now)
    }

    /// Frees what a connection holds: what was noted for it, where that is something, and else all of
    /// it by ending it.
    fn cut(&mut self, now: Instant, conn: ConnId, held_len: usize) {
        if !self.forget_lists(now, conn) {
            self.end(now, conn, CloseReason::OutOfMemory { held_len }, CloseMode::Abort);
        }
    }

    /// Gives the last dial up that has not come through. Returns whether there was one.
    fn give_up_dial(&mut self, now: Instant) -> bool {
        let is_dial = |found: &Connection| !found.is_incoming() && found.is_pending();
        let Some(conn) = self.conns_where(&is_dial).pop() else { return false };
        self.end(now, conn, CloseReason::OutOfMemory { held_len: 0 }, CloseMode::Abort);
        true
    }

    /// Allows the node another amount of memory from now on.
    #[cfg(feature = "sim")]
    pub(crate) fn set_max_memory(&mut self, now: Instant, len: usize) {
        self.config.limits.max_memory = len;
        self.relieve(now);
    }

    /// Counts all memory anew, from what there is, and looks whether what must hold of it does.
    ///
    /// # Errors
    ///
    /// What does not.
    #[cfg(any(feature = "sim", test))]
    pub(crate) fn check_memory(&self) -> Result<(), String> {
        let connections = || self.connections.values();
        let held: usize = connections().map(Connection::held_len).sum();
        let kept = self.requests.kept_len();
        let queued = self.ledger.recount(connections().map(|connection| &connection.queue));
        let counted = held + kept + queued + self.tables_len();
        let (charged, max) = (self.memory_len(), self.config.limits.max_memory);
        if charged != counted {
            return Err(format!("T44: {charged} bytes charged, where {counted} are held"));
        }
        // What is remembered fits into what a user may choose, but need not into less.
        if charged > max && held + queued > 0 {
            return Err(format!("T44: {charged} bytes of memory, more than {max}"));
        }
        for (conn, connection) in self.connections.iter() {
            let (left, backlog) = (connection.queue.left_len(), connection.backlog_len);
            if left != backlog {
                return Err(format!("T44: {left} bytes charged on {conn}, where {backlog} wait"));
            }
            let (listed, lists) = (connection.catch_up.held_len(), connection.catch_up.recount());
            if listed != lists {
                return Err(format!("T44: {listed} bytes of lists on {conn}, which take {lists}"));
            }
            let is_much = connection.incoming_len() > self.share_len();
            if self.ledger.is_pressed && is_much && !connection.is_held_for(MEMORY) {
                return Err(format!("T44: {conn} is read though memory is scarce"));
            }
            if !self.ledger.is_pressed && connection.is_held_for(MEMORY) {
                return Err(format!("T44: {conn} is not read though memory is free"));
            }
        }
        Ok(())
    }
}
