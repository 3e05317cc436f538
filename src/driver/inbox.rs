//! What happened, on its way from the event loop to the user's threads.
//!
//! Bounded in number and in bytes. Where the user is too slow the oldest go, and are counted: the
//! loop never waits for the user.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::RecvError;

/// How much an inbox holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InboxLimits {
    /// The most items.
    pub(crate) count: usize,
    /// The most bytes in them; one item may exceed it alone.
    pub(crate) len: usize,
}

/// The users' end of the queue: any of their threads takes.
pub(crate) struct Inbox<T> {
    shared: Arc<Shared<T>>,
}

/// The loop's end of an [`Inbox`]. When it is dropped the inbox is closed.
pub(super) struct InboxSender<T> {
    shared: Arc<Shared<T>>,
    limits: InboxLimits,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    /// Told of each item, and of the end.
    pushed: Condvar,
}

struct State<T> {
    /// Each item with its length.
    waiting: VecDeque<(T, usize)>,
    /// The bytes in all of them.
    len: usize,
    /// How many threads wait for an item.
    receivers: usize,
    /// Discarded, and not yet told.
    untold: u64,
    /// Discarded, all in all.
    lagged: u64,
    closed: bool,
}

impl<T> Inbox<T> {
    pub(super) fn new(limits: InboxLimits) -> (InboxSender<T>, Self) {
        let state = State {
            waiting: VecDeque::new(),
            len: 0,
            receivers: 0,
            untold: 0,
            lagged: 0,
            closed: false,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), pushed: Condvar::new() });
        (InboxSender { shared: Arc::clone(&shared), limits }, Self { shared })
    }

    /// Waits for an item.
    pub(crate) fn recv(&self) -> Result<T, RecvError> {
        self.recv_within(None)?.ok_or(RecvError::Closed)
    }

    /// Waits for an item at most so long; `None` when the time is up.
    pub(crate) fn recv_timeout(&self, timeout: Duration) -> Result<Option<T>, RecvError> {
        self.recv_within(Some(timeout))
    }

    /// Takes an item if there is one.
    pub(crate) fn try_recv(&self) -> Result<Option<T>, RecvError> {
        self.recv_within(Some(Duration::ZERO))
    }

    /// Takes an item if there is one and nothing stands before it.
    pub(crate) fn take(&self) -> Option<T> {
        let mut state = self.shared.lock();
        if state.untold > 0 { None } else { state.take() }
    }

    fn recv_within(&self, timeout: Option<Duration>) -> Result<Option<T>, RecvError> {
        let mut state = self.shared.lock();
        match std::mem::take(&mut state.untold) {
            0 => {}
            count => return Err(RecvError::Lagged(count)),
        }
        if state.is_idle() && timeout != Some(Duration::ZERO) {
            state.receivers += 1;
            state = self.shared.wait(state, timeout);
            state.receivers -= 1;
        }
        match state.take() {
            None if state.closed => Err(RecvError::Closed),
            taken => Ok(taken),
        }
    }
}

impl<T> InboxSender<T> {
    /// Puts an item of this length in, and as many of the oldest out as the limits ask for.
    pub(super) fn push(&self, item: T, len: usize) {
        let mut state = self.shared.lock();
        while state.waiting.len() >= self.limits.count.max(1)
            || state.len.saturating_add(len) > self.limits.len
        {
            if state.take().is_none() {
                break;
            }
            state.untold += 1;
            state.lagged += 1;
        }
        state.len += len;
        state.waiting.push_back((item, len));
        let has_receivers = state.receivers > 0;
        drop(state);
        // Telling nobody is a system call too.
        if has_receivers {
            self.shared.pushed.notify_one();
        }
    }

    /// How many items were discarded, all in all.
    pub(super) fn lagged(&self) -> u64 {
        self.shared.lock().lagged
    }
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for an item or the end, for ever without a timeout.
    fn wait<'a>(
        &'a self,
        state: MutexGuard<'a, State<T>>,
        timeout: Option<Duration>,
    ) -> MutexGuard<'a, State<T>> {
        let idle = |state: &mut State<T>| state.is_idle();
        match timeout {
            None => self.pushed.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner),
            Some(timeout) => {
                let waited = self.pushed.wait_timeout_while(state, timeout, idle);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        }
    }
}

