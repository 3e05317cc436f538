//! What a driver knows of its connections, and what it may hold the node to.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use rs2p::ConnId;

/// The connections that the node has, by the driver's books.
#[derive(Default)]
pub(super) struct Links {
    open: BTreeMap<ConnId, Link>,
    /// Those of which the node's user has had the one outcome.
    told: BTreeSet<ConnId>,
    dialed: BTreeMap<ConnId, SocketAddr>,
    ever: u64,
}

/// One connection.
#[derive(Default)]
pub(super) struct Link {
    pub(super) is_incoming: bool,
    /// Bytes transmitted and not reported as sent.
    pub(super) unsent_len: usize,
    pub(super) is_paused: bool,
    pub(super) is_held: bool,
    /// Whether the node has ended its sending side.
    pub(super) is_flushed: bool,
}

impl Links {
    pub(super) fn dial(&mut self, conn: ConnId, addr: SocketAddr) {
        self.add(conn, Link::default());
        self.dialed.insert(conn, addr);
    }

    pub(super) fn accept(&mut self, conn: ConnId) {
        self.add(conn, Link { is_incoming: true, ..Link::default() });
    }

    fn add(&mut self, conn: ConnId, link: Link) {
        self.ever += 1;
        assert_eq!(conn.number(), self.ever, "connections are counted from 1");
        self.open.insert(conn, link);
    }

    /// A connection that an output names: one that the node has.
    pub(super) fn named(&mut self, conn: ConnId) -> &mut Link {
        self.open.get_mut(&conn).unwrap_or_else(|| panic!("an output names {conn}, which is gone"))
    }

    pub(super) fn find(&mut self, conn: ConnId) -> Option<&mut Link> {
        self.open.get_mut(&conn)
    }

    pub(super) fn remove(&mut self, conn: ConnId) {
        self.open.remove(&conn);
    }

    /// What became of a dial is told once.
    pub(super) fn note_outcome(&mut self, conn: ConnId, addr: Option<SocketAddr>) {
        let dialed = self.dialed.get(&conn);
        assert!(dialed.is_some(), "{conn} was never dialed");
        assert!(addr.is_none() || addr == dialed.copied(), "{conn} was dialed elsewhere");
        assert!(self.told.insert(conn), "{conn} has a second outcome");
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (ConnId, &Link)> {
        self.open.iter().map(|(conn, link)| (*conn, link))
    }

    pub(super) fn count(&self) -> usize {
        self.open.len()
    }

    pub(super) fn ever(&self) -> u64 {
        self.ever
    }

    /// One of the connections there have been, or one that never was.
    pub(super) fn choose(&self, choice: u8) -> ConnId {
        ConnId::from_number(u64::from(choice) % (self.ever + 2))
    }
}
