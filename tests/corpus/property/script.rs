//! Choices read from bytes, so that a fuzzer can make them.

use arbitrary::Unstructured;

/// The choices of one run. Behind the last byte every choice is the first one.
///
/// Each takes whole bytes from the front: a script can be written by hand, and a byte that a
/// fuzzer changes changes one choice.
pub(super) struct Script<'a> {
    bytes: Unstructured<'a>,
}

impl<'a> Script<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { bytes: Unstructured::new(data) }
    }

    pub(super) fn is_over(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.bytes.arbitrary().unwrap_or_default()
    }

    pub(super) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// A number below `count`, of one byte.
    pub(super) fn below(&mut self, count: usize) -> usize {
        usize::from(self.byte()) % count.max(1)
    }

    /// A number of two bytes, the least significant first.
    pub(super) fn short(&mut self) -> usize {
        usize::from(self.bytes.arbitrary::<u16>().unwrap_or_default())
    }

    pub(super) fn pick<T: Copy>(&mut self, options: &[T]) -> T {
        options[self.below(options.len())]
    }

    /// As many bytes as a byte says, or as there are.
    pub(super) fn text(&mut self) -> &'a [u8] {
        let len = usize::from(self.byte());
        self.take(len)
    }

    /// Up to `len` bytes.
    pub(super) fn take(&mut self, len: usize) -> &'a [u8] {
        self.bytes.bytes(len.min(self.bytes.len())).unwrap_or_default()
    }

    /// All that is left.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        self.take(usize::MAX)
    }
}
