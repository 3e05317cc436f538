//! What an outsider can do, and the world that does it.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use rand::rngs::StdRng;

use super::agenda::Step;
use super::app::App;
use super::machine::{Machine, addr_of};
use super::outsider::{Outside, Outsider};
use super::seal::Seals;
use super::tap::messages_in;
use super::trace::hash_of_packets;
use super::world::{NodeIndex, World};
use crate::conn_id::ConnId;
use crate::node::{CloseMode, Config, Input};
use crate::time::{Instant, UnixTime};
use crate::wire::{NodeId, PathfindingMessage, Protocol};

/// What an [`Outsider`] knows of the moment, and what it can do. What it does is done when it has
/// returned, in that order.
#[derive(Debug)]
pub struct Hand<'a> {
    rng: &'a mut StdRng,
    now: Instant,
    wall: UnixTime,
    index: NodeIndex,
    protocol: &'a Protocol,
    outside: &'a mut Outside,
    acts: Vec<Act>,
}

/// One thing that an outsider does.
#[derive(Debug)]
enum Act {
    Dial(ConnId, SocketAddr),
    Write(ConnId, Bytes),
    Close(ConnId, CloseMode),
    StopReading(ConnId),
    ReadOn(ConnId),
    Wake(Instant),
}

impl Hand<'_> {
    /// The world's source of chance.
    pub fn rng(&mut self) -> &mut StdRng {
        self.rng
    }

    /// How long the world has existed.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// What the calendar of the machine shows.
    pub fn wall(&self) -> UnixTime {
        self.wall
    }

    /// The protocol of the mesh.
    pub fn protocol(&self) -> &Protocol {
        self.protocol
    }

    /// The id that this machine can prove, where the nodes of the mesh prove theirs.
    pub(super) fn proven_id(&self) -> Option<NodeId> {
        self.outside.seals.id
    }

    /// Where this machine is reached.
    pub fn addr(&self) -> SocketAddr {
        addr_of(self.index)
    }

    /// Opens a connection to a machine. [`Outsider::on_open`] or [`Outsider::on_close`] follows.
    pub fn dial(&mut self, machine: NodeIndex) -> ConnId {
        self.dial_addr(addr_of(machine))
    }

    /// Opens a connection to an address, where there need not be anybody.
    pub fn dial_addr(&mut self, addr: SocketAddr) -> ConnId {
        self.outside.last_conn += 1;
        let conn = ConnId::from_number(self.outside.last_conn);
        self.acts.push(Act::Dial(conn, addr));
        conn
    }

    /// Sends bytes.
    pub fn write(&mut self, conn: ConnId, data: impl Into<Bytes>) {
        self.acts.push(Act::Write(conn, data.into()));
    }

    /// Sends a message in a frame, compressed as it says; nothing where it fits none.
    pub fn send(&mut self, conn: ConnId, message: &PathfindingMessage) {
        if let Ok(frame) = message.encode() {
            self.write(conn, frame);
        }
    }

    /// Ends a connection, once what was sent on it has been taken.
    pub fn close(&mut self, conn: ConnId) {
        self.acts.push(Act::Close(conn, CloseMode::Flush));
    }

    /// Ends a connection at once.
    pub fn abort(&mut self, conn: ConnId) {
        self.acts.push(Act::Close(conn, CloseMode::Abort));
    }

    /// Reads nothing more from a connection, so that the buffers on the way fill.
    pub fn stop_reading(&mut self, conn: ConnId) {
        self.acts.push(Act::StopReading(conn));
    }

    /// Reads again from a connection.
    pub fn read_on(&mut self, conn: ConnId) {
        self.acts.push(Act::ReadOn(conn));
    }

    /// Asks for [`Outsider::on_wake`] after this time.
    pub fn wake_after(&mut self, delay: Duration) {
        self.acts.push(Act::Wake(self.now + delay));
    }

    /// Gives a message to the user of this machine: see [`World::has_heard`].
    pub fn deliver<'a>(&mut self, sender: NodeId, packets: impl Iterator<Item = &'a [u8]>) {
        self.outside.heard.insert((sender, hash_of_packets(packets)));
    }
}

impl<A: App> World<A> {
    /// Adds a machine that runs no node but this program. Nodes do not know of it until they are
    /// told to dial it, or it dials them.
    pub fn add_outsider(&mut self, outsider: impl Outsider + 'static) -> NodeIndex {
        // Whoever keeps to the protocol makes up nothing; nobody knows what others do.
        let spoils_numbers = !outsider.is_honest();
        self.add_boxed(Box::new(outsider), spoils_numbers)
    }

    /// Adds one that may make up the numbers of messages, or does not.
    pub(super) fn add_boxed(
        &mut self,
        outsider: Box<dyn Outsider>,
        spoils_numbers: bool,
    ) -> NodeIndex {
        let index = self.machines.len();
        let protocol = self.machines.first().map(|first| first.config.protocol.clone());
        let protocol = protocol.unwrap_or_else(|| Protocol::new("mesh", "Plaintext"));
        let seals = Seals::new(index, &protocol);
        let mut machine = Machine::new(Config::new(protocol), None);
        machine.outside = Some(Outside::new(outsider, seals));
        self.machines.push(machine);
        self.has_outsiders = true;
        self.is_spoilt |= spoils_numbers;
        self.start_outsider(index);
        index
    }

