//! The loop itself: wait, take in, put out.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token, Waker};

use super::clock::Clock;
use super::handle::{Alarm, Command, Handle};
use super::inbox::{Inbox, InboxLimits, InboxSender};
use super::listener::Listener;
use super::peer_count::PeerCount;
use super::stream::{ReadOutcome, Stream};
use crate::error::{BindError, CloseReason, ConnectError, DialError};
use crate::event::{ConnId, Event};
use crate::node::{CloseMode, Config, Input, Node, Output};
use crate::time::Instant;
use crate::wire::NodeId;

const LISTENER: Token = Token(usize::MAX);
const WAKER: Token = Token(usize::MAX - 1);

/// The most events taken from the poller at once.
const MAX_EVENTS: usize = 256;

/// The most commands that wait for the loop; a thread that sends one more waits.
const MAX_COMMANDS: usize = 1_024;

/// The bytes read in one system call, and from one connection in one turn: enough to be worth the
/// call, little enough that no peer keeps the others waiting.
const READ_LEN: usize = 64 * 1024;

/// How far the calendar clock may differ from what the node would compute before it is told.
const CLOCK_TOLERANCE: Duration = Duration::from_millis(500);

/// Who waits for the outcome of a dial.
type Dialer = Sender<Result<NodeId, ConnectError>>;

/// The event loop's state. Commands run on it through a [`Handle`].
#[derive(Debug)]
pub(crate) struct Daemon {
    node: Node,
    clock: Clock,
    poll: Poll,
    listener: Option<Listener>,
    streams: BTreeMap<ConnId, Stream>,
    /// Connections from which more can be read, without a new event from the poller.
    readable: BTreeSet<ConnId>,
    /// Connections with something new to write.
    writable: BTreeSet<ConnId>,
    dialers: BTreeMap<ConnId, Dialer>,
    commands: Receiver<Command>,
    alarm: Arc<Alarm>,
    inbox: InboxSender,
    peers: Arc<PeerCount>,
    buffer: Vec<u8>,
}

/// What a started event loop leaves in the user's hands.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) handle: Handle,
    pub(crate) inbox: Inbox,
    pub(crate) peers: Arc<PeerCount>,
    pub(crate) id: NodeId,
    pub(crate) local_addr: SocketAddr,
    /// Disconnected once the loop has ended.
    pub(crate) ended: Receiver<()>,
}

