//! Sending what users have published, as soon as every neighbor has room for it.

use super::Daemon;
use super::answer::Asker;
use super::bundle::Bundle;
use crate::error::SendError;

impl Daemon {
    /// Sends messages that users have published, behind those that wait for room.
    pub(super) fn publish(&mut self, bundle: Bundle) {
        self.published.push_back(bundle);
        self.send_published();
    }

    /// Sends what waits, as far as every neighbor has room. Returns whether there was any.
    pub(super) fn send_published(&mut self) -> bool {
        let mut len = 0;
        while let Some(bundle) = self.published.front_mut() {
            let len_of = |payload: Vec<&[u8]>| payload.iter().map(|packet| packet.len() + 4).sum();
            let count = self.node.room_for(bundle.iter().map(len_of));
            if count == 0 && bundle.count() > 0 {
                break;
            }
            let together: Vec<_> = bundle.iter().take(count).collect();
            let now = self.clock.now();
            let outcomes = self.node.broadcast_payloads(now, &together);
            let failures = match outcomes {
                Ok(outcomes) => outcomes.into_iter().filter_map(Result::err).collect(),
                Err(error) => vec![error; count],
            };
            len += bundle.take_out(count);
            if bundle.count() == 0 {
                self.published.pop_front();
            }
            self.note_unpublished(&failures);
            self.carry_out();
        }
        self.commands.release(len);
        if self.published.is_empty() {
            self.flushers.drain(..).for_each(|flusher| flusher.answer(()));
            self.end_when_published();
        }
        len > 0
    }

    fn note_unpublished(&mut self, failures: &[SendError]) {
        if let Some(error) = failures.last() {
            let count = failures.len();
            self.unpublished += u64::try_from(count).unwrap_or(u64::MAX);
            log::warn!("{}: {count} published, and not sent: {error}", self.node.id().short());
        }
    }

    /// Lets `flusher` know when everything that was published before has been sent.
    pub(crate) fn flush(&mut self, flusher: Asker<()>) {
        if self.published.is_empty() {
            flusher.answer(());
        } else {
            self.flushers.push(flusher);
        }
    }

    /// Closes the node, if it is to be, once what was published before has been sent.
    pub(super) fn end_when_published(&mut self) {
        if self.is_closing && self.published.is_empty() {
            let now = self.clock.now();
            self.node.close(now);
        }
    }

    /// Gives up what was published and could not be sent, for want of room at some neighbor.
    pub(super) fn give_up_published(&mut self) {
        let count: usize = self.published.drain(..).map(|bundle| bundle.count()).sum();
        self.unpublished += u64::try_from(count).unwrap_or(u64::MAX);
        self.flushers.clear();
    }
}
