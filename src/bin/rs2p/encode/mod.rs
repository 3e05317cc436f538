//! `rs2p encode`: makes frames, the inverse of `rs2p decode`.
//!
//! Knows which flags go with which kind of message, and how a frame is written out. The bytes are
//! the library's; what is asked for is not judged, so that bad messages can be made as well.

mod error;
mod lines;
mod options;

use std::io;
use std::process::ExitCode;

use rs2p::{Compressions, PathfindingMessage};
use serde_json::json;

use crate::{Failure, clock, console, hex};
pub(crate) use error::EncodeError;
use lines::Lines;
pub(crate) use options::{HELP, SUMMARY};
use options::{Options, Output, Task};

pub(crate) fn run(parser: lexopt::Parser) -> Result<ExitCode, Failure> {
    let Options { task, output } = Options::parse(parser)?;
    match task {
        Task::Message { main, sender, time, payload, compression } => {
            let time = time.unwrap_or_else(|| clock::unix_time().as_secs());
            let message = PathfindingMessage::new(&main, &sender, time, &payload);
            let message = message.map_err(EncodeError::TooLong)?;
            write(&message.with_compression(Compressions::from_iter(compression)), output)?;
        }
        Task::Lines => {
            for message in Lines::new(io::stdin().lock()) {
                if !write(&message?, output)? {
                    break;
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes one frame; `false` where nobody reads it, which is no failure.
fn write(message: &PathfindingMessage, output: Output) -> Result<bool, Failure> {
    let frame = message.encode().map_err(EncodeError::TooLong)?;
    let bytes = match output {
        Output::Raw => frame,
        Output::Hex => (hex::write(&frame) + "\n").into_bytes(),
        Output::Json => {
            let (id, len) = (message.id(), frame.len());
            let line = json!({ "hex": hex::write(&frame), "id": id.as_str(), "len": len });
            format!("{line}\n").into_bytes()
        }
    };
    Ok(console::print_bytes(&bytes)?)
}
