//! What a run has shown, as text and as JSON.

use std::time::Duration;

use serde_json::json;

use super::ledger::{Ledger, Missing, Tally};
use super::nodes::Nodes;
use super::options::Options;
use super::phase::Phase;
use super::plan::Plan;
use super::storm::{self, Counts};
use crate::console::{Console, Tone, count, grouped, human};
use crate::encryption;
use crate::topology::Links;
use crate::traffic::Traffic;

/// The most addresses, and the most missing messages and their receivers, shown as text.
const MAX_SHOWN: usize = 3;
const MAX_RECEIVERS_SHOWN: usize = 8;

/// The most missing messages in JSON.
const MAX_LISTED: usize = 100;

/// Every figure of a run. Filled as the run goes.
#[derive(Debug)]
pub(super) struct Report {
    options: Options,
    seed: u64,
    links: Links,
    pub(super) times: Times,
    pub(super) traffic: Traffic,
    /// What Ctrl-C ended.
    pub(super) interrupted: Option<Phase>,
    pub(super) opened: usize,
    /// The nodes that closed in good order.
    pub(super) closed: usize,
    /// What the bad network has done, where there was one.
    pub(super) chaos: Option<Counts>,
    sent: u64,
    tally: Tally,
    missing: Vec<Missing>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Times {
    pub(super) bind: Duration,
    pub(super) join: Duration,
    pub(super) deliver: Duration,
    pub(super) close: Duration,
    pub(super) total: Duration,
}

impl Report {
    pub(super) fn new(options: &Options, seed: u64, links: &Links) -> Self {
        Self {
            options: options.clone(),
            seed,
            links: links.clone(),
            times: Times::default(),
            traffic: Traffic::default(),
            interrupted: None,
            opened: 0,
            closed: 0,
            chaos: None,
            sent: 0,
            tally: Tally::default(),
            missing: Vec::new(),
        }
    }

    /// Takes the figures of the deliveries, when there are no more to come.
    pub(super) fn take(&mut self, ledger: Ledger) {
        (self.sent, self.tally, self.missing) = ledger.into_parts();
    }

    /// Whether every node got every message exactly once, and nothing else; where links were broken
    /// on purpose, whether none got more than that.
    pub(super) fn is_ok(&self) -> bool {
        let is_good = self.is_exact() || (self.may_lose() && self.is_clean());
        self.interrupted.is_none() && is_good
    }

    /// Whether links were broken on purpose.
    fn may_lose(&self) -> bool {
        self.chaos.is_some_and(|[(_, cuts), ..]| cuts > 0)
    }

    /// Whether nobody got anything that was not to be.
    fn is_clean(&self) -> bool {
        let Tally { duplicates, echoes, strays, .. } = self.tally;
        [duplicates, echoes, strays] == [0; 3]
    }

    /// Whether that holds for the messages that there have to be.
    fn is_exact(&self) -> bool {
        let Tally { delivered, duplicates, echoes, strays, lagged, .. } = self.tally;
        delivered == self.expected() && [duplicates, echoes, strays, lagged] == [0; 4]
    }

    /// The messages that there have to be: those that were sent, where an end came before all were.
    fn due(&self) -> u64 {
        match self.options.plan {
            Plan { messages: Some(messages), end: None, .. } if self.interrupted.is_none() => {
                messages
            }
            _ => self.sent,
        }
    }

    /// The deliveries that there have to be. A lone node has nobody to send to.
    fn expected(&self) -> u64 {
        self.due() * (self.options.nodes as u64).saturating_sub(1)
    }

    fn is_behind(&self) -> bool {
        let is_tried = self.options.nodes > 1 && self.interrupted.is_none();
        is_tried && self.options.plan.is_behind(self.sent, self.times.deliver)
    }

    fn absent(&self) -> u64 {
        self.expected().saturating_sub(self.tally.delivered)
    }

