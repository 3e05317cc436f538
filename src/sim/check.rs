//! What a mesh owes its users, checked as it happens.

use std::collections::BTreeMap;
use std::time::Duration;

use super::trace::hash_of_packets;
use crate::error::{CloseReason, Misbehavior};
use crate::event::Event;
use crate::node::{Config, Node, Stats};
use crate::session::SessionError;
use crate::time::Instant;
use crate::wire::NodeId;

/// What was sent, and who got it how often.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    index: BTreeMap<(NodeId, u64), usize>,
    contents: Vec<Content>,
    delivered: u64,
    /// In microseconds.
    latencies: Vec<u32>,
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
    /// What each machine has got of it. There is one for each delivery, so they are small.
    got: BTreeMap<u32, Receipt>,
}

/// What a machine has got of a content in the latest of its lives that got any.
#[derive(Clone, Copy, Debug, Default)]
struct Receipt {
    life: u32,
    times: u32,
    /// Over how many links the latest had come.
    hops: u32,
}

impl Content {
    /// What a life of a machine has got.
    fn receipt(&self, (machine, life): Life) -> Receipt {
        let of_none = Receipt { life: small(life), times: 0, hops: 0 };
        let found = self.got.get(&small(machine));
        found.copied().filter(|receipt| receipt.life == of_none.life).unwrap_or(of_none)
    }
}

/// More than four billion machines, lives, deliveries of one content or links on a way there are
/// not.
fn small(number: impl TryInto<u32>) -> u32 {
    number.try_into().unwrap_or(u32::MAX)
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
        let hops = 1 + from.map_or(0, |from| content.receipt(*from).hops);
        let Receipt { life, times, .. } = content.receipt(receiver);
        let Some(sent_at) = usize::try_from(times).ok().and_then(|it| content.sent_at.get(it))
        else {
            return Err(format!("G2: delivered once more than {} sent it", sender.short()));
        };
        self.latencies.push(small(now.since(*sent_at).as_micros()));
        content.got.insert(small(receiver.0), Receipt { life, times: times + 1, hops });
        self.delivered += 1;
        self.note_hops(hops);
        Ok(())
    }

    /// Who goes, or went, by an id.
    pub(super) fn life_of(&self, id: &NodeId) -> Option<Life> {
        self.lives.get(id).copied()
    }

    fn note_hops(&mut self, hops: u32) {
        let hops = usize::try_from(hops).unwrap_or(usize::MAX);
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
        let times = content.map_or(0, |content| content.receipt(receiver).times);
        usize::try_from(times).unwrap_or(usize::MAX)
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
    pub(super) fn latencies(&self) -> impl Iterator<Item = Duration> {
        self.latencies.iter().map(|micros| Duration::from_micros(u64::from(*micros)))
    }
}

/// Every table of a node is within its bound.
pub(super) fn check_usage(node: &Node) -> Result<(), String> {
    /// Connections that a node opens beside those that it wants to keep: probes, and the few that
    /// were replaced and are not gone yet.
    const SPARE: usize = 64;

    let (usage, config) = (node.usage(), node.config());
    let requests = config.max_requests;
    let sum = |parts: [usize; 4]| parts.into_iter().fold(0, usize::saturating_add);
    let kept = sum([config.max_incoming, config.max_outgoing, usage.seeds * 2, SPARE]);
    let bounds = [
        ("connections", usage.connections, kept.saturating_add(requests.saturating_mul(4))),
        ("questions", usage.questions, config.max_requests),
        ("bytes of messages seen", usage.seen_len, config.max_seen_len),
        ("bytes of contents seen", usage.echoes_len, config.max_seen_len),
        // Four for a connection, one for a seed, two for a question.
        ("timers", usage.timers, sum([usage.connections * 4, usage.seeds, requests, requests])),
    ];
    check_bounds(bounds)
}

/// Whoever is let in is within the limits for those.
pub(super) fn check_incoming(node: &Node) -> Result<(), String> {
    let ((incoming, pending), config) = (node.incoming(), node.config());
    check_bounds([
        ("incoming connections", incoming, config.max_incoming),
        ("incoming connections without a handshake", pending, config.max_pending),
    ])
}

fn check_bounds<const N: usize>(bounds: [(&str, usize, usize); N]) -> Result<(), String> {
    match bounds.into_iter().find(|(_, used, bound)| used > bound) {
        Some((what, used, bound)) => Err(format!("{used} {what}, more than {bound}")),
        None => Ok(()),
    }
}

