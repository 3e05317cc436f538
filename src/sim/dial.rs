//! Dials: on their way, taken or refused, and answered.

use std::net::SocketAddr;
use std::ops::RangeInclusive;

use super::agenda::Step;
use super::app::App;
use super::link::{End, Link, LinkId, Pipe};
use super::machine::{addr_of, index_of};
use super::reach::Meeting;
use super::strain::BACKLOG;
use super::world::{NodeIndex, World};
use crate::conn_id::ConnId;
use crate::node::Input;

const REFUSED: std::io::ErrorKind = std::io::ErrorKind::ConnectionRefused;

/// The kind that a full table of descriptors comes under, which has none of its own.
const EXHAUSTED: std::io::ErrorKind = std::io::ErrorKind::Other;

/// The pieces in which bytes arrive at outsiders, and from them.
const OUTSIDERS_PIECES: RangeInclusive<usize> = 1..=64 << 10;

/// The name of a connection that the machine has taken and its node has not yet. No node names one
/// so.
const UNNAMED: ConnId = ConnId::from_number(0);

impl<A: App> World<A> {
    pub(super) fn start_dial(&mut self, index: NodeIndex, conn: ConnId, addr: SocketAddr) {
        let from = self.end(index, conn);
        self.note(index, format_args!("{conn} dial {addr}"));
        if self.machines.get(index).is_some_and(|machine| machine.full_until.is_some()) {
            let error = Some(EXHAUSTED.into());
            self.agenda.push(self.now, Step::Broken { end: from, error });
            return;
        }
        let to = index_of(addr).filter(|&to| to < self.machines.len());
        let latency = self.link_options.latency.draw(&mut self.rng);
        match to {
            // What does not get through is not answered: the node has its own patience.
            Some(to) if self.walls.stand(index, to) => {}
            Some(_) => self.agenda.push(self.now + latency, Step::Dial { from, addr }),
            None => {
                let error = Some(REFUSED.into());
                self.agenda.push(self.now + latency, Step::Broken { end: from, error });
            }
        }
    }

    /// A dial arrives. The machine takes it, and its node learns of it as soon as it runs.
    pub(super) fn on_dial(&mut self, from: End, addr: SocketAddr) {
        let Some(index) = index_of(addr) else { return };
        // Nobody waits for what an earlier life has dialled, and it must not take the name of a
        // connection of this one. And a wall may have come up meanwhile.
        if !self.is_alive(from) || self.walls.stand(from.machine, index) {
            return;
        }
        let latency = self.link_options.latency.draw(&mut self.rng);
        let Some(machine) = self.machines.get_mut(index) else { return };
        machine.dialed += 1;
        let is_refused = machine.refusals > 0;
        machine.refusals = machine.refusals.saturating_sub(1);
        if is_refused || !machine.is_up() {
            self.note(index, format_args!("refuses n{}", from.machine));
            let error = Some(REFUSED.into());
            self.agenda.push(self.now + latency, Step::Broken { end: from, error });
            return;
        }
        let link = (!self.walls.stand(index, from.machine)).then(|| self.make_link(from, index));
        if let Some(link) = link {
            self.agenda.push(self.now + latency, Step::Connected { link });
        }
        let Some(caller) = self.machines.get_mut(from.machine) else { return };
        caller.next_port = caller.next_port.checked_add(1).unwrap_or(50_000);
        let addr = SocketAddr::new(addr_of(from.machine).ip(), caller.next_port);
        self.carry_out_step(Step::Accept { machine: index, addr, link });
    }

    fn make_link(&mut self, from: End, to: NodeIndex) -> LinkId {
        self.last_link += 1;
        let id = self.last_link;
        let to = self.end(to, UNNAMED);
        let back = self.return_options.as_ref().unwrap_or(&self.link_options);
        let has_outsider = [from, to].iter().any(|end| self.outside(end.machine).is_some());
        let pipes = [&self.link_options, back].map(|options| {
            let mut options = options.clone();
            if has_outsider {
                // Some send megabytes for nothing, which in single bytes would take for ever.
                options.chunk_len = OUTSIDERS_PIECES;
            }
            Pipe::new(options, self.now)
        });
        let hindrances = [from, to]
            .map(|end| self.machines.get(end.machine).map_or(0, |machine| machine.hindrances));
        self.links.insert(id, Link::new([from, to], pipes, Meeting::after(hindrances)));
        if let Some(machine) = self.machines.get_mut(from.machine) {
            machine.links.insert(from.conn, id);
        }
        id
    }

    /// Gives a connection to a node: one without a link where the way back is walled off.
    pub(super) fn on_accept(&mut self, index: NodeIndex, addr: SocketAddr, link: Option<LinkId>) {
        if link.is_some_and(|link| !self.links.contains_key(&link)) {
            return;
        }
        if let Some(machine) = self.machines.get_mut(index).filter(|it| it.full_until.is_some()) {
            if machine.untaken.len() < BACKLOG {
                machine.untaken.push(Step::Accept { machine: index, addr, link });
            } else if let Some(link) = link {
                self.turn_away(link);
            }
            return;
        }
        let outsiders = self.name_incoming(index);
        let accepted = outsiders
            .or_else(|| self.call(index, |node, now| node.accept(now, addr)).and_then(Result::ok));
        self.check_incoming(index);
        match accepted {
            Some(conn) => self.note(index, format_args!("{conn} accept {addr}")),
            None => self.note(index, format_args!("refuses {addr}")),
        }
        let Some(id) = link else { return };
        let Some(conn) = accepted else {
            return self.turn_away(id);
        };
        let Some(link) = self.links.get_mut(&id) else { return };
        link.ends[1].conn = conn;
        if let Some(machine) = self.machines.get_mut(index) {
            machine.links.insert(conn, id);
        }
        if outsiders.is_some() {
            self.tell_outsider(index, Input::Connected { conn });
        }
        self.read_unread(index, conn);
    }

    /// Ends a connection that nobody takes.
    fn turn_away(&mut self, id: LinkId) {
        let Some(link) = self.links.remove(&id) else { return };
        let latency = self.link_options.latency.draw(&mut self.rng);
        let broken = Step::Broken { end: link.ends[0], error: Some(REFUSED.into()) };
        self.agenda.push(self.now + latency, broken);
    }

    pub(super) fn on_connected(&mut self, link: LinkId) {
        let Some(&[from, _]) = self.links.get(&link).map(|link| &link.ends) else { return };
        if self.is_alive(from) {
            self.note(from.machine, format_args!("{} connected", from.conn));
            self.turn(from.machine, Input::Connected { conn: from.conn });
        }
    }
}
