//! Events on their way from the event loop to the user's threads: bounded, the oldest go first.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError};

use crate::error::RecvError;
use crate::event::Event;

/// The most events that wait; a user who asks for none loses nothing but events.
const MAX_WAITING: usize = 1_024;

/// Both ends of the queue: the loop pushes, any of the user's threads takes.
#[derive(Clone, Debug)]
pub(crate) struct EventQueue {
    receiver: Receiver<Event>,
    lagged: Arc<AtomicU64>,
}

/// The loop's end of an [`EventQueue`]. When it is dropped the queue is closed.
#[derive(Debug)]
pub(super) struct EventSender {
    sender: Sender<Event>,
    queue: EventQueue,
}

impl EventQueue {
    pub(super) fn new() -> (EventSender, Self) {
        let (sender, receiver) = crossbeam_channel::bounded(MAX_WAITING);
        let queue = Self { receiver, lagged: Arc::default() };
        (EventSender { sender, queue: queue.clone() }, queue)
    }

    /// Waits for an event; for ever without a timeout.
    pub(crate) fn recv(&self, timeout: Option<Duration>) -> Result<Option<Event>, RecvError> {
        self.check_lag()?;
        let Some(timeout) = timeout else {
            return self.receiver.recv().map(Some).map_err(|_| RecvError::Closed);
        };
        match self.receiver.recv_timeout(timeout) {
            Ok(event) => Ok(Some(event)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(RecvError::Closed),
        }
    }

    fn check_lag(&self) -> Result<(), RecvError> {
        match self.lagged.swap(0, Ordering::Relaxed) {
            0 => Ok(()),
            count => Err(RecvError::Lagged(count)),
        }
    }
}

impl EventSender {
    /// Puts an event in, and the oldest out if there is no room.
    pub(super) fn push(&self, event: Event) {
        let mut waiting = event;
        while let Err(TrySendError::Full(back)) = self.sender.try_send(waiting) {
            waiting = back;
            if self.queue.receiver.try_recv().is_ok() {
                self.queue.lagged.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::CloseReason;

    #[test]
    fn the_oldest_events_go_first_and_are_counted() {
        let (sender, queue) = EventQueue::new();
        let id = "me".parse().unwrap();
        let event =
            |unsent_len| Event::PeerLost { id, reason: CloseReason::Stalled { unsent_len } };
        for number in 0..MAX_WAITING + 3 {
            sender.push(event(number));
        }
        assert_eq!(queue.recv(None), Err(RecvError::Lagged(3)));
        assert_eq!(queue.recv(None), Ok(Some(event(3))));
        drop(sender);
        let rest = std::iter::from_fn(|| queue.recv(None).ok().flatten());
        assert_eq!(rest.count(), MAX_WAITING - 1);
        assert_eq!(queue.recv(None), Err(RecvError::Closed));
    }
}
