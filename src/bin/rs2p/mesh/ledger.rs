//! Who was to receive what, and did.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rs2p::NodeId;

use super::nodes::turn;
use super::receivers::Receipt;
use crate::latencies::Latencies;

/// Keeps the messages that are on their way; of those that arrived everywhere, only the figures.
#[derive(Debug)]
pub(super) struct Ledger {
    ids: Vec<NodeId>,
    sent: u64,
    waiting: BTreeMap<u64, Waiting>,
    tally: Tally,
}

#[derive(Debug)]
struct Waiting {
    since: Instant,
    missing: BTreeSet<usize>,
}

/// The figures of the deliveries.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) delivered: u64,
    /// A node's application got a message once more.
    pub(super) duplicates: u64,
    /// A node's application got its own message.
    pub(super) echoes: u64,
    /// A node's application got what this run did not send.
    pub(super) strays: u64,
    /// Discarded by full inboxes.
    pub(super) lagged: u64,
    pub(super) latencies: Latencies,
}

/// A message that did not arrive everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Missing {
    pub(super) number: u64,
    pub(super) sender: usize,
    pub(super) receivers: Vec<usize>,
}

impl Ledger {
    pub(super) fn new(ids: Vec<NodeId>) -> Self {
        Self { ids, sent: 0, waiting: BTreeMap::new(), tally: Tally::default() }
    }

    /// Expects one more message from now on, and returns its number.
    pub(super) fn begin(&mut self, now: Instant) -> u64 {
        let number = self.sent;
        let sender = turn(number, self.ids.len());
        let missing = (0..self.ids.len()).filter(|node| *node != sender).collect();
        self.waiting.insert(number, Waiting { since: now, missing });
        self.sent += 1;
        number
    }

    /// Takes note of what a node got. Returns the latency of a delivery that was waited for.
    pub(super) fn record(&mut self, receipt: &Receipt) -> Option<Duration> {
        match *receipt {
            Receipt::Message { node, sender, number, at } => {
                return self.record_message(node, sender, number, at);
            }
            Receipt::Stray => self.tally.strays += 1,
            Receipt::Lagged { count } => self.tally.lagged += count,
        }
        None
    }

    fn record_message(
        &mut self,
        node: usize,
        sender: NodeId,
        number: u64,
        at: Instant,
    ) -> Option<Duration> {
        let turn = turn(number, self.ids.len());
        if number >= self.sent || self.ids.get(turn) != Some(&sender) {
            self.tally.strays += 1;
            return None;
        }
        if node == turn {
            self.tally.echoes += 1;
            return None;
        }
        let waiting = self.waiting.get_mut(&number).filter(|it| it.missing.contains(&node));
        let Some(waiting) = waiting else {
            self.tally.duplicates += 1;
            return None;
        };
        waiting.missing.remove(&node);
        self.tally.delivered += 1;
        let latency = at.saturating_duration_since(waiting.since);
        self.tally.latencies.add(latency);
        if waiting.missing.is_empty() {
            self.waiting.remove(&number);
        }
        Some(latency)
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// The number of messages on their way.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn delivered(&self) -> u64 {
        self.tally.delivered
    }

    /// Ends the keeping. What is still on its way is missing.
    pub(super) fn into_parts(self) -> (u64, Tally, Vec<Missing>) {
        let node_count = self.ids.len();
        let missing = self.waiting.into_iter().map(|(number, waiting)| Missing {
            number,
            sender: turn(number, node_count),
            receivers: waiting.missing.into_iter().collect(),
        });
        (self.sent, self.tally, missing.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn ledger() -> Ledger {
        let mut ledger = Ledger::new(["a", "b", "c"].map(|id| id.parse().unwrap()).to_vec());
        ledger.begin(clock::now());
        ledger
    }

    fn message(node: usize, sender: &str, number: u64) -> Receipt {
        Receipt::Message { node, sender: sender.parse().unwrap(), number, at: clock::now() }
    }

    #[test]
    fn a_message_is_done_once_everybody_but_its_sender_has_it() {
        let mut ledger = ledger();
        assert!(ledger.record(&message(1, "a", 0)).is_some());
        assert_eq!(ledger.waiting(), 1);
        assert!(ledger.record(&message(2, "a", 0)).is_some());
        assert_eq!((ledger.waiting(), ledger.delivered()), (0, 2));
        let (sent, _, missing) = ledger.into_parts();
        assert_eq!((sent, missing), (1, vec![]));
    }

    #[test]
    fn what_is_wrong_is_counted_by_its_kind_and_is_no_delivery() {
        let mut ledger = ledger();
        assert!(ledger.record(&message(1, "a", 0)).is_some());
        for (receipt, what) in [
            (message(1, "a", 0), "again, while others wait"),
            (message(0, "a", 0), "back at its sender"),
            (message(2, "b", 0), "by another sender"),
            (message(2, "b", 1), "never sent"),
            (Receipt::Stray, "changed"),
            (Receipt::Lagged { count: 7 }, "discarded"),
        ] {
            assert_eq!(ledger.record(&receipt), None, "{what}");
        }
        assert!(ledger.record(&message(2, "a", 0)).is_some());
        assert_eq!(ledger.record(&message(2, "a", 0)), None, "again, when all have it");
        let (_, tally, missing) = ledger.into_parts();
        assert_eq!((tally.delivered, tally.duplicates, tally.echoes), (2, 2, 1));
        assert_eq!((tally.strays, tally.lagged, missing), (3, 7, vec![]));
    }

    #[test]
    fn what_did_not_arrive_is_named() {
        let mut ledger = ledger();
        ledger.begin(clock::now());
        ledger.record(&message(2, "a", 0));
        let (sent, _, missing) = ledger.into_parts();
        let expected = [
            Missing { number: 0, sender: 0, receivers: vec![1] },
            Missing { number: 1, sender: 1, receivers: vec![0, 2] },
        ];
        assert_eq!((sent, missing), (2, expected.to_vec()));
    }
}
