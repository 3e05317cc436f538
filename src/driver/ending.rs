//! How a loop ends: because it was asked to, because the poller failed, or by a panic.
//!
//! A panic is a fault of this crate, or of the logger that the program has installed. What it left
//! half done nobody can tell: the tables of a node depend on each other, so one connection cannot be
//! cut out and the others kept. The loop ends instead, whole and loud: the [status](crate::Status)
//! tells what happened, and everybody who waits for the loop is woken by an error. Only the user's
//! function that judges who may join is contained where it is called: no part of the node is lent
//! to it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Daemon;
use crate::event::Leftover;
use crate::node::Stats;
use crate::wire::NodeId;

/// What a loop leaves when it ends.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    /// What could not be sent: to whom, and how many bytes.
    pub(crate) unsent: Vec<(NodeId, Leftover)>,
    pub(crate) stats: Stats,
    /// Why the loop ended, if nobody asked it to.
    pub(crate) failure: Option<String>,
}

impl Daemon {
    /// Runs the loop to its end, whatever that is.
    pub(super) fn run(&mut self) -> Ending {
        let failure = match catch_unwind(AssertUnwindSafe(|| self.live())) {
            Ok(outcome) => outcome.err().map(|error| error.to_string()),
            Err(panic) => Some(text_of(&*panic)),
        };
        let mut ending = Ending { failure, ..Ending::default() };
        // The node is in whatever state a panic left it in, and the logger may be what panicked.
        self.give_up_published();
        let taken = catch_unwind(AssertUnwindSafe(|| self.take_stock(&mut ending)));
        drop(taken);
        ending
    }

    /// What the node leaves. Where it was not asked to end, its neighbors are neighbors still.
    fn take_stock(&self, ending: &mut Ending) {
        ending.stats = self.stats();
        ending.unsent = self.node.unsent().to_vec();
        for (id, len) in self.node.backlogs() {
            ending.unsent.push((id, Leftover::Unsent(len)));
        }
        if let Some(failure) = &ending.failure {
            log::error!("{}: the event loop ends: {failure}", self.node.id().short());
        }
    }
}

/// What a panic says of itself.
fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("it panicked: {}", text.unwrap_or("without a word"))
}

#[cfg(test)]
mod tests {
    use std::panic::panic_any;
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::Duration;

    use crate::driver::tests::start;
    use crate::error::RecvError;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// What a loop leaves that a command ends by a panic with this.
    fn failure(panic: impl FnOnce() + Send + 'static) -> String {
        let started = start();
        assert_eq!(started.handle.ask(move |_| panic()), None);
        assert!(started.ended.wait_timeout(PATIENCE).is_some(), "the loop goes on");
        started.ending.get().unwrap().failure.clone().unwrap()
    }

    #[test]
    fn t19_a_panic_ends_the_loop_and_its_words_are_kept() {
        assert_eq!(failure(|| panic!("a plain word")), "it panicked: a plain word");
        let number = 7;
        assert_eq!(failure(move || panic!("number {number}")), "it panicked: number 7");
        assert_eq!(failure(|| panic_any(7)), "it panicked: without a word");
    }

    #[test]
    fn t19_whoever_waits_for_a_loop_that_panics_is_woken() {
        for _ in 0..20 {
            let started = start();
            let (done, results) = channel();
            let [inbox, events] = [(); 2].map(|()| done.clone());
            let (messages, told) = (started.inbox.clone(), started.events.clone());
            thread::spawn(move || inbox.send(messages.recv() == Err(RecvError::Closed)));
            thread::spawn(move || events.send(told.recv() == Err(RecvError::Closed)));
            let (peers, waited) = (started.peers.clone(), done.clone());
            thread::spawn(move || waited.send(peers.wait_for(1, PATIENCE * 2) == 0));
            let (handle, asked) = (started.handle.clone(), done);
            thread::spawn(move || {
                while handle.ask(|_| ()).is_some() {}
                asked.send(!handle.tell(|_| ()))
            });
            started.handle.tell(|_| panic!("on purpose"));
            for _ in 0..4 {
                assert_eq!(results.recv_timeout(PATIENCE), Ok(true), "somebody waits on");
            }
            // Who was woken finds the loop's end told.
            assert!(started.ending.get().unwrap().failure.is_some());
        }
    }
}
