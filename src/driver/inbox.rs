//! What happened, on its way from the event loop to the user's threads.
//!
//! Bounded in number and in bytes. Where the user is too slow the oldest go, and are counted, or
//! nothing is read until the user has caught up: the loop itself never waits for the user.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::alarm::Alarm;
use crate::error::RecvError;

/// What becomes of messages when as many wait for the user as may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum InboxFull {
    /// The oldest are discarded and counted: see [`RecvError::Lagged`]. A slow user costs nobody
    /// else anything.
    #[default]
    Discard,
    /// None is discarded, and until half of them have been received the node takes no more: it
    /// reads nothing from its neighbors, but from those that have not introduced themselves. It
    /// passes nothing on meanwhile either, and questions to it are not answered. To neighbors it looks
    /// like a node that takes nothing: they queue what they have for it, refuse what their queues have
    /// no room for, and close it after
    /// [`Limits::stall_timeout`](crate::Limits::stall_timeout), by default 20 s; neighbors
    /// to whom the same happens pass the stop on. What has waited for two minutes is too old to be
    /// taken. So this is for users who are slow now and then, not for ever. Beyond the limits there may
    /// be what came in one turn of the loop: messages of 1 MiB, and the longest beside.
    Pause,
}

/// How much an inbox holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InboxLimits {
    /// The most items.
    pub(crate) count: usize,
    /// The most bytes in them; one item may exceed it alone.
    pub(crate) len: usize,
    /// And what is done when it does.
    pub(crate) full: InboxFull,
}

/// The users' end of the queue: any of their threads takes.
pub(crate) struct Inbox<T> {
    shared: Arc<Shared<T>>,
}

/// The loop's end of an [`Inbox`]. When it is dropped the inbox is closed.
pub(super) struct InboxSender<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    limits: InboxLimits,
    /// Wakes the loop when there is room again.
    alarm: Arc<Alarm>,
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
    /// Whether there is no room before half of what waits has been taken.
    is_full: bool,
    closed: bool,
}

impl<T> Inbox<T> {
    pub(super) fn new(limits: InboxLimits, alarm: Arc<Alarm>) -> (InboxSender<T>, Self) {
        let state = State {
            waiting: VecDeque::new(),
            len: 0,
            receivers: 0,
            untold: 0,
            lagged: 0,
            is_full: false,
            closed: false,
        };
        let (state, pushed) = (Mutex::new(state), Condvar::new());
        let shared = Arc::new(Shared { limits, alarm, state, pushed });
        (InboxSender { shared: Arc::clone(&shared) }, Self { shared })
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
        if state.untold > 0 { None } else { self.shared.take(&mut state) }
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
        match self.shared.take(&mut state) {
            None if state.closed => Err(RecvError::Closed),
            taken => Ok(taken),
        }
    }
}

impl<T> InboxSender<T> {
    /// Puts items in, each with its length, and as many of the oldest out as the limits ask for. All at
    /// once: whoever waits for one is woken once. Returns whether nothing is to come before there is
    /// room.
    pub(super) fn push_all(&self, items: impl IntoIterator<Item = (T, usize)>) -> bool {
        let mut state = self.shared.lock();
        let mut count = 0;
        for (item, len) in items {
            state.push(item, len, self.shared.limits);
            count += 1;
        }
        let (is_full, receivers) = (state.is_full, state.receivers);
        drop(state);
        // Telling nobody is a system call too.
        match receivers.min(count) {
            0 => {}
            1 => self.shared.pushed.notify_one(),
            _ => self.shared.pushed.notify_all(),
        }
        is_full
    }

    /// Puts one in.
    pub(super) fn push(&self, item: T, len: usize) -> bool {
        self.push_all([(item, len)])
    }

    /// Whether nothing is to come before there is room.
    pub(super) fn is_full(&self) -> bool {
        self.shared.lock().is_full
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

    /// Takes an item, and wakes the loop if that makes room.
    fn take(&self, state: &mut State<T>) -> Option<T> {
        let item = state.take()?;
        let InboxLimits { count, len, .. } = self.limits;
        if state.is_full && state.waiting.len() <= count / 2 && state.len <= len / 2 {
            state.is_full = false;
            self.alarm.ring();
        }
        Some(item)
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
    fn push(&mut self, item: T, len: usize, limits: InboxLimits) {
        let discards = limits.full == InboxFull::Discard;
        while discards
            && (self.waiting.len() >= limits.count.max(1)
                || self.len.saturating_add(len) > limits.len)
        {
            if self.take().is_none() {
                break;
            }
            self.untold += 1;
            self.lagged += 1;
        }
        self.len += len;
        self.waiting.push_back((item, len));
        let is_much = self.waiting.len() >= limits.count || self.len >= limits.len;
        self.is_full |= is_much && !discards;
    }

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

    use mio::{Events, Poll, Token, Waker};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    fn inbox(count: usize, len: usize) -> (InboxSender<u64>, Inbox<u64>) {
        with(InboxLimits { count, len, full: InboxFull::Discard }).0
    }

    /// An inbox, and the poller that its alarm wakes.
    fn with(limits: InboxLimits) -> ((InboxSender<u64>, Inbox<u64>), Poll) {
        let poll = Poll::new().unwrap();
        let alarm = Arc::new(Alarm::new(Waker::new(poll.registry(), Token(0)).unwrap()));
        (Inbox::new(limits, alarm), poll)
    }

    fn rings(poll: &mut Poll) -> bool {
        let mut events = Events::with_capacity(4);
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        !events.is_empty()
    }

    #[test]
    fn t38_an_inbox_that_pauses_discards_nothing_and_rings_when_half_of_it_is_taken() {
        for (count, len) in [(8, usize::MAX), (usize::MAX, 80)] {
            let limits = InboxLimits { count, len, full: InboxFull::Pause };
            let ((sender, inbox), mut poll) = with(limits);
            let full: Vec<bool> = (1..=10).map(|number| sender.push(number, 10)).collect();
            assert_eq!(full, [vec![false; 7], vec![true; 3]].concat());
            for number in 1..=10 {
                assert_eq!(sender.is_full(), number <= 6, "{number}");
                assert_eq!(inbox.try_recv(), Ok(Some(number)));
                assert_eq!(rings(&mut poll), number == 6, "{number}");
            }
            assert_eq!(sender.lagged(), 0);
            assert!(!sender.push(11, 10), "there is room again");
        }
    }

    #[test]
    fn t38_what_was_put_in_is_what_was_taken_and_what_lagged() {
        for full in [InboxFull::Discard, InboxFull::Pause] {
            let ((sender, inbox), _poll) = with(InboxLimits { count: 7, len: 100, full });
            let (mut taken, mut told) = (0, 0);
            for number in 0..1_000_u64 {
                let len = usize::try_from(number % 37).unwrap();
                sender.push(number, len);
                if number % 3 == 0 {
                    match inbox.try_recv() {
                        Ok(found) => taken += u64::from(found.is_some()),
                        Err(RecvError::Lagged(count)) => told += count,
                        Err(RecvError::Closed) => panic!("it is open"),
                    }
                }
            }
            let lagged = sender.lagged();
            drop(sender);
            loop {
                match inbox.try_recv() {
                    Ok(found) => taken += u64::from(found.is_some()),
                    Err(RecvError::Lagged(count)) => told += count,
                    Err(RecvError::Closed) => break,
                }
            }
            assert_eq!((taken + told, told), (1_000, lagged));
            assert_eq!(lagged == 0, full == InboxFull::Pause);
        }
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
