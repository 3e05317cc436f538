//! The network between the machines: streams, and their ends.

use std::collections::VecDeque;

use bytes::Bytes;
use rand::RngExt;

use super::agenda::Step;
use super::app::App;
use super::conduct::Frame;
use super::link::{End, Link, LinkId, Segment};
use super::trace::{Line, What, hash_of, len_u64};
use super::world::{NodeIndex, World};
use crate::conn_id::ConnId;
use crate::node::{CloseMode, Input};

const RESET: std::io::ErrorKind = std::io::ErrorKind::ConnectionReset;

/// How a connection ends whose other end has stopped before it was sent everything.
const UNCONFIRMED: std::io::ErrorKind = std::io::ErrorKind::UnexpectedEof;

impl<A: App> World<A> {
    pub(super) fn carry_out_step(&mut self, step: Step) {
        if let Some(step) = self.put_off(step) {
            match step {
                Step::Timer { machine, due } => self.on_timer(machine, due),
                Step::Wake { machine, life } => self.wake_app(machine, life),
                Step::Dial { from, addr } => self.on_dial(from, addr),
                Step::Accept { machine, addr, link } => self.on_accept(machine, addr, link),
                Step::Seed { machine, addr } => {
                    self.call(machine, |node, now| node.add_seed(now, addr));
                }
                Step::ClockSet { machine } => {
                    let wall = self.wall(machine);
                    self.turn(machine, Input::ClockSet { wall });
                }
                Step::Connected { link } => self.on_connected(link),
                Step::Arrive { link, side } => self.on_arrival(link, side),
                Step::Continue { machine, life, conn } => self.on_continue(machine, life, conn),
                Step::ReadOn { machine, life, conn } => {
                    if self.machines.get(machine).is_some_and(|found| found.life == life) {
                        self.read_unread(machine, conn);
                    }
                }
                Step::Broken { end, error } => {
                    if self.is_alive(end) && self.forget_end(end) {
                        self.note_closed(end, error);
                        self.turn(end.machine, Input::Closed { conn: end.conn, error });
                    }
                }
                #[cfg(feature = "rsa")]
                Step::Key { machine, life } => self.give_key(machine, life),
                Step::Resume { machine } => self.resume(machine),
                Step::Stopped { machine, life } => self.on_stopped(machine, life),
                Step::Free { machine } => self.on_free(machine),
                Step::Unclog { link } => self.on_unclog(link),
                Step::Unstall { link, side } => self.on_unstall(link, side),
                Step::Tick { machine, due } => self.on_tick(machine, due),
            }
        }
    }

    /// What happens to a node whose machine stands still waits until that goes on. The network
    /// itself does not stand still, nor do the ends of it that are in the machine: connections are
    /// made, and bytes arrive and wait.
    fn put_off(&mut self, step: Step) -> Option<Step> {
        let machine = match &step {
            Step::Timer { machine, .. }
            | Step::Wake { machine, .. }
            | Step::Tick { machine, .. }
            | Step::Stopped { machine, .. }
            | Step::Accept { machine, .. }
            | Step::Seed { machine, .. }
            | Step::ClockSet { machine }
            | Step::Continue { machine, .. }
            | Step::ReadOn { machine, .. } => *machine,
            #[cfg(feature = "rsa")]
            Step::Key { machine, .. } => *machine,
            Step::Broken { end, .. } => end.machine,
            Step::Connected { link } => self.links.get(link)?.ends[0].machine,
            Step::Dial { .. }
            | Step::Arrive { .. }
            | Step::Resume { .. }
            | Step::Free { .. }
            | Step::Unclog { .. }
            | Step::Unstall { .. } => return Some(step),
        };
        let stopped = self.machines.get_mut(machine)?;
        if stopped.stopped_until.is_some() {
            stopped.missed.push_back(step);
            return None;
        }
        Some(step)
    }

    /// Whether an end's machine is still in the life in which it had this connection.
    pub(super) fn is_alive(&self, end: End) -> bool {
        self.machines
            .get(end.machine)
            .is_some_and(|machine| machine.life == end.life && machine.is_up())
    }

    pub(super) fn end(&self, index: NodeIndex, conn: ConnId) -> End {
        let life = self.machines.get(index).map_or(0, |machine| machine.life);
        End { machine: index, life, conn }
    }

    /// The link that a machine has under this name, and which side of it is the machine's.
    pub(super) fn link_at(&self, index: NodeIndex, conn: ConnId) -> Option<(usize, &Link)> {
        let link = self.links.get(self.machines.get(index)?.links.get(&conn)?)?;
        Some((link.side(index, conn), link))
    }

    /// The same, and by which number it goes.
    pub(super) fn link_of(
        &mut self,
        index: NodeIndex,
        conn: ConnId,
    ) -> Option<(LinkId, usize, &mut Link)> {
        let id = *self.machines.get(index)?.links.get(&conn)?;
        let link = self.links.get_mut(&id)?;
        let side = link.side(index, conn);
        Some((id, side, link))
    }

