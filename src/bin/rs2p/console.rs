//! Where a command shows what it does: plain lines, a little more on a terminal.

use std::fmt::{self, Display};
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

/// The width of the column of labels.
const LABEL_WIDTH: usize = 11;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Tone {
    Plain,
    Good,
    Bad,
}

/// Lines for a reader. A reader that has gone away is no failure.
#[derive(Debug)]
pub(crate) struct Console {
    target: Target,
    is_terminal: bool,
    has_colors: bool,
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
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { target, is_terminal, has_colors: is_terminal && !no_color }
    }

    pub(crate) fn line(&self, text: impl Display) {
        self.write(format_args!("{}{text}\n", self.erase()));
    }

    /// A line of the form that all phases have: a label, then what is to be known.
    pub(crate) fn labelled(&self, tone: Tone, label: &str, text: impl Display) {
        let (start, end) = match (self.has_colors, tone) {
            (false, _) => ("", ""),
            (true, Tone::Plain) => ("\x1b[1m", "\x1b[0m"),
            (true, Tone::Good) => ("\x1b[1;32m", "\x1b[0m"),
            (true, Tone::Bad) => ("\x1b[1;31m", "\x1b[0m"),
        };
        self.line(format_args!("{start}{label:<LABEL_WIDTH$}{end}{text}"));
    }

    /// A line that the next one replaces. Only on a terminal.
    pub(crate) fn progress(&self, label: &str, text: impl Display) {
        if self.is_terminal {
            self.write(format_args!("{}{label:<LABEL_WIDTH$}{text}", self.erase()));
        }
    }

    fn erase(&self) -> &'static str {
        if self.is_terminal { "\r\x1b[K" } else { "" }
    }

    fn write(&self, text: fmt::Arguments<'_>) {
        let text = text.to_string();
        drop(match self.target {
            Target::Stdout => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())
            }
            Target::Stderr => io::stderr().write_all(text.as_bytes()),
            Target::Nowhere => Ok(()),
        });
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
