//! The queue of calls from the user's threads to the event loop.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, PoisonError};

use super::Daemon;
use super::alarm::Bell;
use super::sync::{Mutex, MutexGuard};

/// Something to do on the event loop.
pub(super) type Command = Box<dyn FnOnce(&mut Daemon) + Send>;

/// The users' end: any of their threads puts in.
#[derive(Clone)]
pub(super) struct Commands {
    queue: Arc<Mutex<Queue>>,
}

/// The loop's end. When it is dropped, so are the commands that wait, and no more are taken.
pub(super) struct CommandReceiver {
    queue: Arc<Mutex<Queue>>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Command>,
    is_closed: bool,
}

/// Both ends of a queue.
pub(super) fn commands() -> (Commands, CommandReceiver) {
    let queue = Arc::new(Mutex::new(Queue::default()));
    (Commands { queue: Arc::clone(&queue) }, CommandReceiver { queue })
}

impl Commands {
    /// Puts a command behind the others. Returns whether the loop may still do it.
    pub(super) fn put(&self, command: Command) -> bool {
        let mut queue = lock(&self.queue);
        if queue.is_closed {
            // What it owns is dropped with it, which may be anything: not under the lock.
            drop(queue);
            return false;
        }
        queue.waiting.push_back(command);
        true
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        lock(&self.queue).waiting.len()
    }
}

impl CommandReceiver {
    /// How many wait.
    fn len(&self) -> usize {
        lock(&self.queue).waiting.len()
    }

    /// How many are to be done now. One that comes later rings again.
    pub(super) fn due(&self, bell: &Bell) -> usize {
        bell.silence();
        self.len()
    }

    /// Takes the first.
    pub(super) fn take(&self) -> Option<Command> {
        lock(&self.queue).waiting.pop_front()
    }
}

impl Drop for CommandReceiver {
    fn drop(&mut self) {
        let mut queue = lock(&self.queue);
        queue.is_closed = true;
        let waiting = std::mem::take(&mut queue.waiting);
        drop(queue);
        drop(waiting);
    }
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
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
