//! Whose turn it is to be sent what it has missed.
//!
//! Every address has the same share of the bytes, however many connections it has. Next is the one
//! that will have had the least with what it is due next: so whoever wants little does not wait
//! behind those who want much, and those only wait until others have had as much. Whoever comes anew
//! begins where the one that was served last stood before that.

use std::net::IpAddr;

use super::link::len_u64;
use crate::conn_id::ConnId;

/// The most addresses that are remembered.
const MAX_SHARES: usize = 256;

/// The addresses that something is to be sent to, and those that have had more than others of late.
#[derive(Debug, Default)]
pub(super) struct Turns {
    shares: Vec<Share>,
    /// What whoever comes anew is taken to have had.
    level: u64,
}

/// What one address has had, and is to get.
#[derive(Debug)]
struct Share {
    holder: IpAddr,
    had: u64,
    /// Its connections, the next first.
    waiting: Vec<(ConnId, Due)>,
}

/// What a connection is to be sent next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// Whether it goes before what does not: as offers do, unless the address has been offered more
    /// than everything of late.
    pub(super) is_first: bool,
    /// Its bytes.
    pub(super) len: usize,
}

impl Share {
    /// Whose is the lowest is next: whether it has to wait for others that go first, and what it will
    /// have had with that.
    fn rank(&self) -> Option<(bool, u64)> {
        let (_, due) = self.waiting.first()?;
        Some((!due.is_first, self.had.saturating_add(len_u64(due.len))))
    }
}

impl Turns {
    /// Whether nothing is to be sent.
    pub(super) fn is_empty(&self) -> bool {
        self.shares.iter().all(|share| share.waiting.is_empty())
    }

    /// Puts a connection among those that something is to be sent on, or states anew what that is.
    pub(super) fn put(&mut self, holder: IpAddr, conn: ConnId, due: Due) {
        let share = match self.shares.iter().position(|share| share.holder == holder) {
            Some(index) => self.shares.get_mut(index),
            None => {
                self.shares.push(Share { holder, had: self.level, waiting: Vec::new() });
                self.shares.last_mut()
            }
        };
        let Some(share) = share else { return };
        match share.waiting.iter_mut().find(|(other, _)| *other == conn) {
            Some((_, old)) => *old = due,
            None => share.waiting.push((conn, due)),
        }
    }

    /// The connection whose turn it is.
    pub(super) fn next(&self) -> Option<ConnId> {
        let ranked = self.shares.iter().filter_map(|share| Some((share.rank()?, share)));
        let (_, share) = ranked.min_by_key(|(rank, _)| *rank)?;
        share.waiting.first().map(|(conn, _)| *conn)
    }

    /// So many bytes have been sent on a connection, whose next turn comes behind the others of its
    /// address, if it is due anything more.
    pub(super) fn sent(&mut self, conn: ConnId, len: usize, due: Option<Due>) {
        let its = |share: &&mut Share| share.waiting.iter().any(|(other, _)| *other == conn);
        let Some(share) = self.shares.iter_mut().find(its) else { return };
        self.level = self.level.max(share.had);
        share.had = share.had.saturating_add(len_u64(len));
        share.waiting.retain(|(other, _)| *other != conn);
        if let Some(due) = due {
            share.waiting.push((conn, due));
        }
        self.forget();
    }

    /// Forgets those that have had no more than whoever comes anew; all, when nobody waits.
    fn forget(&mut self) {
        let (is_empty, level) = (self.is_empty(), self.level);
        self.shares.retain(|it| !it.waiting.is_empty() || (it.had > level && !is_empty));
        if is_empty {
            self.level = 0;
        }
        if self.shares.len() > MAX_SHARES {
            let oldest = self.shares.iter().position(|share| share.waiting.is_empty());
            if let Some(index) = oldest {
                self.shares.remove(index);
            }
        }
    }

