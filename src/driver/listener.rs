//! Accepting connections, whatever the operating system says.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};

use crate::time::Instant;

/// The most connections taken in one turn of the loop.
const MAX_PER_TURN: usize = 64;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A listening socket that survives a machine without descriptors or memory.
///
/// Where `accept` fails for want of them the socket stays readable without a new event, so it is
/// tried again after a pause that doubles.
#[derive(Debug)]
pub(super) struct Listener {
    socket: TcpListener,
    /// Whether connections may be waiting.
    ready: bool,
    pause: Duration,
    resume_at: Option<Instant>,
}

impl Listener {
    pub(super) fn new(socket: TcpListener) -> Self {
        Self { socket, ready: false, pause: FIRST_PAUSE, resume_at: None }
    }

    pub(super) fn socket_mut(&mut self) -> &mut TcpListener {
        &mut self.socket
    }

    pub(super) fn set_ready(&mut self) {
        self.ready = true;
    }

    /// When to try again after a failure.
    pub(super) fn resume_at(&self) -> Option<Instant> {
        self.resume_at
    }

    /// Whether another turn would find connections to accept.
    pub(super) fn wants_turn(&self) -> bool {
        self.ready && self.resume_at.is_none()
    }

    /// The connections that can be accepted now, up to a turn's share.
    pub(super) fn accept(&mut self, now: Instant) -> Vec<(TcpStream, SocketAddr)> {
        if self.resume_at.is_some_and(|at| at <= now) {
            self.resume_at = None;
        }
        let mut accepted = Vec::new();
        while self.wants_turn() && accepted.len() < MAX_PER_TURN {
            match self.socket.accept() {
                Ok(connection) => {
                    self.pause = FIRST_PAUSE;
                    accepted.push(connection);
                }
                Err(error) => self.on_error(now, &error),
            }
        }
        accepted
    }

    fn on_error(&mut self, now: Instant, error: &io::Error) {
        match error.kind() {
            ErrorKind::WouldBlock => self.ready = false,
            // The connection that was about to be accepted is gone; the next may be well.
            ErrorKind::Interrupted | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset => {}
            _ => {
                log::warn!("cannot accept a connection, next try in {:?}: {error}", self.pause);
                self.resume_at = Some(now + self.pause);
                self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}
