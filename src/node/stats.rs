//! What a node counts. A snapshot is a plain value.

/// The counters of one node since it was made.
///
/// Every message that should reach the user is accounted for:
/// `received = delivered + dropped.total()`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Frames that arrived whole.
    pub frames_in: u64,
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
    /// Frames that a neighbor's queue had no room for, sent and passed on.
    pub refused: u64,
    /// Well-formed messages that this node has no use for, or that were asked too often.
    pub ignored: u64,
    /// Frames that could not be decoded and were forgiven.
    pub undecodable: u64,
    /// Connections whose other end went by the id of a neighbor and was not that neighbor.
    pub impostors: u64,
    /// Incoming connections that were not taken.
    pub rejected: u64,
    /// Those of `rejected` that came faster than the node takes handshakes: see
    /// [`Config::max_handshakes`](super::Config::max_handshakes).
    pub throttled: u64,
    /// Connections that ended, or were not begun, because the node does not admit their peers. Those
    /// that were incoming and not even taken are part of `rejected` too.
    pub denied: u64,
    /// How often the event loop woke up; 0 for a node without one.
    pub wakeups: u64,
}

/// How much of its limits a node uses at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Connections, in whatever state.
    pub connections: usize,
    /// Connections that there have ever been.
    pub connections_ever: u64,
    /// Questions remembered: see [`Config::max_requests`](super::Config::max_requests).
    pub questions: usize,
    /// About how many bytes the memory of messages seen takes.
    pub seen_len: usize,
    /// About how many bytes the memory of contents takes that py2p nodes may repeat.
    pub echoes_len: usize,
    /// Addresses that the user wants to be connected to.
    pub seeds: usize,
    /// Timers that are set.
    pub timers: usize,
    /// The bytes of all messages that the user has had sent.
    pub own_len: u64,
}

/// Why messages were not given to the user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dropped {
    /// It was given to the user before.
    pub duplicate: u64,
    /// A py2p node repeated it under another time.
    pub echo: u64,
    /// This node made it.
    pub own: u64,
    /// Its timestamp is too far in the past.
    pub stale: u64,
    /// Its timestamp is too far in the future.
    pub future: u64,
    /// The memory of messages was full of younger ones.
    pub overload: u64,
    /// Its sender is no possible id.
    pub bad_sender: u64,
    /// It is not of the sender that it names, or not as that one made it: whoever sent it is
    /// closed.
    pub forged: u64,
}

impl Dropped {
    /// All of them.
    pub fn total(&self) -> u64 {
        let Self { duplicate, echo, own, stale, future, overload, bad_sender, forged } = self;
        duplicate + echo + own + stale + future + overload + bad_sender + forged
    }
}
