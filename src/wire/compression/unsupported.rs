//! What stands for a method that this build lacks.

use super::CompressionError;

pub(super) fn compress(_: &[u8]) -> Result<Vec<u8>, CompressionError> {
    Err(CompressionError::Unsupported)
}

pub(super) fn decompress(_: &[u8], _: usize, _: &mut Vec<u8>) -> Result<(), CompressionError> {
    Err(CompressionError::Unsupported)
}
