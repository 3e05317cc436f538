//! The turns of a node: what happened goes in, what it wants done is done, and what it owes is
//! checked.

use std::fmt;

use super::agenda::Step;
use super::app::{App, Context};
use super::check;
use super::conduct::Frame;
use super::link::End;
use super::machine::Machine;
use super::reach::hindrances;
use super::trace::{Line, What};
use super::world::{NodeIndex, World};
use crate::conn_id::ConnId;
use crate::error::NetworkError;
use crate::event::Event;
use crate::node::{CloseMode, Input, Node, Output};
use crate::record::event_text;
use crate::time::Instant;

/// The bytes that wait at a node for each turn in which its memory is not counted anew.
const QUEUED_PER_TURN: usize = 64 << 10;

impl<A: App> World<A> {
    /// Tells a node what happened, and does what it wants done.
    pub(super) fn turn(&mut self, index: NodeIndex, input: Input<'_>) {
        let now = self.now;
        if self.outside(index).is_some() {
            return self.tell_outsider(index, input);
        }
        let conn = match input {
            Input::Received { conn, .. } | Input::Continue { conn } => Some(conn),
            _ => None,
        };
        let reads_outsider = conn.is_some_and(|conn| self.is_outside(index, conn));
        let Some(machine) = self.machines.get_mut(index) else { return };
        let Some(node) = machine.node.as_mut() else { return };
        let before = (machine.reading, machine.reads_outsider);
        if conn.is_some() {
            (machine.reading, machine.reads_outsider) = (conn, reads_outsider);
        }
        if let Input::Closed { conn, .. } = input {
            machine.account.note_end(conn);
        }
        node.handle_input(now, input);
        self.after_turn(index);
        if let Some(machine) = self.machines.get_mut(index) {
            (machine.reading, machine.reads_outsider) = before;
        }
    }

    pub(super) fn after_turn(&mut self, index: NodeIndex) {
        if let Some(machine) = self.machines.get_mut(index) {
            machine.conduct.begin_turn();
        }
        self.carry_out(index);
        self.plan_timer(index);
        self.check(index);
        // One turn may make another, whose outputs come among its own: what both have sent is
        // judged when the outer one ends.
        let frames = self.machines.get_mut(index).and_then(|machine| machine.conduct.end_turn());
        if let Some(frames) = frames {
            self.judge(index, frames);
            self.note_displaced(index);
            self.owe_fresh(index);
        }
    }

    /// Gives an event to the program of a node, after the ledger has seen it.
    pub(super) fn pass_on(&mut self, index: NodeIndex, event: Event) {
        let now = self.now;
        let fault = self.enter(index, &event).err();
        let Some(machine) = self.machines.get_mut(index) else { return };
        let life = machine.life;
        self.trace.push(Line { at: now, node: Some(index), what: What::Note(event_text(&event)) });
        let (Some(node), Some(app)) = (machine.node.as_mut(), machine.app.as_mut()) else { return };
        let mut context = Context::new(node, now, &mut self.ledger);
        app.on_event(&mut context, event);
        let (wake_at, asked) = (context.wake_at, context.asked);
        if let Some(at) = wake_at {
            self.agenda.push(at, Step::Wake { machine: index, life });
        }
        self.enter_questions(index, asked);
        if let Some(fault) = fault {
            self.fail(index, &fault);
        }
    }

    pub(super) fn wake_app(&mut self, index: NodeIndex, life: u64) {
        let now = self.now;
        let Some(machine) = self.machines.get_mut(index).filter(|found| found.life == life) else {
            return;
        };
        if machine.outside.is_some() {
            return self.wake_outsider(index);
        }
        let (Some(node), Some(app)) = (machine.node.as_mut(), machine.app.as_mut()) else { return };
        let mut context = Context::new(node, now, &mut self.ledger);
        app.on_wake(&mut context);
        let (wake_at, asked) = (context.wake_at, context.asked);
        if let Some(at) = wake_at {
            self.agenda.push(at, Step::Wake { machine: index, life });
        }
        self.enter_questions(index, asked);
        self.after_turn(index);
    }

