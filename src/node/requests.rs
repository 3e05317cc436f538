//! Finding a node that is no neighbor, and whispering to it. PROTOCOL.md §3.4.
//!
//! A question goes to every neighbor. py2p nodes answer from their own tables; nodes of this
//! crate also pass it on among each other, and the answer back along the way that it came.

use std::time::Duration;

use rand::RngExt;

use super::Node;
use super::outgoing::Form;
use super::questions::Questions;
use super::throttle::Limit;
use super::timer::Timer;
use crate::conn_id::ConnId;
use crate::error::{CloseReason, LocateError, Refusal, SendError, WhisperError};
use crate::event::{Event, Favor, Incident};
use crate::sorted_map::SortedMap;
use crate::time::Instant;
use crate::wire::{
    Address, Flag, NodeId, PathfindingMessage, Request, RequestId, Response, Wanted,
};

/// The most questions a minute that are taken from one neighbor.
const MAX_REQUESTS: u32 = 600;

/// How many questions are passed on, of one neighbor and of all: at once after a quiet time, and
/// then. What a node passes on counts for it at its neighbors, as its own questions do. So it is at
/// most two thirds of what they take from it, in a minute and in the time for which they remember it,
/// and about half of that for one who asks; and as it flows evenly, some of what comes on top of it
/// gets through further on as well.
const PASSED_ON_EACH: Limit = Limit::every(Duration::from_millis(500), 64);
const PASSED_ON: Limit = Limit::every(Duration::from_millis(250), 96);

/// The most addresses that are dialled for one question: whoever hears it can answer it.
pub(crate) const MAX_DIALS: u8 = 4;

/// The most times a minute that a neighbor is told everybody that this node knows.
const MAX_PEERS_LISTS: u32 = 1;

/// What a question takes, with its timers.
const QUESTION_MEMORY: usize = 512;

/// The questions under way.
#[derive(Debug, Default)]
pub(super) struct Requests {
    /// This node's own, by the name that it gave them.
    own: SortedMap<RequestId, Own>,
    /// Everybody's, for as long as copies of them may come.
    met: Questions,
    /// When as many may be passed on at once as after a quiet time.
    full_at: Instant,
}

impl Requests {
    /// How many questions are remembered.
    pub(super) fn questions(&self) -> usize {
        self.met.count()
    }

    /// About how many bytes the questions take, without the messages that wait for their outcomes.
    pub(super) fn bytes(&self) -> usize {
        self.met.count().saturating_add(self.own.len()).saturating_mul(QUESTION_MEMORY)
    }

    /// As many bytes as that may come to, of so many questions of this node and of everybody.
    pub(super) fn most_memory(max_count: usize) -> usize {
        max_count.saturating_mul(2 * QUESTION_MEMORY)
    }

    /// The bytes of the messages that wait for the outcomes of questions.
    #[cfg(any(feature = "sim", test))]
    pub(super) fn kept_len(&self) -> usize {
        self.own.iter().map(|(_, own)| own.errand.kept_len()).sum()
    }
}

/// Something that this node's user wants of a distant node.
#[derive(Debug)]
struct Own {
    wanted: NodeId,
    errand: Errand,
    /// Why the node was not met at the last address that was told.
    failure: Option<WhisperError>,
    /// How many more addresses are dialled for it.
    dials_left: u8,
}

/// What is wanted of the node once it is found.
#[derive(Debug)]
enum Errand {
    /// Its address.
    Locate,
    /// That it gets this message.
    Whisper(PathfindingMessage),
}

impl Errand {
    /// The bytes of the message that waits.
    fn kept_len(&self) -> usize {
        match self {
            Self::Locate => 0,
            Self::Whisper(message) => message.packets().body().len(),
        }
    }
}

/// What became of a whisper at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whispered {
    /// The neighbor's queue took it.
    Queued,
    /// The node is no neighbor and is being located. The outcome comes as
    /// [`Event::WhisperDone`] with this name.
    Locating(RequestId),
}

