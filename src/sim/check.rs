//! What a mesh owes its users, checked as it happens.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::error::{CloseReason, Misbehavior};
use crate::event::{Event, PeerInfo};
use crate::node::{CaughtUp, Config, Node, Stats, bounds};
use crate::session::SessionError;
use crate::wire::NodeId;

/// Every table of a node is within its bound.
pub(super) fn check_usage(node: &Node) -> Result<(), String> {
    /// Connections that a node opens beside those that it wants to keep: probes, and the few that
    /// were replaced and are not gone yet.
    const SPARE: usize = 64;

    let (usage, config) = (node.usage(), node.config());
    let requests = config.limits.max_requests;
    let dials = requests.saturating_mul(bounds::MAX_DIALS.into());
    let sum = |parts: [usize; 4]| parts.into_iter().fold(0, usize::saturating_add);
    let kept =
        sum([config.limits.max_incoming, config.limits.max_outgoing, usage.seeds * 2, SPARE]);
    // For each of its connections and seeds, and two for a question.
    let of_connections = usage.connections * bounds::KINDS_OF_CONNECTION;
    let timers = sum([of_connections, usage.seeds, requests, requests]);
    check_bounds([
        ("connections", usage.connections, kept.saturating_add(dials)),
        ("questions", usage.questions, config.limits.max_requests),
        ("bytes of messages seen", usage.seen_len, config.limits.max_seen_len),
        ("bytes of contents seen", usage.echoes_len, config.limits.max_seen_len),
        ("bytes held for others", usage.history_len, config.limits.max_history_len),
        ("bytes waiting for neighbors", usage.queued_len, usage.memory_len),
        ("peers remembered", usage.records, bounds::MAX_RECORDS),
        ("bytes of messages to explain", usage.explained_len, bounds::MAX_EXPLAINED_LEN),
        ("timers", usage.timers, bounds::KINDS + timers),
        // Those that nobody was met at, and those where somebody was.
        ("addresses", usage.addresses, bounds::MAX_NEW + bounds::MAX_TRIED),
    ])
}

/// Whoever is let in is within the limits for those.
pub(super) fn check_incoming(node: &Node) -> Result<(), String> {
    let ((incoming, pending), config) = (node.incoming(), node.config());
    check_bounds([
        ("incoming connections", incoming, config.limits.max_incoming),
        ("incoming connections without a handshake", pending, config.limits.max_pending),
    ])
}

fn check_bounds<const N: usize>(bounds: [(&str, usize, usize); N]) -> Result<(), String> {
    match bounds.into_iter().find(|(_, used, bound)| used > bound) {
        Some((what, used, bound)) => Err(format!("{used} {what}, more than {bound}")),
        None => Ok(()),
    }
}

/// What a node makes of what it is sent: a copy for each of its connections at most, and its own
/// words. What becomes of broadcasts is looked at more closely: see [`Conduct`]. What was missed
/// comes on top, by the node's own count, which has its limits as well: see [`check_missed`].
///
/// [`Conduct`]: super::conduct::Conduct
pub(super) fn check_traffic(
    node: &Node,
    most_links: usize,
    has_outsiders: bool,
) -> Result<(), String> {
    /// What each connection costs at its beginning and its end: bytes, and frames.
    const SLACK: [u64; 2] = [8 << 10, 8];

    let (stats, usage) = (node.stats(), node.usage());
    let links = u64::try_from(most_links.max(1)).unwrap_or(u64::MAX);
    let connections = usage.connections_ever.saturating_add(1);
    let [bytes, frames] = [
        // What came compressed by one method may go out by another, a little longer; and to
        // strangers who read none, as long as it is.
        if has_outsiders {
            u64::MAX
        } else {
            stats.bytes_in.saturating_mul(2).saturating_add(usage.own_len)
        },
        stats.frames_in.saturating_add(stats.sent),
    ];
    let missed = &stats.catch_up;
    // What is longer for having been compressed.
    let [missed_bytes, missed_frames] =
        [missed.bytes_out.saturating_mul(2), missed.sent.saturating_add(missed.words)];
    for (what, out, taken, slack, missed) in [
        ("bytes", stats.bytes_out, bytes, SLACK[0], missed_bytes),
        ("frames", stats.frames_out, frames, SLACK[1], missed_frames),
    ] {
        let bound = links.saturating_mul(taken).saturating_add(connections.saturating_mul(slack));
        let bound = bound.saturating_add(missed);
        if out > bound {
            return Err(format!("{out} {what} out, where at most {bound} should be"));
        }
    }
    Ok(())
}