    /// What comes of it is told apart from what the node is yet to do in this turn.
    fn plan_reading(&mut self, index: NodeIndex, conn: ConnId) {
        if let Some(life) = self.machines.get(index).map(|machine| machine.life) {
            self.agenda.push(self.now, Step::ReadOn { machine: index, life, conn });
        }
    }

    fn plan_timer(&mut self, index: NodeIndex) {
        let now = self.now;
        let Some(machine) = self.machines.get_mut(index) else { return };
        let Some(due) = machine.node.as_ref().and_then(Node::poll_timeout) else { return };
        if machine.timer_at.is_none_or(|planned| due < planned) {
            machine.timer_at = Some(due);
            self.agenda.push(due.max(now), Step::Timer { machine: index, due });
        }
    }

    pub(super) fn on_timer(&mut self, index: NodeIndex, planned: Instant) {
        let now = self.now;
        let is_planned = |machine: &&mut Machine<A>| machine.timer_at == Some(planned);
        // Otherwise the plan has changed since. To go by the old one would plan each of the node's
        // turns once more from now on.
        let Some(machine) = self.machines.get_mut(index).filter(is_planned) else { return };
        machine.timer_at = None;
        let due = machine.node.as_ref().and_then(Node::poll_timeout);
        if due.is_some_and(|due| due <= now) {
            self.turn(index, Input::Timeout);
            if let Err(fault) = self.check_deadlines(index) {
                self.fail(index, &fault);
            }
            let next = self.node(index).and_then(Node::poll_timeout);
            if next.is_some_and(|next| next <= now) {
                self.fail(index, "the node's deadline does not move on");
            }
        } else {
            self.plan_timer(index);
        }
    }

    /// Enters what happens at a node in the trace.
    pub(super) fn note(&mut self, index: NodeIndex, what: fmt::Arguments<'_>) {
        let what = What::Note(what.to_string());
        self.trace.push(Line { at: self.now, node: Some(index), what });
    }

    /// Enters what happens to the world in the trace.
    pub(super) fn note_world(&mut self, what: fmt::Arguments<'_>) {
        let what = What::Note(what.to_string());
        self.trace.push(Line { at: self.now, node: None, what });
    }

    /// Enters the end of a connection in the trace.
    pub(super) fn note_closed(&mut self, end: End, error: Option<NetworkError>) {
        let End { machine, conn, .. } = end;
        match error {
            Some(error) => self.note(machine, format_args!("{conn} closed: {error}")),
            None => self.note(machine, format_args!("{conn} closed")),
        }
    }

    fn check(&mut self, index: NodeIndex) {
        let (is_uniform, has_outsiders) = (self.is_uniform, self.has_outsiders);
        let Some(machine) = self.machines.get_mut(index) else { return };
        let Some(node) = machine.node.as_ref() else { return };
        machine.most_links = machine.most_links.max(machine.links.len());
        // It looks at every frame that waits: where there are thousands of them, not in every turn.
        let every = 1 + node.usage().queued_len / QUEUED_PER_TURN;
        machine.turns_unchecked += 1;
        let is_memory_due = machine.turns_unchecked >= every;
        if is_memory_due {
            machine.turns_unchecked = 0;
        }
        machine.hindrances = hindrances(node);
        let (stats, given_len) = (node.stats(), machine.account.given_len);
        let is_from_like = is_uniform && !machine.reads_outsider;
        let undecodable = std::mem::replace(&mut machine.undecodable, stats.undecodable.total());
        let has_changed = std::mem::take(&mut machine.has_new_neighbors);
        let fault = check::check_told(node, &machine.neighbors, has_changed)
            .and_then(|()| check::check_sums(node))
            .and_then(|()| machine.account.check(node))
            .and_then(|()| check::check_usage(node))
            .and_then(|()| if is_memory_due { node.check_memory() } else { Ok(()) })
            .and_then(|()| check::check_traffic(node, machine.most_links, has_outsiders))
            .and_then(|()| check::check_missed(node, self.now.since(machine.started_at)))
            .and_then(|()| check::check_streams(&stats, given_len, undecodable, is_from_like))
            .err();
        if let Some(fault) = fault {
            self.fail(index, &fault);
        }
    }