    pub(super) fn write(&mut self, index: NodeIndex, conn: ConnId, data: Bytes) {
        let now = self.now;
        let Some((id, side, link)) = self.link_of(index, conn) else { return };
        let receiver = link.ends.get(1 - side).copied();
        let mut waiting_len = 0;
        if let Some(pipe) = link.pipes.get_mut(side) {
            pipe.push(data.clone(), now);
            waiting_len = pipe.waiting_len;
        }
        let len = self.put_on_line(id, side);
        waiting_len -= len;
        let to = receiver.map(|end| self.party(end, conn));
        let judged = self.machines.get_mut(index).filter(|machine| machine.node.is_some());
        if let Some((machine, to)) = judged.zip(to) {
            machine.conduct.note_frame(Frame { to, conn, data, waiting_len });
        }
        // No turn: this is in the midst of one, which takes what the node makes of it. A turn for
        // each of its outputs, one in the other, would fill the stack.
        let node = self.machines.get_mut(index).and_then(|machine| machine.node.as_mut());
        if let (Some(node), 1..) = (node, len) {
            node.handle_input(now, Input::Sent { conn, len });
        }
    }

    /// Puts on the line what waits and has room, and the end behind it.
    pub(super) fn pump(&mut self, id: LinkId, side: usize) {
        let Some(&end) = self.links.get(&id).and_then(|link| link.ends.get(side)) else { return };
        if self.machines.get(end.machine).is_some_and(|found| found.stopped_until.is_some()) {
            // What waits is the driver's, which does not write.
            return;
        }
        let now = self.now;
        let pipe = self.links.get_mut(&id).and_then(|link| link.pipes.get_mut(side));
        if let Some(pipe) = pipe.filter(|pipe| pipe.waiting_len > 0) {
            pipe.full_at = now;
        }
        let len = self.put_on_line(id, side);
        if len > 0 && self.is_alive(end) {
            self.turn(end.machine, Input::Sent { conn: end.conn, len });
            self.check_backlog(end.machine, end.conn);
        }
    }

    /// Returns how many bytes the sending machine has no longer.
    fn put_on_line(&mut self, id: LinkId, side: usize) -> usize {
        let mut sent = 0;
        let Some(link) = self.links.get_mut(&id) else { return 0 };
        let has_seen_end = link.pipes.get(1 - side).is_some_and(|back| back.is_ended);
        let Some(pipe) = link.pipes.get_mut(side) else { return 0 };
        loop {
            let len = self.rng.random_range(pipe.options.chunk_len.clone());
            let Some(piece) = pipe.take(len) else { break };
            sent += piece.len();
            if pipe.progress_at != self.now {
                (pipe.progress_at, pipe.progress_len) = (self.now, 0);
            }
            pipe.progress_len += piece.len();
            pipe.free_at = pipe.free_at.max(self.now) + pipe.options.transfer_time(piece.len());
            let latency = pipe.options.latency.draw(&mut self.rng);
            pipe.last_arrival = pipe.last_arrival.max(pipe.free_at + latency);
            pipe.send(&mut self.agenda, id, side, Segment::Data(piece));
        }
        pipe.is_unconfirmed |= has_seen_end && sent > 0;
        if pipe.waiting_len > 0 {
            pipe.full_at = self.now;
        }
        if pipe.is_finishing && !pipe.is_finished && pipe.waiting.is_empty() {
            pipe.is_finished = true;
            let latency = pipe.options.latency.draw(&mut self.rng);
            pipe.last_arrival = pipe.last_arrival.max(self.now + latency);
            pipe.send(&mut self.agenda, id, side, Segment::Fin);
        }
        sent
    }

