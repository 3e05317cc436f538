//! Sets of sequence numbers. PROTOCOL.md §5.7.

/// Numbers that follow on one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Run {
    /// The lowest of them.
    pub first: u64,
    /// The highest of them, which is not below the first.
    pub last: u64,
}

/// A set of numbers as runs, each of them behind the one before.
///
/// It takes the memory of its runs, whatever numbers they span, and no operation takes longer than
/// its runs are many.
///
/// ```
/// use rs2p::wire::Runs;
///
/// let mut numbers = Runs::default();
/// for number in [1, 2, 3, 7] {
///     numbers.insert(number);
/// }
/// assert_eq!(numbers.iter().len(), 2);
/// assert!(numbers.contains(2) && !numbers.contains(4));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Runs {
    runs: Vec<Run>,
}

impl Runs {
    /// The set of these runs; `None` where one ends before it begins, or is not behind the one
    /// before.
    pub fn from_runs(runs: Vec<Run>) -> Option<Self> {
        let mut end = None;
        for run in &runs {
            if run.first > run.last || end.is_some_and(|end| run.first <= end) {
                return None;
            }
            end = Some(run.last);
        }
        Some(Self { runs })
    }

    /// The runs, in the order of their numbers.
    pub fn iter(&self) -> std::slice::Iter<'_, Run> {
        self.runs.iter()
    }

    /// How many numbers there are, or [`u64::MAX`] where there are more.
    pub fn count(&self) -> u64 {
        let len = |run: &Run| run.last.saturating_sub(run.first).saturating_add(1);
        self.runs.iter().map(len).fold(0, u64::saturating_add)
    }

    /// The bytes of memory that they take beside the set itself, room for more included.
    pub(crate) fn held_len(&self) -> usize {
        self.runs.capacity().saturating_mul(size_of::<Run>())
    }

    /// Whether there is no number.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Whether a number is one of them.
    pub fn contains(&self, number: u64) -> bool {
        self.run_at(self.find(number)).is_some_and(|run| run.first <= number)
    }

    /// Adds a number. Returns whether it was missing.
    pub fn insert(&mut self, number: u64) -> bool {
        if self.contains(number) {
            return false;
        }
        let at = self.find(number);
        // Those beside the number, if it follows on one or one follows on it.
        let before = at.checked_sub(1).filter(|&before| {
            self.run_at(before).and_then(|run| run.last.checked_add(1)) == Some(number)
        });
        let behind = self.run_at(at).filter(|run| run.first.checked_sub(1) == Some(number));
        match (before.and_then(|before| self.runs.get_mut(before)), behind) {
            (Some(before), Some(behind)) => {
                before.last = behind.last;
                self.runs.remove(at);
            }
            (Some(before), None) => before.last = number,
            (None, Some(behind)) => {
                if let Some(slot) = self.runs.get_mut(at) {
                    *slot = Run { first: number, ..behind };
                }
            }
            (None, None) => self.runs.insert(at, Run { first: number, last: number }),
        }
        true
    }

    /// Takes a number out. Returns whether it was there.
    pub fn remove(&mut self, number: u64) -> bool {
        let at = self.find(number);
        let Some(run) = self.run_at(at).filter(|run| run.first <= number) else { return false };
        let below = number.checked_sub(1).filter(|last| *last >= run.first);
        let above = number.checked_add(1).filter(|first| *first <= run.last);
        let below = below.map(|last| Run { last, ..run });
        let above = above.map(|first| Run { first, ..run });
        match (below, above, self.runs.get_mut(at)) {
            (Some(below), above, Some(slot)) => {
                *slot = below;
                if let Some(above) = above {
                    self.runs.insert(at.saturating_add(1), above);
                }
            }
            (None, Some(above), Some(slot)) => *slot = above,
            _ => {
                self.runs.remove(at);
            }
        }
        true
    }

    /// The numbers that are not in another set.
    pub fn minus(&self, other: &Self) -> Self {
        let mut runs = Vec::new();
        let mut at = 0_usize;
        for run in &self.runs {
            // The lowest number of the run that may be left, until there is none.
            let mut first = Some(run.first);
            while let (Some(from), Some(cut)) = (first, other.run_at(at)) {
                if cut.first > run.last {
                    break;
                }
                if cut.last >= from {
                    if let Some(last) = cut.first.checked_sub(1).filter(|last| *last >= from) {
                        runs.push(Run { first: from, last });
                    }
                    first = cut.last.checked_add(1).filter(|first| *first <= run.last);
                }
                // One that goes on behind this run may cover some of the next.
                if first.is_some() {
                    at = at.saturating_add(1);
                }
            }
            runs.extend(first.map(|first| Run { first, last: run.last }));
        }
        Self { runs }
    }

    /// The numbers that are in another set too.
    pub fn common(&self, other: &Self) -> Self {
        self.minus(&self.minus(other))
    }

    /// The first run that does not end below a number.
    fn find(&self, number: u64) -> usize {
        self.runs.partition_point(|run| run.last < number)
    }

    fn run_at(&self, at: usize) -> Option<Run> {
        self.runs.get(at).copied()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn runs(runs: &[(u64, u64)]) -> Runs {
        let runs = runs.iter().map(|&(first, last)| Run { first, last }).collect();
        Runs::from_runs(runs).unwrap()
    }

    fn set(runs: &Runs) -> BTreeSet<u64> {
        runs.iter().flat_map(|run| run.first..=run.last).collect()
    }

    /// Numbers near one end of their range, where sums overflow if anywhere.
    fn numbers(is_high: bool) -> impl Strategy<Value = BTreeSet<u64>> {
        let base = if is_high { u64::MAX - 40 } else { 0 };
        proptest::collection::btree_set(base..=base.saturating_add(40), 0..30)
    }

    fn of_set(set: &BTreeSet<u64>) -> Runs {
        let mut runs = Runs::default();
        set.iter().for_each(|number| assert!(runs.insert(*number)));
        runs
    }

    proptest! {
        #[test]
        fn t42_sets_of_runs_are_what_sets_of_numbers_are(
            (one, other) in any::<bool>().prop_flat_map(|is_high| (numbers(is_high), numbers(is_high))),
            order in any::<u64>(),
        ) {
            let (a, b) = (of_set(&one), of_set(&other));
            prop_assert_eq!(set(&a), one.clone());
            prop_assert_eq!(a.count(), u64::try_from(one.len()).unwrap());
            prop_assert_eq!(a.is_empty(), one.is_empty());
            prop_assert!(Runs::from_runs(a.iter().copied().collect()).is_some());
            prop_assert_eq!(set(&a.minus(&b)), one.difference(&other).copied().collect());
            prop_assert_eq!(set(&a.common(&b)), one.intersection(&other).copied().collect());
            let mut left = a.clone();
            for number in one.union(&other) {
                prop_assert_eq!(a.contains(*number), one.contains(number));
                let mut changed = a.clone();
                prop_assert_eq!(changed.insert(*number), !one.contains(number));
                prop_assert!(changed.contains(*number));
                prop_assert_eq!(left.remove(*number), one.contains(number));
                prop_assert!(!left.contains(*number));
            }
            prop_assert!(left.is_empty());
            // In whatever order they come.
            let mut mixed: Vec<u64> = one.iter().copied().collect();
            mixed.sort_by_key(|number| number.wrapping_mul(order | 1));
            prop_assert_eq!(of_set(&mixed.iter().copied().collect()), a.clone());
            let mut other_way = Runs::default();
            mixed.iter().for_each(|number| { other_way.insert(*number); });
            prop_assert_eq!(other_way, a);
        }
    }

    #[test]
    fn t42_what_spans_everything_costs_no_more_than_its_runs() {
        let all = runs(&[(0, u64::MAX)]);
        assert_eq!(all.count(), u64::MAX);
        let held = runs(&[(0, 0), (5, 6), (u64::MAX, u64::MAX)]);
        assert_eq!(all.minus(&held), runs(&[(1, 4), (7, u64::MAX - 1)]));
        assert_eq!(held.minus(&all), Runs::default());
        assert_eq!(all.common(&held), held);
        let pieces: Vec<(u64, u64)> =
            (0..1_000).map(|at| (at << 40, (at << 40) | 0xffff_fffe)).collect();
        let many = runs(&pieces);
        assert_eq!(many.minus(&many), Runs::default());
        assert_eq!(all.minus(&many).iter().len(), 1_000);
        assert_eq!(many.minus(&held).iter().len(), 1_001);
    }

    #[test]
    fn runs_that_overlap_or_descend_are_none() {
        for bad in [&[(2, 1)][..], &[(1, 3), (3, 4)], &[(5, 6), (1, 2)], &[(1, 1), (1, 1)]] {
            let runs = bad.iter().map(|&(first, last)| Run { first, last }).collect();
            assert_eq!(Runs::from_runs(runs), None, "{bad:?}");
        }
        assert_eq!(runs(&[(1, 2), (3, 4)]).count(), 4, "one may follow on another");
    }
}
