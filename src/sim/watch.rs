//! What a node tells its user, held against what has happened.

use std::time::Duration;

use super::app::App;
use super::check;
use super::conduct::is_broadcast;
use super::ledger::Life;
use super::link::{End, LinkId, Pipe};
use super::world::{NodeIndex, World};
use crate::conn_id::ConnId;
use crate::error::CloseReason;
use crate::event::{Delivery, Event};
use crate::node::PKCS1;
use crate::wire::{NodeId, RequestId};

/// How much later than its limits a node may do something: its own timers are coarser than the
/// world's.
const SLACK: Duration = Duration::from_secs(1);

impl<A: App> World<A> {
    /// Enters an event.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn enter(&mut self, index: NodeIndex, event: &Event) -> Result<(), String> {
        match event {
            Event::Message(delivery) => self.enter_delivery(index, delivery)?,
            Event::PeerJoined(info) => {
                self.enter_neighbor(index, info.id, true)?;
                self.note_joined(index, info.conn);
            }
            Event::PeerLost { id, reason } => {
                self.enter_neighbor(index, *id, false)?;
                if let CloseReason::Stalled { unsent_len } = reason {
                    self.check_unsent(index, *unsent_len)?;
                }
            }
            Event::LocateDone { request_id, .. } | Event::WhisperDone { request_id, .. } => {
                self.enter_outcome(index, *request_id)?;
            }
            _ => {}
        }
        let is_among_its_like = self.is_uniform && !self.has_outsiders;
        let fault = is_among_its_like.then(|| check::misunderstood(event)).flatten();
        fault.map_or(Ok(()), Err)
    }

    /// G5: no neighbor comes or goes without an event, and none does twice.
    fn enter_neighbor(&mut self, index: NodeIndex, id: NodeId, joins: bool) -> Result<(), String> {
        let Some(machine) = self.machines.get_mut(index) else { return Ok(()) };
        let neighbors = &mut machine.neighbors;
        let is_news = if joins { neighbors.insert(id) } else { neighbors.remove(&id) };
        if is_news {
            return Ok(());
        }
        let what = if joins { "joined" } else { "lost" };
        Err(format!("G5 broken: {} is told to be {what} a second time", id.short()))
    }

    fn enter_delivery(&mut self, index: NodeIndex, delivery: &Delivery) -> Result<(), String> {
        let now = self.now;
        let reading = self.reading(index);
        let known = self.ledger.life_of(&delivery.neighbor);
        let from = reading.map(|(_, _, writer)| (writer.machine, writer.life)).or(known);
        let conn = self.machines.get(index).and_then(|machine| machine.reading);
        let party = reading.zip(conn).map(|((_, _, writer), conn)| self.party(writer, conn));
        let packets = delivery.message.payload().skip(1);
        let Some(machine) = self.machines.get_mut(index) else { return Ok(()) };
        machine.conduct.note_taken(party.or(known), &delivery.message);
        let receiver = (index, machine.life);
        let entered = self.ledger.note_delivered(now, receiver, delivery.sender, from, packets)?;
        if !is_broadcast(&delivery.message) {
            return Ok(());
        }
        self.ledger.note_fresh(index, entered.content);
        match (reading, entered.place) {
            (Some((id, side, _)), Some(place)) => self.enter_place(id, side, place),
            _ => Ok(()),
        }
    }

    /// G4: over one link messages come in the order in which the neighbor has sent or got them.
    fn enter_place(&mut self, id: LinkId, side: usize, place: u32) -> Result<(), String> {
        let Some(link) = self.links.get_mut(&id) else { return Ok(()) };
        let refused = link.ends.get(side).and_then(|end| {
            let node = self.machines.get(end.machine)?.node.as_ref()?;
            let info = node.routing_table().find(|info| info.conn == end.conn)?;
            Some(info.traffic.refused)
        });
        let has_refused = refused.is_none_or(|refused| refused > 0);
        let Some(pipe) = link.pipes.get_mut(side) else { return Ok(()) };
        // What was held before the link was there comes when it is asked for; so does what a queue
        // had no room for.
        if has_refused || pipe.first_place.is_none_or(|first| place < first) {
            return Ok(());
        }
        let before = std::mem::replace(&mut pipe.last_place, place);
        if before > place {
            return Err(format!(
                "G4 broken: message {place} of a link came after message {before}"
            ));
        }
        Ok(())
    }

    /// From where the node is being given bytes: the link, the side that writes them, and who that
    /// is.
    fn reading(&mut self, index: NodeIndex) -> Option<(LinkId, usize, End)> {
        let conn = self.machines.get(index)?.reading?;
        let (id, side, link) = self.link_of(index, conn)?;
        let writer = link.ends.get(1 - side)?;
        Some((id, 1 - side, *writer))
    }

    /// Who is at the other end of a node's connection, told from everybody else there: an outsider may
    /// be somebody else on each.
    pub(super) fn party(&self, end: End, conn: ConnId) -> Life {
        if self.outside(end.machine).is_some() {
            (end.machine, u64::MAX - conn.number())
        } else {
            (end.machine, end.life)
        }
    }

    /// G5: what a node says that a neighbor did not take waits for it indeed.
    fn check_unsent(&mut self, index: NodeIndex, unsent_len: usize) -> Result<(), String> {
        let Some(machine) = self.machines.get(index) else { return Ok(()) };
        let conns: Vec<_> = machine.links.keys().copied().collect();
        let is_waiting = conns.into_iter().any(|conn| {
            let found = self.link_of(index, conn);
            let pipe = found.and_then(|(_, side, link)| link.pipes.get(side));
            pipe.is_some_and(|pipe| pipe.waiting_len == unsent_len)
        });
        if is_waiting {
            return Ok(());
        }
        Err(format!("G5 broken: {unsent_len} bytes reported unsent that wait on no connection"))
    }

    /// G8: a question has one outcome.
    fn enter_outcome(&mut self, index: NodeIndex, id: RequestId) -> Result<(), String> {
        let Some(machine) = self.machines.get_mut(index) else { return Ok(()) };
        machine.questions.remove(&id);
        if machine.outcomes.insert(id) {
            return Ok(());
        }
        Err(format!("G8 broken: a second outcome of {id}"))
    }

    /// A node's user has called it, and may have asked something.
    pub(super) fn note_questions(&mut self, index: NodeIndex) {
        let now = self.now;
        let Some(machine) = self.machines.get_mut(index) else { return };
        let Some(node) = &machine.node else { return };
        for id in node.pending_requests() {
            machine.questions.entry(id).or_insert(now);
        }
    }

    /// What a node must have done by now: it has had a turn for its timers.
    pub(super) fn check_deadlines(&mut self, index: NodeIndex) -> Result<(), String> {
        let now = self.now;
        let Some(machine) = self.machines.get(index) else { return Ok(()) };
        let Some(node) = &machine.node else { return Ok(()) };
        let limits = &node.config().limits;
        let patience = limits.locate_timeout + SLACK;
        if let Some((id, _)) = machine.questions.iter().find(|(_, at)| now.since(**at) > patience) {
            return Err(format!("G8 broken: no outcome of {id} within its time"));
        }
        let patience = limits.stall_timeout + SLACK;
        // Whoever is not read may wait for that before it reads.
        let is_stalled = |pipe: &Pipe| {
            let since = pipe.progress_at.max(machine.released_at);
            pipe.waiting_len > 0 && now.since(since) > patience
        };
        for info in node.routing_table() {
            let link = machine.links.get(&info.conn).and_then(|id| self.links.get(id));
            let pipe = link.and_then(|link| link.pipes.get(link.side(index, info.conn)));
            if pipe.is_some_and(is_stalled) && !machine.is_held(info.conn) {
                return Err(format!("G5 broken: keeps {} that takes nothing", info.conn));
            }
            // The question is put off by one interval where something waits when it is due.
            if self.is_silent(index, info.conn, limits.ping_interval * 2 + limits.ping_timeout) {
                return Err(format!("keeps {} that gives no sign of life", info.conn));
            }
        }
        Ok(())
    }

    /// Whether a node of this crate has said nothing on a connection for longer than this, and taken
    /// nothing of what waited for it, though the machine ran. PROTOCOL.md §5.6.
    fn is_silent(&self, index: NodeIndex, conn: ConnId, patience: Duration) -> bool {
        let Some(machine) = self.machines.get(index) else { return false };
        let link = machine.links.get(&conn).and_then(|id| self.links.get(id));
        let Some(link) = link.filter(|_| !machine.is_held(conn)) else { return false };
        let answers = |end: &End| {
            let machine = self.machines.get(end.machine);
            machine.is_some_and(|machine| machine.outside.is_none() && machine.config.extension)
        };
        let side = link.side(index, conn);
        let (Some(out), Some(back)) = (link.pipes.get(side), link.pipes.get(1 - side)) else {
            return false;
        };
        let heeded_at = machine.stood_at.max(machine.released_at);
        let alive_at = back.read_at.max(out.full_at).max(heeded_at);
        link.ends.iter().all(answers) && self.now.since(alive_at) > patience + SLACK
    }

    /// How many bytes were ever written to each neighbor, and on which connection, while that can be
    /// told: `None` where the link is gone and the node does not know it.
    pub(super) fn written(&self, index: NodeIndex) -> Vec<(ConnId, Option<u64>)> {
        let Some(machine) = self.machines.get(index) else { return Vec::new() };
        let Some(node) = &machine.node else { return Vec::new() };
        // Under RSA what is written waits for the work on it.
        if machine.config.protocol.encryption() == PKCS1 {
            return Vec::new();
        }
        let written = |conn| {
            let link = self.links.get(machine.links.get(&conn)?)?;
            Some(link.pipes.get(link.side(index, conn))?.written_len)
        };
        node.routing_table().map(|info| (info.conn, written(info.conn))).collect()
    }

    /// G5: a broadcast is queued for each neighbor, or the report names those for whom it is not.
    pub(super) fn check_report(
        &self,
        index: NodeIndex,
        before: &[(ConnId, Option<u64>)],
        queued: usize,
        refused: usize,
    ) {
        let after = self.written(index);
        // One may have gone meanwhile that took too much memory, with what was queued for it, and
        // another to the same neighbor have come in its place.
        let conn = |(conn, _): &(ConnId, _)| *conn;
        if before.is_empty() || !before.iter().map(conn).eq(after.iter().map(conn)) {
            return;
        }
        let totals = before.iter().zip(&after).map(|((_, before), (_, after))| (before, after));
        let more = totals.filter(|(before, after)| after.is_none() || before < after).count();
        if queued + refused != after.len() || more < queued {
            let count = after.len();
            let fault = format!(
                "G5 broken: reports {queued} queued and {refused} refused, of {count} neighbors, \
                where {more} were written to"
            );
            self.fail(index, &fault);
        }
    }
}
