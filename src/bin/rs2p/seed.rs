//! Where seeds come from.

use rand::TryRng;
use rand::rngs::{SysError, SysRng};

/// The seed that the user gives, or one by chance.
pub(crate) fn choose(given: Option<u64>) -> Result<u64, SysError> {
    match given {
        Some(seed) => Ok(seed),
        // Half as long as it could be, to be typed again.
        None => SysRng.try_next_u32().map(u64::from),
    }
}
