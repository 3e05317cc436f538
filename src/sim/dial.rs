//! Dials: on their way, taken or refused, and answered.

use std::net::SocketAddr;

use super::agenda::Step;
use super::app::App;
use super::link::{End, Link, LinkId, Pipe};
use super::machine::{addr_of, index_of};
use super::world::{NodeIndex, World};
use crate::conn_id::ConnId;
use crate::node::Input;

const REFUSED: std::io::ErrorKind = std::io::ErrorKind::ConnectionRefused;

impl<A: App> World<A> {
    pub(super) fn start_dial(&mut self, index: NodeIndex, conn: ConnId, addr: SocketAddr) {
        let from = self.end(index, conn);
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

    pub(super) fn on_dial(&mut self, from: End, addr: SocketAddr) {
        let Some(index) = index_of(addr) else { return };
        // Nobody waits for what an earlier life has dialled, and it must not take the name of a
        // connection of this one. And a wall may have come up meanwhile.
        if !self.is_alive(from) || self.walls.stand(from.machine, index) {
            return;
        }
        let latency = self.link_options.latency.draw(&mut self.rng);
        let now = self.now;
        let Some(caller) = self.machines.get_mut(from.machine) else { return };
        caller.next_port = caller.next_port.checked_add(1).unwrap_or(50_000);
        let caller_addr = SocketAddr::new(addr_of(from.machine).ip(), caller.next_port);
        let accepted = self.call(index, |node, now| node.accept(now, caller_addr).ok()).flatten();
        self.check_incoming(index);
        if self.walls.stand(index, from.machine) {
            return;
        }
        let Some(conn) = accepted else {
            let error = Some(REFUSED.into());
            self.agenda.push(now + latency, Step::Broken { end: from, error });
            return;
        };
        self.last_link += 1;
        let id = self.last_link;
        let to = self.end(index, conn);
        let back = self.return_options.as_ref().unwrap_or(&self.link_options);
        let pipes = [&self.link_options, back].map(|options| Pipe::new(options.clone(), now));
        self.links.insert(id, Link { ends: [from, to], pipes });
        for end in [from, to] {
            if let Some(machine) = self.machines.get_mut(end.machine) {
                machine.links.insert(end.conn, id);
            }
        }
        self.agenda.push(now + latency, Step::Connected { link: id });
    }

    pub(super) fn on_connected(&mut self, link: LinkId) {
        let Some(&[from, _]) = self.links.get(&link).map(|link| &link.ends) else { return };
        if self.is_alive(from) {
            self.turn(from.machine, Input::Connected { conn: from.conn });
        }
    }
}
