//! Sending what users have published, as soon as every neighbor has room for it.

use std::collections::VecDeque;
use std::time::Duration;

use super::Daemon;
use super::answer::Asker;
use super::bundle::Bundle;
use crate::error::SendError;
use crate::node::MAX_BATCH_COUNT;
use crate::time::Instant;

/// How long what was published waits for neighbors that have no room, before it goes to the others.
const PATIENCE: Duration = Duration::from_secs(1);

/// What users have published and this node has not sent, since some neighbor has no room for it.
#[derive(Debug, Default)]
pub(super) struct Published {
    bundles: VecDeque<Bundle>,
    /// Since when the first of it waits.
    waiting_since: Option<Instant>,
    /// How many messages there have been, and how many of them are out.
    taken: u64,
    sent: u64,
    /// Who waits until so many are out.
    flushers: Vec<(u64, Asker<()>)>,
}

impl Published {
    pub(super) fn is_empty(&self) -> bool {
        self.bundles.is_empty()
    }

    /// When it goes to those neighbors that have room.
    pub(super) fn due(&self) -> Option<Instant> {
        self.waiting_since.map(|since| since + PATIENCE)
    }

    fn note_sent(&mut self, count: usize) {
        self.sent += u64::try_from(count).unwrap_or(u64::MAX);
        let sent = self.sent;
        let (done, waiting) =
            std::mem::take(&mut self.flushers).into_iter().partition(|(until, _)| *until <= sent);
        self.flushers = waiting;
        let done: Vec<(u64, Asker<()>)> = done;
        done.into_iter().for_each(|(_, flusher)| flusher.answer(()));
    }
}

impl Daemon {
    /// Sends messages that users have published, behind those that wait for room.
    pub(super) fn publish(&mut self, bundle: Bundle) {
        self.published.taken += u64::try_from(bundle.count()).unwrap_or(u64::MAX);
        self.published.bundles.push_back(bundle);
        self.send_published();
    }

    /// Sends what waits, as far as every neighbor has room, or has had none for long enough. Returns
    /// whether there was any.
    pub(super) fn send_published(&mut self) -> bool {
        let mut len = 0;
        while let Some(bundle) = self.published.bundles.front_mut() {
            let now = self.clock.now();
            let len_of = |payload: Vec<&[u8]>| payload.iter().map(|packet| packet.len() + 4).sum();
            let mut count = self.node.room_for(bundle.iter().map(len_of));
            if count == 0 && bundle.count() > 0 {
                // Work that this node has to do is no fault of a neighbor's.
                if self.node.is_sealing() {
                    self.published.waiting_since = Some(now);
                }
                let since = *self.published.waiting_since.get_or_insert(now);
                if now.since(since) < PATIENCE {
                    break;
                }
                count = bundle.count().min(MAX_BATCH_COUNT);
            }
            self.published.waiting_since = None;
            let together: Vec<_> = bundle.iter().take(count).collect();
            let outcomes = self.node.broadcast_payloads(now, &together);
            let failures = match outcomes {
                Ok(outcomes) => outcomes.into_iter().filter_map(Result::err).collect(),
                Err(error) => vec![error; count],
            };
            len += bundle.take_out(count);
            if bundle.count() == 0 {
                self.published.bundles.pop_front();
            }
            self.note_unpublished(&failures);
            self.published.note_sent(count);
            self.carry_out();
        }
        self.commands.release(len);
        self.end_when_published();
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
        self.published.flushers.retain(|(_, flusher)| !flusher.is_abandoned());
        self.published.flushers.push((self.published.taken, flusher));
        self.published.note_sent(0);
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
        let given_up = std::mem::take(&mut self.published);
        let count: usize = given_up.bundles.iter().map(Bundle::count).sum();
        self.unpublished += u64::try_from(count).unwrap_or(u64::MAX);
    }
}
