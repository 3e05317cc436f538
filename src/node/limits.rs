//! How much a node is willing to take, and how long it waits. PROTOCOL.md §6.

use std::time::Duration;

use super::explained::Explained;
use super::ledger::CONNECTION_LEN;
use super::requests::Requests;
use crate::error::ConfigError;

/// The limits of a node. Every field has a default that suits a mesh of a few hundred nodes on a
/// local or wide network; a node checks them once, when it is made. Every time may be from 1 ms to
/// a day.
///
/// ```
/// use rs2p::MeshSocket;
///
/// let builder = MeshSocket::builder().configure(|config| {
///     config.limits.max_incoming = 1_000;
///     // These take 36 KiB each under TLS.
///     config.limits.max_memory = 300 << 20;
/// });
/// # builder.bind("127.0.0.1:0")?;
/// # Ok::<(), rs2p::BindError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The number of outgoing connections up to which the node dials others of its own accord: those
    /// that others tell it of, and those that it knows from before. Connections that the user asks
    /// for count, and are not limited. 0 to follow no peers list and dial nobody. Default 8, as in
    /// py2p; up to 65,536.
    pub max_outgoing: usize,
    /// The most incoming connections. Where a newcomer comes on top, a neighbor of the network that
    /// has most gives way, unless it is one of those worth keeping: see PROTOCOL.md §6. For more
    /// than 490 under TLS, or 4,490 without encryption, `max_memory` must be more than its default.
    /// Default 117, 1 to 65,536.
    pub max_incoming: usize,
    /// The most incoming connections from one IP address; the addresses of one IPv6 /64 count as
    /// one. Not for this machine, nor for private networks unless
    /// [`Config::counts_private`](super::Config::counts_private) says so. Default 4, 1 to 65,536.
    pub max_per_ip: usize,
    /// The most incoming connections from one IPv4 /24 or IPv6 /48, with the same exceptions. Default
    /// 16, 1 to 65,536.
    pub max_per_subnet: usize,
    /// The most incoming connections that have not finished their handshakes. Of more, whoever is
    /// at the address that has most of them gives way, or the newcomer. Default 32, 1 to
    /// 65,536.
    pub max_pending: usize,
    /// The most incoming handshakes a second, where they cost work with keys: under TLS and RSA.
    /// What comes on top is closed before that work begins, and so is what comes on top of the share
    /// of one network: see PROTOCOL.md §6. Default 50, 1 to 1,000,000.
    pub max_handshakes: usize,
    /// The most of them at once, after a quiet time. Default 128, 1 to
    /// 1,000,000.
    pub max_handshake_burst: usize,
    /// The most of them a second from one IP address; the addresses of one IPv6 /64 count as one,
    /// and this machine's own are not counted. Default 4, 1 to 1,000,000.
    pub max_handshakes_per_ip: usize,
    /// The most of those at once, after a quiet time. Default 8, 1 to 1,000,000.
    pub max_handshake_burst_per_ip: usize,
    /// The longest message in bytes, in a frame and decompressed, sent and received. Each
    /// connection may hold as much. Default 4 MiB, 1 KiB to 64 MiB.
    pub max_frame_len: usize,
    /// The longest frame in bytes before a peer's handshake is done. Default 4 KiB, 1 KiB
    /// to 1 MiB.
    pub max_handshake_len: usize,
    /// The most packets of one message, its four header packets included. Default 1,024, 16
    /// to 1,048,576.
    pub max_packets: usize,
    /// The most bytes that wait for one neighbor; what comes on top is refused, not queued.
    /// Default 8 MiB, `max_frame_len` to 1 GiB.
    pub max_backlog_len: usize,
    /// How long a dialled address may take to answer. Default 10 s.
    pub connect_timeout: Duration,
    /// How long a peer may take for its handshake once connected. Default 5 s.
    pub handshake_timeout: Duration,
    /// How long bytes may wait for a neighbor that takes none of them before it is cut. Default
    /// 20 s.
    pub stall_timeout: Duration,
    /// How long an ending connection may take to send what is queued. Default 5 s.
    pub linger_timeout: Duration,
    /// How long a node may take to be located, dialled and met. Default 10 s.
    pub locate_timeout: Duration,
    /// How long a neighbor of this crate may be silent before it is asked for a sign of life.
    /// Default 15 s. Costs each link that is otherwise quiet about 400 bytes in that time.
    pub ping_interval: Duration,
    /// How long such a neighbor may then go on saying nothing, and taking nothing of what waits for
    /// it, before it is given up. Default 30 s.
    pub ping_timeout: Duration,
    /// How long a py2p neighbor may be silent before something is sent to it that it does not answer,
    /// so that the operating system finds out whether it is still there. Default 60 s.
    pub legacy_ping_interval: Duration,
    /// The most locates and whispers to distant nodes under way at once, and the most questions,
    /// others' included, that the node remembers, each for twice `locate_timeout`. Default 1,024,
    /// 1 to 65,536.
    pub max_requests: usize,
    /// The bytes that each of the node's two memories of messages may take: of those seen, at
    /// about 40 a message, and of the contents that py2p nodes may repeat, at about 76. Default
    /// 64 MiB, 64 KiB to 1 GiB. They grow as needed.
    pub max_seen_len: usize,
    /// How long after it came a message is offered to neighbors that may have missed it. Default
    /// 60 s.
    pub history_time: Duration,
    /// The bytes that messages may take which are held for that, at 256 more than their own each;
    /// the oldest make room. Default 16 MiB, up to 1 GiB; 0 to hold none, and to take no such
    /// offers from others.
    pub max_history_len: usize,
    /// The most bytes a second that are sent to neighbors because they have missed them, all
    /// together; as many as `max_history_len` at once, after a quiet time. Default 4 MiB, 1 KiB to
    /// 1 GiB.
    pub max_catch_up_rate: usize,
    /// The most bytes of memory that the node takes, all in all: its memories of messages, what has
    /// come of frames and is not whole, what waits for neighbors - each frame once, however many wait
    /// for it -, and 4 KiB for each connection, 36 KiB under TLS or 12 KiB under RSA. From four fifths
    /// of it on, the connections that hold much of a frame are not read until a quarter is free; what
    /// would exceed it is not queued, and whoever holds the most, and more than its share, is closed.
    /// Beside it are what waits for the node's user, and what is remembered of peers and addresses,
    /// which is 3 MiB at most. Default 256 MiB; a third more than the other limits can add up to at
    /// least, which is 234 MiB by default, and 239 under TLS: see
    /// [`Config::least_memory`](super::Config::least_memory).
    pub max_memory: usize,
    /// How much of a frame that has begun must arrive within each `progress_interval`, or what is
    /// left of it: whoever is slower is closed. Bytes count as they arrive, under encryption
    /// too, and only while the node reads. With the defaults a link must carry 820 bytes a second,
    /// and the longest frame within `frame_timeout`, so 70,000 bytes a second while it sends one.
    /// Default 4 KiB, 1 to 1 MiB.
    pub progress_len: usize,
    /// See `progress_len`. Default 5 s.
    pub progress_interval: Duration,
    /// How long a frame that has begun may take until it is whole. Default 60 s.
    pub frame_timeout: Duration,
    /// The most bytes a second that compressed frames of one connection may unpack to, on average and
    /// after a burst of a second's worth, or of the longest message where that is more: the connection
    /// is not read for as long as it takes to keep to that, and nothing is lost. Those of `lzma` count
    /// fourfold, and those of `bz2` sixteenfold, for they cost so much more. What unpacks to more
    /// than `max_frame_len` ends its connection. Default 16 MiB; 0 for as many as come, up to 1 GiB.
    pub max_unpack_rate: usize,
    /// The most bytes a second that are taken from one connection, on average and after a burst of a
    /// second's worth: it is not read for as long as it takes to keep to that, and nothing is lost. 0
    /// for as many as come, which is the default; up to 1 GiB. [`Limits::strict`] has 8 MiB.
    pub max_read_rate: usize,
    /// The most frames a second that are taken from one connection, likewise. 0 for as many as come,
    /// which is the default; up to 1,000,000. [`Limits::strict`] has 500.
    pub max_message_rate: usize,
    /// The most messages of which it is remembered what became of them, for
    /// [`MeshSocket::explain`](crate::MeshSocket::explain), and of those no more than 4 MiB. 0 to
    /// remember none. Default 1,024, up to 65,536.
    pub max_explained_count: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_outgoing: 8,
            max_incoming: 117,
            max_per_ip: 4,
            max_per_subnet: 16,
            max_pending: 32,
            max_handshakes: 50,
            max_handshake_burst: 128,
            max_handshakes_per_ip: 4,
            max_handshake_burst_per_ip: 8,
            max_frame_len: 4 << 20,
            max_handshake_len: 4 << 10,
            max_packets: 1_024,
            max_backlog_len: 8 << 20,
            connect_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(20),
            linger_timeout: Duration::from_secs(5),
            locate_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_secs(15),
            ping_timeout: Duration::from_secs(30),
            legacy_ping_interval: Duration::from_secs(60),
            max_requests: 1_024,
            max_seen_len: 64 << 20,
            history_time: Duration::from_secs(60),
            max_history_len: 16 << 20,
            max_catch_up_rate: 4 << 20,
            max_memory: 256 << 20,
            progress_len: 4 << 10,
            progress_interval: Duration::from_secs(5),
            frame_timeout: Duration::from_secs(60),
            max_unpack_rate: 16 << 20,
            max_read_rate: 0,
            max_message_rate: 0,
            max_explained_count: 1_024,
        }
    }
}

