//! A node that lives again by its record.

use std::collections::VecDeque;
use std::fmt;

use super::header::{FIRST_LINE, Header};
use super::line::{Line, LineKind, What};
use super::out::output_text;
use crate::error::ConfigError;
use crate::node::Node;
use crate::time::Instant;

/// The longest line that is read, in bytes: the longest message that a node may be given to send,
/// in hexadecimal digits, and some.
pub const MAX_LINE_LEN: usize = 130 << 20;

/// The most outputs that may come from a node and are not in the record yet.
const MAX_AHEAD: usize = 1 << 16;

/// Reads a record line by line, and turns its node again where that can be had.
///
/// ```
/// use rs2p::record::Replay;
///
/// let mut replay = Replay::new();
/// for line in ["rs2p record 1", "seed 0000000000000000000000000000000000000000000000000000000000000000"] {
///     replay.feed(line)?;
/// }
/// replay.feed("0.000000ms n0 call add_seed 127.0.0.1:4444")?;
/// replay.feed("0.000000ms n0 c1 dial 127.0.0.1:4445")?;
/// let difference = replay.difference().unwrap();
/// assert_eq!(difference.now.as_deref(), Some("c1 dial 127.0.0.1:4444"));
/// # Ok::<(), rs2p::record::ReplayError>(())
/// ```
#[derive(Debug)]
pub struct Replay {
    header: Header,
    /// `None` before the head is over, and where the node cannot be had.
    node: Option<Node>,
    has_begun: bool,
    line: u64,
    now: Instant,
    number: Option<u64>,
    /// What the node has put out and the record has not told yet.
    ahead: VecDeque<String>,
    difference: Option<Difference>,
    compared: u64,
    lost: u64,
}

/// The first output that is another than in the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The line of the record, from 1.
    pub line: u64,
    /// When.
    pub at: Instant,
    /// What the record has; `None` where it has nothing more.
    pub recorded: Option<String>,
    /// What the node puts out now; `None` where that is nothing.
    pub now: Option<String>,
}

/// What a line was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// A part of the head.
    Head,
    /// Something that happened, at this instant.
    Line(LineKind, Instant),
}

/// A record that cannot be read, by the number of the line from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayError {
    /// Which line.
    pub line: u64,
    /// What is wrong with it.
    pub fault: ReplayFault,
}

/// What is wrong with a line of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplayFault {
    /// The first line is not that of a record that this version reads.
    NotARecord,
    /// It is none that a record has.
    NoSuchLine,
    /// It is of another node than those before.
    OtherNode,
    /// It is longer than [`MAX_LINE_LEN`].
    TooLong,
    /// The head makes no node.
    Config(ConfigError),
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        match &self.fault {
            ReplayFault::NotARecord => write!(f, "a record begins with `{FIRST_LINE}`"),
            ReplayFault::NoSuchLine => f.write_str("this is no line of a record"),
            ReplayFault::OtherNode => f.write_str("it is of another node than the lines before"),
            ReplayFault::TooLong => write!(f, "it is longer than {MAX_LINE_LEN} bytes"),
            ReplayFault::Config(error) => write!(f, "the lines before make no node: {error}"),
        }
    }
}

impl std::error::Error for ReplayError {}

impl Default for Replay {
    fn default() -> Self {
        Self::new()
    }
}

impl Replay {
    /// Before the first line of a record.
    pub fn new() -> Self {
        Self {
            header: Header::empty(),
            node: None,
            has_begun: false,
            line: 0,
            now: Instant::ZERO,
            number: None,
            ahead: VecDeque::new(),
            difference: None,
            compared: 0,
            lost: 0,
        }
    }

    /// Takes the next line, without its end.
    ///
    /// # Errors
    ///
    /// [`ReplayError`]; nothing more can be read then.
    pub fn feed(&mut self, text: &str) -> Result<Turn, ReplayError> {
        self.line += 1;
        self.take(text).map_err(|fault| ReplayError { line: self.line, fault })
    }

