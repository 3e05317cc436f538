//! The loop itself: wait, take in, put out.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;
use mio::{Events, Poll, Token};

use super::clock::Clock;
#[cfg(feature = "rsa")]
use super::handle::Handle;
use super::handle::{Alarm, Command};
use super::inbox::InboxSender;
#[cfg(feature = "rsa")]
use super::key_maker::KeyMaker;
use super::listener::Listener;
use super::peer_count::PeerCount;
use super::stream::Stream;
use super::waiting::Waiting;
use crate::conn_id::ConnId;
use crate::event::{Delivery, Event};
use crate::node::{Input, Node, Stats};
use crate::wire::NodeId;

pub(super) const LISTENER: Token = Token(usize::MAX);
pub(super) const WAKER: Token = Token(usize::MAX - 1);

/// The most events taken from the poller at once.
const MAX_EVENTS: usize = 256;

/// The bytes read in one system call, and from one connection in one turn: enough to be worth the
/// call, little enough that no peer keeps the others waiting.
const READ_LEN: usize = 64 * 1024;

/// How far the calendar clock may differ from what the node would compute before it is told.
const CLOCK_TOLERANCE: Duration = Duration::from_millis(500);

/// What a loop is made of.
pub(super) struct Parts {
    pub(super) node: Node,
    pub(super) clock: Clock,
    pub(super) poll: Poll,
    pub(super) listener: Listener,
    pub(super) commands: Receiver<Command>,
    pub(super) alarm: Arc<Alarm>,
    #[cfg(feature = "rsa")]
    pub(super) handle: Handle,
    pub(super) inbox: InboxSender<Delivery>,
    pub(super) events: InboxSender<Event>,
    pub(super) peers: Arc<PeerCount>,
}

/// The event loop's state. Commands run on it through a handle.
#[derive(Debug)]
pub(crate) struct Daemon {
    pub(super) node: Node,
    pub(super) clock: Clock,
    pub(super) poll: Poll,
    pub(super) listener: Option<Listener>,
    pub(super) streams: BTreeMap<ConnId, Stream>,
    /// Connections from which more can be read, without a new event from the poller.
    pub(super) readable: BTreeSet<ConnId>,
    /// Connections with something new to write.
    pub(super) writable: BTreeSet<ConnId>,
    /// Connections that are not read because the node has enough of them for one turn.
    pub(super) paused: BTreeSet<ConnId>,
    pub(super) waiting: Waiting,
    commands: Receiver<Command>,
    alarm: Arc<Alarm>,
    #[cfg(feature = "rsa")]
    pub(super) handle: Handle,
    #[cfg(feature = "rsa")]
    pub(super) key_maker: KeyMaker,
    pub(super) inbox: InboxSender<Delivery>,
    pub(super) events: InboxSender<Event>,
    pub(super) peers: Arc<PeerCount>,
    pub(super) buffer: Vec<u8>,
    wakeups: u64,
}

/// What a loop leaves when it ends.
#[derive(Debug)]
pub(crate) struct Ending {
    /// What could not be sent: to whom, and how many bytes.
    pub(crate) unsent: Vec<(NodeId, usize)>,
    pub(crate) stats: Stats,
    /// Why the loop ended, if nobody asked it to.
    pub(crate) failure: Option<io::Error>,
}

impl Daemon {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            node: parts.node,
            clock: parts.clock,
            poll: parts.poll,
            listener: Some(parts.listener),
            streams: BTreeMap::new(),
            readable: BTreeSet::new(),
            writable: BTreeSet::new(),
            paused: BTreeSet::new(),
            waiting: Waiting::default(),
            commands: parts.commands,
            alarm: parts.alarm,
            #[cfg(feature = "rsa")]
            handle: parts.handle,
            #[cfg(feature = "rsa")]
            key_maker: KeyMaker::default(),
            inbox: parts.inbox,
            events: parts.events,
            peers: parts.peers,
            buffer: vec![0; READ_LEN],
            wakeups: 0,
        }
    }

    pub(super) fn run(&mut self) -> Ending {
        let mut events = Events::with_capacity(MAX_EVENTS);
        let mut failure = None;
        while failure.is_none() && !self.node.is_closed() {
            failure = self.turn(&mut events).err();
        }
        if let Some(error) = &failure {
            log::error!("{}: the event loop ends: {error}", self.node.id().short());
        }
        Ending { unsent: self.node.unsent().to_vec(), stats: self.stats(), failure }
    }

    /// What the node and its loop have counted.
    pub(crate) fn stats(&self) -> Stats {
        Stats { wakeups: self.wakeups, lagged: self.inbox.lagged(), ..self.node.stats() }
    }

    fn turn(&mut self, events: &mut Events) -> io::Result<()> {
        self.wait(events)?;
        self.wakeups += 1;
        for event in events.iter() {
            match event.token() {
                LISTENER => {
                    if let Some(listener) = &mut self.listener {
                        listener.set_ready();
                    }
                }
                WAKER => {}
                Token(number) => {
                    let conn = ConnId::from_number(u64::try_from(number).unwrap_or(u64::MAX));
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
        // Only now, when everything queued has been offered to its socket: the time that this
        // turn took is nobody else's fault.
        self.write_all();
        let now = self.clock.now();
        if self.node.poll_timeout().is_some_and(|due| due <= now) {
            self.node.handle_input(now, Input::Timeout);
            self.carry_out();
            self.write_all();
        }
        self.send_waiting();
        Ok(())
    }

    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let listener = self.listener.as_ref();
        let more_to_do = !self.readable.is_empty()
            || !self.writable.is_empty()
            || !self.paused.is_empty()
            || listener.is_some_and(Listener::wants_turn);
        let due = [
            self.node.poll_timeout(),
            self.waiting.next_deadline(),
            listener.and_then(Listener::resume_at),
        ];
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
        // Those that come meanwhile have a turn of their own.
        for _ in 0..self.commands.len() {
            let Ok(command) = self.commands.try_recv() else { return };
            command(self);
            self.carry_out();
        }
    }
}

/// However the loop ends, nobody waits for neighbors any more; and with the receiver of the commands
/// go those that wait in it, and with them whoever waits for one.
impl Drop for Daemon {
    fn drop(&mut self) {
        self.peers.close();
    }
}
