//! How much of all that is limited what is held takes.

/// How much of all that is limited something takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) len: usize,
    pub(super) sources: usize,
    pub(super) runs: usize,
}

/// One of these.
#[derive(Clone, Copy, Debug)]
pub(super) enum Measure {
    Len,
    Sources,
    Runs,
}

impl Size {
    pub(super) fn of(self, measure: Measure) -> usize {
        match measure {
            Measure::Len => self.len,
            Measure::Sources => self.sources,
            Measure::Runs => self.runs,
        }
    }

    /// Counts something that was this long and is that long now.
    pub(super) fn change(&mut self, before: Self, after: Self) {
        self.len = (self.len + after.len).saturating_sub(before.len);
        self.sources = (self.sources + after.sources).saturating_sub(before.sources);
        self.runs = (self.runs + after.runs).saturating_sub(before.runs);
    }
}
