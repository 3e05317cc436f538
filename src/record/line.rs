//! The lines of a record: when, which node, what.

use std::fmt::Write;

use super::call::Call;
use super::given::{Given, wall_text};
use super::out::is_output;
use super::words::Hex;
use crate::node::Input;
use crate::time::Instant;

/// One line behind the head of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it happened, on the node's time line.
    pub at: Instant,
    /// Which node of those that were recorded together.
    pub node: u64,
    pub(super) what: What,
}

/// What a line tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    Input(Given),
    Call(Call),
    Output(String),
    Lost(u64),
}

/// Of which kind a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LineKind {
    /// Something happened outside the node.
    Input,
    /// A user, or the driver, called it.
    Call,
    /// The node wants something done, or tells of something.
    Output,
    /// The writer could not keep up, and left lines out.
    Lost,
}

impl Line {
    /// Reads a line; `None` where it is none.
    ///
    /// ```
    /// use rs2p::record::{Line, LineKind};
    ///
    /// let line = Line::parse("5.120000ms n1 c3 sent 24b");
    /// assert_eq!(line.map(|line| line.kind()), Some(LineKind::Input));
    /// assert_eq!(Line::parse("5.12ms n1 c3 sent many"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ' ');
        let at = read_instant(parts.next()?)?;
        let node = parts.next()?.strip_prefix('n')?.parse().ok()?;
        let rest = parts.next()?;
        let what = if let Some(call) = rest.strip_prefix("call ") {
            What::Call(Call::parse(call)?)
        } else if let Some(count) = rest.strip_prefix("lost ") {
            What::Lost(count.parse().ok()?)
        } else if let Some(given) = Given::parse(rest) {
            What::Input(given)
        } else {
            is_output(rest).then(|| What::Output(rest.to_owned()))?
        };
        Some(Self { at, node, what })
    }

    /// Of which kind it is.
    pub fn kind(&self) -> LineKind {
        match self.what {
            What::Input(_) => LineKind::Input,
            What::Call(_) => LineKind::Call,
            What::Output(_) => LineKind::Output,
            What::Lost(_) => LineKind::Lost,
        }
    }
}

/// When, and which node.
pub(crate) fn start_of(line: &mut String, at: Instant, node: u64) {
    const MILLI: u64 = 1_000_000;

    let nanos = at.as_nanos();
    // Writing to a text cannot fail.
    let _ = write!(line, "{}.{:06}ms n{node} ", nanos / MILLI, nanos % MILLI);
}

/// What a node was told.
pub(crate) fn input_line(line: &mut String, input: Input<'_>) {
    let _ = match input {
        Input::Connected { conn } => write!(line, "{conn} connected"),
        Input::SelfConnected { conn } => write!(line, "{conn} self-connected"),
        Input::Received { conn, data } => {
            write!(line, "{conn} in {}b {}", data.len(), Hex(data))
        }
        Input::Continue { conn } => write!(line, "{conn} continue"),
        Input::Sent { conn, len } => write!(line, "{conn} sent {len}b"),
        Input::Ended { conn } => write!(line, "{conn} ended"),
        Input::Closed { conn, error: None } => write!(line, "{conn} closed"),
        Input::Closed { conn, error: Some(error) } => write!(line, "{conn} closed: {error}"),
        Input::ClockSet { wall } => write!(line, "clock {}", wall_text(wall)),
        Input::Timeout => write!(line, "timeout"),
    };
}

/// Reads `5.120000ms`, or with fewer digits, as the simulator writes it.
fn read_instant(text: &str) -> Option<Instant> {
    let (millis, rest) = text.strip_suffix("ms")?.split_once('.')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    if rest.len() > 6 || !is_number(rest) || !is_number(millis) {
        return None;
    }
    let rest: u64 = format!("{rest:0<6}").parse().ok()?;
    let nanos = millis.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(rest)?;
    Some(Instant::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conn_id::ConnId;
    use crate::time::UnixTime;

    #[test]
    fn every_input_is_read_as_it_was_written() {
        let conn = ConnId::from_number(3);
        for input in [
            Input::Connected { conn },
            Input::SelfConnected { conn },
            Input::Received { conn, data: b"\0\xff" },
            Input::Received { conn, data: b"" },
            Input::Continue { conn },
            Input::Sent { conn, len: 77 },
            Input::Ended { conn },
            Input::Closed { conn, error: None },
            Input::Closed { conn, error: Some(std::io::ErrorKind::ConnectionReset.into()) },
            Input::Closed { conn, error: Some(std::io::Error::from_raw_os_error(104).into()) },
            Input::ClockSet { wall: UnixTime::from_secs(7) + std::time::Duration::from_nanos(9) },
            Input::Timeout,
        ] {
            let at = Instant::from_nanos(5_120_347);
            let mut text = String::new();
            start_of(&mut text, at, 2);
            input_line(&mut text, input);
            let read = Line::parse(&text);
            assert_eq!(read, Some(Line { at, node: 2, what: What::Input(input.into()) }), "{text}");
        }
    }

    #[test]
    fn the_lines_of_the_simulator_are_read_where_both_say_the_same() {
        for (text, kind) in [
            ("5.120ms n1 c4 out 24b", LineKind::Output),
            ("5.120ms n1 c4 closed: connection reset", LineKind::Input),
            ("5.120ms n1 event lost aB3: closed by the peer", LineKind::Output),
            ("5.120ms n1 c4 abort", LineKind::Output),
        ] {
            assert_eq!(Line::parse(text).map(|line| line.kind()), Some(kind), "{text}");
        }
    }

    #[test]
    fn what_is_no_line_is_refused() {
        for bad in [
            "",
            "5ms n1 timeout",
            "-1.0ms n1 timeout",
            "5.1234567ms n1 timeout",
            "99999999999999999999.0ms n1 timeout",
            "5.0ms 1 timeout",
            "5.0ms n1",
            "5.0ms n1 timeout now",
            "5.0ms n1 c3 in 3b 0000",
            "5.0ms n1 c3 in 2b 000",
            "5.0ms n1 c3 sent b",
            "5.0ms n1 cx sent 3b",
            "5.0ms n1 clock 5.5",
            "5.0ms n1 lost",
            "5.0ms n1 world on fire",
        ] {
            assert_eq!(Line::parse(bad), None, "{bad}");
        }
    }
}