impl Limits {
    /// Limits for a network in which many may be hostile: the fixed rates of `max_read_rate` and
    /// `max_message_rate`, half of the places for whoever has not introduced itself, half of the
    /// handshakes from one address, a quarter of the memory of messages, and half of all memory. What
    /// the whole mesh must agree on, `max_frame_len` and `max_packets`, is as in the defaults.
    ///
    /// A mesh whose nodes send more than 500 messages a second, all in all, is slowed down to that.
    #[must_use]
    pub fn strict() -> Self {
        Self {
            max_pending: 16,
            max_handshakes_per_ip: 2,
            max_handshake_burst_per_ip: 4,
            max_backlog_len: 4 << 20,
            max_seen_len: 16 << 20,
            max_memory: 128 << 20,
            max_read_rate: 8 << 20,
            max_message_rate: 500,
            ..Self::default()
        }
    }

    /// How long an ending connection may take that gets on: as long as what waits for a neighbor
    /// takes at most on the slowest link on which the longest message is let through. By default two
    /// minutes.
    pub(super) fn leave_timeout(&self) -> Duration {
        let longest = self.max_backlog_len.div_ceil(self.max_frame_len.max(1));
        let count = u32::try_from(longest).unwrap_or(u32::MAX);
        self.frame_timeout.saturating_mul(count).max(self.linger_timeout)
    }

