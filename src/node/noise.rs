//! A look at bytes that tells in a microsecond whether to compress them is in vain, where to find out
//! by compressing them takes a hundred times as long.
//!
//! Noise - what is encrypted or compressed already - has every byte about as often as every other.
//! Texts and tables do not, and neither do digits of base 64. What the look does not see is whole
//! pieces of noise that come again.

/// How many bytes are looked at: this many pieces of this length, or all where there are no more.
const PIECES: usize = 4;
const PIECE_LEN: usize = 256;

/// Whether bytes look like noise.
pub(super) fn is_noise(data: &[u8]) -> bool {
    let mut counts = [0_u32; 256];
    let mut len = 0_u32;
    let step = (data.len() / PIECES).max(PIECE_LEN);
    for piece in data.chunks(step).take(PIECES) {
        for byte in piece.iter().take(PIECE_LEN) {
            if let Some(count) = counts.get_mut(usize::from(*byte)) {
                *count += 1;
                len += 1;
            }
        }
    }
    // How many pairs of equal bytes there are. Of n bytes that are drawn it is n(n - 1)/512, give or
    // take a tenth where n is 500 and a twentieth where it is 1,000.
    let pairs: u32 = counts.iter().map(|count| count * count.saturating_sub(1) / 2).sum();
    let expected = len * len.saturating_sub(1) / 512;
    pairs <= expected + expected / 2
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, RngExt, SeedableRng};

    use super::*;

    fn noise(seed: u64, len: usize) -> Vec<u8> {
        let mut data = vec![0; len];
        StdRng::seed_from_u64(seed).fill_bytes(&mut data);
        data
    }

    #[test]
    fn noise_of_any_length_is_known_and_nothing_else_is_taken_for_it() {
        let mut rng = StdRng::seed_from_u64(1);
        for seed in 0..1_000 {
            let len = rng.random_range(512..20_000);
            let data = noise(seed, len);
            assert!(is_noise(&data), "{seed}");
            let base64: Vec<u8> = data.iter().map(|byte| b'0' + byte % 64).collect();
            let texts = b"What is written by people has some letters far more often than others. ";
            let text: Vec<u8> = texts.iter().copied().cycle().take(len).collect();
            let table: Vec<u8> = data.iter().flat_map(|byte| [*byte, 0]).take(len).collect();
            for other in [base64, text, table, vec![7; len]] {
                assert!(!is_noise(&other), "{seed}");
            }
        }
    }

    #[test]
    fn what_compression_has_shortened_well_is_noise() {
        let mut rng = StdRng::seed_from_u64(2);
        let text: String = (0..3_000)
            .map(|_| ["word", "other ", "third, ", "7"][rng.random_range(0..4)])
            .collect();
        let packed = crate::wire::Compression::Gzip.compress(text.as_bytes()).unwrap();
        assert!(is_noise(&packed[100..]), "{}", packed.len());
    }
}
