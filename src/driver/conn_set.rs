//! A set of connections that have something in common.

use crate::conn_id::ConnId;

/// Connections in the order of their numbers. A sorted vector: a set holds few at a time, and a
/// tree would add twelve kilobytes to every program.
#[derive(Debug, Default)]
pub(super) struct ConnSet {
    conns: Vec<ConnId>,
}

impl ConnSet {
    #[inline(never)]
    pub(super) fn insert(&mut self, conn: ConnId) {
        if let Err(index) = self.conns.binary_search(&conn) {
            self.conns.insert(index, conn);
        }
    }

    #[inline(never)]
    pub(super) fn remove(&mut self, conn: ConnId) {
        if let Ok(index) = self.conns.binary_search(&conn) {
            self.conns.remove(index);
        }
    }

    pub(super) fn contains(&self, conn: ConnId) -> bool {
        self.conns.binary_search(&conn).is_ok()
    }

    /// Takes the last one out.
    pub(super) fn pop(&mut self) -> Option<ConnId> {
        self.conns.pop()
    }

    /// Takes all out, in their order.
    pub(super) fn take(&mut self) -> Vec<ConnId> {
        std::mem::take(&mut self.conns)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.conns.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_each_connection_once_and_in_order() {
        let [first, second, third] = [1, 2, 3].map(ConnId::from_number);
        let mut set = ConnSet::default();
        for conn in [third, first, second, first] {
            set.insert(conn);
        }
        set.remove(second);
        set.remove(second);
        assert_eq!([first, second, third].map(|conn| set.contains(conn)), [true, false, true]);
        assert_eq!(set.take(), [first, third]);
        assert!(set.is_empty());
        set.insert(second);
        assert_eq!((set.pop(), set.pop()), (Some(second), None));
    }
}
