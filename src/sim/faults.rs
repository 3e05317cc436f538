//! What can go wrong with the machines of a world.

use std::time::Duration;

use super::agenda::Step;
use super::app::App;
use super::link::LinkId;
use super::machine::ClockOffset;
use super::world::{NodeIndex, World};
use crate::node::{Input, Node};
use crate::time::Instant;

impl<A: App> World<A> {
    /// Ends a node, or an outsider, without warning. Its connections break.
    pub fn crash(&mut self, index: NodeIndex) {
        let Some(machine) = self.machines.get_mut(index) else { return };
        machine.node = None;
        if let Some(outside) = &mut machine.outside {
            outside.is_down = true;
        }
        machine.stopped_until = None;
        machine.farewell = None;
        let links: Vec<LinkId> = machine.links.values().copied().collect();
        self.note(index, format_args!("crash"));
        for id in links {
            self.cut_link(id);
        }
        self.cut_untaken(index);
    }

    /// Breaks the connections that a machine has taken and its node has never seen.
    pub(super) fn cut_untaken(&mut self, index: NodeIndex) {
        let Some(machine) = self.machines.get_mut(index) else { return };
        let waiting = machine.missed.drain(..).chain(machine.untaken.drain(..));
        let links = waiting.filter_map(|step| match step {
            Step::Accept { link, .. } => link,
            _ => None,
        });
        for id in links.collect::<Vec<_>>() {
            self.cut_link(id);
        }
    }

    /// Starts a crashed node again, at the same address, under a new id, and without any memory
    /// but its program's. It dials those at once that it was to dial before. A crashed outsider goes
    /// on with what it remembers.
    pub fn restart(&mut self, index: NodeIndex) {
        let Some(machine) = self.machines.get(index) else { return };
        match (machine.is_up(), &machine.outside) {
            (true, _) => {}
            (false, None) => self.boot(index),
            (false, Some(_)) => self.start_outsider(index),
        }
    }

    /// Lets a machine stand still for a while, unless its node is crashed. The node does nothing
    /// at all, and calls of it answer as those of a crashed one. What its operating system does
    /// goes on: it makes connections, sends what it has taken, and keeps what arrives. Afterwards
    /// the node learns what has happened, in that order; whether it reads before or after it does,
    /// is drawn.
    pub fn pause(&mut self, index: NodeIndex, time: Duration) {
        let until = self.now + time;
        let Some(machine) = self.machines.get_mut(index) else { return };
        if machine.node.is_some() {
            machine.stopped_until = machine.stopped_until.max(Some(until));
            self.agenda.push(until, Step::Resume { machine: index });
            self.note(index, format_args!("pause for {time:?}"));
        }
    }

    /// Takes memory from a node: it may have little more than it has, until it is [relaxed]. The
    /// share is that by which it may grow, in percent.
    ///
    /// [relaxed]: World::relax
    pub fn squeeze(&mut self, index: NodeIndex, share: usize) {
        self.call(index, |node, now| {
            let len = node.usage().memory_len;
            node.set_max_memory(now, len + len * share / 100);
        });
        self.note(index, format_args!("squeeze"));
    }

    /// Gives a node the memory back that its configuration has, and has its user take messages.
    pub fn relax(&mut self, index: NodeIndex) {
        let max = self.machines.get(index).map_or(0, |found| found.config.limits.max_memory);
        self.call(index, |node, now| {
            node.set_max_memory(now, max);
            node.release_deliveries(now);
        });
    }

    /// Has the user of a node take no messages, until it is [relaxed](World::relax).
    pub fn doze(&mut self, index: NodeIndex) {
        self.call(index, Node::hold_deliveries);
        self.note(index, format_args!("doze"));
    }

    /// Sets a machine's calendar clock: so much ahead of the world's.
    pub fn set_clock_ahead(&mut self, index: NodeIndex, offset: Duration) {
        self.set_clock(index, ClockOffset::Ahead(offset));
    }

    /// Sets a machine's calendar clock: so much behind the world's.
    pub fn set_clock_behind(&mut self, index: NodeIndex, offset: Duration) {
        self.set_clock(index, ClockOffset::Behind(offset));
    }

    /// Lets a machine's calendar clock run fast, or slow where `ppm` is negative: by so many
    /// millionths of the world's time since its beginning.
    pub fn set_clock_drift(&mut self, index: NodeIndex, ppm: i32) {
        let Some(machine) = self.machines.get_mut(index) else { return };
        machine.clock_rate = 1.0 + f64::from(ppm) / 1e6;
        let due = self.now;
        machine.tick_at = Some(due);
        self.note(index, format_args!("clock off by {ppm} ppm"));
        self.carry_out_step(Step::Tick { machine: index, due });
    }

    /// Tells a node what its calendar shows, and again in ten seconds while that runs wrong.
    fn tick(&mut self, index: NodeIndex) {
        let wall = self.wall(index);
        self.turn(index, Input::ClockSet { wall });
        let Some(machine) = self.machines.get_mut(index) else { return };
        let is_wrong = machine.clock_rate.to_bits() != 1.0_f64.to_bits();
        machine.tick_at = is_wrong.then_some(self.now + Duration::from_secs(10));
        if let Some(due) = machine.tick_at {
            self.agenda.push(due, Step::Tick { machine: index, due });
        }
    }

    pub(super) fn on_tick(&mut self, index: NodeIndex, due: Instant) {
        // Otherwise the clock was set since, and ticks by another plan.
        if self.machines.get(index).is_some_and(|machine| machine.tick_at == Some(due)) {
            self.tick(index);
        }
    }

    fn set_clock(&mut self, index: NodeIndex, offset: ClockOffset) {
        if let Some(machine) = self.machines.get_mut(index) {
            machine.clock_offset = offset;
        }
        match offset {
            ClockOffset::Ahead(offset) => self.note(index, format_args!("clock {offset:?} ahead")),
            ClockOffset::Behind(offset) => {
                self.note(index, format_args!("clock {offset:?} behind"));
            }
        }
        self.carry_out_step(Step::ClockSet { machine: index });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_runs_wrong_ticks_once_at_a_time_and_over_a_crash() {
        let mut world = World::new(1);
        world.add_nodes(1);
        for _ in 0..10 {
            world.set_clock_drift(0, 100_000);
            world.run_for(Duration::from_secs(1));
        }
        assert!(world.agenda.len() <= 10);
        world.crash(0);
        world.run_for(Duration::from_secs(100));
        world.restart(0);
        world.run_for(Duration::from_secs(1_000));
        assert_eq!(world.agenda.len(), 1);
        let (told, shown) = (world.node(0).map(|node| node.wall(world.now())), world.wall(0));
        let lag = told.map(|told| shown.since(told));
        assert!(lag.is_some_and(|lag| lag <= Duration::from_secs(1)), "{lag:?}");
    }
}
