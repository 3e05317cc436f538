//! What others say and do, told as it happens.

use rs2p::{CloseReason, Direction, Event, Message, RecvError};

use super::super::kept::Received;
use super::room::Room;
use super::style::Style;
use crate::clock;
use crate::console;
use crate::safe;

/// Shows messages until the node is closed.
pub(super) fn messages(room: &Room) {
    loop {
        match room.socket().recv() {
            Ok(message) => {
                let received =
                    room.with(|kept| kept.push(message, clock::unix_time().as_secs_f64()));
                room.output().line(line(&received, room.style()));
            }
            Err(RecvError::Lagged(lagged)) => {
                let count = console::count(lagged, "message");
                room.note(format_args!("{count} came too fast and were discarded"));
            }
            Err(_) => return,
        }
    }
}

/// Tells who joins and who leaves until the node is closed.
pub(super) fn events(room: &Room) {
    for event in room.socket().events() {
        match event {
            Event::PeerJoined(info) => {
                let how = match info.direction {
                    Direction::Outgoing => "dialled at",
                    Direction::Incoming => "it dialled from",
                };
                let (id, addr) = (info.id.short(), info.addr);
                room.note(format_args!("{id} is a neighbor now: {how} {addr}"));
            }
            // The node is leaving, and says so itself.
            Event::PeerLost { reason: CloseReason::Local, .. } => {}
            Event::PeerLost { id, reason } => {
                room.note(format_args!("{} is no neighbor any more: {reason}", id.short()));
            }
            Event::ClockSuspect { ahead_secs } => {
                let (by, way) =
                    (ahead_secs.unsigned_abs(), if ahead_secs < 0 { "ahead" } else { "slow" });
                let by = console::count(by, "second");
                room.note(format_args!("this machine's clock may be {by} {way}"));
            }
            _ => {}
        }
    }
}

fn line(received: &Received, style: Style) -> String {
    let Received { number, message, .. } = received;
    let proof = if message.is_authenticated() { "" } else { " (unproven)" };
    let how = if message.is_whisper() { " whispers" } else { "" };
    let number = style.dim(format_args!("#{number}"));
    let sender = style.name(message.sender().short());
    format!("{number} {sender}{proof}{how}{}: {}", kind(message), contents(message))
}

/// A word of an application's own.
fn kind(message: &Message) -> String {
    match message.sub_flag() {
        b"broadcast" | b"whisper" => String::new(),
        other => format!(" [{}]", safe::shown(other, 40)),
    }
}

/// The packets, with a bar between them.
fn contents(message: &Message) -> String {
    let packets: Vec<&[u8]> = message.contents().collect();
    safe::shown(&packets.join(&b" | "[..]), safe::MAX_SHOWN)
}
