//! Broadcasts taken from neighbors and passed on. PROTOCOL.md §4.
//!
//! Each node that sees a broadcast for the first time gives it to its user and passes it on as a
//! waterfall (a flood with a seen cache) to every neighbor but those that certainly have it.

use super::Node;
use super::config::Compress;
use super::connection::Connection;
use super::echo::Provenance;
use super::outgoing::{Form, Outgoing};
use super::seen::{SeenKey, Verdict};
use crate::conn_id::ConnId;
use crate::error::Refusal;
use crate::event::{Delivery, Event};
use crate::time::Instant;
use crate::wire::{Flag, NodeId, Origin, PathfindingMessage};

/// The origin that a node of this crate states for a message that a py2p node sent straight to
/// it. No node that numbers its messages has this incarnation.
const STRAIGHT: Origin = Origin { incarnation: 0, sequence: 0 };

impl Node {
    /// Takes a broadcast or waterfall.
    pub(super) fn on_flood(
        &mut self,
        now: Instant,
        conn: ConnId,
        neighbor: NodeId,
        message: &PathfindingMessage,
    ) {
        self.stats.received += 1;
        if self.signing.is_on() {
            return self.on_signed(now, conn, neighbor, message);
        }
        let Ok(sender) = NodeId::parse(message.sender()) else {
            self.stats.dropped.bad_sender += 1;
            return;
        };
        if sender == self.id {
            self.stats.dropped.own += 1;
            return;
        }
        let Some(time) = message.time() else {
            self.stats.dropped.future += 1;
            return;
        };
        let form = self.connections.get(&conn).map_or(Form::Legacy, |found| found.form());
        let origin = self.origin_of(form, &sender, &neighbor, message);
        let content = self.digester.content(&sender, message.payload());
        let key = match origin {
            Some(origin) if origin != STRAIGHT => {
                SeenKey::Origin(self.digester.origin(&sender, origin) ^ content)
            }
            Some(_) => SeenKey::Legacy(content),
            // A key of its own: hearsay that is dropped below must not stand for the message that
            // it may be stamped like.
            None => SeenKey::Legacy(!content),
        };
        let verdict = self.seen.insert(key, time, self.wall(now).as_secs());
        if self.count_rejected(verdict) {
            return;
        }
        let provenance = origin.map_or(Provenance::Hearsay, |_| Provenance::Certain);
        if self.echoes.is_echo(now, content, provenance) {
            return self.stats.dropped.echo += 1;
        }
        self.deliver(sender, neighbor, false, message);
        self.note_recent(message);
        let stated = match origin {
            Some(origin) => origin.encode().to_vec(),
            // Not what its last relay stated, which could look like an origin.
            None => message.id().as_bytes().to_vec(),
        };
        self.relay(now, sender, neighbor, &stated, message);
    }

    /// Counts a message that is not taken. Returns whether it is one.
    pub(super) fn count_rejected(&mut self, verdict: Verdict) -> bool {
        let dropped = &mut self.stats.dropped;
        match verdict {
            Verdict::Fresh => return false,
            Verdict::Duplicate => dropped.duplicate += 1,
            Verdict::Stale => dropped.stale += 1,
            Verdict::Future => dropped.future += 1,
            Verdict::Full => dropped.overload += 1,
        }
        true
    }

    /// How its sender told a message from others: by a number; by nothing, where a py2p node sent
    /// it straight to us or to a node that says so; `None` where a py2p node passed it on.
    fn origin_of(
        &self,
        form: Form,
        sender: &NodeId,
        neighbor: &NodeId,
        message: &PathfindingMessage,
    ) -> Option<Origin> {
        match form {
            Form::Extended => Origin::decode(message.stated_id()),
            Form::Legacy => {
                let is_straight =
                    message.msg_type() == Flag::Broadcast.as_bytes() && sender == neighbor;
                is_straight.then_some(STRAIGHT)
            }
        }
    }

