//! G3: whoever is linked to a node that has a message gets it.
//!
//! A claim about every chain of links, checked link by link: when a node comes to hold a broadcast,
//! each of its neighbors is owed it, and has it when it has read all that was written for it by
//! then. Where a link goes first, nothing was owed over it. By induction a message comes to every
//! node at the end of a chain of links each of which stood long enough to carry it.
//!
//! Both ends of a new link between nodes that hold messages for each other are also owed what the
//! other has got within the last minute, with its number, once the link has stood for a while and
//! neither has anything left to say on it. Py2p nodes know no numbers, so that a node cannot hold what
//! has come through them. And where somebody is about who makes up numbers, it is not asked: that
//! keeps a message from those who have missed it.

use std::collections::VecDeque;
use std::time::Duration;

use super::app::App;
use super::content::{Content, Origin};
use super::link::{End, LinkId, Pipe};
use super::machine::Machine;
use super::world::{NodeIndex, World};
use crate::conn_id::ConnId;
use crate::node::bounds::{MAX_AGE, MAX_AHEAD};
use crate::node::{Node, PKCS1};
use crate::time::Instant;
use crate::wire::NodeId;

/// How much sooner than a node forgets what it holds for whoever it meets next, that is not asked of
/// it any more: some is told late. PROTOCOL.md §5.7.
const LATE: Duration = Duration::from_secs(2);

/// When a byte is due that nobody can tell in the stream.
const NEVER: u64 = u64::MAX;

/// How long a new link may stand before the two ends have told each other what they hold: a node
/// that comes back answers its neighbors one after the other, and may wait ten seconds for each.
const SETTLING: Duration = Duration::from_secs(120);

/// How old a message is at most that still has the time for that before it is too old to be taken.
const YOUNG: u64 = MAX_AGE / 2;

/// A message that the reader of a pipe must have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owed {
    pub(super) content: usize,
    /// How many bytes of the pipe it has read by then.
    due: u64,
}

/// What the ends of a new link owe each other.
#[derive(Debug, Default)]
pub(super) struct Meeting {
    /// When each end made the other its neighbor.
    joined_at: [Option<Instant>; 2],
    /// What had kept each from telling others, or from being told, before there was a link: that two
    /// have met may be noticed when they have told each other.
    hindrances: [u64; 2],
    /// By the side that is to send it.
    owed: Vec<(usize, Known)>,
}

impl Meeting {
    /// That of two ends with these hindrances so far.
    pub(super) fn after(hindrances: [u64; 2]) -> Self {
        Self { hindrances, ..Self::default() }
    }
}

/// A broadcast that a machine has lately come to hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    content: usize,
    /// When.
    at: Instant,
    /// How many messages had made room for others before the turn in which it did.
    displaced: u64,
}

/// The broadcasts that a machine has lately come to hold, the oldest first.
pub(super) type Lately = VecDeque<Known>;

impl<A: App> World<A> {
    /// A node has done its turn: some of what it held may have made room for others.
    pub(super) fn note_displaced(&mut self, index: NodeIndex) {
        let Some(machine) = self.machines.get_mut(index) else { return };
        if let Some(node) = &machine.node {
            let [_, before] = machine.displaced;
            machine.displaced = [before, node.stats().catch_up.displaced];
        }
    }

    /// A node has done its turn: what it has come to hold in it, its neighbors are owed.
    pub(super) fn owe_fresh(&mut self, index: NodeIndex) {
        let contents = self.ledger.take_fresh(index);
        if contents.is_empty() {
            return;
        }
        let now = self.now;
        let Some(machine) = self.machines.get_mut(index) else { return };
        let Some(node) = &machine.node else { return };
        // What it came to hold may have made room for others at once, where memory is scarce.
        let (displaced, retention) = (machine.displaced[0], retention(node));
        machine.known.extend(contents.iter().map(|&content| Known { content, at: now, displaced }));
        while machine.known.front().is_some_and(|known| now.since(known.at) > retention) {
            machine.known.pop_front();
        }
        if !self.is_uniform {
            return;
        }
        let conns = node.routing_table().map(|info| (info.conn, info.traffic.refused));
        for (conn, refused) in conns.collect::<Vec<_>>() {
            self.owe(index, conn, refused, &contents);
        }
    }

