//! Nodes that are closed in good order, and G6: what they could not send is told.

use std::time::Duration;

use super::agenda::Step;
use super::app::App;
use super::link::End;
use super::world::{NodeIndex, World};
use crate::event::Leftover;

/// How much later than its limit a node may be done.
const SLACK: Duration = Duration::from_secs(1);

/// Longer than all that a node says before somebody is its neighbor.
const GREETING_LEN: usize = 4 << 10;

/// What a machine whose node is closing leaves behind.
#[derive(Debug, Default)]
pub(super) struct Farewell {
    /// How many bytes waited on each connection when it ended.
    left: Vec<usize>,
    /// Whether connections broke, so that nobody can tell what waited there.
    is_broken: bool,
}

impl<A: App> World<A> {
    /// Closes a node as its user would: it sends what is queued, within its limit, and is then as
    /// one that has crashed. One whose machine is paused goes on.
    pub fn stop(&mut self, index: NodeIndex) {
        let Some(linger) = self.node(index).map(|node| node.config().limits.linger_timeout) else {
            return;
        };
        let Some(machine) = self.machines.get_mut(index) else { return };
        if machine.farewell.is_some() || machine.stopped_until.is_some() {
            return;
        }
        machine.farewell = Some(Farewell::default());
        let life = machine.life;
        self.note(index, format_args!("stop"));
        self.call(index, |node, now| node.close(now));
        self.agenda.push(self.now + linger + SLACK, Step::Stopped { machine: index, life });
    }

    /// A connection of a machine ends.
    pub(super) fn note_left(&mut self, end: End) {
        let Some(machine) = self.machines.get(end.machine) else { return };
        if machine.farewell.is_none() {
            return;
        }
        let left = self
            .link_of(end.machine, end.conn)
            .and_then(|(_, side, link)| link.pipes.get(side))
            .map(|pipe| pipe.waiting_len);
        let machine = self.machines.get_mut(end.machine);
        let Some(farewell) = machine.and_then(|machine| machine.farewell.as_mut()) else { return };
        match left {
            Some(left) => farewell.left.extend((left > 0).then_some(left)),
            None => farewell.is_broken = true,
        }
    }

    /// A node must be closed by now.
    pub(super) fn on_stopped(&mut self, index: NodeIndex, life: u64) {
        let Some(machine) = self.machines.get_mut(index).filter(|found| found.life == life) else {
            return;
        };
        let Some(farewell) = machine.farewell.take() else { return };
        let Some(node) = machine.node.take() else { return };
        if !node.is_closed() {
            self.fail(index, "G6 broken: is not closed within its time");
        }
        let unsent = |leftover: &Leftover| match leftover {
            Leftover::Unsent(len) => Some(*len),
            Leftover::Unconfirmed => None,
        };
        let told: Vec<usize> = node.unsent().iter().filter_map(|(_, it)| unsent(it)).collect();
        if !farewell.is_broken {
            if let Err(fault) = farewell.compare(&told) {
                self.fail(index, &fault);
            }
        }
        self.note(index, format_args!("stopped"));
        self.cut_untaken(index);
    }
}

impl Farewell {
    /// Whether what a node says that it could not send is what it could not send.
    fn compare(&self, told: &[usize]) -> Result<(), String> {
        let mut untold = self.left.clone();
        for len in told {
            let Some(place) = untold.iter().position(|left| left == len) else {
                return Err(format!("G6 broken: {len} bytes told as unsent that were not there"));
            };
            untold.swap_remove(place);
        }
        // Who is no neighbor yet has no name to be told.
        match untold.into_iter().find(|len| *len > GREETING_LEN) {
            Some(len) => Err(format!("G6 broken: {len} bytes unsent and not told")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_what_is_left_but_for_greetings() {
        let left = |left: &[usize]| Farewell { left: left.to_vec(), is_broken: false };
        assert_eq!(left(&[9_000, 300, 9_000]).compare(&[9_000, 9_000]), Ok(()));
        assert!(left(&[9_000, 9_000]).compare(&[9_000]).is_err());
        assert!(left(&[9_000]).compare(&[9_000, 9_000]).is_err());
        assert!(left(&[9_000]).compare(&[8_999]).is_err());
    }
}
