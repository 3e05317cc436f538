//! What users ask of the loop.

use std::net::SocketAddr;
use std::time::Duration;

use super::answer::Asker;
use super::waiting::{SendOutcome, WaitingSend};
use super::{Daemon, Tapped};
use crate::error::{ConnectError, DialError, LocateError, SendError, WhisperError};
use crate::node::Whispered;
use crate::time::Instant;
use crate::wire::{Address, NodeId};

impl Daemon {
    /// The node, and the instant at which to call it.
    pub(crate) fn node(&mut self) -> (&mut Tapped, Instant) {
        let now = self.clock.now();
        (&mut self.node, now)
    }

    /// Dials, and lets `dialer` know what becomes of it.
    pub(crate) fn dial(&mut self, addr: SocketAddr, dialer: Asker<Result<NodeId, ConnectError>>) {
        if self.is_closing {
            return dialer.answer(Err(ConnectError::SocketClosed));
        }
        let now = self.clock.now();
        match self.node.dial(now, addr) {
            Ok(conn) | Err(DialError::AlreadyDialing(conn)) => {
                self.waiting.add_dialer(conn, dialer);
            }
            Err(DialError::Closed) => dialer.answer(Err(ConnectError::SocketClosed)),
            Err(error) => dialer.answer(Err(ConnectError::Dial(error))),
        }
    }

    /// Dials to meet one node, and lets `dialer` know what becomes of it.
    pub(crate) fn dial_peer(
        &mut self,
        addr: SocketAddr,
        id: NodeId,
        dialer: Asker<Result<NodeId, ConnectError>>,
    ) {
        if self.is_closing {
            return dialer.answer(Err(ConnectError::SocketClosed));
        }
        let now = self.clock.now();
        match self.node.dial_peer(now, addr, id) {
            Ok(conn) | Err(DialError::AlreadyDialing(conn)) => {
                self.waiting.add_dialer(conn, dialer);
            }
            Err(DialError::Closed) => dialer.answer(Err(ConnectError::SocketClosed)),
            Err(error) => dialer.answer(Err(ConnectError::Dial(error))),
        }
    }

    /// Asks where a node is, and lets `locator` know.
    pub(crate) fn locate(&mut self, id: &NodeId, locator: Asker<Result<Address, LocateError>>) {
        if self.is_closing {
            return locator.answer(Err(LocateError::Closed));
        }
        let now = self.clock.now();
        match self.node.locate(now, id) {
            Ok(request_id) => self.waiting.add_locator(request_id, locator),
            Err(SendError::Closed) => locator.answer(Err(LocateError::Closed)),
            Err(error) => locator.answer(Err(LocateError::Send(error))),
        }
    }

    /// Whispers, and lets `whisperer` know what becomes of it.
    pub(crate) fn whisper(
        &mut self,
        id: &NodeId,
        sub_flag: &[u8],
        packets: &[Vec<u8>],
        whisperer: Asker<Result<(), WhisperError>>,
    ) {
        if self.is_closing {
            return whisperer.answer(Err(WhisperError::Send(SendError::Closed)));
        }
        let now = self.clock.now();
        match self.node.whisper_as(now, id, sub_flag, packets) {
            Ok(Whispered::Queued) => whisperer.answer(Ok(())),
            Ok(Whispered::Locating(request_id)) => {
                self.waiting.add_whisperer(request_id, whisperer);
            }
            Err(error) => whisperer.answer(Err(WhisperError::Send(error))),
        }
    }

    /// Broadcasts to those neighbors that have room.
    pub(crate) fn broadcast(&mut self, sub_flag: &[u8], packets: &[Vec<u8>]) -> SendOutcome {
        if self.is_closing {
            return Err(SendError::Closed);
        }
        let now = self.clock.now();
        self.node.broadcast_as(now, sub_flag, packets)
    }

    /// The same with several messages.
    pub(crate) fn broadcast_batch(
        &mut self,
        messages: &[Vec<Vec<u8>>],
    ) -> Result<Vec<SendOutcome>, SendError> {
        if self.is_closing {
            return Err(SendError::Closed);
        }
        let now = self.clock.now();
        self.node.broadcast_batch(now, messages)
    }

    /// Broadcasts once every neighbor has room, or when the time is up to those that have.
    pub(crate) fn send_when_room(
        &mut self,
        packets: Vec<Vec<u8>>,
        timeout: Duration,
        sender: Asker<SendOutcome>,
    ) {
        if self.is_closing {
            return sender.answer(Err(SendError::Closed));
        }
        let deadline = self.clock.now() + timeout;
        self.waiting.add_sender(WaitingSend { packets, deadline, sender });
    }

    /// Sends what waits for room where there is some, until all that is left has none: the poller
    /// does not tell of room in a queue that its socket took whole.
    pub(super) fn send_waiting(&mut self) {
        while !self.published.is_empty() && self.send_published() {
            self.write_all();
        }
        while self.waiting.has_senders() && self.send_those_with_room() {
            self.write_all();
        }
    }

    /// Returns whether there was one.
    fn send_those_with_room(&mut self) -> bool {
        let now = self.clock.now();
        let mut sent = false;
        for send in self.waiting.take_senders() {
            let len = send.packets.iter().map(|packet| packet.len() + 4).sum();
            if send.deadline <= now || self.node.has_room(len) {
                let outcome = self.node.broadcast(now, &send.packets);
                send.sender.answer(outcome);
                self.carry_out();
                sent = true;
            } else {
                self.waiting.add_sender(send);
            }
        }
        sent
    }

    /// Takes no new connections, ends those there are in good order once what was published has been
    /// sent, and then ends the loop; when that has taken so long, it ends what is left at once.
    pub(crate) fn close(&mut self, timeout: Duration) {
        if let Some(mut listener) = self.listener.take() {
            drop(self.poll.registry().deregister(listener.socket_mut()));
            self.shed += listener.shed();
        }
        let now = self.clock.now();
        let deadline = now + timeout;
        self.abort_at = Some(self.abort_at.map_or(deadline, |at| at.min(deadline)));
        for send in self.waiting.take_senders() {
            send.sender.answer(Err(SendError::Closed));
        }
        self.waiting.dismiss_dialers();
        self.commands.end_publishing();
        self.is_closing = true;
        self.end_when_published();
    }
}