    /// A neighbor is owed a message to it alone that a node has queued for it.
    pub(super) fn owe_whisper(&mut self, index: NodeIndex, to: &NodeId, content: usize) {
        let Some(node) = self.node(index).filter(|_| self.is_uniform) else { return };
        let Some(conn) = node.routing_table().find(|info| info.id == *to) else { return };
        let place = self.place_at(index, content);
        if let Some((_, side, link)) = self.link_of(index, conn.conn) {
            if let Some(pipe) = link.pipes.get_mut(side) {
                pipe.first_place = pipe.first_place.or(place);
            }
        }
        self.owe_on(index, conn.conn, &[content]);
    }

    fn owe_on(&mut self, index: NodeIndex, conn: ConnId, contents: &[usize]) {
        let Some(machine) = self.machines.get(index) else { return };
        let is_rsa = machine.config.protocol.encryption() == PKCS1;
        let Some((_, side, link)) = self.link_of(index, conn) else { return };
        let Some(pipe) = link.pipes.get_mut(side) else { return };
        // Under RSA what is written waits for the work on it.
        let due = if is_rsa { NEVER } else { pipe.written_len };
        pipe.owed.extend(contents.iter().map(|content| Owed { content: *content, due }));
        if is_rsa {
            self.forget_owed(index, conn);
        }
    }

    /// Forgets the oldest of what the reader was owed, as far as it has it.
    fn forget_owed(&mut self, index: NodeIndex, conn: ConnId) {
        while let Some((id, side, link)) = self.link_of(index, conn) {
            let oldest = link.pipes.get(side).and_then(|pipe| pipe.owed.front()).copied();
            if oldest.is_none_or(|oldest| self.lacks(id, side, oldest.content)) {
                return;
            }
            let pipe = self.link_of(index, conn).and_then(|(_, _, link)| link.pipes.get_mut(side));
            pipe.and_then(|pipe| pipe.owed.pop_front());
        }
    }

    /// The place of a message among those that a machine has sent or got.
    fn place_at(&self, index: NodeIndex, content: usize) -> Option<u32> {
        let life = self.machines.get(index)?.life;
        self.ledger.content(content)?.place((index, life))
    }

    fn owe(&mut self, index: NodeIndex, conn: ConnId, refused: u64, contents: &[usize]) {
        let first = contents.first().and_then(|first| self.place_at(index, *first));
        let Some((_, side, link)) = self.link_of(index, conn) else { return };
        if link.meeting.joined_at.get(side) == Some(&None) {
            // It has taken the place of one that went, maybe after this was sent: then it is for the
            // two to tell each other.
            self.note_joined(index, conn);
            return;
        }
        if let Some(pipe) = link.pipes.get_mut(side) {
            // A full queue takes nothing, which is counted.
            if std::mem::replace(&mut pipe.refused, refused) < refused {
                return;
            }
            pipe.first_place = pipe.first_place.or(first);
        }
        self.owe_on(index, conn, contents);
    }

    /// The reader of a pipe has taken what arrived: it has what it was owed by then.
    pub(super) fn check_owed(&mut self, id: LinkId, side: usize) {
        loop {
            let Some(link) = self.links.get_mut(&id) else { return };
            let Some(&reader) = link.ends.get(1 - side) else { return };
            let Some(pipe) = link.pipes.get_mut(side) else { return };
            let Some(owed) = pipe.owed.front().copied() else { break };
            let machine = self.machines.get(reader.machine);
            let is_busy = machine.is_some_and(|machine| machine.is_unread(reader.conn));
            if owed.due > pipe.read_len || is_busy {
                return;
            }
            pipe.owed.pop_front();
            self.judge_owed(id, side, owed.content);
        }
        self.check_meeting(id);
    }

