//! `rs2p replay`: a recorded node runs again, and lets itself be looked into.
//!
//! Knows files, and how to show lines and states. What a line means, and what the node makes of it,
//! is the library's. A record is input like any other: whatever stands in it, it is read in bounded
//! memory, shown without harm to a terminal, and ends in a result or in an error with its line.

mod error;
mod input;
mod options;
mod state;
mod steps;

use std::process::ExitCode;
use std::time::Duration;

use rs2p::record::{LineKind, Replay, Turn};
use rs2p::time::Instant;
use serde_json::{Value, json};

use crate::Failure;
use crate::console::{self, Console, Tone, count, grouped};
use crate::json::ascii;
use crate::safe;
pub(crate) use error::ReplayError;
use input::Lines;
use options::Options;
pub(crate) use options::{HELP, SUMMARY};
use state::State;
use steps::{Steps, Wish};

/// The most characters of a line that are shown.
const MAX_SHOWN: usize = 100;

pub(crate) fn run(parser: lexopt::Parser) -> Result<ExitCode, Failure> {
    let options = Options::parse(parser)?;
    let console = if options.json { Console::stderr() } else { Console::stdout() };
    let mut run = Run {
        lines: Lines::open(&options.file)?,
        replay: Replay::new(),
        console: &console,
        counts: [0; 4],
        steps: options.step.then(Steps::new),
        options,
    };
    let is_ok = run.live()?;
    console.finish()?;
    Ok(if is_ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Run<'a> {
    options: Options,
    lines: Lines,
    replay: Replay,
    console: &'a Console,
    /// Of inputs, calls, outputs and holes.
    counts: [u64; 4],
    steps: Option<Steps>,
}

impl Run<'_> {
    fn live(&mut self) -> Result<bool, Failure> {
        let mut has_told = false;
        while let Some(line) = self.lines.next()? {
            // Before the first line that is later than the instant asked for.
            if self.options.at.is_some_and(|at| starts_after(&line, at)) {
                break;
            }
            let turn = self.replay.feed(&line).map_err(|error| self.lines.wrong(error))?;
            let Turn::Line(kind, now) = turn else { continue };
            if let Some(count) = self.counts.get_mut(kind as usize) {
                *count += 1;
            }
            let is_shown = self.options.at.is_none() && self.steps.is_none();
            if is_shown || self.steps.as_ref().is_some_and(|steps| steps.is_due(now)) {
                self.show(&line, kind);
            }
            if self.replay.difference().is_some() && !has_told {
                has_told = true;
                self.show_difference();
            }
            if !self.wait(now)? {
                break;
            }
        }
        self.replay.end_head().map_err(|error| self.lines.wrong(error))?;
        self.finish()
    }

    /// In a run step by step: asks what is wanted next, at the end of each step. Returns whether the
    /// run goes on.
    fn wait(&mut self, now: Instant) -> Result<bool, Failure> {
        let (Some(steps), replay) = (&mut self.steps, &self.replay) else { return Ok(true) };
        if !steps.is_over(now) {
            return Ok(true);
        }
        loop {
            match steps.ask(self.console, now)? {
                Wish::Go => return Ok(true),
                Wish::State => State::of(replay).show(self.console),
                Wish::Help => self.console.line(steps::HELP),
                Wish::Quit => return Ok(false),
            }
        }
    }

    fn show(&self, line: &str, kind: LineKind) {
        let text = safe::shown(line.as_bytes(), MAX_SHOWN);
        let mark = match kind {
            LineKind::Input => ">",
            LineKind::Call => "*",
            LineKind::Output => " <",
            LineKind::Lost => "!",
        };
        self.console.line(format_args!("{:>6} {mark:<2} {text}", self.replay.line()));
    }

    fn show_difference(&self) {
        let Some(it) = self.replay.difference() else { return };
        let text = |text: &Option<String>| match text {
            Some(text) => safe::shown(text.as_bytes(), MAX_SHOWN),
            None => "nothing".to_owned(),
        };
        let at = format_args!("line {}, {}: the first output that is another", it.line, it.at);
        self.console.labelled(Tone::Bad, "differs", at);
        self.console.labelled(Tone::Plain, "recorded", text(&it.recorded));
        self.console.labelled(Tone::Plain, "now", text(&it.now));
    }

    fn finish(&self) -> Result<bool, Failure> {
        let replay = &self.replay;
        let is_ok = replay.difference().is_none();
        let state = State::of(replay);
        if self.options.json {
            console::print(&format!("{}\n", ascii(&self.to_json(&state))))?;
            return Ok(is_ok);
        }
        let [inputs, calls, outputs, _] = self.counts;
        let text = format!(
            "{}, {} and {} up to {}",
            count(inputs, "input"),
            count(calls, "call"),
            count(outputs, "output"),
            replay.now()
        );
        self.console.labelled(Tone::Plain, "record", text);
        if replay.lost() > 0 {
            let lost = format_args!("{} left out by the writer", count(replay.lost(), "line"));
            self.console.labelled(Tone::Bad, "lost", lost);
        }
        state.show(self.console);
        for doubt in replay.doubts() {
            self.console.labelled(Tone::Plain, "note", doubt);
        }
        if let Some(obstacle) = replay.obstacle() {
            let text = format_args!("the node was not run again: {obstacle}");
            self.console.labelled(Tone::Plain, "shown", text);
        } else if is_ok && replay.compared() == 0 {
            let text = "nothing to compare: up to here the record has no output";
            self.console.labelled(Tone::Plain, "shown", text);
        } else if is_ok {
            let compared = grouped(replay.compared());
            let text = format_args!("the node did the same again: {compared} outputs compared");
            self.console.labelled(Tone::Good, "ok", text);
        } else {
            self.show_difference();
        }
        Ok(is_ok)
    }

    fn to_json(&self, state: &State<'_>) -> Value {
        let replay = &self.replay;
        let [inputs, calls, outputs, _] = self.counts;
        let difference = replay.difference().map(|it| {
            json!({
                "line": it.line, "at_ns": it.at.as_nanos(), "recorded": it.recorded, "now": it.now,
            })
        });
        json!({
            "ok": difference.is_none(), "lines": replay.line(), "inputs": inputs, "calls": calls,
            "outputs": outputs, "lost": replay.lost(), "at_ns": replay.now().as_nanos(),
            "compared": replay.compared(), "left": replay.left(), "difference": difference,
            "not_run": replay.obstacle(), "notes": replay.doubts().collect::<Vec<_>>(),
            "state": state.to_json(),
        })
    }
}

/// Whether a line is of a later instant. What is no line is not: it is to be read, and told.
fn starts_after(line: &str, at: Duration) -> bool {
    let millis = line.split_once("ms n").and_then(|(millis, _)| millis.parse::<f64>().ok());
    millis.is_some_and(|millis| millis > at.as_secs_f64() * 1e3)
}
