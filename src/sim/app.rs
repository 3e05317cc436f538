//! Programs that run on simulated nodes.

use std::time::Duration;

use super::content::Header;
use super::ledger::Ledger;
use crate::error::SendError;
use crate::event::{Event, SendReport};
use crate::node::{Node, Whispered};
use crate::time::Instant;
use crate::wire::{NodeId, RequestId};

/// A program on one node of a [`World`](super::World). Its state is its own.
pub trait App {
    /// Something has happened in the mesh around the node.
    fn on_event(&mut self, context: &mut Context<'_>, event: Event);

    /// A time that [`Context::wake_after`] asked for has come.
    fn on_wake(&mut self, _context: &mut Context<'_>) {}
}

/// What a program can do when something happens.
#[derive(Debug)]
pub struct Context<'a> {
    node: &'a mut Node,
    now: Instant,
    ledger: &'a mut Ledger,
    pub(super) wake_at: Option<Instant>,
    /// What it has asked the node to find out.
    pub(super) asked: Vec<RequestId>,
}

impl<'a> Context<'a> {
    pub(super) fn new(node: &'a mut Node, now: Instant, ledger: &'a mut Ledger) -> Self {
        Self { node, now, ledger, wake_at: None, asked: Vec::new() }
    }

    /// The node.
    pub fn node(&self) -> &Node {
        self.node
    }

    /// The instant at which this happens.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Sends packets to everybody: see [`Node::broadcast`].
    ///
    /// # Errors
    ///
    /// The node's.
    pub fn broadcast<P: AsRef<[u8]>>(&mut self, packets: &[P]) -> Result<SendReport, SendError> {
        let report = self.node.broadcast(self.now, packets)?;
        let header = Header::of_user(self.node.id(), None, packets);
        let (times, number) = ((self.now, self.node.wall(self.now)), self.node.last_number());
        self.ledger.note_own(times, header, number, false);
        Ok(report)
    }

    /// Sends packets to one node: see [`Node::whisper`].
    ///
    /// # Errors
    ///
    /// The node's.
    pub fn whisper<P: AsRef<[u8]>>(
        &mut self,
        to: &NodeId,
        packets: &[P],
    ) -> Result<Whispered, SendError> {
        let whispered = self.node.whisper(self.now, to, packets)?;
        let header = Header::of_user(self.node.id(), Some(*to), packets);
        let times = (self.now, self.node.wall(self.now));
        self.ledger.note_own(times, header, None, false);
        if let Whispered::Locating(id) = whispered {
            self.asked.push(id);
        }
        Ok(whispered)
    }

    /// Asks for [`App::on_wake`] after this time.
    pub fn wake_after(&mut self, delay: Duration) {
        self.wake_at = Some(self.now + delay);
    }
}

/// A program that keeps what it is told.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    events: Vec<Event>,
}

impl Recorder {
    /// Everything that has happened, in order.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The messages received: of each the packet behind the sub-flag, as text.
    pub fn texts(&self) -> Vec<String> {
        let text = |event: &Event| match event {
            Event::Message(delivery) => {
                let packet = delivery.message.payload().nth(1).unwrap_or_default();
                Some(String::from_utf8_lossy(packet).into_owned())
            }
            _ => None,
        };
        self.events.iter().filter_map(text).collect()
    }
}

impl App for Recorder {
    fn on_event(&mut self, _context: &mut Context<'_>, event: Event) {
        self.events.push(event);
    }
}