    fn judge_owed(&mut self, id: LinkId, side: usize, index: usize) {
        if !self.lacks(id, side, index) {
            return;
        }
        let (Some(link), Some(content)) = (self.links.get(&id), self.ledger.content(index)) else {
            return;
        };
        let (Some(writer), Some(reader)) = (link.ends.get(side), link.ends.get(1 - side)) else {
            return;
        };
        let (sender, writer) = (content.origin().map_or(0, |origin| origin.life.0), writer.machine);
        let fault = format!(
            "G3 broken: has not got what n{sender} sent, though n{writer} had it and their link \
            carried it"
        );
        self.fail(reader.machine, &fault);
    }

    /// Whether the reader of a pipe has not got a message that it has been sent there and must have
    /// taken.
    pub(super) fn lacks(&self, id: LinkId, side: usize, index: usize) -> bool {
        let Some(link) = self.links.get(&id) else { return false };
        let (Some(writer), Some(reader)) = (link.ends.get(side), link.ends.get(1 - side)) else {
            return false;
        };
        let Some(content) = self.ledger.content(index) else { return false };
        // What may have been made by a stranger, or has equals and no number, is not told apart from
        // here.
        let Some(origin) = content.origin() else { return false };
        let tells_apart = |end: &End| {
            self.machines.get(end.machine).is_some_and(|machine| machine.config.extension)
        };
        let is_told_apart = content.is_numbered_at((writer.machine, writer.life))
            && link.ends.iter().all(tells_apart);
        if content.has_equals() && !is_told_apart {
            return false;
        }
        if content.is_held_by((reader.machine, reader.life)) || self.is_own(content, reader) {
            return false;
        }
        // Nor is what a node has closed at once: it takes nothing of what it has not looked at.
        if !self.machines.get(reader.machine).is_some_and(|it| it.links.contains_key(&reader.conn))
        {
            return false;
        }
        let Some(node) = self.node(reader.machine) else { return false };
        // Whoever has ended a connection takes from it no more of what others sent.
        let is_leaving = link.pipes.get(1 - side).is_some_and(|back| back.is_finishing);
        if is_leaving && !self.is_neighbor(node, reader, writer) {
            return false;
        }
        let (sent, shown) = (origin.wall.as_secs(), node.wall(self.now).as_secs());
        let is_in_time = sent + MAX_AGE > shown && sent < shown + MAX_AHEAD;
        // A memory that is half full may have been full.
        let is_roomy = node.usage().seen_len < node.config().limits.max_seen_len / 2;
        is_in_time && is_roomy
    }

    /// Whether the node at an end sent this, in whatever life: where it keeps its id, it takes nothing
    /// back that it has said in an earlier one.
    fn is_own(&self, content: &Content, end: &End) -> bool {
        let keeps_id = self.machines.get(end.machine).is_some_and(Machine::keeps_id);
        let is_its = |origin: Origin| origin.life.0 == end.machine;
        keeps_id && content.origin().is_some_and(is_its)
    }

    /// Whether the node at one end has the node at the other for a neighbor, on whatever connection.
    /// Its name is not enough: a stranger may go by that, where ids are not proven.
    fn is_neighbor(&self, node: &Node, at: &End, other: &End) -> bool {
        let leads_there = |conn| {
            let link = self.link_at(at.machine, conn);
            link.is_some_and(|(_, it)| it.ends.iter().any(|end| end.machine == other.machine))
        };
        let id = self.id(other.machine);
        id.is_some_and(|id| {
            node.routing_table().any(|info| info.id == id && leads_there(info.conn))
        })
    }

