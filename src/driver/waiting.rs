//! The user's threads that wait for something to happen on the loop.

use super::answer::Asker;
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
    dialers: Vec<(ConnId, Asker<Result<NodeId, ConnectError>>)>,
    locators: Vec<(RequestId, Asker<Result<Address, LocateError>>)>,
    whisperers: Vec<(RequestId, Asker<Result<(), WhisperError>>)>,
    /// Messages that wait for room at every neighbor.
    senders: Vec<WaitingSend>,
}

/// A message that waits for room.
#[derive(Debug)]
pub(super) struct WaitingSend {
    pub(super) packets: Vec<Vec<u8>>,
    /// When it is sent to those that have room.
    pub(super) deadline: Instant,
    pub(super) sender: Asker<SendOutcome>,
}

impl Waiting {
    pub(super) fn add_dialer(&mut self, conn: ConnId, dialer: Asker<Result<NodeId, ConnectError>>) {
        self.dialers.push((conn, dialer));
    }

    pub(super) fn add_locator(
        &mut self,
        request_id: RequestId,
        locator: Asker<Result<Address, LocateError>>,
    ) {
        self.locators.push((request_id, locator));
    }

    pub(super) fn add_whisperer(
        &mut self,
        request_id: RequestId,
        whisperer: Asker<Result<(), WhisperError>>,
    ) {
        self.whisperers.push((request_id, whisperer));
    }

    pub(super) fn add_sender(&mut self, send: WaitingSend) {
        self.senders.push(send);
    }

    pub(super) fn dialed(&mut self, conn: ConnId, outcome: Result<NodeId, DialFailure>) {
        while let Some(dialer) = take(&mut self.dialers, conn) {
            dialer.answer(outcome.map_err(DialFailure::into));
        }
    }

    /// The socket is closed: no dial leads anywhere any more.
    pub(super) fn dismiss_dialers(&mut self) {
        for (_, dialer) in std::mem::take(&mut self.dialers) {
            dialer.answer(Err(ConnectError::SocketClosed));
        }
    }

    pub(super) fn located(
        &mut self,
        request_id: &RequestId,
        outcome: Result<Address, LocateError>,
    ) {
        if let Some(locator) = take(&mut self.locators, *request_id) {
            locator.answer(outcome);
        }
    }

    pub(super) fn whispered(&mut self, request_id: &RequestId, outcome: Result<(), WhisperError>) {
        if let Some(whisperer) = take(&mut self.whisperers, *request_id) {
            whisperer.answer(outcome);
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

/// Takes one that waits under this name. They are as many as the user has calls open.
fn take<K: PartialEq, A>(waiting: &mut Vec<(K, A)>, name: K) -> Option<A> {
    let place = waiting.iter().position(|(other, _)| *other == name)?;
    Some(waiting.swap_remove(place).1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::answer::{Answer, Unanswered, answer};
    use std::time::Duration;

    fn conn(number: u64) -> ConnId {
        ConnId::from_number(number)
    }

    fn id() -> NodeId {
        "me".parse().unwrap()
    }

    /// The answer, and whether the other end can answer no more.
    fn only_answer<T>(outcome: &Answer<T>) -> Option<T> {
        let answer = try_wait(outcome)?.ok();
        let second = try_wait(outcome).and_then(Result::err);
        assert_eq!(second, Some(Unanswered), "asked once");
        answer
    }

    /// `None` while there is no answer.
    fn try_wait<T>(outcome: &Answer<T>) -> Option<Result<T, Unanswered>> {
        outcome.wait_timeout(Duration::ZERO)
    }

    #[test]
    fn all_who_wait_for_one_dial_get_its_outcome_once_and_others_wait_on() {
        let mut waiting = Waiting::default();
        let [(first, one), (second, two), (other, three)] = [(); 3].map(|()| answer());
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
        assert!(try_wait(&three).is_none());
    }

    #[test]
    fn whoever_has_stopped_waiting_is_passed_over() {
        let mut waiting = Waiting::default();
        let (gone, outcome) = answer();
        waiting.add_dialer(conn(1), gone);
        drop(outcome);
        let (here, outcome) = answer();
        waiting.add_dialer(conn(1), here);
        waiting.dialed(conn(1), Ok(id()));
        assert!(matches!(only_answer(&outcome), Some(Ok(found)) if found == id()));
    }

    #[test]
    fn each_question_gets_the_answer_with_its_name() {
        let mut waiting = Waiting::default();
        let [first, second] = [1, 2].map(RequestId::new);
        let (locator, address) = answer();
        let (whisperer, whispered) = answer();
        waiting.add_locator(first, locator);
        waiting.add_whisperer(second, whisperer);
        waiting.whispered(&first, Ok(()));
        waiting.located(&second, Err(LocateError::Closed));
        assert!(try_wait(&address).is_none() && try_wait(&whispered).is_none());
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
            let (sender, _) = answer();
            let deadline = Instant::from_secs(secs);
            waiting.add_sender(WaitingSend { packets: Vec::new(), deadline, sender });
        }
        assert_eq!(waiting.next_deadline(), Some(Instant::from_secs(1)));
        assert_eq!(waiting.take_senders().len(), 3);
        assert!(!waiting.has_senders());
    }
}
