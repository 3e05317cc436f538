//! How many sockets a process may have.

use crate::error::ConfigError;
use crate::node::Limits;

/// What is left to the rest of the program: its files, other sockets, the loop's own.
const RESERVE: usize = 64;

/// Whether this process has descriptors for as many connections as a node may have.
///
/// # Errors
///
/// [`ConfigError::TooFewDescriptors`].
pub(super) fn check(limits: &Limits) -> Result<(), ConfigError> {
    let needed = limits.max_incoming + limits.max_outgoing + RESERVE;
    match limit() {
        Some(limit) if limit < needed => Err(ConfigError::TooFewDescriptors { needed, limit }),
        _ => Ok(()),
    }
}

/// The most descriptors that this process may have, where that can be learnt without asking the
/// system by unsafe code.
fn limit() -> Option<usize> {
    if cfg!(any(target_os = "linux", target_os = "android")) {
        limit_in(&std::fs::read_to_string("/proc/self/limits").ok()?)
    } else {
        None
    }
}

/// The limit in force, the first of the two in that table.
fn limit_in(table: &str) -> Option<usize> {
    let row = table.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    row.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_in_force_is_read_and_none_is_none() {
        let table = "Limit                     Soft Limit           Hard Limit           Units     \n\
                     Max processes             62731                62731                processes \n\
                     Max open files            1024                 524288               files     \n";
        assert_eq!(limit_in(table), Some(1_024));
        assert_eq!(limit_in(&table.replace("1024  ", "unlimited")), None);
        assert_eq!(limit_in(""), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn t14_more_connections_than_descriptors_are_refused_at_the_edge() {
        let limit = limit().unwrap();
        let with = |max_incoming| Limits { max_incoming, ..Limits::default() };
        let most = limit - RESERVE - Limits::default().max_outgoing;
        assert_eq!(check(&with(most)), Ok(()));
        let refused = ConfigError::TooFewDescriptors { needed: limit + 1, limit };
        assert_eq!(check(&with(most + 1)), Err(refused));
    }
}
