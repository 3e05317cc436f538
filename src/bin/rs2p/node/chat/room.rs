//! The chat as its user has it: the node, the last messages, and what typed lines do.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rs2p::{Direction, Encryption, MeshSocket, NodeId, PeerInfo, SendError, SendReport, Stats};

use super::super::join;
use super::super::kept::Kept;
use super::super::output::Output;
use super::super::stop::Stop;
use super::names::{self, NameError};
use super::style::Style;
use super::typed::{COMMANDS, Typed};
use crate::clock;
use crate::console::{count, grouped};
use crate::encryption;
use crate::safe;

/// Clones share everything.
#[derive(Clone, Debug)]
pub(super) struct Room {
    socket: MeshSocket,
    encryption: Encryption,
    kept: Arc<Mutex<Kept>>,
    /// The lines that were to be said to somebody and were not.
    unsaid: Arc<AtomicU64>,
    output: Output,
    style: Style,
}

impl Room {
    pub(super) fn new(
        socket: MeshSocket,
        encryption: Encryption,
        output: Output,
        style: Style,
    ) -> Self {
        Self { socket, encryption, kept: Arc::default(), unsaid: Arc::default(), output, style }
    }

    pub(super) fn socket(&self) -> &MeshSocket {
        &self.socket
    }

    pub(super) fn output(&self) -> &Output {
        &self.output
    }

    pub(super) fn style(&self) -> Style {
        self.style
    }

