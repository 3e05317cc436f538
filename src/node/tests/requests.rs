//! Locating a node, and whispering to one that is no neighbor.

use super::bench::{Bench, frame, handshake, id};
use super::net::{Net, addr, config, limited};
use crate::conn_id::ConnId;
use crate::error::{CloseReason, LocateError, SendError, WhisperError};
use crate::event::Event;
use crate::node::{Config, Input, Whispered};
use crate::wire::{Address, NodeId, Request, RequestId, Response, Wanted};

fn rid(text: &str) -> RequestId {
    RequestId::parse(text.as_bytes()).unwrap()
}

fn question(name: &str, wanted: &str) -> Vec<u8> {
    let request = Request { request_id: rid(name), wanted: Wanted::Node(id(wanted)) };
    frame("broadcast", "asker", &request.encode())
}

fn answer(request_id: RequestId, found: NodeId, address: Option<Address>) -> Vec<u8> {
    frame("whisper", "teller", &Response { request_id, id: found, address }.encode())
}

fn whispering(bench: &mut Bench, to: &str, text: &str) -> RequestId {
    match bench.call(|node, now| node.whisper(now, &id(to), &[text])).unwrap() {
        Whispered::Locating(request_id) => request_id,
        Whispered::Queued => panic!("{to} is no neighbor"),
    }
}

#[test]
fn a_node_is_located_one_two_and_five_hops_away() {
    for hops in [1, 2, 5] {
        let mut line = Net::line(hops + 1);
        let far = line.id(hops);
        let request_id = line.call(0, |node, now| node.locate(now, &far)).unwrap();
        line.run_for(20);
        let done = Event::LocateDone { request_id, outcome: Ok(addr(hops).into()) };
        assert_eq!(line.take_events(0), [done], "{hops} hops");
        line.run_for(20_000);
        for node in &line.nodes {
            assert_eq!(node.pending_requests().count(), 0);
            assert!(format!("{:?}", node.requests).contains("met: Questions { by_id: {} }"));
        }
        assert_eq!(line.take_events(0), []);
    }
}

#[test]
fn t34_a_node_that_nobody_knows_is_given_up_after_ten_seconds_once_and_forgotten_everywhere() {
    let mut line = Net::line(4);
    let nobody = id("nobody");
    let request_id = line.call(0, |node, now| node.locate(now, &nobody)).unwrap();
    line.run_for(9_999);
    assert_eq!((line.take_events(0), line.nodes[0].pending_requests().count()), (vec![], 1));
    line.run_for(1);
    let outcome = Err(LocateError::Timeout);
    assert_eq!(line.take_events(0), [Event::LocateDone { request_id, outcome }]);
    line.run_for(11_000);
    for node in &line.nodes {
        assert!(format!("{:?}", node.requests).contains("own: {}, met: Questions { by_id: {} }"));
    }
    assert_eq!(line.take_events(0), []);
}

#[test]
fn what_cannot_be_asked_is_refused_at_once() {
    let mut bench = Bench::with(limited(|limits| limits.max_requests = 2));
    let me = bench.node.id();
    let locate = |bench: &mut Bench, id: NodeId| bench.call(|node, now| node.locate(now, &id));
    assert_eq!(locate(&mut bench, me), Err(SendError::Myself));
    assert_eq!(locate(&mut bench, id("x")), Err(SendError::NoNeighbors));
    bench.neighbor(1, "rs", Some(1));
    let first = locate(&mut bench, id("x")).unwrap();
    let second = whispering(&mut bench, "y", "text");
    assert_eq!(locate(&mut bench, id("z")), Err(SendError::TooManyRequests));
    bench.call(|node, now| node.close(now));
    let events: Vec<_> =
        bench.events().into_iter().filter(|e| !matches!(e, Event::PeerLost { .. })).collect();
    for done in [
        Event::LocateDone { request_id: first, outcome: Err(LocateError::Closed) },
        Event::WhisperDone {
            request_id: second,
            outcome: Err(WhisperError::NotFound(LocateError::Closed)),
        },
    ] {
        assert!(events.contains(&done), "{events:?}");
    }
    assert_eq!(events.len(), 2);
    assert_eq!(locate(&mut bench, id("x")), Err(SendError::Closed));
}