    pub(super) fn show_start(&self, console: &Console) {
        let Options { nodes, topology, plan, size, encryption, .. } = &self.options;
        console.line(format_args!(
            "{}, {}, {}, {}, seed {}",
            count(*nodes as u64, "node"),
            topology.name(),
            encryption::word(*encryption),
            plan.in_words(*size),
            self.seed,
        ));
    }

    pub(super) fn show_nodes(&self, console: &Console, nodes: &Nodes) {
        let shown: Vec<String> = nodes
            .sockets()
            .iter()
            .take(MAX_SHOWN)
            .map(|socket| format!("{} at {}", socket.id().short(), socket.local_addr()))
            .collect();
        let more = if nodes.count() > MAX_SHOWN { ", .." } else { "" };
        let up = format!("{} up in {}", nodes.count(), human(self.times.bind));
        console.labelled(Tone::Plain, "nodes", format_args!("{up}: {}{more}", shown.join(", ")));
    }

    pub(super) fn show_links(&self, console: &Console) {
        let [min, max] = self.links.degree_range();
        let links = grouped(self.links.pairs().len() as u64);
        console.labelled(
            Tone::Plain,
            "links",
            format_args!(
                "{links} in {}: {min} to {max} neighbors a node, {:.1} on average",
                human(self.times.join),
                self.links.mean_degree(),
            ),
        );
    }

    pub(super) fn show_result(&self, console: &Console) {
        if self.options.nodes == 1 {
            console.labelled(
                Tone::Plain,
                "delivered",
                "nothing: a lone node has nobody to send to",
            );
        } else if !matches!(self.interrupted, Some(Phase::Bind | Phase::Join)) {
            self.show_deliveries(console);
        }
        if let Some(counts) = &self.chaos {
            console.labelled(Tone::Plain, "chaos", storm::in_words(counts));
        }
        let closing = format!(
            "{} of {} nodes in good order, in {}",
            self.closed,
            self.opened,
            human(self.times.close)
        );
        let tone = if self.closed == self.opened { Tone::Plain } else { Tone::Bad };
        console.labelled(tone, "closed", closing);
        self.show_missing(console);
        self.show_verdict(console);
    }

    fn show_verdict(&self, console: &Console) {
        let total = human(self.times.total);
        let exact = if self.is_exact() { "every" } else { "not every" };
        let (tone, label, text) = match self.interrupted {
            None if self.is_ok() => (Tone::Good, "ok", String::new()),
            None => (Tone::Bad, "failed", String::new()),
            Some(phase) => (Tone::Bad, "stopped", format!("interrupted {}; ", phase.in_words())),
        };
        let what = if self.sent == 0 && self.interrupted.is_some() {
            "no message was sent".to_owned()
        } else if self.is_ok() && !self.is_exact() {
            "no node got a message twice; what is missing was lost on links that were cut"
                .to_owned()
        } else if self.interrupted.is_some() {
            format!("{exact} node got every message sent so far exactly once")
        } else {
            format!("{exact} node got every message exactly once")
        };
        console.labelled(tone, label, format_args!("{text}{what}; {total} in all"));
    }

    /// Messages and deliveries a second, where the sending had a time of its own.
    fn show_rate(&self, console: &Console) {
        let Some(time) = self.options.plan.time else { return };
        // The last message is due before the time is over.
        let end = if self.interrupted.is_some() { Duration::ZERO } else { time };
        let spent = self.times.deliver.max(end);
        let [messages, deliveries] =
            [self.sent, self.tally.delivered].map(|number| a_second(number, spent));
        let (tone, note) = match self.is_behind() {
            true => (Tone::Bad, ", slower than asked"),
            false => (Tone::Plain, ""),
        };
        let text = format!("{messages} messages and {deliveries} deliveries a second{note}");
        console.labelled(tone, "rate", text);
    }

