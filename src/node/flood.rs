//! Broadcasts: made by the user, taken from neighbors, passed on. PROTOCOL.md §4.
//!
//! Each node that sees a broadcast for the first time gives it to its user and passes it on as a
//! waterfall (a flood with a seen cache) to every neighbor but those that certainly have it.

use super::Node;
use super::config::Compress;
use super::echo::Provenance;
use super::link::len_u64;
use super::outgoing::{Form, Outgoing};
use super::seen::{SeenKey, Verdict};
use crate::conn_id::ConnId;
use crate::error::{Refusal, SendError};
use crate::event::{Delivery, Event, SendReport};
use crate::time::Instant;
use crate::wire::{Flag, MAX_ID_LEN, NodeId, Origin, PathfindingMessage, base58, is_reserved};

/// How many equal messages of one second a node of the 0.2 protocol can tell apart: all but the
/// first are stamped with one of the seconds after.
const MAX_EQUAL: u64 = 30;

/// The origin that a node of this crate states for a message that a py2p node sent straight to
/// it. No node that numbers its messages has this incarnation.
const STRAIGHT: Origin = Origin { incarnation: 0, sequence: 0 };

impl Node {
    /// Sends packets to every node of the mesh that can be reached.
    ///
    /// The message goes out as a `broadcast` whose sub-flag is `broadcast` too. To py2p nodes it
    /// is stamped with the current second, or with the next one that no equal message has.
    ///
    /// # Errors
    ///
    /// [`SendError`]; then no neighbor got it.
    pub fn broadcast<P: AsRef<[u8]>>(
        &mut self,
        now: Instant,
        packets: &[P],
    ) -> Result<SendReport, SendError> {
        self.broadcast_as(now, Flag::Broadcast.as_bytes(), packets)
    }

    /// Like [`Node::broadcast`], under a sub-flag of the application's own.
    ///
    /// # Errors
    ///
    /// [`SendError`]; then no neighbor got it. [`SendError::ReservedFlag`] for a word that the
    /// protocol has a meaning for.
    pub fn broadcast_as<P: AsRef<[u8]>>(
        &mut self,
        now: Instant,
        sub_flag: &[u8],
        packets: &[P],
    ) -> Result<SendReport, SendError> {
        let payload = self.check_payload(now, sub_flag, packets)?;
        if sub_flag == Flag::Whisper.as_bytes() {
            return Err(SendError::ReservedFlag);
        }
        if self.table.is_empty() {
            return Err(SendError::NoNeighbors);
        }
        self.own_len += self.len_of(now, &payload);
        self.stats.sent += 1;
        let time = self.wall(now).as_secs();
        let legacy_time = if self.has_neighbor(Form::Legacy) {
            Some(self.remember_own(now, &payload))
        } else {
            None
        };
        // Where no neighbor reads the other form, a time that cannot be had is the sender's loss.
        let legacy_time = match legacy_time {
            Some(Err(error)) if !self.has_neighbor(Form::Extended) => return Err(error),
            other => other.and_then(Result::ok),
        };
        let flag = Flag::Broadcast.as_bytes();
        let too_long = SendError::TooLong { len: usize::MAX, max: self.config.max_frame_len };
        let legacy = legacy_time
            .map(|time| PathfindingMessage::new(flag, self.id.as_bytes(), time, &payload))
            .transpose()
            .map_err(|_| too_long)?;
        let origin = self.next_origin();
        let extended =
            PathfindingMessage::numbered(flag, self.id.as_bytes(), origin, time, &payload)
                .map_err(|_| too_long)?;
        let mut report = SendReport::new(legacy.clone().unwrap_or_else(|| extended.clone()));
        let mut outgoing = self.outgoing_forms(legacy, Some(extended));
        for (id, conn) in self.table.iter().collect::<Vec<_>>() {
            match self.transmit_to(now, conn, &mut outgoing) {
                Ok(()) => report.count_queued(),
                Err(refusal) => report.add_refused(id, refusal),
            }
        }
        Ok(report)
    }

    /// The most bytes that one more packet may have beside these, in a broadcast or a whisper under
    /// the usual sub-flag; `None` where they are too much already.
    pub fn longest_packet(&self, now: Instant, beside: &[&[u8]]) -> Option<usize> {
        let packets = beside.iter().copied().chain([&[][..]]);
        let payload = std::iter::once(Flag::Broadcast.as_bytes()).chain(packets);
        let (count, len) = self.measure(now, payload);
        if count > self.config.max_packets {
            return None;
        }
        self.config.max_frame_len.checked_sub(len)
    }

