//! What ends a node on the terminal.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;

use crate::interrupt;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The user said so.
    Quit,
    /// There is no more input.
    EndOfInput,
    /// Ctrl-C, or another signal to end.
    Signal,
    /// Nobody reads the output any more.
    ReaderGone,
}

/// Reports Ctrl-C and its like. The second one ends the program at once: whoever is in a hurry
/// does not wait for a neighbor that takes nothing.
pub(super) fn on_signal(stop: Sender<Stop>) -> Result<(), ctrlc::Error> {
    let again = AtomicBool::new(false);
    ctrlc::set_handler(move || {
        if again.swap(true, Ordering::Relaxed) {
            std::process::exit(interrupt::EXIT_CODE.into());
        }
        // Nobody waits for it where the node is being closed already.
        drop(stop.send(Stop::Signal));
    })
}