    /// A node has made the other end of a connection its neighbor.
    pub(super) fn note_joined(&mut self, index: NodeIndex, conn: ConnId) {
        let now = self.now;
        let is_owed = self.is_uniform && !self.is_spoilt;
        let Some((id, side, link)) = self.link_of(index, conn) else { return };
        if let Some(joined_at) = link.meeting.joined_at.get_mut(side) {
            *joined_at = Some(now);
        }
        let is_met = link.meeting.joined_at.iter().all(Option::is_some);
        let ends = link.ends;
        if !is_owed || !is_met || ends.iter().any(|end| self.holder(end).is_none()) {
            return;
        }
        for (side, end) in ends.iter().enumerate() {
            let Some(machine) = self.machines.get(end.machine) else { continue };
            let Some(retention) = machine.node.as_ref().map(retention) else { continue };
            // Its reader may be ahead of it, to whom it is older.
            let shown = ends.iter().map(|end| self.wall(end.machine).as_secs()).max();
            let shown = shown.unwrap_or_default();
            let is_held = |known: &&Known| {
                let content = self.ledger.content(known.content);
                let content = content.filter(|it| it.is_numbered_at((end.machine, end.life)));
                let origin = content.and_then(Content::origin);
                let is_young = origin.is_some_and(|it| it.wall.as_secs() + YOUNG >= shown);
                is_young && now.since(known.at) < retention
            };
            let owed: Vec<_> =
                machine.known.iter().filter(is_held).map(|known| (side, *known)).collect();
            if let Some(link) = self.links.get_mut(&id) {
                link.meeting.owed.extend(owed);
            }
        }
    }

    /// The node at an end, if it tells others what they have missed.
    fn holder(&self, end: &End) -> Option<&Node> {
        let node = self.node(end.machine)?;
        let config = node.config();
        (config.extension && config.limits.max_history_len > 0).then_some(node)
    }

    /// Where nothing is on its way on a new link, its ends have told each other what they hold.
    fn check_meeting(&mut self, id: LinkId) {
        let now = self.now;
        let Some(link) = self.links.get_mut(&id) else { return };
        let settled = |at: &Option<Instant>| at.is_some_and(|at| now.since(at) >= SETTLING);
        let is_at_rest = link.pipes.iter().all(|pipe| pipe.written_len == pipe.read_len);
        let is_due = !link.meeting.owed.is_empty() && link.meeting.joined_at.iter().all(settled);
        if !is_due || !is_at_rest {
            return;
        }
        let is_busy = link.ends.iter().any(|end| {
            let machine = self.machines.get(end.machine);
            machine.is_some_and(|machine| machine.is_unread(end.conn))
        });
        if is_busy {
            return;
        }
        for (side, known) in std::mem::take(&mut link.meeting.owed) {
            self.judge_missed(id, side, known);
        }
    }

    fn judge_missed(&mut self, id: LinkId, side: usize, known: Known) {
        let Some(link) = self.links.get(&id) else { return };
        let (Some(writer), Some(reader)) = (link.ends.get(side), link.ends.get(1 - side)) else {
            return;
        };
        let Some(content) = self.ledger.content(known.content) else { return };
        let is_owed = content.origin().is_some() && !self.is_own(content, reader);
        // Whoever is not read for a while hears in time no more.
        let joined_at = link.meeting.joined_at.iter().flatten().min();
        let is_read =
            |pipe: &Pipe| joined_at.is_some_and(|joined_at| pipe.released_at <= *joined_at);
        // Limits are for what is not told: what has made room for others since it was held, and all
        // that is told at a meeting in which something had to wait, or was not to be had any more.
        let is_kept = self
            .holder(writer)
            .is_some_and(|node| node.stats().catch_up.displaced == known.displaced);
        let before = &link.meeting.hindrances;
        let is_free =
            |(end, before): (&End, &u64)| self.holder(end).map(hindrances) == Some(*before);
        let is_free = link.ends.iter().zip(before).all(is_free);
        let is_owed = is_owed && link.pipes.iter().all(is_read) && is_kept && is_free;
        if is_owed && !content.is_held_by((reader.machine, reader.life)) {
            let writer = writer.machine;
            let fault = format!(
                "G3 broken: has not got what n{writer} had when they met, and could have told"
            );
            self.fail(reader.machine, &fault);
        }
    }
}

/// For how long a node is asked to hold what it has got for whoever it meets next.
fn retention(node: &Node) -> Duration {
    node.config().limits.history_time.saturating_sub(LATE)
}

/// How often something has kept a node from telling others what they have missed, or from being told.
pub(super) fn hindrances(node: &Node) -> u64 {
    let stats = node.stats();
    let missed = &stats.catch_up;
    let (told, heard) = (missed.skipped + missed.throttled + missed.postponed, missed.refused);
    told + heard + stats.refused.out_of_memory
}
