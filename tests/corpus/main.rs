//! What the fuzz targets check, on inputs that are worth keeping: the golden vectors that the
//! corpora began with, and every file of `fuzz/corpus`.
//!
//! The properties stand here rather than in `fuzz/`, so that plain `cargo test` and the fuzzer run
//! the same code; `fuzz/src/lib.rs` takes `property` in by its path. A package of the crate holds
//! no `fuzz/`: there the golden vectors alone are run.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what does not hold fails its test"
)]

mod property;
mod scripts;
mod seeds;

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use property::{PROPERTIES, Property};

/// The most files of one corpus, and the most bytes of all corpora.
const MAX_FILES: usize = 150;
const MAX_LEN: usize = 1 << 20;

#[test]
fn every_property_holds_for_every_seed() {
    for property in &PROPERTIES {
        let seeds = seeds::of(property.name);
        assert!(seeds.len() >= 5, "only {} seeds of {}", seeds.len(), property.name);
        for (name, data) in seeds {
            hold(property, &format!("seed {name} of {}", property.name), &data);
        }
    }
}

#[test]
fn every_property_holds_for_every_file_of_its_corpus() {
    let Some(corpora) = corpora() else { return };
    let mut len = 0;
    for property in &PROPERTIES {
        let files = files(&corpora.join(property.name));
        assert!(!files.is_empty(), "the corpus of {} is empty", property.name);
        assert!(files.len() <= MAX_FILES, "{} has {} files", property.name, files.len());
        for file in files {
            let data = fs::read(&file).unwrap();
            len += data.len();
            hold(property, &file.display().to_string(), &data);
        }
    }
    assert!(len <= MAX_LEN, "the corpora take {len} bytes");
}

#[test]
fn every_corpus_and_every_target_belongs_to_a_property() {
    let Some(corpora) = corpora() else { return };
    let targets = corpora.parent().unwrap().join("fuzz_targets");
    let mut names: Vec<_> = PROPERTIES.iter().map(|property| property.name.to_owned()).collect();
    names.sort();
    for folder in [corpora, targets] {
        let entries = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let mut found: Vec<_> =
            entries.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
        found.sort();
        assert_eq!(found, names, "{}", folder.display());
    }
}

/// Writes the seeds into the corpora, beside what is there: see `fuzz/README.md`.
#[test]
#[ignore = "changes fuzz/corpus"]
fn write_the_seeds() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for property in &PROPERTIES {
        let folder = corpora.join(property.name);
        fs::create_dir_all(&folder).unwrap();
        for (name, data) in seeds::of(property.name) {
            fs::write(folder.join(name), data).unwrap();
        }
    }
}

/// Runs a property, and says on which input it failed.
fn hold(property: &Property, input: &str, data: &[u8]) {
    if catch_unwind(|| (property.check)(data)).is_err() {
        panic!("{} does not hold for {input}", property.name);
    }
}

/// `fuzz/corpus`, where there is one.
fn corpora() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    path.is_dir().then_some(path)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}