#[test]
fn a_whisper_to_a_distant_node_makes_it_a_neighbor_and_arrives_once() {
    let mut line = Net::line(4);
    let far = line.id(3);
    let mut names = Vec::new();
    for text in ["a", "b", "c"] {
        let said = line.call(0, |node, now| node.whisper(now, &far, &[text])).unwrap();
        let Whispered::Locating(request_id) = said else { panic!("{said:?}") };
        names.push(request_id);
    }
    line.run_for(50);
    assert!(line.nodes[0].routing_table().any(|info| info.id == far));
    let events = line.take_events(0);
    for request_id in names {
        let done = Event::WhisperDone { request_id, outcome: Ok(()) };
        assert_eq!(events.iter().filter(|event| **event == done).count(), 1);
    }
    let mut texts = line.take_texts(3);
    texts.sort();
    assert_eq!(texts, ["a", "b", "c"]);
    let said = line.call(0, |node, now| node.whisper(now, &far, &["d"])).unwrap();
    assert_eq!(said, Whispered::Queued);
    line.run_for(20_000);
    assert_eq!((line.take_texts(3), line.take_events(0)), (vec!["d".to_owned()], vec![]));
}

#[test]
fn t34_a_whisper_is_never_given_to_another_node_than_it_is_for() {
    let mut bench = Bench::new();
    let teller = bench.neighbor(1, "teller", Some(1));
    let request_id = whispering(&mut bench, "wanted", "secret");
    bench.receive(teller, &answer(request_id, id("wanted"), Some(addr(9).into())));
    let dials = bench.dials();
    let [(conn, to)] = dials[..] else { panic!("{dials:?}") };
    assert_eq!(to, addr(9));
    bench.input(Input::Connected { conn });
    bench.receive(conn, &handshake("another", Some(9), None));
    assert_eq!(bench.said(conn), ["whisper handshake"]);
    let wrong = CloseReason::WrongPeer(id("another"));
    let events = bench.events();
    assert!(
        matches!(&events[..], [Event::DialFailed { reason, .. }] if *reason == wrong),
        "{events:?}"
    );
    bench.wait(9_999);
    assert_eq!(bench.events(), []);
    bench.wait(1);
    let outcome = Err(WhisperError::Unreachable(wrong));
    assert_eq!(bench.events(), [Event::WhisperDone { request_id, outcome }]);
}

#[test]
fn t34_only_the_answer_that_was_asked_for_counts() {
    let mut bench = Bench::new();
    let teller = bench.neighbor(1, "teller", Some(1));
    let name = whispering(&mut bench, "wanted", "secret");
    let here = || Some(addr(9).into());
    bench.receive(teller, &answer(rid("nobodys"), id("wanted"), here()));
    bench.receive(teller, &answer(name, id("another"), here()));
    bench.receive(teller, &answer(name, id("wanted"), None));
    let low = Address { host: "10.0.0.10".into(), port: 22 };
    bench.receive(teller, &answer(name, id("wanted"), Some(low)));
    let loopback = Address { host: "127.0.0.1".into(), port: 4_000 };
    bench.receive(teller, &answer(name, id("wanted"), Some(loopback)));
    assert_eq!(bench.dials(), []);
    let ignored = bench.node.stats().ignored;
    assert_eq!((ignored.unasked, ignored.no_address, ignored.total()), (2, 1, 3));
    bench.receive(teller, &answer(name, id("wanted"), here()));
    assert_eq!(bench.dials().len(), 1);
}