impl Node {
    /// Asks the mesh where a node can be reached. The outcome comes as [`Event::LocateDone`]
    /// with the name that this returns.
    ///
    /// # Errors
    ///
    /// [`SendError`]; then nobody was asked.
    pub fn locate(&mut self, now: Instant, id: &NodeId) -> Result<RequestId, SendError> {
        let outcome = self.request(now, *id, Errand::Locate);
        self.relieve(now);
        outcome
    }

    /// Sends packets to one node. Where it is no neighbor it is located, dialled, and becomes one
    /// if it is the node that was meant.
    ///
    /// # Errors
    ///
    /// [`SendError`]; then the node does not get the packets.
    pub fn whisper<P: AsRef<[u8]>>(
        &mut self,
        now: Instant,
        id: &NodeId,
        packets: &[P],
    ) -> Result<Whispered, SendError> {
        self.whisper_as(now, id, Flag::Whisper.as_bytes(), packets)
    }

    /// Like [`Node::whisper`], under a sub-flag of the application's own.
    ///
    /// # Errors
    ///
    /// As [`Node::whisper`]; [`SendError::ReservedFlag`] for a word that the protocol has a
    /// meaning for.
    pub fn whisper_as<P: AsRef<[u8]>>(
        &mut self,
        now: Instant,
        id: &NodeId,
        sub_flag: &[u8],
        packets: &[P],
    ) -> Result<Whispered, SendError> {
        let payload = self.check_payload(now, sub_flag, packets, 1)?;
        self.own_len += self.len_of(now, &payload, 1);
        self.stats.sent += 1;
        let max = self.config.limits.max_frame_len;
        let message = self
            .make(now, Flag::Whisper, &payload)
            .ok_or(SendError::TooLong { len: usize::MAX, max })?;
        let outcome = match self.table.conn(id) {
            Some(conn) => match self.send_whisper(now, conn, message) {
                Ok(()) => Ok(Whispered::Queued),
                Err(Refusal::OutOfMemory) => Err(SendError::OutOfMemory),
                Err(_) => Err(SendError::QueueFull),
            },
            None => self.request(now, *id, Errand::Whisper(message)).map(Whispered::Locating),
        };
        self.relieve(now);
        outcome
    }

    fn send_whisper(
        &mut self,
        now: Instant,
        conn: ConnId,
        message: PathfindingMessage,
    ) -> Result<(), Refusal> {
        self.note_met(now, 0, None, &message);
        let outcome = self.transmit_message(now, conn, message);
        self.note_target(conn, outcome);
        outcome
    }

    fn request(
        &mut self,
        now: Instant,
        wanted: NodeId,
        errand: Errand,
    ) -> Result<RequestId, SendError> {
        if self.closing {
            return Err(SendError::Closed);
        }
        if wanted == self.id {
            return Err(SendError::Myself);
        }
        if self.table.is_empty() {
            return Err(SendError::NoNeighbors);
        }
        if self.requests.own.len() >= self.config.limits.max_requests {
            return Err(SendError::TooManyRequests);
        }
        let kept_len = errand.kept_len();
        // It is met as well as asked.
        if !self.has_memory(None, kept_len.saturating_add(2 * QUESTION_MEMORY)) {
            self.ledger.is_short = true;
            return Err(SendError::OutOfMemory);
        }
        // What waits here must not make neighbors give way.
        if kept_len > 0 && !self.has_spare_memory(kept_len) {
            return Err(SendError::OutOfMemory);
        }
        /// What a question takes at most.
        const QUESTION_LEN: u64 = 512;

        self.own_len += QUESTION_LEN;
        self.stats.sent += 1;
        let request_id = RequestId::new(self.rng.random());
        if !self.meet_request(now, request_id, None, wanted) {
            return Err(SendError::TooManyRequests);
        }
        let own = Own { wanted, errand, failure: None, dials_left: MAX_DIALS };
        self.requests.own.insert(request_id, own);
        self.ledger.kept_len += kept_len;
        self.timers.set(Timer::Request(request_id), now + self.config.limits.locate_timeout);
        match self.table.conn(&wanted).and_then(|conn| self.known_address(conn)) {
            // Only a locate comes here: it needs nobody else.
            Some(address) => self.settle(&request_id, Ok(address)),
            None => self.ask_around(now, request_id, wanted),
        }
        Ok(request_id)
    }

