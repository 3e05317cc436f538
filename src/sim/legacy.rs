//! A model of a py2p 0.2.136 node, as it shows itself to others. PROTOCOL.md §4.3 and §8.
//!
//! It keeps what makes it hard to live with: it stamps anew what it passes on, passes it on to
//! everybody, forgets it at once, takes ten messages a second from each neighbor, believes every
//! address that it is told, and closes whoever has told it of one that refuses. It leaves out how
//! slowly it reads long messages, and what else makes it fail where nobody does anything wrong.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use rand::RngExt;

use super::hand::Hand;
use super::outsider::Outsider;
use super::world::NodeIndex;
use crate::conn_id::ConnId;
use crate::time::Instant;
use crate::wire::{
    Address, Compressions, Flag, Handshake, MessageId, NodeId, PathfindingMessage, PeerEntry,
    Request, Response, Wanted,
};

/// How long it takes before it looks at its connections again. It takes one message from each.
const TURN: Duration = Duration::from_millis(100);

/// How many messages may wait on a connection before it is not read: about what the buffers of an
/// operating system hold.
const MAX_INBOX: usize = 256;

/// How many connections it opens on the word of others.
const MAX_OUTGOING: usize = 8;

/// A py2p 0.2 node, as [`Outsider`] of a world: plain, without encryption.
#[derive(Debug)]
pub struct Legacy {
    dials: Vec<NodeIndex>,
    max_outgoing: usize,
    /// How many things its user says, and how long it waits before each.
    speech: (usize, Duration),
    id: Option<NodeId>,
    peers: BTreeMap<ConnId, Peer>,
    table: BTreeMap<NodeId, ConnId>,
    /// Messages that it has sent since it last passed one on.
    remembered: BTreeSet<MessageId>,
    next_turn: Option<Instant>,
    next_speech: Option<Instant>,
}

/// The other end of a connection.
#[derive(Debug, Default)]
struct Peer {
    address: Option<Address>,
    compressions: Compressions,
    inbox: VecDeque<PathfindingMessage>,
    /// Who has told of it, where it was dialled on somebody's word.
    teller: Option<ConnId>,
    is_open: bool,
    is_dialed: bool,
    /// The last that may be sent again.
    last: Option<PathfindingMessage>,
}

impl Legacy {
    /// A node that dials these machines when it starts.
    pub fn new(dials: impl IntoIterator<Item = NodeIndex>) -> Self {
        Self {
            dials: dials.into_iter().collect(),
            max_outgoing: MAX_OUTGOING,
            speech: (0, Duration::ZERO),
            id: None,
            peers: BTreeMap::new(),
            table: BTreeMap::new(),
            remembered: BTreeSet::new(),
            next_turn: None,
            next_speech: None,
        }
    }

    /// It follows peers lists while it has fewer outgoing connections than this. Default 8.
    #[must_use]
    pub fn following(mut self, max_outgoing: usize) -> Self {
        self.max_outgoing = max_outgoing;
        self
    }

    /// Its user broadcasts so many messages, each after this time, unless the node is crashed first.
    /// None equals another.
    #[must_use]
    pub fn saying(mut self, count: usize, every: Duration) -> Self {
        self.speech = (count, every);
        self
    }

    fn message(
        &self,
        hand: &Hand<'_>,
        flag: Flag,
        payload: &[Vec<u8>],
    ) -> Option<PathfindingMessage> {
        let time = hand.wall().as_secs();
        PathfindingMessage::new(flag.as_bytes(), self.id?.as_bytes(), time, payload).ok()
    }

    fn tell(&mut self, hand: &mut Hand<'_>, conn: ConnId, message: PathfindingMessage) {
        let Some(peer) = self.peers.get_mut(&conn) else { return };
        let message = message.with_compression(peer.compressions);
        hand.send(conn, &message);
        if message.msg_type() != b"waterfall" && message.msg_type() != b"renegotiate" {
            peer.last = Some(message);
        }
    }

    fn tell_all(&mut self, hand: &mut Hand<'_>, message: &PathfindingMessage) {
        for conn in self.table.values().copied().collect::<Vec<_>>() {
            self.tell(hand, conn, message.clone());
        }
    }

    fn introduce(&mut self, hand: &mut Hand<'_>, conn: ConnId) {
        let addr = hand.addr();
        let (protocol, address) = (hand.protocol().clone(), Address::from(addr));
        let salt = hand.rng().random::<u128>().to_string();
        let id = *self.id.get_or_insert_with(|| NodeId::new(&address, &protocol, &salt));
        let methods = Compressions::supported();
        let handshake = Handshake::new(id, &protocol, Some(address), methods);
        if let Some(message) = self.message(hand, Flag::Whisper, &handshake.encode()) {
            self.tell(hand, conn, message);
        }
    }

