//! How often a peer may ask for something that costs more than it does.

use std::time::Duration;

use crate::time::Instant;

/// The window over which budgets are counted.
const WINDOW: Duration = Duration::from_secs(60);

/// Counts within windows of a minute, the first of which begins with the first count.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Budget {
    spent: u32,
    window_began: Option<Instant>,
}

impl Budget {
    /// Counts one more, if that is within `limit` a minute.
    pub(super) fn spend(&mut self, now: Instant, limit: u32) -> bool {
        self.spend_many(now, 1, limit)
    }

    /// Counts so many more, if that is within `limit` a minute. One that is not counts as well.
    #[inline(never)]
    pub(super) fn spend_many(&mut self, now: Instant, count: u32, limit: u32) -> bool {
        if self.window_began.is_none_or(|began| now.since(began) >= WINDOW) {
            *self = Self { spent: 0, window_began: Some(now) };
        }
        if self.spent <= limit {
            self.spent = self.spent.saturating_add(count);
        }
        self.spent <= limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_a_minute_and_not_one_more() {
        let mut budget = Budget::default();
        for start in [5_u64, 65, 300] {
            let at = |secs: u64| Instant::from_secs(start + secs);
            assert_eq!(
                [at(0), at(1), at(59), at(59)].map(|now| budget.spend(now, 2)),
                [true, true, false, false]
            );
        }
    }
}
