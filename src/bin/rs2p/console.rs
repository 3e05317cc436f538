//! Where a command shows what it does: plain lines, a little more on a terminal.

use std::cell::{Cell, OnceCell};
use std::error::Error;
use std::fmt::{self, Display};
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use crate::terminal;

/// The width of the column of labels.
const LABEL_WIDTH: usize = 11;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Tone {
    Plain,
    Good,
    Bad,
}

/// What a command has to say could not be written, on a full disk for example. The work was done.
#[derive(Debug)]
pub(crate) struct OutputError(io::Error);

impl Display for OutputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the output could not be written")
    }
}

impl From<io::Error> for OutputError {
    fn from(error: io::Error) -> Self {
        Self(error)
    }
}

impl Error for OutputError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

/// Writes a whole text to stdout. A reader that has gone away, as `head` does, is no failure.
pub(crate) fn print(text: &str) -> Result<(), OutputError> {
    print_bytes(text.as_bytes()).map(|_is_read| ())
}

/// Writes to stdout, and tells whether anybody reads there still.
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<bool, OutputError> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(OutputError(error)),
    }
}

/// Lines for a reader, and a view below them on a terminal.
#[derive(Debug)]
pub(crate) struct Console {
    target: Target,
    is_live: bool,
    has_colors: bool,
    /// The lines of the view that is on the terminal. The cursor is below them.
    drawn: Cell<usize>,
    /// The first failure to write.
    failure: OnceCell<OutputError>,
}

#[derive(Clone, Copy, Debug)]
enum Target {
    Stdout,
    Stderr,
    Nowhere,
}

impl Console {
    pub(crate) fn stdout() -> Self {
        Self::new(Target::Stdout, io::stdout().is_terminal())
    }

    /// For a command whose result has stdout for itself: shows what it does on a terminal only.
    pub(crate) fn stderr() -> Self {
        let is_terminal = io::stderr().is_terminal();
        Self::new(if is_terminal { Target::Stderr } else { Target::Nowhere }, is_terminal)
    }

    fn new(target: Target, is_terminal: bool) -> Self {
        let is_live = is_terminal && terminal::is_capable();
        Self {
            target,
            is_live,
            has_colors: is_live && terminal::wants_colors(),
            drawn: Cell::new(0),
            failure: OnceCell::new(),
        }
    }

    /// Whether views are shown: on a terminal that can go back to a line.
    pub(crate) fn is_live(&self) -> bool {
        self.is_live
    }

    pub(crate) fn line(&self, text: impl Display) {
        self.write(&format!("{}{text}\n", terminal::erase(self.drawn.take())));
    }

    /// A line of the form that all phases have: a label, then what is to be known.
    pub(crate) fn labelled(&self, tone: Tone, label: &str, text: impl Display) {
        self.line(format_args!("{}{text}", self.label(tone, label)));
    }

    /// A line that the next output replaces. Only on a terminal.
    pub(crate) fn progress(&self, label: &str, text: impl Display) {
        self.view(&[(label, text.to_string())]);
    }

    /// Labels and texts that the next output replaces. Only on a terminal. The texts must not hold
    /// escapes.
    pub(crate) fn view(&self, lines: &[(&str, String)]) {
        if self.is_live {
            let width = terminal::columns().saturating_sub(LABEL_WIDTH + 1);
            let lines: Vec<String> = lines
                .iter()
                .map(|(label, text)| {
                    let text: String = text.chars().take(width).collect();
                    format!("{}{text}", self.label(Tone::Plain, label))
                })
                .collect();
            self.write(&terminal::redraw(self.drawn.replace(lines.len()), &lines));
        }
    }

    /// Tells whether everything could be written.
    pub(crate) fn finish(self) -> Result<(), OutputError> {
        self.failure.into_inner().map_or(Ok(()), Err)
    }

    fn label(&self, tone: Tone, label: &str) -> String {
        let (start, end) = match (self.has_colors, tone) {
            (false, _) => ("", ""),
            (true, Tone::Plain) => ("\x1b[1m", "\x1b[0m"),
            (true, Tone::Good) => ("\x1b[1;32m", "\x1b[0m"),
            (true, Tone::Bad) => ("\x1b[1;31m", "\x1b[0m"),
        };
        format!("{start}{label:<LABEL_WIDTH$}{end}")
    }

    fn write(&self, text: &str) {
        match self.target {
            Target::Stdout => {
                if let Err(error) = print(text) {
                    // Takes none after the first.
                    drop(self.failure.set(error));
                }
            }
            // Nobody's result, and there is nowhere left to tell that it failed.
            Target::Stderr => drop(io::stderr().write_all(text.as_bytes())),
            Target::Nowhere => {}
        }
    }
}

/// A duration as a reader wants it.
pub(crate) fn human(duration: Duration) -> String {
    let micros = duration.as_micros();
    if micros < 1_000 {
        format!("{micros} µs")
    } else if micros < 1_000_000 {
        format!("{:.1} ms", duration.as_secs_f64() * 1e3)
    } else {
        format!("{:.2} s", duration.as_secs_f64())
    }
}

/// `1 node`, `2 nodes`, `1,000 nodes`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number))
}

/// A number with its thousands apart.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_apart() {
        for (number, expected) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345_678, "12,345,678")]
        {
            assert_eq!(grouped(number), expected);
        }
        assert_eq!([count(1, "node"), count(2, "node")], ["1 node", "2 nodes"]);
    }

    #[test]
    fn durations_have_a_fitting_unit() {
        for (micros, expected) in
            [(0, "0 µs"), (999, "999 µs"), (1_500, "1.5 ms"), (2_340_000, "2.34 s")]
        {
            assert_eq!(human(Duration::from_micros(micros)), expected);
        }
    }
}