    /// The packets and bytes of a broadcast with this payload, its header at its longest: with a
    /// message id of the 0.2 protocol, and the latest stamp that an equal message can get.
    fn measure<'a>(&self, now: Instant, payload: impl Iterator<Item = &'a [u8]>) -> (usize, usize) {
        let latest = base58::encode_u64(self.wall(now).as_secs().saturating_add(MAX_EQUAL));
        let header = [Flag::Broadcast.as_str().len(), self.id.as_bytes().len(), MAX_ID_LEN];
        let lens = header.into_iter().chain([latest.len()]).chain(payload.map(<[u8]>::len));
        lens.fold((0, 0_usize), |(count, total), len| {
            (count + 1, total.saturating_add(len).saturating_add(4))
        })
    }

    /// The bytes of a frame with this payload, at its longest.
    pub(super) fn len_of(&self, now: Instant, payload: &[&[u8]]) -> u64 {
        let (_, len) = self.measure(now, payload.iter().copied());
        len_u64(len).saturating_add(4)
    }

    /// The payload of the user's packets under a sub-flag, if receivers with this node's limits
    /// would take it.
    pub(super) fn check_payload<'a, P: AsRef<[u8]>>(
        &self,
        now: Instant,
        sub_flag: &'a [u8],
        packets: &'a [P],
    ) -> Result<Vec<&'a [u8]>, SendError> {
        if self.closing {
            return Err(SendError::Closed);
        }
        if is_reserved(sub_flag) {
            return Err(SendError::ReservedFlag);
        }
        let payload: Vec<&[u8]> =
            std::iter::once(sub_flag).chain(packets.iter().map(AsRef::as_ref)).collect();
        let (count, len) = self.measure(now, payload.iter().copied());
        let (max_count, max_len) = (self.config.max_packets, self.config.max_frame_len);
        if count > max_count {
            Err(SendError::TooManyPackets { count, max: max_count })
        } else if len > max_len {
            Err(SendError::TooLong { len, max: max_len })
        } else {
            Ok(payload)
        }
    }

    /// Finds a second in which this node has not sent this payload to py2p nodes, and remembers
    /// it.
    fn remember_own(&mut self, now: Instant, payload: &[&[u8]]) -> Result<u64, SendError> {
        let current = self.wall(now).as_secs();
        let key = SeenKey::Legacy(self.digester.content(&self.id, payload.iter().copied()));
        for time in current..current.saturating_add(MAX_EQUAL) {
            match self.seen.insert(key, time, current) {
                Verdict::Fresh => return Ok(time),
                Verdict::Duplicate => {}
                Verdict::Stale => return Err(SendError::ClockSetBack),
                Verdict::Future | Verdict::Full => return Err(SendError::Overloaded),
            }
        }
        Err(SendError::DuplicateInFlight)
    }

    fn next_origin(&mut self) -> Origin {
        self.last_sequence += 1;
        Origin { incarnation: self.incarnation, sequence: self.last_sequence }
    }

    /// Whether every neighbor's queue has room for a message whose packets have this length, or
    /// nothing in it. One that is too long for the node waits for nothing either.
    pub fn has_room(&self, len: usize) -> bool {
        /// What frame, header and sub-flag add at most.
        const OVERHEAD: usize = 256;

        let needed = len.saturating_add(OVERHEAD);
        let max = self.config.max_backlog_len;
        let fits = |len: usize| len == 0 || len.saturating_add(needed) <= max;
        len > self.config.max_frame_len
            || self.table.iter().all(|(_, conn)| {
                self.connections.get(&conn).is_none_or(|connection| fits(connection.backlog_len))
            })
    }

    fn has_neighbor(&self, form: Form) -> bool {
        self.table
            .iter()
            .any(|(_, conn)| self.connections.get(&conn).is_some_and(|c| c.form() == form))
    }

    /// Takes a broadcast or waterfall.
    pub(super) fn on_flood(
        &mut self,
        now: Instant,
        conn: ConnId,
        neighbor: NodeId,
        message: &PathfindingMessage,
    ) {
        self.stats.received += 1;
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
        match self.seen.insert(key, time, self.wall(now).as_secs()) {
            Verdict::Fresh => {}
            Verdict::Duplicate => return self.stats.dropped.duplicate += 1,
            Verdict::Stale => return self.stats.dropped.stale += 1,
            Verdict::Future => return self.stats.dropped.future += 1,
            Verdict::Full => return self.stats.dropped.overload += 1,
        }
        let provenance = origin.map_or(Provenance::Hearsay, |_| Provenance::Certain);
        if self.echoes.is_echo(now, content, provenance) {
            return self.stats.dropped.echo += 1;
        }
        self.deliver(sender, neighbor, message);
        self.note_recent(message);
        self.relay(now, sender, neighbor, origin, message);
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

    pub(super) fn on_whisper(&mut self, neighbor: NodeId, message: &PathfindingMessage) {
        self.stats.received += 1;
        match NodeId::parse(message.sender()) {
            Ok(sender) => self.deliver(sender, neighbor, message),
            Err(_) => self.stats.dropped.bad_sender += 1,
        }
    }

    fn deliver(&mut self, sender: NodeId, neighbor: NodeId, message: &PathfindingMessage) {
        self.stats.delivered += 1;
        self.emit(Event::Message(Delivery { message: message.clone(), sender, neighbor }));
    }

    /// Passes a message on, to every neighbor but the one that it came from and the one that made
    /// it. Its sender and its time stay as they are.
    // Deviation: py2p passes it on to everybody, and stamps it anew.
    fn relay(
        &mut self,
        now: Instant,
        sender: NodeId,
        neighbor: NodeId,
        origin: Option<Origin>,
        message: &PathfindingMessage,
    ) {
        let targets: Vec<(ConnId, Form)> = self
            .table
            .iter()
            .filter(|(id, _)| *id != neighbor && *id != sender)
            .filter_map(|(_, conn)| Some((conn, self.connections.get(&conn)?.form())))
            .collect();
        let wants = |form| targets.iter().any(|&(_, wanted)| wanted == form);
        let Ok(waterfall) = message.with_msg_type(Flag::Waterfall.as_bytes()) else { return };
        let legacy = wants(Form::Legacy)
            .then(|| waterfall.with_stated_id(message.id().as_bytes()).ok())
            .flatten();
        let extended = match origin {
            Some(origin) => waterfall.with_stated_id(&origin.encode()).ok(),
            // Not what its last relay stated, which could look like an origin.
            None => waterfall.with_stated_id(message.id().as_bytes()).ok(),
        }
        .filter(|_| wants(Form::Extended));
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

    fn outgoing_forms(
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

    fn transmit_to(
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
