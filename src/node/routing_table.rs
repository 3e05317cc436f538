//! The neighbors of a node by their ids: at most one connection each.

use crate::conn_id::ConnId;
use crate::sorted_map::SortedMap;
use crate::wire::NodeId;

#[derive(Debug, Default)]
pub(super) struct RoutingTable {
    by_id: SortedMap<NodeId, ConnId>,
}

impl RoutingTable {
    pub(super) fn insert(&mut self, id: NodeId, conn: ConnId) {
        self.by_id.insert(id, conn);
    }

    /// Removes a neighbor, if this connection is still the one to it.
    pub(super) fn remove(&mut self, id: &NodeId, conn: ConnId) {
        if self.by_id.get(id) == Some(&conn) {
            self.by_id.remove(id);
        }
    }

    #[inline(never)]
    pub(super) fn conn(&self, id: &NodeId) -> Option<ConnId> {
        self.by_id.get(id).copied()
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// The neighbors in the order of their ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = (NodeId, ConnId)> {
        self.by_id.iter().map(|(id, conn)| (*id, *conn))
    }
}
