//! Messages: made by the user, taken from neighbors, passed on. PROTOCOL.md §4.
//!
//! A broadcast is flooded: each node that sees it for the first time gives it to its user and
//! passes it on as a waterfall to every neighbor but those that certainly have it. The seen cache
//! ends the flood.

use bytes::Bytes;

use super::connection::Phase;
use super::outgoing::Outgoing;
use super::seen::Verdict;
use super::{CloseMode, Node};
use crate::error::{CloseReason, Misbehavior, SendError};
use crate::event::{ConnId, Delivery, Event, SendReport};
use crate::time::Instant;
use crate::wire::{Flag, HEADER_COUNT, NodeId, PathfindingMessage};

/// How far in the future a message may be stamped to tell it from an equal one, in seconds. Nodes
/// of the 0.2 protocol know two equal payloads of one second as one message.
const MAX_BUMP: u64 = 29;

impl Node {
    /// Sends packets to every node of the mesh that can be reached.
    ///
    /// The message goes out as a `broadcast` whose sub-flag is `broadcast` too. It is stamped
    /// with the current second, or with the next one that no equal message of this node has.
    ///
    /// # Errors
    ///
    /// [`SendError`]; then no neighbor got it.
    pub fn broadcast<P: AsRef<[u8]>>(
        &mut self,
        now: Instant,
        packets: &[P],
    ) -> Result<SendReport, SendError> {
        if self.closing {
            return Err(SendError::Closed);
        }
        self.check_size(packets)?;
        if self.table.is_empty() {
            return Err(SendError::NoNeighbors);
        }
        let payload: Vec<&[u8]> = std::iter::once(Flag::Broadcast.as_bytes())
            .chain(packets.iter().map(AsRef::as_ref))
            .collect();
        let time = self.remember_own(now, &payload)?;
        let message =
            PathfindingMessage::new(Flag::Broadcast.as_bytes(), self.id.as_bytes(), time, &payload)
                .map_err(|_| SendError::TooLong {
                    len: usize::MAX,
                    max: self.config.max_frame_len,
                })?;
        let mut report = SendReport { id: message.id(), queued: 0, refused: Vec::new() };
        let mut outgoing = Outgoing::new(&message, self.config.compressions);
        for (id, conn) in self.table.iter().collect::<Vec<_>>() {
            if self.transmit_to(now, conn, &mut outgoing) {
                report.queued += 1;
            } else {
                report.refused.push(id);
            }
        }
        Ok(report)
    }

    /// Refuses what a receiver with this node's limits would refuse.
    fn check_size<P: AsRef<[u8]>>(&self, packets: &[P]) -> Result<(), SendError> {
        // The header: flag, sender, message id and time, at their longest; then the sub-flag.
        let header = [Flag::Renegotiate.as_bytes(), self.id.as_bytes(), &[0; 66], &[0; 11]];
        let with_header = header.into_iter().chain([Flag::Broadcast.as_bytes()]);
        let (count, len) = with_header
            .chain(packets.iter().map(AsRef::as_ref))
            .fold((0, 0_usize), |(count, len), packet| {
                (count + 1, len.saturating_add(packet.len()).saturating_add(4))
            });
        let (max_count, max_len) = (self.config.max_packets, self.config.max_frame_len);
        if count > max_count {
            Err(SendError::TooManyPackets { count, max: max_count })
        } else if len > max_len {
            Err(SendError::TooLong { len, max: max_len })
        } else {
            Ok(())
        }
    }

    /// Finds a second in which this node has not sent these packets, and remembers it.
    fn remember_own(&mut self, now: Instant, payload: &[&[u8]]) -> Result<u64, SendError> {
        let current = self.wall(now).as_secs();
        for time in current..=current.saturating_add(MAX_BUMP) {
            let key = self.seen.legacy_key(&self.id, time, payload.iter().copied());
            match self.seen.insert(key, time, current) {
                Verdict::Fresh => return Ok(time),
                Verdict::Duplicate => {}
                Verdict::Stale => return Err(SendError::ClockSetBack),
                Verdict::Future | Verdict::Full => return Err(SendError::Overloaded),
            }
        }
        Err(SendError::DuplicateInFlight)
    }

    /// Takes one frame from a connection.
    pub(super) fn on_frame(&mut self, now: Instant, conn: ConnId, body: Bytes) {
        let Some(connection) = self.connections.get(&conn) else { return };
        // A handshake is always plain. Later, any method that this build has is taken, agreed on
        // or not: py2p's agreement is what the sender last heard, which may have changed since.
        let methods = match connection.phase {
            Phase::Opening => crate::wire::Compressions::NONE,
            _ => crate::wire::Compressions::supported(),
        };
        match PathfindingMessage::decode_body(body, methods, self.config.decode_limits()) {
            Ok(message) => self.on_message(now, conn, &message),
            Err(error) => self.end(now, conn, CloseReason::Malformed(error), CloseMode::Abort),
        }
    }

