//! The queue of calls from the user's threads to the event loop.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, PoisonError};

use super::Daemon;
use super::alarm::Bell;
use super::bundle::Bundle;
use super::sync::{Condvar, Mutex, MutexGuard};

/// The most bytes of messages that are published and not sent; whoever publishes more waits until half
/// of them are. One message may exceed it alone.
pub(super) const MAX_PUBLISHED_LEN: usize = 1 << 20;

/// Something to do on the event loop.
pub(super) enum Command {
    Call(Call),
    /// To send these to everybody.
    Publish(Bundle),
}

pub(super) type Call = Box<dyn FnOnce(&mut Daemon) + Send>;

/// The users' end: any of their threads puts in.
#[derive(Clone)]
pub(super) struct Commands {
    shared: Arc<Shared>,
}

/// The loop's end. When it is dropped, so are the commands that wait, and no more are taken.
pub(super) struct CommandReceiver {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// Told when half of what was published has been sent, and of the end.
    has_room: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Command>,
    /// The bytes of messages that were published and not sent.
    published_len: usize,
    /// Whether whoever publishes waits for room.
    is_full: bool,
    /// Whether nothing more can be published.
    is_closing: bool,
    is_closed: bool,
}

/// Both ends of a queue.
pub(super) fn commands() -> (Commands, CommandReceiver) {
    let shared = Arc::new(Shared::default());
    (Commands { shared: Arc::clone(&shared) }, CommandReceiver { shared })
}

impl Commands {
    /// Puts a command behind the others. Returns whether the loop may still do it.
    pub(super) fn put(&self, call: Call) -> bool {
        let mut queue = self.shared.lock();
        if queue.is_closed {
            // What it owns is dropped with it, which may be anything: not under the lock.
            drop(queue);
            return false;
        }
        queue.waiting.push_back(Command::Call(call));
        true
    }

    /// Puts a message behind the commands, once there is room for it, or at once where whoever calls
    /// `must_not_wait`. Returns whether the loop may still send it.
    pub(super) fn publish<P: AsRef<[u8]>>(
        &self,
        sub_flag: &[u8],
        packets: &[P],
        must_not_wait: impl Fn() -> bool,
    ) -> bool {
        let mut queue = self.shared.lock();
        if queue.is_full && !must_not_wait() {
            queue = self.shared.wait_for_room(queue);
        }
        if queue.is_closing || queue.is_closed {
            return false;
        }
        queue.published_len += Bundle::len_of(sub_flag, packets);
        queue.is_full |= queue.published_len >= MAX_PUBLISHED_LEN;
        if let Some(Command::Publish(bundle)) = queue.waiting.back_mut() {
            bundle.push(sub_flag, packets);
        } else {
            let mut bundle = Bundle::default();
            bundle.push(sub_flag, packets);
            queue.waiting.push_back(Command::Publish(bundle));
        }
        true
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.shared.lock().waiting.len()
    }
}

impl CommandReceiver {
    /// How many wait.
    fn len(&self) -> usize {
        self.shared.lock().waiting.len()
    }

    /// How many are to be done now. One that comes later rings again.
    pub(super) fn due(&self, bell: &Bell) -> usize {
        bell.silence();
        self.len()
    }

    /// So many bytes of what was published have been sent.
    pub(super) fn release(&self, len: usize) {
        if len == 0 {
            return;
        }
        let mut queue = self.shared.lock();
        queue.published_len = queue.published_len.saturating_sub(len);
        if queue.is_full && queue.published_len <= MAX_PUBLISHED_LEN / 2 {
            queue.is_full = false;
            self.shared.has_room.notify_all();
        }
    }

    /// Nothing more is published.
    pub(super) fn end_publishing(&self) {
        self.shared.lock().is_closing = true;
        self.shared.has_room.notify_all();
    }

    /// Takes the first.
    pub(super) fn take(&self) -> Option<Command> {
        self.shared.lock().waiting.pop_front()
    }
}

impl Drop for CommandReceiver {
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        queue.is_closed = true;
        self.shared.has_room.notify_all();
        let waiting = std::mem::take(&mut queue.waiting);
        drop(queue);
        drop(waiting);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[inline(never)]
    fn wait_for_room<'a>(&'a self, queue: MutexGuard<'a, Queue>) -> MutexGuard<'a, Queue> {
        let is_full = |queue: &mut Queue| queue.is_full && !queue.is_closing && !queue.is_closed;
        self.has_room.wait_while(queue, is_full).unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for CommandReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandReceiver").field("waiting", &self.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::answer::{Unanswered, answer};

    #[test]
    fn commands_that_wait_go_with_the_loops_end_and_whoever_waits_is_told() {
        let (commands, receiver) = commands();
        let (asker, waiting) = answer::<()>();
        assert!(commands.put(Box::new(move |_| asker.answer(()))));
        assert_eq!((commands.len(), receiver.len()), (1, 1));
        drop(receiver);
        assert_eq!(waiting.wait(), Err(Unanswered));
        let (asker, late) = answer::<()>();
        assert!(!commands.put(Box::new(move |_| asker.answer(()))), "nobody will do it");
        assert_eq!(late.wait(), Err(Unanswered));
    }

    #[test]
    fn commands_are_taken_in_the_order_in_which_they_came() {
        let (commands, receiver) = commands();
        let owned = [(); 3].map(Arc::new);
        for owned in owned.clone() {
            commands.put(Box::new(move |_| drop(owned)));
        }
        let are_there = || owned.each_ref().map(|owned| Arc::strong_count(owned) == 2);
        for rest in [[false, true, true], [false, false, true], [false; 3]] {
            drop(receiver.take());
            assert_eq!(are_there(), rest);
        }
        assert!(receiver.take().is_none());
    }
}
