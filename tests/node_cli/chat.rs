//! The chat on a pipe: plain lines, and commands that answer in words.

use rs2p::{Address, MeshSocket};

use crate::running::{PATIENCE, Running, output};

/// A chat, and another one that has joined it, with the beginnings of their ids.
fn linked() -> ([Running; 2], [String; 2]) {
    let mut first = Running::start("--max-outgoing 0");
    let addr = first.addr();
    let mut second = Running::start(&format!("--max-outgoing 0 --connect {addr}"));
    second.addr();
    let joined = first.until("is a neighbor now");
    let second_id = joined.split(' ').nth(1).unwrap().to_owned();
    let joined = second.until("is a neighbor now: dialled at");
    let first_id = joined.split(' ').nth(1).unwrap().to_owned();
    ([first, second], [first_id, second_id])
}

#[test]
fn what_is_typed_appears_at_the_other_and_can_be_replied_to() {
    let ([mut first, mut second], [first_id, second_id]) = linked();
    second.say("hello there");
    assert_eq!(first.until("hello"), format!("#1 {second_id}: hello there"));
    first.say("/reply hello yourself");
    assert_eq!(second.until("yourself"), format!("#1 {first_id} whispers: hello yourself"));
    first.say(&format!("/whisper {} psst", &second_id[..4]));
    assert_eq!(second.until("psst"), format!("#2 {first_id} whispers: psst"));
    second.say("/reply #1 which one?");
    assert_eq!(first.until("which"), format!("#2 {second_id} whispers: which one?"));
    second.say("//slash");
    first.until(": /slash");
    first.say("/peers");
    let peer = first.until("127.0.0.1");
    assert!(peer.contains(&second_id) && peer.ends_with("rs2p, proven, dialled us"), "{peer}");
    first.say(&format!("/locate {second_id}"));
    assert!(first.until("it is said").contains("is at 127.0.0.1:"));
    first.say("/stats");
    assert_eq!(first.until("status"), "status     Nominal");
    first.say("/quit");
    assert!(first.end().success());
    assert!(first.shown.ends_with("\nleft the mesh; everything was sent\n"), "{}", first.shown);
    second.until(&format!("{first_id} is no neighbor any more"));
    second.end_input();
    assert!(second.end().success());
    for node in [first, second] {
        assert!(!node.shown.contains(['\x1b', '\r']), "{:?}", node.shown);
    }
}

#[test]
fn what_cannot_be_done_is_said_in_a_line() {
    let input = b"hello\n/pears\n/whisper 0b hi\n/reply hi\n/reply #7 hi\n/locate 0x\n/peers\n\
                  /connect 127.0.0.1\n/connect 127.0.0.1:1\n\xff\xfe\n";
    let (shown, complaint, code) = output("node", input);
    // Lines were not sent, and a script learns it from the exit code.
    assert_eq!((complaint.as_str(), code), ("", Some(1)), "{shown}");
    let notes: Vec<&str> = shown.lines().skip(3).collect();
    let unknown =
        |id| format!("* no node is known whose id begins with `{id}`; a whole id always works");
    let expected = [
        "* not sent: nobody is connected; see /connect",
        "* unknown command `/pears`; did you mean `/peers`?",
        &unknown("0b"),
        "* there is no message to reply to yet",
        "* there is no message #7",
        &unknown("0x"),
        "* nobody is connected; see /connect",
    ];
    assert_eq!(notes[..expected.len()], expected);
    assert_eq!(
        [notes[7], notes[9]],
        ["* connecting to 127.0.0.1 ..", "* connecting to 127.0.0.1:1 .."]
    );
    assert!(notes[8].starts_with("* 127.0.0.1: the address could not be resolved"), "{shown}");
    assert!(notes[10].starts_with("* 127.0.0.1:1: not connected: the network failed"), "{shown}");
    assert_eq!(
        notes[11..],
        ["* not sent: the line is not UTF-8", "5 lines were not sent", "left the mesh"]
    );
}

#[test]
fn the_first_lines_tell_where_it_listens_and_how_to_join() {
    let (shown, _, code) = output("node --subnet it's", b"");
    let lines: Vec<&str> = shown.lines().collect();
    let addr = lines[0].split([' ', ',']).nth(4).unwrap();
    assert!(lines[0].starts_with("node ") && lines[0].ends_with(", encrypted by TLS"), "{shown}");
    let join =
        format!(r"join it from another terminal: rs2p node --connect {addr} --subnet 'it'\''s'");
    assert_eq!((lines[1], code), (join.as_str(), Some(0)));
}

#[test]
fn what_others_say_cannot_touch_the_terminal() {
    let mut chat = Running::start("");
    let node = MeshSocket::builder().bind("127.0.0.1:0").unwrap();
    node.connect(chat.addr()).unwrap();
    let sender = node.id().short().to_owned();
    node.send(&[&b"\x1b[2J\x07one\ntwo\xff"[..], "\u{202e}".as_bytes()]).unwrap();
    let shown = chat.until("two");
    assert_eq!(shown, format!(r"#1 {sender}: \u{{1b}}[2J\u{{7}}one\ntwo\xff | \u{{202e}}"));
    node.send_as("a\x1bword", &["x".repeat(70_000)]).unwrap();
    let shown = chat.until("xxx");
    assert!(shown.starts_with(&format!(r"#2 {sender} [a\u{{1b}}word]: xxx")), "{shown}");
    assert!(shown.ends_with("x.. (70,000 bytes in all)") && shown.len() < 1_200, "{shown}");
}

