//! What lately went wrong with each peer that was met, or mattered.
//!
//! Bounded in peers and in notes of each: two megabytes at the very most, and as a rule nothing to
//! speak of, for what happens again and again is one note.

use std::net::SocketAddr;

use super::Node;
use super::connection::{Connection, Phase};
use super::routing_table::RoutingTable;
use crate::conn_id::ConnId;
use crate::error::CloseReason;
use crate::event::{Incident, PeerInfo, PeerNote, PeerRecord};
use crate::time::{Instant, UnixTime};
use crate::wire::NodeId;

/// The most peers that are remembered: twice as many as a node has neighbors where nobody has
/// chosen other limits.
pub(crate) const MAX_PEERS: usize = 256;

/// The most of these that are addresses whose peer did not tell who it is: as many as somebody has
/// addresses come for nothing.
const MAX_ADDRESSES: usize = MAX_PEERS / 4;

/// The most notes of each.
const MAX_NOTES: usize = 64;

/// The most of these about others who went by its id.
const MAX_IMPOSTORS: usize = 8;

/// The peers that were met lately, whoever something happened with last at the end.
#[derive(Debug, Default)]
pub(super) struct Records {
    peers: Vec<Record>,
}

#[derive(Debug)]
struct Record {
    who: Who,
    addr: SocketAddr,
    notes: Vec<PeerNote>,
}

/// Whom a record is of. What somebody merely says of itself is no reason to write in another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Peer(NodeId),
    At(SocketAddr),
}

impl Records {
    fn note(&mut self, table: &RoutingTable, who: Who, addr: SocketAddr, note: PeerNote) {
        let found = self.peers.iter().rposition(|record| record.who == who);
        let mut record = match found {
            Some(index) => self.peers.remove(index),
            None => {
                self.make_room(table, who);
                Record { who, addr, notes: Vec::new() }
            }
        };
        record.addr = addr;
        record.add(note);
        self.peers.push(record);
    }

    /// Forgets whoever was met the longest ago, neighbors last, if there is no room for another: of
    /// addresses, which are had for less than peers, there are only so many.
    fn make_room(&mut self, table: &RoutingTable, who: Who) {
        let is_address = |record: &Record| matches!(record.who, Who::At(_));
        let addresses = self.peers.iter().filter(|record| is_address(record)).count();
        let oldest = if matches!(who, Who::At(_)) && addresses >= MAX_ADDRESSES {
            self.peers.iter().position(is_address)
        } else if self.peers.len() >= MAX_PEERS {
            let is_neighbor =
                |record: &Record| matches!(record.who, Who::Peer(id) if table.conn(&id).is_some());
            Some(self.peers.iter().position(|record| !is_neighbor(record)).unwrap_or(0))
        } else {
            None
        };
        if let Some(oldest) = oldest {
            self.peers.remove(oldest);
        }
    }

    fn find(&self, id: &NodeId) -> Option<&Record> {
        self.peers.iter().rev().find(|record| record.who == Who::Peer(*id))
    }

    fn last_error(&self, id: &NodeId) -> Option<PeerNote> {
        let notes = &self.find(id)?.notes;
        notes.iter().rev().find(|note| note.incident.is_error()).copied()
    }

    /// How many peers are remembered.
    pub(super) fn len(&self) -> usize {
        self.peers.len()
    }
}

impl Node {
    /// What lately went wrong with a peer, or mattered; `None` where nothing is remembered of it.
    /// The 256 peers with whom something happened last are, neighbors before others; up to 64 of
    /// them are addresses whose peer did not tell who it is.
    pub fn peer_record(&self, id: &NodeId) -> Option<PeerRecord> {
        self.records.find(id).map(Record::show)
    }

    /// What is remembered of every peer and of every address whose peer did not tell who it is,
    /// whoever something happened with last at the end.
    pub fn peer_records(&self) -> impl Iterator<Item = PeerRecord> {
        self.records.peers.iter().map(Record::show)
    }

