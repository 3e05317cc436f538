//! Records of real nodes, and what `rs2p replay` makes of them.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::{rs2p, text};

/// A folder with the records of a mesh of three nodes in a line.
fn records(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("rs2p-{name}-{}", std::process::id()));
    let output = rs2p(&format!(
        "mesh --encryption plaintext --nodes 3 --topology line --messages 6 --record {}",
        folder.display()
    ));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    folder
}

#[test]
fn each_node_of_a_recorded_mesh_does_the_same_again() {
    let folder = records("same");
    for node in 0..3 {
        let path = folder.join(format!("node-{node}.record"));
        let output = rs2p(&format!("replay --json {}", path.display()));
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let figures: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(figures["difference"], Value::Null, "{figures}");
        assert_eq!(figures["state"]["stats"]["delivered"], 4, "{figures}");
        assert!(figures["compared"].as_u64().unwrap() > 5, "{figures}");
    }
    let path = folder.join("node-1.record");
    let record = fs::read_to_string(&path).unwrap();
    // Just before the last message: then the links are up.
    let line = record.lines().rfind(|line| line.contains(" event message ")).unwrap();
    let millis: f64 = line.split("ms ").next().unwrap().parse().unwrap();
    let at = rs2p(&format!("replay --at {}ms {}", millis.floor(), path.display()));
    let shown = text(&at.stdout);
    assert!(shown.contains("c1 established, ") && !shown.contains(" n0 "), "{shown}");
    // Before anything has happened there is the node, and nothing to compare.
    let output = rs2p(&format!("replay --at 1ms {}", path.display()));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let shown = text(&output.stdout);
    assert!(shown.contains("\nnode       ") && shown.contains("shown      nothing to compare"));
    assert!(!shown.contains("did the same"), "{shown}");
    let output = rs2p(&format!("replay --json --at 1ms {}", path.display()));
    let early: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&early["compared"], &early["state"]["stats"]["frames_in"]), (&0.into(), &0.into()));
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_differs_is_named_and_is_a_failure() {
    let folder = records("differs");
    let path = folder.join("node-0.record");
    let record = fs::read_to_string(&path).unwrap();
    let seed = record.lines().find(|line| line.starts_with("seed ")).unwrap();
    fs::write(&path, record.replace(seed, &format!("seed {}", "00".repeat(32)))).unwrap();
    let output = rs2p(&format!("replay {}", path.display()));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let shown = text(&output.stdout);
    assert!(shown.contains("differs    line "), "{shown}");
    assert!(shown.contains("\nrecorded   c1 out ") && shown.contains("\nnow        c1 out "));
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_is_no_record_is_told_with_its_line() {
    let path = std::env::temp_dir().join(format!("rs2p-no-record-{}", std::process::id()));
    for (content, expected) in [
        ("", None),
        ("hello\n", Some("line 1: a record begins with `rs2p record 1`")),
        ("rs2p record 1\nfrob 3\n", Some("line 2: this is no line of a record")),
        ("rs2p record 1\nlimit max_packets 3\n0.0ms n0 timeout\n", None),
        (
            &format!("rs2p record 1\nseed {}\nlimit max_packets 3\n", "00".repeat(32)),
            Some("line 3: the lines before make no node: max_packets must be at least 16"),
        ),
    ] {
        fs::write(&path, content).unwrap();
        let output = rs2p(&format!("replay {}", path.display()));
        match expected {
            Some(expected) => {
                assert_eq!(output.status.code(), Some(1), "{content}: {output:?}");
                let shown = text(&output.stderr);
                assert!(shown.trim_end().ends_with(expected), "{shown}");
                assert_eq!(shown.lines().count(), 1, "{shown}");
            }
            None => assert_eq!(output.status.code(), Some(0), "{content}: {output:?}"),
        }
    }
    fs::write(&path, b"rs2p record 1\n\xff\n").unwrap();
    let output = rs2p(&format!("replay {}", path.display()));
    assert!(text(&output.stderr).ends_with("line 2: it is no text\n"), "{output:?}");
    fs::remove_file(&path).unwrap();
}

#[test]
fn a_run_step_by_step_stops_where_it_is_told_to() {
    use std::io::Write;
    use std::process::{Command, Stdio};

    let folder = records("steps");
    let mut child = Command::new(env!("CARGO_BIN_EXE_rs2p"))
        .args(["replay", "--step"])
        .arg(folder.join("node-0.record"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"\n2\ns\n?\nq\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let shown = text(&output.stdout);
    let lines = shown.lines().filter(|line| line.contains("ms n0 ")).count();
    assert_eq!(lines, 4, "{shown}");
    assert_eq!(shown.matches("\nnode  ").count() + shown.matches("step> node  ").count(), 2);
    assert!(shown.contains("the next N lines"), "{shown}");
    fs::remove_dir_all(folder).unwrap();
}
