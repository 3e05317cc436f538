//! What a node may send within one turn, for what it has taken in that turn.
//!
//! A message is passed on in the turn in which it is met, once to each neighbor, and never to the
//! one that it came from. So the broadcasts that one neighbor is sent in a turn are at most those
//! that the node has taken from others in it, and those of its own user. What goes beyond that, to
//! all neighbors together, is what the node says it has sent because it had been missed.

use bytes::Bytes;

use super::content::Life;
use crate::conn_id::ConnId;
use crate::node::Stats;
use crate::wire::{Compressions, DecodeLimits, Flag, PathfindingMessage};

/// What a node has done in the turn that it is in.
#[derive(Debug, Default)]
pub(super) struct Conduct {
    /// How many turns there are, one within the other.
    depth: usize,
    /// From whom it has taken broadcasts, once for each.
    taken: Vec<Life>,
    frames: Vec<Frame>,
    /// How many messages it had sent for its user, or again, before.
    own_before: u64,
    /// How many it had sent because a neighbor had missed them.
    missed_before: u64,
}

/// A frame that a node has transmitted.
#[derive(Debug)]
pub(super) struct Frame {
    /// To which life of a machine: a neighbor that was started again may be one twice.
    pub(super) to: Life,
    pub(super) conn: ConnId,
    pub(super) data: Bytes,
    /// How many bytes waited on the connection then.
    pub(super) waiting_len: usize,
}

impl Conduct {
    pub(super) fn begin_turn(&mut self) {
        self.depth += 1;
    }

    /// What was transmitted, once the outermost turn ends.
    pub(super) fn end_turn(&mut self) -> Option<Vec<Frame>> {
        self.depth = self.depth.saturating_sub(1);
        (self.depth == 0).then(|| std::mem::take(&mut self.frames))
    }

    pub(super) fn note_frame(&mut self, frame: Frame) {
        self.frames.push(frame);
    }

    /// Enters a message that was given to the user.
    pub(super) fn note_taken(&mut self, from: Option<Life>, message: &PathfindingMessage) {
        if is_broadcast(message) {
            self.taken.extend(from);
        }
    }

    /// Whether what was transmitted in a turn is what the node should have. Keeps the room that
    /// the frames took.
    ///
    /// # Errors
    ///
    /// That a neighbor was sent too much.
    pub(super) fn judge(&mut self, stats: &Stats, mut frames: Vec<Frame>) -> Result<(), String> {
        let own_now = stats.sent.saturating_add(stats.resent);
        let own = usize::try_from(own_now.saturating_sub(self.own_before)).unwrap_or(usize::MAX);
        self.own_before = own_now;
        // A number that comes behind its message is passed on as that was.
        let missed_now = stats.catch_up.sent.saturating_add(stats.catch_up.numbered);
        let missed = missed_now.saturating_sub(self.missed_before);
        let mut missed_left = usize::try_from(missed).unwrap_or(usize::MAX);
        self.missed_before = missed_now;
        frames.sort_unstable_by_key(|frame| frame.to);
        let fault = frames.chunk_by(|a, b| a.to == b.to).find_map(|frames| {
            let to = frames.first()?.to;
            let taken = self.taken.iter().filter(|from| **from != to).count();
            let most = taken.saturating_add(own);
            // Most turns need no look into the frames.
            let is_over = frames.len() > most;
            let sent =
                if is_over { frames.iter().filter(|it| it.is_broadcast()).count() } else { 0 };
            let rest = missed_left.checked_sub(sent.saturating_sub(most));
            missed_left = rest.unwrap_or(0);
            rest.is_none().then(|| {
                format!(
                    "node {} was sent {sent} broadcasts for {taken} of others and {own} own, and \
                    {missed} were missed",
                    to.0
                )
            })
        });
        self.taken.clear();
        frames.clear();
        self.frames = frames;
        fault.map_or(Ok(()), Err)
    }
}

impl Frame {
    fn is_broadcast(&self) -> bool {
        let methods = Compressions::supported();
        let message = PathfindingMessage::decode(&self.data, methods, DecodeLimits::PROTOCOL);
        message.is_ok_and(|message| is_broadcast(&message))
    }
}

/// Whether a message is one that nodes pass on to everybody.
pub(super) fn is_broadcast(message: &PathfindingMessage) -> bool {
    let main = Flag::parse(message.msg_type());
    let is_other = matches!(
        message.sub_flag(),
        Some(Flag::Handshake | Flag::Peers | Flag::Request | Flag::Response | Flag::Whisper)
    );
    matches!(main, Some(Flag::Broadcast | Flag::Waterfall)) && !is_other
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(flag: &[u8]) -> PathfindingMessage {
        PathfindingMessage::new(flag, b"me", 1, &["broadcast", "hello"]).unwrap()
    }

    fn frame(to: usize, flag: &[u8]) -> Frame {
        let data = Bytes::from(message(flag).encode().unwrap());
        Frame { to: (to, 1), conn: ConnId::from_number(1), data, waiting_len: 0 }
    }

    /// A turn in which broadcasts came from some machines, one was made by the user if `is_own`,
    /// and one went to each of others.
    fn judge(taken: &[usize], is_own: bool, sent_to: &[usize]) -> Result<(), String> {
        judge_with(taken, is_own, 0, sent_to)
    }

    /// A turn in which so many broadcasts went out because they had been missed.
    fn judge_with(
        taken: &[usize],
        is_own: bool,
        missed: u64,
        sent_to: &[usize],
    ) -> Result<(), String> {
        let mut conduct = Conduct::default();
        conduct.begin_turn();
        for from in taken {
            conduct.note_taken(Some((*from, 1)), &message(b"broadcast"));
        }
        for to in sent_to {
            conduct.note_frame(frame(*to, b"waterfall"));
        }
        conduct.note_frame(frame(1, b"whisper"));
        let frames = conduct.end_turn().unwrap();
        let mut stats = Stats { sent: u64::from(is_own), ..Stats::default() };
        stats.catch_up.sent = missed;
        conduct.judge(&stats, frames)
    }

    #[test]
    fn what_was_missed_comes_on_top_as_often_as_the_node_says_so() {
        assert_eq!(judge_with(&[], false, 3, &[2, 3, 2]), Ok(()));
        assert!(judge_with(&[], false, 2, &[2, 3, 2]).is_err(), "once more");
        assert_eq!(judge_with(&[1], true, 1, &[2, 2, 2, 3, 3, 1]), Ok(()));
        assert!(judge_with(&[1], true, 1, &[2, 2, 2, 3, 3, 3]).is_err());
    }

    #[test]
    fn a_broadcast_goes_to_each_other_neighbor_once() {
        assert_eq!(judge(&[1], false, &[2, 3]), Ok(()));
        assert_eq!(judge(&[1, 2], false, &[3, 2, 1, 3]), Ok(()));
        assert_eq!(judge(&[], true, &[1, 2, 3]), Ok(()));
        assert!(judge(&[1], false, &[2, 3, 2]).is_err(), "twice");
        assert!(judge(&[1], false, &[2, 1]).is_err(), "back");
        assert!(judge(&[], false, &[2]).is_err(), "out of nothing");
    }

    #[test]
    fn a_turn_within_another_is_judged_with_it() {
        let mut conduct = Conduct::default();
        conduct.begin_turn();
        conduct.begin_turn();
        assert!(conduct.end_turn().is_none());
        assert!(conduct.end_turn().is_some());
    }
}
