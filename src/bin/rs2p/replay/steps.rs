//! Going through a record step by step, as whoever types wants it.

use std::io::{self, BufRead};

use rs2p::time::Instant;

use crate::args;
use crate::console::{Console, OutputError, print};

pub(super) const HELP: &str = "\
  Enter   the next line           N       the next N lines
  12.5s   on to this instant      s       what the node knows now
  c       on to the end           q       stop here";

/// The most characters of a command that are read.
const MAX_COMMAND_LEN: u64 = 1_000;

/// What is wanted before the next line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Go,
    State,
    Help,
    Quit,
}

/// How far the run goes before it asks again.
#[derive(Debug)]
pub(super) struct Steps {
    left: u64,
    until: Option<Instant>,
}

impl Steps {
    pub(super) fn new() -> Self {
        Self { left: 1, until: None }
    }

    /// Whether a line is shown: those on the way to an instant are not.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now >= until)
    }

    /// Whether the step ends with a line of this instant.
    pub(super) fn is_over(&mut self, now: Instant) -> bool {
        match self.until {
            Some(until) => now >= until,
            None => {
                self.left = self.left.saturating_sub(1);
                self.left == 0
            }
        }
    }

    pub(super) fn ask(&mut self, console: &Console, now: Instant) -> Result<Wish, OutputError> {
        print("step> ")?;
        let mut line = String::new();
        let stdin = io::stdin().lock();
        let read = io::Read::take(stdin, MAX_COMMAND_LEN).read_line(&mut line);
        if !matches!(read, Ok(1..)) {
            console.line("");
            return Ok(Wish::Quit);
        }
        Ok(self.take(line.trim(), now))
    }

    fn take(&mut self, command: &str, now: Instant) -> Wish {
        (self.left, self.until) = (1, None);
        match command {
            "" => Wish::Go,
            "q" => Wish::Quit,
            "s" => Wish::State,
            "c" => {
                self.left = u64::MAX;
                Wish::Go
            }
            _ => {
                if let Ok(count @ 1..) = command.parse() {
                    self.left = count;
                    return Wish::Go;
                }
                let time = args::time("a step", &command.into()).ok();
                let until = time.map(|time| Instant::ZERO + time).filter(|until| *until > now);
                self.until = until;
                if until.is_some() { Wish::Go } else { Wish::Help }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_goes_as_far_as_it_says() {
        let now = Instant::from_millis(5);
        let mut steps = Steps::new();
        for (command, wish) in [
            ("", Wish::Go),
            ("3", Wish::Go),
            ("12.5s", Wish::Go),
            ("1ms", Wish::Help),
            ("0", Wish::Help),
            ("frob", Wish::Help),
            ("s", Wish::State),
            ("q", Wish::Quit),
        ] {
            assert_eq!(steps.take(command, now), wish, "{command}");
        }
        steps.take("2", now);
        assert_eq!([(); 2].map(|()| steps.is_over(now)), [false, true]);
        steps.take("7ms", now);
        let [before, then] = [6, 7].map(Instant::from_millis);
        assert!(!steps.is_due(before) && !steps.is_over(before));
        assert!(steps.is_due(then) && steps.is_over(then));
        steps.take("c", now);
        assert!(!steps.is_over(now));
    }
}
