//! The loop itself: wait, take in, put out.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use mio::{Events, Poll, Token};

use super::Tapped;
use super::alarm::Alarm;
#[cfg(feature = "chaos")]
use super::chaos::Chaos;
use super::clock::Clock;
use super::commands::{Command, CommandReceiver};
use super::conn_set::ConnSet;
#[cfg(feature = "rsa")]
use super::handle::Handle;
use super::inbox::InboxSender;
#[cfg(feature = "rsa")]
use super::key_maker::KeyMaker;
use super::listener::Listener;
use super::peer_count::PeerCount;
use super::publishing::Published;
use super::stream::Stream;
use super::waiting::Waiting;
use crate::conn_id::ConnId;
use crate::event::{Delivery, Event};
use crate::node::{Input, Stats};
use crate::sorted_map::SortedMap;
use crate::time::Instant;

pub(super) const LISTENER: Token = Token(usize::MAX);
pub(super) const WAKER: Token = Token(usize::MAX - 1);

/// The most events taken from the poller at once.
const MAX_EVENTS: usize = 256;

/// The bytes read in one system call, and from one connection in one turn: enough to be worth the
/// call, little enough that no peer keeps the others waiting. A loop that has never found as many as
/// it asked for begins with few.
const MIN_READ_LEN: usize = 4 * 1024;
pub(super) const MAX_READ_LEN: usize = 64 * 1024;

/// How far the calendar clock may differ from what the node would compute before it is told.
const CLOCK_TOLERANCE: Duration = Duration::from_millis(500);

/// The longest that a turn should take. Work is measured out for far less.
const LONGEST_TURN: Duration = Duration::from_secs(1);

/// What a loop is made of.
pub(super) struct Parts {
    pub(super) node: Tapped,
    pub(super) clock: Clock,
    pub(super) poll: Poll,
    pub(super) listener: Listener,
    pub(super) commands: CommandReceiver,
    pub(super) alarm: Arc<Alarm>,
    #[cfg(feature = "rsa")]
    pub(super) handle: Handle,
    pub(super) inbox: InboxSender<Delivery>,
    pub(super) events: InboxSender<Event>,
    pub(super) peers: Arc<PeerCount>,
    #[cfg(feature = "chaos")]
    pub(super) chaos: Option<Chaos>,
}

/// The event loop's state. Commands run on it through a handle.
#[derive(Debug)]
pub(crate) struct Daemon {
    pub(super) node: Tapped,
    pub(super) clock: Clock,
    pub(super) poll: Poll,
    pub(super) listener: Option<Listener>,
    pub(super) streams: SortedMap<ConnId, Stream>,
    /// Connections from which more can be read, without a new event from the poller.
    pub(super) readable: ConnSet,
    /// Connections with something new to write.
    pub(super) writable: ConnSet,
    /// Connections that are not read because the node has enough of them for one turn.
    pub(super) paused: ConnSet,
    /// Connections that are not read before the node says so.
    pub(super) held: ConnSet,
    pub(super) waiting: Waiting,
    /// When a node that was closed ends what it has not ended by then.
    pub(super) abort_at: Option<Instant>,
    pub(super) published: Published,
    /// How many messages were published and sent to nobody.
    pub(super) unpublished: u64,
    /// Whether the node is to be closed once nothing is left to be sent.
    pub(super) is_closing: bool,
    pub(super) commands: CommandReceiver,
    alarm: Arc<Alarm>,
    #[cfg(feature = "rsa")]
    pub(super) handle: Handle,
    #[cfg(feature = "rsa")]
    pub(super) key_maker: KeyMaker,
    pub(super) inbox: InboxSender<Delivery>,
    /// What is for the user and not in the inbox yet, each with its length.
    pub(super) deliveries: Vec<(Delivery, usize)>,
    /// Whether the node takes no messages because the inbox has no room.
    pub(super) is_full: bool,
    pub(super) events: InboxSender<Event>,
    pub(super) peers: Arc<PeerCount>,
    #[cfg(feature = "chaos")]
    pub(super) chaos: Option<Chaos>,
    pub(super) buffer: Vec<u8>,
    wakeups: u64,
    held_up: u64,
    /// Connections that listeners have turned away which are gone.
    pub(super) shed: u64,
}

