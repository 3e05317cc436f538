//! Machines that lack something: places in their tables of descriptors, and time.

use std::time::Duration;

use super::agenda::Step;
use super::app::App;
use super::world::{NodeIndex, World};

/// How many connections an operating system makes that nobody has taken yet.
pub(super) const BACKLOG: usize = 128;

impl<A: App> World<A> {
    /// Fills a machine's table of descriptors for a while. What its node dials fails at once. What
    /// others dial is answered by the operating system, as far as that keeps connections that
    /// nobody has taken, and comes before the node when the table has room again.
    pub fn exhaust(&mut self, index: NodeIndex, time: Duration) {
        let until = self.now + time;
        let Some(machine) = self.machines.get_mut(index).filter(|it| it.node.is_some()) else {
            return;
        };
        machine.full_until = machine.full_until.max(Some(until));
        self.agenda.push(until, Step::Free { machine: index });
        self.note(index, format_args!("no descriptors for {time:?}"));
    }

    pub(super) fn on_free(&mut self, index: NodeIndex) {
        let Some(machine) = self.machines.get_mut(index) else { return };
        if machine.full_until.is_none_or(|until| until > self.now) {
            return;
        }
        machine.full_until = None;
        for step in std::mem::take(&mut machine.untaken) {
            self.carry_out_step(step);
        }
    }

    /// Lets a machine take so long over whatever it reads: its node does nothing else meanwhile, as
    /// one whose processor is busy with other programs, or with its own.
    pub fn slow_down(&mut self, index: NodeIndex, turn: Duration) {
        if let Some(machine) = self.machines.get_mut(index) {
            machine.turn = turn;
        }
        self.note(index, format_args!("takes {turn:?} over each turn"));
    }

    /// A node has read something.
    pub(super) fn take_time(&mut self, index: NodeIndex) {
        let Some(machine) = self.machines.get_mut(index) else { return };
        if machine.turn > Duration::ZERO && machine.node.is_some() {
            let until = self.now + machine.turn;
            machine.stopped_until = machine.stopped_until.max(Some(until));
            self.agenda.push(until, Step::Resume { machine: index });
        }
    }
}