    fn end(&mut self, hand: &mut Hand<'_>, conn: ConnId) {
        hand.close(conn);
        self.forget(conn);
    }

    fn forget(&mut self, conn: ConnId) -> Option<Peer> {
        self.table.retain(|_, other| *other != conn);
        self.peers.remove(&conn)
    }

    /// Takes one message.
    fn take(&mut self, hand: &mut Hand<'_>, conn: ConnId, message: &PathfindingMessage) {
        let main = Flag::parse(message.msg_type());
        if main == Some(Flag::Waterfall) && self.remembered.contains(&message.id()) {
            return;
        }
        match (main, message.sub_flag()) {
            (Some(Flag::Renegotiate), Some(Flag::Compression | Flag::Resend)) => {
                self.on_renegotiate(hand, conn, message);
            }
            (_, Some(Flag::Handshake)) => self.on_handshake(hand, conn, message),
            (_, Some(Flag::Peers)) => self.on_peers(hand, conn, message),
            (_, Some(Flag::Request)) => self.on_request(hand, conn, message),
            // It asks nobody, so that nobody answers it.
            (_, Some(Flag::Response)) => {}
            (_, Some(Flag::Whisper)) => deliver(hand, message),
            _ => self.on_broadcast(hand, message),
        }
    }

    fn on_broadcast(&mut self, hand: &mut Hand<'_>, message: &PathfindingMessage) {
        if self.remembered.contains(&message.id()) {
            return;
        }
        let payload: Vec<&[u8]> = message.payload().collect();
        let now = hand.wall().as_secs();
        let again = PathfindingMessage::new(b"waterfall", message.sender(), now, &payload);
        if let Ok(again) = again {
            self.tell_all(hand, &again);
        }
        // It means to keep what is younger than a minute, and compares the wrong way round.
        self.remembered.clear();
        deliver(hand, message);
    }

    fn on_handshake(&mut self, hand: &mut Hand<'_>, conn: ConnId, message: &PathfindingMessage) {
        let handshake = Handshake::decode(message.payload()).ok();
        let is_ours = |it: &Handshake| it.protocol_id == hand.protocol().id();
        let Some(handshake) = handshake.filter(is_ours) else { return self.end(hand, conn) };
        if let Some(peer) = self.peers.get_mut(&conn) {
            peer.address = handshake.address;
            peer.compressions = handshake.compressions;
        }
        let before = self.table.insert(handshake.id, conn);
        if let Some(before) = before.filter(|before| *before != conn) {
            hand.close(before);
            self.peers.remove(&before);
        }
        let address = |conn| self.peers.get(conn).and_then(|peer| peer.address.clone());
        let entries: Vec<PeerEntry> = self
            .table
            .iter()
            .map(|(id, conn)| PeerEntry { address: address(conn), id: *id })
            .collect();
        let list = self.message(hand, Flag::Whisper, &PeerEntry::encode_list(&entries));
        if let Some(list) = list {
            self.tell(hand, conn, list);
        }
    }

    fn on_peers(&mut self, hand: &mut Hand<'_>, teller: ConnId, message: &PathfindingMessage) {
        let Ok(entries) = PeerEntry::decode_list(message.payload(), 1_000) else {
            return self.end(hand, teller);
        };
        for PeerEntry { address, id } in entries {
            let outgoing = self.peers.values().filter(|peer| peer.is_dialed).count();
            let Some(address) = address else { continue };
            let Some(addr) = address.socket_addr() else { return self.end(hand, teller) };
            let is_known = self.id == Some(id) || self.table.contains_key(&id);
            if is_known || addr == hand.addr() || outgoing >= self.max_outgoing {
                continue;
            }
            let conn = hand.dial_addr(addr);
            let teller = Some(teller);
            self.peers.insert(conn, Peer { teller, is_dialed: true, ..Peer::default() });
            self.table.insert(id, conn);
        }
    }

    fn on_request(&mut self, hand: &mut Hand<'_>, conn: ConnId, message: &PathfindingMessage) {
        let Ok(Request { request_id, wanted }) = Request::decode(message.payload()) else {
            return self.end(hand, conn);
        };
        let Wanted::Node(id) = wanted else { return self.end(hand, conn) };
        let Some(known) = self.table.get(&id) else { return };
        if message.msg_type() == b"waterfall" {
            return self.end(hand, conn);
        }
        let address = self.peers.get(known).and_then(|peer| peer.address.clone());
        let payload = Response { request_id, id, address }.encode();
        if let Some(response) = self.message(hand, Flag::Broadcast, &payload) {
            self.tell(hand, conn, response);
        }
    }