    fn show_deliveries(&self, console: &Console) {
        let tally = &self.tally;
        let show = |bad: bool, label: &str, text: String| {
            console.labelled(if bad { Tone::Bad } else { Tone::Plain }, label, text);
        };
        let [delivered, expected, absent] =
            [tally.delivered, self.expected(), self.absent()].map(grouped);
        let spent = human(self.times.deliver);
        let sent = match (self.interrupted, self.options.plan) {
            (None, Plan { end: None, .. }) => String::new(),
            (_, Plan { messages: Some(messages), .. }) => {
                format!("{} of {} ", grouped(self.sent), count(messages, "message"))
            }
            _ => format!("{} ", count(self.sent, "message")),
        };
        let text =
            format!("{delivered} of {expected} in {spent}, {absent} missing; {sent}sent in turn");
        show(self.absent() > 0, "delivered", text);
        self.show_rate(console);
        let dropped = grouped(self.traffic.duplicates);
        let given = grouped(tally.duplicates);
        let text = format!("{given} reached an application, {dropped} dropped by the nodes");
        show(tally.duplicates > 0, "duplicates", text);
        if let Some([min, p50, p99, max]) = self.tally.latencies.quantiles() {
            let [min, p50, p99, max] = [min, p50, p99, max].map(human);
            show(false, "latency", format!("min {min}, p50 {p50}, p99 {p99}, max {max}"));
        }
        if tally.delivered > 0 {
            show(false, "traffic", self.traffic.in_words(tally.delivered));
        }
        for (number, text) in [
            (tally.echoes, "messages came back to their sender"),
            (tally.strays, "messages were received that nobody sent so"),
            (tally.lagged, "messages were discarded by a full inbox"),
            (self.traffic.dropped, "messages were dropped by nodes as stale, early or too many"),
            (self.traffic.refused, "frames were refused by a full queue"),
        ] {
            if number > 0 {
                show(true, "note", format!("{} {text}", grouped(number)));
            }
        }
    }

    fn show_missing(&self, console: &Console) {
        for Missing { number, sender, receivers } in self.missing.iter().take(MAX_SHOWN) {
            let shown: Vec<String> =
                receivers.iter().take(MAX_RECEIVERS_SHOWN).map(ToString::to_string).collect();
            let more = match receivers.len().saturating_sub(MAX_RECEIVERS_SHOWN) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let nodes = format!("{}{more}", shown.join(", "));
            let text = format!("message {number} of node {sender} at nodes {nodes}");
            console.labelled(Tone::Bad, "missing", text);
        }
        let more = self.missing.len().saturating_sub(MAX_SHOWN) as u64;
        if more > 0 {
            console.labelled(Tone::Bad, "missing", count(more, "more message"));
        }
        let unsent = self.due().saturating_sub(self.sent);
        if unsent > 0 && self.options.nodes > 1 {
            let text = format!("{} not sent, because nothing arrived", count(unsent, "message"));
            console.labelled(Tone::Bad, "missing", text);
        }
    }

