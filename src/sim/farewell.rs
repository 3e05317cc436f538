//! Nodes that are closed in good order, and G6: what a neighbor did not take is told, in its name.
//!
//! When a node is told to close, the world notes each of its connections: to whom it leads, and
//! which messages the node has accepted for it that are not there yet. When the node is closed, each
//! of them must have come, or the node's report names the neighbor.

use std::collections::BTreeMap;
use std::time::Duration;

use super::agenda::Step;
use super::app::App;
use super::link::{End, LinkId};
use super::world::{NodeIndex, World};
use crate::conn_id::ConnId;
use crate::event::Leftover;
use crate::wire::NodeId;

/// How much later than its limit a node may be done.
const SLACK: Duration = Duration::from_secs(1);

/// What a machine whose node is closing leaves behind: how each of its connections ends.
#[derive(Debug, Default)]
pub(super) struct Farewell {
    partings: BTreeMap<ConnId, Parting>,
}

/// A connection of a node that is closing.
#[derive(Debug)]
struct Parting {
    whom: Whom,
    end: Ending,
    /// What the node had accepted for the other end, and that had not got it when it had read
    /// everything that came.
    missing: Vec<usize>,
}

/// To whom a connection leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whom {
    /// To nobody who has said its name.
    Nobody,
    /// To somebody whom the node had ended it with before, which an event has told: it may tell of it
    /// once more.
    Old(NodeId),
    Known(NodeId),
}

/// How a connection has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// It has not.
    Open,
    /// Behind the end of the other side, which has read up to this one's.
    Taken,
    /// It was given up, or broke at this end alone, when so many bytes waited.
    Left(usize),
    /// It broke, and what waited there is gone with it.
    Broken,
}

impl<A: App> World<A> {
    /// Closes a node as its user would: it sends what is queued, within its limit, and is then as
    /// one that has crashed. One whose machine is paused goes on.
    pub fn stop(&mut self, index: NodeIndex) {
        let Some(machine) = self.machines.get_mut(index) else { return };
        if machine.farewell.is_some() || machine.stopped_until.is_some() {
            return;
        }
        let Some(node) = &machine.node else { return };
        let linger = node.config().limits.linger_timeout;
        let parting = |whom| Parting { whom, end: Ending::Open, missing: Vec::new() };
        let partings = node.connection_views().map(|view| {
            let whom = match (view.phase, view.id) {
                ("established" | "retiring" | "parked" | "holding", Some(id)) => Whom::Known(id),
                ("closing", Some(id)) => Whom::Old(id),
                _ => Whom::Nobody,
            };
            (view.conn, parting(whom))
        });
        machine.farewell = Some(Farewell { partings: partings.collect() });
        let life = machine.life;
        self.note(index, format_args!("stop"));
        self.call(index, |node, now| node.close(now));
        self.agenda.push(self.now + linger + SLACK, Step::Stopped { machine: index, life });
    }

    /// The other end of a connection has read everything that came, and its end.
    pub(super) fn note_read_up(&mut self, id: LinkId, side: usize) {
        let Some(link) = self.links.get(&id) else { return };
        let (Some(&end), Some(pipe)) = (link.ends.get(side), link.pipes.get(side)) else { return };
        if self.machines.get(end.machine).is_none_or(|machine| machine.farewell.is_none()) {
            return;
        }
        let owed = pipe.owed.iter().map(|owed| owed.content);
        let missing: Vec<usize> = owed.filter(|content| self.lacks(id, side, *content)).collect();
        if let Some(parting) = self.parting_of(end) {
            parting.missing = missing;
        }
    }

    fn parting_of(&mut self, end: End) -> Option<&mut Parting> {
        let machine = self.machines.get_mut(end.machine)?;
        machine.farewell.as_mut()?.partings.get_mut(&end.conn)
    }

    /// A connection of a machine ends, behind the end of the other side or without.
    pub(super) fn note_ended(&mut self, end: End, is_confirmed: bool) {
        let link = self.link_of(end.machine, end.conn);
        let left = link.and_then(|(_, side, link)| Some(link.pipes.get(side)?.waiting_len));
        let Some(parting) = self.parting_of(end) else { return };
        if parting.end == Ending::Open {
            parting.end = match left {
                _ if is_confirmed => Ending::Taken,
                Some(left) => Ending::Left(left),
                None => Ending::Broken,
            };
        }
    }

    /// A node must be closed by now.
    pub(super) fn on_stopped(&mut self, index: NodeIndex, life: u64) {
        let Some(machine) = self.machines.get_mut(index).filter(|found| found.life == life) else {
            return;
        };
        let Some(farewell) = machine.farewell.take() else { return };
        let Some(node) = machine.node.take() else { return };
        let open = machine.questions.keys().next().copied();
        if !node.is_closed() {
            self.fail(index, "G6 broken: is not closed within its time");
        }
        if let Some(id) = open {
            self.fail(index, &format!("G8 broken: no outcome of {id} though the node is closed"));
        }
        if let Err(fault) = farewell.compare(node.unsent()) {
            self.fail(index, &fault);
        }
        self.note(index, format_args!("stopped"));
        self.cut_untaken(index);
    }
}

