//! The loop's sockets: accepting, reading, writing, removing.

use std::time::Duration;

use mio::{Interest, Token};

use super::Daemon;
use super::daemon::MAX_READ_LEN;
use super::stream::{Found, Stream};
#[cfg(feature = "chaos")]
use super::weather::Weather;
use crate::conn_id::ConnId;
use crate::error::NetworkError;
use crate::node::Input;
#[cfg(feature = "chaos")]
use crate::time::Instant;

/// With the default patience for neighbors that do not read, half a minute.
const UNACKED_GRACE: Duration = Duration::from_secs(10);

impl Daemon {
    pub(super) fn accept(&mut self) {
        let now = self.clock.now();
        let Some(listener) = &mut self.listener else { return };
        for (socket, addr) in listener.accept(now) {
            match self.node.accept(now, addr) {
                Ok(conn) => self.add(conn, Stream::accepted(socket)),
                Err(refused) => log::debug!("{} refused {addr}: {refused}", self.node.id().short()),
            }
        }
        self.carry_out();
    }

    /// Lets the poller watch a stream from now on.
    pub(super) fn add(&mut self, conn: ConnId, mut stream: Stream) {
        #[cfg(feature = "chaos")]
        {
            let weather = |chaos| Box::new(Weather::new(chaos, self.clock, conn));
            stream.weather = self.chaos.as_ref().map(weather);
        }
        let interest = Interest::READABLE | Interest::WRITABLE;
        let patience = self.patience();
        match self.poll.registry().register(stream.socket_mut(), token(conn), interest) {
            Ok(()) => {
                if !stream.is_connecting() {
                    stream.set_up(patience);
                }
                self.streams.insert(conn, stream);
            }
            Err(error) => self.report_closed(conn, Some(error.into())),
        }
    }

    /// When a stream is to be looked at, though its socket says nothing.
    #[cfg(feature = "chaos")]
    pub(super) fn weather_due(&self) -> Option<Instant> {
        self.streams.values().filter_map(Stream::due).min()
    }

    /// Looks at those streams.
    #[cfg(feature = "chaos")]
    pub(super) fn look_at_weather(&mut self) {
        let now = self.clock.now();
        let due =
            self.streams.iter().filter(|(_, stream)| stream.due().is_some_and(|at| at <= now));
        for conn in due.map(|(conn, _)| *conn).collect::<Vec<_>>() {
            self.readable.insert(conn);
            self.writable.insert(conn);
        }
    }

    /// Writes what is queued, until there is nothing more to write or to do about it.
    pub(super) fn write_all(&mut self) {
        while let Some(conn) = self.writable.pop() {
            self.write(conn);
            self.carry_out();
        }
    }

    /// How long the operating system may wait for a neighbor's machine to acknowledge what it was
    /// sent: longer than the node waits for a neighbor that is there and does not read.
    fn patience(&self) -> Duration {
        self.node.config().limits.stall_timeout.saturating_add(UNACKED_GRACE)
    }

    fn write(&mut self, conn: ConnId) {
        let patience = self.patience();
        let Some(stream) = self.streams.get_mut(&conn) else { return };
        let now = self.clock.now();
        if stream.is_connecting() {
            match stream.check_connected(patience) {
                Ok(true) if stream.is_its_own_peer() => {
                    self.node.handle_input(now, Input::SelfConnected { conn });
                }
                Ok(true) => self.node.handle_input(now, Input::Connected { conn }),
                Ok(false) => {}
                Err(error) => self.over(conn, Some(error.into())),
            }
            return;
        }
        let (len, found) = stream.write();
        if len > 0 {
            self.node.handle_input(now, Input::Sent { conn, len });
        }
        if let Found::Over(error) = found {
            self.over(conn, error);
        }
    }

    /// Gives each connection that has something to read its share of this turn.
    pub(super) fn read_all(&mut self) {
        let now = self.clock.now();
        for conn in self.paused.take() {
            self.paused.insert(conn);
            self.node.handle_input(now, Input::Continue { conn });
            self.carry_out();
        }
        for conn in self.readable.take() {
            if !self.paused.contains(conn) && !self.held.contains(conn) {
                self.read(conn);
                self.carry_out();
            }
        }
    }

    fn read(&mut self, conn: ConnId) {
        let Some(stream) = self.streams.get_mut(&conn) else { return };
        if stream.is_connecting() {
            return;
        }
        let found = stream.read(&mut self.buffer);
        let now = self.clock.now();
        match found {
            Found::Data(len) => {
                self.readable.insert(conn);
                let data = self.buffer.get(..len).unwrap_or_default();
                self.node.handle_input(now, Input::Received { conn, data });
                if len == self.buffer.len() && len < MAX_READ_LEN {
                    self.buffer = vec![0; MAX_READ_LEN.min(len * 4)];
                }
            }
            Found::Nothing => {}
            Found::End => self.node.handle_input(now, Input::Ended { conn }),
            Found::Over(error) => self.over(conn, error),
        }
    }

    /// A connection has come to its end by itself.
    fn over(&mut self, conn: ConnId, error: Option<NetworkError>) {
        self.remove(conn);
        self.report_closed(conn, error);
    }

    pub(super) fn report_closed(&mut self, conn: ConnId, error: Option<NetworkError>) {
        self.node.handle_input(self.clock.now(), Input::Closed { conn, error });
    }

    pub(super) fn remove(&mut self, conn: ConnId) {
        if let Some(mut stream) = self.streams.remove(&conn) {
            drop(self.poll.registry().deregister(stream.socket_mut()));
        }
        self.readable.remove(conn);
        self.writable.remove(conn);
        self.paused.remove(conn);
        self.held.remove(conn);
    }
}

/// Connections are numbered from 1 and never reach the two tokens at the other end.
fn token(conn: ConnId) -> Token {
    Token(usize::try_from(conn.number()).unwrap_or(usize::MAX - 2))
}
