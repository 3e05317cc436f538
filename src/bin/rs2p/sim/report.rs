//! What a run has shown, as text and as JSON.

use std::time::Duration;

use rs2p::sim::Faults;
use serde_json::{Map, Value, json};

use super::faults;
use super::options::Options;
use super::show_text;
use crate::console::{Console, Tone, count, grouped, human};
use crate::encryption;
use crate::latencies::Latencies;
use crate::topology::Links;
use crate::traffic::Traffic;

/// Every figure of a run. Filled as the run goes.
#[derive(Debug)]
pub(super) struct Report {
    options: Options,
    seed: u64,
    /// `None` until the mesh has had the time to come up.
    pub(super) links: Option<Links>,
    pub(super) links_up: usize,
    pub(super) join_time: Duration,
    pub(super) talk: Round,
    /// `None` without faults.
    pub(super) after: Option<Last>,
    pub(super) latencies: Latencies,
    /// How many deliveries came over how many links, by that number.
    pub(super) hops: Vec<u64>,
    /// Of all messages but those after the faults.
    pub(super) traffic: Traffic,
    pub(super) arrivals: u64,
    pub(super) virtual_time: Duration,
    pub(super) real_time: Duration,
    /// In bytes; `None` where it cannot be known.
    pub(super) memory_per_node: Option<u64>,
    pub(super) trace_hash: u64,
    /// The check that failed.
    pub(super) failure: Option<String>,
}

/// Messages, and who heard them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Round {
    pub(super) sent: u64,
    /// Every message at every node but its sender.
    pub(super) expected: u64,
    pub(super) delivered: u64,
}

/// The messages that are sent when the faults are over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Last {
    pub(super) wanted: u64,
    /// The links that were up then.
    pub(super) links_up: usize,
    pub(super) round: Round,
}

impl Round {
    fn missing(&self) -> u64 {
        self.expected.saturating_sub(self.delivered)
    }
}

impl Report {
    pub(super) fn new(options: &Options, seed: u64) -> Self {
        Self {
            options: options.clone(),
            seed,
            links: None,
            links_up: 0,
            join_time: Duration::ZERO,
            talk: Round::default(),
            after: None,
            latencies: Latencies::default(),
            hops: Vec::new(),
            traffic: Traffic::default(),
            arrivals: 0,
            virtual_time: Duration::ZERO,
            real_time: Duration::ZERO,
            memory_per_node: None,
            trace_hash: 0,
            failure: None,
        }
    }

    /// Whether every check held, and everything arrived that has to.
    pub(super) fn is_ok(&self) -> bool {
        self.failure.is_none() && self.is_up() && self.is_complete()
    }

    fn is_up(&self) -> bool {
        self.links.as_ref().is_some_and(|links| links.pairs().len() == self.links_up)
    }

    /// While there are faults, nothing has to arrive.
    fn is_complete(&self) -> bool {
        match self.after {
            Some(Last { wanted, round, .. }) => round.sent == wanted && round.missing() == 0,
            None if self.options.nodes == 1 => true,
            None => self.talk.sent == self.options.messages && self.talk.missing() == 0,
        }
    }

    pub(super) fn show_start(&self, console: &Console) {
        let Options { nodes, topology, messages, size, encryption, time, .. } = &self.options;
        console.line(format_args!(
            "{}, {}, {}, {} of {} each over {}, seed {}",
            count(*nodes as u64, "node"),
            topology.name(),
            encryption::word(*encryption),
            count(*messages, "message"),
            count(*size as u64, "byte"),
            human(*time),
            self.seed,
        ));
        if self.options.has_faults() {
            console.labelled(Tone::Plain, "faults", faults::in_words(&self.options.faults));
        }
    }

    pub(super) fn show_links(&self, console: &Console) {
        let Some(links) = &self.links else { return };
        let [min, max] = links.degree_range();
        let total = links.pairs().len() as u64;
        let missing = total.saturating_sub(self.links_up as u64);
        let text = format!(
            "{} in {} of virtual time: {min} to {max} neighbors a node, {:.1} on average",
            grouped(total),
            human(self.join_time),
            links.mean_degree(),
        );
        console.labelled(Tone::Plain, "links", text);
        if missing > 0 {
            let text = format!("{} not up by then", count(missing, "link"));
            console.labelled(Tone::Bad, "missing", text);
        }
    }

