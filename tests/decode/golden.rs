//! The messages that py2p made.

use std::sync::LazyLock;

use rs2p::Compression;
use serde_json::Value;

use crate::program::{decoded, objects, printed, text, unhex};

static FILE: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../vectors/py2p.json")).unwrap());

fn list<'a>(value: &'a Value, key: &str) -> &'a Vec<Value> {
    value[key].as_array().unwrap()
}

fn string<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key].as_str().unwrap()
}

/// The messages that this build can read.
fn messages() -> Vec<&'static Value> {
    let is_readable = |case: &&Value| {
        let method = case["compression"].as_str().map(|name| Compression::parse(name).unwrap());
        method.is_none_or(Compression::is_supported)
    };
    let messages: Vec<&Value> = list(&FILE, "messages").iter().filter(is_readable).collect();
    assert!(messages.len() >= 42, "only {}", messages.len());
    messages
}

fn stream(cases: &[&Value]) -> Vec<u8> {
    cases.iter().flat_map(|case| unhex(string(case, "string_hex"))).collect()
}

#[test]
fn every_message_of_py2p_is_taken_apart_to_its_stated_fields() {
    let cases = messages();
    let frames = decoded(&stream(&cases));
    assert_eq!(frames.len(), cases.len());
    let mut offset = 0;
    for (frame, case) in frames.iter().zip(cases) {
        let len = 4 + case["length"].as_u64().unwrap();
        assert_eq!((&frame["offset"], &frame["len"]), (&offset.into(), &len.into()), "{case}");
        assert_eq!(frame["announced"], case["length"], "{case}");
        assert_eq!(frame["compression"], case["compression"], "{case}");
        assert_eq!(frame["body_len"], string(case, "plain_body_hex").len() / 2, "{case}");
        assert_eq!((&frame["ok"], &frame["error"]), (&true.into(), &Value::Null), "{frame}");
        assert_packets(frame, case, offset);
        offset += len;
    }
}

fn assert_packets(frame: &Value, case: &Value, frame_offset: u64) {
    let packets = list(frame, "packets");
    let hex: Vec<&Value> = packets.iter().map(|packet| &packet["hex"]).collect();
    assert_eq!(hex, list(case, "packets_hex").iter().collect::<Vec<_>>(), "{case}");
    let names: Vec<&str> = packets.iter().take(5).map(|packet| string(packet, "name")).collect();
    assert_eq!(names, ["main flag", "sender", "message id", "time", "sub-flag"], "{case}");
    assert_eq!(packets[0]["text"], case["main"], "{case}");
    assert_eq!(packets[0]["details"]["known"], case["main"], "{case}");
    assert_eq!(packets[1]["details"]["node_id"], case["sender"], "{case}");
    assert_eq!(packets[2]["details"]["computed"], case["id"], "{case}");
    assert_eq!(packets[2]["details"]["agrees"], true, "{case}");
    assert_eq!(packets[3]["details"]["seconds"], case["time"], "{case}");
    let mut body_offset = 4 * packets.len() as u64;
    for packet in packets {
        let is_plain = case["compression"].is_null();
        let offset = is_plain.then_some(frame_offset + 4 + body_offset);
        assert_eq!(packet["body_offset"], body_offset, "{packet}");
        assert_eq!(packet["offset"], offset.map_or(Value::Null, Value::from), "{packet}");
        body_offset += packet["len"].as_u64().unwrap();
    }
    assert_eq!(frame["body_len"], body_offset, "{case}");
}

