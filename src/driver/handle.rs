//! The user's side of the event loop: closures that run on it, between two turns.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::Sender;
use mio::Waker;

use super::Daemon;
use crate::error::{SendError, WhisperError};
use crate::wire::NodeId;

/// Something to do on the event loop.
pub(super) type Command = Box<dyn FnOnce(&mut Daemon) + Send>;

/// Lets any thread ask the event loop for something.
#[derive(Clone)]
pub(crate) struct Handle {
    commands: Sender<Command>,
    alarm: Arc<Alarm>,
}

/// Wakes the poller once for any number of commands.
#[derive(Debug)]
pub(super) struct Alarm {
    waker: Waker,
    ringing: AtomicBool,
}

impl Alarm {
    pub(super) fn new(waker: Waker) -> Self {
        Self { waker, ringing: AtomicBool::new(false) }
    }

    fn ring(&self) {
        if !self.ringing.swap(true, Ordering::AcqRel) {
            if let Err(error) = self.waker.wake() {
                log::error!("the event loop could not be woken: {error}");
            }
        }
    }

    /// Called by the loop before it looks for commands: one sent later rings again.
    pub(super) fn silence(&self) {
        // A read-modify-write, so that the commands of whoever rang before are seen after it.
        self.ringing.swap(false, Ordering::AcqRel);
    }
}

impl Handle {
    pub(super) fn new(commands: Sender<Command>, alarm: Arc<Alarm>) -> Self {
        Self { commands, alarm }
    }

    /// Runs `work` on the loop. Returns whether the loop may still do it: one that has ended does
    /// not.
    pub(crate) fn tell(&self, work: impl FnOnce(&mut Daemon) + Send + 'static) -> bool {
        let taken = self.commands.send(Box::new(work)).is_ok();
        self.alarm.ring();
        taken
    }

    /// Runs `work` on the loop and waits for its result; `None` where the loop has ended.
    pub(crate) fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Daemon) -> T + Send + 'static,
    ) -> Option<T> {
        let (sender, receiver) = crossbeam_channel::bounded(1);
        self.tell(move |daemon| {
            // The asker waits, unless its thread was ended.
            drop(sender.send(work(daemon)));
        });
        receiver.recv().ok()
    }
}

impl Handle {
    /// Whispers to a node, and waits until it is on its way.
    pub(crate) fn whisper<P: AsRef<[u8]>>(
        &self,
        id: NodeId,
        sub_flag: &[u8],
        packets: &[P],
    ) -> Result<(), WhisperError> {
        let (packets, sub_flag) = (owned(packets), sub_flag.to_vec());
        let (whisperer, outcome) = crossbeam_channel::bounded(1);
        self.tell(move |daemon| daemon.whisper(&id, &sub_flag, &packets, whisperer));
        outcome.recv().unwrap_or(Err(WhisperError::Send(SendError::Closed)))
    }
}

/// Packets that can go to the loop's thread.
pub(crate) fn owned<P: AsRef<[u8]>>(packets: &[P]) -> Vec<Vec<u8>> {
    packets.iter().map(|packet| packet.as_ref().to_vec()).collect()
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("commands", &self.commands.len()).finish_non_exhaustive()
    }
}
