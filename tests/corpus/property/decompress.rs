//! No method gives more than it may, holds more than it may, or tells another result under another
//! limit; and what it gave, it compresses and gives again.
//!
//! Input: the limit in one byte, the compressed data.

use rs2p::wire::{Compression, CompressionError};

use super::script::Script;

/// Around the sizes at which buffers grow, and one that inputs of the fuzzer's length reach only
/// as bombs.
const LIMITS: [usize; 8] = [0, 1, 100, 1_023, 1_024, 1_025, 65_536, 1 << 20];

/// Setting up an encoder of `lzma` costs more than all the rest: 90 MiB.
const METHODS_TO_COMPRESS: [Compression; 2] = [Compression::Gzip, Compression::Bz2];

/// What each stream of these methods begins with, so that several can stand in a row.
const MAGICS: [(Compression, &[u8]); 2] =
    [(Compression::Bz2, b"BZh"), (Compression::Lzma, b"\xfd7zXZ\0")];

pub(super) fn check(data: &[u8]) {
    let mut script = Script::new(data);
    let max_len = script.pick(&LIMITS);
    let data = script.rest();
    for method in Compression::all() {
        match method.decompress(data, max_len) {
            Ok(plain) => check_plain(method, data, max_len, &plain),
            Err(CompressionError::Unsupported) => assert!(!method.is_supported()),
            Err(CompressionError::TooLong) if is_one_stream(method, data) => {
                let more = method.decompress(data, max_len * 2);
                let is_longer = more.as_ref().map_or(true, |plain| plain.len() > max_len);
                assert!(is_longer, "{method}: {max_len} bytes were enough");
            }
            Err(_) => {}
        }
    }
}

fn check_plain(method: Compression, data: &[u8], max_len: usize, plain: &Vec<u8>) {
    let len = plain.len();
    assert!(len <= max_len, "{method}: {len} bytes, {max_len} allowed");
    assert!(plain.capacity() <= max_len + 64, "{method}: {} bytes held", plain.capacity());
    let exactly = method.decompress(data, len);
    if is_one_stream(method, data) || exactly != Err(CompressionError::TooLong) {
        assert_eq!(exactly.as_ref(), Ok(plain), "{method}: exactly {len}");
    }
    if let Some(less) = len.checked_sub(1) {
        let cut = method.decompress(data, less);
        assert_eq!(cut, Err(CompressionError::TooLong), "{method}: {len} bytes in {less}");
    }
    if METHODS_TO_COMPRESS.contains(&method) {
        let packed = method.compress(plain).expect("a method that reads also writes");
        assert_eq!(method.decompress(&packed, len).as_ref(), Ok(plain), "{method} again");
    }
}

/// Whether nothing in the data can be a second stream. A second one that is damaged is no part of
/// the result, but a reader that stops at its limit may not live to see the damage.
fn is_one_stream(method: Compression, data: &[u8]) -> bool {
    let magic = MAGICS.iter().find(|(of, _)| *of == method);
    magic.is_none_or(|(_, magic)| !data.windows(magic.len()).skip(1).any(|at| at == *magic))
}
