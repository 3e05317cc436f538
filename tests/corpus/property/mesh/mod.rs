//! Three nodes on links that are cut, slow and out of step: what reaches a user is what somebody
//! sent (G1), at most as often (G2), and once the links are good again everybody gets everything
//! once.
//!
//! Input: a byte for each node's configuration, then steps until the bytes are used up.

mod ledger;
mod net;

use std::time::Duration;

use rs2p::node::{Compress, Config};
use rs2p::wire::{Compression, Compressions, Protocol};

use super::script::Script;
use net::{COUNT, Net, addr};

const MAX_STEPS: usize = 200;

const PAUSES: [Duration; 6] = [
    Duration::from_millis(1),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(6),
    Duration::from_secs(25),
    Duration::from_secs(70),
];

pub(super) fn check(data: &[u8]) {
    let mut script = Script::new(data);
    let configs = std::array::from_fn(|index| configure(index, script.byte()));
    let mut net = Net::new(configs);
    for _ in 0..MAX_STEPS {
        if script.is_over() {
            break;
        }
        step(&mut net, &mut script);
        net.check();
    }
    net.heal();
}

/// The ids are out of order, so that dialling follows no rank.
fn configure(index: usize, bits: u8) -> Config {
    let mut config = Config::new(Protocol::new("mesh", "Plaintext"));
    config.id = Some(["m", "a", "z"][index].parse().unwrap());
    config.out_addr = Some(addr(index).into());
    config.extension = bits & 1 == 0;
    config.limits.max_outgoing = if bits & 2 == 0 { 8 } else { 0 };
    config.limits.max_frame_len = 64 << 10;
    config.limits.max_backlog_len = if bits & 4 == 0 { 1 << 20 } else { 64 << 10 };
    config.limits.max_seen_len = 64 << 10;
    config.compress =
        [Compress::WhenItPays, Compress::Always, Compress::Never][usize::from(bits >> 3) % 3];
    config.compressions = match bits >> 5 & 3 {
        0 => Compressions::from_iter([Compression::Gzip, Compression::Bz2]),
        1 => Compressions::from_iter([Compression::Bz2]),
        2 => Compressions::from_iter([Compression::Gzip]),
        _ => Compressions::NONE,
    };
    config
}

fn step(net: &mut Net, script: &mut Script<'_>) {
    let choice = script.below(24);
    let node = script.below(COUNT);
    match choice {
        0..=2 => net.dial(node, script.below(COUNT)),
        3..=6 => net.broadcast(node, script.text()),
        // Words that are said again and again, and long ones.
        7 => net.broadcast(node, b"again"),
        8 => net.broadcast(node, &vec![b'l'; script.short()]),
        9..=10 => net.whisper(node, script.below(COUNT), script.text()),
        11..=16 => net.deliver(script.byte(), script.short()),
        17..=18 => net.deliver_all(),
        19 => net.answer_dial(script.flag()),
        20 => net.cut(script.byte(), script.flag()),
        21 => net.disconnect(node, script.below(COUNT)),
        _ => net.pass(script.pick(&PAUSES)),
    }
}
