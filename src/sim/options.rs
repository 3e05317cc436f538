//! How links behave.

use std::ops::{Div, RangeInclusive};
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;

/// How long bytes are on their way.
#[derive(Clone, Debug, PartialEq)]
pub enum Latency {
    /// Always as long.
    Fixed(Duration),
    /// Any time between two, equally likely.
    Uniform(Duration, Duration),
    /// At least so long, and on average so much longer: most bytes are early, a few very late.
    Exponential {
        /// The least.
        min: Duration,
        /// The average of what comes on top.
        mean: Duration,
    },
}

impl Latency {
    pub(super) fn draw(&self, rng: &mut StdRng) -> Duration {
        match self {
            Self::Fixed(latency) => *latency,
            Self::Uniform(least, most) => {
                *least + most.saturating_sub(*least).mul_f64(rng.random_range(0.0..=1.0))
            }
            Self::Exponential { min, mean } => {
                let uniform: f64 = rng.random_range(f64::EPSILON..=1.0);
                *min + mean.mul_f64(-uniform.ln())
            }
        }
    }
}

impl Div<u32> for Latency {
    type Output = Self;

    /// So many times as quick.
    fn div(self, by: u32) -> Self {
        match self {
            Self::Fixed(latency) => Self::Fixed(latency / by),
            Self::Uniform(least, most) => Self::Uniform(least / by, most / by),
            Self::Exponential { min, mean } => Self::Exponential { min: min / by, mean: mean / by },
        }
    }
}

/// How one direction of a link behaves. Bytes arrive in order and whole, as on TCP, unless the link
/// is cut.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkOptions {
    /// How long bytes are on their way. Default 1 to 51 ms.
    pub latency: Latency,
    /// Bytes a second. Default 10 MB.
    pub bandwidth: u64,
    /// The sizes of the pieces in which bytes arrive. Default 1 to 64 KiB.
    pub chunk_len: RangeInclusive<usize>,
    /// The bytes that the buffers of both ends hold: what is sent beyond waits until the receiver
    /// has read. Default 256 KiB.
    pub window_len: usize,
}

impl Default for LinkOptions {
    fn default() -> Self {
        Self {
            latency: Latency::Uniform(Duration::from_millis(1), Duration::from_millis(51)),
            bandwidth: 10_000_000,
            chunk_len: 1..=64 * 1024,
            window_len: 256 * 1024,
        }
    }
}

impl LinkOptions {
    /// How long the line is busy with so many bytes.
    pub(super) fn transfer_time(&self, len: usize) -> Duration {
        let len = u64::try_from(len).unwrap_or(u64::MAX);
        Duration::from_nanos(len.saturating_mul(1_000_000_000) / self.bandwidth.max(1))
    }
}
