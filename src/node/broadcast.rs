//! Broadcasts of this node's own. PROTOCOL.md §4.

use super::Node;
use super::limits::Limits;
use super::link::len_u64;
use super::outgoing::{Form, Outgoing};
use super::seen::{SeenKey, Verdict};
use super::signing::Numbered;
use crate::error::{Refusal, SendError};
use crate::event::SendReport;
use crate::time::Instant;
use crate::wire::{Flag, MAX_TREE_DEPTH, Origin, PathfindingMessage, base58, is_reserved};

/// The most messages of one batch: as many as one signature covers.
pub const MAX_BATCH_COUNT: usize = 1 << MAX_TREE_DEPTH;

/// How many equal messages of one second a node of the 0.2 protocol can tell apart: all but the
/// first are stamped with one of the seconds after.
const MAX_EQUAL: u64 = 30;

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
        let payload = self.check_payload(now, sub_flag, packets, 1)?;
        if sub_flag == Flag::Whisper.as_bytes() {
            return Err(SendError::ReservedFlag);
        }
        if self.table.is_empty() {
            return Err(SendError::NoNeighbors);
        }
        let message = self.number(payload);
        let stated = self.state_origins(now, std::slice::from_ref(&message)).pop();
        self.send_out(now, &message, &stated.unwrap_or_default(), 1)
    }

    /// Sends several messages, each as [`Node::broadcast`] does. In a mesh whose messages are
    /// signed one signature covers them all, which each receiver checks once.
    ///
    /// Returns what became of each, in their order.
    ///
    /// # Errors
    ///
    /// [`SendError`] where none of them was sent: [`SendError::TooManyMessages`] beyond
    /// [`MAX_BATCH_COUNT`], [`SendError::NoNeighbors`], or [`SendError::Closed`].
    pub fn broadcast_batch<'a, M: AsRef<[P]>, P: AsRef<[u8]> + 'a>(
        &mut self,
        now: Instant,
        messages: &'a [M],
    ) -> Result<Vec<Result<SendReport, SendError>>, SendError> {
        let sub_flag = Flag::Broadcast.as_bytes();
        self.batch(now, messages.iter().map(|packets| (sub_flag, packets.as_ref())))
    }

    /// Like [`Node::broadcast_batch`], of messages whose packets begin with a sub-flag, as
    /// [`Node::broadcast_as`] takes it.
    ///
    /// # Errors
    ///
    /// As [`Node::broadcast_batch`].
    pub fn broadcast_payloads<'a, M: AsRef<[P]>, P: AsRef<[u8]> + 'a>(
        &mut self,
        now: Instant,
        payloads: &'a [M],
    ) -> Result<Vec<Result<SendReport, SendError>>, SendError> {
        let split = |payload: &'a M| {
            let split = payload.as_ref().split_first();
            split.map_or((&[][..], &[][..]), |(sub_flag, packets)| (sub_flag.as_ref(), packets))
        };
        self.batch(now, payloads.iter().map(split))
    }

    /// Sends messages, each a sub-flag and packets.
    fn batch<'a, P: AsRef<[u8]> + 'a>(
        &mut self,
        now: Instant,
        messages: impl ExactSizeIterator<Item = (&'a [u8], &'a [P])>,
    ) -> Result<Vec<Result<SendReport, SendError>>, SendError> {
        let count = messages.len();
        if count > MAX_BATCH_COUNT {
            return Err(SendError::TooManyMessages { count, max: MAX_BATCH_COUNT });
        }
        if self.closing {
            return Err(SendError::Closed);
        }
        if self.table.is_empty() {
            return Err(SendError::NoNeighbors);
        }
        let number = |(sub_flag, packets): (&'a [u8], &'a [P])| {
            let payload = self.check_payload(now, sub_flag, packets, count)?;
            if sub_flag == Flag::Whisper.as_bytes() {
                return Err(SendError::ReservedFlag);
            }
            Ok(self.number(payload))
        };
        let numbered = messages.map(number).collect();
        Ok(self.send_together(now, numbered))
    }

    /// Sends messages that share a signature, where there are signatures, and those that are none
    /// for the reason they have. Returns what became of each, in their order.
    fn send_together(
        &mut self,
        now: Instant,
        messages: Vec<Result<Numbered<'_>, SendError>>,
    ) -> Vec<Result<SendReport, SendError>> {
        let together = messages.len();
        let errors: Vec<_> =
            messages.iter().map(|message| message.as_ref().err().copied()).collect();
        let ready: Vec<_> = messages.into_iter().flatten().collect();
        let stated = self.state_origins(now, &ready);
        let mut ready = ready.iter().zip(stated);
        let send = |error| match error {
            Some(error) => Some(Err(error)),
            None => {
                let (message, stated) = ready.next()?;
                Some(self.send_out(now, message, &stated, together))
            }
        };
        errors.into_iter().filter_map(send).collect()
    }

    /// Gives a message its number.
    fn number<'a>(&mut self, payload: Vec<&'a [u8]>) -> Numbered<'a> {
        self.last_sequence += 1;
        let origin = Origin { incarnation: self.incarnation, sequence: self.last_sequence };
        Numbered { origin, payload }
    }

    /// Sends a message, one of `together`, to every neighbor.
    fn send_out(
        &mut self,
        now: Instant,
        message: &Numbered<'_>,
        stated: &[u8],
        together: usize,
    ) -> Result<SendReport, SendError> {
        let payload = &message.payload;
        self.own_len += self.len_of(now, payload, together);
        self.stats.sent += 1;
        let time = self.wall(now).as_secs();
        let legacy_time = if self.has_neighbor(Form::Legacy) {
            Some(self.remember_own(now, payload))
        } else {
            None
        };
        // Where no neighbor reads the other form, a time that cannot be had is the sender's loss.
        let legacy_time = match legacy_time {
            Some(Err(error)) if !self.has_neighbor(Form::Extended) => return Err(error),
            other => other.and_then(Result::ok),
        };
        let flag = Flag::Broadcast.as_bytes();
        let too_long =
            SendError::TooLong { len: usize::MAX, max: self.config.limits.max_frame_len };
        let legacy = legacy_time
            .map(|time| PathfindingMessage::new(flag, self.id.as_bytes(), time, payload))
            .transpose()
            .map_err(|_| too_long)?;
        let extended = PathfindingMessage::stated(flag, self.id.as_bytes(), stated, time, payload)
            .map_err(|_| too_long)?;
        let shown = legacy.clone().unwrap_or_else(|| extended.clone());
        self.note_met(now, 0, None, &shown);
        self.hold_back(now, None, self.id, message.origin, &extended);
        let mut report = SendReport::new(shown);
        let missing = Refusal::DuplicateInFlight;
        let mut outgoing = Outgoing::with_forms(legacy, Some(extended), missing, &self.config);
        for (id, conn) in self.table.iter().collect::<Vec<_>>() {
            let outcome = self.transmit_to(now, conn, &mut outgoing);
            self.note_target(conn, outcome);
            match outcome {
                Ok(()) => report.count_queued(),
                Err(refusal) => {
                    self.note_missed(conn, refusal);
                    report.add_refused(id, refusal);
                }
            }
        }
        self.relieve(now);
        Ok(report)
    }

    /// The most bytes that one more packet may have beside these, in a broadcast or a whisper under
    /// the usual sub-flag; `None` where they are too much already.
    pub fn longest_packet(&self, now: Instant, beside: &[&[u8]]) -> Option<usize> {
        let packets = beside.iter().copied().chain([&[][..]]);
        let payload = std::iter::once(Flag::Broadcast.as_bytes()).chain(packets);
        let (count, len) = self.measure(now, payload, 1);
        if count > self.config.limits.max_packets {
            return None;
        }
        self.config.limits.max_frame_len.checked_sub(len)
    }

    /// The most packets that the payload of a broadcast may have, its sub-flag included, and the most
    /// bytes, with four for each packet.
    pub fn payload_limits(&self, now: Instant) -> (usize, usize) {
        let (count, len) = self.measure(now, std::iter::empty(), MAX_BATCH_COUNT);
        let Limits { max_packets, max_frame_len, .. } = self.config.limits;
        (max_packets.saturating_sub(count), max_frame_len.saturating_sub(len))
    }

    /// The packets and bytes of a broadcast with this payload, one of `together`, its header at its
    /// longest: with a message id of the 0.2 protocol or a signature and the path to it, and the
    /// latest stamp that an equal message can get.
    fn measure<'a>(
        &self,
        now: Instant,
        payload: impl Iterator<Item = &'a [u8]>,
        together: usize,
    ) -> (usize, usize) {
        let latest = base58::encode_u64(self.wall(now).as_secs().saturating_add(MAX_EQUAL));
        let stated_len = self.signing.stated_len(together);
        let header = [Flag::Broadcast.as_str().len(), self.id.as_bytes().len(), stated_len];
        let lens = header.into_iter().chain([latest.len()]).chain(payload.map(<[u8]>::len));
        lens.fold((0, 0_usize), |(count, total), len| {
            (count + 1, total.saturating_add(len).saturating_add(4))
        })
    }

    /// The bytes of a frame with this payload, one of `together`, at its longest.
    pub(super) fn len_of(&self, now: Instant, payload: &[&[u8]], together: usize) -> u64 {
        let (_, len) = self.measure(now, payload.iter().copied(), together);
        len_u64(len).saturating_add(4)
    }

    /// The payload of the user's packets under a sub-flag, if receivers with this node's limits
    /// would take it as one of `together`.
    pub(super) fn check_payload<'a, P: AsRef<[u8]>>(
        &self,
        now: Instant,
        sub_flag: &'a [u8],
        packets: &'a [P],
        together: usize,
    ) -> Result<Vec<&'a [u8]>, SendError> {
        if self.closing {
            return Err(SendError::Closed);
        }
        if is_reserved(sub_flag) {
            return Err(SendError::ReservedFlag);
        }
        let mut payload: Vec<&[u8]> = Vec::with_capacity(packets.len() + 1);
        payload.push(sub_flag);
        payload.extend(packets.iter().map(AsRef::as_ref));
        let (count, len) = self.measure(now, payload.iter().copied(), together);
        let (max_count, max_len) =
            (self.config.limits.max_packets, self.config.limits.max_frame_len);
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

    /// Whether every neighbor's queue has room for a message whose packets have this length, or
    /// nothing in it. One that is too long for the node waits for nothing either.
    pub fn has_room(&self, len: usize) -> bool {
        self.room_for([len]) == 1
    }

    /// For how many messages, the first and those behind it, every neighbor's queue has room at once,
    /// as [`Node::has_room`] has it for one: no more than one batch has, and no more than make 256 KiB
    /// together. The lengths are those of the packets of each.
    pub fn room_for(&self, lens: impl IntoIterator<Item = usize>) -> usize {
        /// What encryption, frame, header and sub-flag add at most, but for what is stated.
        const OVERHEAD: usize = 256;
        /// What is enough to be worth the trouble, and is done in no time.
        const MAX_LEN: usize = 256 << 10;

        let overhead = OVERHEAD + self.signing.stated_len(MAX_BATCH_COUNT);
        let max = self.config.limits.max_backlog_len;
        let connections = self.table.iter().filter_map(|(_, conn)| self.connections.get(&conn));
        let backlog = connections.map(|connection| connection.backlog_len).max().unwrap_or(0);
        let room = if self.is_sealing() { 0 } else { max.saturating_sub(backlog) };
        // Under encryption each neighbor gets bytes of its own.
        let copies = if self.is_plaintext() { 1 } else { self.table.len() };
        let mut sum = 0_usize;
        let has_room = |(place, len): &(usize, usize)| {
            sum = sum.saturating_add(*len).saturating_add(overhead);
            let is_too_long = *place == 0 && *len > self.config.limits.max_frame_len;
            let is_only = *place == 0 && backlog == 0 && room > 0;
            let is_enough = *place > 0 && sum > MAX_LEN;
            let has_memory = || self.has_memory(None, sum.saturating_mul(copies));
            is_too_long || !is_enough && (is_only || sum <= room) && has_memory()
        };
        let lens = lens.into_iter().take(MAX_BATCH_COUNT).enumerate();
        lens.take_while(has_room).count()
    }

    /// Whether something waits for work on it, as under RSA, so that the length of a queue is not known.
    pub fn is_sealing(&self) -> bool {
        let mut connections = self.table.iter().filter_map(|(_, conn)| self.connections.get(&conn));
        connections.any(|connection| !connection.is_plain() && !connection.session.is_flushed())
    }

    fn has_neighbor(&self, form: Form) -> bool {
        self.table
            .iter()
            .any(|(_, conn)| self.connections.get(&conn).is_some_and(|c| c.form() == form))
    }
}