    fn ask_around(&mut self, now: Instant, request_id: RequestId, wanted: NodeId) {
        let payload = Request { request_id, wanted: Wanted::Node(wanted) }.encode();
        let Some(message) = self.make(now, Flag::Broadcast, &payload) else { return };
        for (_, conn) in self.table.iter().collect::<Vec<_>>() {
            self.tell(now, conn, message.clone());
        }
    }

    /// Asks every neighbor of this crate for its peers, and returns the question's name. py2p
    /// nodes close whoever asks them.
    pub fn request_peers(&mut self, now: Instant) -> RequestId {
        let request_id = RequestId::new(self.rng.random());
        let payload = Request { request_id, wanted: Wanted::Everybody }.encode();
        if let Some(message) = self.make(now, Flag::Whisper, &payload) {
            for conn in self.extended_neighbors() {
                self.tell(now, conn, message.clone());
            }
        }
        self.relieve(now);
        request_id
    }

    /// The names of this node's own open questions.
    pub fn pending_requests(&self) -> impl Iterator<Item = RequestId> {
        self.requests.own.keys().copied()
    }

    /// Takes a question. It is answered on the connection that the asker is written to, which
    /// need not be the one that it came by.
    pub(super) fn on_request(
        &mut self,
        now: Instant,
        from: ConnId,
        neighbor: NodeId,
        message: &PathfindingMessage,
    ) {
        self.stats.frames.questions += 1;
        let Ok(request) = Request::decode(message.payload()) else {
            return self.stats.ignored.unreadable += 1;
        };
        let (Some(conn), Some(connection)) =
            (self.table.conn(&neighbor), self.connections.get_mut(&from))
        else {
            return self.stats.ignored.asker_gone += 1;
        };
        let form = connection.form();
        let request_id = request.request_id;
        let wanted = match request.wanted {
            Wanted::Everybody => {
                if !connection.budgets.peers_lists.spend(now, MAX_PEERS_LISTS) {
                    self.stats.ignored.too_many_peers_lists += 1;
                    return self.note(now, from, Incident::TooOften(Favor::PeersList));
                }
                return self.send_peers(now, conn);
            }
            Wanted::Node(wanted) => wanted,
        };
        let ignored = &mut self.stats.ignored;
        if self.requests.met.knows(&request_id) {
            ignored.known_question += 1;
        } else if !connection.budgets.requests.spend(now, MAX_REQUESTS) {
            ignored.too_many_questions += 1;
            self.note(now, from, Incident::TooOften(Favor::Question));
        } else if let Some(address) = self.address_of(&wanted) {
            // Where there is no room to remember it, copies of it are answered as well.
            self.meet_request(now, request_id, Some(neighbor), wanted);
            let response = Response { request_id, id: wanted, address: Some(address) };
            self.respond(now, conn, &response);
        } else if form == Form::Legacy {
            // A py2p node asks its neighbors only, and could not reach a distant address.
            self.stats.ignored.no_answer += 1;
        } else if !self.may_pass_on(now, from) {
            self.stats.ignored.too_many_questions += 1;
        } else if !self.meet_request(now, request_id, Some(neighbor), wanted) {
            self.stats.ignored.questions_full += 1;
        } else {
            self.pass_on(now, conn, message);
        }
    }

    /// Counts a question that came on a connection as passed on, if that many may be.
    fn may_pass_on(&mut self, now: Instant, from: ConnId) -> bool {
        let Some(connection) = self.connections.get_mut(&from) else { return false };
        let of_each = PASSED_ON_EACH.take(now, connection.budgets.questions_full_at);
        let of_all = PASSED_ON.take(now, self.requests.full_at);
        let (Some(of_each), Some(of_all)) = (of_each, of_all) else { return false };
        (connection.budgets.questions_full_at, self.requests.full_at) = (of_each, of_all);
        true
    }

