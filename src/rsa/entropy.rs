//! The only place in this room that asks the operating system for entropy.

use rand::TryRng;
use rand::rngs::SysRng;

use super::{EntropyError, SeededRng};

/// A seed from the operating system, good for one [`SeededRng`].
///
/// # Errors
///
/// [`EntropyError`] where the system has none to give.
pub fn system_seed() -> Result<[u8; 32], EntropyError> {
    let mut seed = [0; 32];
    SysRng.try_fill_bytes(&mut seed).map_err(|_| EntropyError)?;
    Ok(seed)
}

pub(super) fn system_rng() -> Result<SeededRng, EntropyError> {
    system_seed().map(SeededRng::from_seed)
}
