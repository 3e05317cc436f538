//! `rs2p node` for a person: what is typed goes to everybody, and what others say appears above.
//!
//! One thread reads lines and does what they say, others tell what happens meanwhile. On a terminal
//! lines are edited, and what others say does not disturb the one that is being typed. From and to
//! files and pipes there are plain lines, and no escape sequences.

#[cfg(unix)]
mod edit;
#[cfg(unix)]
mod editor;
mod input;
#[cfg(unix)]
mod keys;
mod names;
mod news;
mod room;
mod style;
#[cfg(unix)]
mod terminal;
mod typed;

use std::io;
use std::sync::mpsc::Receiver;
use std::thread;

use rs2p::{CloseReport, Encryption, MeshSocket};

use super::error::NodeError;
use super::join::{self, Joined};
use super::options::{DEFAULT_SUBNET, Options};
use super::output::Output;
use super::stop::Stop;
use crate::console::{self, OutputError};
use crate::encryption;
use crate::safe;
use input::{Input, Said};
use room::Room;
use style::Style;

/// Runs the node until it is to end. Returns whether it left in good order.
pub(super) fn run(
    options: &Options,
    socket: &MeshSocket,
    output: &Output,
    stopped: &Receiver<Stop>,
) -> Result<bool, NodeError> {
    greet(options, socket, output);
    let input = Input::open(output);
    let restore = input.restorer();
    let room = Room::new(socket.clone(), options.encryption, output.clone(), Style::of_stdout());
    let (talker, seeds) = (room.clone(), options.connect.clone());
    let started = tell(&room).and_then(|()| {
        thread::Builder::new().name("input".to_owned()).spawn(move || talk(&talker, input, &seeds))
    });
    if started.is_ok() {
        // The threads hold senders, so that this waits.
        drop(stopped.recv());
    }
    restore();
    started.map_err(NodeError::Thread)?;
    let (report, saved) = super::leave(options, socket);
    part(&report, room.unsaid(), output).map_err(NodeError::Output)?;
    saved?;
    Ok(report.is_clean() && room.unsaid() == 0)
}

fn greet(options: &Options, socket: &MeshSocket, output: &Output) {
    let (id, addr) = (socket.id(), socket.local_addr());
    let how = encryption::in_words(options.encryption);
    output.line(format_args!("node {} listens at {addr}, {how}", id.short()));
    let mut command = format!("rs2p node --connect {}", socket.out_addr());
    if Some(options.encryption) != Encryption::DEFAULT {
        command.push_str(&format!(" --encryption {}", encryption::word(options.encryption)));
    }
    if options.subnet != DEFAULT_SUBNET {
        command.push_str(&format!(" --subnet {}", quoted(&options.subnet)));
    }
    if let Some(file) = &options.secret {
        command.push_str(&format!(" --secret-file {}", quoted(&file.to_string_lossy())));
    }
    output.line(format_args!("join it from another terminal: {command}"));
    output.line("type a line and press Enter to send it to everybody; /help for more");
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", safe::shown(word.as_bytes(), usize::MAX).replace('\'', r"'\''"))
    }
}

/// Says what the close left behind, after so many lines that had not been said to anybody.
fn part(report: &CloseReport, unsaid: u64, output: &Output) -> Result<(), OutputError> {
    for (id, len) in report.unsent() {
        let bytes = console::count(u64::try_from(*len).unwrap_or(u64::MAX), "byte");
        output.line(format_args!("{bytes} for {} were not sent", id.short()));
    }
    for id in report.unconfirmed() {
        output.line(format_args!("whether {} got everything is not known", id.short()));
    }
    if unsaid > 0 {
        let verb = if unsaid == 1 { "was" } else { "were" };
        output.line(format_args!("{} {verb} not sent", console::count(unsaid, "line")));
    }
    let has_doubts = !report.unsent().is_empty() || !report.unconfirmed().is_empty();
    let how = match (report.is_clean(), !has_doubts) {
        (true, _) if unsaid > 0 => "left the mesh",
        (true, _) => "left the mesh; everything was sent",
        (false, false) => "left the mesh",
        (false, true) => "left the mesh without waiting any longer for its end",
    };
    output.last_line(how)
}

/// Joins the mesh, does what the lines say until there are no more, and has the node end.
fn talk(room: &Room, mut input: Input, seeds: &[String]) {
    for name in seeds {
        match join::keep(room.socket(), name) {
            Joined::Failed(error) => {
                room.note(format_args!("{name}: {error}; it is tried again from time to time"));
            }
            // A new neighbor is told as news.
            Joined::Neighbor(_) => {}
            Joined::Myself => room.note(format_args!("{name}: {}", Joined::Myself)),
        }
    }
    loop {
        let stop = match input.next() {
            Said::Line(line) => match room.obey(&line) {
                Some(stop) => stop,
                None => continue,
            },
            Said::Unreadable(why) => {
                room.note_unsaid(why);
                continue;
            }
            Said::End => Stop::EndOfInput,
        };
        return room.output().stop(stop);
    }
}

/// Starts to tell what others say and do.
fn tell(room: &Room) -> io::Result<()> {
    let name = |name: &str| thread::Builder::new().name(name.to_owned());
    let (messages, events) = (room.clone(), room.clone());
    name("messages").spawn(move || news::messages(&messages))?;
    name("events").spawn(move || news::events(&events))?;
    Ok(())
}
