//! Accepting connections, whatever the operating system says.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
#[cfg(unix)]
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};

use crate::time::Instant;

/// The most connections taken in one turn of the loop.
const MAX_PER_TURN: usize = 64;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What Unix calls ENFILE and EMFILE, under the same numbers everywhere: neither the machine nor the
/// process has a descriptor left.
const NO_DESCRIPTOR: [i32; 2] = [23, 24];

/// A listening socket that survives a machine without descriptors or memory.
#[derive(Debug)]
pub(super) struct Listener {
    socket: TcpListener,
    pace: Pace,
    spare: Option<Spare>,
    shed: u64,
}

/// A descriptor that stands for nothing. Where there are no others it is given up, so that whoever
/// waits can be taken and turned away, instead of waiting for an answer that does not come.
#[derive(Debug)]
struct Spare {
    #[cfg(unix)]
    _descriptor: OwnedFd,
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
    /// Whether there is no descriptor for those who wait, and was none before the last pause.
    is_stuck: bool,
    /// How often `accept` has failed.
    failures: u64,
}

impl Listener {
    pub(super) fn new(socket: TcpListener) -> Self {
        let spare = Spare::of(&socket);
        Self { socket, pace: Pace::new(), spare, shed: 0 }
    }

    /// How many connections were turned away for want of descriptors.
    pub(super) fn shed(&self) -> u64 {
        self.shed
    }

    pub(super) fn socket_mut(&mut self) -> &mut TcpListener {
        &mut self.socket
    }

    pub(super) fn set_ready(&mut self) {
        self.pace.ready = true;
    }

    /// How often the operating system did not give a connection that had come in.
    pub(super) fn failures(&self) -> u64 {
        self.pace.failures
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
        let Self { socket, pace, spare, .. } = self;
        if spare.is_none() {
            *spare = Spare::of(socket);
        }
        let accepted = pace.accept(now, || socket.accept());
        if pace.is_stuck {
            self.turn_away();
        }
        accepted
    }

    /// Takes those who wait by the spare descriptor, one after the other, and closes them.
    fn turn_away(&mut self) {
        for _ in 0..MAX_PER_TURN {
            let Some(spare) = self.spare.take() else { return };
            drop(spare);
            // Somebody else in this process may be faster, and then it is tried after the pause.
            let is_taken = self.socket.accept().is_ok();
            self.spare = Spare::of(&self.socket);
            if !is_taken {
                return;
            }
            self.shed += 1;
        }
    }
}

impl Spare {
    #[cfg(unix)]
    fn of(socket: &TcpListener) -> Option<Self> {
        Some(Self { _descriptor: socket.as_fd().try_clone_to_owned().ok()? })
    }

    /// Elsewhere the system does not run out of descriptors before it runs out of memory.
    #[cfg(not(unix))]
    fn of(_: &TcpListener) -> Option<Self> {
        None
    }
}

impl Pace {
    fn new() -> Self {
        Self { ready: false, pause: FIRST_PAUSE, resume_at: None, is_stuck: false, failures: 0 }
    }

    fn wants_turn(&self) -> bool {
        self.ready && self.resume_at.is_none()
    }

    /// What `accept_one` gives, called up to a turn's share of times.
    fn accept<T>(&mut self, now: Instant, mut accept_one: impl FnMut() -> io::Result<T>) -> Vec<T> {
        if self.resume_at.is_some_and(|at| at <= now) {
            self.resume_at = None;
        }
        self.is_stuck = false;
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
        self.failures += u64::from(error.kind() != ErrorKind::WouldBlock);
        match error.kind() {
            ErrorKind::WouldBlock => self.ready = false,
            // The connection that was about to be accepted is gone; the next may be well. Linux also
            // gives here what the network has said of one.
            ErrorKind::Interrupted
            | ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown => {}
            _ => {
                let code = error.raw_os_error();
                let lacks_descriptor = code.is_some_and(|code| NO_DESCRIPTOR.contains(&code));
                // A moment without descriptors costs nobody a connection.
                self.is_stuck = cfg!(unix) && lacks_descriptor && self.pause > FIRST_PAUSE;
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
        for passing in [
            ErrorKind::Interrupted,
            ErrorKind::ConnectionAborted,
            ErrorKind::ConnectionReset,
            ErrorKind::HostUnreachable,
            ErrorKind::NetworkUnreachable,
            ErrorKind::NetworkDown,
        ] {
            let mut pace = Pace::new();
            assert_eq!(accept(&mut pace, ms(0), &[Ok(1), Err(passing), Ok(2)]), [1, 2]);
            assert_eq!((pace.wants_turn(), pace.resume_at), (false, None), "all were taken");
        }
    }

    #[cfg(unix)]
    #[test]
    fn t14_only_a_lack_of_descriptors_that_outlasts_a_pause_turns_connections_away() {
        for code in NO_DESCRIPTOR {
            let mut pace = Pace::new();
            pace.ready = true;
            let mut fail = |now| {
                let error = || Err::<u8, _>(io::Error::from_raw_os_error(code));
                assert!(pace.accept(now, error).is_empty());
                pace.is_stuck
            };
            assert_eq!(
                [ms(0), ms(50), ms(100), ms(200)].map(&mut fail),
                [false, false, true, false]
            );
            assert_eq!(pace.accept(ms(300), || Ok(1)).len(), MAX_PER_TURN);
            assert!(!pace.is_stuck);
        }
        // Memory that is wanting would be wanting for the next connection too.
        let mut pace = Pace::new();
        for now in [0, 100, 300] {
            accept(&mut pace, ms(now), &[Err(ErrorKind::OutOfMemory)]);
            assert!(!pace.is_stuck);
        }
    }

    #[cfg(unix)]
    #[test]
    fn t14_those_who_are_turned_away_are_counted_and_the_spare_descriptor_is_there_again() {
        use std::io::Read;
        let socket = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let addr = socket.local_addr().unwrap();
        let mut listener = Listener::new(socket);
        let mut peers = [(); 3].map(|()| std::net::TcpStream::connect(addr).unwrap());
        listener.turn_away();
        assert_eq!((listener.shed(), listener.spare.is_some()), (3, true));
        for peer in &mut peers {
            assert_eq!(peer.read(&mut [0]).unwrap(), 0, "it knows at once");
        }
        listener.turn_away();
        assert_eq!((listener.shed(), listener.spare.is_some()), (3, true));
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
