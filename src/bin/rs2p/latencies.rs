//! How long deliveries took.

use std::collections::BTreeMap;
use std::time::Duration;

/// How often each latency occurred, in microseconds: exact, however many deliveries there are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latencies {
    counts: BTreeMap<u64, u64>,
    total: u64,
}

impl Latencies {
    pub(crate) fn add(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        *self.counts.entry(micros).or_default() += 1;
        self.total += 1;
    }

    /// The latency that so many percent did not exceed: 0 is the least, 100 the greatest.
    fn percentile(&self, percent: u64) -> Option<Duration> {
        let rank = (self.total * percent).div_ceil(100).max(1);
        let mut passed = 0;
        self.counts
            .iter()
            .find(|(_, count)| {
                passed += **count;
                passed >= rank
            })
            .map(|(micros, _)| Duration::from_micros(*micros))
    }

    /// Least, median, 99th percentile and greatest.
    pub(crate) fn quantiles(&self) -> Option<[Duration; 4]> {
        let [min, p50, p99, max] = [0, 50, 99, 100].map(|percent| self.percentile(percent));
        Some([min?, p50?, p99?, max?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_sorted_list() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.percentile(50), None);
        for micros in (1..=200).rev() {
            latencies.add(Duration::from_micros(micros));
        }
        let found = [0, 50, 99, 100].map(|percent| latencies.percentile(percent).unwrap());
        assert_eq!(found, [1, 100, 198, 200].map(Duration::from_micros));
    }
}
