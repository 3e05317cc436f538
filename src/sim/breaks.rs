//! What can go wrong with the links of a world.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::RngExt;

use super::agenda::Step;
use super::app::App;
use super::link::LinkId;
use super::world::{NodeIndex, World};

const RESET: std::io::ErrorKind = std::io::ErrorKind::ConnectionReset;
const TIMED_OUT: std::io::ErrorKind = std::io::ErrorKind::TimedOut;

/// How long an end at most does not know that the other is gone.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

impl<A: App> World<A> {
    /// Breaks every connection between two nodes. Bytes on their way are lost.
    pub fn cut(&mut self, a: NodeIndex, b: NodeIndex) {
        for id in self.links_between(a, b) {
            self.cut_link(id);
        }
    }

    /// Breaks one connection, drawn at random. Returns whether there was one.
    pub fn cut_any(&mut self) -> bool {
        let id = self.draw_link();
        if let Some(id) = id {
            self.cut_link(id);
        }
        id.is_some()
    }

    /// Two nodes that have a connection, drawn at random among connections and directions: the
    /// faults of links are made between such.
    pub fn draw_neighbors(&mut self) -> Option<(NodeIndex, NodeIndex)> {
        let id = self.draw_link()?;
        let [one, other] = self.links.get(&id)?.ends.map(|end| end.machine);
        Some(if self.rng.random() { (one, other) } else { (other, one) })
    }

    fn draw_link(&mut self) -> Option<LinkId> {
        let count = self.links.len();
        let chosen = if count == 0 { 0 } else { self.rng.random_range(0..count) };
        self.links.keys().nth(chosen).copied()
    }

    /// Resets the connections between two nodes at one of their ends, as a box on the way may that
    /// has forgotten them. The other end learns of it when something that it sends arrives there,
    /// or after half a minute at most. Bytes on their way to the end that was reset are lost.
    pub fn reset(&mut self, at: NodeIndex, from: NodeIndex) {
        self.note_world(format_args!("reset at n{at} from n{from}"));
        for id in self.links_between(at, from) {
            let Some(link) = self.links.get_mut(&id) else { continue };
            let side = usize::from(link.ends[0].machine != at);
            link.lost_side = Some(side);
            let [dialer, accepter] = link.ends;
            let (end, other) = if side == 0 { (dialer, accepter) } else { (accepter, dialer) };
            self.agenda.push(self.now, Step::Broken { end, error: Some(RESET.into()) });
            let patience = KEEP_ALIVE.mul_f64(self.rng.random_range(0.0..=1.0));
            let broken = Step::Broken { end: other, error: Some(TIMED_OUT.into()) };
            self.agenda.push(self.now + patience, broken);
        }
    }

    /// Something has arrived at an end that does not exist any more.
    pub(super) fn on_arrival_in_vain(&mut self, id: LinkId, side: usize) {
        let Some(&end) = self.links.get(&id).and_then(|link| link.ends.get(side)) else { return };
        let latency = self.link_options.latency.draw(&mut self.rng);
        self.agenda.push(self.now + latency, Step::Broken { end, error: Some(RESET.into()) });
    }

    /// Lets the connections between two nodes pass nothing on for a while, and then everything that
    /// has come meanwhile.
    pub fn clog(&mut self, a: NodeIndex, b: NodeIndex, time: Duration) {
        self.note_world(format_args!("clog n{a} n{b} for {time:?}"));
        let until = self.now + time;
        let links = self.links_between(a, b);
        for &id in &links {
            let Some(link) = self.links.get_mut(&id) else { continue };
            link.clogged_until = link.clogged_until.max(Some(until));
            self.agenda.push(until, Step::Unclog { link: id });
        }
        self.apply_walls(links);
    }

    pub(super) fn on_unclog(&mut self, id: LinkId) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if link.clogged_until.is_some_and(|until| until <= self.now) {
            link.clogged_until = None;
            self.apply_walls(BTreeSet::from([id]));
        }
    }

    /// Lets a node read nothing from another for a while, so that the buffers between them fill.
    pub fn stall(&mut self, reader: NodeIndex, writer: NodeIndex, time: Duration) {
        self.note_world(format_args!("stall n{reader} from n{writer} for {time:?}"));
        let until = self.now + time;
        for id in self.links_between(reader, writer) {
            let Some(link) = self.links.get_mut(&id) else { continue };
            let side = usize::from(link.ends[0].machine != writer);
            let Some(pipe) = link.pipes.get_mut(side) else { continue };
            pipe.stalled_until = pipe.stalled_until.max(Some(until));
            self.agenda.push(until, Step::Unstall { link: id, side });
        }
    }

    pub(super) fn on_unstall(&mut self, id: LinkId, side: usize) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let Some(&reader) = link.ends.get(1 - side) else { return };
        let Some(pipe) = link.pipes.get_mut(side) else { return };
        if pipe.stalled_until.is_some_and(|until| until <= self.now) {
            pipe.stalled_until = None;
            self.read_unread(reader.machine, reader.conn);
        }
    }

    /// Lets a machine refuse the next dials, this many.
    pub fn refuse_dials(&mut self, index: NodeIndex, count: usize) {
        if let Some(machine) = self.machines.get_mut(index) {
            machine.refusals = count;
        }
    }

    pub(super) fn cut_link(&mut self, id: LinkId) {
        let Some(link) = self.links.remove(&id) else { return };
        let [one, other] = link.ends.map(|end| end.machine);
        self.note_world(format_args!("cut n{one} n{other}"));
        for end in link.ends {
            let latency = self.link_options.latency.draw(&mut self.rng);
            let error = Some(RESET.into());
            self.agenda.push(self.now + latency, Step::Broken { end, error });
        }
    }

    /// The links that either end still holds, in the order in which they were made.
    pub(super) fn links_between(&self, a: NodeIndex, b: NodeIndex) -> BTreeSet<LinkId> {
        let joins = |ends: [NodeIndex; 2]| ends == [a, b] || ends == [b, a];
        [a, b]
            .iter()
            .filter_map(|&index| self.machines.get(index))
            .flat_map(|machine| machine.links.values().copied())
            .filter(|id| {
                self.links.get(id).is_some_and(|link| joins(link.ends.map(|end| end.machine)))
            })
            .collect()
    }
}
