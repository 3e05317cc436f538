//! One script for two nodes of either kind, in either role, told what to do by lines of JSON.
//!
//! Whoever can drive a py2p node by `peer.py` can drive `rs2p node --json`, and the other way
//! around. What rs2p answers on top is not looked at here.

use rs2p::wire::PathfindingMessage;
use serde_json::{Value, json};

use crate::driven::{Driven, Program};

const PROTOCOL_ID: &str = "DagYachmnjqNrhM5tWX7WPRcNeMfnAwy5D5cBf8GQTHX";

#[test]
fn two_rs2p_nodes_follow_the_script() {
    follow(Program::Rs2p, Program::Rs2p);
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn rs2p_and_py2p_follow_the_script() {
    follow(Program::Rs2p, Program::Py2p);
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn py2p_and_rs2p_follow_the_script() {
    follow(Program::Py2p, Program::Rs2p);
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn two_py2p_nodes_follow_the_script() {
    follow(Program::Py2p, Program::Py2p);
}

fn follow(first: Program, second: Program) {
    let (mut a, mut b) = (Driven::start(first), Driven::start(second));
    for node in [&mut a, &mut b] {
        introduces_itself(node);
        refuses_what_is_no_command(node);
    }
    connect(&mut a, &mut b);
    shows_its_neighbor(&mut a, &b, true);
    shows_its_neighbor(&mut b, &a, false);
    for _ in 0..2 {
        broadcasts(&mut a, &mut b);
        whispers_and_replies(&mut a, &mut b);
        asks_around(&mut a, &mut b);
        says_anything(&mut a, &mut b);
        receives_on_demand(&mut a, &mut b);
        // The same with the roles exchanged.
        std::mem::swap(&mut a, &mut b);
    }
    // While two py2p nodes repeat broadcasts to each other, without end, a change of methods makes
    // them close the connection.
    if (first, second) != (Program::Py2p, Program::Py2p) {
        compresses_as_told(&mut a, &mut b);
        compresses_as_told(&mut b, &mut a);
    }
    for node in [&mut a, &mut b] {
        is_well(node);
    }
    parts(&mut a, &mut b);
    connect(&mut b, &mut a);
    whisper(&mut a, &mut b, "once more");
    ends(a, b);
}

fn introduces_itself(node: &mut Driven) {
    let ready = node.ready.clone();
    let id = ready["id"].as_str().unwrap();
    assert!((1..=66).contains(&id.len()), "{ready}");
    assert_eq!(ready["addr"][0], "127.0.0.1", "{ready}");
    assert!(ready["addr"][1].as_u64().is_some_and(|port| port > 0), "{ready}");
    assert_eq!(ready["out_addr"], ready["addr"]);
    assert_eq!(ready["protocol"], json!(["mesh", "Plaintext"]));
    assert_eq!(ready["protocol_id"], PROTOCOL_ID);
    assert!(ready["compression"].as_array().unwrap().contains(&json!("gzip")), "{ready}");
    assert_eq!(ready["pid"], node.pid());

    let answer = node.must(json!({"cmd": "id"}));
    for field in ["id", "protocol_id", "out_addr"] {
        assert_eq!(answer[field], ready[field], "{field}");
    }
    assert_eq!(node.must(json!({"cmd": "pending"}))["pending"], json!([]));
    assert!(node.must(json!({"cmd": "ping"}))["time"].as_f64().unwrap() > 1e9);
}

fn refuses_what_is_no_command(node: &mut Driven) {
    for line in ["{", "no JSON", "[]", "7", "null", "\"ping\"", "{}", "{\"cmd\": \"ping\""] {
        node.write(line);
        let answer = node.answer();
        assert_eq!((&answer["ok"], &answer["answer"]), (&json!(false), &Value::Null), "{line}");
        assert!(answer["error"].is_string() && answer["text"].is_string(), "{line}: {answer}");
    }
    for command in [
        json!({"cmd": "dance"}),
        json!({"cmd": "connect"}),
        json!({"cmd": "connect", "addr": "127.0.0.1"}),
        json!({"cmd": "connect", "addr": "127.0.0.1", "port": "seven"}),
        json!({"cmd": "send", "packets_hex": ["0"]}),
        json!({"cmd": "send", "packets_hex": ["xy"]}),
        json!({"cmd": "send", "packets": [7]}),
        json!({"cmd": "whisper", "packets": ["a"]}),
        json!({"cmd": "whisper", "to": "nobody", "packets": ["a"]}),
        json!({"cmd": "raw", "to": "nobody", "main": "whisper", "packets": ["a"]}),
        json!({"cmd": "bytes", "to": "nobody", "hex": "00"}),
        json!({"cmd": "recv", "timeout": "long"}),
        json!({"cmd": "reply", "n": 999_999, "packets": ["a"]}),
        json!({"cmd": "reply"}),
        json!({"cmd": "request"}),
        json!({"cmd": "renegotiate", "to": "nobody", "methods": []}),
        json!({"cmd": "setcomp", "to": "nobody", "methods": []}),
        json!({"cmd": "resend", "to": "nobody"}),
        json!({"cmd": "disconnect", "to": "nobody"}),
    ] {
        node.refused(command);
    }
    node.write("");
    // Nobody is there to hear it, which is no failure.
    node.must(json!({"cmd": "send", "packets": ["to nobody"]}));
    node.write(r#"{"cmd": "ping", "tag": {"any": [1, null, "é"]}}"#);
    assert_eq!(node.answer()["tag"], json!({"any": [1, null, "é"]}));
    is_well(node);
}

/// Has `from` dial, and waits until both have the other as a neighbor.
fn connect(from: &mut Driven, to: &mut Driven) {
    let dial = |to: &Driven| {
        let addr = &to.ready["addr"];
        json!({"cmd": "connect", "addr": addr[0], "port": addr[1]})
    };
    let own = from.must(dial(from));
    assert_eq!(own["result"], false, "{own}");
    assert_eq!(from.must(dial(to))["result"], true);
    from.wait_for_join(to.id());
    to.wait_for_join(from.id());
    let mut again = dial(to);
    again["id"] = to.id().into();
    assert_eq!(from.must(again)["result"], false);

    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    from.refused(json!({"cmd": "connect", "addr": "127.0.0.1", "port": nobody.port()}));
    // A py2p node counts what failed; what follows is to be seen apart from that.
    from.must(json!({"cmd": "clearstatus"}));
}

fn shows_its_neighbor(node: &mut Driven, neighbor: &Driven, dialled: bool) {
    let id = neighbor.id();
    node.until(&json!({"cmd": "peers"}), |table| table["awaiting"] == 0);
    let table = node.must(json!({"cmd": "peers"}));
    assert_eq!(table["peers"].as_array().map(Vec::len), Some(1), "{table}");
    let peer = &table["peers"][0];
    assert_eq!((&peer["id"], &peer["handler_id"]), (&json!(id), &json!(id)), "{table}");
    assert_eq!(peer["addr"], neighbor.ready["out_addr"], "{table}");
    assert_eq!(peer["outgoing"], dialled, "{table}");
    assert!(peer["compression"].as_array().unwrap().contains(&json!("gzip")), "{table}");
    let (outgoing, incoming) = if dialled { (vec![id], vec![]) } else { (vec![], vec![id]) };
    assert_eq!((&table["outgoing"], &table["incoming"]), (&json!(outgoing), &json!(incoming)));
}

/// Each contents is sent but once: to a py2p node, equal ones of one second are one message,
/// whoever sends them.
fn broadcasts(from: &mut Driven, to: &mut Driven) {
    let me = from.id().to_owned();
    from.must(json!({"cmd": "send", "packets": [me, "grüße", ""]}));
    let heard = to.message(&json!(["broadcast", me, "grüße", ""]));
    let hex = json!(["62726f616463617374", hex_of(me.as_bytes()), "6772c3bcc39f65", ""]);
    assert_eq!((&heard["packets_hex"], &heard["sender_hex"]), (&hex, &hex[1]));
    assert_eq!((&heard["main"], &heard["sender"]), (&json!("broadcast"), &json!(me)));
    assert!(heard["id"].as_str().is_some_and(|id| !id.is_empty()), "{heard}");
    assert!(heard["time"].as_u64().unwrap() > 1_000_000_000, "{heard}");
    assert!(heard["at"].as_f64().unwrap() > 1e9, "{heard}");
    assert!(heard["n"].as_u64().unwrap() > 0 && heard["compression_fail"].is_boolean(), "{heard}");

    from.must(json!({"cmd": "send", "packets_hex": ["00ff", "", hex[1]]}));
    let heard = to.message(&json!(["broadcast", null, "", me]));
    assert_eq!(heard["packets_hex"], json!(["62726f616463617374", "00ff", "", hex[1]]));

    from.must(json!({"cmd": "send", "packets": ["", me]}));
    to.message(&json!(["broadcast", "", me]));
    from.must(json!({"cmd": "send", "type": "news", "packets": ["of today", me]}));
    assert_eq!(to.message(&json!(["news", "of today", me]))["main"], "broadcast");
    let long = me.repeat(300);
    from.must(json!({"cmd": "send", "packets": [long]}));
    to.message(&json!(["broadcast", long]));

    let passed_on = to.must(json!({"cmd": "waterfalls"}));
    for entry in passed_on["waterfalls"].as_array().unwrap() {
        assert!(entry[0].is_string() && entry[1].is_u64(), "{entry}");
    }
}

/// Whispers, and checks what comes. Returns its number.
fn whisper(from: &mut Driven, to: &mut Driven, text: &str) -> Value {
    from.must(json!({"cmd": "whisper", "to": to.id(), "packets": [text]}));
    let heard = to.message(&json!(["whisper", text]));
    assert_eq!((&heard["main"], &heard["sender"]), (&json!("whisper"), &json!(from.id())));
    heard["n"].clone()
}

fn whispers_and_replies(from: &mut Driven, to: &mut Driven) {
    let number = whisper(from, to, "between us");
    to.must(json!({"cmd": "reply", "n": number, "packets_hex": ["6f6b", "fe"]}));
    let heard = from.message(&json!(["whisper", "ok", null]));
    assert_eq!((&heard["main"], &heard["sender"]), (&json!("whisper"), &json!(to.id())));
    // Under another word a py2p node takes it for a broadcast, and repeats it: told apart by whom
    // it is from, what comes first is the whisper itself.
    let me = from.id().to_owned();
    from.must(json!({"cmd": "whisper", "to": to.id(), "flag": "aside", "packets": [me]}));
    assert_eq!(to.message(&json!(["aside", me]))["main"], "whisper");
}

/// Questions have no answer that both kinds show: that they do no harm is to be seen.
fn asks_around(from: &mut Driven, to: &mut Driven) {
    for what in [to.id(), "nobody"] {
        let named = from.must(json!({"cmd": "request", "what": what, "rid": "Question1"}));
        assert_eq!(named["rid"], "Question1");
        let asked = from.must(json!({"cmd": "request", "what": what}));
        assert!(asked["rid"].as_str().is_some_and(|rid| !rid.is_empty()), "{asked}");
    }
    // On Python 3 a py2p node fails at the answer, and closes whoever asks it.
    if (from.program, to.program) != (Program::Py2p, Program::Py2p) {
        let asked = from.must(json!({"cmd": "request", "what": "*"}));
        assert!(asked["rid"].as_str().is_some_and(|rid| !rid.is_empty()), "{asked}");
    }
    whisper(from, to, "after the questions");
    whisper(to, from, "after the questions");
    assert!(from.must(json!({"cmd": "pending"}))["pending"].is_array());
}

fn says_anything(from: &mut Driven, to: &mut Driven) {
    let me = from.id().to_owned();
    from.must(json!({"cmd": "raw", "to": to.id(), "main": "whisper", "packets": ["note", me]}));
    assert_eq!(to.message(&json!(["note", me]))["main"], "whisper");

    let payload = ["whisper", "from bytes"];
    let time = 1_466_965_490;
    let message = PathfindingMessage::new(b"whisper", from.id().as_bytes(), time, &payload);
    let frame = message.unwrap().encode().unwrap();
    from.must(json!({"cmd": "bytes", "to": to.id(), "hex": hex_of(&frame)}));
    let heard = to.message(&json!(["whisper", "from bytes"]));
    assert_eq!((&heard["sender"], &heard["time"]), (&json!(from.id()), &json!(time)));
}

fn receives_on_demand(from: &mut Driven, to: &mut Driven) {
    // All that came so far was told as events, and waits here nevertheless.
    let none = to.must(json!({"cmd": "recv", "max": 0}));
    assert_eq!(none["messages"], json!([]));
    let one = to.must(json!({"cmd": "recv", "timeout": 1, "max": 1}));
    assert_eq!(one["messages"].as_array().map(Vec::len), Some(1), "{one}");
    let rest = to.must(json!({"cmd": "recv"}));
    assert!(rest["messages"].as_array().unwrap().len() > 3, "{rest}");
    assert!(rest["messages"][0]["n"].as_u64() > one["messages"][0]["n"].as_u64(), "{rest}");

    // What comes while it waits ends the wait. Other messages may be repeated meanwhile.
    to.write(r#"{"cmd": "recv", "timeout": 20, "tag": "waits"}"#);
    from.must(json!({"cmd": "whisper", "to": to.id(), "packets": ["awaited"]}));
    let mut answer = to.answer();
    assert_eq!(answer["tag"], "waits");
    let has_come = |answer: &Value| {
        let messages = answer["messages"].as_array().unwrap();
        messages.iter().any(|message| message["packets"] == json!(["whisper", "awaited"]))
    };
    while !has_come(&answer) {
        answer = to.must(json!({"cmd": "recv", "timeout": 20}));
        assert_ne!(answer["messages"], json!([]), "it did not come");
    }
}

fn compresses_as_told(from: &mut Driven, to: &mut Driven) {
    from.must(json!({"cmd": "renegotiate", "to": to.id(), "methods": ["gzip"]}));
    for node in [&mut *from, &mut *to] {
        let peers = json!({"cmd": "peers"});
        node.until(&peers, |table| table["peers"][0]["compression"] == json!(["gzip"]));
    }
    whisper(from, to, "under gzip");
    whisper(to, from, "under gzip");

    whisper(to, from, "say that again");
    from.must(json!({"cmd": "resend", "to": to.id()}));
    from.message(&json!(["whisper", "say that again"]));

    from.must(json!({"cmd": "setcomp", "to": to.id(), "methods": []}));
    let table = from.must(json!({"cmd": "peers"}));
    assert_eq!(table["peers"][0]["compression"], json!([]), "{table}");
    whisper(from, to, &"plain ".repeat(1_000));
    from.must(json!({"cmd": "setcomp", "to": to.id(), "methods": ["gzip"]}));
    whisper(from, to, &"packed ".repeat(1_000));
}

fn is_well(node: &mut Driven) {
    let status = node.must(json!({"cmd": "status"}));
    assert_eq!(status["status"], "Nominal", "{:?}: {status}", node.program);
    assert_eq!(status["daemon_alive"], true, "{status}");
    assert!(status["queued"].is_u64(), "{status}");
}

fn parts(from: &mut Driven, other: &mut Driven) {
    from.must(json!({"cmd": "disconnect", "to": other.id()}));
    from.wait_for_leave(other.id());
    other.wait_for_leave(from.id());
    for node in [from, other] {
        assert_eq!(node.must(json!({"cmd": "peers"}))["peers"], json!([]));
        node.must(json!({"cmd": "clearstatus"}));
        is_well(node);
    }
}

/// One is told to quit, the other loses its input.
fn ends(mut first: Driven, mut second: Driven) {
    first.must(json!({"cmd": "quit"}));
    assert!(first.bye().success());
    second.wait_for_leave(first.id());
    second.end_input();
    assert!(second.bye().success());
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