impl<T> State<T> {
    fn take(&mut self) -> Option<T> {
        let (item, len) = self.waiting.pop_front()?;
        self.len -= len;
        Some(item)
    }

    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && !self.closed
    }
}

impl<T> Drop for InboxSender<T> {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.pushed.notify_all();
    }
}

impl<T> Clone for Inbox<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T> fmt::Debug for Inbox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.fmt(f)
    }
}

impl<T> fmt::Debug for InboxSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.fmt(f)
    }
}

impl<T> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let State { waiting, untold, .. } = &*self.lock();
        let mut inbox = f.debug_struct("Inbox");
        inbox.field("waiting", &waiting.len()).field("untold", untold).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    fn inbox(count: usize, len: usize) -> (InboxSender<u64>, Inbox<u64>) {
        Inbox::new(InboxLimits { count, len })
    }

    #[test]
    fn a_full_inbox_discards_the_oldest_and_says_how_many() {
        let (sender, inbox) = inbox(3, usize::MAX);
        for number in 1..=5 {
            sender.push(number, 1);
        }
        assert_eq!(inbox.take(), None, "what was lost is told first");
        assert_eq!(inbox.try_recv(), Err(RecvError::Lagged(2)));
        assert_eq!([(); 3].map(|()| inbox.try_recv()), [Ok(Some(3)), Ok(Some(4)), Ok(Some(5))]);
        assert_eq!((inbox.try_recv(), inbox.take()), (Ok(None), None));
        assert_eq!(sender.lagged(), 2);
    }

    #[test]
    fn the_limit_in_bytes_holds_too_and_one_item_may_exceed_it_alone() {
        let (sender, inbox) = inbox(100, 20);
        for number in 1..=3 {
            sender.push(number, 10);
        }
        assert_eq!(inbox.try_recv(), Err(RecvError::Lagged(1)));
        assert_eq!(inbox.try_recv(), Ok(Some(2)));
        sender.push(4, usize::MAX);
        assert_eq!(inbox.try_recv(), Err(RecvError::Lagged(1)));
        assert_eq!(inbox.try_recv(), Ok(Some(4)));
        sender.push(5, 20);
        assert_eq!(inbox.try_recv(), Ok(Some(5)), "what was taken no longer counts");
    }

    #[test]
    fn a_closed_inbox_gives_what_it_holds_and_then_says_so() {
        let (sender, inbox) = inbox(3, usize::MAX);
        sender.push(1, 1);
        drop(sender);
        assert_eq!(inbox.recv_timeout(PATIENCE), Ok(Some(1)));
        assert_eq!(inbox.recv(), Err(RecvError::Closed));
        assert_eq!(inbox.try_recv(), Err(RecvError::Closed));
    }

    #[test]
    fn each_item_wakes_one_of_those_that_wait_and_the_end_wakes_all() {
        const COUNT: u64 = 10_000;
        let (sender, inbox) = inbox(usize::MAX, usize::MAX);
        let receivers = [None, Some(PATIENCE), Some(Duration::MAX)].map(|timeout| {
            let inbox = inbox.clone();
            thread::spawn(move || {
                let next = || inbox.recv_within(timeout).ok().flatten();
                std::iter::from_fn(next).sum::<u64>()
            })
        });
        for number in 1..=COUNT {
            sender.push(number, 0);
        }
        drop(sender);
        let sum: u64 = receivers.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert_eq!(sum, COUNT * (COUNT + 1) / 2);
    }

    #[test]
    fn nothing_is_waited_for_longer_than_asked() {
        let (_sender, inbox) = inbox(1, 1);
        assert_eq!(inbox.recv_timeout(Duration::from_millis(1)), Ok(None));
        assert_eq!(inbox.recv_timeout(Duration::ZERO), Ok(None));
    }
}
