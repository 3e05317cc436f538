//! Which connections are read: turns, holds, fixed rates, and frames that must get on.
//!
//! A connection that has more to do than fits its turn is *paused*: it has turns, and is not read
//! meanwhile. One that is *held* is not read either, and has no turns on that account, so that the
//! loop can sleep: memory is scarce, or what came on it was more than may come in that time, or the
//! user's inbox is full. In the last two cases what has been read waits too. What a held connection's peer sends waits with the peer, and nothing is
//! lost. Time in which a connection was held counts against no peer.

use std::time::Duration;

use super::connection::{Connection, Phase};
use super::link::len_u64;
use super::timer::Timer;
use super::{CloseMode, Node, Output};
use crate::conn_id::ConnId;
use crate::error::CloseReason;
use crate::time::Instant;

/// Why a connection is held: memory is scarce.
pub(super) const MEMORY: u8 = 1;

/// Its bytes or its frames came too fast.
pub(super) const RATE: u8 = 2;

/// The user does not take messages now.
pub(super) const USER: u8 = 4;

/// How much may come at once, as the time in which as much may come on average.
const BURST: Duration = Duration::from_secs(1);

/// A frame that has begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct Partial {
    /// When it began, later by as long as it was not read.
    since: Instant,
    /// When it was last looked at, likewise.
    marked_at: Instant,
    /// How many bytes had come on the connection then.
    mark: u64,
    /// How many were missing then.
    missing_len: usize,
}

/// What has come on a connection since that was last looked at.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Come {
    pub(super) bytes: u64,
    pub(super) frames: u64,
    /// The bytes that compressed ones of them unpacked to.
    pub(super) unpacked: u64,
}

/// How fast bytes and frames have come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rates {
    /// Until when what has come so far would take at the highest rate.
    bytes_until: Instant,
    frames_until: Instant,
    unpacked_until: Instant,
}