    /// Whether an outsider's user has been given what a node sent with these packets.
    pub fn has_heard<P: AsRef<[u8]>>(
        &self,
        index: NodeIndex,
        sender: NodeId,
        packets: &[P],
    ) -> bool {
        let heard = (sender, hash_of_packets(packets.iter().map(AsRef::as_ref)));
        let outside = self.machines.get(index).and_then(|machine| machine.outside.as_ref());
        outside.is_some_and(|outside| outside.heard.contains(&heard))
    }

    /// Starts an outsider, or starts it again.
    pub(super) fn start_outsider(&mut self, index: NodeIndex) {
        let Some(machine) = self.machines.get_mut(index) else { return };
        machine.life += 1;
        machine.links.clear();
        machine.paused.clear();
        if let Some(outside) = &mut machine.outside {
            outside.is_down = false;
            outside.taps.clear();
            outside.seals.forget_all();
        }
        self.note(index, format_args!("start outside"));
        self.let_act(index, |outsider, hand| outsider.on_start(hand));
        self.dial_wanted(index);
    }

    /// Tells an outsider what happened.
    pub(super) fn tell_outsider(&mut self, index: NodeIndex, input: Input<'_>) {
        match input {
            Input::Connected { conn } if self.begin_seal(index, conn) => {}
            Input::Connected { conn } => {
                self.let_act(index, |outsider, hand| outsider.on_open(hand, conn));
            }
            Input::Received { conn, data } => {
                let Some((is_open, data)) = self.unseal(index, conn, data) else { return };
                if is_open {
                    self.let_act(index, |outsider, hand| outsider.on_open(hand, conn));
                }
                self.hear(index, conn, &data);
            }
            // The world has ended its side.
            Input::Ended { conn } => {
                self.end_seal(index, conn);
                self.close(index, conn, CloseMode::Flush);
            }
            Input::Closed { conn, .. } => {
                let machine = self.machines.get_mut(index);
                if let Some(outside) = machine.and_then(|machine| machine.outside.as_mut()) {
                    outside.taps.remove(&conn);
                    outside.seals.forget(conn);
                }
                self.let_act(index, |outsider, hand| outsider.on_close(hand, conn));
            }
            Input::Continue { .. } | Input::Sent { .. } | Input::SelfConnected { .. } => {}
            Input::ClockSet { .. } | Input::Timeout => {}
        }
    }

    /// Tells an outsider what has come for it.
    fn hear(&mut self, index: NodeIndex, conn: ConnId, data: &[u8]) {
        if data.is_empty() {
            return;
        }
        let tap = self.machines.get_mut(index).and_then(|machine| {
            Some(&mut machine.outside.as_mut()?.taps.entry(conn).or_default().read)
        });
        let messages = tap.map_or_else(Vec::new, |tap| messages_in(tap, data));
        self.note_read(index, &messages);
        self.let_act(index, |outsider, hand| {
            outsider.on_bytes(hand, conn, data);
            for message in &messages {
                outsider.on_message(hand, conn, message);
            }
        });
    }

    /// Names the connection that somebody has opened to an outsider.
    pub(super) fn name_incoming(&mut self, index: NodeIndex) -> Option<ConnId> {
        let outside = self.machines.get_mut(index)?.outside.as_mut()?;
        outside.last_conn += 1;
        Some(ConnId::from_number(outside.last_conn))
    }

    pub(super) fn wake_outsider(&mut self, index: NodeIndex) {
        self.let_act(index, |outsider, hand| outsider.on_wake(hand));
    }

    fn let_act(&mut self, index: NodeIndex, act: impl FnOnce(&mut dyn Outsider, &mut Hand<'_>)) {
        let (now, wall) = (self.now, self.wall(index));
        let Some(Machine { outside: Some(outside), config, .. }) = self.machines.get_mut(index)
        else {
            return;
        };
        if outside.is_down {
            return;
        }
        // It acts already where the world does in the midst of its acts what it waits for.
        let Some(mut outsider) = outside.outsider.take() else { return };
        let (rng, protocol) = (&mut self.rng, &config.protocol);
        let mut hand = Hand { rng, now, wall, index, protocol, outside, acts: Vec::new() };
        act(outsider.as_mut(), &mut hand);
        let acts = std::mem::take(&mut hand.acts);
        outside.outsider = Some(outsider);
        for act in acts {
            self.do_act(index, act);
        }
    }

    fn do_act(&mut self, index: NodeIndex, act: Act) {
        let Some(machine) = self.machines.get_mut(index) else { return };
        match act {
            Act::Dial(conn, addr) => self.start_dial(index, conn, addr),
            Act::Write(conn, data) => {
                if machine.links.contains_key(&conn) {
                    // What a session does not take is not said.
                    if let Some(sealed) = self.seal(index, conn, data.clone()) {
                        self.note_written(index, conn, &data);
                        self.write(index, conn, sealed);
                    }
                }
            }
            Act::Close(conn, mode) => {
                self.note(index, format_args!("{conn} {mode:?}"));
                if mode == CloseMode::Flush {
                    self.end_seal(index, conn);
                }
                self.close(index, conn, mode);
            }
            Act::StopReading(conn) => {
                machine.paused.insert(conn);
            }
            Act::ReadOn(conn) => {
                machine.paused.remove(&conn);
                self.read_unread(index, conn);
            }
            Act::Wake(at) => {
                let life = machine.life;
                self.agenda.push(at, Step::Wake { machine: index, life });
            }
        }
    }
}
