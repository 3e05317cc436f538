//! What wakes the event loop when there is something for it to do.

use std::sync::OnceLock;
use std::thread::{self, ThreadId};

use mio::Waker;

use super::sync::{AtomicBool, Ordering};

/// Wakes the poller once for any number of commands.
#[derive(Debug)]
pub(super) struct Alarm {
    pub(super) bell: Bell,
    waker: Waker,
    /// Whose sleep it ends, once that one runs.
    thread: OnceLock<ThreadId>,
}

/// Whether somebody has rung already: one call to the poller is enough for all who have.
#[derive(Debug)]
pub(super) struct Bell {
    ringing: AtomicBool,
}

impl Alarm {
    pub(super) fn new(waker: Waker) -> Self {
        Self { bell: Bell::new(), waker, thread: OnceLock::new() }
    }

    /// Called by the loop when it begins.
    pub(super) fn belong_to_this_thread(&self) {
        self.thread.get_or_init(|| thread::current().id());
    }

    /// Whether this thread is the loop's.
    #[inline(never)]
    pub(super) fn belongs_to_this_thread(&self) -> bool {
        self.thread.get() == Some(&thread::current().id())
    }

    /// Wakes the loop, after something has been put where it looks.
    pub(super) fn ring(&self) {
        if self.bell.ring() {
            if let Err(error) = self.waker.wake() {
                log::error!("the event loop could not be woken: {error}");
            }
        }
    }
}

impl Bell {
    pub(super) fn new() -> Self {
        Self { ringing: AtomicBool::new(false) }
    }

    /// Returns whether it was silent, so that the sleeper has to be woken.
    pub(super) fn ring(&self) -> bool {
        !self.ringing.swap(true, Ordering::AcqRel)
    }

    /// Called by the loop before it looks for commands: one sent later rings again.
    pub(super) fn silence(&self) {
        // A read-modify-write, so that the commands of whoever rang before are seen after it.
        self.ringing.swap(false, Ordering::AcqRel);
    }
}