    /// From how much memory on the node reads less.
    pub(super) fn pressure_len(&self) -> usize {
        self.max_memory / 5 * 4
    }

    /// Below how much memory it reads as before again.
    pub(super) fn relief_len(&self) -> usize {
        self.max_memory / 4 * 3
    }

    /// Whether a node can live within these limits that encrypts nothing; under encryption it may need
    /// more `max_memory`: see [`Config::check`](super::Config::check).
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the first field out of its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.check_ranges()?;
        self.check_memory(CONNECTION_LEN)
    }

    /// Whether each is in its range, and they go together, but for the memory that they need.
    pub(super) fn check_ranges(&self) -> Result<(), ConfigError> {
        let mut limits = self.clone();
        for number in &NUMBERS {
            let Number { name: field, min, max, .. } = *number;
            let value = *(number.field)(&mut limits);
            if value < min {
                return Err(ConfigError::TooSmall { field, min });
            }
            if value > max {
                return Err(ConfigError::TooLarge { field, max });
            }
        }
        for time in &TIMES {
            let (field, value) = (time.name, *(time.field)(&mut limits));
            if value < MIN_TIME {
                return Err(ConfigError::TooShort { field, min: MIN_TIME });
            }
            if value > MAX_TIME {
                return Err(ConfigError::TooLong { field, max: MAX_TIME });
            }
        }
        if self.max_backlog_len < self.max_frame_len {
            let min = self.max_frame_len;
            return Err(ConfigError::TooSmall { field: "max_backlog_len", min });
        }
        Ok(())
    }

    /// Whether there is enough memory for connections that take so much each.
    pub(super) fn check_memory(&self, connection_len: usize) -> Result<(), ConfigError> {
        let min = self.least_memory(connection_len);
        let is_enough = self.max_memory >= min;
        if is_enough { Ok(()) } else { Err(ConfigError::TooSmall { field: "max_memory", min }) }
    }

    /// See [`Config::least_memory`](super::Config::least_memory).
    pub(super) fn least_memory(&self, connection_len: usize) -> usize {
        let connections = self.max_incoming.saturating_add(self.max_outgoing);
        let parts = [
            self.max_seen_len,
            self.max_seen_len,
            self.max_history_len,
            Explained::most_memory(self.max_explained_count),
            Requests::most_memory(self.max_requests),
            connections.saturating_mul(connection_len),
            self.max_backlog_len,
            self.max_frame_len.saturating_mul(4),
        ];
        let sum = parts.into_iter().fold(0, usize::saturating_add);
        (sum / 3).saturating_mul(4).saturating_add(4)
    }
}

