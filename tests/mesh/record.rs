//! What is recorded of a real node makes the same node again.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rs2p::record::{Line, LineKind, Replay, Turn};
use rs2p::{Encryption, MeshSocket, NodeId, Payloads, Recorded, Recorder, RuleKind};

/// A file that a test can read.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

const PATIENCE: Duration = Duration::from_secs(30);

/// A node in the middle of two others lives a life with every kind of call in it, and is recorded.
fn life(encryption: Encryption, payloads: Payloads) -> (String, NodeId, Recorded) {
    let paper = Paper::default();
    let recorder = Recorder::new(paper.clone(), payloads).unwrap();
    let node = || MeshSocket::builder().encryption(encryption).max_outgoing(0);
    let middle = node().record(&recorder).bind("127.0.0.1:0").unwrap();
    let [left, right] = [(); 2].map(|()| node().bind("127.0.0.1:0").unwrap());
    left.connect(middle.local_addr()).unwrap();
    middle.add_seed(right.local_addr()).unwrap();
    assert_eq!(middle.wait_for_peers(2, PATIENCE), 2);
    left.wait_for_peers(1, PATIENCE);
    right.wait_for_peers(1, PATIENCE);
    let long = "the long tale of the secret treasure ".repeat(100);
    for text in ["the secret", &long] {
        left.send(&[text]).unwrap();
        for other in [&middle, &right] {
            assert!(other.recv_timeout(PATIENCE).unwrap().is_some());
        }
    }
    middle.send(&["mine and secret"]).unwrap();
    assert!(left.recv_timeout(PATIENCE).unwrap().is_some());
    assert!(right.recv_timeout(PATIENCE).unwrap().is_some());
    middle.whisper(&left.id(), &["low and secret"]).unwrap();
    assert!(left.recv_timeout(PATIENCE).unwrap().is_some());
    assert!(left.locate(&right.id()).is_ok());
    middle.deny("192.0.2.7".parse::<std::net::IpAddr>().unwrap(), Some(PATIENCE)).unwrap();
    middle.remove_rule(RuleKind::Deny, "192.0.2.7".parse::<std::net::IpAddr>().unwrap());
    assert!(middle.remove_seed(right.local_addr()));
    middle.disconnect(&right.id());
    middle.clear_status();
    let id = middle.id();
    middle.close();
    let recorded = recorder.finish().unwrap();
    (paper.text(), id, recorded)
}

fn replay(text: &str) -> Replay {
    let mut replay = Replay::new();
    for line in text.lines() {
        let fed = replay.feed(line);
        assert!(fed.is_ok(), "{fed:?}: {line}");
    }
    replay
}

#[test]
fn a_recorded_node_does_the_same_again_to_the_byte() {
    let (text, id, recorded) = life(Encryption::Plaintext, Payloads::Whole);
    let replay = replay(&text);
    assert_eq!((replay.difference(), replay.left(), replay.lost()), (None, 0, 0));
    let lines = text.lines().filter(|line| line.contains(" n0 ")).count() as u64;
    assert_eq!((recorded.lines, recorded.lost), (lines, 0));
    assert!(replay.compared() > 20, "{}", replay.compared());
    let node = replay.node().unwrap();
    assert_eq!((node.id(), node.is_closed()), (id, true));
    assert!(text.contains(" call whisper ") && text.contains(" call accept "));
}

#[test]
fn the_first_output_that_is_another_is_named() {
    let (text, ..) = life(Encryption::Plaintext, Payloads::Whole);
    let is_own = |line: &&str| line.contains("call broadcast ");
    let line = text.lines().find(is_own).unwrap();
    // Another message of the same length.
    let changed = text.replace(line, &line.replace("6d696e65", "6d696e66"));
    let replay = replay(&changed);
    let found = replay.difference().unwrap();
    let recorded = found.recorded.as_deref().unwrap_or_default();
    assert!(recorded.contains(" out "), "{found:?}");
    let at = usize::try_from(found.line).unwrap();
    assert!(text.lines().nth(at - 1).unwrap().ends_with(recorded), "{found:?}");
    assert!(found.line > text.lines().position(|it| it == line).unwrap() as u64);
}

#[test]
fn a_redacted_record_tells_nothing_that_was_said_and_decides_alike() {
    let (text, id, _) = life(Encryption::Plaintext, Payloads::Redacted);
    for secret in ["secret", "treasure"] {
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert!(!text.contains(&hex), "{secret}");
    }
    let replay = replay(&text);
    assert_eq!(replay.difference(), None);
    assert_eq!(replay.node().unwrap().id(), id);
    assert_eq!(replay.node().unwrap().stats().delivered, 2);
    assert_eq!(replay.doubts().count(), 1);
}

