//! The sizes that an RSA key can have here.

use std::fmt;

use super::KeyError;

/// The size of an RSA key in bits, known to be one that a py2p peer can work with.
///
/// From [`KeySize::MIN`] to [`KeySize::MAX`], and never one above a multiple of eight: py2p reads
/// one byte too few of what such a key encrypts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeySize(usize);

impl KeySize {
    /// 354 bits, the least that can sign with MD5. Good for tests of py2p's arithmetic only.
    pub const MIN: Self = Self(354);
    /// 8,192 bits, where py2p begins to warn.
    pub const MAX: Self = Self(8_192);
    /// 1,024 bits, py2p's default, and the size of every key in its meshes.
    pub const DEFAULT: Self = Self(Self::LEAST_UNSAID);
    /// Below this a caller has to say that it knows.
    const LEAST_UNSAID: usize = 1_024;

    /// A size of 1,024 to 8,192 bits.
    ///
    /// # Errors
    ///
    /// [`KeyError::WeakSize`] below, [`KeyError::SizeOutOfRange`] above, and
    /// [`KeyError::UnusableSize`] for what py2p cannot read.
    pub const fn new(bits: usize) -> Result<Self, KeyError> {
        match Self::weak(bits) {
            Ok(_) if bits < Self::LEAST_UNSAID => Err(KeyError::WeakSize { bits }),
            result => result,
        }
    }

    /// A size of 354 to 8,192 bits: also one that a desktop computer breaks, which below 600 bits
    /// takes hours.
    ///
    /// # Errors
    ///
    /// [`KeyError::SizeOutOfRange`], and [`KeyError::UnusableSize`] for what py2p cannot read.
    pub const fn weak(bits: usize) -> Result<Self, KeyError> {
        if bits < Self::MIN.0 || bits > Self::MAX.0 {
            Err(KeyError::SizeOutOfRange { bits })
        } else if bits % 8 == 1 {
            Err(KeyError::UnusableSize { bits })
        } else {
            Ok(Self(bits))
        }
    }

    /// The number of bits.
    pub const fn bits(self) -> usize {
        self.0
    }

    /// The length in bytes of everything that a key of this size encrypts or signs.
    pub const fn block_len(self) -> usize {
        self.0.div_ceil(8)
    }

    /// The most bytes that a key of this size encrypts at once: eleven go to the padding.
    pub const fn max_plain_len(self) -> usize {
        self.block_len() - 11
    }
}

impl fmt::Display for KeySize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bits", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_that_cannot_work_are_refused_by_what_is_wrong_with_them() {
        assert_eq!(KeySize::new(1_024), Ok(KeySize::DEFAULT));
        assert_eq!(KeySize::new(1_023), Err(KeyError::WeakSize { bits: 1_023 }));
        assert_eq!(KeySize::weak(1_023).map(KeySize::bits), Ok(1_023));
        assert_eq!(KeySize::weak(354), Ok(KeySize::MIN));
        for bits in [0, 353, 8_193, usize::MAX] {
            assert_eq!(KeySize::weak(bits), Err(KeyError::SizeOutOfRange { bits }));
        }
        for bits in [361, 513, 1_017, 1_025, 8_185] {
            assert_eq!(KeySize::weak(bits), Err(KeyError::UnusableSize { bits }));
        }
        assert_eq!(KeySize::new(1_025), Err(KeyError::UnusableSize { bits: 1_025 }));
    }
}
