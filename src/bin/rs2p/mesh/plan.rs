//! How many messages are sent, how fast, and for how long.

use std::time::Duration;

use crate::args::UsageError;
use crate::console::{count, grouped, human};

/// How long a rate is kept up where neither a time nor a number is given.
const DEFAULT_TIME: Duration = Duration::from_secs(10);

/// How late messages may be sent that were due in time.
const MAX_LATENESS: Duration = Duration::from_secs(1);

/// What the user says of it. Any two of the three make the third.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) messages: Option<u64>,
    pub(super) rate: Option<u64>,
    pub(super) time: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// `None` for as many as there is time for.
    pub(super) messages: Option<u64>,
    /// `None` for as fast as the mesh takes them.
    pub(super) pace: Option<Pace>,
    /// How long the sending takes if all goes well; `None` where nobody knows.
    pub(super) time: Option<Duration>,
    /// When the sending ends though messages are left; `None` for never.
    pub(super) end: Option<Duration>,
}

/// So many messages in each such time, evenly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    pub(super) messages: u64,
    pub(super) time: Duration,
}

/// What is to be done about the next message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Now,
    In(Duration),
    Over,
}

impl Plan {
    /// `default` messages are sent if the user says nothing.
    pub(super) fn new(wish: Wish, default: u64) -> Result<Self, UsageError> {
        let useless = |option, because: &str| {
            Err(UsageError::Useless { option, because: because.to_owned() })
        };
        match wish {
            Wish { messages: Some(_), rate: Some(_), time: Some(_) } => {
                return useless("--rate", "--messages and --for make the rate");
            }
            Wish { messages: Some(0), rate: Some(_), .. } => {
                return useless("--rate", "there are no messages to send");
            }
            Wish { messages: Some(0), time: Some(_), .. } => {
                return useless("--for", "there are no messages to send");
            }
            _ => {}
        }
        let a_second = |messages| Pace { messages, time: Duration::from_secs(1) };
        Ok(match (wish.messages, wish.rate.map(a_second), wish.time) {
            (messages, None, None) => {
                Self { messages: messages.or(Some(default)), pace: None, time: None, end: None }
            }
            (None, None, Some(time)) => {
                Self { messages: None, pace: None, time: Some(time), end: Some(time) }
            }
            (None, Some(pace), time) => {
                let time = time.unwrap_or(DEFAULT_TIME);
                let end = time.checked_add(MAX_LATENESS);
                let messages = Some(pace.messages_within(time));
                Self { messages, pace: Some(pace), time: Some(time), end }
            }
            (Some(messages), Some(pace), _) => {
                let time = Some(pace.due(messages));
                Self { messages: Some(messages), pace: Some(pace), time, end: None }
            }
            (Some(messages), None, Some(time)) => {
                let pace = Some(Pace { messages, time });
                Self { messages: Some(messages), pace, time: Some(time), end: None }
            }
        })
    }

    /// What is to be done when so many have been sent and so much time has passed.
    pub(super) fn next(&self, sent: u64, elapsed: Duration) -> Next {
        let is_enough = self.messages.is_some_and(|messages| sent >= messages);
        if is_enough || self.end.is_some_and(|end| elapsed >= end) {
            return Next::Over;
        }
        let due = self.pace.map_or(Duration::ZERO, |pace| pace.due(sent));
        match due.saturating_sub(elapsed) {
            Duration::ZERO => Next::Now,
            wait => Next::In(wait),
        }
    }

    /// Whether the mesh took longer than the pace allows, or did not take all.
    pub(super) fn is_behind(&self, sent: u64, spent: Duration) -> bool {
        let Self { messages: Some(messages), pace: Some(pace), .. } = self else { return false };
        let last = pace.due(messages.saturating_sub(1));
        sent < *messages || spent > last.saturating_add(MAX_LATENESS)
    }

    /// As `1,000 messages of 64 bytes each at 100 a second`.
    pub(super) fn in_words(&self, size: usize) -> String {
        let size = count(size as u64, "byte");
        let mut text = match self.messages {
            Some(messages) => format!("{} of {size} each", count(messages, "message")),
            None => format!("messages of {size} each"),
        };
        match (self.pace, self.time) {
            (Some(Pace { messages, time }), _) if time == Duration::from_secs(1) => {
                text.push_str(&format!(" at {} a second", grouped(messages)));
            }
            (Some(Pace { time, .. }), _) => text.push_str(&format!(" over {}", human(time))),
            (None, Some(time)) => text.push_str(&format!(" for {}", human(time))),
            (None, None) => {}
        }
        text
    }
}

