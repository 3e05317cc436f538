//! G3: whoever is linked to a node that has a message gets it.
//!
//! A claim about every chain of links, checked link by link: when a node comes to hold a broadcast,
//! each of its neighbors is owed it, and has it when it has read all that was written for it by
//! then. Where a link goes first, nothing was owed over it. By induction a message comes to every
//! node at the end of a chain of links each of which stood long enough to carry it.
//!
//! Both ends of a new link between nodes that hold messages for each other are also owed what the
//! other has got within the last minute, once the link has stood for a while and neither has anything
//! left to say on it. Where strangers are about, that is not asked: whoever makes up the number of a
//! message keeps it from those who have missed it, and py2p nodes know no numbers.

use std::collections::VecDeque;
use std::time::Duration;

use super::app::App;
use super::ledger::{Content, Origin};
use super::link::{End, LinkId};
use super::machine::Machine;
use super::world::{NodeIndex, World};
use crate::conn_id::ConnId;
use crate::node::{Node, PKCS1};
use crate::time::Instant;

/// For how long nodes hold what they have got for whoever they meet next: a little less than they
/// do, for what is told late. PROTOCOL.md §5.7.
const RETENTION: Duration = Duration::from_secs(58);

/// How long a new link may stand before the two ends have told each other what they hold: a node
/// that comes back answers its neighbors one after the other, and may wait ten seconds for each.
const SETTLING: Duration = Duration::from_secs(120);

/// How old a message is at most that still has the time for that before it is too old to be taken.
const MAX_AGE: u64 = 60;

/// A broadcast that the reader of a pipe must have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owed {
    content: usize,
    /// How many bytes of the pipe it has read by then.
    due: u64,
}

/// What the ends of a new link owe each other.
#[derive(Debug, Default)]
pub(super) struct Meeting {
    /// When each end made the other its neighbor.
    joined_at: [Option<Instant>; 2],
    /// By the side that is to send it.
    owed: Vec<(usize, usize)>,
}

/// The broadcasts that a machine has lately come to hold, and when.
pub(super) type Held = VecDeque<(usize, Instant)>;

impl<A: App> World<A> {
    /// A node has done its turn: what it has come to hold in it, its neighbors are owed.
    pub(super) fn owe_fresh(&mut self, index: NodeIndex) {
        let contents = self.ledger.take_fresh(index);
        if contents.is_empty() {
            return;
        }
        let now = self.now;
        let Some(machine) = self.machines.get_mut(index) else { return };
        let Some(node) = &machine.node else { return };
        machine.known.extend(contents.iter().map(|content| (*content, now)));
        while machine.known.front().is_some_and(|(_, at)| now.since(*at) > RETENTION) {
            machine.known.pop_front();
        }
        // Under RSA what is written waits for the work on it.
        if !self.is_uniform || machine.config.protocol.encryption() == PKCS1 {
            return;
        }
        let conns = node.routing_table().map(|info| (info.conn, info.traffic.refused));
        for (conn, refused) in conns.collect::<Vec<_>>() {
            self.owe(index, conn, refused, &contents);
        }
    }

