//! Whether neighbors are still there. PROTOCOL.md §5.6.
//!
//! A machine that loses power, and one whose way here is cut, sends no end: its connection stands
//! for hours. So a neighbor that has been silent for a while is asked for a sign of life, and given
//! up where none comes. py2p nodes have no such question; they are sent something that they pass
//! over, and where nothing takes it the operating system ends the connection.

use std::time::Duration;

use rand::RngExt;

use super::connection::Connection;
use super::outgoing::Form;
use super::timer::Timer;
use super::{CloseMode, Node};
use crate::conn_id::ConnId;
use crate::error::CloseReason;
use crate::time::Instant;
use crate::wire::Control;

/// How late a timer may be. One that is later tells that this machine stood still, and what the
/// neighbor said meanwhile may not have been read yet.
const MAX_LATE: Duration = Duration::from_secs(1);

/// The most pings of one neighbor that are answered a minute.
const MAX_PINGS: u32 = 60;

impl Node {
    /// Begins to look after a new neighbor.
    pub(super) fn watch(&mut self, now: Instant, conn: ConnId) {
        if let Some(silence) = self.allowed_silence(conn) {
            self.timers.set(Timer::Alive(conn), now + silence);
        }
    }

    /// How long a neighbor may be silent before something is done about it; for ever where it is
    /// one of this crate that answers nothing.
    #[inline(never)]
    fn allowed_silence(&self, conn: ConnId) -> Option<Duration> {
        let connection = self.connections.get(&conn)?;
        let interval = self.config.limits.ping_interval;
        match connection.extension {
            None => Some(self.config.limits.legacy_ping_interval),
            // The end that dialled asks first, and the other has then heard something.
            Some(told) if told.ping && !connection.is_incoming() => Some(interval / 8 * 7),
            Some(told) => told.ping.then_some(interval),
        }
    }

    /// The timer runs on while a neighbor speaks, so that taking a frame costs nothing.
    pub(super) fn on_alive_timer(&mut self, now: Instant, conn: ConnId) {
        let Some(connection) = self.connections.get(&conn).filter(|found| found.peer().is_some())
        else {
            return;
        };
        let Some(silence) = self.allowed_silence(conn) else { return };
        if connection.holds != 0 {
            // What it says is not read, but it is to hear that this node is there.
            if connection.form() == Form::Extended {
                self.ask_for_life(now, conn);
            }
            return self.timers.set(Timer::Alive(conn), now + silence);
        }
        let alive_at = connection.alive_at();
        let ping_timeout = self.config.limits.ping_timeout;
        let asked = connection.ping.filter(|(asked_at, _)| alive_at <= *asked_at);
        let due = asked.map(|(asked_at, _)| asked_at + ping_timeout);
        let next = if due.is_none() && now < alive_at + silence {
            alive_at + silence
        } else if due.is_some_and(|due| now.since(due) <= MAX_LATE) {
            let unsent_len = connection.backlog_len;
            return self.end(now, conn, CloseReason::Silent { unsent_len }, CloseMode::Abort);
        } else if connection.form() == Form::Legacy {
            self.stir(now, conn);
            now + silence
        } else if self.ask_for_life(now, conn) {
            now + ping_timeout
        } else {
            // There is a backlog: whether it shrinks is looked after elsewhere.
            now + silence
        };
        self.timers.set(Timer::Alive(conn), next);
    }

    /// Returns whether the queue had room for the question.
    fn ask_for_life(&mut self, now: Instant, conn: ConnId) -> bool {
        let number = self.rng.random();
        let is_asked = self.send_control(now, conn, Control::Ping(number));
        if let Some(connection) = self.connections.get_mut(&conn).filter(|_| is_asked) {
            connection.ping = Some((now, number));
        }
        is_asked
    }

    /// Sends a py2p node something that it passes over in silence: the methods that it knows of.
    fn stir(&mut self, now: Instant, conn: ConnId) {
        let told = self.connections.get(&conn).and_then(Connection::peer).map(|peer| peer.told);
        if let Some(told) = told {
            self.send_compressions(now, conn, told);
        }
    }

    /// A neighbor wants a sign of life.
    pub(super) fn on_ping(&mut self, now: Instant, conn: ConnId, number: u64) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if connection.budgets.pings.spend(now, MAX_PINGS) {
            self.send_control(now, conn, Control::Pong(number));
        } else {
            self.stats.ignored.too_many_pings += 1;
        }
    }

    pub(super) fn on_pong(&mut self, now: Instant, conn: ConnId, number: u64) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        match connection.ping.take_if(|(_, asked)| *asked == number) {
            Some((asked_at, _)) => {
                connection.round_trip = Some(now.since(asked_at));
                self.watch(now, conn);
            }
            None => self.stats.ignored.late_control += 1,
        }
    }
}