    pub(super) fn with<T>(&self, look: impl FnOnce(&mut Kept) -> T) -> T {
        look(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Something that the node itself has to say.
    pub(super) fn note(&self, text: impl Display) {
        self.output.line(self.style.dim(format_args!("* {text}")));
    }

    /// Tells why a line was not said to anybody, and counts it.
    pub(super) fn note_unsaid(&self, why: impl Display) {
        self.unsaid.fetch_add(1, Ordering::Relaxed);
        self.note(why);
    }

    /// How many lines were to be said to somebody and were not.
    pub(super) fn unsaid(&self) -> u64 {
        self.unsaid.load(Ordering::Relaxed)
    }

    /// Does what a line says. Returns why the node is to end, if it is.
    pub(super) fn obey(&self, line: &str) -> Option<Stop> {
        match Typed::parse(line) {
            Ok(Typed::Nothing) => {}
            Ok(Typed::Broadcast(text)) => self.broadcast(text),
            Ok(Typed::Peers) => self.peers(),
            Ok(Typed::Whisper { to, text }) => self.whisper(to, text),
            Ok(Typed::Reply { number, text }) => self.reply(number, text),
            Ok(Typed::Locate(name)) => self.locate(name),
            Ok(Typed::Connect(addr)) => {
                self.note(format_args!("connecting to {addr} .."));
                self.note(format_args!("{addr}: {}", join::connect(&self.socket, addr)));
            }
            Ok(Typed::Explain(name)) => self.explain(name),
            Ok(Typed::Record(name)) => self.record(name),
            Ok(Typed::Stats) => self.stats(),
            Ok(Typed::Help) => self.help(),
            Ok(Typed::Quit) => return Some(Stop::Quit),
            Err(error) => self.note(error),
        }
        None
    }

    fn broadcast(&self, text: &str) {
        match self.socket.send(&[text]) {
            Ok(report) => self.report(&report),
            Err(SendError::NoNeighbors) => {
                self.note_unsaid("not sent: nobody is connected; see /connect");
            }
            Err(error) => self.note_unsaid(format_args!("not sent: {error}")),
        }
    }

    fn report(&self, report: &SendReport) {
        for (id, refusal) in report.refused() {
            self.note(format_args!("{} did not take it: {refusal}", id.short()));
        }
    }

    fn whisper(&self, name: &str, text: &str) {
        match self.find(name) {
            Ok(id) => match self.socket.whisper(&id, &[text]) {
                Ok(()) => self.note(format_args!("whispered to {}", id.short())),
                Err(error) => {
                    self.note_unsaid(format_args!("not sent to {}: {error}", id.short()));
                }
            },
            Err(error) => self.note_unsaid(error),
        }
    }

    fn reply(&self, number: Option<u64>, text: &str) {
        let found = self.with(|kept| match number {
            Some(number) => kept.find(number).cloned(),
            None => kept.last().cloned(),
        });
        let Some(received) = found else {
            return match number {
                Some(number) => self.note_unsaid(format_args!("there is no message #{number}")),
                None => self.note_unsaid("there is no message to reply to yet"),
            };
        };
        let sender = received.message.sender();
        self.announce_search(&sender);
        match received.message.reply(&[text]) {
            Ok(()) => self.note(format_args!("whispered to {}", sender.short())),
            Err(error) => {
                self.note_unsaid(format_args!("not sent to {}: {error}", sender.short()));
            }
        }
    }

    fn locate(&self, name: &str) {
        match self.find(name) {
            Ok(id) => match self.socket.locate(&id) {
                Ok(address) => {
                    let address = safe::shown(address.to_string().as_bytes(), 300);
                    self.note(format_args!("{} is at {address}, it is said", id.short()));
                }
                Err(error) => self.note(format_args!("{} was not found: {error}", id.short())),
            },
            Err(error) => self.note(error),
        }
    }

    /// The node that a name means, after a word about the search if it is no neighbor.
    fn find(&self, name: &str) -> Result<NodeId, NameError> {
        let id = names::find(name, self.socket.id(), &self.known())?;
        self.announce_search(&id);
        Ok(id)
    }

    /// What follows may take a while, in which nothing else is done.
    fn announce_search(&self, id: &NodeId) {
        if !self.socket.routing_table().iter().any(|info| info.id == *id) {
            self.note(format_args!("looking for {} ..", id.short()));
        }
    }

    /// The nodes that can be named: neighbors, and who sent the last messages.
    fn known(&self) -> BTreeSet<NodeId> {
        let neighbors = self.socket.routing_table().into_iter().map(|info| info.id);
        let senders: Vec<NodeId> = self.with(|kept| kept.senders().collect());
        neighbors.chain(senders).filter(|id| *id != self.socket.id()).collect()
    }

    fn peers(&self) {
        let table = self.socket.routing_table();
        if table.is_empty() {
            return self.note("nobody is connected; see /connect");
        }
        for info in &table {
            self.output.line(self.peer_line(info));
        }
    }

    fn explain(&self, name: &str) {
        let id = match name.strip_prefix('#').map(str::parse) {
            Some(Ok(number)) => self.with(|kept| Some(kept.find(number)?.message.id())),
            Some(Err(_)) => None,
            None => name.parse().ok(),
        };
        match id.and_then(|id| self.socket.explain(&id)) {
            Some(explanation) => self.lines(&explanation.to_string()),
            None => self.note("nothing is remembered of such a message"),
        }
    }

    fn record(&self, name: &str) {
        match names::find(name, self.socket.id(), &self.known()) {
            Ok(id) => match self.socket.peer_record(&id) {
                Some(record) => {
                    self.output.line(format_args!("{} at {}", id.short(), record.addr));
                    for note in &record.notes {
                        let at = clock::seconds(note.last);
                        self.output.line(format_args!("  {at:.3}  {note}"));
                    }
                }
                None => self.note(format_args!("nothing is remembered of {}", id.short())),
            },
            Err(error) => self.note(error),
        }
    }

    fn lines(&self, text: &str) {
        for line in text.lines() {
            self.output.line(line);
        }
    }

    fn stats(&self) {
        let (stats, status) = (self.socket.stats(), self.socket.status());
        let dropped = &stats.dropped;
        let copies = dropped.duplicate + dropped.echo + dropped.own;
        self.output.line(format_args!("id         {}", self.socket.id()));
        self.output.line(format_args!("listens    {}", self.socket.local_addr()));
        self.output.line(format_args!("encryption {}", encryption::word(self.encryption)));
        self.output.line(format_args!(
            "neighbors  {}, their ids {}",
            grouped(u64::try_from(self.socket.routing_table().len()).unwrap_or(u64::MAX)),
            encryption::proof(self.encryption),
        ));
        self.output.line(format_args!(
            "messages   {} came, {} shown once, {} dropped as copies, {} for another reason",
            grouped(stats.received),
            grouped(stats.delivered),
            grouped(copies),
            grouped(dropped.total() - copies),
        ));
        self.output.line(format_args!(
            "traffic    {} and {} in, {} and {} out",
            count(stats.frames_in, "frame"),
            count(stats.bytes_in, "byte"),
            count(stats.frames_out, "frame"),
            count(stats.bytes_out, "byte"),
        ));
        for line in reasons(&stats) {
            self.output.line(format_args!("counted    {line}"));
        }
        if status.is_nominal() {
            self.output.line("status     Nominal");
        }
        for trouble in status.troubles() {
            self.output.line(format_args!("trouble    {trouble}"));
        }
    }

    fn help(&self) {
        for (name, arguments, summary) in COMMANDS {
            self.output.line(format_args!("  {:<22}{summary}", format!("{name} {arguments}")));
        }
        self.output.line("Everything else goes to everybody. The beginning of an ID is enough.");
    }

    fn peer_line(&self, info: &PeerInfo) -> String {
        let direction = match info.direction {
            Direction::Outgoing => "dialled",
            Direction::Incoming => "dialled us",
        };
        let kind = if info.is_extended { "rs2p" } else { "py2p" };
        let proof = encryption::proof(self.encryption);
        let waiting = match info.backlog_len {
            0 => String::new(),
            len => format!(", {} wait", count(u64::try_from(len).unwrap_or(u64::MAX), "byte")),
        };
        let (id, addr) = (self.style.name(info.id.short()), info.addr.to_string());
        format!("  {id}  {addr:<22}{kind}, {proof}, {direction}{waiting}")
    }
}

/// Why things did not happen, and how often: a line for each kind of things, and nothing that did
/// not occur.
fn reasons(stats: &Stats) -> Vec<String> {
    let mut lines: Vec<(String, String)> = Vec::new();
    for (name, number) in stats.counts() {
        let Some((table, reason)) = name.split_once('.').filter(|_| number > 0) else { continue };
        let said = format!("{} {}", grouped(number), reason.replace('_', " "));
        match lines.last_mut().filter(|(last, _)| last == table) {
            Some((_, line)) => *line = format!("{line}, {said}"),
            None => lines.push((table.to_owned(), format!("{table}: {said}"))),
        }
    }
    lines.into_iter().map(|(_, line)| line).collect()
}