/// For records of nodes: every limit by its name, as a number. Times are in nanoseconds.
#[cfg(feature = "sim")]
impl Limits {
    pub(crate) fn by_name(&self) -> Vec<(&'static str, u64)> {
        let mut limits = self.clone();
        let mut all = Vec::new();
        for Number { name, field, .. } in &NUMBERS {
            all.push((*name, u64::try_from(*field(&mut limits)).unwrap_or(u64::MAX)));
        }
        for Time { name, field } in &TIMES {
            let nanos = u64::try_from(field(&mut limits).as_nanos());
            all.push((*name, nanos.unwrap_or(u64::MAX)));
        }
        all
    }

    /// Sets one by its name. Returns whether there is one, and it can hold the value.
    pub(crate) fn set(&mut self, name: &str, value: u64) -> bool {
        if let Some(number) = NUMBERS.iter().find(|number| number.name == name) {
            let Ok(value) = usize::try_from(value) else { return false };
            *(number.field)(self) = value;
            return true;
        }
        let time = TIMES.iter().find(|time| time.name == name);
        time.is_some_and(|time| {
            *(time.field)(self) = Duration::from_nanos(value);
            true
        })
    }
}

/// A limit that is a number, and the range that it may be chosen from.
struct Number {
    name: &'static str,
    field: fn(&mut Limits) -> &mut usize,
    min: usize,
    max: usize,
}

/// A limit that is a time, from [`MIN_TIME`] to [`MAX_TIME`].
struct Time {
    name: &'static str,
    field: fn(&mut Limits) -> &mut Duration,
}

/// More of anything than one process has descriptors for.
const MAX_COUNT: usize = 1 << 16;

/// More of anything a second than a machine has time for.
const MAX_RATE: usize = 1_000_000;

/// What the smallest values of the others ask for.
const MIN_MEMORY: usize = 188_420;

/// In less nothing can happen.
const MIN_TIME: Duration = Duration::from_millis(1);

/// Who waits longer waits for ever: that is no time limit any more. It also keeps sums of times far
/// from where they would overflow.
const MAX_TIME: Duration = Duration::from_secs(24 * 3_600);