#[test]
fn a_py2p_node_is_answered_from_the_own_table_and_only_with_addresses_that_were_reached() {
    let mut bench = Bench::new();
    let py = bench.neighbor(1, "py", None);
    bench.dialed(2, "reached", Some(2));
    let unreached = bench.neighbor(3, "unreached", Some(3));
    bench.receive(py, &question("q1", "reached"));
    let said = bench.sent(py);
    let response = Response::decode(said[0].payload()).unwrap();
    let (request_id, address) = (rid("q1"), Some(addr(2).into()));
    assert_eq!(response, Response { request_id, id: id("reached"), address });
    bench.receive(py, &question("q2", "unreached"));
    bench.receive(py, &question("q3", "far"));
    assert_eq!((bench.said(py).len(), bench.said(unreached).len()), (0, 0), "nor passed on");
}

#[test]
fn a_question_is_passed_on_once_and_never_to_a_py2p_node() {
    let mut bench = Bench::with(limited(|limits| limits.max_requests = 8));
    let [asker, other] = [1, 2].map(|n| bench.neighbor(n, &format!("rs{n}"), Some(n as u64)));
    let py = bench.neighbor(3, "py", None);
    for (name, passed) in [("q1", 1), ("q1", 0), ("q2", 1), ("q3", 0)] {
        bench.receive(asker, &question(name, "far"));
        let counts = [asker, other, py].map(|conn| bench.said(conn).len());
        assert_eq!(counts, [0, passed, 0], "{name}");
    }
    bench.receive(other, &answer(rid("q1"), id("far"), Some(addr(9).into())));
    assert_eq!(bench.said(asker).len(), 1, "the answer goes back");
    bench.wait(19_999);
    bench.receive(asker, &question("q1", "far"));
    assert_eq!(bench.said(other).len(), 0, "a copy may still come round");
    bench.wait(1);
    bench.receive(asker, &question("q4", "far"));
    assert_eq!(bench.said(other).len(), 1, "there is room again");
}

#[test]
fn an_answer_finds_its_way_back_though_the_connection_was_replaced() {
    let mut bench = Bench::new();
    let old = bench.neighbor(1, "asker", Some(1));
    let other = bench.neighbor(2, "other", Some(2));
    bench.receive(old, &question("q", "far"));
    let new = bench.accept(1);
    bench.receive(new, &handshake("asker", Some(3), None));
    bench.input(Input::Ended { conn: old });
    bench.forget();
    bench.receive(other, &answer(rid("q"), id("far"), Some(addr(9).into())));
    assert_eq!(bench.said(new).len(), 1);
}

#[test]
fn a_question_on_a_connection_that_is_not_written_to_is_answered_on_the_other() {
    let mut bench = Bench::new();
    bench.dialed(3, "reached", Some(9));
    let first = bench.neighbor(1, "asker", Some(1));
    let second: ConnId = bench.accept(1);
    bench.receive(second, &handshake("asker", Some(2), None));
    bench.forget();
    bench.receive(second, &question("q", "reached"));
    assert_eq!((bench.said(first).len(), bench.said(second).len()), (1, 0));
}

#[test]
fn t35_everybody_is_told_once_a_minute_and_to_the_asker_only() {
    let mut bench = Bench::new();
    let asker = bench.neighbor(1, "asker", Some(1));
    let other = bench.neighbor(2, "other", Some(2));
    let request = Request { request_id: rid("all"), wanted: Wanted::Everybody };
    let ask = frame("whisper", "asker", &request.encode());
    for second in 0..120 {
        bench.receive(asker, &ask);
        let expected = usize::from(second % 60 == 0);
        assert_eq!(bench.said(asker).len(), expected, "second {second}");
        bench.wait(1_000);
    }
    assert_eq!(bench.said(other), [""; 0]);
    let py = bench.neighbor(3, "py", None);
    bench.call(|node, now| node.request_peers(now));
    assert_eq!([asker, other, py].map(|conn| bench.said(conn).len()), [1, 1, 0]);
}

#[test]
fn an_own_question_that_comes_back_is_not_passed_on() {
    let mut bench = Bench::new();
    let [first, second] = [1, 2].map(|n| bench.neighbor(n, &format!("rs{n}"), Some(1)));
    bench.call(|node, now| node.locate(now, &id("far"))).unwrap();
    let asked = bench.sent(first).remove(0).encode().unwrap();
    bench.forget();
    bench.receive(first, &asked);
    assert_eq!((bench.said(first).len(), bench.said(second).len()), (0, 0));
}

