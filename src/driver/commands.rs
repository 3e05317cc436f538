//! What the user's threads want done on the event loop, on its way there.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::Daemon;

/// Something to do on the event loop.
pub(super) type Command = Box<dyn FnOnce(&mut Daemon) + Send>;

/// The most commands that wait for the loop; a thread that sends one more waits.
const MAX_WAITING: usize = 1_024;

/// A queue with a bound: any thread puts commands in, the loop takes all of them at once.
#[derive(Default)]
pub(super) struct Commands {
    queue: Mutex<Queue>,
    /// Told when there is room again.
    taken: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Command>,
    /// How many threads wait for room.
    senders: usize,
    closed: bool,
}

impl Commands {
    /// Puts a command in, as soon as there is room. Returns whether the loop may still do it: one
    /// that has ended does not.
    pub(super) fn send(&self, command: Command) -> bool {
        let mut queue = self.lock();
        while queue.waiting.len() >= MAX_WAITING && !queue.closed {
            queue.senders += 1;
            queue = self.taken.wait(queue).unwrap_or_else(PoisonError::into_inner);
            queue.senders -= 1;
        }
        let open = !queue.closed;
        if open {
            queue.waiting.push_back(command);
        }
        open
    }

    /// Takes the commands that wait, in their order.
    pub(super) fn take_all(&self) -> VecDeque<Command> {
        let mut queue = self.lock();
        let waiting = std::mem::take(&mut queue.waiting);
        let has_senders = queue.senders > 0;
        drop(queue);
        if has_senders {
            self.taken.notify_all();
        }
        waiting
    }

    /// The loop takes no more commands: lets go of those it will not do, and with them of whoever
    /// waits for one.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        drop(self.take_all());
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Commands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commands").field("waiting", &self.lock().waiting.len()).finish()
    }
}
