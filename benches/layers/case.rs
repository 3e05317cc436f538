//! What a bench is: a name, and a source of batches of work.

use std::hint::black_box;

/// One bench.
pub(crate) struct Case {
    /// Layer, work and size, parted by slashes.
    pub(crate) name: String,
    /// What one of the things is that a batch does: a message, say.
    pub(crate) unit: &'static str,
    /// The payload bytes of one unit; 0 where there are none to speak of.
    pub(crate) len: usize,
    /// Whether it does without sockets and threads, so that its instructions can be counted.
    pub(crate) is_pure: bool,
    open: Box<dyn Fn() -> Source>,
}

/// Makes the batches of a bench. Holds what they share, such as nodes that are linked already.
pub(crate) struct Source(Box<dyn FnMut() -> Batch>);

/// Work that is ready to be done and measured. Returns how many units it was.
pub(crate) struct Batch(Box<dyn FnMut() -> u64>);

impl Case {
    /// A bench whose instructions are not counted.
    pub(crate) fn new(
        name: String,
        unit: &'static str,
        len: usize,
        open: impl Fn() -> Source + 'static,
    ) -> Self {
        Self { name, unit, len, is_pure: false, open: Box::new(open) }
    }

    /// Within one thread, and the same happens every time.
    pub(crate) fn pure(self) -> Self {
        Self { is_pure: true, ..self }
    }

    /// Gets everything ready that all batches share.
    pub(crate) fn open(&self) -> Source {
        (self.open)()
    }
}

impl Source {
    pub(crate) fn new(prepare: impl FnMut() -> Batch + 'static) -> Self {
        Self(Box::new(prepare))
    }

    /// Gets one batch ready, which is not measured.
    pub(crate) fn prepare(&mut self) -> Batch {
        (self.0)()
    }
}

impl Batch {
    pub(crate) fn new(work: impl FnMut() -> u64 + 'static) -> Self {
        Self(Box::new(work))
    }

    /// The same work so many times, each of which is one unit.
    pub(crate) fn repeat<T>(count: u64, mut work: impl FnMut() -> T + 'static) -> Self {
        Self::new(move || {
            for _ in 0..count {
                black_box(work());
            }
            count
        })
    }

    /// One unit of work for each of these things.
    pub(crate) fn each<I: 'static, T>(
        items: Vec<I>,
        mut work: impl FnMut(&I) -> T + 'static,
    ) -> Self {
        Self::new(move || {
            for item in &items {
                black_box(work(item));
            }
            items.len() as u64
        })
    }

    /// Does the work.
    pub(crate) fn run(&mut self) -> u64 {
        (self.0)()
    }

    /// Does the work under a name that a profiler can find.
    #[inline(never)]
    pub(crate) fn run_counted(&mut self) -> u64 {
        black_box((self.0)())
    }
}