    fn on_renegotiate(&mut self, hand: &mut Hand<'_>, conn: ConnId, message: &PathfindingMessage) {
        let Some(peer) = self.peers.get_mut(&conn) else { return };
        if message.sub_flag() == Some(Flag::Resend) {
            let last = peer.last.clone();
            let payload: Vec<Vec<u8>> =
                last.iter().flat_map(PathfindingMessage::payload).map(Vec::from).collect();
            let flag = last.and_then(|last| Flag::parse(last.msg_type()));
            let again = flag.and_then(|flag| self.message(hand, flag, &payload));
            if let Some(again) = again {
                self.tell(hand, conn, again);
            }
            return;
        }
        let list = message.payload().nth(1).and_then(Compressions::from_json);
        let Some(list) = list else { return self.end(hand, conn) };
        if peer.compressions == list {
            return;
        }
        peer.compressions = list;
        let payload = [b"compression".to_vec(), list.to_json().into_bytes()];
        if let Some(answer) = self.message(hand, Flag::Renegotiate, &payload) {
            self.tell(hand, conn, answer);
        }
    }

    fn speak(&mut self, hand: &mut Hand<'_>) {
        let (left, every) = self.speech;
        let text = format!("py2p {} {left}", hand.addr());
        let payload = [b"broadcast".to_vec(), text.into_bytes()];
        if let Some(message) = self.message(hand, Flag::Broadcast, &payload) {
            self.remembered.insert(message.id());
            self.tell_all(hand, &message);
        }
        self.speech = (left.saturating_sub(1), every);
        self.plan_speech(hand);
    }

    fn plan_speech(&mut self, hand: &mut Hand<'_>) {
        let (left, every) = self.speech;
        self.next_speech = (left > 0).then(|| hand.now() + every);
        if self.next_speech.is_some() {
            hand.wake_after(every);
        }
    }

    fn plan_turn(&mut self, hand: &mut Hand<'_>, delay: Duration) {
        if self.next_turn.is_none() {
            self.next_turn = Some(hand.now() + delay);
            hand.wake_after(delay);
        }
    }

    /// Looks at every connection, and takes one message from each.
    fn turn(&mut self, hand: &mut Hand<'_>) {
        for conn in self.peers.keys().copied().collect::<Vec<_>>() {
            let Some(peer) = self.peers.get_mut(&conn) else { continue };
            if let Some(message) = peer.inbox.pop_front() {
                if peer.inbox.len() == MAX_INBOX / 2 {
                    hand.read_on(conn);
                }
                self.take(hand, conn, &message);
            }
        }
        if self.peers.values().any(|peer| !peer.inbox.is_empty()) {
            self.plan_turn(hand, TURN);
        }
    }
}

impl Outsider for Legacy {
    fn on_start(&mut self, hand: &mut Hand<'_>) {
        self.peers.clear();
        self.table.clear();
        self.remembered.clear();
        self.next_turn = None;
        self.next_speech = None;
        for machine in self.dials.clone() {
            let conn = hand.dial(machine);
            self.peers.insert(conn, Peer { is_dialed: true, ..Peer::default() });
        }
        // Whoever starts it again does not type everything again.
        if self.id.is_none() {
            self.plan_speech(hand);
        }
    }

    fn on_open(&mut self, hand: &mut Hand<'_>, conn: ConnId) {
        self.peers.entry(conn).or_default().is_open = true;
        self.introduce(hand, conn);
    }

    fn on_message(&mut self, hand: &mut Hand<'_>, conn: ConnId, message: &PathfindingMessage) {
        let Some(peer) = self.peers.get_mut(&conn) else { return };
        peer.inbox.push_back(message.clone());
        if peer.inbox.len() == MAX_INBOX {
            hand.stop_reading(conn);
        }
        let delay = TURN.mul_f64(hand.rng().random_range(0.0..=1.0));
        self.plan_turn(hand, delay);
    }

    fn on_close(&mut self, hand: &mut Hand<'_>, conn: ConnId) {
        let Some(peer) = self.forget(conn) else { return };
        if let Some(teller) = peer.teller.filter(|_| !peer.is_open) {
            self.end(hand, teller);
        }
    }

    fn on_wake(&mut self, hand: &mut Hand<'_>) {
        if self.next_turn.is_some_and(|due| due <= hand.now()) {
            self.next_turn = None;
            self.turn(hand);
        }
        if self.next_speech.is_some_and(|due| due <= hand.now()) {
            self.speak(hand);
        }
    }

    fn is_honest(&self) -> bool {
        true
    }
}

/// Gives a message to the user.
fn deliver(hand: &mut Hand<'_>, message: &PathfindingMessage) {
    if let Ok(sender) = NodeId::parse(message.sender()) {
        hand.deliver(sender, message.payload().skip(1));
    }
}
