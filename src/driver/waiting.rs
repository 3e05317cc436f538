//! The user's threads that wait for something to happen on the loop.

use std::collections::BTreeMap;

use crossbeam_channel::Sender;

use crate::conn_id::ConnId;
use crate::error::{CloseReason, ConnectError, DialError, LocateError, SendError, WhisperError};
use crate::event::SendReport;
use crate::time::Instant;
use crate::wire::{Address, NodeId, RequestId};

/// What became of a message.
pub(crate) type SendOutcome = Result<SendReport, SendError>;

/// Who waits for what. Each is answered once; whoever has stopped waiting is passed over.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    dialers: BTreeMap<ConnId, Vec<Sender<Result<NodeId, ConnectError>>>>,
    locators: BTreeMap<RequestId, Sender<Result<Address, LocateError>>>,
    whisperers: BTreeMap<RequestId, Sender<Result<(), WhisperError>>>,
    /// Messages that wait for room at every neighbor.
    senders: Vec<WaitingSend>,
}

/// A message that waits for room.
#[derive(Debug)]
pub(super) struct WaitingSend {
    pub(super) packets: Vec<Vec<u8>>,
    /// When it is sent to those that have room.
    pub(super) deadline: Instant,
    pub(super) sender: Sender<SendOutcome>,
}

impl Waiting {
    pub(super) fn add_dialer(
        &mut self,
        conn: ConnId,
        dialer: Sender<Result<NodeId, ConnectError>>,
    ) {
        self.dialers.entry(conn).or_default().push(dialer);
    }

    pub(super) fn add_locator(
        &mut self,
        request_id: RequestId,
        locator: Sender<Result<Address, LocateError>>,
    ) {
        self.locators.insert(request_id, locator);
    }

    pub(super) fn add_whisperer(
        &mut self,
        request_id: RequestId,
        whisperer: Sender<Result<(), WhisperError>>,
    ) {
        self.whisperers.insert(request_id, whisperer);
    }

    pub(super) fn add_sender(&mut self, send: WaitingSend) {
        self.senders.push(send);
    }

    pub(super) fn dialed(&mut self, conn: ConnId, outcome: Result<NodeId, DialFailure>) {
        for dialer in self.dialers.remove(&conn).unwrap_or_default() {
            answer(&dialer, outcome.map_err(DialFailure::into));
        }
    }

    pub(super) fn located(
        &mut self,
        request_id: &RequestId,
        outcome: Result<Address, LocateError>,
    ) {
        if let Some(locator) = self.locators.remove(request_id) {
            answer(&locator, outcome);
        }
    }

    pub(super) fn whispered(&mut self, request_id: &RequestId, outcome: Result<(), WhisperError>) {
        if let Some(whisperer) = self.whisperers.remove(request_id) {
            answer(&whisperer, outcome);
        }
    }

    /// When the first message that waits for room has waited long enough.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.senders.iter().map(|send| send.deadline).min()
    }

    /// The messages that wait for room, to be sent or put back.
    pub(super) fn take_senders(&mut self) -> Vec<WaitingSend> {
        std::mem::take(&mut self.senders)
    }

    pub(super) fn has_senders(&self) -> bool {
        !self.senders.is_empty()
    }
}

/// Why a dial came to nothing, in a form that can be told to several threads.
#[derive(Clone, Copy, Debug)]
pub(super) enum DialFailure {
    /// The connection ended.
    Closed(CloseReason),
    /// The peer is a neighbor by another connection.
    Known(NodeId),
}

impl From<DialFailure> for ConnectError {
    fn from(outcome: DialFailure) -> Self {
        match outcome {
            DialFailure::Closed(reason) => Self::Closed(reason),
            DialFailure::Known(id) => Self::Dial(DialError::AlreadyConnected(id)),
        }
    }
}

/// Whoever asked may have stopped waiting; a queue of one place always has room for the answer.
pub(super) fn answer<T>(asker: &Sender<T>, outcome: T) {
    drop(asker.try_send(outcome));
}
