//! What is no frame, and what would deceive its reader.

use serde_json::Value;

use crate::program::{decoded, hex, objects, printed, rs2p, text};

fn hello() -> Vec<u8> {
    printed(&["encode", "broadcast", "hello", "--time", "1466965490", "--raw"], b"")
}

#[test]
fn a_frame_cut_at_any_byte_is_told_in_one_line_with_the_byte() {
    let frame = hello();
    for len in 0..frame.len() {
        let output = rs2p(&["decode", "--raw"], &frame[..len]);
        assert_eq!(output.status.code(), Some(1), "{len}: {output:?}");
        assert_eq!(text(&output.stderr), "", "{len}");
        let shown = text(&output.stdout);
        let lines: Vec<&str> = shown.lines().filter(|line| line.contains("no frame: ")).collect();
        let missing = if len < 4 { 4 - len } else { frame.len() - len };
        let [line] = lines[..] else { panic!("{len}: {shown}") };
        if len == 0 {
            assert_eq!(line, "  no frame: at byte 0: the input is empty");
        } else {
            assert!(line.starts_with(&format!("  no frame: at byte {len}: ")), "{line}");
            assert!(line.contains(&format!("missing: {missing} of ")), "{line}");
        }
    }
    assert_eq!(rs2p(&["decode", "--raw"], &frame).status.code(), Some(0));
}

#[test]
fn frames_around_a_bad_one_are_taken_apart() {
    let stream = [&hello()[..], b"\0\0\0\x05\0\0\0\x02x", &hello(), b"\0\0"].concat();
    let output = rs2p(&["decode", "--json"], &stream);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let frames = objects(&output.stdout);
    let kinds: Vec<&Value> = frames.iter().map(|frame| &frame["error"]["kind"]).collect();
    assert_eq!(kinds, [&Value::Null, &"packet_lengths".into(), &Value::Null, &"incomplete".into()]);
    let len = hello().len();
    assert_eq!(frames[1]["error"]["offset"], len + 4);
    assert_eq!(frames[1]["error"]["body_offset"], 0);
    assert_eq!(frames[1]["body_hex"], "0000000278");
    assert_eq!(
        (&frames[3]["offset"], &frames[3]["error"]["missing"]),
        (&(2 * len + 9).into(), &2.into())
    );
    let shown = rs2p(&["decode"], &stream);
    let last = format!("not ok: 4 frames in {} bytes, 2 not good\n", stream.len());
    assert!(text(&shown.stdout).ends_with(&last), "{shown:?}");
}

#[test]
fn a_stream_is_read_in_every_form_and_from_every_place() {
    let frame = hello();
    let expected = decoded(&frame);
    let digits = hex(&frame);
    let pairs: Vec<String> = frame.iter().map(|byte| format!("0x{byte:02X}")).collect();
    for (args, input) in [
        (&["decode", "--json"][..], frame.clone()),
        (&["decode", "--json", "-"], frame.clone()),
        (&["decode", "--json"], digits.clone().into_bytes()),
        (&["decode", "--json", "--hex"], pairs.join(",\n").into_bytes()),
        (&["decode", "--json", &digits], vec![]),
        (&["decode", "--json", &digits[..8], &digits[8..]], vec![]),
    ] {
        let mut found = objects(&printed(args, &input));
        // The clock ticks.
        found[0]["packets"][3] = expected[0]["packets"][3].clone();
        assert_eq!(found, expected, "{args:?}");
    }
    let path = std::env::temp_dir().join(format!("rs2p-frame-{}", std::process::id()));
    for content in [&frame[..], digits.as_bytes()] {
        std::fs::write(&path, content).unwrap();
        let output = rs2p(&["decode", "--json", path.to_str().unwrap()], b"");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(objects(&output.stdout)[0]["packets"][0], expected[0]["packets"][0]);
    }
    let nowhere = rs2p(&["decode", "/nowhere/at/all"], b"");
    assert_eq!(nowhere.status.code(), Some(1));
    let expected = "error: `/nowhere/at/all` is neither hexadecimal nor a file to read: ";
    assert!(text(&nowhere.stderr).starts_with(expected), "{nowhere:?}");
}

