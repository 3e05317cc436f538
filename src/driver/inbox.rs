//! Messages on their way from the event loop to the user's threads.
//!
//! Bounded in messages and in bytes. Where the user is too slow the oldest go, and are counted:
//! the loop never waits for the user.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, TrySendError};

use crate::error::RecvError;
use crate::event::Delivery;

/// How much an inbox holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InboxLimits {
    /// The most messages.
    pub(crate) count: usize,
    /// The most bytes in their packets; one message may exceed it alone.
    pub(crate) len: usize,
}

/// Both ends of the queue: the loop pushes, any of the user's threads takes.
#[derive(Clone, Debug)]
pub(crate) struct Inbox {
    receiver: Receiver<Delivery>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    len: AtomicUsize,
    /// Discarded, and not yet told.
    lagged: AtomicU64,
    /// Discarded, all in all.
    lagged_ever: AtomicU64,
}

/// The loop's end of an [`Inbox`]. When it is dropped the inbox is closed.
#[derive(Debug)]
pub(super) struct InboxSender {
    sender: Sender<Delivery>,
    inbox: Inbox,
    limits: InboxLimits,
}

impl Inbox {
    pub(super) fn new(limits: InboxLimits) -> (InboxSender, Self) {
        let (sender, receiver) = crossbeam_channel::bounded(limits.count.max(1));
        let inbox = Self { receiver, counts: Arc::default() };
        (InboxSender { sender, inbox: inbox.clone(), limits }, inbox)
    }

    /// Waits for a message.
    pub(crate) fn recv(&self) -> Result<Delivery, RecvError> {
        self.check_lag()?;
        self.receiver.recv().map(|taken| self.account(taken)).map_err(|_| RecvError::Closed)
    }

    /// Waits for a message at most so long; `None` when the time is up.
    pub(crate) fn recv_timeout(&self, timeout: Duration) -> Result<Option<Delivery>, RecvError> {
        self.check_lag()?;
        match self.receiver.recv_timeout(timeout) {
            Ok(taken) => Ok(Some(self.account(taken))),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(RecvError::Closed),
        }
    }

    /// Takes a message if there is one.
    pub(crate) fn try_recv(&self) -> Result<Option<Delivery>, RecvError> {
        self.check_lag()?;
        match self.receiver.try_recv() {
            Ok(taken) => Ok(Some(self.account(taken))),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(RecvError::Closed),
        }
    }

    /// Takes a message if there is one and nothing stands before it.
    pub(crate) fn take(&self) -> Option<Delivery> {
        if self.counts.lagged.load(Ordering::Relaxed) > 0 {
            return None;
        }
        self.receiver.try_recv().ok().map(|taken| self.account(taken))
    }

    fn check_lag(&self) -> Result<(), RecvError> {
        // A plain load first: the swap would bounce the cache line for every message.
        if self.counts.lagged.load(Ordering::Relaxed) == 0 {
            return Ok(());
        }
        match self.counts.lagged.swap(0, Ordering::Relaxed) {
            0 => Ok(()),
            count => Err(RecvError::Lagged(count)),
        }
    }

    fn account(&self, taken: Delivery) -> Delivery {
        self.counts.len.fetch_sub(len_of(&taken), Ordering::Relaxed);
        taken
    }
}

impl InboxSender {
    /// Puts a message in, and as many of the oldest out as its limits ask for.
    pub(super) fn push(&self, delivery: Delivery) {
        let counts = &self.inbox.counts;
        let len = len_of(&delivery);
        while counts.len.load(Ordering::Relaxed).saturating_add(len) > self.limits.len {
            if !self.discard_oldest() {
                break;
            }
        }
        counts.len.fetch_add(len, Ordering::Relaxed);
        let mut waiting = delivery;
        while let Err(TrySendError::Full(back)) = self.sender.try_send(waiting) {
            waiting = back;
            self.discard_oldest();
        }
    }

    fn discard_oldest(&self) -> bool {
        let Ok(oldest) = self.inbox.receiver.try_recv() else { return false };
        self.inbox.account(oldest);
        self.inbox.counts.lagged.fetch_add(1, Ordering::Relaxed);
        self.inbox.counts.lagged_ever.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// How many messages were discarded, all in all.
    pub(super) fn lagged(&self) -> u64 {
        self.inbox.counts.lagged_ever.load(Ordering::Relaxed)
    }
}

fn len_of(delivery: &Delivery) -> usize {
    delivery.message.packets().body().len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::PathfindingMessage;

    fn delivery(number: u64) -> Delivery {
        let message = PathfindingMessage::new(b"whisper", b"me", number, &["whisper"]).unwrap();
        let me = "me".parse().unwrap();
        Delivery { message, sender: me, neighbor: me }
    }

    fn time(received: Result<Option<Delivery>, RecvError>) -> Option<u64> {
        received.unwrap().and_then(|delivery| delivery.message.time())
    }

    #[test]
    fn a_full_inbox_discards_the_oldest_and_says_how_many() {
        let (sender, inbox) = Inbox::new(InboxLimits { count: 3, len: usize::MAX });
        for number in 1..=5 {
            sender.push(delivery(number));
        }
        assert_eq!(inbox.try_recv(), Err(RecvError::Lagged(2)));
        assert_eq!([(); 3].map(|()| time(inbox.try_recv())), [Some(3), Some(4), Some(5)]);
        assert_eq!(inbox.try_recv(), Ok(None));
    }

    #[test]
    fn the_limit_in_bytes_holds_too_and_one_message_may_exceed_it_alone() {
        let len = len_of(&delivery(2)) + len_of(&delivery(3));
        let (sender, inbox) = Inbox::new(InboxLimits { count: 100, len });
        for number in 1..=3 {
            sender.push(delivery(number));
        }
        assert_eq!(inbox.try_recv(), Err(RecvError::Lagged(1)));
        assert_eq!(time(inbox.try_recv()), Some(2));
        let (sender, inbox) = Inbox::new(InboxLimits { count: 100, len: 1 });
        sender.push(delivery(1));
        assert_eq!(time(inbox.try_recv()), Some(1));
    }

    #[test]
    fn a_closed_inbox_gives_what_it_holds_and_then_says_so() {
        let (sender, inbox) = Inbox::new(InboxLimits { count: 3, len: usize::MAX });
        sender.push(delivery(1));
        drop(sender);
        assert_eq!(time(inbox.recv_timeout(Duration::from_secs(9))), Some(1));
        assert_eq!(inbox.recv(), Err(RecvError::Closed));
    }
}
