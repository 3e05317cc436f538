//! What a run has shown, as text and as JSON.

use std::time::Duration;

use serde_json::json;

use super::ledger::{Ledger, Missing, Tally};
use super::nodes::Nodes;
use super::options::Options;
use crate::console::{Console, Tone, count, grouped, human};
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
    /// The nodes that closed in good order.
    pub(super) closed: usize,
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
            closed: 0,
            sent: 0,
            tally: Tally::default(),
            missing: Vec::new(),
        }
    }

    /// Takes the figures of the deliveries, when there are no more to come.
    pub(super) fn take(&mut self, ledger: Ledger) {
        (self.sent, self.tally, self.missing) = ledger.into_parts();
    }

    /// Whether every node got every message exactly once, and nothing else.
    pub(super) fn is_ok(&self) -> bool {
        let Tally { delivered, duplicates, echoes, strays, lagged, .. } = self.tally;
        delivered == self.expected() && [duplicates, echoes, strays, lagged] == [0; 4]
    }

    /// The deliveries that there have to be. A lone node has nobody to send to.
    fn expected(&self) -> u64 {
        self.options.messages * (self.options.nodes as u64).saturating_sub(1)
    }

    fn absent(&self) -> u64 {
        self.expected().saturating_sub(self.tally.delivered)
    }

    pub(super) fn show_start(&self, console: &Console) {
        let Options { nodes, topology, messages, size, .. } = &self.options;
        console.line(format_args!(
            "{}, {}, {} of {} each, seed {}",
            count(*nodes as u64, "node"),
            topology.name(),
            count(*messages, "message"),
            count(*size as u64, "byte"),
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
        } else {
            self.show_deliveries(console);
        }
        let closing = format!(
            "{} of {} nodes in good order, in {}",
            self.closed,
            self.options.nodes,
            human(self.times.close)
        );
        let tone = if self.closed == self.options.nodes { Tone::Plain } else { Tone::Bad };
        console.labelled(tone, "closed", closing);
        self.show_missing(console);
        let total = human(self.times.total);
        if self.is_ok() {
            let text = format!("every node got every message exactly once; {total} in all");
            console.labelled(Tone::Good, "ok", text);
        } else {
            let text = format!("not every node got every message exactly once; {total} in all");
            console.labelled(Tone::Bad, "failed", text);
        }
    }

    fn show_deliveries(&self, console: &Console) {
        let tally = &self.tally;
        let show = |bad: bool, label: &str, text: String| {
            console.labelled(if bad { Tone::Bad } else { Tone::Plain }, label, text);
        };
        let [delivered, expected, absent] =
            [tally.delivered, self.expected(), self.absent()].map(grouped);
        let spent = human(self.times.deliver);
        let text = format!("{delivered} of {expected} in {spent}, {absent} missing; sent in turn");
        show(self.absent() > 0, "delivered", text);
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
        let unsent = self.options.messages.saturating_sub(self.sent);
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
            "nodes": self.options.nodes,
            "topology": self.options.topology.name(),
            "seed": self.seed,
            "messages": self.options.messages,
            "size": self.options.size,
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

/// Exact far beyond what is counted here.
fn ratio(number: u64, by: u64) -> f64 {
    number as f64 / by as f64
}
