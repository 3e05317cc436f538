//! The connections of a node by their ids.

use super::connection::Connection;
use crate::conn_id::ConnId;
use crate::sorted_map::SortedMap;

/// All connections, in the order of their ids: that in which they were made.
///
/// Boxed, so that little is moved where one goes out of the middle; a new one stands at the end.
#[derive(Debug, Default)]
pub(super) struct Connections {
    by_id: SortedMap<ConnId, Box<Connection>>,
}

impl Connections {
    #[inline]
    pub(super) fn insert(&mut self, conn: ConnId, connection: Box<Connection>) {
        self.by_id.insert(conn, connection);
    }

    pub(super) fn remove(&mut self, conn: &ConnId) -> Option<Box<Connection>> {
        self.by_id.remove(conn)
    }

    pub(super) fn get(&self, conn: &ConnId) -> Option<&Connection> {
        self.by_id.get(conn).map(|connection| &**connection)
    }

    #[inline(never)]
    pub(super) fn get_mut(&mut self, conn: &ConnId) -> Option<&mut Connection> {
        self.by_id.get_mut(conn).map(|connection| &mut **connection)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&ConnId, &Connection)> + Clone {
        self.by_id.iter().map(|(conn, connection)| (conn, &**connection))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&ConnId, &mut Connection)> {
        self.by_id.iter_mut().map(|(conn, connection)| (conn, &mut **connection))
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Connection> + Clone {
        self.iter().map(|(_, connection)| connection)
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}
