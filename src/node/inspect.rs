//! A node's connections and timers as they stand, for whoever looks into one that has lived: the
//! simulator, and a replay.

use std::net::SocketAddr;

use super::Node;
use super::connection::Phase;
use crate::conn_id::ConnId;
use crate::event::Direction;
use crate::time::Instant;
use crate::wire::{NodeId, Origin};

/// One connection, from the start of a dial to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionView {
    /// Its name.
    pub conn: ConnId,
    /// The other end.
    pub addr: SocketAddr,
    /// Who dialled.
    pub direction: Direction,
    /// How far it is, in a word.
    pub phase: &'static str,
    /// Who is at the other end, as far as it told.
    pub id: Option<NodeId>,
    /// The bytes that wait to be sent.
    pub backlog_len: usize,
    /// The bytes that have arrived and wait for a turn, or for the rest of their frame.
    pub unread_len: usize,
    /// Whether the driver was asked to read no more for now.
    pub is_paused: bool,
    /// When the driver last took bytes for it, or it was opened.
    pub last_progress: Instant,
}

/// The node's own bounds, for whoever checks that it keeps to them.
pub(crate) mod bounds {
    pub(crate) use super::super::book::{MAX_NEW, MAX_TRIED};
    pub(crate) use super::super::echo::WINDOW as ECHO_WINDOW;
    pub(crate) use super::super::explained::MAX_LEN as MAX_EXPLAINED_LEN;
    pub(crate) use super::super::records::MAX_PEERS as MAX_RECORDS;
    pub(crate) use super::super::requests::MAX_DIALS;
    pub(crate) use super::super::seen::{MAX_AGE, MAX_AHEAD};
    pub(crate) use super::super::timer::{KINDS, KINDS_OF_CONNECTION};
}

impl Node {
    /// Every connection, in the order in which they were made.
    pub fn connection_views(&self) -> impl Iterator<Item = ConnectionView> {
        self.connections.iter().map(|(conn, connection)| {
            let closing = if let Phase::Closing(id) = &connection.phase { *id } else { None };
            let unread = connection.unread.as_ref().map_or(0, bytes::Bytes::len);
            ConnectionView {
                conn: *conn,
                addr: connection.addr,
                direction: connection.direction,
                phase: word_of(&connection.phase),
                id: closing.or_else(|| connection.known_id()),
                backlog_len: connection.backlog_len,
                unread_len: unread + connection.sealed.len() + connection.decoder.buffered_len(),
                is_paused: connection.is_paused,
                last_progress: connection.last_progress,
            }
        })
    }

    /// The number of the last broadcast that the user has had sent, where they have any.
    pub(crate) fn last_number(&self) -> Option<Origin> {
        let origin = Origin { incarnation: self.incarnation, sequence: self.last_sequence };
        self.config.extension.then_some(origin)
    }

    /// How many connections this node has ended that are not gone yet.
    pub(crate) fn closing_count(&self) -> usize {
        self.connections.values().filter(|connection| connection.is_closing()).count()
    }

    /// The timers that are set, the first due first, each in words.
    pub fn timer_views(&self) -> impl Iterator<Item = (Instant, String)> {
        self.timers.iter().map(|(at, timer)| (at, timer.to_string()))
    }
}

fn word_of(phase: &Phase) -> &'static str {
    match phase {
        Phase::Dialing => "dialing",
        Phase::Probing(_) => "probing",
        Phase::Opening => "opening",
        Phase::Holding(_) => "holding",
        Phase::Parked(_) => "parked",
        Phase::Established(_) => "established",
        Phase::Retiring(_) => "retiring",
        Phase::Closing(_) => "closing",
    }
}