impl Pace {
    /// When the message of this number is sent.
    fn due(&self, number: u64) -> Duration {
        let nanos = self.time.as_nanos().saturating_mul(number.into());
        let nanos = nanos / u128::from(self.messages.max(1));
        u64::try_from(nanos).map_or(Duration::MAX, Duration::from_nanos)
    }

    /// How many messages are due before the time is over.
    fn messages_within(&self, time: Duration) -> u64 {
        let product = time.as_nanos().saturating_mul(self.messages.into());
        u64::try_from(product.div_ceil(self.time.as_nanos().max(1))).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn plan(messages: Option<u64>, rate: Option<u64>, time: Option<Duration>) -> Plan {
        Plan::new(Wish { messages, rate, time }, 7).unwrap()
    }

    #[test]
    fn any_two_make_the_third() {
        for (plan, messages, time, end) in [
            (plan(None, None, None), Some(7), None, None),
            (plan(Some(9), None, None), Some(9), None, None),
            (plan(None, None, Some(secs(3))), None, Some(3), Some(3)),
            (plan(None, Some(50), None), Some(500), Some(10), Some(11)),
            (plan(None, Some(50), Some(secs(3))), Some(150), Some(3), Some(4)),
            (plan(Some(100), Some(50), None), Some(100), Some(2), None),
            (plan(Some(100), None, Some(secs(4))), Some(100), Some(4), None),
        ] {
            let times = (time.map(secs), end.map(secs));
            assert_eq!((plan.messages, (plan.time, plan.end)), (messages, times));
        }
    }

    #[test]
    fn what_has_no_effect_is_refused() {
        let refusal = |messages, rate, time| {
            Plan::new(Wish { messages, rate, time }, 7).unwrap_err().to_string()
        };
        let because = "--rate has no effect: --messages and --for make the rate";
        assert_eq!(refusal(Some(1), Some(1), Some(secs(1))), because);
        let because = "--rate has no effect: there are no messages to send";
        assert_eq!(refusal(Some(0), Some(1), None), because);
        let because = "--for has no effect: there are no messages to send";
        assert_eq!(refusal(Some(0), None, Some(secs(1))), because);
    }

    #[test]
    fn messages_are_due_evenly_and_each_within_the_time() {
        let plan = plan(None, Some(4), Some(secs(2)));
        assert_eq!(plan.messages, Some(8));
        assert_eq!(plan.next(0, Duration::ZERO), Next::Now);
        assert_eq!(plan.next(1, Duration::ZERO), Next::In(Duration::from_millis(250)));
        assert_eq!(plan.next(7, Duration::from_millis(1749)), Next::In(Duration::from_millis(1)));
        assert_eq!(plan.next(7, Duration::from_millis(2900)), Next::Now, "late, but in time");
        assert_eq!(plan.next(7, secs(3)), Next::Over);
        assert_eq!(plan.next(8, secs(0)), Next::Over);
    }

    #[test]
    fn the_first_message_is_sent_however_short_the_time() {
        assert_eq!(plan(None, Some(1), Some(Duration::from_millis(1))).messages, Some(1));
    }

    #[test]
    fn a_time_alone_ends_the_sending_and_a_number_alone_does_not() {
        let timed = plan(None, None, Some(secs(2)));
        assert_eq!(timed.next(1_000_000, Duration::from_millis(1999)), Next::Now);
        assert_eq!(timed.next(0, secs(2)), Next::Over);
        assert_eq!(plan(Some(3), Some(1), None).next(2, secs(3_600)), Next::Now);
    }

    #[test]
    fn a_mesh_is_behind_when_it_is_a_second_late() {
        let paced = plan(None, Some(10), Some(secs(2)));
        assert!(!paced.is_behind(20, Duration::from_millis(2_900)));
        assert!(paced.is_behind(20, Duration::from_millis(2_901)));
        assert!(paced.is_behind(19, secs(2)));
        assert!(!plan(Some(9), None, None).is_behind(9, secs(3_600)));
    }

    #[test]
    fn a_plan_tells_what_was_asked() {
        for (plan, expected) in [
            (plan(None, None, None), "7 messages of 1 byte each"),
            (plan(None, None, Some(secs(2))), "messages of 1 byte each for 2.00 s"),
            (plan(None, Some(50), Some(secs(2))), "100 messages of 1 byte each at 50 a second"),
            (plan(Some(9), None, Some(secs(2))), "9 messages of 1 byte each over 2.00 s"),
        ] {
            assert_eq!(plan.in_words(1), expected);
        }
    }
}
