//! Whole lines to stdout from several threads.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};

use super::stop::Stop;

/// Where lines go. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Output {
    /// Nothing more is to be written.
    is_over: Arc<Mutex<bool>>,
    stop: Sender<Stop>,
}

impl Output {
    pub(super) fn new(stop: Sender<Stop>) -> Self {
        Self { is_over: Arc::default(), stop }
    }

    /// Writes a line. Where nobody reads any more, the node is to end.
    pub(super) fn line(&self, text: impl Display) {
        self.write(text, false);
    }

    /// Writes a line behind which nothing comes, whatever other threads have to say.
    pub(super) fn last_line(&self, text: impl Display) {
        self.write(text, true);
    }

    /// Has the node end.
    pub(super) fn stop(&self, stop: Stop) {
        // Nobody waits for it where the node is being closed already.
        drop(self.stop.send(stop));
    }

    fn write(&self, text: impl Display, is_last: bool) {
        let text = format!("{text}\n");
        let mut is_over = self.is_over.lock().unwrap_or_else(PoisonError::into_inner);
        if *is_over {
            return;
        }
        let mut stdout = io::stdout().lock();
        let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
        *is_over = is_last || written.is_err();
        if written.is_err() {
            self.stop(Stop::ReaderGone);
        }
    }
}
