//! What others say and do, told as it happens.

use std::fmt;

use rs2p::{Direction, Event, Message, RecvError};

use super::super::kept::Received;
use super::input::Printer;
use super::room::Room;
use super::safe;
use crate::clock;
use crate::console;

/// Tells of one kind of news.
pub(super) struct News {
    room: Room,
    /// None where lines are plain.
    printer: Option<Printer>,
}

impl News {
    pub(super) fn new(room: &Room, printer: Option<Printer>) -> Self {
        Self { room: room.clone(), printer }
    }

    /// Shows messages until the node is closed.
    pub(super) fn messages(mut self) {
        loop {
            match self.room.socket().recv() {
                Ok(message) => {
                    let received = self.room.with(|kept| kept.push(message, clock::unix_seconds()));
                    let line = self.message(&received);
                    self.show(&line);
                }
                Err(RecvError::Lagged(count)) => {
                    let count = console::count(count, "message");
                    self.note(format_args!("{count} came too fast and were discarded"));
                }
                Err(_) => return,
            }
        }
    }

    /// Tells who joins and who leaves until the node is closed.
    pub(super) fn events(mut self) {
        let socket = self.room.socket().clone();
        for event in socket.events() {
            match event {
                Event::PeerJoined(info) => {
                    let how = match info.direction {
                        Direction::Outgoing => "this node dialled",
                        Direction::Incoming => "it dialled",
                    };
                    let (id, addr) = (info.id.short(), info.addr);
                    self.note(format_args!("{id} is a neighbor now, at {addr}; {how}"));
                }
                Event::PeerLost { id, reason } => {
                    self.note(format_args!("{} is no neighbor any more: {reason}", id.short()));
                }
                _ => {}
            }
        }
    }

    fn message(&self, received: &Received) -> String {
        let Received { number, message, .. } = received;
        let style = self.room.style();
        let sender = message.sender();
        let how = if message.is_whisper() { " whispers" } else { "" };
        let number = style.dim(format_args!("#{number}"));
        let sender = style.name(sender.short());
        format!("{number} {sender}{how}{}: {}", kind(message), contents(message))
    }

    fn note(&mut self, text: fmt::Arguments<'_>) {
        let line = self.room.style().dim(format_args!("* {text}"));
        self.show(&line);
    }

    fn show(&mut self, line: &str) {
        // Where the editor has gone, what comes now goes to the terminal directly.
        let shown = self.printer.as_mut().map(|printer| printer.print(format!("{line}\n")));
        if !matches!(shown, Some(Ok(()))) {
            self.room.output().line(line);
        }
    }
}

impl fmt::Debug for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("News").field("room", &self.room).finish_non_exhaustive()
    }
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
