//! Where lines come from: an editor on a terminal, or plain reading.

use std::fmt;
use std::io;

use rustyline::history::MemHistory;
use rustyline::{Config, Editor, ExternalPrinter};

use super::super::lines::{self, Line};

const PROMPT: &str = "> ";

/// How many lines can be called back.
const HISTORY_LEN: usize = 1_000;

/// Writes above the line that is being typed.
pub(super) type Printer = Box<dyn ExternalPrinter + Send>;

pub(super) enum Input {
    Editor(Box<Editor<(), MemHistory>>),
    Plain,
}

/// What came from the user.
#[derive(Debug)]
pub(super) enum Said {
    Line(String),
    /// A line that cannot be used, and why.
    Unreadable(&'static str),
    /// The end of the input, or Ctrl-C.
    End,
}

impl Input {
    /// An editor where both ends are a terminal that can do it.
    pub(super) fn open() -> Self {
        let config = Config::builder().auto_add_history(true).max_history_size(HISTORY_LEN);
        let editor = config.and_then(|config| {
            let config = config.build();
            let history = MemHistory::with_config(&config);
            let mut editor = Editor::with_history(config, history)?;
            editor.create_external_printer()?;
            Ok(editor)
        });
        editor.map_or(Self::Plain, |editor| Self::Editor(Box::new(editor)))
    }

    pub(super) fn printer(&mut self) -> Option<Printer> {
        match self {
            Self::Editor(editor) => {
                let printer = editor.create_external_printer().ok()?;
                Some(Box::new(printer))
            }
            Self::Plain => None,
        }
    }

    /// Waits for the next line.
    pub(super) fn next(&mut self) -> Said {
        match self {
            Self::Editor(editor) => match editor.readline(PROMPT) {
                Ok(line) => Said::Line(line),
                // Ctrl-D, Ctrl-C, or a terminal that has gone away.
                Err(_) => Said::End,
            },
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

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Editor(_) => "Editor",
            Self::Plain => "Plain",
        })
    }
}
