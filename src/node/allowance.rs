//! How much work a connection may make in one turn of the loop.

use std::time::Duration;

use crate::time::Instant;

/// The most units for one turn: a short message with its signature has four blocks.
pub(super) const MAX_UNITS: usize = 4;

/// How long it takes a connection that has used up its units to earn another. A unit takes a third
/// to a half of a millisecond, so ten that earn all they can leave half of the time to others.
const UNIT_TIME: Duration = Duration::from_millis(10);

/// Work that a connection may make at once, because it has made little of late. One that works all
/// the time gets one unit a turn: many of those hold a short message of others up no longer than a
/// few turns take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    units: usize,
    /// Up to when units have been earned.
    earned: Instant,
}

impl Allowance {
    pub(super) fn new(now: Instant) -> Self {
        Self { units: MAX_UNITS, earned: now }
    }

    /// The units for a turn at `now`, and never less than one.
    pub(super) fn units(&mut self, now: Instant) -> usize {
        while self.units < MAX_UNITS && now.since(self.earned) >= UNIT_TIME {
            self.units += 1;
            self.earned = self.earned + UNIT_TIME;
        }
        if self.units == MAX_UNITS {
            self.earned = now;
        }
        self.units.max(1)
    }

    pub(super) fn spend(&mut self, units: usize) {
        self.units = self.units.saturating_sub(units);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_rests_may_work_more_at_once_and_who_works_has_a_unit_a_turn() {
        let ms = Instant::from_millis;
        let mut allowance = Allowance::new(ms(0));
        assert_eq!(allowance.units(ms(1_000)), 4);
        allowance.spend(4);
        assert_eq!(allowance.units(ms(1_000)), 1);
        allowance.spend(1);
        assert_eq!(allowance.units(ms(1_009)), 1);
        allowance.spend(1);
        assert_eq!(allowance.units(ms(1_029)), 2);
        allowance.spend(1);
        assert_eq!(allowance.units(ms(1_030)), 2, "nothing that was earned is lost");
        assert_eq!(allowance.units(ms(9_000)), 4);
    }
}
