//! Hostile input at the wire level is refused, and costs little memory before it is.
//!
//! A test binary of its own, because it counts allocations: the counting allocator is global, so
//! the tests take turns. The C library behind `lzma` allocates past it; on Linux the resident
//! memory of the process is looked at as well.

#[cfg(feature = "rsa")]
mod bad_peers;
mod bomb;
mod hostile;
#[cfg(feature = "tls")]
mod sessions;

use std::alloc::System;
use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use cap::Cap;
use rs2p::wire::{
    Compression, CompressionError, Compressions, DecodeError, DecodeLimits, FrameDecoder,
    PathfindingMessage,
};

use bomb::Bomb;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// The limits that all input here runs into.
const LIMITS: DecodeLimits = DecodeLimits { max_body_len: 4 * MIB, max_packets: 1_024 };

/// What a decoder may hold beside its result: 32 MiB of an .xz dictionary, and some.
const DECODER_ALLOWANCE: usize = 40 * MIB;

#[test]
fn t1_an_announced_frame_is_not_allocated() {
    let _turn = turn();
    let (frame, cost) = least_cost_of(|| {
        let mut decoder = FrameDecoder::default();
        let mut input: &[u8] = b"\xff\xff\xff\xff\0\0\0\x07";
        decoder.next_frame(&mut input, usize::MAX)
    });
    assert_eq!(frame, Ok(None));
    cost.assert_within(KIB);
}

#[test]
fn t2_announced_packets_are_not_allocated() {
    let _turn = turn();
    let body = Bytes::from_static(&[0xff; 400]);
    let (message, cost) = least_cost_of(|| decode(body.clone(), Compressions::NONE));
    assert_eq!(message, Err(DecodeError::PacketLengths));
    cost.assert_within(KIB);
}

#[test]
fn t7_bombs_are_refused_within_the_limit_and_an_allowance() {
    let _turn = turn();
    let mut seen = 0;
    for Bomb { method, body } in bomb::all() {
        if !method.is_supported() {
            continue;
        }
        for list in [Compressions::from_iter([method]), Compressions::supported()] {
            let (message, cost) = cost_of(|| decode(body.clone(), list));
            let refused = DecodeError::DecompressedTooLong { max: LIMITS.max_body_len };
            assert_eq!(message, Err(refused), "{method}");
            cost.assert_within(LIMITS.max_body_len + DECODER_ALLOWANCE);
        }
        seen += 1;
    }
    assert_eq!(seen, Compressions::supported().iter().count());
}

#[test]
fn a_growing_result_is_moved_in_doubling_steps() {
    let _turn = turn();
    let [bomb, ..] = bomb::all();
    let max_len = 32 * MIB;
    let (result, cost) = cost_of(|| bomb.method.decompress(&bomb.body, max_len));
    assert_eq!(result, Err(CompressionError::TooLong));
    // All lengths on the way to the limit add up to less than twice the limit; the last step is
    // the byte above it.
    assert!(cost.allocated < 3 * max_len + MIB, "{cost:?}");
}

#[test]
fn t7_streams_that_ask_for_a_large_dictionary_are_refused_before_they_get_it() {
    let _turn = turn();
    if !Compression::Lzma.is_supported() {
        return;
    }
    for body in [bomb::LZMA_OF_4_GIB, bomb::XZ_OF_64_MIB].map(Bytes::from_static) {
        let (message, cost) = cost_of(|| decode(body, Compressions::supported()));
        assert_eq!(message, Err(DecodeError::DecompressionMemory));
        cost.assert_within(MIB);
    }
}

#[test]
fn t7_many_empty_streams_are_not_all_set_up() {
    let _turn = turn();
    for (method, empty) in
        [(Compression::Bz2, bomb::EMPTY_BZ2), (Compression::Lzma, bomb::EMPTY_XZ)]
    {
        if !method.is_supported() {
            continue;
        }
        assert_eq!(method.decompress(empty, 0), Ok(Vec::new()));
        // 4 MiB of them: more than 100,000 decoders of up to 4 MiB, of which 64 are set up.
        let body = Bytes::from(empty.repeat(4 * MIB / empty.len()));
        let (message, cost) = cost_of(|| decode(body, Compressions::from_iter([method])));
        assert_eq!(message, Err(DecodeError::PacketLengths), "{method}");
        cost.assert_within(64 * 4 * MIB);
    }
}

fn decode(body: Bytes, may_be_under: Compressions) -> Result<PathfindingMessage, DecodeError> {
    PathfindingMessage::decode_body(body, may_be_under, LIMITS)
}

/// Waits until no other test runs.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a piece of work took in bytes.
#[derive(Debug)]
struct Cost {
    /// All that was allocated, whether or not it was freed: no less than was held at once.
    allocated: usize,
    /// The most that was resident at once above what was before, where the system tells.
    resident: Option<usize>,
}

impl Cost {
    /// Resident memory comes in pages, which may be huge, and the test harness has some of its own.
    const PAGES: usize = 4 * MIB;

    fn assert_within(&self, max: usize) {
        assert!(self.allocated <= max, "{self:?} exceeds {max}");
        assert!(self.resident.unwrap_or(0) <= max + Self::PAGES, "{self:?} exceeds {max}");
    }
}

fn cost_of<T>(work: impl FnOnce() -> T) -> (T, Cost) {
    // Linux takes this as: forget the high-water mark.
    let forgotten = fs::write("/proc/self/clear_refs", "5").is_ok();
    let mark = high_water_mark().filter(|_| forgotten);
    let allocated = ALLOCATOR.total_allocated();
    let result = work();
    let allocated = ALLOCATOR.total_allocated() - allocated;
    let resident = mark.zip(high_water_mark()).map(|(before, after)| after.saturating_sub(before));
    (result, Cost { allocated, resident })
}

/// What the cheapest of some runs took, for work that takes next to nothing: the test harness
/// allocates as well, whenever it likes.
fn least_cost_of<T>(mut work: impl FnMut() -> T) -> (T, Cost) {
    let first = cost_of(&mut work);
    (1..8)
        .map(|_| cost_of(&mut work))
        .fold(first, |least, next| if next.1.allocated < least.1.allocated { next } else { least })
}

/// The most memory that was resident at once, in bytes, where the system tells.
fn high_water_mark() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: usize = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib * KIB)
}
