//! The answer to something asked of the event loop: given once, to one thread that waits for it.

use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::sync::{Condvar, Mutex, MutexGuard};

/// The loop's end. When it is dropped without an answer, whoever waits is told so.
pub(crate) struct Asker<T> {
    slot: Arc<Slot<T>>,
}

/// The end of the thread that waits.
pub(crate) struct Answer<T> {
    slot: Arc<Slot<T>>,
}

/// There will be no answer: it was taken already, or the loop has let go of what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unanswered;

struct Slot<T> {
    answer: Mutex<Option<T>>,
    gate: Gate,
}

/// Opens once. Apart from the answer, because it is the same code for every type of them.
#[derive(Debug, Default)]
struct Gate {
    open: Mutex<bool>,
    opened: Condvar,
}

/// Both ends of one answer.
pub(crate) fn answer<T>() -> (Asker<T>, Answer<T>) {
    let slot = Arc::new(Slot { answer: Mutex::new(None), gate: Gate::default() });
    (Asker { slot: Arc::clone(&slot) }, Answer { slot })
}

impl<T> Asker<T> {
    /// Whether whoever asked has stopped waiting.
    pub(super) fn is_abandoned(&self) -> bool {
        Arc::strong_count(&self.slot) == 1
    }

    /// Gives the answer. Whoever asked may have stopped waiting.
    pub(crate) fn answer(self, answer: T) {
        *self.slot.answer() = Some(answer);
    }
}

impl<T> Drop for Asker<T> {
    fn drop(&mut self) {
        self.slot.gate.open();
    }
}

impl<T> Answer<T> {
    /// Waits for the answer.
    pub(crate) fn wait(self) -> Result<T, Unanswered> {
        self.slot.gate.wait();
        self.slot.answer().take().ok_or(Unanswered)
    }

    /// Waits for the answer at most so long; `None` when the time is up.
    pub(crate) fn wait_timeout(&self, timeout: Duration) -> Option<Result<T, Unanswered>> {
        let answered = self.slot.gate.wait_timeout(timeout);
        answered.then(|| self.slot.answer().take().ok_or(Unanswered))
    }
}

impl<T> Slot<T> {
    fn answer(&self) -> MutexGuard<'_, Option<T>> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gate {
    /// Not once more in the code that drops each type of asker.
    #[inline(never)]
    fn open(&self) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.opened.notify_all();
    }

    fn wait(&self) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.opened.wait_while(open, |open| !*open));
    }

    /// Returns whether it is open then.
    fn wait_timeout(&self, timeout: Duration) -> bool {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.opened.wait_timeout_while(open, timeout, |open| !*open);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl<T> fmt::Debug for Asker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asker")
    }
}

impl<T> fmt::Debug for Answer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    #[test]
    fn whoever_waits_gets_the_answer_whether_it_comes_before_or_after() {
        for _ in 0..1_000 {
            let (asker, answer) = answer();
            let waiting = thread::spawn(move || answer.wait());
            asker.answer(7);
            assert_eq!(waiting.join().unwrap(), Ok(7));
        }
    }

    #[test]
    fn whoever_waits_for_an_asker_that_is_dropped_is_told_so() {
        let (asker, answer) = answer::<()>();
        let waiting = thread::spawn(move || answer.wait());
        drop(asker);
        assert_eq!(waiting.join().unwrap(), Err(Unanswered));
    }

    #[test]
    fn an_answer_is_waited_for_at_most_so_long_and_taken_once() {
        let (asker, answer) = answer();
        assert_eq!(answer.wait_timeout(Duration::ZERO), None);
        assert_eq!(answer.wait_timeout(Duration::from_millis(1)), None);
        asker.answer("yes");
        assert_eq!(answer.wait_timeout(Duration::MAX), Some(Ok("yes")));
        assert_eq!(answer.wait_timeout(PATIENCE), Some(Err(Unanswered)));
    }

    #[test]
    fn an_answer_that_nobody_waits_for_is_dropped() {
        let (asker, answer) = answer();
        let given = Arc::new(());
        drop(answer);
        asker.answer(Arc::clone(&given));
        assert_eq!(Arc::strong_count(&given), 1);
    }
}