#[test]
fn payloads_of_the_protocol_are_told_in_values() {
    let cases = messages();
    let frames = decoded(&stream(&cases));
    let mut seen = 0;
    for (frame, case) in frames.iter().zip(cases) {
        let details = |index: usize| &frame["packets"][index]["details"];
        match string(case, "name") {
            "handshake" => {
                assert_eq!(details(5)["node_id"], case["sender"]);
                assert!(details(6)["protocol_id"].is_string());
                assert_eq!(details(7)["address"]["port"].as_u64(), Some(4444));
                assert_eq!(details(8)["compressions"], serde_json::json!(["gzip", "bz2", "lzma"]));
            }
            "peers" => {
                let [peer] = &list(details(5), "peers")[..] else { panic!("{case}") };
                assert_eq!(peer["node_id"], case["sender"]);
                assert_eq!(peer["address"]["host"], "127.0.0.1");
            }
            "peers_empty" => assert!(list(details(5), "peers").is_empty()),
            "request_star" => assert_eq!(details(6)["wanted"], "everybody"),
            "request" => assert!(details(6)["node_id"].is_string()),
            "response" => assert_eq!(details(6)["address"]["port"], 4444),
            "compression" => assert!(details(5)["compressions"].is_array()),
            _ => continue,
        }
        seen += 1;
    }
    assert!(seen >= 14, "only {seen}");
}

#[test]
fn encode_makes_every_message_of_py2p() {
    for case in messages() {
        let time = case["time"].to_string();
        let payload: Vec<&str> =
            list(case, "payload_hex").iter().map(|hex| hex.as_str().unwrap()).collect();
        let sub_flag = unhex(payload[0]);
        let method = case["compression"].as_str().unwrap_or("none");
        let mut args = vec!["encode", "whisper", "--hex", "--raw", "--compression", method];
        args.extend(["--main", string(case, "main"), "--sub-flag", text(&sub_flag)]);
        args.extend(["--sender", string(case, "sender"), "--time", &time, "--"]);
        args.extend(&payload[1..]);
        let frame = printed(&args, b"");
        if method == "none" {
            assert_eq!(frame, unhex(string(case, "string_hex")), "{case}");
        } else {
            // The libraries compress differently; what is inside is the same.
            let [frame] = &decoded(&frame)[..] else { panic!("{case}") };
            let inside = list(frame, "packets").iter().map(|packet| &packet["hex"]);
            assert!(inside.eq(list(case, "packets_hex")), "{case}");
            assert_eq!(frame["compression"], case["compression"]);
        }
    }
}

#[test]
fn what_decode_prints_encode_makes_again() {
    let cases = messages();
    let plain: Vec<&Value> =
        cases.iter().copied().filter(|case| case["compression"].is_null()).collect();
    let bytes = stream(&plain);
    let lines = printed(&["decode", "--json"], &bytes);
    assert_eq!(printed(&["encode", "--from-json", "--raw"], &lines), bytes);
    let again = objects(&printed(&["encode", "--from-json", "--json"], &lines));
    assert!(again.iter().map(|object| &object["id"]).eq(plain.iter().map(|case| &case["id"])));
    // Under the same method, the packets are the same.
    let lines = printed(&["decode", "--json"], &stream(&cases));
    let again = printed(&["encode", "--from-json", "--raw"], &lines);
    let packets = |frames: Vec<Value>| -> Vec<[Value; 2]> {
        let inside = |frame: &Value| ["compression", "packets"].map(|key| frame[key].clone());
        let mut frames: Vec<[Value; 2]> = frames.iter().map(inside).collect();
        for packet in frames.iter_mut().flat_map(|[_, list]| list.as_array_mut().unwrap()) {
            // These go by the frames before, and by the clock.
            packet
                .as_object_mut()
                .unwrap()
                .retain(|key, _| ["name", "hex", "body_offset"].contains(&key.as_str()));
        }
        frames
    };
    assert_eq!(packets(decoded(&again)), packets(objects(&lines)));
}

#[test]
fn recorded_conversations_of_py2p_are_good_in_both_directions() {
    let mut seen = 0;
    for transcript in list(&FILE, "transcripts") {
        let names = string(transcript, "compression").split(',');
        let is_readable = names.filter_map(Compression::parse).all(Compression::is_supported);
        if string(transcript, "encryption") != "Plaintext" || !is_readable {
            continue;
        }
        for key in ["client_to_server_hex", "server_to_client_hex"] {
            let frames =
                objects(&printed(&["decode", "--json"], string(transcript, key).as_bytes()));
            assert_eq!(frames[0]["packets"][4]["text"], "handshake", "{key}");
            assert!(frames.len() >= 4, "{key}: {}", frames.len());
            seen += 1;
        }
    }
    assert!(seen >= 2);
}
