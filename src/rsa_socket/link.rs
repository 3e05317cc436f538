//! A connection and its session, shared by all handles on it.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Buf, Bytes};

use super::RsaSocketError;
use super::deadline::Deadline;
use crate::rsa::{KeySize, PrivateKey, PublicKey};
use crate::session::SendError;
use crate::session::rsa::RsaSession;

/// The most bytes that are read at once.
const READ_LEN: usize = 16 << 10;

/// A connection and its session. The order of the locks stands in the room's doc.
#[derive(Debug)]
pub(super) struct Link {
    stream: TcpStream,
    key: PrivateKey,
    max_message_len: usize,
    /// Whether keys are exchanged; held while they are.
    is_exchanged: Mutex<bool>,
    reading: Mutex<Reading>,
    /// Whether a part of a message was written, and the rest cannot be; held while writing.
    is_broken: Mutex<bool>,
    shared: Mutex<Shared>,
    timeouts: Mutex<Timeouts>,
}

#[derive(Debug, Default)]
struct Reading {
    /// What is left of a message of which a part was taken.
    rest: Bytes,
    has_ended: bool,
}

#[derive(Debug)]
struct Shared {
    session: RsaSession,
    /// Whoever takes a step puts here what came of it. As many as the session had buffered.
    messages: VecDeque<Bytes>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Timeouts {
    read: Option<Duration>,
    write: Option<Duration>,
}

impl Link {
    pub(super) fn new(
        stream: TcpStream,
        key: PrivateKey,
        session: RsaSession,
        max_message_len: usize,
    ) -> Self {
        Self {
            stream,
            key,
            max_message_len,
            is_exchanged: Mutex::default(),
            reading: Mutex::default(),
            is_broken: Mutex::default(),
            shared: Mutex::new(Shared { session, messages: VecDeque::new() }),
            timeouts: Mutex::default(),
        }
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub(super) fn key(&self) -> &PrivateKey {
        &self.key
    }

    pub(super) fn max_message_len(&self) -> usize {
        self.max_message_len
    }

    pub(super) fn peer_key(&self) -> Option<PublicKey> {
        lock(&self.shared).session.peer_key().cloned()
    }

    pub(super) fn set_read_timeout(&self, timeout: Option<Duration>) {
        lock(&self.timeouts).read = timeout;
    }

    pub(super) fn set_write_timeout(&self, timeout: Option<Duration>) {
        lock(&self.timeouts).write = timeout;
    }

    fn read_deadline(&self) -> Deadline {
        Deadline::after(lock(&self.timeouts).read)
    }

    fn write_deadline(&self) -> Deadline {
        Deadline::after(lock(&self.timeouts).write)
    }

    pub(super) fn exchange(&self) -> Result<(), RsaSocketError> {
        self.exchange_until(self.read_deadline())
    }

    /// Exchanges keys unless that is done, by this handle or another.
    pub(super) fn exchange_until(&self, deadline: Deadline) -> Result<(), RsaSocketError> {
        let mut is_exchanged = lock(&self.is_exchanged);
        if *is_exchanged {
            return Ok(());
        }
        let mut reading = lock(&self.reading);
        loop {
            let is_idle = self.step()?;
            self.write_transmits(deadline)?;
            if lock(&self.shared).session.is_established() {
                *is_exchanged = true;
                return Ok(());
            }
            if is_idle && !self.read_more(&mut reading, deadline)? {
                return Err(RsaSocketError::Closed);
            }
        }
    }

    pub(super) fn send(&self, message: &[u8]) -> Result<(), RsaSocketError> {
        let (len, max) = (message.len(), self.max_message_len);
        if len > max {
            return Err(RsaSocketError::TooLong { len, max });
        }
        let deadline = self.write_deadline();
        self.exchange()?;
        let mut is_broken = lock(&self.is_broken);
        if *is_broken {
            return Err(RsaSocketError::Closed);
        }
        deadline.left()?;
        lock(&self.shared).session.send(message).map_err(|error| match error {
            SendError::TooLong { len, max } => RsaSocketError::TooLong { len, max },
            SendError::Failed(_) => RsaSocketError::BadPeer,
            // Whoever holds the lock on writing leaves an empty queue.
            SendError::Full => RsaSocketError::Closed,
        })?;
        // The message is in the queue now: unless all of it is written it stands in the way.
        *is_broken = true;
        while !lock(&self.shared).session.is_flushed() {
            deadline.left()?;
            self.step()?;
            self.write_transmits_locked(deadline)?;
        }
        *is_broken = false;
        Ok(())
    }

    /// Up to `size` bytes of the next message; `None` at the end of the connection.
    pub(super) fn recv(&self, size: usize) -> Result<Option<Bytes>, RsaSocketError> {
        let deadline = self.read_deadline();
        if let Err(error) = self.exchange_until(deadline) {
            // Who closes before the exchange has said all that there is to say.
            return if matches!(error, RsaSocketError::Closed) { Ok(None) } else { Err(error) };
        }
        let mut reading = lock(&self.reading);
        if reading.rest.has_remaining() {
            let len = size.min(reading.rest.len());
            return Ok(Some(reading.rest.split_to(len)));
        }
        loop {
            let next = lock(&self.shared).messages.pop_front();
            if let Some(mut message) = next {
                let piece = message.split_to(size.min(message.len()));
                reading.rest = message;
                return Ok(Some(piece));
            }
            let is_idle = self.step()?;
            let is_nothing_there = lock(&self.shared).messages.is_empty();
            if is_idle && is_nothing_there && !self.read_more(&mut reading, deadline)? {
                return Ok(None);
            }
            // A message of many blocks takes seconds of work, which count as waiting does.
            deadline.left()?;
        }
    }

    /// Has the session work for a while; whether it has nothing more to do.
    fn step(&self) -> Result<bool, RsaSocketError> {
        let mut shared = lock(&self.shared);
        match shared.session.step(budget(self.key.size())) {
            Ok(progress) => {
                shared.messages.extend(progress.messages);
                Ok(progress.is_idle)
            }
            Err(error) => {
                log::debug!("an RSA socket closes: {error}");
                // It fails only where the connection has ended already.
                drop(self.stream.shutdown(Shutdown::Both));
                Err(RsaSocketError::BadPeer)
            }
        }
    }

    /// Waits for bytes and gives them to the session; false at the end of the connection.
    fn read_more(&self, reading: &mut Reading, deadline: Deadline) -> Result<bool, RsaSocketError> {
        if reading.has_ended {
            return Ok(false);
        }
        // An idle session holds less than a block or an item, so there is always room.
        let room = lock(&self.shared).session.room();
        let mut buf = vec![0; READ_LEN.min(room)];
        let len = loop {
            self.stream.set_read_timeout(deadline.left()?).map_err(RsaSocketError::Io)?;
            match (&self.stream).read(&mut buf) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        let mut shared = lock(&self.shared);
        if len == 0 {
            reading.has_ended = true;
            if shared.session.is_established() && shared.session.is_mid_message() {
                return Err(RsaSocketError::BadPeer);
            }
            return Ok(false);
        }
        let data = buf.get(..len).unwrap_or_default();
        let taken = shared.session.received(data);
        debug_assert_eq!(taken, data.len(), "no more was read than there is room for");
        Ok(true)
    }

    fn write_transmits(&self, deadline: Deadline) -> Result<(), RsaSocketError> {
        let mut is_broken = lock(&self.is_broken);
        if *is_broken {
            return Err(RsaSocketError::Closed);
        }
        let outcome = self.write_transmits_locked(deadline);
        *is_broken = outcome.is_err();
        outcome
    }

    /// Writes what the session has left, by one who holds the lock on writing.
    fn write_transmits_locked(&self, deadline: Deadline) -> Result<(), RsaSocketError> {
        loop {
            let next = lock(&self.shared).session.take_transmit();
            let Some(mut data) = next else { return Ok(()) };
            while data.has_remaining() {
                self.stream.set_write_timeout(deadline.left()?).map_err(RsaSocketError::Io)?;
                match (&self.stream).write(&data) {
                    Ok(0) => return Err(RsaSocketError::Closed),
                    Ok(len) => data.advance(len),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
}

/// Units of work that one call does before it lets others at the session and looks at the clock:
/// some 15 ms at 1,024 bits, 40 ms at 4,096, and at 8,192 the quarter of a second that one takes.
fn budget(size: KeySize) -> usize {
    match size.bits() {
        4_096.. => 1,
        2_048.. => 4,
        _ => 32,
    }
}

/// Nothing here panics while it holds a lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_larger_the_key_the_sooner_a_call_looks_at_the_clock() {
        let budgets =
            [354, 1_024, 2_048, 4_096, 8_192].map(|bits| budget(KeySize::weak(bits).unwrap()));
        assert_eq!(budgets, [32, 32, 4, 1, 1]);
    }
}
