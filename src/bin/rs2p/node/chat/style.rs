//! A little color, where it is wanted.

use std::fmt::Display;
use std::io::{self, IsTerminal};

#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    has_colors: bool,
}

impl Style {
    /// Colors on a terminal, unless `NO_COLOR` says otherwise.
    pub(super) fn of_stdout() -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { has_colors: io::stdout().is_terminal() && !no_color && !is_dumb }
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
