//! The bad network of `--chaos`, in builds that have one.

use std::ffi::OsString;

use rs2p::Builder;
#[cfg(feature = "chaos")]
use rs2p::{Chaos, ChaosOptions};
use serde_json::{Value, json};

use crate::args::UsageError;
use crate::console::count;

/// What the network does to all nodes of the mesh.
#[derive(Debug)]
pub(super) struct Storm {
    #[cfg(feature = "chaos")]
    chaos: Chaos,
    has_cuts: bool,
}

/// What it did, by its names.
pub(super) type Counts = [(&'static str, u64); 4];

/// Reads a list as `delay=20..200ms,cut=1%`.
#[cfg(feature = "chaos")]
pub(super) fn read(value: &OsString) -> Result<String, UsageError> {
    let text = value.to_string_lossy().into_owned();
    match text.parse::<ChaosOptions>() {
        Ok(options) => Ok(options.to_string()),
        Err(error) => Err(UsageError::BadValue {
            option: "--chaos",
            value: text,
            expected: format!("a list as delay=20..200ms,cut=1% ({error})"),
        }),
    }
}

#[cfg(not(feature = "chaos"))]
pub(super) fn read(_: &OsString) -> Result<String, UsageError> {
    Err(UsageError::NotBuilt { what: "--chaos".to_owned(), feature: "chaos" })
}

impl Storm {
    /// A network that is good until it is switched on.
    #[cfg(feature = "chaos")]
    pub(super) fn new(text: &str, seed: u64) -> Option<Self> {
        let mut options: ChaosOptions = text.parse().ok()?;
        options.seed = seed;
        let has_cuts = options.has_cuts();
        let chaos = Chaos::new(options);
        chaos.switch(false);
        Some(Self { chaos, has_cuts })
    }

    #[cfg(not(feature = "chaos"))]
    pub(super) fn new(_: &str, _: u64) -> Option<Self> {
        None
    }

    pub(super) fn apply(&self, builder: Builder) -> Builder {
        #[cfg(feature = "chaos")]
        return builder.chaos(&self.chaos);
        #[cfg(not(feature = "chaos"))]
        return builder;
    }

    pub(super) fn switch(&self, is_on: bool) {
        #[cfg(feature = "chaos")]
        self.chaos.switch(is_on);
        // Where there is none, nobody has one to switch.
        let _ = is_on;
    }

    /// Whether messages may be lost on connections that break.
    pub(super) fn has_cuts(&self) -> bool {
        self.has_cuts
    }

    pub(super) fn counts(&self) -> Counts {
        #[cfg(feature = "chaos")]
        let found = {
            let report = self.chaos.report();
            [report.cuts, report.stalls, report.delayed, report.held_back]
        };
        #[cfg(not(feature = "chaos"))]
        let found = [0; 4];
        let [cuts, stalls, delayed, held_back] = found;
        [("cuts", cuts), ("stalls", stalls), ("delayed", delayed), ("held_back", held_back)]
    }
}

/// What a bad network did, in words.
pub(super) fn in_words(counts: &Counts) -> String {
    let [(_, cuts), (_, stalls), (_, delayed), (_, held_back)] = *counts;
    format!(
        "{}, {}, {} late, {} held back",
        count(cuts, "cut"),
        count(stalls, "stall"),
        count(delayed, "piece"),
        count(held_back, "write")
    )
}

pub(super) fn to_json(asked: &str, counts: &Counts) -> Value {
    let mut object = json!({ "asked": asked });
    for (name, number) in counts {
        if let Some(fields) = object.as_object_mut() {
            fields.insert((*name).to_owned(), (*number).into());
        }
    }
    object
}