    fn on_message(&mut self, now: Instant, conn: ConnId, message: &PathfindingMessage) {
        let neighbor = match self.connections.get(&conn).map(|connection| &connection.phase) {
            Some(Phase::Opening) => return self.on_opening(now, conn, message),
            Some(Phase::Established(peer)) => peer.id,
            Some(Phase::Retiring(id)) => *id,
            Some(Phase::Dialing | Phase::Probing(_) | Phase::Closing) | None => return,
        };
        match (Flag::parse(message.msg_type()), message.sub_flag()) {
            _ if message.packets().count() == HEADER_COUNT => self.stats.ignored += 1,
            (_, Some(Flag::Handshake)) => {
                let reason = CloseReason::Misbehaved(Misbehavior::SecondHandshake);
                self.end(now, conn, reason, CloseMode::Abort);
            }
            (Some(Flag::Renegotiate), _) | (_, Some(Flag::Request | Flag::Response)) => {
                self.stats.ignored += 1;
            }
            (_, Some(Flag::Peers)) => self.on_peers(now, conn, message),
            (Some(Flag::Whisper), _)
            | (Some(Flag::Broadcast | Flag::Waterfall), Some(Flag::Whisper)) => {
                self.on_whisper(neighbor, message);
            }
            (Some(Flag::Broadcast | Flag::Waterfall), _) => self.on_flood(now, neighbor, message),
            _ => self.stats.ignored += 1,
        }
    }

    fn on_whisper(&mut self, neighbor: NodeId, message: &PathfindingMessage) {
        self.stats.received += 1;
        match NodeId::parse(message.sender()) {
            Ok(sender) => self.deliver(sender, neighbor, message),
            Err(_) => self.stats.dropped.bad_sender += 1,
        }
    }

    fn on_flood(&mut self, now: Instant, neighbor: NodeId, message: &PathfindingMessage) {
        self.stats.received += 1;
        let dropped = &mut self.stats.dropped;
        let Ok(sender) = NodeId::parse(message.sender()) else {
            dropped.bad_sender += 1;
            return;
        };
        if sender == self.id {
            dropped.own += 1;
            return;
        }
        let Some(time) = message.time() else {
            dropped.future += 1;
            return;
        };
        let key = self.seen.legacy_key(&sender, time, message.payload());
        match self.seen.insert(key, time, self.clock_secs(now)) {
            Verdict::Fresh => {
                self.deliver(sender, neighbor, message);
                self.relay(now, sender, neighbor, message);
            }
            Verdict::Duplicate => self.stats.dropped.duplicate += 1,
            Verdict::Stale => self.stats.dropped.stale += 1,
            Verdict::Future => self.stats.dropped.future += 1,
            Verdict::Full => self.stats.dropped.overload += 1,
        }
    }

    fn deliver(&mut self, sender: NodeId, neighbor: NodeId, message: &PathfindingMessage) {
        self.stats.delivered += 1;
        self.emit(Event::Message(Delivery { message: message.clone(), sender, neighbor }));
    }

    /// Passes a message on, to every neighbor but the one it came from and the one that made it.
    /// Its sender, id and time stay as they are.
    // Deviation: py2p passes it on to everybody, and stamps it anew.
    fn relay(
        &mut self,
        now: Instant,
        sender: NodeId,
        neighbor: NodeId,
        message: &PathfindingMessage,
    ) {
        let Ok(waterfall) = message.with_msg_type(Flag::Waterfall.as_bytes()) else { return };
        let mut outgoing = Outgoing::new(&waterfall, self.config.compressions);
        for (id, conn) in self.table.iter().collect::<Vec<_>>() {
            if id != neighbor && id != sender && self.transmit_to(now, conn, &mut outgoing) {
                self.stats.relayed += 1;
            }
        }
    }

    /// Makes a message of this node's own, stamped with the current second; `None` where it would
    /// not fit a frame, which nothing that this node says of itself does.
    pub(super) fn make<P: AsRef<[u8]>>(
        &self,
        now: Instant,
        flag: Flag,
        payload: &[P],
    ) -> Option<PathfindingMessage> {
        let time = self.clock_secs(now);
        PathfindingMessage::new(flag.as_bytes(), self.id.as_bytes(), time, payload).ok()
    }

    pub(super) fn transmit_message(
        &mut self,
        now: Instant,
        conn: ConnId,
        message: &PathfindingMessage,
    ) -> bool {
        let mut outgoing = Outgoing::new(message, self.config.compressions);
        self.transmit_to(now, conn, &mut outgoing)
    }

    fn transmit_to(&mut self, now: Instant, conn: ConnId, outgoing: &mut Outgoing<'_>) -> bool {
        let Some(peer) = self.connections.get(&conn).and_then(|c| c.peer()) else { return false };
        let frame = outgoing.frame(peer.compressions);
        self.transmit(now, conn, frame)
    }

    fn clock_secs(&self, now: Instant) -> u64 {
        self.wall(now).as_secs()
    }
}