    /// Nothing is to be sent on a connection. Returns whether something was.
    #[inline(never)]
    pub(super) fn remove(&mut self, conn: ConnId) -> bool {
        let mut was_there = false;
        for share in &mut self.shares {
            let all = share.waiting.len();
            share.waiting.retain(|(other, _)| *other != conn);
            was_there |= share.waiting.len() < all;
        }
        self.forget();
        was_there
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn ip(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(number).into()
    }

    fn message(len: usize) -> Due {
        Due { is_first: false, len }
    }

    /// Who is served, where everybody is due such messages without end.
    fn served(turns: &mut Turns, lens: &[(u64, usize)], times: usize) -> Vec<u64> {
        let mut served = Vec::new();
        for _ in 0..times {
            let conn = turns.next().unwrap();
            let (_, len) = lens.iter().find(|(other, _)| *other == conn.number()).unwrap();
            turns.sent(conn, *len, Some(message(*len)));
            served.push(conn.number());
        }
        served
    }

    fn put(turns: &mut Turns, address: u32, conn: u64, due: Due) {
        turns.put(ip(address), ConnId::from_number(conn), due);
    }

    #[test]
    fn t42_each_address_has_as_many_bytes_as_any_other() {
        let mut turns = Turns::default();
        // Three connections of one address, and one each of two others.
        let lens = [(1, 1_000), (2, 1_000), (3, 1_000), (4, 100), (5, 10)];
        for (conn, len) in lens {
            put(&mut turns, u32::try_from(conn).unwrap().max(3), conn, message(len));
        }
        let served = served(&mut turns, &lens, 11_100);
        let bytes = |conns: &[u64]| -> usize {
            let its = |conn: &u64| served.iter().filter(|other| *other == conn).count();
            lens.iter().filter(|(conn, _)| conns.contains(conn)).map(|(c, l)| its(c) * l).sum()
        };
        let all = [bytes(&[1, 2, 3]), bytes(&[4]), bytes(&[5])];
        assert!(all.iter().max().unwrap() - all.iter().min().unwrap() <= 1_000, "{all:?}");
        assert!(bytes(&[1]).abs_diff(bytes(&[2])) <= 1_000, "and so have those of one");
    }

    #[test]
    fn t42_whoever_wants_little_comes_before_those_who_want_much() {
        let mut turns = Turns::default();
        let lens = [(1, 4_000), (2, 4_000), (3, 4_000), (4, 10), (5, 10)];
        for (conn, len) in &lens[..3] {
            put(&mut turns, u32::try_from(*conn).unwrap(), *conn, message(*len));
        }
        assert_eq!(served(&mut turns, &lens, 2), [1, 2]);
        put(&mut turns, 4, 4, message(10));
        let times = served(&mut turns, &lens, 500).iter().position(|conn| *conn == 3);
        assert_eq!(times, Some(399), "when it will have had more than the third with its next");
        put(&mut turns, 5, 5, Due { is_first: true, len: 4_000 });
        assert_eq!(turns.next().unwrap().number(), 5, "offers go before messages");
        put(&mut turns, 5, 5, message(10_000));
        assert_ne!(turns.next().unwrap().number(), 5, "it is something else now");
    }

    #[test]
    fn t42_to_leave_and_come_back_gains_nothing() {
        let mut turns = Turns::default();
        put(&mut turns, 1, 1, message(4_000));
        put(&mut turns, 2, 2, message(1_000));
        let mut had = [0, 0];
        for _ in 0..500 {
            let conn = turns.next().unwrap();
            let (at, len) = if conn.number() == 1 { (0, 4_000) } else { (1, 1_000) };
            turns.sent(conn, len, None);
            had[at] += len;
            put(&mut turns, u32::try_from(at).unwrap() + 1, conn.number(), message(len));
        }
        assert!(had[0].abs_diff(had[1]) <= 4_000, "{had:?}");
        assert!(turns.remove(ConnId::from_number(1)) && !turns.remove(ConnId::from_number(1)));
        turns.sent(ConnId::from_number(2), 0, None);
        assert!(turns.is_empty() && turns.next().is_none());
    }
}
