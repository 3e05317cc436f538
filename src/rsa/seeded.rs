//! A generator that repeats, in the manner in which the RSA operations take one.

use std::fmt;

use ::rsa::rand_core::{self, CryptoRng, RngCore};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// A cryptographic generator: from the same seed always the same bytes.
///
/// `rand`'s own generators do not fit here: the RSA operations want the traits of
/// [`rand_core`](super::rand_core) 0.6.
pub struct SeededRng(StdRng);

impl SeededRng {
    /// Starts a generator. Its secrets are no better than the seed.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(StdRng::from_seed(seed))
    }
}

impl RngCore for SeededRng {
    fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn fill_bytes(&mut self, dest: &mut [u8]) {
        self.0.fill_bytes(dest);
    }

    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), rand_core::Error> {
        self.0.fill_bytes(dest);
        Ok(())
    }
}

impl CryptoRng for SeededRng {}

/// Shows nothing of its state.
impl fmt::Debug for SeededRng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeededRng").finish_non_exhaustive()
    }
}
