//! A node against a driver and peers that do anything: it never panics, keeps every promise about
//! its outputs, its limits and its counters at every step, and closes when told to.
//!
//! Input: the configuration (see `configure`), then steps (see `steps`) until the bytes are used
//! up. The driver keeps to the words of `Input` and `Output`, which bind it as well; what comes
//! over the connections follows no rule.

mod driver;
mod links;
mod peer;
mod steps;

use rs2p::node::{Compress, Config};
use rs2p::wire::{Compression, Compressions, Protocol};

use super::script::Script;
use driver::Driver;

/// The id of the node; peers have lower and higher ones.
const ID: &str = "m";

/// More steps than that find nothing new, and take their time.
const MAX_STEPS: usize = 150;

pub(super) fn check(data: &[u8]) {
    let mut script = Script::new(data);
    let mut driver = Driver::new(configure(&mut script));
    for _ in 0..MAX_STEPS {
        if script.is_over() {
            break;
        }
        driver.step(&mut script);
        driver.check();
    }
    driver.close();
}

/// Four choices: whether it is extended, and its limits; when it compresses; by what; how many
/// connections it may have.
fn configure(script: &mut Script<'_>) -> Config {
    let mut config = Config::new(Protocol::new("mesh", "Plaintext"));
    config.id = Some(ID.parse().unwrap());
    config.out_addr = Some(peer::addr(0).into());
    let limits = script.byte();
    config.extension = limits & 1 == 0;
    config.limits.max_frame_len = if limits & 2 == 0 { 1 << 20 } else { 1 << 10 };
    config.limits.max_backlog_len =
        if limits & 4 == 0 { 1 << 20 } else { config.limits.max_frame_len };
    config.limits.max_seen_len = if limits & 8 == 0 { 1 << 20 } else { 64 << 10 };
    config.limits.max_requests = if limits & 16 == 0 { 64 } else { 2 };
    config.limits.max_packets = if limits & 32 == 0 { 1_024 } else { 16 };
    config.compress = script.pick(&[Compress::WhenItPays, Compress::Always, Compress::Never]);
    config.compressions = match script.below(4) {
        0 => Compressions::from_iter([Compression::Gzip, Compression::Bz2]),
        1 => Compressions::from_iter([Compression::Gzip]),
        2 => Compressions::NONE,
        _ => Compressions::supported(),
    };
    let counts = script.byte();
    config.limits.max_outgoing = usize::from(counts & 3);
    config.limits.max_incoming = 1 + usize::from(counts >> 2 & 7);
    config.limits.max_pending = 1 + usize::from(counts >> 5 & 3);
    if counts & 128 != 0 {
        config.limits.max_memory = config.least_memory();
    }
    config
}
