//! What a node counts. A snapshot is a plain value.

use super::counts::{CaughtUp, Closed, Dropped, Frames, Ignored, Rejected, Undecodable, Unsent};
use super::link::len_u64;

/// The counters of one node since it was made.
///
/// Every frame is accounted for, `frames_in = received + frames.total() + undecodable.total()`, and
/// every message that should reach the user, `received = delivered + dropped.total()`. Every
/// connection that there has ever been is either open or counted once in `closed`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Frames that arrived whole.
    pub frames_in: u64,
    /// Those that held no message for the user, by what they were.
    pub frames: Frames,
    /// Those that could not be decoded and were forgiven.
    pub undecodable: Undecodable,
    /// The bytes that compressed frames unpacked to, in vain or not: those of `lzma` count fourfold,
    /// and those of `bz2` sixteenfold, as they take so much longer.
    pub unpacked: u64,
    /// Frames put into neighbors' queues.
    pub frames_out: u64,
    /// Bytes that arrived.
    pub bytes_in: u64,
    /// Bytes put into neighbors' queues.
    pub bytes_out: u64,
    /// Broadcasts, waterfalls and whispers that neighbors sent for the user.
    pub received: u64,
    /// Those given to the user's inbox.
    pub delivered: u64,
    /// Those of `delivered` that a full inbox discarded; 0 for a node without one.
    pub lagged: u64,
    /// Those not given to the user.
    pub dropped: Dropped,
    /// Signatures that were checked. Those that were known from an earlier message of the same
    /// batch do not count.
    pub verified: u64,
    /// Frames passed on to neighbors.
    pub relayed: u64,
    /// Broadcasts, whispers and questions that the user has had sent, however many neighbors got
    /// them.
    pub sent: u64,
    /// Messages sent again because a neighbor had asked for that.
    pub resent: u64,
    /// Messages that a neighbor was not sent, of this node's own and of others.
    pub refused: Unsent,
    /// How often a message was compressed, or tried to be: once for each form and method, however
    /// many neighbors get it.
    pub compressed: u64,
    /// Messages of the protocol itself that had no effect.
    pub ignored: Ignored,
    /// Connections that have ended, or have begun to, once for each.
    pub closed: Closed,
    /// Connections whose other end went by the id of a neighbor and was not that neighbor.
    pub impostors: u64,
    /// Incoming connections that were not taken.
    pub rejected: Rejected,
    /// Connections that ended, or were not begun, because the node does not admit their peers. Those
    /// that were incoming and not even taken are part of `rejected` too.
    pub denied: u64,
    /// Incoming connections that the event loop turned away unheard, because the process or the
    /// machine had no descriptor for them. No part of `rejected`.
    pub shed: u64,
    /// Turns of the event loop that took longer than a second: see
    /// [`Event::LoopHeldUp`](crate::Event::LoopHeldUp).
    pub held_up: u64,
    /// What neighbors were sent, or have sent, because it had been missed.
    pub catch_up: CaughtUp,
    /// How often a connection was not read for a while, because memory was scarce or because it was
    /// faster than [`Limits::max_unpack_rate`](super::Limits::max_unpack_rate),
    /// [`Limits::max_read_rate`](super::Limits::max_read_rate) or
    /// [`Limits::max_message_rate`](super::Limits::max_message_rate).
    pub held: u64,
    /// Events that the user did not ask for in time and that gave way to younger ones; 0 for a node
    /// without an event loop.
    pub lagged_events: u64,
    /// How often the operating system did not give a connection that had come in; 0 for a node
    /// without an event loop.
    pub accept_failures: u64,
    /// How often this machine's clock seemed to be wrong:
    /// [`Event::ClockSuspect`](crate::Event::ClockSuspect).
    pub clock_suspicions: u64,
    /// Messages that were published and sent to nobody, for there was no neighbor, or because the
    /// socket was closed before its neighbors had room; 0 for a node without an event loop. See
    /// [`MeshSocket::publish`](crate::MeshSocket::publish).
    pub unpublished: u64,
    /// How often the event loop woke up; 0 for a node without one.
    pub wakeups: u64,
}

