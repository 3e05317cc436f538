//! Starting an event loop.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use mio::net::TcpListener;
use mio::{Interest, Poll, Waker};

use super::Extras;
#[cfg(feature = "sim")]
use super::Tapped;
use super::alarm::Alarm;
use super::answer::{Answer, Asker, answer};
#[cfg(feature = "chaos")]
use super::chaos::Chaos;
use super::clock::Clock;
use super::commands::commands;
use super::daemon::{Daemon, LISTENER, Parts, WAKER};
use super::descriptors;
use super::ending::Ending;
use super::handle::Handle;
use super::inbox::{Inbox, InboxFull, InboxLimits};
use super::listener::Listener;
use super::peer_count::PeerCount;
use crate::error::BindError;
use crate::event::{Delivery, Event};
use crate::node::{Config, Node};
use crate::wire::{Address, NodeId};

/// A user who asks for no events loses nothing but events.
const EVENT_LIMITS: InboxLimits =
    InboxLimits { count: 1_024, len: usize::MAX, full: InboxFull::Discard };

/// What a started event loop leaves in the user's hands.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) handle: Handle,
    pub(crate) inbox: Inbox<Delivery>,
    pub(crate) events: Inbox<Event>,
    pub(crate) peers: Arc<PeerCount>,
    pub(crate) id: NodeId,
    pub(crate) local_addr: SocketAddr,
    pub(crate) out_addr: Address,
    pub(crate) linger_timeout: Duration,
    /// The most packets of a message with its sub-flag, and the most bytes with four for each.
    pub(crate) payload_limits: (usize, usize),
    /// Never given, and given up once the loop has ended.
    pub(crate) ended: Answer<()>,
    /// What the loop left, once it has ended.
    pub(crate) ending: Arc<OnceLock<Ending>>,
}

/// Binds the first of `addrs` that can be bound, and starts the loop of a node there. Unless the
/// configuration names an outward address it is the bound one, or this machine's address in the
/// network where every address is bound.
pub(crate) fn bind(
    addrs: &[SocketAddr],
    config: Config,
    inbox_limits: InboxLimits,
    seed: [u8; 32],
    extras: Extras,
) -> Result<Started, BindError> {
    let (mut daemon, started, running) = prepare(addrs, config, inbox_limits, seed, extras)?;
    let left = Arc::clone(&started.ending);
    // Boxed, so that the code that drops a loop stands in the program once, not once in each part
    // of the standard library that has a hand in starting a thread.
    let work: Box<dyn FnOnce() + Send> = Box::new(move || {
        daemon.begin();
        // Before whoever waits for the loop is let go: they may ask what it left.
        left.get_or_init(|| daemon.run());
        drop(daemon);
        drop(running);
    });
    thread::Builder::new()
        .name(format!("rs2p-{}", started.id.short()))
        .spawn(work)
        .map_err(BindError::Io)?;
    Ok(started)
}

/// A loop that has not begun, what it leaves in the user's hands, and what it gives up when it has
/// ended.
pub(super) fn prepare(
    addrs: &[SocketAddr],
    mut config: Config,
    inbox_limits: InboxLimits,
    seed: [u8; 32],
    extras: Extras,
) -> Result<(Daemon, Started, Asker<()>), BindError> {
    descriptors::check(&config.limits).map_err(BindError::Config)?;
    let mut socket = listen(addrs).map_err(BindError::Io)?;
    let local_addr = socket.local_addr().map_err(BindError::Io)?;
    let out_addr = config.out_addr.get_or_insert_with(|| outward(local_addr).into()).clone();
    let linger_timeout = config.limits.linger_timeout;
    let clock = Clock::start();
    let (now, wall) = (clock.now(), Clock::wall());
    let Extras {
        #[cfg(feature = "sim")]
        mut tape,
        #[cfg(feature = "chaos")]
        chaos,
    } = extras;
    #[cfg(feature = "sim")]
    if let Some(tape) = &mut tape {
        tape.begin(&config, seed, now, wall);
    }
    let node = Node::new(config, seed, now, wall).map_err(BindError::Config)?;
    let payload_limits = node.payload_limits(now);
    #[cfg(feature = "sim")]
    let node = Tapped::new(node, tape, now);
    let id = node.id();
    let poll = Poll::new().map_err(BindError::Io)?;
    poll.registry().register(&mut socket, LISTENER, Interest::READABLE).map_err(BindError::Io)?;
    let waker = Waker::new(poll.registry(), WAKER).map_err(BindError::Io)?;
    let alarm = Arc::new(Alarm::new(waker));
    let (commands, queued) = commands();
    let (inbox_sender, inbox) = Inbox::new(inbox_limits, Arc::clone(&alarm));
    let (event_sender, events) = Inbox::new(EVENT_LIMITS, Arc::clone(&alarm));
    let peers = Arc::new(PeerCount::default());
    let handle = Handle::new(commands, Arc::clone(&alarm));
    let daemon = Daemon::new(Parts {
        node,
        clock,
        poll,
        listener: Listener::new(socket),
        commands: queued,
        alarm,
        #[cfg(feature = "rsa")]
        handle: handle.clone(),
        inbox: inbox_sender,
        events: event_sender,
        peers: Arc::clone(&peers),
        #[cfg(feature = "chaos")]
        chaos: chaos.map(|chaos| begin(chaos, id)),
    });
    let (running, ended) = answer();
    let started = Started {
        handle,
        inbox,
        events,
        peers,
        id,
        local_addr,
        out_addr,
        linger_timeout,
        payload_limits,
        ended,
        ending: Arc::default(),
    };
    Ok((daemon, started, running))
}

/// Says loudly what is done to the node.
#[cfg(feature = "chaos")]
fn begin(chaos: Chaos, id: NodeId) -> Chaos {
    log::warn!("{}: CHAOS, its network is made bad: {}", id.short(), chaos.options);
    chaos.for_node()
}

fn listen(addrs: &[SocketAddr]) -> io::Result<TcpListener> {
    let mut outcome = Err(io::ErrorKind::AddrNotAvailable.into());
    for &addr in addrs {
        outcome = TcpListener::bind(addr);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// An address that others can dial for a socket bound to `local_addr`.
fn outward(local_addr: SocketAddr) -> SocketAddr {
    if !local_addr.ip().is_unspecified() {
        return local_addr;
    }
    // Connecting a datagram socket sends nothing; it makes the system choose the address that it
    // would send from. Where there is no network, this machine is all there is.
    let (any, far, home) = match local_addr {
        SocketAddr::V4(_) => ("0.0.0.0:0", "192.0.2.1:9", [127, 0, 0, 1].into()),
        SocketAddr::V6(_) => ("[::]:0", "[2001:db8::1]:9", std::net::Ipv6Addr::LOCALHOST.into()),
    };
    let chosen = UdpSocket::bind(any).and_then(|socket| {
        socket.connect(far)?;
        socket.local_addr()
    });
    let ip = chosen.map_or(home, |chosen| chosen.ip());
    SocketAddr::new(if ip.is_unspecified() { home } else { ip }, local_addr.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unspecified_address_becomes_one_that_can_be_dialled() {
        for bound in ["0.0.0.0:4444", "[::]:4444"] {
            let bound: SocketAddr = bound.parse().unwrap();
            let outward = outward(bound);
            assert!(!outward.ip().is_unspecified());
            assert_eq!((outward.port(), outward.is_ipv4()), (4444, bound.is_ipv4()));
        }
        let specific = "127.0.0.2:1".parse().unwrap();
        assert_eq!(outward(specific), specific);
    }
}
