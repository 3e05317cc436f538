//! Where lines come from: keys on a terminal, or plain reading.

use std::io;

use super::super::lines::{self, Line};
use super::super::output::Output;
#[cfg(unix)]
use super::editor::Editor;

#[derive(Debug)]
pub(super) enum Input {
    /// On Windows the console edits lines itself.
    #[cfg(unix)]
    Editor(Box<Editor>),
    Plain,
}

/// What came from the user.
#[derive(Debug)]
pub(super) enum Said {
    Line(String),
    /// A line that cannot be used, and why.
    Unreadable(&'static str),
    /// There is no more.
    End,
}

impl Input {
    /// An editor where both ends are a terminal that can do it.
    #[cfg(unix)]
    pub(super) fn open(output: &Output) -> Self {
        Editor::open(output).map_or(Self::Plain, |editor| Self::Editor(Box::new(editor)))
    }

    #[cfg(not(unix))]
    pub(super) fn open(_: &Output) -> Self {
        Self::Plain
    }

    /// What gives the terminal back.
    pub(super) fn restorer(&self) -> impl FnOnce() + use<> {
        #[cfg(unix)]
        let terminal = match self {
            Self::Editor(editor) => Some(editor.terminal().clone()),
            Self::Plain => None,
        };
        move || {
            #[cfg(unix)]
            if let Some(terminal) = terminal {
                terminal.restore();
            }
        }
    }

    /// Waits for the next line.
    pub(super) fn next(&mut self) -> Said {
        match self {
            #[cfg(unix)]
            Self::Editor(editor) => editor.next().map_or(Said::End, Said::Line),
            Self::Plain => match lines::next(&mut io::stdin().lock(), lines::MAX_LINE_LEN) {
                Ok(Some(Line::Text(line))) => Said::Line(line),
                Ok(Some(Line::NotUtf8)) => Said::Unreadable("not sent: the line is not UTF-8"),
                Ok(Some(Line::TooLong)) => {
                    Said::Unreadable("not sent: the line is longer than 20 MiB")
                }
                Ok(None) | Err(_) => Said::End,
            },
        }
    }
}
