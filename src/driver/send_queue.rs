//! Bytes on their way into one socket.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Write};

use bytes::{Buf, Bytes};

use crate::error::NetworkError;

/// The most chunks handed to one system call; Linux takes up to 1,024.
const MAX_SLICES: usize = 64;

/// Chunks in the order in which they go out. Its bound is the node's, which counts what it
/// transmits and what is reported as sent.
#[derive(Debug, Default)]
pub(super) struct SendQueue {
    chunks: VecDeque<Bytes>,
}

impl SendQueue {
    pub(super) fn push(&mut self, chunk: Bytes) {
        if !chunk.is_empty() {
            self.chunks.push_back(chunk);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.chunks.clear();
    }

    /// Writes until nothing is left or the socket takes no more. Returns how many bytes it took,
    /// and what ended the writing if that was an error.
    pub(super) fn write_to(&mut self, socket: &mut impl Write) -> (usize, Option<NetworkError>) {
        let mut total = 0;
        while !self.is_empty() {
            match self.write_once(socket) {
                Ok(0) => return (total, Some(ErrorKind::WriteZero.into())),
                Ok(len) => {
                    total += len;
                    self.advance(len);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return (total, Some(error.into())),
            }
        }
        (total, None)
    }

    fn write_once(&self, socket: &mut impl Write) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let mut count = 0;
        for (slice, chunk) in slices.iter_mut().zip(&self.chunks) {
            *slice = IoSlice::new(chunk);
            count += 1;
        }
        socket.write_vectored(slices.get(..count).unwrap_or_default())
    }

    fn advance(&mut self, mut len: usize) {
        while let Some(first) = self.chunks.front_mut() {
            if len < first.len() {
                first.advance(len);
                break;
            }
            len -= first.len();
            self.chunks.pop_front();
        }
        self.give_room_back();
    }

    /// A queue that was long holds no room for more than twice as much as it has now: that is what the
    /// node's ledger charges for.
    fn give_room_back(&mut self) {
        let (len, room) = (self.chunks.len(), self.chunks.capacity());
        if room > MAX_SLICES && len <= room / 2 {
            self.chunks.shrink_to(len + len / 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A socket that takes so many bytes per call, as its script says, and then blocks.
    struct Script {
        calls: VecDeque<Result<usize, ErrorKind>>,
        taken: Vec<u8>,
    }

    impl Script {
        fn new(calls: &[Result<usize, ErrorKind>]) -> Self {
            Self { calls: calls.iter().copied().collect(), taken: Vec::new() }
        }
    }

    impl Write for Script {
        fn write(&mut self, data: &[u8]) -> io::Result<usize> {
            self.write_vectored(&[IoSlice::new(data)])
        }

        fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            let room = self.calls.pop_front().unwrap_or(Err(ErrorKind::WouldBlock))?;
            let data: Vec<u8> =
                slices.iter().flat_map(|slice| slice.iter().copied()).take(room).collect();
            self.taken.extend_from_slice(&data);
            Ok(data.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn queue() -> SendQueue {
        let mut queue = SendQueue::default();
        for chunk in ["one", "", "two", "three"] {
            queue.push(Bytes::from_static(chunk.as_bytes()));
        }
        queue
    }

    #[test]
    fn short_writes_lose_and_repeat_nothing() {
        for step in 1..=11 {
            let mut queue = queue();
            let mut socket = Script::new(&[Ok(step); 11]);
            assert_eq!(queue.write_to(&mut socket), (11, None));
            assert_eq!(socket.taken, b"onetwothree", "{step} bytes a call");
            assert!(queue.is_empty());
        }
    }

    #[test]
    fn what_a_full_socket_did_not_take_goes_out_later() {
        let mut queue = queue();
        let mut socket = Script::new(&[Ok(4), Err(ErrorKind::Interrupted), Ok(1)]);
        assert_eq!(queue.write_to(&mut socket), (5, None));
        socket.calls.push_back(Ok(100));
        assert_eq!(queue.write_to(&mut socket), (6, None));
        assert_eq!(socket.taken, b"onetwothree");
    }

    #[test]
    fn an_error_tells_what_was_taken_before_it() {
        let mut queue = queue();
        let mut socket = Script::new(&[Ok(4), Err(ErrorKind::BrokenPipe)]);
        assert_eq!(queue.write_to(&mut socket), (4, Some(ErrorKind::BrokenPipe.into())));
        let mut queue = self::queue();
        assert_eq!(
            queue.write_to(&mut Script::new(&[Ok(0)])),
            (0, Some(ErrorKind::WriteZero.into()))
        );
    }
}