#[test]
fn what_a_node_says_of_its_place_cannot_touch_the_terminal() {
    let mut chat = Running::start("--max-outgoing 0");
    let place = Address { host: "\x1b[2J\u{202e}".to_owned(), port: 1 };
    let builder = MeshSocket::builder().out_addr(place);
    let node = builder.bind("127.0.0.1:0").unwrap();
    node.connect(chat.addr()).unwrap();
    chat.until("is a neighbor now");
    chat.say(&format!("/locate {}", node.id()));
    let shown = chat.until("it is said");
    assert!(shown.contains(r"is at \u{1b}[2J\u{202e}:1"), "{shown}");
}

#[test]
fn a_reply_with_a_number_goes_to_the_sender_of_that_message() {
    let mut chat = Running::start("--max-outgoing 0");
    let addr = chat.addr();
    let [one, other] = ["#1", "#2"].map(|number| {
        let builder = MeshSocket::builder().max_outgoing(0);
        let node = builder.bind("127.0.0.1:0").unwrap();
        node.connect(&*addr).unwrap();
        node.whisper(&node.routing_table()[0].id, &["said"]).unwrap();
        chat.until(number);
        node
    });
    chat.say("/reply #1 first");
    chat.say("/reply last");
    for (node, expected) in [(one, "first"), (other, "last")] {
        let said = node.recv_timeout(PATIENCE).unwrap().unwrap();
        assert!(said.contents().eq([expected.as_bytes()]), "{said:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_second_signal_ends_the_node_at_once() {
    let mut first = Running::start("--compression none");
    let addr = first.addr();
    let second = Running::start(&format!("--connect {addr}"));
    first.until("is a neighbor now");
    second.kill("-STOP");
    // More than the operating system holds for a program that is stopped: the close waits for it.
    for _ in 0..4 {
        first.say(&"x".repeat(4_000_000));
    }
    first.say("/stats");
    first.until("status");
    // Two of one kind might be told as one.
    first.kill("-INT");
    first.kill("-TERM");
    assert_eq!(first.end().code(), Some(130), "{}", first.shown);
}

#[test]
fn lines_that_are_piped_in_are_sent_before_the_node_leaves() {
    let mut chat = Running::start("");
    let addr = chat.addr();
    let (_, _, code) = output(&format!("node --connect {addr}"), b"one\ntwo");
    assert_eq!(code, Some(0));
    chat.until(": one");
    chat.until(": two");
}

#[test]
fn a_piped_line_that_reaches_nobody_is_a_failure() {
    let (shown, _, code) = output("node --connect 127.0.0.1:1", b"hello\n");
    assert!(shown.ends_with("\n1 line was not sent\nleft the mesh\n"), "{shown}");
    assert_eq!(code, Some(1));
}

#[cfg(unix)]
#[test]
fn a_signal_closes_the_node_in_good_order() {
    for signal in ["-INT", "-TERM"] {
        let ([first, mut second], [first_id, _]) = linked();
        let mut first = first;
        first.kill(signal);
        assert_eq!(first.end().code(), Some(0), "{}", first.shown);
        assert!(first.shown.ends_with("left the mesh; everything was sent\n"), "{}", first.shown);
        second.until(&format!("{first_id} is no neighbor any more: closed by the peer"));
    }
}

#[cfg(unix)]
#[test]
fn what_a_neighbor_does_not_take_is_named_in_the_end() {
    let mut first = Running::start("--compression none");
    let addr = first.addr();
    let second = Running::start(&format!("--connect {addr}"));
    let joined = first.until("is a neighbor now");
    let second_id = joined.split(' ').nth(1).unwrap();
    second.kill("-STOP");
    // More than the operating system holds for a program that is stopped.
    for _ in 0..4 {
        first.say(&"x".repeat(4_000_000));
    }
    first.end_input();
    assert_eq!(first.end().code(), Some(1), "{}", first.shown);
    let left = format!(" bytes for {second_id} were not sent\nleft the mesh\n");
    assert!(first.shown.ends_with(&left), "{}", first.shown);
}

#[test]
fn help_has_examples_and_wrong_arguments_are_usage_errors() {
    let (shown, _, code) = output("node --help", b"");
    assert_eq!(code, Some(0));
    assert!(shown.contains("\nExamples:\n  rs2p node\n") && shown.contains("Exit code: 0"));
    let (_, complaint, code) = output("node --bind nowhere", b"");
    assert_eq!((complaint.starts_with("error: --bind takes an address"), code), (true, Some(2)));
    let (_, complaint, code) = output("node --bind 192.0.2.1:0", b"");
    let expected = "error: the node could not be opened at 192.0.2.1:0: ";
    assert_eq!((complaint.starts_with(expected), code), (true, Some(1)), "{complaint}");
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
}

#[test]
fn a_node_that_keeps_an_address_book_finds_the_mesh_again_without_being_told() {
    let path = std::env::temp_dir().join(format!("rs2p-node-book-{}", std::process::id()));
    let book = format!("--address-book {}", path.display());
    let mut first = Running::start("--max-outgoing 0");
    let addr = first.addr();
    let mut told = Running::start(&format!("{book} --connect {addr}"));
    told.until("is a neighbor now: dialled at");
    told.say("/quit");
    assert!(told.end().success());
    let kept = std::fs::read_to_string(&path).unwrap();
    assert!(kept.contains(&format!("tried {addr} ")), "{kept}");
    let mut again = Running::start(&book);
    again.until("is a neighbor now: dialled at");
    drop(again);
    std::fs::write(&path, "something else").unwrap();
    let (shown, complaint, code) = output(&format!("node {book}"), b"");
    assert_eq!((shown.as_str(), code), ("", Some(1)), "{complaint}");
    assert!(complaint.contains("does not begin as an address book"), "{complaint}");
    std::fs::remove_file(&path).unwrap();
}