    fn owe(&mut self, index: NodeIndex, conn: ConnId, refused: u64, contents: &[usize]) {
        let first = contents.first().and_then(|first| {
            let life = self.machines.get(index)?.life;
            self.ledger.content(*first)?.place((index, life))
        });
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
            let due = pipe.written_len;
            pipe.owed.extend(contents.iter().map(|content| Owed { content: *content, due }));
            pipe.first_place = pipe.first_place.or(first);
        }
    }

    /// The reader of a pipe has taken what arrived: it has what it was owed by then.
    pub(super) fn check_owed(&mut self, id: LinkId, side: usize) {
        loop {
            let Some(link) = self.links.get_mut(&id) else { return };
            let Some(&reader) = link.ends.get(1 - side) else { return };
            let Some(pipe) = link.pipes.get_mut(side) else { return };
            let Some(owed) = pipe.owed.front().copied() else { break };
            let machine = self.machines.get(reader.machine);
            let is_busy = machine.is_some_and(|machine| machine.is_held(reader.conn));
            if owed.due > pipe.read_len || is_busy {
                return;
            }
            pipe.owed.pop_front();
            self.judge_owed(id, side, owed.content);
        }
        self.check_meeting(id);
    }

    fn judge_owed(&mut self, id: LinkId, side: usize, index: usize) {
        let Some(link) = self.links.get(&id) else { return };
        let (Some(writer), Some(reader)) = (link.ends.get(side), link.ends.get(1 - side)) else {
            return;
        };
        let Some(content) = self.ledger.content(index) else { return };
        // What was sent twice, or may have been made by a stranger, is not told apart from here.
        let Some(origin) = content.origin() else { return };
        if content.is_held_by((reader.machine, reader.life)) || self.is_own(content, reader) {
            return;
        }
        // Nor is what a node has closed at once: it takes nothing of what it has not looked at.
        if !self.machines.get(reader.machine).is_some_and(|it| it.links.contains_key(&reader.conn))
        {
            return;
        }
        let Some(node) = self.node(reader.machine) else { return };
        let is_leaving = link.pipes.get(1 - side).is_some_and(|back| back.is_finishing);
        if is_leaving && !self.is_neighbor(node, reader, writer) {
            return;
        }
        let (sent, shown) = (origin.wall.as_secs(), node.wall(self.now).as_secs());
        let is_in_time = sent + 119 >= shown && sent <= shown + 59;
        // A memory that is half full may have been full.
        let is_roomy = node.usage().seen_len < node.config().limits.max_seen_len / 2;
        if is_in_time && is_roomy {
            let (sender, writer) = (origin.life.0, writer.machine);
            let fault = format!(
                "G3 broken: has not got what n{sender} sent, though n{writer} had it and their \
                link carried it"
            );
            self.fail(reader.machine, &fault);
        }
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
        let Some(links) = self.machines.get(at.machine).map(|machine| &machine.links) else {
            return false;
        };
        let leads_there = |conn: &ConnId| {
            let link = links.get(conn).and_then(|id| self.links.get(id));
            link.is_some_and(|link| link.ends.iter().any(|end| end.machine == other.machine))
        };
        let id = self.id(other.machine);
        id.is_some_and(|id| {
            node.routing_table().any(|info| info.id == id && leads_there(&info.conn))
        })
    }

    /// A node has made the other end of a connection its neighbor.
    pub(super) fn note_joined(&mut self, index: NodeIndex, conn: ConnId) {
        let now = self.now;
        let is_owed = self.is_uniform && !self.has_outsiders;
        let Some((id, side, link)) = self.link_of(index, conn) else { return };
        if let Some(joined_at) = link.meeting.joined_at.get_mut(side) {
            *joined_at = Some(now);
        }
        let is_met = link.meeting.joined_at.iter().all(Option::is_some);
        let ends = link.ends;
        let extended = ends.iter().all(|end| {
            let machine = self.machines.get(end.machine);
            machine.is_some_and(|machine| machine.node.as_ref().is_some_and(holds_messages))
        });
        if !is_owed || !is_met || !extended {
            return;
        }
        for (side, end) in ends.iter().enumerate() {
            let Some(machine) = self.machines.get(end.machine) else { continue };
            let shown = self.wall(end.machine).as_secs();
            let held = machine.known.iter().filter(|(_, at)| now.since(*at) < RETENTION);
            let is_young = |content: &usize| {
                let origin = self.ledger.content(*content).and_then(Content::origin);
                origin.is_some_and(|origin| origin.wall.as_secs() + MAX_AGE >= shown)
            };
            let young = held.map(|(content, _)| *content).filter(is_young);
            let owed: Vec<_> = young.map(|content| (side, content)).collect();
            if let Some(link) = self.links.get_mut(&id) {
                link.meeting.owed.extend(owed);
            }
        }
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
            machine.is_some_and(|machine| machine.is_held(end.conn))
        });
        if is_busy {
            return;
        }
        for (side, content) in std::mem::take(&mut link.meeting.owed) {
            self.judge_missed(id, side, content);
        }
    }

    fn judge_missed(&mut self, id: LinkId, side: usize, index: usize) {
        let Some(link) = self.links.get(&id) else { return };
        let (Some(writer), Some(reader)) = (link.ends.get(side), link.ends.get(1 - side)) else {
            return;
        };
        let Some(content) = self.ledger.content(index) else { return };
        let is_owed = content.origin().is_some() && !self.is_own(content, reader);
        // Whoever is not read for a while hears in time no more, and nobody tells what a node that has
        // lost something to its limits since has held.
        let could = link.meeting.joined_at.iter().flatten().all(|joined_at| {
            link.ends.iter().all(|end| {
                let machine = self.machines.get(end.machine);
                machine.is_some_and(|it| it.released_at <= *joined_at && it.held.is_empty())
            })
        });
        let holds = |end: &End| self.node(end.machine).is_some_and(holds_messages);
        let is_owed = is_owed && could && link.ends.iter().all(holds);
        if is_owed && !content.is_held_by((reader.machine, reader.life)) {
            let writer = writer.machine;
            let fault = format!(
                "G3 broken: has not got what n{writer} had when they met, and could have told"
            );
            self.fail(reader.machine, &fault);
        }
    }
}

/// Whether a node tells others what they have missed, and nothing has kept it from that so far: its
/// limits are for what is not told.
fn holds_messages(node: &Node) -> bool {
    let (limits, usage, missed) = (&node.config().limits, node.usage(), node.stats().catch_up);
    let is_whole = missed.skipped + missed.throttled + missed.displaced == 0;
    let is_roomy = usage.history_len < limits.max_history_len / 2;
    node.config().extension && is_whole && is_roomy
}
