//! `rs2p decode`: takes frames apart, and says at which byte something is none.
//!
//! Knows what each packet is called and how it is explained. What the bytes are is the library's
//! decision: a frame is good here exactly where a node would read it.

mod control;
mod date;
mod error;
mod frame;
mod header;
mod input;
mod json;
mod missed;
mod options;
mod payload;
mod show;
mod stream;
#[cfg(test)]
mod tests;
mod text;

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use rs2p::wire::DecodeLimits;
use rs2p::{Config, Encryption, Protocol};

use crate::console::{self, Console, OutputError};
use crate::{Failure, clock};
pub(crate) use error::InputError;
use frame::{Frame, Rules};
use input::{Input, Unreadable};
pub(crate) use options::{HELP, SUMMARY};
use options::{Options, Source};
use stream::Cutter;

pub(crate) fn run(parser: lexopt::Parser) -> Result<ExitCode, Failure> {
    let options = Options::parse(parser)?;
    let rules = Rules {
        limits: limits(),
        compressions: options.compressions,
        now: options.now.unwrap_or_else(|| clock::unix_time().as_secs()),
    };
    let mut report = Report { is_json: options.json, is_full: options.full, bad: 0, is_read: true };
    let mut cutter = Cutter::new(rules);
    if options.source == Source::Stdin && io::stdin().is_terminal() {
        Console::stderr().line("frames as hexadecimal digits, then Ctrl-D; --help tells more");
    }
    let mut input = Input::open(&options.source, options.form)?;
    take_all(&mut input, &mut cutter, &mut report)?;
    report.finish(&cutter)?;
    Ok(if report.bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What a node takes by default.
fn limits() -> DecodeLimits {
    let config = Config::new(Protocol::new("mesh", Encryption::Plaintext.name()));
    DecodeLimits {
        max_body_len: config.limits.max_frame_len,
        max_packets: config.limits.max_packets,
    }
}

fn take_all(input: &mut Input, cutter: &mut Cutter, report: &mut Report) -> Result<(), Failure> {
    while report.is_read {
        let (mut piece, result) = input.next();
        let is_last = piece.is_empty();
        while let Some(frame) = cutter.next(&mut piece) {
            report.add(&frame)?;
            if cutter.is_lost() {
                return Ok(());
            }
        }
        match result {
            Ok(()) if is_last => {
                return cutter.finish().map_or(Ok(()), |frame| Ok(report.add(&frame)?));
            }
            Ok(()) => {}
            Err(Unreadable::Hex(error)) => {
                return Ok(report.add(&cutter.abandon("hex", error.to_string()))?);
            }
            Err(Unreadable::Io(error)) => return Err(InputError::Read(error).into()),
        }
    }
    Ok(())
}

/// Shows frames as they come.
struct Report {
    is_json: bool,
    is_full: bool,
    /// The frames that are not good.
    bad: u64,
    /// Whether somebody reads what is shown: `head` goes away, which is no failure.
    is_read: bool,
}

impl Report {
    fn add(&mut self, frame: &Frame) -> Result<(), OutputError> {
        self.bad += u64::from(!frame.is_good());
        let text = if self.is_json { json::line(frame) } else { show::text(frame, self.is_full) };
        self.print(&text)
    }

    fn finish(&mut self, cutter: &Cutter) -> Result<(), OutputError> {
        let (frames, bytes) = cutter.totals();
        if self.is_json { Ok(()) } else { self.print(&show::summary(frames, self.bad, bytes)) }
    }

    fn print(&mut self, text: &str) -> Result<(), OutputError> {
        self.is_read = console::print_bytes(text.as_bytes())?;
        Ok(())
    }
}