/// What a node makes of what it is sent: a copy for each of its connections at most, and its own
/// words. What becomes of broadcasts is looked at more closely: see [`Conduct`].
///
/// [`Conduct`]: super::conduct::Conduct
pub(super) fn check_traffic(node: &Node, most_links: usize) -> Result<(), String> {
    /// What each connection costs at its beginning and its end: bytes, and frames.
    const SLACK: [u64; 2] = [8 << 10, 8];

    let (stats, usage) = (node.stats(), node.usage());
    let links = u64::try_from(most_links.max(1)).unwrap_or(u64::MAX);
    let connections = usage.connections_ever.saturating_add(1);
    let [bytes, frames] = [
        // What came compressed by one method may go out by another, a little longer.
        stats.bytes_in.saturating_mul(2).saturating_add(usage.own_len),
        stats.frames_in.saturating_add(stats.sent),
    ];
    for (what, out, taken, slack) in [
        ("bytes", stats.bytes_out, bytes, SLACK[0]),
        ("frames", stats.frames_out, frames, SLACK[1]),
    ] {
        let bound = links.saturating_mul(taken).saturating_add(connections.saturating_mul(slack));
        if out > bound {
            return Err(format!("{out} {what} out, where at most {bound} should be"));
        }
    }
    Ok(())
}

/// Streams are whole: a node has taken every byte that arrived, and nodes that are alike understand
/// all that they tell each other.
pub(super) fn check_streams(stats: &Stats, given: u64, is_uniform: bool) -> Result<(), String> {
    if stats.bytes_in != given {
        Err(format!("{} bytes taken, where {given} have arrived", stats.bytes_in))
    } else if is_uniform && stats.undecodable > 0 {
        Err("a frame of a node like itself could not be decoded".to_owned())
    } else {
        Ok(())
    }
}

/// What is wrong where a node has lost a connection because of what a node like itself said there.
pub(super) fn misunderstood(event: &Event) -> Option<String> {
    match event {
        Event::PeerLost { reason, .. } | Event::DialFailed { reason, .. } => {
            let is_about_bytes = match reason {
                CloseReason::Malformed(_)
                | CloseReason::OtherEncryption(_)
                | CloseReason::WrongProtocol => true,
                // Connections are lost here, but nothing on them is changed.
                CloseReason::Encryption(error) => *error != SessionError::CutOff,
                CloseReason::Misbehaved(misbehavior) => *misbehavior == Misbehavior::FalseId,
                _ => false,
            };
            is_about_bytes.then(|| format!("what a node like itself sent is malformed: {reason}"))
        }
        _ => None,
    }
}

/// What decides whether one node takes what another sends.
pub(super) fn limits(config: &Config) -> [usize; 3] {
    [config.max_frame_len, config.max_packets, config.max_handshake_len]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_delivered_once_in_each_life_and_as_it_was_sent() {
        let [ann, bob] = ["ann", "bob"].map(|id| id.parse::<NodeId>().unwrap());
        let at = Instant::from_millis;
        let hello = || [&b"hello"[..]].into_iter();
        let mut ledger = Ledger::default();
        ledger.note_started(ann, (0, 1));
        ledger.note_started(bob, (1, 1));
        ledger.note_sent(at(1), ann, hello());
        assert_eq!(ledger.note_delivered(at(3), (1, 1), ann, ann, hello()), Ok(()));
        assert_eq!(ledger.note_delivered(at(9), (2, 1), ann, bob, hello()), Ok(()));
        assert!(ledger.note_delivered(at(9), (2, 1), ann, bob, hello()).is_err(), "G2");
        assert_eq!(ledger.note_delivered(at(10), (2, 2), ann, bob, hello()), Ok(()));
        let changed = [&b"hullo"[..]].into_iter();
        assert!(ledger.note_delivered(at(9), (1, 1), ann, ann, changed).is_err(), "G1");
        assert_eq!([(2, 1), (2, 2)].map(|life| ledger.got(life, ann, hello())), [0, 1]);
        assert_eq!(ledger.hops(), [0, 1, 2]);
        let latencies: Vec<u128> = ledger.latencies().map(|it| it.as_millis()).collect();
        assert_eq!(latencies, [2, 8, 9]);
    }
}