impl Stats {
    /// Each counter with its name, and those of a table with the table's in front:
    /// `dropped.stale`.
    pub fn counts(&self) -> Vec<(String, u64)> {
        let Self {
            frames_in,
            frames,
            undecodable,
            unpacked,
            frames_out,
            bytes_in,
            bytes_out,
            received,
            delivered,
            lagged,
            dropped,
            verified,
            relayed,
            sent,
            resent,
            refused,
            compressed,
            ignored,
            closed,
            impostors,
            rejected,
            denied,
            shed,
            held_up,
            catch_up,
            held,
            lagged_events,
            accept_failures,
            clock_suspicions,
            unpublished,
            wakeups,
        } = *self;
        let plain = [
            ("frames_in", frames_in),
            ("unpacked", unpacked),
            ("frames_out", frames_out),
            ("bytes_in", bytes_in),
            ("bytes_out", bytes_out),
            ("received", received),
            ("delivered", delivered),
            ("lagged", lagged),
            ("verified", verified),
            ("relayed", relayed),
            ("sent", sent),
            ("resent", resent),
            ("compressed", compressed),
            ("impostors", impostors),
            ("denied", denied),
            ("lagged_events", lagged_events),
            ("accept_failures", accept_failures),
            ("shed", shed),
            ("held_up", held_up),
            ("held", held),
            ("clock_suspicions", clock_suspicions),
            ("unpublished", unpublished),
            ("wakeups", wakeups),
        ];
        let mut counts: Vec<_> =
            plain.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
        counts.extend(named("frames", frames.iter()));
        counts.extend(named("undecodable", undecodable.iter()));
        counts.extend(named("dropped", dropped.iter()));
        counts.extend(named("refused", refused.iter()));
        counts.extend(named("ignored", ignored.iter()));
        counts.extend(named("closed", closed.iter()));
        counts.extend(named("rejected", rejected.iter()));
        counts.extend(named("catch_up", catch_up.iter()));
        counts
    }
}

fn named(
    table: &str,
    counts: impl Iterator<Item = (&'static str, u64)>,
) -> impl Iterator<Item = (String, u64)> {
    counts.map(move |(name, count)| (format!("{table}.{name}"), count))
}

/// How much of its limits a node uses at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Connections, in whatever state.
    pub connections: usize,
    /// Connections that there have ever been.
    pub connections_ever: u64,
    /// Questions remembered: see [`Limits::max_requests`](super::Limits::max_requests).
    pub questions: usize,
    /// About how many bytes the memory of messages seen takes.
    pub seen_len: usize,
    /// About how many bytes the memory of contents takes that py2p nodes may repeat.
    pub echoes_len: usize,
    /// Messages held for those who have missed them.
    pub history_count: usize,
    /// About how many bytes they take: see
    /// [`Limits::max_history_len`](super::Limits::max_history_len).
    pub history_len: usize,
    /// Addresses that the user wants to be connected to.
    pub seeds: usize,
    /// Peers of which it is remembered what went wrong: see
    /// [`Node::peer_record`](super::Node::peer_record).
    pub records: usize,
    /// The bytes of messages that can be explained.
    pub explained_len: usize,
    /// Addresses in the book: see PROTOCOL.md §6.
    pub addresses: usize,
    /// Timers that are set.
    pub timers: usize,
    /// The bytes of all messages that the user has had sent.
    pub own_len: u64,
    /// The bytes of memory that the node takes: see [`Limits::max_memory`](super::Limits::max_memory).
    pub memory_len: usize,
    /// Those of them that wait for neighbors: each frame once, however many wait for it.
    pub queued_len: usize,
}

impl Usage {
    /// Each figure with its name.
    pub fn counts(&self) -> Vec<(&'static str, u64)> {
        let Self {
            connections,
            connections_ever,
            questions,
            seen_len,
            echoes_len,
            history_count,
            history_len,
            seeds,
            records,
            explained_len,
            addresses,
            timers,
            own_len,
            memory_len,
            queued_len,
        } = *self;
        vec![
            ("connections", len_u64(connections)),
            ("connections_ever", connections_ever),
            ("questions", len_u64(questions)),
            ("seen_len", len_u64(seen_len)),
            ("echoes_len", len_u64(echoes_len)),
            ("history_count", len_u64(history_count)),
            ("history_len", len_u64(history_len)),
            ("seeds", len_u64(seeds)),
            ("records", len_u64(records)),
            ("explained_len", len_u64(explained_len)),
            ("addresses", len_u64(addresses)),
            ("timers", len_u64(timers)),
            ("own_len", own_len),
            ("memory_len", len_u64(memory_len)),
            ("queued_len", len_u64(queued_len)),
        ]
    }
}
