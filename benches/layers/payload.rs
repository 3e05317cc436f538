//! Payloads that are the same in every run.

use rs2p::wire::Compression;

/// The payload sizes of the benches, in bytes, with their names.
pub(crate) const SIZES: [(usize, &str); 5] =
    [(16, "16B"), (256, "256B"), (4 << 10, "4KiB"), (64 << 10, "64KiB"), (1 << 20, "1MiB")];

/// How many messages of a size make one batch: two to 250, a quarter of a megabyte in between.
/// Few, because a profiler makes everything fifty times as slow.
pub(crate) fn batch_count(len: usize) -> u64 {
    ((256 << 10) / len as u64).clamp(2, 250)
}

/// Bytes that no method can shorten. They begin with the number, so that no two are the same.
pub(crate) fn noise(len: usize, number: u64) -> Vec<u8> {
    let mut bytes = Vec::from(number.to_le_bytes());
    for index in (0..).take_while(|index| index * 8 < len as u64) {
        bytes.extend_from_slice(&mix(number << 32 | index).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// Words that compress well, as programs' messages do. They begin with the number.
pub(crate) fn text(len: usize, number: u64) -> Vec<u8> {
    let mut bytes = format!("{number:08} ").into_bytes();
    let mut state = number;
    while bytes.len() < len {
        state = mix(state);
        let [word, digit, ..] = state.to_le_bytes();
        if let Some(word) = WORDS.get(usize::from(word) % WORDS.len()) {
            bytes.extend_from_slice(word.as_bytes());
        }
        bytes.extend_from_slice(&[b'0' + digit % 10, b' ']);
    }
    bytes.truncate(len);
    bytes
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
