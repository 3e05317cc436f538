//! `rs2p node --json` where it differs from, or goes beyond, what a py2p node answers.

use serde_json::{Value, json};

use crate::running::{Running, output};

fn read(line: &str) -> Value {
    serde_json::from_str(line).unwrap()
}

fn answers(args: &str, input: &[u8]) -> Vec<Value> {
    let (shown, complaint, code) = output(&format!("node --json {args}"), input);
    assert_eq!((complaint.as_str(), code), ("", Some(0)), "{shown}");
    let lines: Vec<Value> = shown.lines().map(read).collect();
    assert_eq!(lines[0]["event"], "ready");
    assert_eq!(lines.last().unwrap(), &json!({"event": "bye", "clean": true, "unsent": []}));
    lines[1..lines.len() - 1].to_vec()
}

#[test]
fn a_line_that_is_no_command_is_answered_and_the_next_is_done() {
    let deep = "[".repeat(100_000);
    let long = format!(r#"{{"cmd": "send", "packets": ["{}"]}}"#, "x".repeat(21 << 20));
    let lines: [(&[u8], &str); 9] = [
        (b"{\"cmd\": \"ping\"", "NoJson"),
        (b"\0\x01", "NoJson"),
        (deep.as_bytes(), "NoJson"),
        (b"[1]", "NoObject"),
        (b"{\"cmd\": 7}", "WrongField"),
        (b"{\"cmd\": \"dance\"}", "UnknownCommand"),
        (b"{\"cmd\": \"send\", \"packets_hex\": [\"f\"]}", "WrongField"),
        (b"{\"cmd\": \"\xff\"}", "NotUtf8"),
        (long.as_bytes(), "TooLong"),
    ];
    let mut input = Vec::new();
    for (line, _) in lines {
        input.extend_from_slice(line);
        input.push(b'\n');
    }
    input.extend_from_slice(br#"{"cmd": "ping", "tag": 1}"#);
    let answers = answers("--no-events", &input);
    let kinds: Vec<&str> = answers.iter().filter_map(|answer| answer["error"].as_str()).collect();
    assert_eq!(kinds, lines.map(|(_, kind)| kind));
    let last = answers.last().unwrap();
    assert_eq!(
        (&last["answer"], &last["tag"], &last["ok"]),
        (&json!("ping"), &json!(1), &json!(true))
    );
    assert_eq!(answers.len(), lines.len() + 1);
}

#[test]
fn a_message_too_long_for_the_mesh_is_refused() {
    let text = "x".repeat(5 << 20);
    let mut first = Running::start("--json --no-events");
    let port = read(&first.next())["addr"][1].clone();
    let connect = json!({"cmd": "connect", "addr": "localhost", "port": port});
    let input = format!("{connect}\n{}\n", json!({"cmd": "send", "packets": [text]}));
    let answers = answers("--no-events", input.as_bytes());
    assert_eq!((&answers[0]["result"], &answers[1]["error"]), (&json!(true), &json!("SendError")));
    assert!(answers[1]["text"].as_str().unwrap().contains("exceeds the limit"), "{answers:?}");
}

#[test]
fn what_happens_is_told_while_a_command_waits() {
    let mut first = Running::start("--json");
    let ready = read(&first.next());
    first.say(r#"{"cmd": "recv", "timeout": 60}"#);
    first.say(r#"{"cmd": "ping"}"#);
    let mut second = Running::start(&format!("--json --connect 127.0.0.1:{}", ready["addr"][1]));
    let id = read(&second.next())["id"].clone();
    assert_eq!(read(&first.next()), json!({"event": "peer_join", "id": id}));
    second.until("peer_join");
    second.say(r#"{"cmd": "send", "packets": ["wake up"]}"#);
    first.until("wake up");
    // In the order of the commands, once there is something to receive.
    let answers = [first.until("answer"), first.until("answer")].map(|line| read(&line));
    assert_eq!(answers[0]["messages"][0]["packets"], json!(["broadcast", "wake up"]));
    assert_eq!(answers[1]["answer"], "ping");
    second.say(r#"{"cmd": "request", "what": "Nobody"}"#);
    let asked = read(&second.until("\"rid\""));
    assert_eq!(asked["answer"], "request", "{asked}");
    let pending = json!({"cmd": "pending"}).to_string();
    second.say(&pending);
    assert_eq!(read(&second.until("pending"))["pending"], json!([asked["rid"]]));
    let located = json!({"cmd": "request", "what": ready["id"]});
    second.say(&located.to_string());
    let outcome = read(&second.until("located"));
    assert_eq!((&outcome["addr"], &outcome["text"]), (&ready["addr"], &Value::Null));
}

#[test]
fn what_goes_wrong_is_an_exception_and_a_status() {
    let mut node = Running::start("--json");
    let ready = read(&node.next());
    let mut stranger = Running::start("--json --subnet other");
    stranger.next();
    let connect = json!({"cmd": "connect", "addr": "127.0.0.1", "port": ready["addr"][1]});
    stranger.say(&connect.to_string());
    let answer = read(&stranger.until("\"answer\""));
    assert_eq!((&answer["ok"], &answer["result"]), (&json!(true), &json!(true)), "{answer}");
    assert!(answer["note"].is_string(), "{answer}");
    let exception = read(&node.until("exception"));
    assert_eq!(exception["type"], "WrongProtocol", "{exception}");
    node.say(r#"{"cmd": "status"}"#);
    let status = read(&node.until("\"status\""));
    assert_eq!(status["status"][0][0], "WrongProtocol", "{status}");
    node.say(r#"{"cmd": "clearstatus"}"#);
    node.say(r#"{"cmd": "status"}"#);
    node.until("Nominal");
}

#[test]
fn what_was_counted_and_what_became_of_a_message_can_be_asked() {
    let mut first = Running::start("--json");
    let ready = read(&first.next());
    let mut second = Running::start(&format!("--json --connect 127.0.0.1:{}", ready["addr"][1]));
    let other = read(&second.next());
    second.until("peer_join");
    second.say(r#"{"cmd": "send", "packets": ["hello"]}"#);
    let sent = read(&second.until("\"queued\""));
    first.until("hello");
    let explain = json!({"cmd": "explain", "id": sent["id"]}).to_string();
    first.say(&explain);
    let here = read(&first.until("explanation"))["explanation"].clone();
    assert_eq!((&here["from"], &here["fate"]), (&other["id"], &json!("given to the user")));
    second.say(&explain);
    let there = read(&second.until("explanation"))["explanation"].clone();
    assert_eq!((&there["from"], &there["passed_to"]), (&Value::Null, &json!([ready["id"]])));
    first.say(r#"{"cmd": "explain", "id": "nobodys"}"#);
    assert_eq!(read(&first.until("explanation"))["explanation"], Value::Null);
    first.say(r#"{"cmd": "stats"}"#);
    let stats = read(&first.until("stats"))["stats"].clone();
    assert_eq!((&stats["received"], &stats["frames.handshakes"]), (&json!(1), &json!(1)));
    assert!(stats.as_object().unwrap().values().all(|count| *count != 0), "{stats}");
    first.say(&json!({"cmd": "record", "of": other["id"]}).to_string());
    let record = read(&first.until("record"))["record"].clone();
    assert_eq!(record["notes"][0]["text"], "it became a neighbor", "{record}");
}

#[cfg(unix)]
#[test]
fn a_signal_ends_with_bye_even_while_a_command_waits() {
    let mut node = Running::start("--json");
    node.next();
    node.say(r#"{"cmd": "ping"}"#);
    node.say(r#"{"cmd": "recv", "timeout": 3600}"#);
    node.until("ping");
    node.kill("-INT");
    assert_eq!(node.end().code(), Some(0));
    assert!(node.shown.trim_end().ends_with(r#"{"clean":true,"event":"bye","unsent":[]}"#));
}

#[test]
fn a_reader_that_goes_away_ends_the_node() {
    use std::process::{Command, Stdio};
    let mut child = Command::new(env!("CARGO_BIN_EXE_rs2p"))
        .args(["node", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    // The first line may have gone out before.
    drop(std::io::Write::write_all(&mut stdin, b"{\"cmd\": \"ping\"}\n"));
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_a_failure_in_one_line() {
    use std::process::{Command, Stdio};
    for mode in [&["node"][..], &["node", "--json"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let ended = Command::new(env!("CARGO_BIN_EXE_rs2p"))
            .args(mode)
            .stdin(Stdio::null())
            .stdout(full)
            .output()
            .unwrap();
        let complaint = String::from_utf8_lossy(&ended.stderr);
        assert!(complaint.starts_with("error: the output could not be written: "), "{complaint}");
        assert_eq!((ended.status.code(), complaint.lines().count()), (Some(1), 1), "{complaint}");
    }
}

#[cfg(unix)]
#[test]
fn a_signal_ends_a_node_whose_output_nobody_takes() {
    let mut node = Running::unread("--json");
    while node.byte() != b'\n' {}
    // An answer longer than a pipe holds: once it has begun, who writes it waits for a reader.
    node.say(&json!({"cmd": "ping", "tag": "x".repeat(1 << 20)}).to_string());
    node.byte();
    node.kill("-TERM");
    let complaint = node.complaint();
    assert!(complaint.starts_with("error: the output could not be written: "), "{complaint}");
    assert_eq!(node.end().code(), Some(1));
}

#[test]
fn what_a_stranger_says_is_ascii_in_json() {
    let mut first = Running::start("--json");
    let port = read(&first.next())["addr"][1].clone();
    let mut second = Running::start(&format!("--json --connect 127.0.0.1:{port}"));
    second.until("peer_join");
    let text = "\u{9b}2J \u{202e} \u{7f} größe 😀";
    second.say(&json!({"cmd": "send", "type": "\u{9b}", "packets": [text]}).to_string());
    let line = first.until("\"message\"");
    assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{line}");
    assert_eq!(read(&line)["packets"], json!(["\u{9b}", text]));
}

/// A node, and one that keeps a connection to it, with their ids.
fn linked() -> [(Running, Value); 2] {
    let mut first = Running::start("--json --max-outgoing 0");
    let ready = read(&first.next());
    let addr = format!("127.0.0.1:{}", ready["addr"][1]);
    let mut second = Running::start(&format!("--json --max-outgoing 0 --connect {addr}"));
    let id = read(&second.next())["id"].clone();
    second.until("peer_join");
    first.until("peer_join");
    [(first, ready["id"].clone()), (second, id)]
}

fn ask(node: &mut Running, command: &Value) -> Value {
    node.say(&command.to_string());
    read(&node.until("\"answer\""))
}

#[test]
fn a_connection_of_the_command_line_is_made_again() {
    let [(mut first, _), (mut second, id)] = linked();
    assert_eq!(ask(&mut first, &json!({"cmd": "disconnect", "to": id}))["ok"], true);
    second.until("peer_leave");
    second.until("peer_join");
}

#[test]
fn methods_are_set_without_a_word_and_renegotiated_with_one() {
    let [(mut first, _), (mut second, id)] = linked();
    let methods =
        |node: &mut Running| ask(node, &json!({"cmd": "peers"}))["peers"][0]["compression"].clone();
    let to = ask(&mut second, &json!({"cmd": "peers"}))["peers"][0]["id"].clone();
    let all = methods(&mut first);
    assert_ne!(all, json!([]));
    for (command, expected) in [("setcomp", &all), ("renegotiate", &json!([]))] {
        ask(&mut second, &json!({"cmd": command, "to": to, "methods": []}));
        assert_eq!(methods(&mut second), json!([]));
        // What comes behind it on the connection has been taken once this is there.
        ask(&mut second, &json!({"cmd": "whisper", "to": to, "packets": [command]}));
        first.until("\"message\"");
        assert_eq!(&methods(&mut first), expected, "{command} {id}");
    }
}

#[test]
fn what_was_passed_on_is_listed_and_what_is_not_compressed_is_told() {
    let [(mut first, _), (mut second, _)] = linked();
    ask(&mut second, &json!({"cmd": "send", "packets": ["x".repeat(1_000)]}));
    let message = read(&first.until("\"message\""));
    assert_eq!(message["compression_fail"], false);
    let passed_on = ask(&mut first, &json!({"cmd": "waterfalls"}));
    assert_eq!(passed_on["waterfalls"], json!([[message["id"], message["time"]]]));
}

#[test]
fn a_trouble_is_told_once() {
    let mut node = Running::start("--json");
    let port = read(&node.next())["addr"][1].clone();
    let addr = format!("127.0.0.1:{port}");
    let mut stranger = Running::start("--json --subnet other");
    ask(&mut stranger, &json!({"cmd": "connect", "addr": "127.0.0.1", "port": port}));
    node.until("exception");
    // Whenever something happens it is looked for troubles, too.
    let mut neighbor = Running::start(&format!("--json --connect {addr}"));
    neighbor.until("peer_join");
    neighbor.end_input();
    node.until("peer_leave");
    let told = node.shown.lines().filter(|line| line.contains("WrongProtocol")).count();
    assert_eq!(told, 1, "{}", node.shown);
}
