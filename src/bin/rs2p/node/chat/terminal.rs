//! The terminal: keys as they are pressed, and its width.

use std::io;

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr,
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

/// The number of columns, by the usual guess where nobody says.
pub(super) fn columns() -> usize {
    let size = tcgetwinsize(io::stdout()).map(|size| usize::from(size.ws_col));
    size.ok().filter(|columns| *columns > 0).unwrap_or(80)
}