    /// Where a node can be reached, as far as this one has found out itself.
    fn address_of(&self, wanted: &NodeId) -> Option<Address> {
        if *wanted == self.id {
            return self.config.out_addr.clone();
        }
        self.known_address(self.table.conn(wanted)?)
    }

    fn known_address(&self, conn: ConnId) -> Option<Address> {
        Some(self.connections.get(&conn)?.peer()?.reached?.into())
    }

    fn respond(&mut self, now: Instant, conn: ConnId, response: &Response) {
        if let Some(message) = self.make(now, Flag::Whisper, &response.encode()) {
            self.tell(now, conn, message);
        }
    }

    /// Passes a question on that this node cannot answer, from one node of this crate to the
    /// others.
    fn pass_on(&mut self, now: Instant, from: ConnId, message: &PathfindingMessage) {
        let mut others = self.extended_neighbors();
        others.retain(|conn| *conn != from);
        if others.is_empty() {
            self.stats.ignored.no_answer += 1;
        }
        for conn in others {
            self.tell(now, conn, message.clone());
        }
    }

    /// Remembers a question for as long as copies of it may come. Returns whether there is memory
    /// for it.
    fn meet_request(
        &mut self,
        now: Instant,
        request_id: RequestId,
        asker: Option<NodeId>,
        wanted: NodeId,
    ) -> bool {
        let max = self.config.limits.max_requests;
        let has_room = self.requests.met.insert(request_id, asker, wanted, max);
        if has_room {
            self.timers.set(Timer::Forget(request_id), now + self.config.limits.locate_timeout * 2);
        }
        has_room
    }

    /// No more copies of a question will come.
    pub(super) fn forget_request(&mut self, request_id: &RequestId) {
        self.requests.met.forget(request_id);
    }

    fn extended_neighbors(&self) -> Vec<ConnId> {
        let is_extended = |conn: &ConnId| {
            self.connections.get(conn).is_some_and(|found| found.form() == Form::Extended)
        };
        self.table.iter().map(|(_, conn)| conn).filter(is_extended).collect()
    }

    /// Takes an answer, to a question of this node's own or of one further on.
    pub(super) fn on_response(&mut self, now: Instant, conn: ConnId, message: &PathfindingMessage) {
        self.stats.frames.answers += 1;
        let Ok(response) = Response::decode(message.payload()) else {
            return self.stats.ignored.unreadable += 1;
        };
        let Some(teller) = self.connections.get(&conn).map(|found| found.addr.ip()) else { return };
        // An answer without an address leaves the question open: another one may have it.
        let Some(address) = response.address.clone() else {
            return self.stats.ignored.no_address += 1;
        };
        if let Some(asker) = self.requests.met.way_back(&response.request_id, &response.id) {
            return match self.table.conn(&asker) {
                Some(back) => self.respond(now, back, &response),
                None => self.stats.ignored.asker_gone += 1,
            };
        }
        let own = self.requests.own.get(&response.request_id);
        let Some(own) = own.filter(|own| own.wanted == response.id && own.dials_left > 0) else {
            return self.stats.ignored.unasked += 1;
        };
        if matches!(own.errand, Errand::Locate) {
            return self.settle(&response.request_id, Ok(address));
        }
        let has_memory = self.has_spare_memory(self.ledger.connection_len);
        let addr = address.socket_addr().filter(|_| has_memory);
        let addr = addr.filter(|&addr| self.may_follow_now(now, addr, teller));
        let Some(own) = self.requests.own.get_mut(&response.request_id) else { return };
        let Some(addr) = addr else {
            own.failure = Some(WhisperError::NotDialable);
            return;
        };
        own.dials_left -= 1;
        match self.dial_for(now, addr, Some(response.id)) {
            Ok(_) => self.search.count(now, addr.ip()),
            Err(error) => self.on_not_dialed(&response.id, addr, error),
        }
    }