    /// What the node knows of the neighbor at the end of a connection.
    pub(super) fn peer_info(&self, conn: ConnId) -> Option<PeerInfo> {
        let info = self.connections.get(&conn)?.peer_info(conn)?;
        let last_error = self.records.last_error(&info.id).map(Box::new);
        Some(PeerInfo { last_error, ..info })
    }

    /// Notes something about the peer at the end of a connection.
    #[cold]
    #[inline(never)]
    pub(super) fn note(&mut self, now: Instant, conn: ConnId, incident: Incident) {
        if let Some(connection) = self.connections.get(&conn) {
            let (who, addr) = who(connection);
            self.note_of(now, who, addr, incident);
        }
    }

    /// Somebody at the end of a connection goes by the id of a neighbor and is not that one.
    pub(super) fn note_impostor(&mut self, now: Instant, conn: ConnId, id: NodeId) {
        self.stats.impostors += 1;
        let Some(addr) = self.connections.get(&conn).map(|found| found.addr) else { return };
        let its = self.table.conn(&id).and_then(|conn| self.connections.get(&conn));
        if let Some((who, its_addr)) = its.map(who) {
            self.note_of(now, who, its_addr, Incident::Impersonated(addr.ip()));
        }
    }

    /// Notes how a connection has ended, unless that means nothing for its peer.
    pub(super) fn note_end(&mut self, now: Instant, connection: &Connection, reason: CloseReason) {
        let incident = match connection.phase {
            Phase::Established(_) => Incident::Lost(reason),
            Phase::Dialing | Phase::Opening | Phase::Holding(_) | Phase::Parked(_) => {
                Incident::Failed(reason)
            }
            Phase::Probing(_) | Phase::Retiring(_) | Phase::Closing(_) => return,
        };
        let (who, addr) = who(connection);
        self.note_of(now, who, addr, incident);
    }

    #[inline(never)]
    fn note_of(&mut self, now: Instant, who: Who, addr: SocketAddr, incident: Incident) {
        let wall = self.wall(now);
        self.records.note(&self.table, who, addr, note_at(wall, incident));
    }
}

impl Record {
    /// Adds a note to the last, if that says the same, or behind it.
    fn add(&mut self, note: PeerNote) {
        let is_impostor = |note: &PeerNote| matches!(note.incident, Incident::Impersonated(_));
        // Others write these, in whatever order they like.
        let same = match is_impostor(&note) {
            true => self.notes.iter().rposition(|other| other.incident == note.incident),
            false => self.notes.len().checked_sub(1),
        };
        let same = same.and_then(|index| self.notes.get_mut(index));
        if let Some(same) = same.filter(|same| same.incident == note.incident) {
            same.count = same.count.saturating_add(1);
            same.last = note.last;
            return;
        }
        let impostors = self.notes.iter().filter(|note| is_impostor(note)).count();
        if is_impostor(&note) && impostors >= MAX_IMPOSTORS {
            let oldest = self.notes.iter().position(is_impostor);
            self.notes.remove(oldest.unwrap_or_default());
        } else if self.notes.len() >= MAX_NOTES {
            self.notes.remove(0);
        }
        self.notes.push(note);
    }

    fn show(&self) -> PeerRecord {
        let id = match self.who {
            Who::Peer(id) => Some(id),
            Who::At(_) => None,
        };
        PeerRecord { id, addr: self.addr, notes: self.notes.clone() }
    }
}

fn note_at(wall: UnixTime, incident: Incident) -> PeerNote {
    PeerNote { incident, first: wall, last: wall, count: 1 }
}

