//! Payloads that are the same in every run.

use rs2p::wire::Compression;

/// The payload sizes of the benches, in bytes, with their names.
pub(crate) const SIZES: [(usize, &str); 5] =
    [(16, "16B"), (256, "256B"), (4 << 10, "4KiB"), (64 << 10, "64KiB"), (1 << 20, "1MiB")];

/// How many messages of a size make one batch: about a megabyte, and four to a thousand.
pub(crate) fn batch_count(len: usize) -> u64 {
    ((1 << 20) / len as u64).clamp(4, 1_000)
}

/// Bytes that no method can shorten. They begin with the number, so that no two are the same.
pub(crate) fn noise(len: usize, number: u64) -> Vec<u8> {
    let words = (0..).flat_map(|index| mix(number << 32 | index).to_le_bytes());
    number.to_le_bytes().into_iter().chain(words).take(len).collect()
}

/// Words that compress to about a third, as programs' messages do. They begin with the number.
pub(crate) fn text(len: usize, number: u64) -> Vec<u8> {
    let words = (0..).flat_map(|index| {
        let word = mix(number << 32 | index);
        WORDS
            .iter()
            .cycle()
            .nth((word % 97) as usize)
            .into_iter()
            .flat_map(move |text| text.bytes().chain(format!("{} ", word >> 58).into_bytes()))
    });
    format!("{number:08} ").into_bytes().into_iter().chain(words).take(len).collect()
}

/// The methods of this build.
pub(crate) fn methods() -> impl Iterator<Item = Compression> {
    Compression::all().filter(|method| method.is_supported())
}

/// A well-mixed number for each number (the finalizer of SplitMix64).
pub(crate) fn mix(number: u64) -> u64 {
    let mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

const WORDS: [&str; 24] = [
    "alpha=",
    "node=",
    "state:",
    "peer",
    "value=",
    "time:",
    "ready",
    "\"id\":",
    "queue=",
    "left",
    "right",
    "message",
    "sensor/",
    "room/",
    "temperature=",
    "pressure=",
    "true,",
    "false,",
    "null,",
    "count:",
    "status",
    "error=",
    "retry",
    "done;",
];