impl Farewell {
    /// Whether a node's report says of each connection what became of it, and of no other.
    fn compare(&self, told: &[(NodeId, Leftover)]) -> Result<(), String> {
        let mut rest = told.to_vec();
        let is_named = |id: NodeId| told.iter().any(|(named, _)| *named == id);
        for parting in self.partings.values() {
            let Whom::Known(id) = parting.whom else { continue };
            let leftover = match parting.end {
                Ending::Taken => continue,
                Ending::Left(0) => Some(Leftover::Unconfirmed),
                Ending::Left(len) => Some(Leftover::Unsent(len)),
                Ending::Open | Ending::Broken => None,
            };
            let is_it = |(named, what): &(NodeId, Leftover)| {
                *named == id && leftover.is_none_or(|leftover| leftover == *what)
            };
            let Some(place) = rest.iter().position(is_it) else {
                let (id, end) = (id.short(), parting.end);
                return Err(format!("G6 broken: {id} is not told of, whose connection is {end:?}"));
            };
            rest.swap_remove(place);
        }
        for parting in self.partings.values().filter(|parting| parting.end == Ending::Taken) {
            let Whom::Known(id) = parting.whom else { continue };
            if !parting.missing.is_empty() && !is_named(id) {
                let (id, count) = (id.short(), parting.missing.len());
                return Err(format!(
                    "G6 broken: {id} has not got {count} messages, and is not told of"
                ));
            }
        }
        let mut old: Vec<_> = self.partings.values().map(|parting| parting.whom).collect();
        let untrue = rest.iter().find(|(id, _)| {
            let place = old.iter().position(|whom| *whom == Whom::Old(*id));
            place.map(|place| old.swap_remove(place)).is_none()
        });
        match untrue {
            Some((id, leftover)) => {
                Err(format!("G6 broken: {leftover:?} is told of {}, who has taken all", id.short()))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Ending; 4] = [Ending::Taken, Ending::Left(0), Ending::Left(9), Ending::Broken];

    fn id(name: &str) -> NodeId {
        name.parse().unwrap()
    }

    /// Whether a report is right of a node with these connections.
    fn compare(partings: &[(Whom, Ending)], told: &[(&str, Leftover)]) -> Result<(), String> {
        let partings = partings.iter().zip(1..).map(|((whom, end), number)| {
            let parting = Parting { whom: *whom, end: *end, missing: Vec::new() };
            (ConnId::from_number(number), parting)
        });
        let told: Vec<_> = told.iter().map(|(name, leftover)| (id(name), *leftover)).collect();
        Farewell { partings: partings.collect() }.compare(&told)
    }

    #[test]
    fn each_who_did_not_take_all_is_told_of_by_name_and_nobody_else() {
        use Leftover::{Unconfirmed, Unsent};
        let ann = Whom::Known(id("ann"));
        for (end, is_right) in [
            (Ending::Taken, [true, false, false, false]),
            (Ending::Left(0), [false, true, false, false]),
            (Ending::Left(9), [false, false, true, false]),
            (Ending::Broken, [false, true, true, true]),
        ] {
            let reports: [&[_]; 4] =
                [&[], &[("ann", Unconfirmed)], &[("ann", Unsent(9))], &[("ann", Unsent(8))]];
            let found = reports.map(|told| compare(&[(ann, end)], told).is_ok());
            assert_eq!(found, is_right, "{end:?}");
            let of_bob = [("bob", Unconfirmed), ("bob", Unsent(9))];
            assert!(of_bob.iter().all(|told| compare(&[(ann, end)], &[*told]).is_err()), "{end:?}");
        }
        for end in ALL {
            assert_eq!(compare(&[(Whom::Nobody, end)], &[]), Ok(()));
            assert!(compare(&[(Whom::Nobody, end)], &[("ann", Unconfirmed)]).is_err());
            let old = Whom::Old(id("ann"));
            assert_eq!(compare(&[(old, end)], &[]), Ok(()));
            assert_eq!(compare(&[(old, end)], &[("ann", Unconfirmed)]), Ok(()));
            assert!(compare(&[(old, end)], &[("bob", Unconfirmed)]).is_err());
            assert!(compare(&[(old, end)], &[("ann", Unconfirmed); 2]).is_err());
        }
        let twice = [(ann, Ending::Left(9)), (ann, Ending::Left(9))];
        assert!(compare(&twice, &[("ann", Unsent(9))]).is_err());
        assert_eq!(compare(&twice, &[("ann", Unsent(9)); 2]), Ok(()));
    }

    #[test]
    fn a_message_that_has_not_come_is_missed_unless_its_receiver_is_told_of() {
        let parting = |name, end, missing: &[usize]| Parting {
            whom: Whom::Known(id(name)),
            end,
            missing: missing.to_vec(),
        };
        let conns = [1, 2].map(ConnId::from_number);
        let partings = [parting("ann", Ending::Taken, &[7]), parting("ann", Ending::Left(0), &[])];
        let mut farewell = Farewell { partings: conns.into_iter().zip(partings).collect() };
        assert_eq!(farewell.compare(&[(id("ann"), Leftover::Unconfirmed)]), Ok(()));
        farewell.partings.remove(&conns[1]);
        assert!(farewell.compare(&[]).is_err());
    }
}