/// Whose record a connection belongs to, and the address that says the most of it. The port that
/// somebody dials from is another each time.
#[inline(never)]
fn who(connection: &Connection) -> (Who, SocketAddr) {
    let mut addr = connection.addr;
    if connection.is_incoming() {
        addr.set_port(0);
    }
    let id = connection.peer().map(|peer| peer.id).or_else(|| connection.proven_id());
    (id.map_or(Who::At(addr), Who::Peer), addr)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::DecodeError;

    fn at(port: usize) -> SocketAddr {
        SocketAddr::new([10, 0, 0, 1].into(), u16::try_from(port).unwrap())
    }

    fn id(number: usize) -> NodeId {
        format!("peer{number}").parse().unwrap()
    }

    fn note(records: &mut Records, table: &RoutingTable, number: usize, incident: Incident) {
        let wall = UnixTime::from_secs(1);
        records.note(table, Who::Peer(id(number)), at(number), note_at(wall, incident));
    }

    #[test]
    fn what_happens_again_is_counted_and_of_much_the_last_64_are_kept() {
        let (mut records, table) = (Records::default(), RoutingTable::default());
        for max in 0..100 {
            for _ in 0..3 {
                let error = DecodeError::TooManyPackets { max };
                note(&mut records, &table, 1, Incident::Undecodable(error));
            }
        }
        let shown = records.find(&id(1)).unwrap().show();
        assert_eq!(shown.notes.len(), MAX_NOTES);
        assert!(shown.notes.iter().all(|note| note.count == 3));
        let last = Incident::Undecodable(DecodeError::TooManyPackets { max: 99 });
        assert_eq!(shown.notes.last().unwrap().incident, last);
    }

    #[test]
    fn whoever_was_met_the_longest_ago_is_forgotten_and_neighbors_last() {
        let (mut records, mut table) = (Records::default(), RoutingTable::default());
        table.insert(id(0), ConnId::from_number(1));
        for number in 0..MAX_PEERS {
            note(&mut records, &table, number, Incident::Joined);
        }
        note(&mut records, &table, 1, Incident::QueueFull);
        for number in MAX_PEERS..MAX_PEERS + 3 {
            note(&mut records, &table, number, Incident::Joined);
            assert_eq!(records.len(), MAX_PEERS);
        }
        let kept = (0..6).map(|number| records.find(&id(number)).is_some());
        assert_eq!(kept.collect::<Vec<_>>(), [true, true, false, false, false, true]);
    }

    #[test]
    fn addresses_that_come_to_nothing_do_not_take_the_place_of_peers() {
        let (mut records, table) = (Records::default(), RoutingTable::default());
        for number in 0..10 {
            note(&mut records, &table, number, Incident::Joined);
        }
        for port in 0..1_000 {
            let failed = Incident::Failed(CloseReason::HandshakeTimeout);
            let failed = note_at(UnixTime::from_secs(1), failed);
            records.note(&table, Who::At(at(port)), at(port), failed);
        }
        assert_eq!(records.len(), 10 + MAX_ADDRESSES);
        assert!((0..10).all(|number| records.find(&id(number)).is_some()));
        assert_eq!(records.peers.last().unwrap().addr, at(999));
    }

    #[test]
    fn impostors_neither_push_out_what_is_noted_of_a_peer_nor_are_its_error() {
        let (mut records, table) = (Records::default(), RoutingTable::default());
        for max in 0..MAX_NOTES - MAX_IMPOSTORS {
            let error = DecodeError::TooManyPackets { max };
            note(&mut records, &table, 1, Incident::Undecodable(error));
        }
        for round in 0..100_usize {
            for from in [1, 2, 3 + round % 20].map(|from| u8::try_from(from).unwrap()) {
                let from = Incident::Impersonated([10, 0, 0, from].into());
                note(&mut records, &table, 1, from);
            }
        }
        let shown = records.find(&id(1)).unwrap().show();
        assert_eq!(shown.notes.len(), MAX_NOTES);
        let first = Incident::Undecodable(DecodeError::TooManyPackets { max: 0 });
        assert_eq!(shown.notes[0].incident, first);
        let error = records.last_error(&id(1)).unwrap().incident;
        assert!(matches!(error, Incident::Undecodable(_)), "{error:?}");
    }

    #[test]
    fn where_all_are_neighbors_the_oldest_goes() {
        let (mut records, mut table) = (Records::default(), RoutingTable::default());
        for number in 0..=MAX_PEERS {
            table.insert(id(number), ConnId::from_number(1));
            note(&mut records, &table, number, Incident::Joined);
        }
        assert_eq!(records.len(), MAX_PEERS);
        assert!(records.find(&id(0)).is_none());
    }
}
