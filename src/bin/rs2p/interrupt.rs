//! Ctrl-C, as something to look at from time to time.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a shell shows for a program that Ctrl-C ended: 128 and the number of the signal.
pub(crate) const EXIT_CODE: u8 = 130;

/// Whether the user wants the run to end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt {
    is_set: Arc<AtomicBool>,
}

impl Interrupt {
    /// From now on Ctrl-C asks for an end in good order, and a second one ends the program.
    pub(crate) fn watch() -> Self {
        let interrupt = Self::default();
        let is_set = Arc::clone(&interrupt.is_set);
        // Where this fails, Ctrl-C ends the program at once, as it does by default.
        drop(ctrlc::set_handler(move || {
            if is_set.swap(true, Ordering::Relaxed) {
                process::exit(EXIT_CODE.into());
            }
        }));
        interrupt
    }

    pub(crate) fn is_set(&self) -> bool {
        self.is_set.load(Ordering::Relaxed)
    }
}