    fn take(&mut self, text: &str) -> Result<Turn, ReplayFault> {
        if text.len() > MAX_LINE_LEN {
            return Err(ReplayFault::TooLong);
        }
        if self.line == 1 {
            return if text == FIRST_LINE { Ok(Turn::Head) } else { Err(ReplayFault::NotARecord) };
        }
        if !self.has_begun && !text.starts_with(|first: char| first.is_ascii_digit()) {
            return self.header.read(text).map(|()| Turn::Head).ok_or(ReplayFault::NoSuchLine);
        }
        let line = Line::parse(text).ok_or(ReplayFault::NoSuchLine)?;
        if !self.has_begun {
            self.begin()?;
        }
        if *self.number.get_or_insert(line.node) != line.node {
            return Err(ReplayFault::OtherNode);
        }
        self.now = line.at;
        let kind = line.kind();
        self.turn(line);
        Ok(Turn::Line(kind, self.now))
    }

    /// The head is over, whether more lines follow or not: makes the node, if that was not done
    /// before.
    ///
    /// # Errors
    ///
    /// [`ReplayFault::Config`] where the head makes none.
    pub fn end_head(&mut self) -> Result<(), ReplayError> {
        let begun = if self.has_begun { Ok(()) } else { self.begin() };
        begun.map_err(|fault| ReplayError { line: self.line, fault })
    }

    fn begin(&mut self) -> Result<(), ReplayFault> {
        self.has_begun = true;
        self.now = self.header.started();
        if self.header.obstacle().is_none() {
            self.node = Some(self.header.make().map_err(ReplayFault::Config)?);
            self.drain();
        }
        Ok(())
    }

    fn turn(&mut self, line: Line) {
        let now = line.at;
        match (line.what, &mut self.node) {
            (What::Output(text), _) => self.compare(text),
            // What comes now follows from something that the record has not.
            (What::Lost(count), node) => {
                self.lost += count.max(1);
                *node = None;
                self.ahead.clear();
            }
            (_, None) => {}
            (What::Input(given), Some(node)) => {
                node.handle_input(now, given.as_input());
                self.drain();
            }
            (What::Call(call), Some(node)) => {
                call.apply(node, now);
                self.drain();
            }
        }
    }

    fn drain(&mut self) {
        let Some(node) = &mut self.node else { return };
        while let Some(output) = node.poll_output() {
            if self.difference.is_none() {
                self.ahead.push_back(output_text(&output, self.header.is_redacted));
            }
        }
        if self.ahead.len() > MAX_AHEAD {
            self.differ(None);
        }
    }

    fn compare(&mut self, recorded: String) {
        if self.node.is_none() || self.difference.is_some() {
            return;
        }
        if self.ahead.front() == Some(&recorded) {
            self.ahead.pop_front();
            self.compared += 1;
        } else {
            self.differ(Some(recorded));
        }
    }

    fn differ(&mut self, recorded: Option<String>) {
        let now = self.ahead.pop_front();
        self.ahead.clear();
        self.difference = Some(Difference { line: self.line, at: self.now, recorded, now });
    }

    /// The record has no more lines: what the node has put out since the last is not in it. Nor is
    /// it in the record of a node that was ended in the midst of something, so that this is told
    /// and is no difference.
    pub fn left(&self) -> usize {
        self.ahead.len()
    }

    /// The node as it is now; `None` before the head is over, and where it cannot be had.
    pub fn node(&self) -> Option<&Node> {
        self.node.as_ref()
    }

    /// Why there is no node; `None` where there is one, or will be.
    pub fn obstacle(&self) -> Option<&'static str> {
        if self.lost > 0 { Some("the record has a hole") } else { self.header.obstacle() }
    }

    /// Why the node may decide otherwise than in its life, though nothing is wrong.
    pub fn doubts(&self) -> impl Iterator<Item = &'static str> {
        self.header.doubts()
    }

    /// The first output that is another than in the record.
    pub fn difference(&self) -> Option<&Difference> {
        self.difference.as_ref()
    }

    /// How many outputs were the same.
    pub fn compared(&self) -> u64 {
        self.compared
    }

    /// How many lines the writer has left out.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// The number of the last line, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The instant of the last line, or that at which the node began where there is none yet.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The mesh and the encryption of the node.
    pub fn protocol(&self) -> &crate::wire::Protocol {
        &self.header.config.protocol
    }
}