    /// Takes a whisper. Nobody passes whispers on, so one in another's name is a forgery, where
    /// names are proven.
    pub(super) fn on_whisper(
        &mut self,
        now: Instant,
        conn: ConnId,
        neighbor: NodeId,
        message: &PathfindingMessage,
    ) {
        self.stats.received += 1;
        let is_proven = self.connections.get(&conn).is_some_and(Connection::is_authenticated);
        match NodeId::parse(message.sender()) {
            Ok(sender) if !is_proven || sender == neighbor => {
                self.deliver(sender, neighbor, is_proven, message);
            }
            Ok(_) => self.on_forgery(now, conn),
            Err(_) => self.stats.dropped.bad_sender += 1,
        }
    }

    pub(super) fn deliver(
        &mut self,
        sender: NodeId,
        neighbor: NodeId,
        is_authenticated: bool,
        message: &PathfindingMessage,
    ) {
        self.stats.delivered += 1;
        let message = message.clone();
        self.emit(Event::Message(Delivery { message, sender, neighbor, is_authenticated }));
    }

    /// Passes a message on, to every neighbor but the one that it came from and the one that made
    /// it. Its sender and its time stay as they are; to nodes of this crate `stated` stands where
    /// the 0.2 protocol has the message id.
    // Deviation: py2p passes it on to everybody, and stamps it anew.
    pub(super) fn relay(
        &mut self,
        now: Instant,
        sender: NodeId,
        neighbor: NodeId,
        stated: &[u8],
        message: &PathfindingMessage,
    ) {
        let targets: Vec<(ConnId, Form)> = self
            .table
            .iter()
            .filter(|(id, _)| *id != neighbor && *id != sender)
            .filter_map(|(_, conn)| Some((conn, self.connections.get(&conn)?.form())))
            .collect();
        let wants = |form| targets.iter().any(|&(_, wanted)| wanted == form);
        // One whose maker left no room for the longest id may have become too long for whoever has
        // this node's limits, and would close it.
        let max_len = self.config.max_frame_len;
        let waterfall = |id: &[u8]| {
            let restated = message.restated(Flag::Waterfall.as_bytes(), id).ok();
            restated.filter(|restated| restated.packets().body().len() <= max_len)
        };
        let legacy = wants(Form::Legacy).then(|| waterfall(message.id().as_bytes())).flatten();
        let extended = wants(Form::Extended).then(|| waterfall(stated)).flatten();
        let mut outgoing = self.outgoing_forms(legacy, extended);
        if self.config.compress == Compress::WhenItPays && message.compression_fail() {
            outgoing.send_plain();
        }
        for (conn, _) in targets {
            if self.transmit_to(now, conn, &mut outgoing).is_ok() {
                self.stats.relayed += 1;
            }
        }
    }

    pub(super) fn outgoing_forms(
        &self,
        legacy: Option<PathfindingMessage>,
        extended: Option<PathfindingMessage>,
    ) -> Outgoing {
        Outgoing::with_forms(legacy, extended, &self.config)
    }

    /// Makes a message of this node's own, stamped with the current second; `None` where it would
    /// not fit a frame, which nothing that this node says of itself does.
    pub(super) fn make<P: AsRef<[u8]>>(
        &self,
        now: Instant,
        flag: Flag,
        payload: &[P],
    ) -> Option<PathfindingMessage> {
        let time = self.wall(now).as_secs();
        PathfindingMessage::new(flag.as_bytes(), self.id.as_bytes(), time, payload).ok()
    }

    /// Queues one message for one neighbor.
    pub(super) fn transmit_message(
        &mut self,
        now: Instant,
        conn: ConnId,
        message: PathfindingMessage,
    ) -> Result<(), Refusal> {
        let mut outgoing = Outgoing::new(message, &self.config);
        self.transmit_to(now, conn, &mut outgoing)
    }

    pub(super) fn transmit_to(
        &mut self,
        now: Instant,
        conn: ConnId,
        outgoing: &mut Outgoing,
    ) -> Result<(), Refusal> {
        let connection = self.connections.get(&conn).ok_or(Refusal::Gone)?;
        let (form, peer) = (connection.form(), connection.peer().ok_or(Refusal::Gone)?);
        let frame = outgoing.frame(form, peer.compressions).ok_or(Refusal::DuplicateInFlight)?;
        if !self.transmit(now, conn, frame) {
            return Err(Refusal::QueueFull);
        }
        if let Some(message) = outgoing.message(form) {
            self.remember_sent(conn, message);
        }
        Ok(())
    }
}