#[test]
fn a_method_that_is_left_out_is_not_tried() {
    let frame = printed(&["encode", "broadcast", "hello", "--compression", "gzip", "--raw"], b"");
    assert_eq!(decoded(&frame)[0]["compression"], "gzip");
    let output = rs2p(&["decode", "--raw", "--compression", "none"], &frame);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let shown = text(&output.stdout);
    assert!(shown.contains("it begins as if under gzip"), "{shown}");
}

#[test]
fn nothing_that_a_peer_wrote_reaches_the_terminal_unescaped() {
    let payload = "red \u{1b}[31m, \u{202e}turned, \u{9b}2J and\r\nmore";
    let frame = printed(&["encode", "whisper", payload, "--main", "\u{1b}c", "--raw"], b"");
    for args in [&["decode"][..], &["decode", "--full"], &["decode", "--json"]] {
        let shown = printed(args, &frame);
        let shown = text(&shown);
        let is_bad = |unit: char| unit != '\n' && unit.is_control() || unit == '\u{202e}';
        assert!(!shown.contains(is_bad), "{shown:?}");
    }
    let shown = printed(&["decode"], &frame);
    let escaped = "red \\u{1b}[31m, \\u{202e}turned, \\u{9b}2J and\\r\\nmore";
    assert!(text(&shown).contains(escaped), "{}", text(&shown));
    let object = &decoded(&frame)[0];
    assert_eq!(object["packets"][5]["text"], payload);
}

#[test]
fn a_payload_that_is_not_what_its_flag_says_is_a_fault() {
    for (args, expected) in [
        (&["peers", "[[]]"][..], "fault: not a list of up to 1000 addresses and ids in JSON\n"),
        (&["handshake", "me"], "fault: the payload lacks its protocol id\n"),
        (&["whisper", "x", "--sender", "a b"], "fault: not the id of a node: an id has visible"),
    ] {
        let frame = printed(&[&["encode", "--raw"], args].concat(), b"");
        let output = rs2p(&["decode"], &frame);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {output:?}");
        assert!(text(&output.stdout).contains(expected), "{}", text(&output.stdout));
        let object = &objects(&rs2p(&["decode", "--json"], &frame).stdout)[0];
        assert_eq!((&object["ok"], &object["error"]), (&false.into(), &Value::Null));
    }
}

#[test]
fn a_long_payload_is_shortened_unless_all_is_asked_for() {
    let payload = "x".repeat(5_000);
    let frame = printed(&["encode", "broadcast", &payload, "--raw"], b"");
    let short = printed(&["decode"], &frame);
    assert!(text(&short).contains("x… and 4904 bytes (--full shows them)\n"), "{}", text(&short));
    let full = printed(&["decode", "--full"], &frame);
    assert!(text(&full).contains(&payload));
}

#[test]
fn hosts_of_a_peers_list_are_escaped_and_only_some_are_shown() {
    let entry = r#"[["\u001b[2J\u202e", 1], "me"]"#;
    let list = format!("[{}]", [entry; 9].join(", "));
    let frame = printed(&["encode", "peers", &list], b"");
    let short = printed(&["decode"], &frame);
    let note = r"me \u{1b}[2J\u{202e}:1";
    assert_eq!(text(&short).matches(note).count(), 8, "{}", text(&short));
    assert!(text(&short).contains("and 1 more (--full shows them)"), "{}", text(&short));
    let full = printed(&["decode", "--full"], &frame);
    assert_eq!(text(&full).matches(note).count(), 9, "{}", text(&full));
}

#[test]
fn a_body_under_a_method_that_is_left_out_is_recognized() {
    for method in ["gzip", "bz2", "lzma"] {
        if !rs2p::Compression::parse(method).is_some_and(rs2p::Compression::is_supported) {
            continue;
        }
        let packet = "x".repeat(1_000);
        let frame = printed(&["encode", "broadcast", &packet, "--compression", method], b"");
        let shown = rs2p(&["decode", "--compression", "none"], &frame);
        let hint = format!("it begins as if under {method}, but was not decompressed by that");
        assert!(text(&shown.stdout).contains(&hint), "{}", text(&shown.stdout));
    }
}