    /// A node has become a neighbor: whispers that wait for it can go.
    pub(super) fn on_met(&mut self, now: Instant, id: &NodeId) {
        for request_id in self.whispers_for(id) {
            let Some(conn) = self.table.conn(id) else { return };
            let Some(own) = self.requests.own.remove(&request_id) else { continue };
            self.timers.stop(Timer::Request(request_id));
            self.ledger.kept_len -= own.errand.kept_len();
            if let Errand::Whisper(message) = own.errand {
                let sent = self.send_whisper(now, conn, message);
                let outcome = sent.map_err(WhisperError::Refused);
                self.emit(Event::WhisperDone { request_id, outcome });
            }
        }
    }

    /// A node was dialled for a whisper, in vain. Another answer may lead to it yet.
    pub(super) fn on_unreachable(&mut self, id: &NodeId, reason: CloseReason) {
        for own in self.requests.own.values_mut().filter(|own| own.wanted == *id) {
            own.failure = Some(WhisperError::Unreachable(reason));
        }
    }

    fn whispers_for(&self, id: &NodeId) -> Vec<RequestId> {
        let is_whisper = |own: &Own| own.wanted == *id && matches!(own.errand, Errand::Whisper(_));
        let own = self.requests.own.iter();
        own.filter(|(_, own)| is_whisper(own)).map(|(request_id, _)| *request_id).collect()
    }

    /// The time for a question is up.
    pub(super) fn on_request_timeout(&mut self, request_id: RequestId) {
        self.settle(&request_id, Err(LocateError::Timeout));
    }

    /// The node closes: nobody will answer any more.
    pub(super) fn fail_requests(&mut self) {
        for (request_id, own) in std::mem::take(&mut self.requests.own) {
            self.settle_own(request_id, own, Err(LocateError::Closed));
        }
        for request_id in self.requests.met.take_all() {
            self.timers.stop(Timer::Forget(request_id));
        }
    }

    /// Ends a question of this node's own with its one outcome.
    fn settle(&mut self, request_id: &RequestId, outcome: Result<Address, LocateError>) {
        if let Some(own) = self.requests.own.remove(request_id) {
            self.settle_own(*request_id, own, outcome);
        }
    }

    fn settle_own(
        &mut self,
        request_id: RequestId,
        own: Own,
        outcome: Result<Address, LocateError>,
    ) {
        self.timers.stop(Timer::Request(request_id));
        self.ledger.kept_len -= own.errand.kept_len();
        match (own.errand, outcome) {
            (Errand::Locate, outcome) => self.emit(Event::LocateDone { request_id, outcome }),
            (Errand::Whisper(_), Err(error)) => {
                let outcome = Err(own.failure.unwrap_or(WhisperError::NotFound(error)));
                self.emit(Event::WhisperDone { request_id, outcome });
            }
            // A whisper is done when it is queued, not when an address is known.
            (Errand::Whisper(_), Ok(_)) => {}
        }
    }

    /// Gives up the whisper that takes the most of those that wait for their receivers. Returns whether
    /// there was one.
    pub(super) fn give_up_whisper(&mut self) -> bool {
        let waiting = self.requests.own.iter().filter(|(_, own)| own.errand.kept_len() > 0);
        let largest = waiting.max_by_key(|(_, own)| own.errand.kept_len());
        let Some(request_id) = largest.map(|(request_id, _)| *request_id) else { return false };
        if let Some(own) = self.requests.own.get_mut(&request_id) {
            own.failure = Some(WhisperError::Send(SendError::OutOfMemory));
        }
        self.settle(&request_id, Err(LocateError::Timeout));
        true
    }

    /// Queues what the node itself has to say; a neighbor whose queue is full does not get it.
    #[inline(never)]
    pub(super) fn tell(&mut self, now: Instant, conn: ConnId, message: PathfindingMessage) {
        if let Err(refusal) = self.transmit_message(now, conn, message) {
            log::debug!("{} {conn} is not told: {refusal}", self.id.short());
        }
    }
}