#[test]
fn a_node_that_is_asked_for_itself_tells_its_own_address() {
    let mut bench = Bench::with(Config { out_addr: Some(addr(0).into()), ..config() });
    let asker = bench.neighbor(1, "asker", Some(1));
    let me = bench.node.id();
    bench.receive(asker, &question("q", me.as_str()));
    let response = Response::decode(bench.sent(asker)[0].payload()).unwrap();
    assert_eq!(response.address, Some(addr(0).into()));
}

#[test]
fn a_question_that_is_answered_by_many_makes_four_dials() {
    let mut bench = Bench::new();
    let teller = bench.neighbor(1, "teller", Some(1));
    let name = whispering(&mut bench, "wanted", "secret");
    for place in 20..40 {
        bench.receive(teller, &answer(name, id("wanted"), Some(addr(place).into())));
    }
    assert_eq!(bench.dials().len(), 4);
}

#[test]
fn a_node_that_may_not_be_dialled_is_not_said_to_be_lost() {
    let mut bench = Bench::new();
    let teller = bench.neighbor(1, "teller", Some(1));
    let request_id = whispering(&mut bench, "wanted", "secret");
    let low = Address { host: "10.0.0.10".into(), port: 81 };
    bench.receive(teller, &answer(request_id, id("wanted"), Some(low)));
    bench.wait(10_000);
    let outcome = Err(WhisperError::NotDialable);
    assert_eq!(bench.events(), [Event::WhisperDone { request_id, outcome }]);
}

/// Locates a node, and waits until that is known.
fn is_found(line: &mut Net, by: usize, id: NodeId) -> bool {
    let asked = line.call(by, |node, now| node.locate(now, &id));
    line.run_for(100);
    let is_it = |event: &Event| matches!(event, Event::LocateDone { request_id, outcome: Ok(_) } if asked == Ok(*request_id));
    line.take_events(by).iter().any(is_it)
}

#[test]
fn t34_one_neighbor_that_asks_all_the_time_takes_no_answers_from_a_node_that_passes_that_on() {
    // Who asks all at once, and who asks as often as it is heard.
    for pause in [20_000, 100] {
        let mut line = Net::line(5);
        let found = [2, 3, 4].map(|index| line.id(index));
        for step in 0..usize::try_from(60_000 / pause).unwrap() {
            let count = if pause == 100 { 1 } else { [256, 256, 88][step] };
            for number in 0..count {
                let nobody = id(&format!("nobody{step}x{number}"));
                line.call(0, |node, now| node.locate(now, &nobody)).unwrap();
            }
            line.run_for(1_000.min(pause));
            if pause == 20_000 || step % 100 == 99 {
                let is_found = found.map(|id| is_found(&mut line, 1, id));
                assert_eq!(is_found[..2], [true, true], "{pause} {step}");
                assert!(is_found[2] || pause == 100, "{step}");
            }
            line.run_for(pause.saturating_sub(1_300));
        }
        let passed_on = line.nodes[2].stats().frames.questions;
        assert!((90..=256).contains(&passed_on), "{pause}: {passed_on}");
    }
}

#[test]
fn t34_neighbors_that_fill_the_memory_of_questions_leave_room_for_the_nodes_own() {
    let mut bench = Bench::new();
    bench.dialed(9, "reached", Some(9));
    for number in 0..5 {
        let conn = bench.neighbor(number, &format!("asker{number}"), Some(number as u64));
        for question_number in 0..300 {
            bench.receive(conn, &question(&format!("{number}q{question_number}"), "reached"));
        }
        let answers = bench.said(conn).len();
        assert_eq!(answers, 300, "what is known needs no room");
        bench.input(Input::Closed { conn, error: None });
    }
    assert_eq!(bench.node.usage().questions, 768);
    assert!(bench.call(|node, now| node.locate(now, &id("far"))).is_ok());
}