/// Binds the first of `addrs` that can be bound, and starts the loop of a node there. The
/// configuration's outward address is the bound one unless it names another.
pub(crate) fn bind(
    addrs: &[SocketAddr],
    mut config: Config,
    inbox_limits: InboxLimits,
    seed: [u8; 32],
) -> Result<Started, BindError> {
    let mut socket = listen(addrs).map_err(BindError::Io)?;
    let local_addr = socket.local_addr().map_err(BindError::Io)?;
    if config.out_addr.is_none() && !local_addr.ip().is_unspecified() {
        config.out_addr = Some(local_addr.into());
    }
    let clock = Clock::start();
    let node = Node::new(config, seed, clock.now(), Clock::wall()).map_err(BindError::Config)?;
    let id = node.id();
    let poll = Poll::new().map_err(BindError::Io)?;
    poll.registry().register(&mut socket, LISTENER, Interest::READABLE).map_err(BindError::Io)?;
    let waker = Waker::new(poll.registry(), WAKER).map_err(BindError::Io)?;
    let alarm = Arc::new(Alarm::new(waker));
    let (command_sender, commands) = crossbeam_channel::bounded(MAX_COMMANDS);
    let (inbox_sender, inbox) = Inbox::new(inbox_limits);
    let peers = Arc::new(PeerCount::default());
    let daemon = Daemon {
        node,
        clock,
        poll,
        listener: Some(Listener::new(socket)),
        streams: BTreeMap::new(),
        readable: BTreeSet::new(),
        writable: BTreeSet::new(),
        dialers: BTreeMap::new(),
        commands,
        alarm: Arc::clone(&alarm),
        inbox: inbox_sender,
        peers: Arc::clone(&peers),
        buffer: vec![0; READ_LEN],
    };
    let (running, ended) = crossbeam_channel::bounded(0);
    thread::Builder::new()
        .name(format!("rs2p-{}", id.short()))
        .spawn(move || {
            daemon.run();
            drop(running);
        })
        .map_err(BindError::Io)?;
    Ok(Started { handle: Handle::new(command_sender, alarm), inbox, peers, id, local_addr, ended })
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

impl Daemon {
    /// The node, and the instant at which to call it.
    pub(crate) fn node(&mut self) -> (&mut Node, Instant) {
        let now = self.clock.now();
        (&mut self.node, now)
    }

    /// Dials, and lets `dialer` know what becomes of it.
    pub(crate) fn dial(&mut self, addr: SocketAddr, dialer: Dialer) {
        let now = self.clock.now();
        match self.node.dial(now, addr) {
            Ok(conn) => {
                self.dialers.insert(conn, dialer);
            }
            Err(error) => answer(&dialer, Err(ConnectError::Dial(error))),
        }
    }

    /// Takes no new connections, ends those there are in good order, and then ends the loop.
    pub(crate) fn close(&mut self) {
        if let Some(mut listener) = self.listener.take() {
            drop(self.poll.registry().deregister(listener.socket_mut()));
        }
        let now = self.clock.now();
        self.node.close(now);
    }

    fn run(mut self) {
        let mut events = Events::with_capacity(MAX_EVENTS);
        while !self.node.is_closed() {
            if let Err(error) = self.turn(&mut events) {
                log::error!("{}: the event loop ends: {error}", self.node.id().short());
                break;
            }
        }
        for dialer in self.dialers.values() {
            answer(dialer, Err(ConnectError::Dial(DialError::Closed)));
        }
        self.peers.close();
    }

    fn turn(&mut self, events: &mut Events) -> io::Result<()> {
        self.wait(events)?;
        for event in events.iter() {
            match event.token() {
                LISTENER => {
                    if let Some(listener) = &mut self.listener {
                        listener.set_ready();
                    }
                }
                WAKER => {}
                Token(number) => {
                    let conn = ConnId(u64::try_from(number).unwrap_or(u64::MAX));
                    // Every flag of an event is a hint, so both sides are looked at.
                    self.readable.insert(conn);
                    self.writable.insert(conn);
                }
            }
        }
        self.update_clock();
        self.run_commands();
        self.accept();
        self.write_all();
        self.read_all();
        let now = self.clock.now();
        if self.node.poll_timeout().is_some_and(|due| due <= now) {
            self.node.handle_input(now, Input::Timeout);
        }
        self.put_out();
        Ok(())
    }

    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let listener = self.listener.as_ref();
        let more_to_do = !self.readable.is_empty()
            || !self.commands.is_empty()
            || listener.is_some_and(Listener::wants_turn);
        let due = [self.node.poll_timeout(), listener.and_then(Listener::resume_at)];
        let timeout = if more_to_do {
            Some(Duration::ZERO)
        } else {
            due.into_iter().flatten().min().map(|due| due.since(self.clock.now()))
        };
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            outcome => outcome,
        }
    }

    fn update_clock(&mut self) {
        let (now, wall) = (self.clock.now(), Clock::wall());
        let expected = self.node.wall(now);
        if wall.since(expected).max(expected.since(wall)) > CLOCK_TOLERANCE {
            self.node.handle_input(now, Input::ClockSet { wall });
        }
    }

    fn run_commands(&mut self) {
        self.alarm.silence();
        for _ in 0..MAX_COMMANDS {
            let Ok(command) = self.commands.try_recv() else { break };
            command(self);
            self.carry_out();
        }
    }

    fn accept(&mut self) {
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
    fn add(&mut self, conn: ConnId, mut stream: Stream) {
        let interest = Interest::READABLE | Interest::WRITABLE;
        match self.poll.registry().register(stream.socket_mut(), token(conn), interest) {
            Ok(()) => {
                if !stream.is_connecting() {
                    stream.set_up();
                }
                self.streams.insert(conn, stream);
            }
            Err(error) => self.report_closed(conn, Some(error.kind())),
        }
    }

    /// Writes what is queued, until there is nothing more to write or to do about it.
    fn write_all(&mut self) {
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
                Err(error) => self.over(conn, Some(error.kind())),
            }
            return;
        }
        let (len, outcome) = stream.write();
        if len > 0 {
            self.node.handle_input(now, Input::Sent { conn, len });
        }
        if let Some(ReadOutcome::Over(error)) = outcome {
            self.over(conn, error);
        }
    }

    /// Reads each connection's share of this turn.
    fn read_all(&mut self) {
        for conn in std::mem::take(&mut self.readable) {
            self.read(conn);
            self.carry_out();
        }
    }

    fn read(&mut self, conn: ConnId) {
        let Some(stream) = self.streams.get_mut(&conn) else { return };
        if stream.is_connecting() {
            return;
        }
        match stream.read(&mut self.buffer) {
            ReadOutcome::Data(len) => {
                self.readable.insert(conn);
                let data = self.buffer.get(..len).unwrap_or_default();
                self.node.handle_input(self.clock.now(), Input::Received { conn, data });
            }
            ReadOutcome::Blocked => {}
            ReadOutcome::Over(error) => self.over(conn, error),
        }
        // What the peer's end of sending leaves to be done happens in writing.
        self.writable.insert(conn);
    }

    /// A connection has come to its end by itself.
    fn over(&mut self, conn: ConnId, error: Option<io::ErrorKind>) {
        self.remove(conn);
        self.report_closed(conn, error);
    }

    fn report_closed(&mut self, conn: ConnId, error: Option<io::ErrorKind>) {
        self.node.handle_input(self.clock.now(), Input::Closed { conn, error });
    }

    fn remove(&mut self, conn: ConnId) {
        if let Some(mut stream) = self.streams.remove(&conn) {
            drop(self.poll.registry().deregister(stream.socket_mut()));
        }
        self.readable.remove(&conn);
        self.writable.remove(&conn);
    }

    /// Does what the node wants done, and writes what that made ready.
    fn put_out(&mut self) {
        self.carry_out();
        self.write_all();
    }

    /// Does what the node wants done, but for the writing, which is done in one go later.
    fn carry_out(&mut self) {
        while let Some(output) = self.node.poll_output() {
            match output {
                Output::Dial { conn, addr } => match Stream::dial(addr) {
                    Ok(stream) => self.add(conn, stream),
                    Err(error) => self.report_closed(conn, Some(error.kind())),
                },
                Output::Transmit { conn, data } => {
                    if let Some(stream) = self.streams.get_mut(&conn) {
                        stream.push(data);
                        self.writable.insert(conn);
                    }
                }
                Output::Close { conn, mode: CloseMode::Abort } => self.remove(conn),
                Output::Close { conn, mode: CloseMode::Flush } => {
                    if let Some(stream) = self.streams.get_mut(&conn) {
                        stream.finish();
                        self.writable.insert(conn);
                    }
                }
                Output::Event(event) => self.pass_on(event),
            }
        }
    }

    fn pass_on(&mut self, event: Event) {
        match event {
            Event::Message(delivery) => self.inbox.push(delivery),
            Event::PeerJoined(_) | Event::PeerLost { .. } => {
                self.peers.set(self.node.routing_table().count());
            }
            Event::Dialed { conn, id } => self.settle(conn, Ok(id)),
            Event::DialFailed { conn, id: Some(id), reason: CloseReason::Duplicate, .. } => {
                let known = ConnectError::Dial(DialError::AlreadyConnected(Some(id)));
                self.settle(conn, Err(known));
            }
            Event::DialFailed { conn, reason, .. } => {
                self.settle(conn, Err(ConnectError::Closed(reason)));
            }
        }
    }

    fn settle(&mut self, conn: ConnId, outcome: Result<NodeId, ConnectError>) {
        if let Some(dialer) = self.dialers.remove(&conn) {
            answer(&dialer, outcome);
        }
    }
}

/// Whoever asked may have stopped waiting.
fn answer(dialer: &Dialer, outcome: Result<NodeId, ConnectError>) {
    drop(dialer.try_send(outcome));
}

/// Connections are numbered from 1 and never reach the two tokens at the other end.
fn token(conn: ConnId) -> Token {
    Token(usize::try_from(conn.0).unwrap_or(usize::MAX - 2))
}
