//! Whether this machine's clock may be wrong: how far the timestamps of others lie from it.
//! PROTOCOL.md §4.2.
//!
//! Only told, never acted on: whoever sends enough could make a right clock look wrong.

use std::time::Duration;

use super::Node;
use super::seen::{MAX_AGE, MAX_AHEAD};
use crate::event::Event;
use crate::time::Instant;

/// How long messages are counted together.
const WINDOW: Duration = Duration::from_secs(10);

/// How many messages it takes at least within that time to judge by.
const MIN_COUNT: u32 = 100;

/// How soon the user is told again.
const TELL_AFTER: Duration = Duration::from_secs(60);

/// The most offsets of which the median is taken.
const MAX_SAMPLES: usize = 128;

/// The offsets of the last messages.
#[derive(Debug, Default)]
pub(super) struct Offsets {
    since: Instant,
    /// The messages since then, and those of them that are out of the window of acceptable times.
    count: u32,
    out: u32,
    /// In seconds, the last ones: a ring.
    samples: Vec<i64>,
    told_at: Option<Instant>,
}

impl Offsets {
    /// Enters how far a message's time is ahead of the clock. Returns the median where nearly all
    /// are out of the window and it is time to tell.
    fn note(&mut self, now: Instant, ahead: i64) -> Option<i64> {
        if now.since(self.since) > WINDOW {
            (self.since, self.count, self.out) = (now, 0, 0);
            self.samples.clear();
        }
        let index = usize::try_from(self.count).unwrap_or_default() % MAX_SAMPLES;
        match self.samples.get_mut(index) {
            Some(sample) => *sample = ahead,
            None => self.samples.push(ahead),
        }
        self.count = self.count.saturating_add(1);
        let is_out = ahead < -to_i64(MAX_AGE) || ahead > to_i64(MAX_AHEAD);
        self.out = self.out.saturating_add(u32::from(is_out));
        // More than nine of ten.
        let is_suspect =
            self.count >= MIN_COUNT && u64::from(self.out) * 10 > u64::from(self.count) * 9;
        let is_time = self.told_at.is_none_or(|at| now.since(at) >= TELL_AFTER);
        if !is_suspect || !is_time {
            return None;
        }
        self.told_at = Some(now);
        // They are few: put in order one by one, because a sort adds five kilobytes to every program.
        let mut ordered = Vec::with_capacity(self.samples.len());
        for &sample in &self.samples {
            ordered.insert(ordered.partition_point(|other| *other < sample), sample);
        }
        ordered.get(ordered.len() / 2).copied()
    }
}

impl Node {
    /// Compares a message's time with the clock, which shows the second `second`.
    pub(super) fn note_stamp(&mut self, now: Instant, second: u64, time: u64) {
        let ahead = to_i64(time).saturating_sub(to_i64(second));
        if let Some(ahead_secs) = self.offsets.note(now, ahead) {
            self.stats.clock_suspicions += 1;
            let id = self.id.short();
            log::warn!("{id}: this clock may be wrong: the others' are {ahead_secs} s ahead of it");
            self.emit(Event::ClockSuspect { ahead_secs });
        }
    }
}

fn to_i64(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn t25_more_than_nine_of_ten_of_a_hundred_messages_out_of_the_window_are_suspect() {
        for (ahead, out_of_ten, expected) in [
            (-121, 10, Some(-121)),
            (61, 10, Some(61)),
            (i64::MIN, 10, Some(i64::MIN)),
            (-120, 10, None),
            (60, 10, None),
            (-500, 9, None),
        ] {
            let mut offsets = Offsets::default();
            let told: Vec<_> = (0..1_000)
                .filter_map(|index| {
                    let ahead = if index % 10 >= 10 - out_of_ten { ahead } else { 0 };
                    offsets.note(ms(0), ahead)
                })
                .collect();
            assert_eq!(told, Vec::from_iter(expected), "{ahead}");
        }
    }

    #[test]
    fn t25_fewer_than_a_hundred_within_ten_seconds_tell_nothing() {
        let mut offsets = Offsets::default();
        assert!((0..99).all(|index| offsets.note(ms(index * 101), -500).is_none()));
        assert!((0..99).all(|index| offsets.note(ms(10_001 + index), -500).is_none()));
        assert_eq!(offsets.note(ms(10_200), -500), Some(-500));
    }

    #[test]
    fn t25_it_is_told_once_a_minute_with_the_median_of_the_last_128() {
        let mut offsets = Offsets::default();
        let mut told = Vec::new();
        for millis in 0..121_000 {
            let ahead = if millis % 2 == 0 { -1_000 } else { -2_000 + i64::from(millis % 3 == 0) };
            told.extend(offsets.note(ms(millis), ahead).map(|median| (millis, median)));
            assert!(offsets.samples.len() <= MAX_SAMPLES);
        }
        // Each ten seconds the count begins anew.
        assert_eq!(told, [(99, -1_000), (60_105, -1_000), (120_111, -1_000)]);
    }
}
