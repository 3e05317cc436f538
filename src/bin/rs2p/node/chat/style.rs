//! A little color, where it is wanted.

use std::fmt::Display;
use std::io::{self, IsTerminal};

use crate::terminal;

#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    has_colors: bool,
}

impl Style {
    /// Colors on a terminal, unless `NO_COLOR` says otherwise.
    pub(super) fn of_stdout() -> Self {
        let is_capable = io::stdout().is_terminal() && terminal::is_capable();
        Self { has_colors: is_capable && terminal::wants_colors() }
    }

    /// Who speaks.
    pub(super) fn name(self, text: impl Display) -> String {
        self.wrapped("\x1b[1;36m", text)
    }

    /// What is to be seen and not to be read.
    pub(super) fn dim(self, text: impl Display) -> String {
        self.wrapped("\x1b[2m", text)
    }

    fn wrapped(self, start: &str, text: impl Display) -> String {
        if self.has_colors { format!("{start}{text}\x1b[0m") } else { text.to_string() }
    }
}
