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

    /// The socket is closed: no dial leads anywhere any more.
    pub(super) fn dismiss_dialers(&mut self) {
        for dialer in std::mem::take(&mut self.dialers).into_values().flatten() {
            answer(&dialer, Err(ConnectError::SocketClosed));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::{Receiver, TryRecvError, bounded};

    fn conn(number: u64) -> ConnId {
        ConnId::from_number(number)
    }

    fn id() -> NodeId {
        "me".parse().unwrap()
    }

    /// The answer, and whether the other end can answer no more.
    fn only_answer<T>(outcome: &Receiver<T>) -> Option<T> {
        let answer = outcome.try_recv().ok();
        assert_eq!(outcome.try_recv().err(), Some(TryRecvError::Disconnected), "asked once");
        answer
    }

    #[test]
    fn all_who_wait_for_one_dial_get_its_outcome_once_and_others_wait_on() {
        let mut waiting = Waiting::default();
        let [(first, one), (second, two), (other, three)] = [(); 3].map(|()| bounded(1));
        waiting.add_dialer(conn(1), first);
        waiting.add_dialer(conn(1), second);
        waiting.add_dialer(conn(2), other);
        waiting.dialed(conn(1), Err(DialFailure::Known(id())));
        waiting.dialed(conn(1), Ok(id()));
        for outcome in [one, two] {
            let answer = only_answer(&outcome);
            let known = DialError::AlreadyConnected(id());
            assert!(matches!(answer, Some(Err(ConnectError::Dial(error))) if error == known));
        }
        assert!(matches!(three.try_recv(), Err(TryRecvError::Empty)));
    }

    #[test]
    fn whoever_has_stopped_waiting_is_passed_over() {
        let mut waiting = Waiting::default();
        let (gone, outcome) = bounded(1);
        waiting.add_dialer(conn(1), gone);
        drop(outcome);
        let (here, outcome) = bounded(1);
        waiting.add_dialer(conn(1), here);
        waiting.dialed(conn(1), Ok(id()));
        assert!(matches!(only_answer(&outcome), Some(Ok(found)) if found == id()));
    }

    #[test]
    fn each_question_gets_the_answer_with_its_name() {
        let mut waiting = Waiting::default();
        let [first, second] = [1, 2].map(RequestId::new);
        let (locator, address) = bounded(1);
        let (whisperer, whispered) = bounded(1);
        waiting.add_locator(first, locator);
        waiting.add_whisperer(second, whisperer);
        waiting.whispered(&first, Ok(()));
        waiting.located(&second, Err(LocateError::Closed));
        assert!(address.is_empty() && whispered.is_empty());
        waiting.located(&first, Err(LocateError::Timeout));
        waiting.whispered(&second, Ok(()));
        assert_eq!(only_answer(&address), Some(Err(LocateError::Timeout)));
        assert_eq!(only_answer(&whispered), Some(Ok(())));
    }

    #[test]
    fn the_loop_wakes_for_the_first_deadline_of_those_that_wait_for_room() {
        let mut waiting = Waiting::default();
        assert_eq!(waiting.next_deadline(), None);
        for secs in [3, 1, 2] {
            let (sender, _) = bounded(1);
            let deadline = Instant::from_secs(secs);
            waiting.add_sender(WaitingSend { packets: Vec::new(), deadline, sender });
        }
        assert_eq!(waiting.next_deadline(), Some(Instant::from_secs(1)));
        assert_eq!(waiting.take_senders().len(), 3);
        assert!(!waiting.has_senders());
    }
}
