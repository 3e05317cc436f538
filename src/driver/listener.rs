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
#[derive(Debug)]
pub(super) struct Listener {
    socket: TcpListener,
    pace: Pace,
}

/// When to call `accept`.
///
/// Where it fails for want of descriptors or memory the socket stays readable without a new
/// event, so it is tried again after a pause that doubles.
#[derive(Debug)]
struct Pace {
    /// Whether connections may be waiting.
    ready: bool,
    pause: Duration,
    resume_at: Option<Instant>,
}

impl Listener {
    pub(super) fn new(socket: TcpListener) -> Self {
        Self { socket, pace: Pace::new() }
    }

    pub(super) fn socket_mut(&mut self) -> &mut TcpListener {
        &mut self.socket
    }

    pub(super) fn set_ready(&mut self) {
        self.pace.ready = true;
    }

    /// When to try again after a failure.
    pub(super) fn resume_at(&self) -> Option<Instant> {
        self.pace.resume_at
    }

    /// Whether another turn would find connections to accept.
    pub(super) fn wants_turn(&self) -> bool {
        self.pace.wants_turn()
    }

    /// The connections that can be accepted now, up to a turn's share.
    pub(super) fn accept(&mut self, now: Instant) -> Vec<(TcpStream, SocketAddr)> {
        let Self { socket, pace } = self;
        pace.accept(now, || socket.accept())
    }
}

impl Pace {
    fn new() -> Self {
        Self { ready: false, pause: FIRST_PAUSE, resume_at: None }
    }

    fn wants_turn(&self) -> bool {
        self.ready && self.resume_at.is_none()
    }

    /// What `accept_one` gives, called up to a turn's share of times.
    fn accept<T>(&mut self, now: Instant, mut accept_one: impl FnMut() -> io::Result<T>) -> Vec<T> {
        if self.resume_at.is_some_and(|at| at <= now) {
            self.resume_at = None;
        }
        let mut accepted = Vec::new();
        for _ in 0..MAX_PER_TURN {
            if !self.wants_turn() {
                break;
            }
            match accept_one() {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    /// What a ready listener accepts where `accept` gives these results, and then blocks.
    fn accept(pace: &mut Pace, now: Instant, results: &[Result<u8, ErrorKind>]) -> Vec<u8> {
        let mut results = results.iter();
        pace.ready = true;
        pace.accept(now, || Ok((*results.next().unwrap_or(&Err(ErrorKind::WouldBlock)))?))
    }

    #[test]
    fn a_connection_that_is_gone_again_does_not_keep_the_next_one_waiting() {
        for passing in
            [ErrorKind::Interrupted, ErrorKind::ConnectionAborted, ErrorKind::ConnectionReset]
        {
            let mut pace = Pace::new();
            assert_eq!(accept(&mut pace, ms(0), &[Ok(1), Err(passing), Ok(2)]), [1, 2]);
            assert_eq!((pace.wants_turn(), pace.resume_at), (false, None), "all were taken");
        }
    }

    #[test]
    fn without_descriptors_accepting_pauses_twice_as_long_each_time_up_to_five_seconds() {
        let mut pace = Pace::new();
        let mut now = ms(0);
        for pause in [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000] {
            assert_eq!(accept(&mut pace, now, &[Err(ErrorKind::OutOfMemory), Ok(1)]), [0; 0]);
            assert_eq!(pace.resume_at, Some(now + Duration::from_millis(pause)));
            assert!(!pace.wants_turn(), "the loop may sleep meanwhile");
            let early = now + Duration::from_millis(pause - 1);
            assert_eq!(accept(&mut pace, early, &[Ok(1)]), [0; 0], "not before the pause is over");
            now = now + Duration::from_millis(pause);
        }
        assert_eq!(accept(&mut pace, now, &[Ok(1), Err(ErrorKind::OutOfMemory)]), [1]);
        assert_eq!(pace.resume_at, Some(now + FIRST_PAUSE), "a success shortens the next pause");
    }

    #[test]
    fn after_a_pause_accepting_goes_on_without_a_new_event() {
        let mut pace = Pace::new();
        accept(&mut pace, ms(0), &[Err(ErrorKind::OutOfMemory)]);
        assert_eq!(pace.accept(ms(100), || Err::<u8, _>(ErrorKind::WouldBlock.into())), [0; 0]);
        assert!(!pace.ready, "the socket was asked");
    }

    #[test]
    fn one_turn_has_its_share_of_successes_and_failures_and_the_next_goes_on() {
        for result in [Ok(1), Err(ErrorKind::ConnectionAborted)] {
            let mut pace = Pace::new();
            let mut calls = 0;
            pace.ready = true;
            pace.accept(ms(0), || {
                calls += 1;
                Ok(result?)
            });
            assert_eq!(calls, MAX_PER_TURN);
            assert!(pace.wants_turn());
        }
    }
}
