//! What happened outside a node, held as a value.

use std::io::ErrorKind;

use bytes::Bytes;

use super::words::read_hex;
use crate::conn_id::ConnId;
use crate::error::NetworkError;
use crate::node::Input;
use crate::time::UnixTime;

/// An [`Input`] that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// [`Input::Connected`].
    Connected(ConnId),
    /// [`Input::SelfConnected`].
    SelfConnected(ConnId),
    /// [`Input::Received`].
    Received(ConnId, Bytes),
    /// [`Input::Continue`].
    Continue(ConnId),
    /// [`Input::Sent`].
    Sent(ConnId, usize),
    /// [`Input::Ended`].
    Ended(ConnId),
    /// [`Input::Closed`].
    Closed(ConnId, Option<NetworkError>),
    /// [`Input::ClockSet`].
    ClockSet(UnixTime),
    /// [`Input::Timeout`].
    Timeout,
}

impl From<Input<'_>> for Given {
    fn from(input: Input<'_>) -> Self {
        match input {
            Input::Connected { conn } => Self::Connected(conn),
            Input::SelfConnected { conn } => Self::SelfConnected(conn),
            Input::Received { conn, data } => Self::Received(conn, Bytes::copy_from_slice(data)),
            Input::Continue { conn } => Self::Continue(conn),
            Input::Sent { conn, len } => Self::Sent(conn, len),
            Input::Ended { conn } => Self::Ended(conn),
            Input::Closed { conn, error } => Self::Closed(conn, error),
            Input::ClockSet { wall } => Self::ClockSet(wall),
            Input::Timeout => Self::Timeout,
        }
    }
}

impl Given {
    /// What a node is told.
    pub fn as_input(&self) -> Input<'_> {
        match self {
            Self::Connected(conn) => Input::Connected { conn: *conn },
            Self::SelfConnected(conn) => Input::SelfConnected { conn: *conn },
            Self::Received(conn, data) => Input::Received { conn: *conn, data },
            Self::Continue(conn) => Input::Continue { conn: *conn },
            Self::Sent(conn, len) => Input::Sent { conn: *conn, len: *len },
            Self::Ended(conn) => Input::Ended { conn: *conn },
            Self::Closed(conn, error) => Input::Closed { conn: *conn, error: *error },
            Self::ClockSet(wall) => Input::ClockSet { wall: *wall },
            Self::Timeout => Input::Timeout,
        }
    }

    /// Reads the text of an input; `None` where it is none. What a node is told by no driver, more
    /// bytes than one reads at once, is none either.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text == "timeout" {
            return Some(Self::Timeout);
        }
        if let Some(wall) = text.strip_prefix("clock ") {
            return read_wall(wall).map(Self::ClockSet);
        }
        let (conn, rest) = text.strip_prefix('c')?.split_once(' ')?;
        let conn = ConnId::from_number(conn.parse().ok()?);
        let (verb, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let given = match verb {
            "connected" => Self::Connected(conn),
            "self-connected" => Self::SelfConnected(conn),
            "continue" => Self::Continue(conn),
            "ended" => Self::Ended(conn),
            "closed" => Self::Closed(conn, None),
            "closed:" => return read_error(rest).map(|error| Self::Closed(conn, Some(error))),
            "sent" => return Some(Self::Sent(conn, rest.strip_suffix('b')?.parse().ok()?)),
            "in" => {
                let (len, hex) = rest.split_once(' ')?;
                let data = read_hex(hex)?;
                let is_whole = len.strip_suffix('b')?.parse() == Ok(data.len());
                return is_whole.then(|| Self::Received(conn, data.into()));
            }
            _ => return None,
        };
        rest.is_empty().then_some(given)
    }
}

/// Seconds and nanoseconds: `1700000000.000000000`.
pub(super) fn read_wall(text: &str) -> Option<UnixTime> {
    let (secs, nanos) = text.split_once('.')?;
    let nanos = (nanos.len() == 9).then(|| nanos.parse().ok())??;
    Some(UnixTime::from_epoch(std::time::Duration::new(secs.parse().ok()?, nanos)))
}

pub(super) fn wall_text(wall: UnixTime) -> String {
    let since = wall.since(UnixTime::default());
    format!("{}.{:09}", since.as_secs(), since.subsec_nanos())
}

/// The kinds of errors that have no number of the operating system, as the standard library makes
/// them for sockets.
const KINDS: [ErrorKind; 8] = [
    ErrorKind::ConnectionReset,
    ErrorKind::ConnectionRefused,
    ErrorKind::ConnectionAborted,
    ErrorKind::TimedOut,
    ErrorKind::WriteZero,
    ErrorKind::UnexpectedEof,
    ErrorKind::BrokenPipe,
    ErrorKind::NotConnected,
];

/// Reads `Connection reset by peer (os error 104)` by its number, or a text without one by its
/// kind.
fn read_error(text: &str) -> Option<NetworkError> {
    if let Some((_, code)) = text.rsplit_once("(os error ") {
        let code = code.strip_suffix(')')?.parse().ok()?;
        return Some(std::io::Error::from_raw_os_error(code).into());
    }
    let kind = KINDS.into_iter().find(|kind| kind.to_string() == text);
    Some(kind.unwrap_or(ErrorKind::Other).into())
}
