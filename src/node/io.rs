//! The words that a node and its driver speak.

use std::fmt;
use std::net::SocketAddr;

use bytes::Bytes;

use crate::conn_id::ConnId;
use crate::error::NetworkError;
use crate::event::Event;
use crate::time::UnixTime;

/// Something that happened outside a node.
///
/// Inputs about a connection that the node no longer has are ignored: the driver need not keep
/// the two in step.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A connection that the node dialled is open.
    Connected {
        /// Which one.
        conn: ConnId,
    },
    /// A connection that the node dialled leads to itself: both of its ends are one socket, which
    /// the operating system makes where a port that it has just chosen is dialled.
    SelfConnected {
        /// Which one.
        conn: ConnId,
    },
    /// Bytes arrived.
    Received {
        /// On which connection.
        conn: ConnId,
        /// The bytes, in the order and the pieces in which they came.
        data: &'a [u8],
    },
    /// The driver has had a turn for its other connections, and this one, which
    /// [`Output::PauseRead`] paused, may have one again.
    Continue {
        /// Which one.
        conn: ConnId,
    },
    /// The operating system took bytes that the node had transmitted.
    Sent {
        /// On which connection.
        conn: ConnId,
        /// How many.
        len: usize,
    },
    /// The peer has ended its sending side: nothing more will arrive, though it may still read.
    Ended {
        /// On which connection.
        conn: ConnId,
    },
    /// A connection is gone, or could not be opened.
    Closed {
        /// Which one.
        conn: ConnId,
        /// Why; `None` where both ends ended it in good order.
        error: Option<NetworkError>,
    },
    /// The calendar clock differs from what the node would compute, because it was set or the
    /// machine slept.
    ClockSet {
        /// What it shows now.
        wall: UnixTime,
    },
    /// The instant of [`Node::poll_timeout`](super::Node::poll_timeout) has come.
    Timeout,
}

/// Something for the driver to do. The order of outputs is part of their meaning.
#[derive(Clone, PartialEq, Eq)]
pub enum Output {
    /// Open a connection, and report [`Input::Connected`] or [`Input::Closed`].
    Dial {
        /// The name of the connection from now on.
        conn: ConnId,
        /// Where to.
        addr: SocketAddr,
    },
    /// Send bytes behind those transmitted before, and report them as [`Input::Sent`].
    Transmit {
        /// On which connection.
        conn: ConnId,
        /// The bytes. Other connections may share them.
        data: Bytes,
    },
    /// Read no more from a connection for now: the node holds as much of what arrived as it can
    /// take in one turn. Report [`Input::Continue`] once in every turn of the loop until
    /// [`Output::ResumeRead`].
    PauseRead {
        /// Which one.
        conn: ConnId,
    },
    /// Read from a paused connection again.
    ResumeRead {
        /// Which one.
        conn: ConnId,
    },
    /// Read no more from a connection until [`Output::ReleaseRead`], however long that takes: the
    /// node has no room for what would come, or is not to take it now. Asks for no turns, so the
    /// loop can sleep; one that is paused besides has its turns. What happens outside meanwhile need
    /// not be found out.
    HoldRead {
        /// Which one.
        conn: ConnId,
    },
    /// Read from a connection again that [`Output::HoldRead`] has stopped, unless it is paused.
    ReleaseRead {
        /// Which one.
        conn: ConnId,
    },
    /// Make an RSA key of 1,024 bits that nobody else has, away from the loop, and give it to
    /// [`Node::supply_rsa_key`](super::Node::supply_rsa_key). Each key is used for one connection.
    #[cfg(feature = "rsa")]
    MakeRsaKey,
    /// End a connection.
    Close {
        /// Which one.
        conn: ConnId,
        /// What becomes of the bytes under way.
        mode: CloseMode,
    },
    /// Tell the user.
    Event(Event),
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseMode {
    /// Send what was transmitted, end the sending side, go on reporting what arrives, and report
    /// [`Input::Closed`] once the peer has ended its side too.
    Flush,
    /// At once. Nothing more is reported.
    Abort,
}

/// Payload bytes do not belong in logs: they print as their length.
impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dial { conn, addr } => write!(f, "{conn} dial {addr}"),
            Self::Transmit { conn, data } => write!(f, "{conn} out {}b", data.len()),
            Self::PauseRead { conn } => write!(f, "{conn} pause"),
            Self::ResumeRead { conn } => write!(f, "{conn} resume"),
            Self::HoldRead { conn } => write!(f, "{conn} hold"),
            Self::ReleaseRead { conn } => write!(f, "{conn} release"),
            #[cfg(feature = "rsa")]
            Self::MakeRsaKey => write!(f, "make an RSA key"),
            Self::Close { conn, mode } => write!(f, "{conn} close {mode:?}"),
            Self::Event(event) => write!(f, "event {event:?}"),
        }
    }
}

/// Why a node does not take an incoming connection. Nothing is sent on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refused {
    /// It has as many incoming connections as it may have.
    TooManyIncoming,
    /// Its address has as many incoming connections as one may have.
    TooManyFromAddress,
    /// Its network has as many incoming connections as one may have.
    TooManyFromNetwork,
    /// Too many connections have not finished their handshakes.
    TooManyPending,
    /// Handshakes that cost work with keys come faster than it takes them.
    TooManyHandshakes,
    /// The address is not admitted.
    Denied,
    /// It is closing.
    Closed,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooManyIncoming => "too many incoming connections",
            Self::TooManyFromAddress => "too many connections from its address",
            Self::TooManyFromNetwork => "too many connections from its network",
            Self::TooManyPending => "too many connections without a handshake",
            Self::TooManyHandshakes => "too many handshakes a second",
            Self::Denied => "the address is not admitted",
            Self::Closed => "the node is closing",
        })
    }
}

impl std::error::Error for Refused {}
