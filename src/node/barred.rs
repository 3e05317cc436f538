//! The seconds of which messages may have been seen and forgotten. PROTOCOL.md §4.2.
//!
//! As a rule that is one stretch, up to two minutes ago. A clock that was wrong leaves another one,
//! where it was, and nothing in between: once it is set right a node is deaf to nobody.

/// The most stretches. Of more, the two become one that have the least between them.
const MAX_STRETCHES: usize = 64;

/// How many seconds of silence between two stretches do not keep them apart.
const MAX_GAP: u64 = 10;

/// Stretches of seconds, none of which touch.
#[derive(Debug, Default)]
pub(super) struct Barred {
    /// The first and the last second of each, in order.
    stretches: Vec<(u64, u64)>,
}

impl Barred {
    pub(super) fn contains(&self, second: u64) -> bool {
        let before = self.stretches.partition_point(|(_, last)| *last < second);
        self.stretches.get(before).is_some_and(|(first, _)| *first <= second)
    }

    /// Adds the seconds from `first` to `last`.
    pub(super) fn add(&mut self, first: u64, last: u64) {
        // What would touch it is taken into it.
        let reach = |second: u64| second.saturating_add(MAX_GAP).saturating_add(1);
        let start = self.stretches.partition_point(|(_, end)| reach(*end) < first);
        let end = self.stretches.partition_point(|(begin, _)| *begin <= reach(last));
        let mut joined = (first, last);
        for stretch in self.stretches.drain(start..end) {
            joined = (joined.0.min(stretch.0), joined.1.max(stretch.1));
        }
        self.stretches.insert(start, joined);
        if self.stretches.len() > MAX_STRETCHES {
            self.join_nearest();
        }
    }

    fn join_nearest(&mut self) {
        let ends = self.stretches.iter().map(|(_, last)| *last);
        let begins = self.stretches.iter().skip(1).map(|(first, _)| *first);
        let gaps = ends.zip(begins).map(|(last, first)| first.saturating_sub(last));
        let Some((index, _)) = gaps.enumerate().min_by_key(|(_, gap)| *gap) else { return };
        let (_, last) = self.stretches.remove(index + 1);
        if let Some(stretch) = self.stretches.get_mut(index) {
            stretch.1 = last;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn t25_what_was_added_stays_and_what_was_not_is_near_it(
            added in prop::collection::vec((0_u64..5_000, 0_u64..40), 1..60),
        ) {
            let mut barred = Barred::default();
            for &(first, len) in &added {
                barred.add(first, first + len);
            }
            let is_in = |second: u64| {
                added.iter().any(|(first, len)| (*first..=first + len).contains(&second))
            };
            for second in 0..5_100 {
                if is_in(second) {
                    prop_assert!(barred.contains(second));
                } else if barred.contains(second) {
                    let mut near = second.saturating_sub(MAX_GAP)..=second + MAX_GAP;
                    prop_assert!(near.any(is_in), "{} is barred", second);
                }
            }
        }
    }

    #[test]
    fn t25_too_many_stretches_join_where_the_least_is_between_them() {
        let mut barred = Barred::default();
        let far = 1_000_000;
        barred.add(0, 100);
        for number in 0..1_000 {
            barred.add(far + number * 20, far + number * 20);
            assert!(barred.stretches.len() <= MAX_STRETCHES);
        }
        assert!(barred.contains(0) && barred.contains(100) && barred.contains(far + 999 * 20));
        assert!(!barred.contains(101) && !barred.contains(far - 1), "long times in between");
    }

    #[test]
    fn all_of_time_can_be_barred() {
        let mut barred = Barred::default();
        barred.add(u64::MAX, u64::MAX);
        barred.add(0, 5);
        barred.add(6, u64::MAX - 1);
        assert_eq!(barred.stretches, [(0, u64::MAX)]);
        assert!(barred.contains(u64::MAX));
    }
}