const NUMBERS: [Number; 23] = [
    number("max_outgoing", |limits| &mut limits.max_outgoing, 0, MAX_COUNT),
    number("max_incoming", |limits| &mut limits.max_incoming, 1, MAX_COUNT),
    number("max_per_ip", |limits| &mut limits.max_per_ip, 1, MAX_COUNT),
    number("max_per_subnet", |limits| &mut limits.max_per_subnet, 1, MAX_COUNT),
    number("max_pending", |limits| &mut limits.max_pending, 1, MAX_COUNT),
    number("max_handshakes", |limits| &mut limits.max_handshakes, 1, MAX_RATE),
    number("max_handshake_burst", |limits| &mut limits.max_handshake_burst, 1, MAX_RATE),
    number("max_handshakes_per_ip", |limits| &mut limits.max_handshakes_per_ip, 1, MAX_RATE),
    number(
        "max_handshake_burst_per_ip",
        |limits| &mut limits.max_handshake_burst_per_ip,
        1,
        MAX_RATE,
    ),
    number("max_frame_len", |limits| &mut limits.max_frame_len, 1 << 10, 64 << 20),
    number("max_handshake_len", |limits| &mut limits.max_handshake_len, 1 << 10, 1 << 20),
    number("max_packets", |limits| &mut limits.max_packets, 16, 1 << 20),
    number("max_backlog_len", |limits| &mut limits.max_backlog_len, 1 << 10, 1 << 30),
    number("max_requests", |limits| &mut limits.max_requests, 1, MAX_COUNT),
    number("max_seen_len", |limits| &mut limits.max_seen_len, 64 << 10, 1 << 30),
    number("max_history_len", |limits| &mut limits.max_history_len, 0, 1 << 30),
    number("max_catch_up_rate", |limits| &mut limits.max_catch_up_rate, 1 << 10, 1 << 30),
    // As much as can be addressed.
    number("max_memory", |limits| &mut limits.max_memory, MIN_MEMORY, usize::MAX / 2),
    number("progress_len", |limits| &mut limits.progress_len, 1, 1 << 20),
    number("max_unpack_rate", |limits| &mut limits.max_unpack_rate, 0, 1 << 30),
    number("max_read_rate", |limits| &mut limits.max_read_rate, 0, 1 << 30),
    number("max_message_rate", |limits| &mut limits.max_message_rate, 0, MAX_RATE),
    number("max_explained_count", |limits| &mut limits.max_explained_count, 0, MAX_COUNT),
];

const TIMES: [Time; 11] = [
    Time { name: "connect_timeout", field: |limits| &mut limits.connect_timeout },
    Time { name: "handshake_timeout", field: |limits| &mut limits.handshake_timeout },
    Time { name: "stall_timeout", field: |limits| &mut limits.stall_timeout },
    Time { name: "linger_timeout", field: |limits| &mut limits.linger_timeout },
    Time { name: "locate_timeout", field: |limits| &mut limits.locate_timeout },
    Time { name: "ping_interval", field: |limits| &mut limits.ping_interval },
    Time { name: "ping_timeout", field: |limits| &mut limits.ping_timeout },
    Time { name: "legacy_ping_interval", field: |limits| &mut limits.legacy_ping_interval },
    Time { name: "history_time", field: |limits| &mut limits.history_time },
    Time { name: "progress_interval", field: |limits| &mut limits.progress_interval },
    Time { name: "frame_timeout", field: |limits| &mut limits.frame_timeout },
];

