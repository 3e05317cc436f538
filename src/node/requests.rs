//! Finding a node that is no neighbor, and whispering to it. PROTOCOL.md §3.4.
//!
//! A question goes to every neighbor. py2p nodes answer from their own tables; nodes of this
//! crate also pass it on among each other, and the answer back along the way that it came.

use rand::RngExt;

use super::Node;
use super::dial_policy::may_dial;
use super::outgoing::Form;
use super::questions::Questions;
use super::sorted_map::SortedMap;
use super::timer::Timer;
use crate::conn_id::ConnId;
use crate::error::{CloseReason, LocateError, SendError, WhisperError};
use crate::event::Event;
use crate::time::Instant;
use crate::wire::{
    Address, Flag, NodeId, PathfindingMessage, Request, RequestId, Response, Wanted,
};

/// The most questions a minute that are taken from one neighbor.
const MAX_REQUESTS: u32 = 600;

/// The most addresses that are dialled for one question: whoever hears it can answer it.
const MAX_DIALS: u8 = 4;

/// The most times a minute that a neighbor is told everybody that this node knows.
const MAX_PEERS_LISTS: u32 = 1;

/// The questions under way.
#[derive(Debug, Default)]
pub(super) struct Requests {
    /// This node's own, by the name that it gave them.
    own: SortedMap<RequestId, Own>,
    /// Everybody's, for as long as copies of them may come.
    met: Questions,
}

impl Requests {
    /// How many questions are remembered.
    pub(super) fn questions(&self) -> usize {
        self.met.count()
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
        self.request(now, *id, Errand::Locate)
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
        let max = self.config.max_frame_len;
        let message = self
            .make(now, Flag::Whisper, &payload)
            .ok_or(SendError::TooLong { len: usize::MAX, max })?;
        match self.table.conn(id) {
            Some(conn) => match self.transmit_message(now, conn, message) {
                Ok(()) => Ok(Whispered::Queued),
                Err(_) => Err(SendError::QueueFull),
            },
            None => self.request(now, *id, Errand::Whisper(message)).map(Whispered::Locating),
        }
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
        if self.requests.own.len() >= self.config.max_requests {
            return Err(SendError::TooManyRequests);
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
        self.timers.set(Timer::Request(request_id), now + self.config.locate_timeout);
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
        let (Ok(request), Some(conn), Some(connection)) = (
            Request::decode(message.payload()),
            self.table.conn(&neighbor),
            self.connections.get_mut(&from),
        ) else {
            return self.stats.ignored += 1;
        };
        let form = connection.form();
        let request_id = request.request_id;
        let may = match request.wanted {
            Wanted::Everybody => connection.budgets.peers_lists.spend(now, MAX_PEERS_LISTS),
            Wanted::Node(wanted) => {
                !self.requests.met.knows(&request_id)
                    && connection.budgets.requests.spend(now, MAX_REQUESTS)
                    && self.meet_request(now, request_id, Some(neighbor), wanted)
            }
        };
        match request.wanted {
            _ if !may => self.stats.ignored += 1,
            Wanted::Everybody => self.send_peers(now, conn),
            Wanted::Node(wanted) => match self.address_of(&wanted) {
                Some(address) => {
                    let response = Response { request_id, id: wanted, address: Some(address) };
                    self.respond(now, conn, &response);
                }
                // A py2p node asks its neighbors only, and could not reach a distant address.
                None if form == Form::Legacy => self.stats.ignored += 1,
                None => self.pass_on(now, conn, message),
            },
        }
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
        for conn in self.extended_neighbors() {
            if conn != from {
                self.tell(now, conn, message.clone());
            }
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
        let max = self.config.max_requests;
        let has_room = self.requests.met.insert(request_id, asker, wanted, max);
        if has_room {
            self.timers.set(Timer::Forget(request_id), now + self.config.locate_timeout * 2);
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
        let Ok(response) = Response::decode(message.payload()) else {
            return self.stats.ignored += 1;
        };
        let Some(teller) = self.connections.get(&conn).map(|found| found.addr.ip()) else { return };
        // An answer without an address leaves the question open: another one may have it.
        let Some(address) = response.address.clone() else { return self.stats.ignored += 1 };
        if let Some(asker) = self.requests.met.way_back(&response.request_id, &response.id) {
            if let Some(back) = self.table.conn(&asker) {
                self.respond(now, back, &response);
            }
            return;
        }
        let own = self.requests.own.get_mut(&response.request_id);
        let Some(own) = own.filter(|own| own.wanted == response.id && own.dials_left > 0) else {
            return self.stats.ignored += 1;
        };
        if matches!(own.errand, Errand::Locate) {
            return self.settle(&response.request_id, Ok(address));
        }
        match address.socket_addr().filter(|&addr| may_dial(addr, teller)) {
            Some(addr) => {
                own.dials_left -= 1;
                if let Err(error) = self.dial_for(now, addr, Some(response.id)) {
                    self.on_not_dialed(&response.id, addr, error);
                }
            }
            None => own.failure = Some(WhisperError::NotDialable),
        }
    }

    /// A node has become a neighbor: whispers that wait for it can go.
    pub(super) fn on_met(&mut self, now: Instant, id: &NodeId) {
        for request_id in self.whispers_for(id) {
            let Some(conn) = self.table.conn(id) else { return };
            let Some(own) = self.requests.own.remove(&request_id) else { continue };
            self.timers.stop(Timer::Request(request_id));
            if let Errand::Whisper(message) = own.errand {
                let sent = self.transmit_message(now, conn, message);
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

    /// Queues what the node itself has to say; a neighbor whose queue is full does not get it.
    pub(super) fn tell(&mut self, now: Instant, conn: ConnId, message: PathfindingMessage) {
        if let Err(refusal) = self.transmit_message(now, conn, message) {
            log::debug!("{} {conn} is not told: {refusal}", self.id.short());
        }
    }
}
