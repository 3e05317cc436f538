//! How much memory the process has taken, where the operating system tells it by a file (Linux).

use std::fs;

/// The most bytes that the process has ever had in memory.
pub(super) fn peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn a_process_takes_some_memory() {
        assert!(super::peak().is_some_and(|bytes| bytes > 100_000));
    }
}