/// What was missed is sent where it is wanted, and no faster than it may be.
pub(super) fn check_missed(node: &Node, lived: Duration) -> Result<(), String> {
    let (missed, limits) = (node.stats().catch_up, &node.config().limits);
    let (rate, burst) = (limits.max_catch_up_rate, limits.max_history_len);
    // A message may be as long as the bucket is deep, and one more.
    let seconds = usize::try_from(lived.as_secs()).unwrap_or(usize::MAX).saturating_add(1);
    let most = rate.saturating_mul(seconds).saturating_add(burst).saturating_add(burst);
    let settled = missed.sent.saturating_add(missed.skipped);
    if settled > missed.asked || missed.asked > missed.offered {
        let CaughtUp { offered, asked, sent, skipped, .. } = missed;
        Err(format!(
            "{offered} missed messages offered, {asked} asked for, {sent} sent, {skipped} not"
        ))
    } else if usize::try_from(missed.bytes_out).is_ok_and(|out| out > most) {
        Err(format!("{} bytes that were missed in {seconds} s, more than {most}", missed.bytes_out))
    } else if missed.caught_up > missed.wanted {
        Err(format!("{} messages came of {} that were wanted", missed.caught_up, missed.wanted))
    } else {
        Ok(())
    }
}

/// G5: whoever is a neighbor has been told of, and whoever is none any more as well. Their names are
/// compared where they have changed.
pub(super) fn check_told(
    node: &Node,
    told: &BTreeSet<NodeId>,
    has_changed: bool,
) -> Result<(), String> {
    let (count, told_count) = (node.peer_count(), told.len());
    if count != told_count {
        return Err(format!(
            "G5 broken: has {count} neighbors, where events have told of {told_count}"
        ));
    }
    let is_untold = |info: &PeerInfo| !told.contains(&info.id);
    let untold = if has_changed { node.routing_table().find(is_untold) } else { None };
    match untold {
        Some(info) => Err(format!("G5 broken: events have not told of {}", info.id.short())),
        None => Ok(()),
    }
}

/// Streams are whole: a node has taken every byte that arrived, and nodes that are alike understand
/// all that they tell each other.
pub(super) fn check_streams(
    stats: &Stats,
    given: u64,
    undecodable_before: u64,
    is_from_like: bool,
) -> Result<(), String> {
    if stats.bytes_in != given {
        Err(format!("{} bytes taken, where {given} have arrived", stats.bytes_in))
    } else if is_from_like && stats.undecodable.total() > undecodable_before {
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
    [config.limits.max_frame_len, config.limits.max_packets, config.limits.max_handshake_len]
}

/// G7: every frame, and every message that should reach the user, is accounted for. Connections are
/// in the [`Account`].
///
/// [`Account`]: super::account::Account
pub(super) fn check_sums(node: &Node) -> Result<(), String> {
    let stats = node.stats();
    let frames = stats.received + stats.frames.total() + stats.undecodable.total();
    let messages = stats.delivered + stats.dropped.total();
    if stats.frames_in != frames {
        Err(format!("G7 broken: {} frames in, {frames} accounted for", stats.frames_in))
    } else if stats.received != messages {
        Err(format!("G7 broken: {} messages received, {messages} accounted for", stats.received))
    } else {
        Ok(())
    }
}