    pub(super) fn show_result(&self, console: &Console) {
        if let Some(failure) = &self.failure {
            show_text(console, "failed", failure);
        } else {
            self.show_deliveries(console);
            self.show_work(console);
        }
        if self.is_ok() {
            let text = match (self.options.nodes, self.after) {
                (1, _) => "a lone node has nobody to send to",
                (_, Some(_)) => "every check held, and all was well once the faults were over",
                (_, None) => "every node got every message exactly once",
            };
            console.labelled(Tone::Good, "ok", text);
        } else {
            if self.failure.is_none() {
                let what = if self.is_complete() { "link came up" } else { "message arrived" };
                console.labelled(Tone::Bad, "failed", format_args!("not every {what}"));
            }
            console.labelled(Tone::Plain, "again", self.options.command(self.seed));
        }
    }

    fn show_deliveries(&self, console: &Console) {
        let show = |is_bad: bool, label: &str, text: String| {
            console.labelled(if is_bad { Tone::Bad } else { Tone::Plain }, label, text);
        };
        let is_judged = self.after.is_none();
        let talk = &self.talk;
        let [delivered, expected, missing] =
            [talk.delivered, talk.expected, talk.missing()].map(grouped);
        let note = if is_judged { "" } else { "; some of the nodes were away" };
        let text = format!("{delivered} of {expected}, {missing} missing, 0 twice{note}");
        show(is_judged && talk.missing() > 0, "delivered", text);
        let unsent = self.options.messages.saturating_sub(talk.sent);
        if unsent > 0 && self.options.nodes > 1 {
            let text = format!("{} not sent: no node had a neighbor", count(unsent, "message"));
            show(is_judged, "missing", text);
        }
        if let Some(Last { round, .. }) = &self.after {
            let [delivered, expected, missing] =
                [round.delivered, round.expected, round.missing()].map(grouped);
            let text = format!(
                "{delivered} of {expected}, {missing} missing: {} once the faults were over",
                count(round.sent, "message")
            );
            show(!self.is_complete(), "after", text);
        }
        if let Some([.., duplicates]) = self.per_delivery() {
            let text = format!("{duplicates:.2} a delivery, dropped by the nodes");
            show(false, "duplicates", text);
            if let Some((mean, max)) = self.hops_mean_and_max() {
                show(false, "hops", format!("{mean:.1} on average, {max} at most"));
            }
            if let Some([min, p50, p99, max]) = self.latencies.quantiles().map(|it| it.map(human)) {
                let text = format!("min {min}, p50 {p50}, p99 {p99}, max {max} of virtual time");
                show(false, "latency", text);
            }
            show(false, "traffic", self.traffic.in_words(talk.delivered));
        }
        let Traffic { dropped, refused, .. } = self.traffic;
        for (number, text) in [
            (dropped, "messages were dropped by nodes as stale, early or too many"),
            (refused, "frames were refused by a full queue"),
        ] {
            if number > 0 {
                show(is_judged, "note", format!("{} {text}", grouped(number)));
            }
        }
    }

    fn show_work(&self, console: &Console) {
        let memory = self.memory_per_node.map_or_else(
            || "memory unknown".to_owned(),
            |bytes| format!("{} KiB of memory a node", grouped(bytes.div_ceil(1024))),
        );
        let work = format!(
            "{} of virtual time in {}: {}, {} a second; {memory}",
            human(self.virtual_time),
            human(self.real_time),
            count(self.arrivals, "arrival"),
            grouped(self.arrivals_per_second()),
        );
        console.labelled(Tone::Plain, "work", work);
        console.labelled(Tone::Plain, "trace", format_args!("{:016x}", self.trace_hash));
    }