    pub(super) fn to_json(&self) -> String {
        let Times { bind, join, deliver, close, total } = self.times;
        let [min_degree, max_degree] = self.links.degree_range();
        let Tally { delivered, duplicates, echoes, strays, lagged, .. } = self.tally;
        let [frames, bytes] = self.per_delivery().map_or([None, None], |ratios| ratios.map(Some));
        let missing = self.missing.iter().take(MAX_LISTED).map(
            |it| json!({ "message": it.number, "sender": it.sender, "receivers": it.receivers }),
        );
        let object = json!({
            "ok": self.is_ok(),
            "interrupted": self.interrupted.map(Phase::name),
            "nodes": self.options.nodes,
            "topology": self.options.topology.name(),
            "seed": self.seed,
            "messages": self.options.plan.messages,
            "for_us": self.options.wish.time.map(micros),
            "rate": self.options.wish.rate,
            "behind": self.is_behind(),
            "size": self.options.size,
            "encryption": encryption::word(self.options.encryption),
            "links": self.links.pairs().len(),
            "degree": { "min": min_degree, "mean": self.links.mean_degree(), "max": max_degree },
            "times_us": {
                "bind": micros(bind), "join": micros(join), "deliver": micros(deliver),
                "close": micros(close), "total": micros(total),
            },
            "sent": self.sent,
            "deliveries": {
                "expected": self.expected(), "delivered": delivered, "missing": self.absent(),
                "duplicates": duplicates, "echoes": echoes, "strays": strays, "lagged": lagged,
            },
            "missing": missing.collect::<Vec<_>>(),
            "latency_us": self.tally.latencies.quantiles().map(|[min, p50, p99, max]| json!({
                "min": micros(min), "p50": micros(p50), "p99": micros(p99), "max": micros(max),
            })),
            "wire": {
                "frames": self.traffic.frames_out, "bytes": self.traffic.bytes_out,
                "frames_per_delivery": frames, "bytes_per_delivery": bytes,
                "duplicates": self.traffic.duplicates, "dropped": self.traffic.dropped,
                "refused": self.traffic.refused,
            },
            "closed": self.closed,
            "chaos": self.chaos.as_ref().map(|counts| {
                storm::to_json(self.options.chaos.as_deref().unwrap_or_default(), counts)
            }),
        });
        format!("{object}\n")
    }

    /// Frames and bytes that were sent for each delivery.
    fn per_delivery(&self) -> Option<[f64; 2]> {
        let Traffic { frames_out, bytes_out, .. } = self.traffic;
        let per = |number| ratio(number, self.tally.delivered);
        (self.tally.delivered > 0).then(|| [per(frames_out), per(bytes_out)])
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// A rate as a reader wants it: with a fraction only where it matters.
fn a_second(number: u64, time: Duration) -> String {
    let tenths = u128::from(number).saturating_mul(10_000_000) / time.as_micros().max(1);
    let tenths = u64::try_from(tenths).unwrap_or(u64::MAX);
    match tenths {
        0..1_000 => format!("{}.{}", tenths / 10, tenths % 10),
        _ => grouped(tenths / 10),
    }
}

/// Exact far beyond what is counted here.
fn ratio(number: u64, by: u64) -> f64 {
    number as f64 / by as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(args: &str, sent: u64, delivered: u64) -> Report {
        let parser = lexopt::Parser::from_args(args.split_whitespace());
        let options = Options::parse(parser).unwrap();
        let links = Links::new(&options.topology, options.nodes, 1);
        let mut report = Report::new(&options, 1, &links);
        (report.sent, report.tally.delivered) = (sent, delivered);
        report
    }

    #[test]
    fn a_number_of_messages_is_a_promise_and_a_time_is_none() {
        assert!(report("--nodes 3 --messages 9", 9, 18).is_ok());
        assert!(!report("--nodes 3 --messages 9", 8, 16).is_ok());
        assert!(!report("--nodes 3 --messages 9 --for 1s", 8, 16).is_ok());
        assert!(report("--nodes 3 --for 1s", 8, 16).is_ok());
        assert!(!report("--nodes 3 --for 1s", 8, 15).is_ok());
        let slow = report("--nodes 3 --for 1s --rate 9", 8, 16);
        assert!(slow.is_ok() && slow.is_behind());
    }

    #[test]
    fn an_interrupted_run_is_not_ok_though_what_was_sent_arrived() {
        let mut report = report("--nodes 3 --messages 9", 4, 8);
        report.interrupted = Some(Phase::Deliver);
        assert!(!report.is_ok() && report.is_exact());
        let figures: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
        assert_eq!((&figures["ok"], &figures["interrupted"]), (&false.into(), &"deliver".into()));
        assert_eq!(figures["deliveries"]["expected"], 8);
    }

    #[test]
    fn rates_have_a_fraction_where_it_matters() {
        let rate = |number| a_second(number, Duration::from_secs(4));
        assert_eq!([rate(0), rate(1), rate(399), rate(40_000)], ["0.0", "0.2", "99.7", "10,000"]);
    }
}
