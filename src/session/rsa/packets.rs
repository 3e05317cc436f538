//! How a message becomes the pieces that are encrypted one by one, and what sizes they have.

use crate::rsa::KeySize;

/// The length of the field in front of the count of pieces, in bytes.
pub(super) const COUNT_HEADER_LEN: usize = 4;

/// The length of the pieces that are encrypted for a key of this size.
///
/// It can be one byte less than what the key could encrypt, where its size is no multiple of
/// eight.
pub fn chunk_len(size: KeySize) -> usize {
    (size.bits() / 8).saturating_sub(11)
}

/// The most bytes that fit one message for a key of this size, as far as its header goes. Nobody
/// sends or takes that much: it is what py2p states as its limit.
pub fn charlimit(size: KeySize) -> u64 {
    let chunk = u64::try_from(chunk_len(size)).unwrap_or(u64::MAX);
    u64::from(u32::MAX).saturating_mul(chunk).saturating_sub(259)
}

/// The shortest big-endian bytes of a number; none for zero.
pub fn int_to_bin(number: u128) -> Vec<u8> {
    number.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect()
}

/// The number that big-endian bytes stand for; `None` if it has more than 128 bits.
pub fn bin_to_int(bytes: &[u8]) -> Option<u128> {
    bytes.iter().try_fold(0_u128, |number, byte| Some(number.checked_mul(256)? | u128::from(*byte)))
}

/// Puts the count of pieces in front of a message. The count includes what the count itself takes.
///
/// The result is cut into pieces of `chunk` bytes, of which the last may be shorter.
pub(super) fn with_count(message: &[u8], chunk: usize) -> Vec<u8> {
    let mut count = message.len().div_ceil(chunk.max(1));
    loop {
        let digits = int_to_bin(count.try_into().unwrap_or(u128::MAX));
        let len = COUNT_HEADER_LEN.saturating_add(digits.len()).saturating_add(message.len());
        let needed = len.div_ceil(chunk.max(1));
        if needed == count {
            // A usize has at most eight bytes.
            let header = u32::try_from(digits.len()).unwrap_or(u32::MAX).to_be_bytes();
            return [&header, digits.as_slice(), message].concat();
        }
        count = needed;
    }
}

/// The number of pieces that a message of `len` bytes becomes.
pub(super) fn count_of(len: usize, chunk: usize) -> usize {
    // The longest count is that of a usize.
    let most = len.saturating_add(COUNT_HEADER_LEN).saturating_add(size_of::<usize>());
    let digits = int_to_bin(most.div_ceil(chunk.max(1)).try_into().unwrap_or(u128::MAX)).len();
    len.saturating_add(COUNT_HEADER_LEN).saturating_add(digits).div_ceil(chunk.max(1))
}

/// The pieces that a message becomes, before each is encrypted.
///
/// # Panics
///
/// Never: a `chunk` of zero is taken for one.
pub fn construct_packets(message: &[u8], chunk: usize) -> Vec<Vec<u8>> {
    with_count(message, chunk).chunks(chunk.max(1)).map(<[u8]>::to_vec).collect()
}
