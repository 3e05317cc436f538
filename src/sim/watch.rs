//! What a node tells its user, held against what has happened.

use std::time::Duration;

use super::app::App;
use super::check;
use super::conduct::is_broadcast;
use super::content::{Header, Life, number_of};
use super::link::{End, LinkId, Pipe};
use super::machine::index_of;
use super::outsider::Outside;
use super::world::{NodeIndex, World};
use crate::conn_id::ConnId;
use crate::error::CloseReason;
use crate::event::{Delivery, Event, PeerInfo, SendReport};
use crate::node::PKCS1;
use crate::time::Instant;
use crate::wire::{NodeId, RequestId};

/// How much later than its limits a node may do something: its own timers are coarser than the
/// world's.
const SLACK: Duration = Duration::from_secs(1);

/// Something that a node has been asked to find out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    /// When.
    at: Instant,
    /// The message that waits for the outcome, and for whom it is.
    errand: Option<(NodeId, usize)>,
}

/// How much was ever written to a neighbor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    id: NodeId,
    conn: ConnId,
    /// `None` while it cannot be told: the link is gone and the node does not know it, or what is
    /// written waits for the work on it, as under RSA.
    len: Option<u64>,
}

impl<A: App> World<A> {
    /// Enters an event.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn enter(&mut self, index: NodeIndex, event: &Event) -> Result<(), String> {
        if let Some(machine) = self.machines.get_mut(index) {
            machine.account.note_event(event);
        }
        match event {
            Event::Message(delivery) => self.enter_delivery(index, delivery)?,
            Event::PeerJoined(info) => {
                self.enter_neighbor(index, info.id, true)?;
                self.note_joined(index, info.conn);
            }
            Event::PeerLost { id, reason } => {
                self.enter_neighbor(index, *id, false)?;
                if let CloseReason::Stalled { unsent_len } = reason {
                    self.check_unsent(index, id, *unsent_len)?;
                }
            }
            Event::LocateDone { request_id, .. } => {
                self.enter_outcome(index, *request_id)?;
            }
            Event::WhisperDone { request_id, outcome } => {
                let errand = self.enter_outcome(index, *request_id)?;
                if let (Some((to, content)), Ok(())) = (errand, outcome) {
                    self.owe_whisper(index, &to, content);
                }
            }
            _ => {}
        }
        let fault = check::misunderstood(event).filter(|_| self.is_about_like(event));
        fault.map_or(Ok(()), Err)
    }

    /// Whether an event is about a node like the one that it happened to, and not about an outsider,
    /// nor about one whose name an outsider goes by.
    fn is_about_like(&self, event: &Event) -> bool {
        let is_outsider = match event {
            Event::PeerLost { id, .. } => self.outsiders().any(|it| it.ids.contains(id)),
            Event::DialFailed { addr, .. } => {
                index_of(*addr).is_none_or(|index| self.outside(index).is_some())
            }
            _ => false,
        };
        self.is_uniform && !is_outsider
    }

    fn outsiders(&self) -> impl Iterator<Item = &Outside> {
        self.machines.iter().filter_map(|machine| machine.outside.as_ref())
    }

    /// G5: no neighbor comes or goes without an event, and none does twice.
    fn enter_neighbor(&mut self, index: NodeIndex, id: NodeId, joins: bool) -> Result<(), String> {
        let Some(machine) = self.machines.get_mut(index) else { return Ok(()) };
        machine.has_new_neighbors = true;
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
        let is_broadcast = is_broadcast(&delivery.message);
        let to = self.id(index).filter(|_| !is_broadcast);
        let header = Header::new(delivery.sender, to, delivery.message.payload());
        let number = number_of(&delivery.message);
        let Some(machine) = self.machines.get_mut(index) else { return Ok(()) };
        machine.conduct.note_taken(party.or(known), &delivery.message);
        let receiver = (index, machine.life);
        let entered = self.ledger.note_delivered(now, receiver, header, number, from)?;
        if is_broadcast {
            self.ledger.note_fresh(index, entered.content);
        }
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
    fn check_unsent(
        &mut self,
        index: NodeIndex,
        id: &NodeId,
        unsent_len: usize,
    ) -> Result<(), String> {
        let now = self.now;
        let Some(machine) = self.machines.get(index) else { return Ok(()) };
        // What it has just put behind the rest may have gone with the rest: it is told so after this.
        let waits = |pipe: &Pipe| {
            let gone_len = if pipe.progress_at == now { pipe.progress_len } else { 0 };
            (pipe.waiting_len..=pipe.waiting_len + gone_len).contains(&unsent_len)
        };
        let is_waiting = machine.links.iter().any(|(conn, link)| {
            // Where the network has cut it, what waited is gone with it, and the node will be told.
            let Some(link) = self.links.get(link) else { return true };
            let side = link.side(index, *conn);
            let pipe = link.pipes.get(side);
            let is_its = link.ends.get(1 - side).is_some_and(|end| self.goes_by(end, id));
            is_its && pipe.is_some_and(waits)
        });
        if is_waiting {
            return Ok(());
        }
        let id = id.short();
        Err(format!("G5 broken: {unsent_len} bytes reported unsent that do not wait for {id}"))
    }

    /// Whether whoever is at an end goes by a name there.
    fn goes_by(&self, end: &End, id: &NodeId) -> bool {
        match self.outside(end.machine) {
            Some(outside) => outside.ids.contains(id),
            None => self.ledger.life_of(id) == Some((end.machine, end.life)),
        }
    }

    /// G8: a question has one outcome. Returns what waits for it.
    fn enter_outcome(
        &mut self,
        index: NodeIndex,
        id: RequestId,
    ) -> Result<Option<(NodeId, usize)>, String> {
        let Some(machine) = self.machines.get_mut(index) else { return Ok(None) };
        let question = machine.questions.remove(&id);
        if machine.outcomes.insert(id) {
            return Ok(question.and_then(|question| question.errand));
        }
        Err(format!("G8 broken: a second outcome of {id}"))
    }

    /// A node's user has called it, and may have asked something.
    pub(super) fn note_questions(&mut self, index: NodeIndex) {
        let asked = self.node(index).map(|node| node.pending_requests().collect());
        self.enter_questions(index, asked.unwrap_or_default());
    }

    pub(super) fn enter_questions(&mut self, index: NodeIndex, asked: Vec<RequestId>) {
        for id in asked {
            self.enter_question(index, id, None);
        }
    }

    /// A call has returned the name of a question, which may have its outcome already.
    pub(super) fn enter_question(
        &mut self,
        index: NodeIndex,
        id: RequestId,
        errand: Option<(NodeId, usize)>,
    ) {
        let now = self.now;
        let Some(machine) = self.machines.get_mut(index) else { return };
        if !machine.outcomes.contains(&id) {
            let question = machine.questions.entry(id).or_insert(Question { at: now, errand });
            question.errand = question.errand.or(errand);
        }
    }

    /// G8: whether a node owes its user the outcome of a question.
    pub(super) fn has_questions(&self, index: NodeIndex) -> bool {
        self.machines.get(index).is_some_and(|machine| !machine.questions.is_empty())
    }

    /// What a node must have done by now: it has had a turn for its timers.
    pub(super) fn check_deadlines(&mut self, index: NodeIndex) -> Result<(), String> {
        let now = self.now;
        let Some(machine) = self.machines.get(index) else { return Ok(()) };
        let Some(node) = &machine.node else { return Ok(()) };
        let limits = &node.config().limits;
        let patience = limits.locate_timeout + SLACK;
        let is_late = |(_, question): &(_, &Question)| now.since(question.at) > patience;
        if let Some((id, _)) = machine.questions.iter().find(is_late) {
            return Err(format!("G8 broken: no outcome of {id} within its time"));
        }
        let patience = limits.stall_timeout + SLACK;
        for info in node.routing_table() {
            let is_stalled = self.link_at(index, info.conn).is_some_and(|(side, link)| {
                let [one, other] = &link.pipes;
                let (out, back) = if side == 0 { (one, other) } else { (other, one) };
                // Whoever is not read may wait for that before it reads.
                let since = out.progress_at.max(back.released_at);
                out.waiting_len > 0 && now.since(since) > patience
            });
            if is_stalled && !machine.is_unread(info.conn) {
                return Err(format!("G5 broken: keeps {} that takes nothing", info.conn));
            }
            // The question is put off by one interval where something waits when it is due.
            if self.is_silent(index, info.conn, limits.ping_interval * 2 + limits.ping_timeout) {
                return Err(format!("G5 broken: keeps {} that gives no sign of life", info.conn));
            }
        }
        Ok(())
    }

    /// Whether a node of this crate has said nothing on a connection for longer than this, and taken
    /// nothing of what waited for it, though the machine ran. PROTOCOL.md §5.6.
    fn is_silent(&self, index: NodeIndex, conn: ConnId, patience: Duration) -> bool {
        let Some(machine) = self.machines.get(index) else { return false };
        let link = self.link_at(index, conn).filter(|_| !machine.is_unread(conn));
        let Some((side, link)) = link else { return false };
        let answers = |end: &End| {
            let machine = self.machines.get(end.machine);
            machine.is_some_and(|machine| machine.outside.is_none() && machine.config.extension)
        };
        let (Some(out), Some(back)) = (link.pipes.get(side), link.pipes.get(1 - side)) else {
            return false;
        };
        let heeded_at = machine.stood_at.max(back.released_at);
        let alive_at = back.read_at.max(out.full_at).max(heeded_at);
        link.ends.iter().all(answers) && self.now.since(alive_at) > patience + SLACK
    }

    /// How much was ever written to each neighbor, in the order of their ids.
    pub(super) fn written(&self, index: NodeIndex) -> Vec<Written> {
        let Some(machine) = self.machines.get(index) else { return Vec::new() };
        let Some(node) = &machine.node else { return Vec::new() };
        let is_rsa = machine.config.protocol.encryption() == PKCS1;
        let written = |conn| {
            let (side, link) = self.link_at(index, conn)?;
            let pipe = link.pipes.get(side).filter(|_| !is_rsa)?;
            Some(pipe.written_len)
        };
        let of_neighbor =
            |info: PeerInfo| Written { id: info.id, conn: info.conn, len: written(info.conn) };
        node.routing_table().map(of_neighbor).collect()
    }

    /// What was written to each neighbor before and now, where those are the same by the same
    /// connections. One may have gone meanwhile that took too much memory, with what was queued for
    /// it, and another to the same neighbor have come in its place.
    fn written_since(
        &self,
        index: NodeIndex,
        before: &[Written],
    ) -> Option<Vec<(NodeId, Option<bool>)>> {
        let after = self.written(index);
        let conn = |written: &Written| written.conn;
        if !before.iter().map(conn).eq(after.iter().map(conn)) {
            return None;
        }
        let has_grown = |(before, after): (&Written, &Written)| {
            (after.id, after.len.map(|len| before.len.is_some_and(|before| before < len)))
        };
        Some(before.iter().zip(&after).map(has_grown).collect())
    }

    /// G5: a broadcast is queued for each neighbor, or the report names it.
    pub(super) fn check_report(&self, index: NodeIndex, before: &[Written], report: &SendReport) {
        let Some(neighbors) = self.written_since(index, before) else { return };
        let mut refused: Vec<NodeId> = report.refused().iter().map(|(id, _)| *id).collect();
        let (queued, named) = (report.queued(), refused.len());
        refused.sort_unstable();
        refused.dedup();
        let is_refused = |id: &NodeId| refused.binary_search(id).is_ok();
        // What is written and refused, or neither; under RSA that is not known.
        let mistold = neighbors
            .iter()
            .find(|(id, has_grown)| has_grown.is_some_and(|grown| grown == is_refused(id)));
        let known = neighbors.iter().filter(|(id, _)| is_refused(id)).count();
        let count = neighbors.len();
        if let Some((id, has_grown)) = mistold {
            let (id, is_sent) = (id.short(), *has_grown == Some(true));
            let (says, is) = if is_sent { ("refuses", "is sent") } else { ("is sent", "is not") };
            self.fail(index, &format!("G5 broken: a report says that {id} {says} what it {is}"));
        }
        if queued + named != count || known != named {
            let fault = format!(
                "G5 broken: reports {queued} queued and {named} refused, of {count} neighbors, of \
                whom it names {known}"
            );
            self.fail(index, &fault);
        }
    }

    /// G5: a whisper that a node says is queued for a neighbor is.
    pub(super) fn check_whisper(&self, index: NodeIndex, before: &[Written], to: &NodeId) {
        let Some(neighbors) = self.written_since(index, before) else { return };
        if !neighbors.iter().any(|(id, has_grown)| id == to && *has_grown != Some(false)) {
            let to = to.short();
            self.fail(index, &format!("G5 broken: says that {to} is sent what it is not"));
        }
    }
}
