//! What a mesh owes its users, checked as it happens.

use std::collections::BTreeMap;
use std::time::Duration;

use super::trace::hash_of_packets;
use crate::node::{Node, Stats};
use crate::time::Instant;
use crate::wire::NodeId;

/// What was sent, and who got it how often.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    index: BTreeMap<(NodeId, u64), usize>,
    contents: Vec<Content>,
    delivered: u64,
    latencies: Vec<Duration>,
    /// Who goes, or went, by an id.
    lives: BTreeMap<NodeId, Life>,
    /// How many deliveries had come over how many links.
    hops: Vec<u64>,
}

/// A machine, and which of its lives.
pub(super) type Life = (usize, u64);

/// Everything that one node has sent with the same packets.
#[derive(Debug, Default)]
struct Content {
    /// When, for each time that it was sent.
    sent_at: Vec<Instant>,
    /// What each life of each machine has got of it.
    got: BTreeMap<Life, Receipt>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Receipt {
    times: usize,
    /// Over how many links the latest had come.
    hops: usize,
}

impl Ledger {
    /// Enters a node that has been started.
    pub(super) fn note_started(&mut self, id: NodeId, life: Life) {
        self.lives.insert(id, life);
    }

    /// Enters a message that a node's user has sent.
    pub(super) fn note_sent<'a>(
        &mut self,
        now: Instant,
        sender: NodeId,
        packets: impl Iterator<Item = &'a [u8]>,
    ) {
        let key = (sender, hash_of_packets(packets));
        let index = *self.index.entry(key).or_insert(self.contents.len());
        if index == self.contents.len() {
            self.contents.push(Content::default());
        }
        if let Some(content) = self.contents.get_mut(index) {
            content.sent_at.push(now);
        }
    }

    /// Enters a delivery.
    ///
    /// # Errors
    ///
    /// What is wrong with it: G1, that it is not what its sender sent; or G2, that it came more
    /// often than it was sent.
    pub(super) fn note_delivered<'a>(
        &mut self,
        now: Instant,
        receiver: Life,
        sender: NodeId,
        neighbor: NodeId,
        packets: impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), String> {
        let from = self.lives.get(&neighbor);
        let key = (sender, hash_of_packets(packets));
        let index = self.index.get(&key).copied();
        let Some(content) = index.and_then(|index| self.contents.get_mut(index)) else {
            return Err(format!("G1: delivered what {} never sent", sender.short()));
        };
        // The sender itself has not got it.
        let relay = from.and_then(|from| content.got.get(from));
        let hops = 1 + relay.map_or(0, |relay| relay.hops);
        let got = content.got.entry(receiver).or_default();
        let Some(sent_at) = content.sent_at.get(got.times) else {
            return Err(format!("G2: delivered once more than {} sent it", sender.short()));
        };
        self.latencies.push(now.since(*sent_at));
        *got = Receipt { times: got.times + 1, hops };
        self.delivered += 1;
        self.note_hops(hops);
        Ok(())
    }

    fn note_hops(&mut self, hops: usize) {
        if self.hops.len() <= hops {
            self.hops.resize(hops + 1, 0);
        }
        if let Some(count) = self.hops.get_mut(hops) {
            *count += 1;
        }
    }

    /// How often this life of a machine has got what a node sent with these packets.
    pub(super) fn got<'a>(
        &self,
        receiver: Life,
        sender: NodeId,
        packets: impl Iterator<Item = &'a [u8]>,
    ) -> usize {
        let index = self.index.get(&(sender, hash_of_packets(packets)));
        let content = index.and_then(|index| self.contents.get(*index));
        content.and_then(|content| content.got.get(&receiver)).map_or(0, |got| got.times)
    }

    /// The number of deliveries.
    pub(super) fn delivered(&self) -> u64 {
        self.delivered
    }

    /// How many deliveries had come over how many links, by that number.
    pub(super) fn hops(&self) -> &[u64] {
        &self.hops
    }

    /// How long each delivery took, in virtual time.
    pub(super) fn latencies(&self) -> &[Duration] {
        &self.latencies
    }
}

/// Every table of a node is within its bound.
pub(super) fn check_usage(node: &Node) -> Result<(), String> {
    let (usage, config) = (node.usage(), node.config());
    let bounds = [
        ("questions", usage.questions, config.max_requests),
        ("bytes of messages seen", usage.seen_len, config.max_seen_len),
        ("bytes of the longest backlog", usage.longest_backlog, config.max_backlog_len),
    ];
    match bounds.into_iter().find(|(_, used, bound)| used > bound) {
        Some((what, used, bound)) => Err(format!("{used} {what}, more than {bound}")),
        None => Ok(()),
    }
}

/// What a node makes of what it is sent: a copy for each of its connections at most, and its own
/// words.
pub(super) fn check_traffic(node: &Node, most_links: usize) -> Result<(), String> {
    /// What each connection costs at its beginning and its end.
    const SLACK: u64 = 8 << 10;

    let (stats, usage) = (node.stats(), node.usage());
    let links = u64::try_from(most_links.max(1)).unwrap_or(u64::MAX);
    let connections = usage.connections_ever.saturating_add(1);
    // What came compressed by one method may go out by another, a little longer.
    let bytes_in = stats.bytes_in.saturating_mul(2);
    let bound = links
        .saturating_mul(bytes_in.saturating_add(usage.own_len))
        .saturating_add(connections.saturating_mul(SLACK));
    if stats.bytes_out <= bound {
        Ok(())
    } else {
        Err(format!("{} bytes out for {} in", stats.bytes_out, stats.bytes_in))
    }
}

/// G7: every message that should reach the user is accounted for.
pub(super) fn check_sums(stats: &Stats) -> Result<(), String> {
    let accounted = stats.delivered + stats.dropped.total();
    if stats.received == accounted {
        Ok(())
    } else {
        Err(format!("G7: {} messages received, {accounted} accounted for", stats.received))
    }
}
