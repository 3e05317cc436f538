//! Which faults come, and when.

use std::ffi::OsString;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::index;
use rs2p::sim::Faults;

use crate::args::UsageError;
use crate::console::{count, grouped};

/// Every kind by its name, with its field.
const KINDS: [(&str, Field); 10] = [
    ("cuts", |faults| &mut faults.cuts),
    ("partitions", |faults| &mut faults.partitions),
    ("pauses", |faults| &mut faults.pauses),
    ("crashes", |faults| &mut faults.crashes),
    ("clocks", |faults| &mut faults.clock_steps),
    ("black-holes", |faults| &mut faults.black_holes),
    ("clogs", |faults| &mut faults.clogs),
    ("stalls", |faults| &mut faults.stalls),
    ("resets", |faults| &mut faults.resets),
    ("refusals", |faults| &mut faults.refusals),
];

type Field = fn(&mut Faults) -> &mut usize;

pub(super) const MAX_COUNT: usize = 10_000;

/// The longest pause. A peer that stands still for longer is given up.
const MAX_PAUSE: Duration = Duration::from_secs(40);

/// The longest time for which a link is clogged, or a node does not read: less than a node is
/// patient with its peer.
const MAX_CLOG: Duration = Duration::from_secs(5);
const MAX_STALL: Duration = Duration::from_secs(15);

/// How far clocks are set forward or back, at most: farther apart, nodes drop each other's messages
/// as stale.
const MAX_CLOCK_STEP: Duration = Duration::from_secs(25);

/// Reads `cuts,crashes=3`. A kind without a count comes once for every twenty nodes.
pub(super) fn read(value: &OsString, nodes: usize) -> Result<Faults, UsageError> {
    let mut faults = Faults::default();
    let bad = || UsageError::BadValue {
        option: "--faults",
        value: value.to_string_lossy().into_owned(),
        expected: format!(
            "a list of {}, each with =COUNT from 1 to {MAX_COUNT} or without",
            KINDS.map(|(name, _)| name).join(", ")
        ),
    };
    for item in value.to_str().ok_or_else(bad)?.split(',') {
        let (name, count) = match item.split_once('=') {
            Some((name, count)) => (name, Some(count)),
            None => (item, None),
        };
        let (_, field) = KINDS.iter().find(|(kind, _)| *kind == name).ok_or_else(bad)?;
        let count = match count {
            Some(count) => count.parse().ok().filter(|count| (1..=MAX_COUNT).contains(count)),
            None => Some(nodes.div_ceil(20)),
        };
        *field(&mut faults) = count.ok_or_else(bad)?;
    }
    Ok(faults)
}

/// The counts of those kinds that there are, by their names.
pub(super) fn counts(faults: &Faults) -> impl Iterator<Item = (&'static str, usize)> {
    let mut faults = faults.clone();
    KINDS.iter().map(move |(name, field)| (*name, *field(&mut faults))).filter(|(_, n)| *n > 0)
}

/// The list as it can be typed again.
pub(super) fn list(faults: &Faults) -> String {
    counts(faults).map(|(name, count)| format!("{name}={count}")).collect::<Vec<_>>().join(",")
}

pub(super) fn in_words(faults: &Faults) -> String {
    let words = |(name, number): (&str, usize)| match name {
        "clocks" => count(number as u64, "clock step"),
        // The one whose plural is not its singular and an s.
        "crashes" => {
            if number == 1 {
                "1 crash".to_owned()
            } else {
                format!("{} crashes", grouped(number as u64))
            }
        }
        "black-holes" => count(number as u64, "black hole"),
        name => count(number as u64, name.trim_end_matches('s')),
    };
    counts(faults).map(words).collect::<Vec<_>>().join(", ")
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Send(u64),
    Cut,
    Partition(Vec<usize>),
    Heal,
    Clog(usize, usize, Duration),
    Stall(usize, usize, Duration),
    Reset(usize, usize),
    Refuse(usize),
    Block(usize, usize),
    Unblock(usize, usize),
    Pause(usize, Duration),
    Crash(usize),
    Restart(usize),
    SetAhead(usize, Duration),
    SetBehind(usize, Duration),
}

/// When what happens, from the first message on.
pub(super) type Plan = Vec<(Duration, Deed)>;

/// Draws faults over a time. Whatever lasts ends within it.
#[derive(Debug)]
pub(super) struct Planner<'a> {
    pub(super) rng: StdRng,
    pub(super) nodes: usize,
    pub(super) links: &'a [(usize, usize)],
    pub(super) time: Duration,
}

