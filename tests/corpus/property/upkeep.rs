//! What holds of a node at any moment.

use rs2p::node::{Input, Node};
use rs2p::time::Instant;

/// The most troubles and recent messages that a node keeps.
const MAX_KEPT: usize = 64;

/// The most addresses that a node keeps: new ones, and tried ones.
const MAX_ADDRESSES: usize = 1_024 + 256;

/// Every table is within its bound, and every message is accounted for (G7).
pub(super) fn check(node: &Node) {
    let (usage, config, stats) = (node.usage(), node.config(), node.stats());
    for (what, used, bound) in [
        ("questions", usage.questions, config.limits.max_requests),
        ("own questions", node.pending_requests().count(), config.limits.max_requests),
        ("bytes of messages seen", usage.seen_len, config.limits.max_seen_len),
        ("bytes of contents heard", usage.echoes_len, config.limits.max_seen_len),
        ("bytes of messages held", usage.history_len, config.limits.max_history_len),
        ("addresses", usage.addresses, MAX_ADDRESSES),
        ("bytes of memory", usage.memory_len, config.limits.max_memory),
        ("troubles", node.troubles().count(), MAX_KEPT),
        ("peers remembered", usage.records, 256),
        ("bytes of messages to explain", usage.explained_len, 5 << 20),
    ] {
        assert!(used <= bound, "{used} {what}, more than {bound}");
    }
    assert_eq!(stats.received, stats.delivered + stats.dropped.total(), "G7: {stats:?}");
    let frames = stats.received + stats.frames.total() + stats.undecodable.total();
    assert_eq!(stats.frames_in, frames, "G7: {stats:?}");
    let open = usage.connections_ever - stats.closed.total();
    assert!(open <= u64::try_from(usage.connections).unwrap(), "G7: {stats:?}");
    assert!(node.peer_records().all(|record| record.notes.len() <= MAX_KEPT));
    let missed = stats.catch_up;
    assert!(missed.asked <= missed.offered, "nobody gets what it was not offered: {missed:?}");
    assert!(missed.sent + missed.skipped <= missed.asked, "nor anything twice: {missed:?}");
    assert!(stats.frames_in * 4 <= stats.bytes_in, "a frame has a header: {stats:?}");
}

/// Lets a node's deadline pass: the next one lies ahead.
pub(super) fn time_out(node: &mut Node, now: Instant) {
    if node.poll_timeout().is_some_and(|due| due <= now) {
        node.handle_input(now, Input::Timeout);
        let next = node.poll_timeout();
        assert!(next.is_none_or(|due| due > now), "the deadline {next:?} stands still at {now}");
    }
}