impl Daemon {
    /// Inlined where a loop is made, so that what drops a node stands in the program once.
    #[inline]
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            node: parts.node,
            clock: parts.clock,
            poll: parts.poll,
            listener: Some(parts.listener),
            streams: SortedMap::default(),
            readable: ConnSet::default(),
            writable: ConnSet::default(),
            paused: ConnSet::default(),
            held: ConnSet::default(),
            waiting: Waiting::default(),
            abort_at: None,
            published: Published::default(),
            unpublished: 0,
            is_closing: false,
            commands: parts.commands,
            alarm: parts.alarm,
            #[cfg(feature = "rsa")]
            handle: parts.handle,
            #[cfg(feature = "rsa")]
            key_maker: KeyMaker::default(),
            inbox: parts.inbox,
            deliveries: Vec::new(),
            is_full: false,
            events: parts.events,
            peers: parts.peers,
            #[cfg(feature = "chaos")]
            chaos: parts.chaos,
            buffer: vec![0; MIN_READ_LEN],
            wakeups: 0,
            held_up: 0,
            shed: 0,
        }
    }

    /// What has to be done on the loop's own thread before its first turn.
    pub(super) fn begin(&self) {
        self.alarm.belong_to_this_thread();
    }

    /// Takes turns until the node is closed.
    pub(super) fn live(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(MAX_EVENTS);
        while !self.node.is_closed() {
            self.turn(&mut events)?;
        }
        Ok(())
    }

    /// What the node and its loop have counted.
    #[inline(never)]
    pub(crate) fn stats(&self) -> Stats {
        let (wakeups, lagged, held_up) = (self.wakeups, self.inbox.lagged(), self.held_up);
        let listener = self.listener.as_ref();
        let shed = self.shed + listener.map_or(0, Listener::shed);
        let accept_failures = listener.map_or(0, Listener::failures);
        let lagged_events = self.events.lagged();
        let counted = self.node.stats();
        let unpublished = self.unpublished;
        Stats {
            wakeups,
            lagged,
            lagged_events,
            held_up,
            shed,
            accept_failures,
            unpublished,
            ..counted
        }
    }

    fn turn(&mut self, events: &mut Events) -> io::Result<()> {
        self.wait(events)?;
        self.wakeups += 1;
        let began = self.clock.now();
        for event in events.iter() {
            self.note(event.token());
        }
        self.work();
        self.watch(began);
        Ok(())
    }

    /// Something may have happened to the owner of this token. Nothing here relies on it: it may be
    /// of a connection that is gone, or be told twice, or too early.
    pub(super) fn note(&mut self, token: Token) {
        match token {
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

    /// Tells of a turn that took too long.
    fn watch(&mut self, began: Instant) {
        let took = self.clock.now().since(began);
        if took > LONGEST_TURN {
            self.held_up += 1;
            log::warn!("{}: a turn of the event loop took {took:?}", self.node.id().short());
            self.events.push(Event::LoopHeldUp { took }, 0);
        }
    }

    /// One turn, when it is known what may have happened.
    pub(super) fn work(&mut self) {
        #[cfg(feature = "chaos")]
        self.look_at_weather();
        self.update_clock();
        self.run_commands();
        self.look_at_inbox();
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
        if self.abort_at.is_some_and(|at| at <= now) {
            self.abort_at = None;
            self.give_up_published();
            self.node.close(now);
            self.node.abort(now);
            self.carry_out();
        }
    }

    pub(super) fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let listener = self.listener.as_ref();
        let more_to_do = !self.readable.is_empty()
            || !self.writable.is_empty()
            || !self.paused.is_empty()
            || listener.is_some_and(Listener::wants_turn);
        let due = [
            self.node.poll_timeout(),
            self.waiting.next_deadline(),
            self.published.due(),
            self.abort_at,
            listener.and_then(Listener::resume_at),
            #[cfg(feature = "chaos")]
            self.weather_due(),
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

    /// Goes on taking messages once there is room for them. Looked at after the alarm was silenced,
    /// which rings when there is.
    fn look_at_inbox(&mut self) {
        if self.is_full && !self.inbox.is_full() {
            self.is_full = false;
            self.node.release_deliveries(self.clock.now());
            self.carry_out();
        }
    }

    fn run_commands(&mut self) {
        // Those that come meanwhile have a turn of their own.
        for _ in 0..self.commands.due(&self.alarm.bell) {
            let Some(command) = self.commands.take() else { return };
            match command {
                Command::Call(call) => {
                    call(self);
                    self.carry_out();
                }
                Command::Publish(bundle) => self.publish(bundle),
            }
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