impl Planner<'_> {
    pub(super) fn plan(&mut self, faults: &Faults, messages: u64) -> Plan {
        let spacing = self.time.as_secs_f64() / messages.max(1) as f64;
        let mut plan: Plan = (0..messages)
            .map(|number| (Duration::from_secs_f64(spacing * number as f64), Deed::Send(number)))
            .collect();
        let Faults { cuts, partitions, black_holes, pauses, crashes, clock_steps, .. } = *faults;
        for _ in 0..cuts {
            plan.push((self.span().0, Deed::Cut));
        }
        for _ in 0..partitions {
            let inside = self.group();
            self.add(&mut plan, Deed::Partition(inside), Deed::Heal);
        }
        for _ in 0..black_holes {
            if let Some((from, to)) = self.direction() {
                self.add(&mut plan, Deed::Block(from, to), Deed::Unblock(from, to));
            }
        }
        for _ in 0..pauses {
            let (start, end) = self.span();
            let pause = (end - start).min(MAX_PAUSE);
            plan.push((start, Deed::Pause(self.node(), pause)));
        }
        for _ in 0..crashes {
            let node = self.node();
            self.add(&mut plan, Deed::Crash(node), Deed::Restart(node));
        }
        for _ in 0..clock_steps {
            let step = MAX_CLOCK_STEP.mul_f64(self.rng.random_range(0.0..=1.0));
            let node = self.node();
            let deed = if self.rng.random() { Deed::SetAhead } else { Deed::SetBehind };
            plan.push((self.span().0, deed(node, step)));
        }
        self.add_link_faults(&mut plan, faults);
        // Of things at one instant, the one that was planned first comes first.
        plan.sort_by_key(|(at, _)| *at);
        plan
    }

    fn add_link_faults(&mut self, plan: &mut Plan, faults: &Faults) {
        let Faults { clogs, stalls, resets, refusals, .. } = *faults;
        for _ in 0..clogs {
            if let Some(((one, other), at, time)) = self.link_span() {
                plan.push((at, Deed::Clog(one, other, time.min(MAX_CLOG))));
            }
        }
        for _ in 0..stalls {
            if let Some(((one, other), at, time)) = self.link_span() {
                plan.push((at, Deed::Stall(one, other, time.min(MAX_STALL))));
            }
        }
        for _ in 0..resets {
            if let Some(((one, other), at, _)) = self.link_span() {
                plan.push((at, Deed::Reset(one, other)));
            }
        }
        for _ in 0..refusals {
            plan.push((self.span().0, Deed::Refuse(self.node())));
        }
    }

    fn add(&mut self, plan: &mut Plan, begin: Deed, end: Deed) {
        let (from, to) = self.span();
        plan.push((from, begin));
        plan.push((to, end));
    }

    /// When something begins, and when it ends: after a third of the time at most.
    fn span(&mut self) -> (Duration, Duration) {
        let start = self.rng.random_range(0.0..=1.0);
        let end = start + self.rng.random_range(0.02..=0.33);
        (self.time.mul_f64(start), self.time.mul_f64(f64::min(end, 1.0)))
    }

    fn node(&mut self) -> usize {
        self.rng.random_range(0..self.nodes.max(1))
    }

    /// Up to half of the nodes.
    fn group(&mut self) -> Vec<usize> {
        let most = (self.nodes / 2).max(1);
        let len = self.rng.random_range(1..=most).min(self.nodes);
        index::sample(&mut self.rng, self.nodes, len).into_vec()
    }

    /// One way over a link, when something happens to it, and for how long.
    fn link_span(&mut self) -> Option<((usize, usize), Duration, Duration)> {
        let direction = self.direction()?;
        let (start, end) = self.span();
        Some((direction, start, end - start))
    }

    /// One way over a link.
    fn direction(&mut self) -> Option<(usize, usize)> {
        let chosen = self.rng.random_range(0..self.links.len().max(1));
        let &(a, b) = self.links.get(chosen)?;
        Some(if self.rng.random() { (a, b) } else { (b, a) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn faults(text: &str) -> Result<Faults, String> {
        read(&text.into(), 100).map_err(|error| error.to_string())
    }

    #[test]
    fn a_list_gives_counts_and_is_typed_again() {
        let read = faults("cuts=3,crashes,black-holes=1").unwrap();
        let expected = Faults { cuts: 3, crashes: 5, black_holes: 1, ..Faults::default() };
        assert_eq!(read, expected);
        assert_eq!(list(&read), "cuts=3,crashes=5,black-holes=1");
        assert_eq!(in_words(&read), "3 cuts, 5 crashes, 1 black hole");
        let all = "cuts=1,partitions=1,pauses=1,crashes=1,clocks=1,black-holes=1,clogs=1,stalls=1,\
                   resets=1,refusals=1";
        assert_eq!(list(&faults(all).unwrap()), all);
    }

    #[test]
    fn wrong_lists_are_refused() {
        for bad in ["", "cuts,", "floods", "cuts=0", "cuts=", "cuts=10001", "cuts=-1", "cuts=1=2"] {
            let error = faults(bad).unwrap_err();
            assert!(error.starts_with("--faults takes a list of cuts, "), "{error}");
        }
    }

    #[test]
    fn a_plan_has_every_message_and_fault_in_order_and_ends_what_it_begins() {
        let links = [(0, 1), (1, 2)];
        let time = Duration::from_secs(30);
        let rng = StdRng::seed_from_u64(1);
        let mut planner = Planner { rng, nodes: 3, links: &links, time };
        let all = "cuts=4,partitions=4,pauses=4,crashes=4,clocks=4,black-holes=4,clogs=4,stalls=4,\
                   resets=4,refusals=4";
        let plan = planner.plan(&faults(all).unwrap(), 10);
        assert_eq!(plan.len(), 10 + 4 * (1 + 2 + 1 + 2 + 1 + 2 + 4));
        assert!(plan.is_sorted_by_key(|(at, _)| *at));
        assert!(plan.iter().all(|(at, _)| *at <= time));
        let position = |wanted: &Deed| plan.iter().position(|(_, deed)| deed == wanted);
        for (_, deed) in &plan {
            if let Deed::Crash(node) = deed {
                assert!(position(deed) < position(&Deed::Restart(*node)));
            }
        }
    }
}
