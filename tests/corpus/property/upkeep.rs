//! What holds of a node at any moment.

use rs2p::node::{Input, Node};
use rs2p::time::Instant;

/// The most troubles and recent messages that a node keeps.
const MAX_KEPT: usize = 64;

/// Every table is within its bound, and every message is accounted for (G7).
pub(super) fn check(node: &Node) {
    let (usage, config, stats) = (node.usage(), node.config(), node.stats());
    for (what, used, bound) in [
        ("questions", usage.questions, config.max_requests),
        ("own questions", node.pending_requests().count(), config.max_requests),
        ("bytes of messages seen", usage.seen_len, config.max_seen_len),
        ("bytes of contents heard", usage.echoes_len, config.max_seen_len),
        ("troubles", node.troubles().count(), MAX_KEPT),
    ] {
        assert!(used <= bound, "{used} {what}, more than {bound}");
    }
    assert_eq!(stats.received, stats.delivered + stats.dropped.total(), "G7: {stats:?}");
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
