//! What goes over the wires of a mesh.

use rs2p::Stats;

use crate::console::grouped;

/// What all nodes counted together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Traffic {
    pub(crate) frames_in: u64,
    pub(crate) frames_out: u64,
    pub(crate) bytes_out: u64,
    /// Messages that came again, at another node or at their sender.
    pub(crate) duplicates: u64,
    /// Messages dropped for any other reason.
    pub(crate) dropped: u64,
    pub(crate) refused: u64,
}

impl Traffic {
    pub(crate) fn of(stats: impl Iterator<Item = Stats>) -> Self {
        stats.fold(Self::default(), |sum, stats| sum.plus(&stats))
    }

    pub(crate) fn plus(self, stats: &Stats) -> Self {
        let duplicates = stats.dropped.duplicate + stats.dropped.own;
        Self {
            frames_in: self.frames_in + stats.frames_in,
            frames_out: self.frames_out + stats.frames_out,
            bytes_out: self.bytes_out + stats.bytes_out,
            duplicates: self.duplicates + duplicates,
            dropped: self.dropped + stats.dropped.total() - duplicates,
            refused: self.refused + stats.refused.total(),
        }
    }

    /// What was sent, shared out among the deliveries. There must be some.
    pub(crate) fn in_words(self, deliveries: u64) -> String {
        let frames = self.frames_out as f64 / deliveries as f64;
        let bytes = self.bytes_out.saturating_add(deliveries / 2) / deliveries.max(1);
        format!("{frames:.2} frames and {} bytes a delivery", grouped(bytes))
    }

    pub(crate) fn since(self, earlier: &Self) -> Self {
        Self {
            frames_in: self.frames_in.saturating_sub(earlier.frames_in),
            frames_out: self.frames_out.saturating_sub(earlier.frames_out),
            bytes_out: self.bytes_out.saturating_sub(earlier.bytes_out),
            duplicates: self.duplicates.saturating_sub(earlier.duplicates),
            dropped: self.dropped.saturating_sub(earlier.dropped),
            refused: self.refused.saturating_sub(earlier.refused),
        }
    }
}