#[cfg(feature = "tls")]
#[test]
fn a_node_under_tls_is_shown_and_not_run_again() {
    let (text, ..) = life(Encryption::Tls, Payloads::Whole);
    assert!(!text.lines().any(|line| line.starts_with("seed ")));
    let replay = replay(&text);
    assert!(replay.node().is_none() && replay.difference().is_none());
    assert!(replay.obstacle().unwrap().contains("entropy"));
}

#[test]
fn a_record_with_a_hole_is_read_on_and_its_node_is_not_run_behind_it() {
    let (text, ..) = life(Encryption::Plaintext, Payloads::Whole);
    let mut lines: Vec<&str> = text.lines().collect();
    let hole = lines.len() - 8;
    lines.splice(hole..hole + 3, ["9.000000ms n0 lost 3"]);
    let replay = replay(&lines.join("\n"));
    assert!(replay.node().is_none() && replay.difference().is_none());
    assert_eq!(replay.lost(), 3);
}

/// A writer that waits for ever, until it may write, or fails, as on a full disk.
struct Stuck(Option<std::sync::mpsc::Receiver<()>>, Paper);

impl Write for Stuck {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let Some(gate) = &self.0 else { return Err(io::ErrorKind::StorageFull.into()) };
        let _ = gate.recv();
        self.1.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn talk(recorder: &Recorder, messages: usize) {
    let node = || MeshSocket::builder().encryption(Encryption::Plaintext).max_outgoing(0);
    let one = node().record(recorder).bind("127.0.0.1:0").unwrap();
    let other = node().bind("127.0.0.1:0").unwrap();
    one.connect(other.local_addr()).unwrap();
    other.wait_for_peers(1, PATIENCE);
    let big = vec![b'x'; 4 << 20];
    for _ in 0..messages {
        one.send(&[&big[..3 << 20]]).unwrap();
        assert!(other.recv_timeout(PATIENCE).unwrap().is_some());
    }
    assert!(one.close().is_clean());
}

#[test]
fn t40_a_writer_that_is_stuck_holds_no_loop_up_and_what_it_misses_is_counted() {
    let (open, gate) = std::sync::mpsc::channel();
    let paper = Paper::default();
    let recorder = Recorder::new(Stuck(Some(gate), paper.clone()), Payloads::Whole).unwrap();
    // More bytes than may wait, with the call and the output of each.
    talk(&recorder, 30);
    drop(open);
    let recorded = recorder.finish().unwrap();
    assert!(recorded.lost > 0 && recorded.lines > 0, "{recorded:?}");
    // Also what was missed last, behind which nothing more was written.
    let replay = replay(&paper.text());
    assert_eq!(replay.lost(), recorded.lost);
    assert!(replay.node().is_none() && replay.obstacle().is_some());
}

#[test]
fn t40_a_full_disk_ends_the_record_and_not_the_node() {
    let recorder = Recorder::new(Stuck(None, Paper::default()), Payloads::Whole).unwrap();
    talk(&recorder, 2);
    assert_eq!(recorder.finish().unwrap_err().kind(), io::ErrorKind::StorageFull);
}

#[test]
fn a_line_is_of_one_kind() {
    let (text, ..) = life(Encryption::Plaintext, Payloads::Whole);
    let mut replay = Replay::new();
    for line in text.lines() {
        let Turn::Line(kind, at) = replay.feed(line).unwrap() else { continue };
        let read = Line::parse(line).unwrap();
        assert_eq!((read.kind(), read.at, read.node), (kind, at, 0));
        assert_ne!(kind, LineKind::Lost);
    }
}

#[test]
fn a_record_with_any_bytes_in_it_is_read_or_refused_and_ends_nothing() {
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    let (text, ..) = life(Encryption::Plaintext, Payloads::Whole);
    let mut rng = StdRng::seed_from_u64(7);
    let (mut refused, mut other) = (0, 0);
    for _ in 0..400 {
        let mut bytes = text.clone().into_bytes();
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(14..bytes.len());
            bytes[at] = *b"0123456789abcdef xcn.:\n".get(rng.random_range(0..23)).unwrap();
        }
        let text = String::from_utf8(bytes).unwrap();
        let mut replay = Replay::new();
        match text.lines().try_for_each(|line| replay.feed(line).map(drop)) {
            Ok(()) => other += u64::from(replay.difference().is_some()),
            Err(error) => {
                refused += 1;
                assert_eq!(error.line, replay.line());
            }
        }
    }
    assert!(refused > 10 && other > 10, "{refused} refused, {other} with a difference");
}
