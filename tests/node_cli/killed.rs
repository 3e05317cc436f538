//! Real processes that are killed, stopped and continued, and what the others make of it.

use serde_json::{Value, json};

use crate::running::Running;

fn read(line: &str) -> Value {
    serde_json::from_str(line).unwrap()
}

fn port(ready: &Value) -> String {
    ready["addr"][1].to_string()
}

/// Three nodes, each linked with each; the second and the third dial again whom they lose. With
/// what each said first.
fn triangle() -> [(Running, Value); 3] {
    let start = |args: &str| {
        let mut node = Running::start(&format!("--json --max-outgoing 0 {args}"));
        let ready = read(&node.next());
        (node, ready)
    };
    let mut first = start("");
    let to_first = format!("--connect 127.0.0.1:{}", port(&first.1));
    let mut second = start(&to_first);
    let mut third = start(&format!("{to_first} --connect 127.0.0.1:{}", port(&second.1)));
    for node in [&mut first, &mut second, &mut third] {
        node.0.until("peer_join");
        node.0.until("peer_join");
    }
    [first, second, third]
}

fn send(node: &mut Running, text: &str) {
    node.say(&json!({"cmd": "send", "packets": [text]}).to_string());
}

/// The neighbors that a node says it has.
fn peers(node: &mut Running) -> Vec<Value> {
    node.say(r#"{"cmd": "peers"}"#);
    let answer = read(&node.until("\"answer\":\"peers\""));
    answer["peers"].as_array().unwrap().iter().map(|peer| peer["id"].clone()).collect()
}

#[test]
fn a_killed_node_is_told_of_by_the_others_and_joins_again_at_its_address() {
    let [(mut first, first_ready), (second, second_ready), (mut third, _)] = triangle();
    second.kill("-KILL");
    for node in [&mut first, &mut third] {
        let left = read(&node.until("peer_leave"));
        assert_eq!(left["id"], second_ready["id"]);
        assert!(!peers(node).contains(&second_ready["id"]));
    }
    send(&mut first, "after it");
    third.until("after it");
    drop(second);
    let args = format!(
        "--json --max-outgoing 0 --bind 127.0.0.1:{} --connect 127.0.0.1:{}",
        port(&second_ready),
        port(&first_ready)
    );
    let mut again = Running::start(&args);
    let again_id = read(&again.next())["id"].clone();
    assert_ne!(again_id, second_ready["id"], "another life has another id");
    // One link by its own dial, one by that of the third, which has not given up.
    again.until("peer_join");
    again.until("peer_join");
    third.until("peer_join");
    assert!(peers(&mut third).contains(&again_id));
    send(&mut again, "back again");
    first.until("back again");
    third.until("back again");
    for node in [&mut first, &mut third] {
        node.say(r#"{"cmd": "status"}"#);
        node.until("\"answer\":\"status\"");
    }
}

#[test]
fn a_stopped_node_holds_nobody_up_and_has_everything_when_it_is_continued() {
    let [(mut first, _), (mut second, _), (mut third, _)] = triangle();
    second.kill("-STOP");
    for number in 0..50 {
        send(&mut first, &format!("number {number}."));
        third.until(&format!("number {number}."));
        send(&mut third, &format!("answer {number}."));
        first.until(&format!("answer {number}."));
    }
    second.kill("-CONT");
    let mut missing: Vec<_> =
        (0..50).flat_map(|n| [format!("number {n}."), format!("answer {n}.")]).collect();
    while !missing.is_empty() {
        let line = second.until("\"message\"");
        let text = read(&line)["packets"][1].as_str().unwrap().to_owned();
        let place = missing.iter().position(|wanted| *wanted == text);
        missing.swap_remove(place.unwrap_or_else(|| panic!("{text} came twice")));
    }
}

#[test]
#[ignore = "takes half a minute: the stall timeout"]
fn a_node_that_is_stopped_for_long_is_cut_by_name_and_joins_again_when_it_is_continued() {
    let [(mut first, _), (mut second, second_ready), (mut third, _)] = triangle();
    second.kill("-STOP");
    // More than the systems at both ends take while nobody reads. Few bytes on the way to the
    // third, which gets them compressed, would be few on the way to the second as well.
    let mut state = 1_u32;
    let noise: String = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b'0' + u8::try_from(state >> 24).unwrap() % 64)
    })
    .filter(|c| *c != '\\')
    .take(500_000)
    .collect();
    for _ in 0..16 {
        send(&mut first, &noise);
        third.until("\"message\"");
    }
    let left = read(&first.until("peer_leave"));
    assert_eq!(left["id"], second_ready["id"], "{left}");
    assert!(left["reason"].as_str().unwrap().contains("stopped reading"), "{left}");
    second.kill("-CONT");
    first.until("peer_join");
    assert!(peers(&mut first).contains(&second_ready["id"]));
    send(&mut first, "welcome back");
    second.until("welcome back");
}
