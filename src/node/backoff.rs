//! When to dial an address again that is not connected: seeds, and those in the address book.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;

use crate::time::Instant;

/// The first pause after a failure, at most; each further one may be twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// How long a connection must have lasted for the next failure to count as the first.
pub(super) const GOOD_LIFE: Duration = Duration::from_secs(60);

/// For so long after a connection has ended its address is dialled often: what others say meanwhile
/// can be made up for within a minute, and not later (PROTOCOL.md §5.7).
const OFTEN_FOR: Duration = Duration::from_secs(60);

/// The longest pause then.
const OFTEN_PAUSE: Duration = Duration::from_secs(2);

/// How long a connection must have lasted for that. Who takes each connection and ends it at once is
/// not dialled often.
const FAIR_LIFE: Duration = Duration::from_secs(10);

/// The pauses between the dials of one address. They are drawn at random from nothing to a bound
/// that doubles, so that nodes that lost one address together do not come back to it together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Backoff {
    /// How often it has failed since it was last good.
    failures: u32,
    /// When it was reached, while it is.
    reached_at: Option<Instant>,
    /// When it was last lost after a fair life.
    lost_at: Option<Instant>,
}

impl Backoff {
    pub(super) fn on_reached(&mut self, now: Instant) {
        self.reached_at = Some(now);
    }

    pub(super) fn is_reached(&self) -> bool {
        self.reached_at.is_some()
    }

    /// How long the address has been connected, while it is.
    pub(super) fn reached_for(&self, now: Instant) -> Option<Duration> {
        self.reached_at.map(|reached| now.since(reached))
    }

    /// Whether it was lost so lately that it is dialled often.
    pub(super) fn is_lost_lately(&self, now: Instant) -> bool {
        self.lost_at.is_some_and(|lost| now.since(lost) < OFTEN_FOR)
    }

    /// The connection has ended, or was not made. Returns the pause until the next dial.
    pub(super) fn on_gone(&mut self, now: Instant, rng: &mut StdRng) -> Duration {
        if let Some(reached) = self.reached_at.take() {
            let life = now.since(reached);
            if life >= GOOD_LIFE {
                self.failures = 0;
            }
            if life >= FAIR_LIFE {
                self.lost_at = Some(now);
            }
        }
        let bound = FIRST_PAUSE.saturating_mul(1 << self.failures.min(16)).min(LONGEST_PAUSE);
        let is_often = self.is_lost_lately(now);
        // What is dialled often fails often, which is not to make the pauses afterwards longer.
        if !is_often || self.failures == 0 {
            self.failures = self.failures.saturating_add(1);
        }
        let bound = if is_often { bound.min(OFTEN_PAUSE) } else { bound };
        bound.mul_f64(rng.random_range(0.0..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;

    use super::*;

    /// Pauses after failures, each after a connection that lasted so many seconds, or after none.
    fn pauses(seed: u64, lives: impl IntoIterator<Item = Option<u64>>) -> Vec<Duration> {
        let (mut rng, mut backoff) = (StdRng::seed_from_u64(seed), Backoff::default());
        let mut now = Instant::from_secs(1);
        let mut pause = |life: Option<u64>| {
            if let Some(secs) = life {
                backoff.on_reached(now);
                now = now + Duration::from_secs(secs);
            }
            let pause = backoff.on_gone(now, &mut rng);
            now = now + pause;
            pause
        };
        lives.into_iter().map(&mut pause).collect()
    }

    /// The bounds of those pauses where no connection lasts for ten seconds, by counting.
    fn bounds(count: usize) -> Vec<Duration> {
        let next = |bound: &u64| Some(300.min(bound * 2));
        std::iter::successors(Some(1), next).take(count).map(Duration::from_secs).collect()
    }

    proptest! {
        #[test]
        fn t33_no_pause_is_longer_than_its_bound_which_no_short_life_takes_back(
            seed in any::<u64>(),
            lives in prop::collection::vec(prop::option::of(0..10_u64), 1..60),
        ) {
            let bounds = bounds(lives.len());
            for (pause, bound) in pauses(seed, lives).into_iter().zip(bounds) {
                prop_assert!(pause <= bound, "{pause:?} of {bound:?}");
            }
        }

        /// However often it failed before: so that what was said in the meantime comes yet.
        #[test]
        fn t42_for_a_minute_after_a_fair_life_no_pause_is_longer_than_two_seconds(
            seed in any::<u64>(),
            failures in 0..20_usize,
            life in 10..100_u64,
        ) {
            let lives = vec![None; failures].into_iter().chain([Some(life)]).chain([None; 200]);
            let mut waited = Duration::ZERO;
            let mut later = Vec::new();
            for pause in pauses(seed, lives).split_off(failures) {
                if waited < Duration::from_secs(60) {
                    prop_assert!(pause <= Duration::from_secs(2), "{pause:?} after {waited:?}");
                } else {
                    later.push(pause);
                }
                waited += pause;
            }
            // Then they double again, from where they stood.
            prop_assert!(later.len() > 8 && later.iter().skip(8).any(|pause| pause.as_secs() > 60));
            prop_assert!(life < 60 || later[0] <= Duration::from_secs(2), "{:?}", later[0]);
        }

        #[test]
        fn t33_pauses_are_spread_from_nothing_to_bounds_that_double_up_to_five_minutes(
            seed in 0..u64::MAX - 200,
        ) {
            let all: Vec<_> = (0..200).map(|it| pauses(seed + it, [None; 14])).collect();
            for (failure, bound) in bounds(14).into_iter().enumerate() {
                let quarter = |pause: Duration| pause.as_nanos() * 4 / bound.as_nanos();
                let quarters: Vec<_> = all.iter().map(|pauses| quarter(pauses[failure])).collect();
                for number in 0..4 {
                    let count = quarters.iter().filter(|it| **it == number).count();
                    prop_assert!((20..=90).contains(&count), "{count} of 200 after {failure}");
                }
            }
        }
    }

    #[test]
    fn t42_ten_seconds_of_life_are_fair_and_one_less_is_not() {
        let longest = |life| {
            let tries = (0..200).map(|seed| pauses(seed, [None, None, None, Some(life)])[3]);
            tries.max().unwrap()
        };
        assert!((4..=8).contains(&longest(9).as_secs()), "{:?}", longest(9));
        assert!(longest(10) <= Duration::from_secs(2), "{:?}", longest(10));
    }
}
