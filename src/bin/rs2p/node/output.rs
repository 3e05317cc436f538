//! Whole lines to stdout from several threads, above a line that is being typed.

use std::fmt::Display;
use std::io;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::stop::Stop;
use crate::console::{self, OutputError};

/// How long a reader that takes nothing holds up the end.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where lines go. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Output {
    state: Arc<Mutex<State>>,
    stop: Sender<Stop>,
}

#[derive(Debug, Default)]
struct State {
    /// Nothing more is to be written.
    is_over: bool,
    /// What draws the line that is being typed, on a terminal.
    prompt: Option<String>,
    /// Why a line could not be written, though somebody reads.
    failure: Option<OutputError>,
}

/// Goes to the beginning of the row and erases it.
const ERASE: &str = "\r\x1b[K";

impl Output {
    pub(super) fn new(stop: Sender<Stop>) -> Self {
        Self { state: Arc::default(), stop }
    }

    /// Writes a line. Where nobody reads any more, the node is to end.
    pub(super) fn line(&self, text: impl Display) {
        let mut state = self.lock();
        let line = match &state.prompt {
            Some(prompt) => format!("{ERASE}{text}\n{prompt}"),
            None => format!("{text}\n"),
        };
        self.write(&mut state, &line);
    }

    /// Writes a line behind which nothing comes, whatever other threads have to say. Tells whether
    /// all lines could be written.
    pub(super) fn last_line(&self, text: impl Display) -> Result<(), OutputError> {
        let (output, text) = (self.clone(), text.to_string());
        let (sender, written) = mpsc::channel();
        let write = move || {
            let mut state = output.lock();
            let erase = if state.prompt.take().is_some() { ERASE } else { "" };
            output.write(&mut state, &format!("{erase}{text}\n"));
            state.is_over = true;
            // Nobody waits for it any more where it took too long.
            drop(sender.send(state.failure.take()));
        };
        // A thread of its own, because whoever writes waits for the reader. Where there is none
        // left for it, nothing is said.
        drop(thread::Builder::new().name("last line".to_owned()).spawn(write));
        match written.recv_timeout(PATIENCE) {
            Ok(Some(error)) => Err(error),
            Ok(None) => Ok(()),
            Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
        }
    }

    /// Draws the line that is being typed, now and below each line that comes.
    #[cfg(unix)]
    pub(super) fn prompt(&self, prompt: String) {
        let mut state = self.lock();
        self.write(&mut state, &prompt);
        state.prompt = Some(prompt);
    }

    /// Writes the last of what was typed.
    #[cfg(unix)]
    pub(super) fn end_prompt(&self, text: &str) {
        let mut state = self.lock();
        state.prompt = None;
        self.write(&mut state, text);
    }

    /// Has the node end.
    pub(super) fn stop(&self, stop: Stop) {
        // Nobody waits for it where the node is being closed already.
        drop(self.stop.send(stop));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, state: &mut State, text: &str) {
        if state.is_over {
            return;
        }
        let written = console::print_bytes(text.as_bytes());
        if !matches!(written, Ok(true)) {
            state.failure = written.err();
            state.is_over = true;
            self.stop(Stop::ReaderGone);
        }
    }
}
