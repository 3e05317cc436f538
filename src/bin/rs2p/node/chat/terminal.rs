//! The terminal, which hands over keys as they are pressed.

use std::io;

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};

/// A terminal that hands over each key. Ctrl-C is a signal still, so that it works while a command
/// is being done.
#[derive(Clone, Debug)]
pub(super) struct Terminal {
    /// What it was like before.
    before: Termios,
}

impl Terminal {
    /// Takes over the terminal, where stdin is one.
    pub(super) fn open() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut mode = before.clone();
        mode.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::IEXTEN);
        mode.special_codes[SpecialCodeIndex::VMIN] = 1;
        mode.special_codes[SpecialCodeIndex::VTIME] = 0;
        // A stopped or killed program would leave the terminal as it is now.
        mode.special_codes[SpecialCodeIndex::VSUSP] = 0;
        mode.special_codes[SpecialCodeIndex::VQUIT] = 0;
        tcsetattr(io::stdin(), OptionalActions::Drain, &mode)?;
        Ok(Self { before })
    }

    /// Gives the terminal back as it was.
    pub(super) fn restore(&self) {
        // A terminal that has gone away needs nothing, and one that is stopped is not waited for.
        tcsetattr(io::stdin(), OptionalActions::Now, &self.before).unwrap_or_default();
    }
}