    fn on_arrival(&mut self, id: LinkId, side: usize) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let Some(pipe) = link.pipes.get_mut(side) else { return };
        let Some((_, segment)) = pipe.coming.pop_front() else { return };
        if let Some((place, _)) = pipe.coming.front() {
            self.agenda.push_at(*place, Step::Arrive { link: id, side });
        }
        if link.lost_side == Some(1 - side) {
            self.on_arrival_in_vain(id, side);
            return;
        }
        let Some(&receiver) = link.ends.get(1 - side) else { return };
        let Some(pipe) = link.pipes.get_mut(side) else { return };
        if pipe.is_blocked {
            pipe.kept_back.push_back(segment);
            return;
        }
        pipe.unread.push_back(segment);
        self.read_unread(receiver.machine, receiver.conn);
    }

    /// Reads what has arrived at an end, while its machine runs and its node wants more.
    pub(super) fn read_unread(&mut self, index: NodeIndex, conn: ConnId) {
        let now = self.now;
        loop {
            let Some(machine) = self.machines.get(index) else { return };
            if machine.stopped_until.is_some() || machine.is_unread(conn) {
                return;
            }
            let draws_entropy = machine.draws_entropy();
            let Some((id, own_side, link)) = self.link_of(index, conn) else { return };
            let side = 1 - own_side;
            let Some(pipe) = link.pipes.get_mut(side) else { return };
            let Some(segment) = pipe.read() else { return };
            pipe.read_at = now;
            match segment {
                Segment::Data(data) => {
                    self.frames += 1;
                    // What TLS makes of its entropy differs from run to run, but for its length.
                    let hash = if draws_entropy { 0 } else { hash_of(&data) };
                    let what = What::In(conn, data.len(), hash);
                    self.trace.push(Line { at: self.now, node: Some(index), what });
                    if let Some(machine) = self.machines.get_mut(index) {
                        machine.account.given_len += len_u64(data.len());
                    }
                    self.turn(index, Input::Received { conn, data: &data });
                    self.check_owed(id, side);
                    self.take_time(index);
                    self.pump(id, side);
                }
                Segment::Fin => {
                    pipe.is_ended = true;
                    self.note_read_up(id, side);
                    if !self.close_finished(index, conn) {
                        self.turn(index, Input::Ended { conn });
                    }
                }
            }
        }
    }

    fn on_continue(&mut self, index: NodeIndex, life: u64, conn: ConnId) {
        let is_paused = |machine: &super::machine::Machine<A>| {
            machine.life == life && machine.paused.contains(&conn)
        };
        if !self.machines.get(index).is_some_and(is_paused) {
            return;
        }
        self.turn(index, Input::Continue { conn });
        if let Some((id, side, _)) = self.link_of(index, conn) {
            self.check_owed(id, 1 - side);
        }
        if self.machines.get(index).is_some_and(is_paused) {
            self.agenda.push(self.now, Step::Continue { machine: index, life, conn });
        }
    }

    pub(super) fn close(&mut self, index: NodeIndex, conn: ConnId, mode: CloseMode) {
        match mode {
            CloseMode::Flush => {
                let Some((id, side, link)) = self.link_of(index, conn) else { return };
                if let Some(pipe) = link.pipes.get_mut(side) {
                    pipe.is_finishing = true;
                }
                self.pump(id, side);
                self.close_finished(index, conn);
            }
            CloseMode::Abort => {
                let end = self.end(index, conn);
                let other = self
                    .link_of(index, conn)
                    .and_then(|(_, side, link)| link.ends.get(1 - side).copied());
                self.forget_end(end);
                if let Some(other) = other {
                    let latency = self.link_options.latency.draw(&mut self.rng);
                    let error = Some(RESET.into());
                    self.agenda.push(self.now + latency, Step::Broken { end: other, error });
                }
            }
        }
    }

    /// Reports a connection as closed to an end where both sides have ended. Returns whether they
    /// have.
    fn close_finished(&mut self, index: NodeIndex, conn: ConnId) -> bool {
        let Some((_, side, link)) = self.link_of(index, conn) else { return false };
        let (is_over, is_unconfirmed) = match (link.pipes.get(side), link.pipes.get(1 - side)) {
            (Some(out), Some(back)) => (out.is_finished && back.is_ended, out.is_unconfirmed),
            _ => (false, false),
        };
        if is_over {
            let end = self.end(index, conn);
            let error = is_unconfirmed.then(|| UNCONFIRMED.into());
            self.note_ended(end, error.is_none());
            self.forget_end(end);
            self.note_closed(end, error);
            self.turn(index, Input::Closed { conn, error });
        }
        is_over
    }

    /// Takes a connection from one end. What it has sent is still on its way; the link goes when
    /// both ends have.
    pub(super) fn forget_end(&mut self, end: End) -> bool {
        let Some(machine) = self.machines.get_mut(end.machine) else { return false };
        if machine.life != end.life {
            return false;
        }
        machine.paused.remove(&end.conn);
        machine.unwanted.remove(&end.conn);
        self.note_ended(end, false);
        let Some(machine) = self.machines.get_mut(end.machine) else { return false };
        let Some(id) = machine.links.remove(&end.conn) else {
            // A dial that was refused has no link.
            return true;
        };
        let Some(&ends) = self.links.get(&id).map(|link| &link.ends) else { return true };
        let is_taken = |end: &End| {
            self.machines.get(end.machine).is_some_and(|machine| {
                machine.life == end.life && machine.links.contains_key(&end.conn)
            })
        };
        if !ends.iter().any(is_taken) {
            self.links.remove(&id);
        }
        true
    }

    /// A machine goes on. Its driver may read and write first, or look first at what else has
    /// happened, which comes in the order in which it did.
    fn resume(&mut self, index: NodeIndex) {
        let Some(machine) = self.machines.get_mut(index) else { return };
        if machine.stopped_until.is_none_or(|until| until > self.now) {
            return;
        }
        machine.stopped_until = None;
        machine.stood_at = self.now;
        let missed: VecDeque<Step> = std::mem::take(&mut machine.missed);
        self.note(index, format_args!("resume"));
        let is_io_first = self.rng.random();
        if is_io_first {
            self.catch_up(index);
        }
        for step in missed {
            self.carry_out_step(step);
        }
        if !is_io_first {
            self.catch_up(index);
        }
    }

    /// Reads what has arrived at a machine, and writes what waits there.
    fn catch_up(&mut self, index: NodeIndex) {
        let Some(machine) = self.machines.get(index) else { return };
        for conn in machine.links.keys().copied().collect::<Vec<_>>() {
            self.read_unread(index, conn);
            if let Some((id, side, _)) = self.link_of(index, conn) {
                self.pump(id, side);
            }
        }
    }
}
