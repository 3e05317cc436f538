//! What became of one message at a node.

use std::fmt;

use crate::error::Refusal;
use crate::time::{Instant, UnixTime};
use crate::wire::{MessageId, NodeId};

/// What became of a message at this node. Prints as a few lines.
///
/// Neighbors whose connections ended long ago are left out of the lists.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// The message id, as py2p computes it.
    pub id: MessageId,
    /// The node that made the message, as it states; `None` where that is no possible id.
    pub sender: Option<NodeId>,
    /// When it was sent by the sender's clock, in Unix seconds; `None` for a time that is none.
    pub stamp: Option<u64>,
    /// The neighbor that it came from first; `None` where this node's user sent it.
    pub from: Option<NodeId>,
    /// When it came first, or was sent, on the node's time line.
    pub seen_at: Instant,
    /// The same by this node's calendar clock at that time.
    pub seen_wall: UnixTime,
    /// What became of it.
    pub fate: Fate,
    /// How often it came again.
    pub repeats: u32,
    /// From whom it came again: the first 16, one for each time.
    pub repeated_by: Vec<NodeId>,
    /// The neighbors whose queues took it, at once or because they had missed it.
    pub passed_to: Vec<NodeId>,
    /// The neighbors whose queues have not, and why.
    pub refused: Vec<(NodeId, Refusal)>,
}

/// What became of a message at the node that is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// The node's own user sent it.
    Sent,
    /// It was given to the user.
    Delivered,
    /// It was not, and was not passed on either.
    Dropped(DropReason),
}

/// Why a message was not given to the user: see [`Dropped`](crate::Dropped), which counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DropReason {
    /// It was given to the user before.
    Duplicate,
    /// A py2p node repeated it under another time.
    Echo,
    /// This node made it.
    Own,
    /// Its timestamp is too far in the past.
    Stale,
    /// Its timestamp is too far in the future.
    Future,
    /// The memory of messages was full of younger ones; or a py2p node passed it on, and the memory of
    /// what those repeat has been too full to tell whether it came before.
    Overload,
    /// Its sender is no possible id.
    BadSender,
    /// It is not of the sender that it names, or not as that one made it.
    Forged,
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Duplicate => "it had come before",
            Self::Echo => "a py2p node repeated it",
            Self::Own => "this node made it",
            Self::Stale => "its time lies too far in the past",
            Self::Future => "its time lies too far in the future",
            Self::Overload => "too many messages came at once",
            Self::BadSender => "its sender is no possible id",
            Self::Forged => "its sender did not make it",
        })
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sent => f.write_str("sent by this node"),
            Self::Delivered => f.write_str("given to the user"),
            Self::Dropped(reason) => write!(f, "dropped: {reason}"),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "message {}", self.id)?;
        if let Some(sender) = &self.sender {
            write!(f, "\nmade by {}", sender.short())?;
            match self.stamp {
                Some(stamp) => write!(f, " at {stamp}")?,
                None => f.write_str(" at no time")?,
            }
        }
        match &self.from {
            Some(from) => {
                write!(f, "\nfirst from {} at {}", from.short(), Seconds(self.seen_wall))?
            }
            None if self.fate == Fate::Sent => write!(f, "\nsent at {}", Seconds(self.seen_wall))?,
            None => write!(f, "\nfirst seen at {}", Seconds(self.seen_wall))?,
        }
        write!(f, "\n{}", self.fate)?;
        if self.repeats > 0 {
            write!(f, "\ncame again {} times", self.repeats)?;
            list(f, ", from ", &self.repeated_by)?;
        }
        list(f, "\npassed to ", &self.passed_to)?;
        for (id, refusal) in &self.refused {
            write!(f, "\nnot passed to {}: {refusal}", id.short())?;
        }
        Ok(())
    }
}

/// The ids behind a word, or nothing where there are none.
fn list(f: &mut fmt::Formatter<'_>, word: &str, ids: &[NodeId]) -> fmt::Result {
    for (index, id) in ids.iter().enumerate() {
        let before = if index == 0 { word } else { ", " };
        write!(f, "{before}{}", id.short())?;
    }
    Ok(())
}

/// A calendar time in Unix seconds, to the millisecond.
struct Seconds(UnixTime);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.0.since(UnixTime::from_secs(0));
        write!(f, "{}.{:03}", since.as_secs(), since.subsec_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explanation_reads_well() {
        let id = |text: &str| text.parse::<NodeId>().unwrap();
        let mut explanation = Explanation {
            id: MessageId::new([&b"broadcast"[..]].into_iter(), "2"),
            sender: Some(id("ann")),
            stamp: Some(1_466_965_490),
            from: Some(id("bob")),
            seen_at: Instant::from_millis(7),
            seen_wall: UnixTime::from_epoch(std::time::Duration::from_millis(1_466_965_490_120)),
            fate: Fate::Delivered,
            repeats: 2,
            repeated_by: vec![id("cid"), id("bob")],
            passed_to: vec![id("cid")],
            refused: vec![(id("dan"), Refusal::QueueFull)],
        };
        let lines = [
            "made by ann at 1466965490",
            "first from bob at 1466965490.120",
            "given to the user",
            "came again 2 times, from cid, bob",
            "passed to cid",
            "not passed to dan: its queue is full",
        ];
        let shown = explanation.to_string();
        assert!(shown.starts_with("message "));
        assert_eq!(shown.lines().skip(1).collect::<Vec<_>>(), lines);
        (explanation.from, explanation.fate) = (None, Fate::Dropped(DropReason::Stale));
        assert!(explanation.to_string().contains("\nfirst seen at 1466965490.120\ndropped: its"));
    }
}
