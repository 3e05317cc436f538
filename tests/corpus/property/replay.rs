//! A record of any text is read or refused at a line, by its number, and its node does the same each
//! time it is run.
//!
//! Input: the record, a text of lines.

use rs2p::record::{Replay, ReplayError};

/// The most lines that are read of one, so that no input takes long.
const MAX_LINES: usize = 1_000;

pub(super) fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (replay, read) = run(&text);
    let count = u64::try_from(text.lines().take(MAX_LINES).count()).unwrap();
    match &read {
        Ok(()) => assert_eq!(replay.line(), count),
        Err(error) => assert!((1..=count).contains(&error.line) && error.line == replay.line()),
    }
    if let Some(difference) = replay.difference() {
        assert!(difference.line <= count && replay.left() == 0, "{difference:?}");
    }
    let (again, read_again) = run(&text);
    assert_eq!(read, read_again);
    assert_eq!(replay.difference(), again.difference());
    assert_eq!((replay.compared(), replay.left()), (again.compared(), again.left()));
    let stats = |replay: &Replay| replay.node().map(|node| format!("{:?}", node.stats()));
    assert_eq!(stats(&replay), stats(&again));
}

fn run(text: &str) -> (Replay, Result<(), ReplayError>) {
    let mut replay = Replay::new();
    let read = text.lines().take(MAX_LINES).try_for_each(|line| replay.feed(line).map(drop));
    (replay, read)
}
