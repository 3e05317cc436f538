//! Broadcasts taken from neighbors and passed on. PROTOCOL.md §4.
//!
//! Each node that sees a broadcast for the first time gives it to its user and passes it on as a
//! waterfall (a flood with a seen cache) to every neighbor but those that certainly have it.

use super::Node;
use super::config::Compress;
use super::connection::Connection;
use super::echo::{self, Content, Provenance};
use super::link::len_u64;
use super::outgoing::{Form, Outgoing};
use super::seen::SeenKey;
use crate::conn_id::ConnId;
use crate::error::Refusal;
use crate::event::{Delivery, DropReason, Event};
use crate::time::Instant;
use crate::wire::{Compressions, Flag, NodeId, Origin, PathfindingMessage};

/// The origin that a node of this crate states for a message that a py2p node sent straight to
/// it. No node that numbers its messages has this incarnation.
const STRAIGHT: Origin = Origin { incarnation: 0, sequence: 0 };

/// How many seconds ago a numbered message may have been stamped for py2p neighbors to be sent it:
/// they stamp it anew, and whoever took it in time must then still know it as an echo.
const MAX_LEGACY_AGE: u64 = 50;

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
            return self.drop_message(now, conn, 0, message, DropReason::BadSender);
        };
        if sender == self.id {
            return self.drop_message(now, conn, 0, message, DropReason::Own);
        }
        let Some(time) = message.time() else {
            return self.drop_message(now, conn, 0, message, DropReason::Future);
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
        let (digest, second) = (key.digest(), self.wall(now).as_secs());
        self.note_stamp(now, second, time);
        if let Some(reason) = self.seen.insert(key, time, second).reason() {
            return self.drop_message(now, conn, digest, message, reason);
        }
        let provenance = origin.map_or(Provenance::Hearsay, |_| Provenance::Certain);
        match self.echoes.meet(now, content, provenance, echo::is_old(time, second)) {
            Content::New => {}
            Content::Echo => {
                self.drop_message(now, conn, digest, message, DropReason::Echo);
                return self.on_number(now, conn, (sender, neighbor), origin, message);
            }
            Content::Unknown => {
                return self.drop_message(now, conn, digest, message, DropReason::Overload);
            }
        }
        self.deliver(sender, neighbor, false, message);
        self.note_fresh(now, conn, digest, message);
        self.note_news(now, conn);
        let stated = match origin {
            Some(origin) => origin.encode().to_vec(),
            // Not what its last relay stated, which could look like an origin.
            None => message.id().as_bytes().to_vec(),
        };
        self.relay(now, sender, neighbor, &stated, message);
        if let Some(origin) = origin {
            self.hold_back(now, Some(conn), sender, origin, message);
        }
    }

    /// A message has come that py2p nodes had repeated to this node before. Its user has it; what is
    /// new is its number, which others need as well before they can hold it for anybody.
    /// PROTOCOL.md §4.3.
    fn on_number(
        &mut self,
        now: Instant,
        conn: ConnId,
        (sender, neighbor): (NodeId, NodeId),
        origin: Option<Origin>,
        message: &PathfindingMessage,
    ) {
        let Some(origin) = origin.filter(|origin| *origin != STRAIGHT) else { return };
        let stated = origin.encode();
        let mut targets = self.targets(sender, neighbor, &stated);
        // A py2p node has no use for it, and would repeat it.
        targets.retain(|(_, form)| *form == Form::Extended);
        let before = self.stats.relayed;
        self.pass_to(now, targets, &stated, message);
        self.stats.catch_up.numbered += self.stats.relayed - before;
        self.hold_back(now, Some(conn), sender, origin, message);
    }

    /// A message that is not taken. Where it may have been met before, `digest` is what it is known
    /// by then, and 0 otherwise.
    pub(super) fn drop_message(
        &mut self,
        now: Instant,
        conn: ConnId,
        digest: u128,
        message: &PathfindingMessage,
        reason: DropReason,
    ) {
        self.stats.dropped.count(reason);
        self.note_dropped(now, conn, digest, message, reason);
    }

    /// A neighbor has brought a broadcast before anybody else.
    pub(super) fn note_fresh(
        &mut self,
        now: Instant,
        conn: ConnId,
        digest: u128,
        message: &PathfindingMessage,
    ) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.traffic.fresh += 1;
        }
        self.note_met(now, digest, Some(conn), message);
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
                self.note_met(now, 0, Some(conn), message);
            }
            Ok(_) => self.on_forgery(now, conn, message),
            Err(_) => self.drop_message(now, conn, 0, message, DropReason::BadSender),
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

    /// Passes a message on. Where it comes late, py2p nodes are left out. Its sender and its time stay
    /// as they are; to nodes of this crate `stated` stands where the 0.2 protocol has the message id.
    // Deviation: py2p passes it on to everybody, and stamps it anew.
    pub(super) fn relay(
        &mut self,
        now: Instant,
        sender: NodeId,
        neighbor: NodeId,
        stated: &[u8],
        message: &PathfindingMessage,
    ) {
        let mut targets = self.targets(sender, neighbor, stated);
        if self.number_of(stated).is_some() {
            self.leave_out_legacy(now, message, &mut targets);
        }
        self.pass_to(now, targets, stated, message);
    }

    /// To whom a message is passed on: every neighbor but the one that it came from, the one that
    /// made it, and those that have just said that they hold it.
    fn targets(&self, sender: NodeId, neighbor: NodeId, stated: &[u8]) -> Vec<(ConnId, Form)> {
        let origin = self.number_of(stated);
        self.table
            .iter()
            .filter(|(id, _)| *id != neighbor && *id != sender)
            .filter(|(_, conn)| !self.has_been_offered(*conn, &sender, origin))
            .filter_map(|(_, conn)| Some((conn, self.connections.get(&conn)?.form())))
            .collect()
    }

    fn pass_to(
        &mut self,
        now: Instant,
        targets: Vec<(ConnId, Form)>,
        stated: &[u8],
        message: &PathfindingMessage,
    ) {
        let wants = |form| targets.iter().any(|&(_, wanted)| wanted == form);
        // One whose maker left no room for the longest id may have become too long for whoever has
        // this node's limits, and would close it.
        let max_len = self.config.limits.max_frame_len;
        let waterfall = |id: &[u8]| {
            let restated = message.restated(Flag::Waterfall.as_bytes(), id).ok();
            restated.filter(|restated| restated.packets().body().len() <= max_len)
        };
        let legacy = wants(Form::Legacy).then(|| waterfall(message.id().as_bytes())).flatten();
        let extended = wants(Form::Extended).then(|| waterfall(stated)).flatten();
        // There is a form of it for everybody, as long as it is short enough.
        let mut outgoing = Outgoing::with_forms(legacy, extended, Refusal::TooLong, &self.config);
        if self.config.compress == Compress::WhenItPays && message.compression_fail() {
            outgoing.send_plain();
        }
        for (conn, _) in targets {
            let outcome = self.transmit_to(now, conn, &mut outgoing);
            match outcome {
                Ok(()) => self.stats.relayed += 1,
                Err(refusal) => self.note_missed(conn, refusal),
            }
            self.note_target(conn, outcome);
        }
    }

    /// Leaves those out to whom a message that comes late is not passed on.
    fn leave_out_legacy(
        &mut self,
        now: Instant,
        message: &PathfindingMessage,
        targets: &mut Vec<(ConnId, Form)>,
    ) {
        let has_legacy = targets.iter().any(|&(_, form)| form == Form::Legacy);
        let since = self.wall(now).as_secs().saturating_sub(MAX_LEGACY_AGE);
        if has_legacy && message.time().is_some_and(|time| time < since) {
            let all = targets.len();
            targets.retain(|&(_, form)| form != Form::Legacy);
            self.stats.catch_up.withheld += len_u64(all - targets.len());
        }
    }

    /// Makes a message of this node's own, stamped with the current second; `None` where it would
    /// not fit a frame, which nothing that this node says of itself does.
    #[inline(never)]
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
    #[inline(never)]
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
        let connection = self.connections.get(&conn);
        let peer = connection.and_then(|found| Some((found.form(), found.peer()?.compressions)));
        let (form, methods) = peer.ok_or_else(|| self.refuse_frame(now, conn, Refusal::Gone))?;
        self.transmit_form(now, conn, outgoing, (form, methods))?;
        if let Some(message) = outgoing.message(form) {
            self.remember_sent(conn, message);
        }
        Ok(())
    }

    /// Queues one message for one neighbor in a form that it reads.
    pub(super) fn transmit_form(
        &mut self,
        now: Instant,
        conn: ConnId,
        outgoing: &mut Outgoing,
        (form, methods): (Form, Compressions),
    ) -> Result<(), Refusal> {
        let outcome = match outgoing.made(form, methods) {
            Ok(made) => self.transmit(now, conn, made.frame.clone(), &mut made.ticket),
            Err(refusal) => Err(self.refuse_frame(now, conn, refusal)),
        };
        self.stats.compressed += outgoing.take_compressed();
        outcome
    }
}
