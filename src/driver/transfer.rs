//! The loop's sockets: accepting, reading, writing, removing.

use mio::{Interest, Token};

use super::Daemon;
use super::stream::{Found, Stream};
use crate::conn_id::ConnId;
use crate::error::NetworkError;
use crate::node::Input;

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
        let interest = Interest::READABLE | Interest::WRITABLE;
        match self.poll.registry().register(stream.socket_mut(), token(conn), interest) {
            Ok(()) => {
                if !stream.is_connecting() {
                    stream.set_up();
                }
                self.streams.insert(conn, stream);
            }
            Err(error) => self.report_closed(conn, Some(error.into())),
        }
    }

    /// Writes what is queued, until there is nothing more to write or to do about it.
    pub(super) fn write_all(&mut self) {
        while let Some(conn) = self.writable.pop_first() {
            self.write(conn);
            self.carry_out();
        }
    }

    fn write(&mut self, conn: ConnId) {
        let Some(stream) = self.streams.get_mut(&conn) else { return };
        let now = self.clock.now();
        if stream.is_connecting() {
            match stream.check_connected() {
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
        for conn in std::mem::take(&mut self.paused) {
            self.paused.insert(conn);
            self.node.handle_input(now, Input::Continue { conn });
            self.carry_out();
        }
        for conn in std::mem::take(&mut self.readable) {
            if !self.paused.contains(&conn) {
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
        self.readable.remove(&conn);
        self.writable.remove(&conn);
        self.paused.remove(&conn);
    }
}

/// Connections are numbered from 1 and never reach the two tokens at the other end.
fn token(conn: ConnId) -> Token {
    Token(usize::try_from(conn.number()).unwrap_or(usize::MAX - 2))
}