const fn number(
    name: &'static str,
    field: fn(&mut Limits) -> &mut usize,
    min: usize,
    max: usize,
) -> Number {
    Number { name, field, min, max }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Limits in which one number is set, and those that have to follow it do.
    fn with(number: &Number, value: usize) -> Limits {
        let mut limits = Limits::default();
        *(number.field)(&mut limits) = value;
        match number.name {
            "max_frame_len" => limits.max_backlog_len = limits.max_backlog_len.max(value),
            "max_backlog_len" => {
                limits.max_frame_len = limits.max_frame_len.min(value.max(1 << 10))
            }
            "max_memory" => {
                let least = Limits { max_memory: value, ..least() };
                limits = if value < Limits::default().max_memory { least } else { limits };
            }
            _ => {}
        }
        if number.name != "max_memory" {
            limits.max_memory = limits.max_memory.max(limits.least_memory(CONNECTION_LEN));
        }
        limits
    }

    /// The limits that ask for the least memory.
    fn least() -> Limits {
        let (max_frame_len, max_backlog_len, max_seen_len) = (1 << 10, 1 << 10, 64 << 10);
        let mut limits = Limits { max_frame_len, max_backlog_len, ..Limits::default() };
        (limits.max_seen_len, limits.max_history_len) = (max_seen_len, 0);
        (limits.max_incoming, limits.max_outgoing, limits.max_requests) = (1, 0, 1);
        limits.max_explained_count = 0;
        Limits { max_memory: limits.least_memory(CONNECTION_LEN), ..limits }
    }

    #[test]
    fn the_defaults_hold_and_each_number_holds_at_both_ends_of_its_range_and_no_further() {
        assert_eq!(Limits::default().check(), Ok(()));
        for number in &NUMBERS {
            let Number { name: field, min, max, .. } = *number;
            assert_eq!(with(number, min).check(), Ok(()), "{field}");
            assert_eq!(with(number, max).check(), Ok(()), "{field}");
            if let Some(less) = min.checked_sub(1) {
                let too_small = ConfigError::TooSmall { field, min };
                assert_eq!(with(number, less).check(), Err(too_small));
            }
            let too_large = ConfigError::TooLarge { field, max };
            assert_eq!(with(number, max + 1).check(), Err(too_large));
        }
    }

    #[test]
    fn each_time_holds_at_both_ends_of_its_range_and_no_further() {
        let nano = Duration::from_nanos(1);
        for time in &TIMES {
            let (field, of) = (time.name, time.field);
            let with = |time: Duration| {
                let mut limits = Limits::default();
                *of(&mut limits) = time;
                limits.check()
            };
            assert_eq!((with(MIN_TIME), with(MAX_TIME)), (Ok(()), Ok(())), "{field}");
            let too_short = ConfigError::TooShort { field, min: MIN_TIME };
            assert_eq!(with(MIN_TIME - nano), Err(too_short));
            let too_long = ConfigError::TooLong { field, max: MAX_TIME };
            assert_eq!(with(MAX_TIME + nano), Err(too_long));
            assert_eq!(with(Duration::MAX), Err(too_long));
        }
    }

    #[test]
    fn every_limit_is_in_a_table() {
        // The names of all fields, as the derived text has them.
        let text = format!("{:?}", Limits::default());
        let fields = text.split(['{', ',']).filter_map(|part| part.split_once(": "));
        let fields: Vec<_> = fields.map(|(name, _)| name.trim().to_owned()).collect();
        let mut known: Vec<_> = NUMBERS.iter().map(|number| number.name).collect();
        known.extend(TIMES.iter().map(|time| time.name));
        assert_eq!(fields.len(), known.len());
        assert!(fields.iter().all(|field| known.contains(&field.as_str())), "{fields:?}");
    }

    #[test]
    fn t44_the_sum_of_what_the_other_limits_allow_fits_into_all_memory() {
        for limits in [least(), Limits::default(), Limits::strict()] {
            let min = limits.least_memory(CONNECTION_LEN);
            assert!(limits.max_memory >= min, "{limits:?}");
            assert_eq!(Limits { max_memory: min, ..limits.clone() }.check(), Ok(()));
            let too_small = ConfigError::TooSmall { field: "max_memory", min };
            assert_eq!(Limits { max_memory: min - 1, ..limits }.check(), Err(too_small));
        }
        assert_eq!(least().least_memory(CONNECTION_LEN), MIN_MEMORY);
        assert_eq!(
            [CONNECTION_LEN, 36 << 10]
                .map(|len| Limits::default().least_memory(len).div_ceil(1 << 20)),
            [234, 239],
            "as the docs say"
        );
    }

    #[test]
    fn a_backlog_has_room_for_the_longest_frame() {
        let limits = Limits { max_backlog_len: (4 << 20) - 1, ..Limits::default() };
        let too_small = ConfigError::TooSmall { field: "max_backlog_len", min: 4 << 20 };
        assert_eq!(limits.check(), Err(too_small));
    }
}
