//! Doing what the node wants done.

use super::Daemon;
use super::stream::Stream;
use super::waiting::DialFailure;
use crate::error::CloseReason;
use crate::event::Event;
use crate::node::{CloseMode, Output};

impl Daemon {
    /// Does what the node wants done, but for the writing, which is done in one go later.
    pub(super) fn carry_out(&mut self) {
        loop {
            while let Some(output) = self.node.poll_output() {
                self.carry_out_output(output);
            }
            if !self.deliver() {
                return;
            }
        }
    }

    /// Gives the user what has come for it meanwhile. Returns whether the node has been told that no
    /// more may come.
    fn deliver(&mut self) -> bool {
        if self.deliveries.is_empty() {
            return false;
        }
        let is_full = self.inbox.push_all(std::mem::take(&mut self.deliveries));
        let is_news = is_full && !self.is_full;
        if is_news {
            self.is_full = true;
            self.node.hold_deliveries(self.clock.now());
        }
        is_news
    }

    fn carry_out_output(&mut self, output: Output) {
        match output {
            Output::Dial { conn, addr } => match Stream::dial(addr) {
                Ok(stream) => self.add(conn, stream),
                Err(error) => self.report_closed(conn, Some(error.into())),
            },
            Output::Transmit { conn, data } => {
                if let Some(stream) = self.streams.get_mut(&conn) {
                    stream.push(data);
                    self.writable.insert(conn);
                }
            }
            Output::PauseRead { conn } => {
                self.paused.insert(conn);
            }
            Output::ResumeRead { conn } => {
                self.paused.remove(conn);
                // The poller does not repeat what it said while the connection was paused.
                self.readable.insert(conn);
            }
            Output::HoldRead { conn } => {
                self.held.insert(conn);
            }
            Output::ReleaseRead { conn } => {
                self.held.remove(conn);
                self.readable.insert(conn);
            }
            Output::Close { conn, mode: CloseMode::Abort } => self.remove(conn),
            Output::Close { conn, mode: CloseMode::Flush } => {
                if let Some(stream) = self.streams.get_mut(&conn) {
                    stream.finish();
                    self.writable.insert(conn);
                }
            }
            #[cfg(feature = "rsa")]
            Output::MakeRsaKey => self.key_maker.order(&self.handle),
            Output::Event(event) => self.pass_on(event),
        }
    }

    /// Gives an event to whoever waits for it.
    fn pass_on(&mut self, event: Event) {
        match &event {
            Event::Message(_) | Event::LoopHeldUp { .. } | Event::ClockSuspect { .. } => {}
            Event::PeerJoined(_) | Event::PeerLost { .. } => {
                self.peers.set(self.node.peer_count());
            }
            Event::Dialed { conn, id } => self.waiting.dialed(*conn, Ok(*id)),
            Event::DialFailed { conn, id: Some(id), reason: CloseReason::Duplicate, .. } => {
                self.waiting.dialed(*conn, Err(DialFailure::Known(*id)));
            }
            Event::DialFailed { conn, reason, .. } => {
                self.waiting.dialed(*conn, Err(DialFailure::Closed(*reason)));
            }
            Event::LocateDone { request_id, outcome } => {
                self.waiting.located(request_id, outcome.clone());
            }
            Event::WhisperDone { request_id, outcome } => {
                self.waiting.whispered(request_id, *outcome);
            }
        }
        match event {
            Event::Message(delivery) => {
                let len = delivery.message.packets().body().len();
                self.deliveries.push((delivery, len));
            }
            event => {
                self.events.push(event, 0);
            }
        }
    }
}