    fn judge(&mut self, index: NodeIndex, frames: Vec<Frame>) {
        for frame in &frames {
            // Mostly nothing waits, and the pipe need not be looked for.
            let backlog = self.node(index).and_then(|node| node.backlog_len(frame.conn));
            if backlog != Some(frame.waiting_len) || frame.waiting_len > 0 {
                self.check_backlog(index, frame.conn);
            }
        }
        let Some(machine) = self.machines.get_mut(index) else { return };
        let Some(stats) = machine.node.as_ref().map(Node::stats) else { return };
        if let Err(fault) = machine.conduct.judge(&stats, frames) {
            self.fail(index, &fault);
        }
    }

    /// What waits in a node's machine is what the node thinks that waits.
    pub(super) fn check_backlog(&mut self, index: NodeIndex, conn: ConnId) {
        let Some((_, side, link)) = self.link_of(index, conn) else { return };
        let waiting = link.pipes.get(side).map_or(0, |pipe| pipe.waiting_len);
        let Some(node) = self.node(index) else { return };
        let Some(backlog) = node.backlog_len(conn) else { return };
        if backlog != waiting {
            self.fail(
                index,
                &format!("a backlog of {backlog} on {conn}, where {waiting} bytes wait"),
            );
        }
        let max = node.config().limits.max_backlog_len;
        if backlog > max {
            self.fail(index, &format!("a backlog of {backlog} on {conn}, more than {max}"));
        }
    }

    /// A node has taken a connection: only now can it have too many of those.
    pub(super) fn check_incoming(&mut self, index: NodeIndex) {
        let Some(node) = self.node(index) else { return };
        if let Err(fault) = check::check_incoming(node) {
            self.fail(index, &fault);
        }
    }

    /// Does what a node wants done.
    fn carry_out(&mut self, index: NodeIndex) {
        while let Some(output) = self
            .machines
            .get_mut(index)
            .and_then(|machine| machine.node.as_mut())
            .and_then(|node| node.poll_output())
        {
            self.carry_out_output(index, output);
        }
    }

    fn carry_out_output(&mut self, index: NodeIndex, output: Output) {
        match output {
            Output::Dial { conn, addr } => {
                if let Some(machine) = self.machines.get_mut(index) {
                    machine.account.note_dial(conn);
                }
                self.start_dial(index, conn, addr);
            }
            Output::Transmit { conn, data } => {
                let what = What::Out(conn, data.len());
                self.trace.push(Line { at: self.now, node: Some(index), what });
                self.write(index, conn, data);
            }
            Output::PauseRead { conn } => {
                let Some(machine) = self.machines.get_mut(index) else { return };
                machine.paused.insert(conn);
                let life = machine.life;
                self.agenda.push(self.now, Step::Continue { machine: index, life, conn });
            }
            Output::ResumeRead { conn } => {
                let Some(machine) = self.machines.get_mut(index) else { return };
                machine.paused.remove(&conn);
                self.plan_reading(index, conn);
            }
            Output::HoldRead { conn } => {
                if let Some(machine) = self.machines.get_mut(index) {
                    machine.unwanted.insert(conn);
                }
            }
            Output::ReleaseRead { conn } => {
                let Some(machine) = self.machines.get_mut(index) else { return };
                machine.unwanted.remove(&conn);
                let now = self.now;
                if let Some((_, side, link)) = self.link_of(index, conn) {
                    if let Some(pipe) = link.pipes.get_mut(1 - side) {
                        pipe.released_at = now;
                    }
                }
                self.plan_reading(index, conn);
            }
            Output::Close { conn, mode } => {
                if let Some(machine) = self.machines.get_mut(index) {
                    machine.account.note_end(conn);
                }
                let how = if mode == CloseMode::Flush { "close" } else { "abort" };
                self.note(index, format_args!("{conn} {how}"));
                self.close(index, conn, mode);
            }
            #[cfg(feature = "rsa")]
            Output::MakeRsaKey => self.order_key(index),
            Output::Event(event) => self.pass_on(index, event),
        }
    }
}
