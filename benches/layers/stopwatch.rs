//! Wall-clock time: batches again and again, and the middle of what they took.

use std::time::{Duration, Instant};

use crate::case::Case;

/// How long a bench is measured, its preparations not counted, and how many batches at least.
const MEASURED: Duration = Duration::from_millis(800);
const MIN_BATCHES: usize = 15;

/// The time of one unit, in nanoseconds. Quartiles tell how calm the machine was.
pub(crate) struct Figures {
    pub(crate) median: f64,
    pub(crate) first_quartile: f64,
    pub(crate) third_quartile: f64,
}

impl Figures {
    /// Measures a bench, after one batch that is not counted.
    pub(crate) fn measure(case: &Case) -> Self {
        let mut source = case.open();
        source.prepare().run();
        let (mut times, mut total) = (Vec::new(), Duration::ZERO);
        while times.len() < MIN_BATCHES || total < MEASURED {
            let mut batch = source.prepare();
            let start = now();
            let units = batch.run_counted();
            let time = now() - start;
            total += time;
            times.push(time.as_secs_f64() * 1e9 / units as f64);
        }
        times.sort_by(f64::total_cmp);
        let at = |quarters: usize| *times.get((times.len() - 1) * quarters / 4).unwrap();
        Self { median: at(2), first_quartile: at(1), third_quartile: at(3) }
    }

    /// Half of what lies between the quartiles, as a part of the median.
    pub(crate) fn spread(&self) -> f64 {
        (self.third_quartile - self.first_quartile) / 2.0 / self.median
    }
}

#[expect(clippy::disallowed_methods, reason = "measuring time is what this is for")]
fn now() -> Instant {
    Instant::now()
}