    pub(super) fn to_json(&self) -> String {
        let Options { nodes, topology, messages, size, encryption, time, .. } = &self.options;
        let [min, max] = self.links.as_ref().map(Links::degree_range).unwrap_or_default();
        let Round { sent, expected, delivered } = self.talk;
        let [frames, bytes, duplicates] =
            self.per_delivery().map_or([None; 3], |ratios| ratios.map(Some));
        let after = self.after.map(|Last { links_up, round, .. }| {
            json!({
                "links_up": links_up,
                "sent": round.sent, "expected": round.expected, "delivered": round.delivered,
                "missing": round.missing(),
            })
        });
        let object = json!({
            "ok": self.is_ok(),
            "failure": self.failure,
            "nodes": nodes,
            "topology": topology.name(),
            "seed": self.seed,
            "messages": messages,
            "size": size,
            "encryption": encryption::word(*encryption),
            "for_us": micros(*time),
            "faults": counts(&self.options.faults),
            "links": {
                "wanted": self.links.as_ref().map(|links| links.pairs().len()),
                "up": self.links_up,
            },
            "degree": {
                "min": min, "mean": self.links.as_ref().map(Links::mean_degree), "max": max,
            },
            "sent": sent,
            "deliveries": {
                "expected": expected, "delivered": delivered, "missing": self.talk.missing(),
                // The simulator stops at the first.
                "twice": 0,
            },
            "after": after,
            "latency_us": self.latencies.quantiles().map(|[min, p50, p99, max]| json!({
                "min": micros(min), "p50": micros(p50), "p99": micros(p99), "max": micros(max),
            })),
            "hops": self.hops_mean_and_max().map(|(mean, max)| json!({
                "mean": mean, "max": max,
            })),
            "wire": {
                "frames": self.traffic.frames_out, "bytes": self.traffic.bytes_out,
                "duplicates": self.traffic.duplicates, "dropped": self.traffic.dropped,
                "refused": self.traffic.refused, "frames_per_delivery": frames,
                "bytes_per_delivery": bytes, "duplicates_per_delivery": duplicates,
            },
            "arrivals": self.arrivals,
            "virtual_us": { "join": micros(self.join_time), "total": micros(self.virtual_time) },
            "trace_hash": format!("{:016x}", self.trace_hash),
            "real": {
                "us": micros(self.real_time),
                "arrivals_per_second": self.arrivals_per_second(),
                "memory_per_node": self.memory_per_node,
            },
        });
        format!("{object}\n")
    }

    /// Frames and bytes sent, and duplicates dropped, for each delivery.
    fn per_delivery(&self) -> Option<[f64; 3]> {
        let Traffic { frames_out, bytes_out, duplicates, .. } = self.traffic;
        // Exact far beyond what is counted here.
        let per = |number: u64| number as f64 / self.talk.delivered as f64;
        (self.talk.delivered > 0).then(|| [per(frames_out), per(bytes_out), per(duplicates)])
    }

    /// Over how many links the messages came to their receivers.
    fn hops_mean_and_max(&self) -> Option<(f64, usize)> {
        let known = self.hops.iter().zip(0_u64..);
        let (count, sum) = known.fold((0, 0), |(count, sum), (deliveries, hops)| {
            (count + deliveries, sum + deliveries * hops)
        });
        (count > 0).then(|| (sum as f64 / count as f64, self.hops.len() - 1))
    }

    fn arrivals_per_second(&self) -> u64 {
        let micros = micros(self.real_time).max(1);
        self.arrivals.saturating_mul(1_000_000) / micros
    }
}

fn counts(faults: &Faults) -> Map<String, Value> {
    faults::counts(faults).map(|(name, count)| (name.to_owned(), count.into())).collect()
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(args: &str) -> Report {
        let parser = lexopt::Parser::from_args(args.split_whitespace());
        let options = Options::parse(parser).unwrap();
        let links = Links::new(&options.topology, options.nodes, 1);
        let mut report = Report::new(&options, 1);
        report.links_up = links.pairs().len();
        report.links = Some(links);
        report.talk = Round { sent: 2, expected: 4, delivered: 4 };
        report
    }

    #[test]
    fn a_run_is_good_where_all_of_it_is() {
        let good = || report("--nodes 3 --messages 2");
        assert!(good().is_ok());
        assert!(!Report { links: None, ..good() }.is_ok());
        assert!(!Report { links_up: 1, ..good() }.is_ok());
        assert!(!Report { talk: Round { sent: 2, expected: 4, delivered: 3 }, ..good() }.is_ok());
        assert!(!Report { talk: Round { sent: 1, expected: 2, delivered: 2 }, ..good() }.is_ok());
        let failed = Report { failure: Some("G2".to_owned()), ..good() };
        assert!(!failed.is_ok());
        let figures: Value = serde_json::from_str(&failed.to_json()).unwrap();
        assert_eq!((&figures["ok"], &figures["failure"]), (&false.into(), &"G2".into()));
    }

    #[test]
    fn what_is_sent_among_faults_may_be_missing_and_what_is_sent_after_them_may_not() {
        let after = |delivered, sent| {
            let round = Round { sent, expected: 2 * sent, delivered };
            let talk = Round { sent: 1, expected: 2, delivered: 1 };
            let after = Some(Last { wanted: 3, links_up: 3, round });
            Report { talk, after, ..report("--nodes 3 --messages 2 --faults cuts") }.is_ok()
        };
        assert!(after(6, 3));
        assert!(!after(5, 3));
        assert!(!after(4, 2), "a node could not send");
    }
}
