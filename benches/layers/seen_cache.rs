//! The memory of messages seen: what `SeenCache` costs a message.

use rs2p::node::{SeenCache, SeenKey, Verdict};

use crate::case::{Batch, Case, Source};
use crate::payload::mix;
use crate::stage::TIME;

/// How many keys a batch asks for.
const COUNT: u64 = 10_000;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        pure(
            "seen/fresh",
            || fill(64 << 20, 100_000),
            |number| (100_000 + number, TIME),
            Verdict::Fresh,
        ),
        pure(
            "seen/duplicate",
            || fill(64 << 20, 100_000),
            |number| (number * 7, TIME),
            Verdict::Duplicate,
        ),
        // 200 a second fill a window of two minutes: each second brings 200 keys and ends 200.
        pure(
            "seen/expiry",
            || pass(64 << 20, 200, 130),
            |number| (number, TIME + 130 + number / 200),
            Verdict::Fresh,
        ),
        // A megabyte holds 26 seconds of a thousand: each second, the window has to narrow.
        pure(
            "seen/overload",
            || pass(1 << 20, 1_000, 130),
            |number| (number, TIME + 130 + number / 1_000),
            Verdict::Fresh,
        ),
    ]
}

fn pure(
    name: &str,
    fill: fn() -> SeenCache,
    ask: fn(u64) -> (u64, u64),
    expected: Verdict,
) -> Case {
    Case::new(name.to_owned(), "key", 0, move || {
        Source::new(move || {
            let mut cache = fill();
            Batch::new(move || {
                for number in 0..COUNT {
                    let (number, second) = ask(number);
                    assert_eq!(cache.insert(key(second, number), second, second), expected);
                }
                COUNT
            })
        })
    })
}

/// A cache that has seen this many messages of one second.
fn fill(max_bytes: usize, count: u64) -> SeenCache {
    let mut cache = SeenCache::new(max_bytes);
    for number in 0..count {
        assert_eq!(cache.insert(key(TIME, number), TIME, TIME), Verdict::Fresh);
    }
    cache
}

/// A cache that has lived through some seconds, each with as many messages.
fn pass(max_bytes: usize, a_second: u64, seconds: u64) -> SeenCache {
    let mut cache = SeenCache::new(max_bytes);
    for second in TIME..TIME + seconds {
        for number in 0..a_second {
            assert_eq!(cache.insert(key(second, number), second, second), Verdict::Fresh);
        }
    }
    cache
}

/// As good as a digest, and cheaper to make.
fn key(second: u64, number: u64) -> SeenKey {
    let half = mix(second << 32 | number);
    SeenKey::Origin(u128::from(half) << 64 | u128::from(mix(half)))
}