impl Node {
    /// What follows when bytes of a connection were taken in, and `frames` of them were whole.
    pub(super) fn after_input(&mut self, now: Instant, conn: ConnId, frames: u64) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        match connection.unfinished_len() {
            None => connection.partial = None,
            Some(missing_len) if connection.partial.is_none() || frames > 0 => {
                let mark = connection.received_len;
                let partial = Partial { since: now, marked_at: now, mark, missing_len };
                connection.partial = Some(partial);
                // It runs on, so that the next frame costs nothing.
                if !connection.is_frame_timed {
                    connection.is_frame_timed = true;
                    let limits = &self.config.limits;
                    let due = now + limits.progress_interval.min(limits.frame_timeout);
                    self.timers.set(Timer::Frame(conn), due);
                }
            }
            Some(_) => {}
        }
        self.charge(conn);
    }

    /// Looks how far the frame is that a connection has begun.
    pub(super) fn on_frame_timer(&mut self, now: Instant, conn: ConnId) {
        let limits = &self.config.limits;
        let (interval, timeout) = (limits.progress_interval, limits.frame_timeout);
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        connection.is_frame_timed = false;
        let Some(mut partial) = connection.partial else { return };
        let next = |partial: &Partial| (partial.marked_at + interval).min(partial.since + timeout);
        let mut due = next(&partial);
        let late = now.since(due);
        if connection.holds != 0 {
            due = now + interval;
        } else if due <= now {
            let gained = connection.received_len.saturating_sub(partial.mark);
            let wanted = partial.missing_len.min(limits.progress_len);
            // Where the timer comes late the node stood still, and cannot tell who else did; and
            // where there is something to be done with what has come, the peer has done its part.
            if late >= interval {
                partial.since = partial.since + late;
            } else if !connection.is_paused
                && (gained < len_u64(wanted) || partial.since + timeout <= now)
            {
                let received_len = connection.decoder.buffered_len();
                let reason = CloseReason::SlowFrame { received_len };
                return self.end(now, conn, reason, CloseMode::Abort);
            }
            let missing_len = connection.unfinished_len().unwrap_or_default();
            partial = Partial {
                since: partial.since,
                marked_at: now,
                mark: connection.received_len,
                missing_len,
            };
            due = next(&partial);
            if due <= now {
                due = now + interval;
            }
        }
        connection.partial = Some(partial);
        connection.is_frame_timed = true;
        self.timers.set(Timer::Frame(conn), due);
    }

    /// Counts what has come on a connection, and holds it for as long as that was too fast.
    pub(super) fn pace(&mut self, now: Instant, conn: ConnId, come: Come) {
        let limits = &self.config.limits;
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let rates = &mut connection.rates;
        rates.bytes_until = spend(now, rates.bytes_until, come.bytes, limits.max_read_rate);
        rates.frames_until = spend(now, rates.frames_until, come.frames, limits.max_message_rate);
        rates.unpacked_until =
            spend(now, rates.unpacked_until, come.unpacked, limits.max_unpack_rate);
        // The longest message, which nobody can send in parts, is no more than a burst.
        let longest = len_u64(limits.max_frame_len);
        let burst = time_for(longest, limits.max_unpack_rate).max(BURST);
        let ahead = rates.bytes_until.max(rates.frames_until).since(now).saturating_sub(BURST);
        let too_far = ahead.max(rates.unpacked_until.since(now).saturating_sub(burst));
        if too_far > Duration::ZERO {
            self.hold_read(now, conn, RATE);
            self.timers.set(Timer::Rate(conn), now + too_far);
        }
    }

    pub(super) fn on_rate_timer(&mut self, now: Instant, conn: ConnId) {
        self.release_read(now, conn, RATE);
    }

    /// Takes no more messages for now: nothing is read, and no frame is taken out of what has been
    /// read, on connections on which messages can come. Handshakes go on. What neighbors see is a
    /// peer that takes nothing: they queue for it, and close it when it has taken nothing for as long
    /// as their limit has it; for an rs2p node that is 20 s after its queue began to fill.
    pub fn hold_deliveries(&mut self, now: Instant) {
        self.is_full = true;
        for conn in self.conns_where(&Connection::may_deliver) {
            self.hold_read(now, conn, USER);
        }
    }

    /// Holds a connection on which messages can come from now on.
    pub(super) fn hold_deliveries_of(&mut self, now: Instant, conn: ConnId) {
        if self.connections.get(&conn).is_some_and(Connection::may_deliver) {
            self.hold_read(now, conn, USER);
        }
    }

    /// Takes messages again.
    pub fn release_deliveries(&mut self, now: Instant) {
        self.is_full = false;
        for conn in self.conns_where(&|connection| connection.is_held_for(USER)) {
            self.release_read(now, conn, USER);
        }
    }

    /// Has the driver not read a connection.
    #[inline(never)]
    pub(super) fn hold_read(&mut self, now: Instant, conn: ConnId, why: u8) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if connection.is_held_for(why) {
            return;
        }
        if connection.holds == 0 {
            connection.held_since = now;
            self.outputs.push_back(Output::HoldRead { conn });
        }
        connection.holds |= why;
        self.stats.held += u64::from(why != USER);
        self.update_turns(conn);
    }

    /// Has the driver read a connection again, where it is held for nothing else.
    pub(super) fn release_read(&mut self, now: Instant, conn: ConnId, why: u8) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if !connection.is_held_for(why) {
            return;
        }
        connection.holds &= !why;
        // Who was not read may have had no time to read, and has shown no sign of life.
        if why != RATE {
            connection.last_received = now;
            connection.last_progress = now;
        }
        let is_free = connection.holds == 0;
        if let (true, Some(partial)) = (is_free, &mut connection.partial) {
            let held = now.since(connection.held_since);
            partial.since = partial.since + held;
            partial.marked_at = partial.marked_at + held;
        }
        // First the turns: what has been read is taken before anything behind it is read.
        self.update_turns(conn);
        if is_free {
            self.outputs.push_back(Output::ReleaseRead { conn });
        }
    }

    /// Has the driver give a connection turns, and not read it, while there is something to do with
    /// what has been read.
    #[inline(never)]
    pub(super) fn update_turns(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let wants_turns = connection.wants_turns();
        if wants_turns != connection.is_paused {
            connection.is_paused = wants_turns;
            let output =
                if wants_turns { Output::PauseRead { conn } } else { Output::ResumeRead { conn } };
            self.outputs.push_back(output);
        }
    }
}

/// Until when so much more takes at a rate; never where there is none.
fn spend(now: Instant, until: Instant, amount: u64, rate: usize) -> Instant {
    if rate == 0 { now } else { until.max(now) + time_for(amount, rate) }
}

/// How long so much takes at a rate; no time where there is none.
fn time_for(amount: u64, rate: usize) -> Duration {
    let nanos = amount.saturating_mul(1_000_000_000).checked_div(len_u64(rate));
    Duration::from_nanos(nanos.unwrap_or_default())
}

impl Connection {
    pub(super) fn is_held_for(&self, why: u8) -> bool {
        self.holds & why != 0
    }

    /// Whether a frame that comes on it may be a message for the user.
    pub(super) fn may_deliver(&self) -> bool {
        matches!(
            self.phase,
            Phase::Holding(_) | Phase::Parked(_) | Phase::Established(_) | Phase::Retiring(_)
        )
    }

    /// Whether there is something to be done in its next turn.
    fn wants_turns(&self) -> bool {
        self.is_working || self.unread.is_some() && !self.is_held_for(USER | RATE)
    }

    /// How much is missing of the frame that the peer has begun; `None` where none has begun, or none
    /// is waited for. Of a message under RSA, which has 64 KiB at most, every byte is as good as the
    /// rest.
    fn unfinished_len(&self) -> Option<usize> {
        if !self.may_deliver() {
            return None;
        }
        match self.decoder.missing_len() {
            0 if self.is_rsa() && self.session.is_cut_off() => Some(1),
            0 => None,
            len => Some(len),
        }
    }
}
