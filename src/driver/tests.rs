//! Two loops in one thread, turn by turn, whose pollers tell what is not so, tell it twice, tell it
//! late and in another order, or tell of connections that are gone; on sockets that take little.

use std::time::Duration;

use mio::{Events, Token};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use socket2::SockRef;

use super::clock::Clock;
use super::daemon::{LISTENER, WAKER};
use super::start::prepare;
use super::{Answer, Daemon, Extras, InboxFull, InboxLimits, Started, answer, bind};
use crate::error::ConnectError;
use crate::node::{Compress, Config};
use crate::time::Instant;
use crate::wire::{NodeId, Protocol};

/// Far more than anything here takes. In time, not in turns: small buffers wait for the system's
/// clocks, and a fast machine takes many turns meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);

/// A loop without timers: it sleeps until it is woken.
pub(super) fn start() -> Started {
    let addr = "127.0.0.1:0".parse().unwrap();
    let config = Config::new(Protocol::new("mesh", "Plaintext"));
    let inbox = InboxLimits { count: 1, len: 1, full: InboxFull::Discard };
    bind(&[addr], config, inbox, [7; 32], Extras::default()).unwrap()
}

/// A loop, and what its poller has told and the loop has not heard.
struct Stepped {
    daemon: Daemon,
    started: Started,
    events: Events,
    held_back: Vec<Token>,
}

impl Stepped {
    fn new(seed: u8) -> Self {
        let mut config = Config::new(Protocol::new("mesh", "Plaintext"));
        config.compress = Compress::Never;
        let addr = "127.0.0.1:0".parse().unwrap();
        let limits = InboxLimits { count: usize::MAX, len: usize::MAX, full: InboxFull::Discard };
        let (daemon, started, _) =
            prepare(&[addr], config, limits, [seed; 32], Extras::default()).unwrap();
        Self { daemon, started, events: Events::with_capacity(64), held_back: Vec::new() }
    }

    fn start_dial(&mut self, other: &Self) -> Answer<Result<NodeId, ConnectError>> {
        let (dialer, outcome) = answer();
        self.daemon.dial(other.started.local_addr, dialer);
        self.daemon.carry_out();
        outcome
    }

    /// One turn in which the poller says this much that is not so.
    fn turn(&mut self, rng: &mut StdRng, lies: usize) {
        self.daemon.poll.poll(&mut self.events, Some(Duration::ZERO)).unwrap();
        let mut told: Vec<_> = self.events.iter().map(|event| event.token()).collect();
        // A true word may come a turn late, or twice.
        told.append(&mut self.held_back);
        let mut heard = Vec::new();
        for token in told {
            match rng.random_range(0..3) {
                0 if lies > 0 => self.held_back.push(token),
                1 => heard.extend([token, token]),
                _ => heard.push(token),
            }
        }
        for _ in 0..lies {
            heard.push(match rng.random_range(0..6) {
                0 => LISTENER,
                1 => WAKER,
                2 => Token(usize::MAX - 2),
                // Of connections that are there, that are gone, and that there never were.
                _ => Token(rng.random_range(0..40)),
            });
        }
        for place in (1..heard.len()).rev() {
            heard.swap(place, rng.random_range(0..=place));
        }
        heard.into_iter().for_each(|token| self.daemon.note(token));
        self.daemon.work();
    }

    fn peers(&mut self) -> usize {
        self.daemon.node().0.routing_table().count()
    }

    fn narrow(&mut self) {
        for stream in self.daemon.streams.values_mut() {
            let socket = SockRef::from(&*stream.socket_mut());
            socket.set_send_buffer_size(2 << 10).unwrap();
            socket.set_recv_buffer_size(2 << 10).unwrap();
        }
    }

    fn send(&mut self, packets: &[Vec<u8>]) {
        let (node, now) = self.daemon.node();
        assert_eq!(node.broadcast(now, packets).unwrap().refused(), []);
        self.daemon.carry_out();
    }

    /// All that has come so far.
    fn received(&self) -> Vec<Vec<u8>> {
        let deliveries = std::iter::from_fn(|| self.started.inbox.try_recv().unwrap());
        deliveries.map(|delivery| delivery.message.payload().nth(1).unwrap().to_vec()).collect()
    }
}

fn payload(number: usize) -> Vec<u8> {
    (0..number * 137 % 5_000).map(|place| (place * 3 + number).to_le_bytes()[0]).collect()
}

/// Two neighbors.
fn linked(rng: &mut StdRng, lies: usize) -> [Stepped; 2] {
    let [mut one, mut other] = [1, 2].map(Stepped::new);
    let outcome = one.start_dial(&other);
    let end = one.daemon.clock.now() + PATIENCE;
    while one.daemon.clock.now() < end {
        one.turn(rng, lies);
        other.turn(rng, lies);
        if one.peers() == 1 && other.peers() == 1 {
            let id = outcome.wait_timeout(Duration::ZERO);
            assert!(matches!(id, Some(Ok(Ok(id))) if id == other.started.id));
            return [one, other];
        }
    }
    panic!("the two do not meet");
}

#[test]
fn t16_whatever_the_poller_says_nothing_is_lost_doubled_or_out_of_order() {
    const COUNT: usize = 60;
    for seed in 0..2 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut pair = linked(&mut rng, 8);
        pair.iter_mut().for_each(Stepped::narrow);
        let mut received = [Vec::new(), Vec::new()];
        let clock = Clock::start();
        let mut sent = 0;
        while received.iter().any(|messages| messages.len() < COUNT) {
            assert!(clock.now() < Instant::ZERO + PATIENCE, "seed {seed}: something is missing");
            if sent < COUNT {
                pair.iter_mut().for_each(|node| node.send(&[payload(sent)]));
                sent += 1;
                // Whoever comes and goes leaves names of connections that nothing has any more.
                let stranger = std::net::TcpStream::connect(pair[0].started.local_addr);
                drop(stranger.unwrap());
            }
            for (node, messages) in pair.iter_mut().zip(&mut received) {
                node.turn(&mut rng, 8);
                messages.extend(node.received());
            }
        }
        for messages in received {
            assert_eq!(messages.len(), COUNT);
            assert!(messages.iter().enumerate().all(|(number, got)| *got == payload(number)));
        }
        // Once nobody lies and nothing happens, nothing is left to do: the loop sleeps.
        for node in &mut pair {
            for _ in 0..3 {
                node.turn(&mut rng, 0);
            }
            let Daemon { readable, writable, paused, .. } = &node.daemon;
            assert!(readable.is_empty() && writable.is_empty() && paused.is_empty());
        }
    }
}

#[test]
fn t18_no_connection_waits_to_fill_a_segment() {
    let mut rng = StdRng::seed_from_u64(1);
    for mut node in linked(&mut rng, 0) {
        // Beside the link there may be one that proves an address.
        let mut open = 0;
        for stream in node.daemon.streams.values_mut().filter(|stream| !stream.is_connecting()) {
            assert!(stream.socket_mut().nodelay().unwrap(), "{stream:?}");
            open += 1;
        }
        assert!(open > 0);
    }
}
