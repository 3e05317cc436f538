//! Messages that are handed over and sent when there is room for them.

use std::time::Duration;

use super::MeshSocket;
use crate::driver::answer;
use crate::error::SendError;
use crate::wire::{Flag, is_reserved};

impl MeshSocket {
    /// Hands packets over to be sent to every node of the mesh, and does not wait for that: the way
    /// to send much. They go out in the order in which they are published, each as soon as the queues
    /// of all neighbors have room for it. They wait for that a second at most, and then go to those
    /// that have: the others are left out as [`MeshSocket::send`] leaves them out, which is counted in
    /// [`Stats::refused`](crate::Stats::refused), and nodes of this crate are told later. Up to 1 MiB
    /// is handed over in advance: whoever publishes more waits. Where messages are signed, those that
    /// go out together share a signature.
    ///
    /// [`MeshSocket::flush`] waits until all has been sent, and [`MeshSocket::close`] sends it first.
    /// What [`MeshSocket::send`] sends does not wait for it.
    ///
    /// ```
    /// use std::time::Duration;
    /// # use rs2p::{Encryption, MeshSocket};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let builder = || MeshSocket::builder().encryption(Encryption::Plaintext);
    /// let (one, other) = (builder().bind("127.0.0.1:0")?, builder().bind("127.0.0.1:0")?);
    /// one.connect(other.local_addr())?;
    /// for number in 0..1_000 {
    ///     one.publish(&[format!("measurement {number}")])?;
    /// }
    /// assert!(one.flush(Duration::from_secs(10)));
    /// assert_eq!(other.recv()?.contents().next(), Some(&b"measurement 0"[..]));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendError`] where it can be told at once that the message will not be sent. One that cannot
    /// be sent for a reason that comes later, since the last neighbor has gone, is counted in
    /// [`Stats::unpublished`](crate::Stats::unpublished).
    pub fn publish<P: AsRef<[u8]>>(&self, packets: &[P]) -> Result<(), SendError> {
        self.publish_as(Flag::Broadcast.as_bytes(), packets)
    }

    /// Like [`MeshSocket::publish`], under a sub-flag of the application's own.
    ///
    /// # Errors
    ///
    /// As [`MeshSocket::publish`]; [`SendError::ReservedFlag`] for a word that the protocol has a
    /// meaning for.
    pub fn publish_as<P: AsRef<[u8]>>(
        &self,
        sub_flag: impl AsRef<[u8]>,
        packets: &[P],
    ) -> Result<(), SendError> {
        let (started, sub_flag) = (&self.inner.started, sub_flag.as_ref());
        let (max_count, max_len) = started.payload_limits;
        let lens = packets.iter().map(|packet| packet.as_ref().len().saturating_add(4));
        let len = lens.fold(sub_flag.len().saturating_add(4), usize::saturating_add);
        let count = packets.len().saturating_add(1);
        if is_reserved(sub_flag) || sub_flag == Flag::Whisper.as_bytes() {
            Err(SendError::ReservedFlag)
        } else if count > max_count {
            Err(SendError::TooManyPackets { count, max: max_count })
        } else if len > max_len {
            Err(SendError::TooLong { len, max: max_len })
        } else {
            started.peers.check()?;
            let is_taken = started.handle.publish(sub_flag, packets);
            if is_taken { Ok(()) } else { Err(SendError::Closed) }
        }
    }

    /// Waits until all that was published before has been queued for the neighbors, or counted as what
    /// cannot be, at most so long. Returns whether it has; false on the loop itself, and where the
    /// socket is closed.
    pub fn flush(&self, timeout: Duration) -> bool {
        let (flusher, flushed) = answer();
        let handle = &self.inner.started.handle;
        handle.tell(move |daemon| daemon.flush(flusher)) && !handle.is_on_loop() && {
            let answer = flushed.wait_timeout(timeout);
            answer.is_some_and(|answer| answer.is_ok())
        }
    }
}
