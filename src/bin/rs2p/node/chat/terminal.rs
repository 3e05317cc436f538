//! The state of the terminal, to be given back as it was.
//!
//! While a line is edited the terminal is in a state of its own. Who ends the program by a signal
//! from elsewhere must find it usable.

/// What the terminal was like before the first line.
#[derive(Debug)]
pub(super) struct TerminalMode {
    #[cfg(unix)]
    mode: Option<nix::sys::termios::Termios>,
}

#[cfg(unix)]
impl TerminalMode {
    pub(super) fn now() -> Self {
        Self { mode: nix::sys::termios::tcgetattr(std::io::stdin()).ok() }
    }

    /// Puts the terminal back. Returns whether there is one.
    pub(super) fn restore(&self) -> bool {
        let Some(mode) = &self.mode else { return false };
        let when = nix::sys::termios::SetArg::TCSADRAIN;
        nix::sys::termios::tcsetattr(std::io::stdin(), when, mode).is_ok()
    }
}

#[cfg(not(unix))]
impl TerminalMode {
    pub(super) fn now() -> Self {
        Self {}
    }

    /// Nothing to do: a console forgets a program's state with the program.
    pub(super) fn restore(&self) -> bool {
        false
    }
}
