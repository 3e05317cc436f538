//! Somebody opens a connection under the id of a neighbor.

use super::bench::{Bench, frame, handshake, id};
use crate::error::CloseReason;
use crate::event::Event;
use crate::node::{CloseMode, Input};
use crate::wire::{Control, LinkName, LinkVerdict};

/// What the victim answers, as its node would: the connection is not its own.
fn answer(bench: &mut Bench, victim: crate::conn_id::ConnId) -> usize {
    let asked: Vec<_> = bench
        .sent(victim)
        .iter()
        .filter_map(|message| match Control::decode(message.payload()) {
            Some(Control::Ask(link)) => Some(LinkName { yours: link.mine, mine: link.yours }),
            _ => None,
        })
        .collect();
    for &link in &asked {
        let answer = Control::Answer { link, verdict: LinkVerdict::Unknown };
        bench.receive(victim, &frame("whisper", "victim", &answer.encode()));
    }
    asked.len()
}

#[test]
fn t26_a_thousand_takeovers_take_nothing_from_the_victim() {
    let mut bench = Bench::new();
    let victim = bench.neighbor(1, "victim", Some(11));
    for attempt in 0_u64..1_000 {
        let impostor = bench.accept(2);
        // Without the extension; with a guessed name; with the victim's own bytes.
        let link = [None, Some(attempt), Some(11)][usize::try_from(attempt % 3).unwrap()];
        bench.receive(impostor, &handshake("victim", link, None));
        let text = attempt.to_string();
        bench.call(|node, now| node.broadcast(now, &[&text])).unwrap();
        let said = bench.sent(victim);
        assert!(said.iter().any(|message| message.payload().nth(1) == Some(text.as_bytes())));
        for message in said {
            if let Some(Control::Ask(link)) = Control::decode(message.payload()) {
                let link = LinkName { yours: link.mine, mine: link.yours };
                let answer = Control::Answer { link, verdict: LinkVerdict::Unknown };
                bench.receive(victim, &frame("whisper", "victim", &answer.encode()));
            }
        }
        bench.wait(60);
        answer(&mut bench, victim);
        assert_eq!(bench.closed(), [(impostor, CloseMode::Flush)], "attempt {attempt}");
        bench.input(Input::Closed { conn: impostor, error: None });
        assert_eq!(bench.neighbors(), [(id("victim"), victim)]);
        bench.receive(victim, &frame("whisper", "victim", &["whisper", &text]));
        assert_eq!(bench.texts().last(), Some(&text));
    }
    assert_eq!(bench.node.stats().impostors, 1_000);
    assert!(!bench.events().iter().any(|event| matches!(event, Event::PeerLost { .. })));
}

#[test]
fn t26_a_newcomer_takes_the_place_of_a_dead_neighbor_within_six_seconds() {
    let mut bench = Bench::new();
    let dead = bench.neighbor(1, "victim", Some(11));
    let newcomer = bench.accept(1);
    bench.receive(newcomer, &handshake("victim", Some(12), None));
    bench.wait(4_900);
    assert_eq!(bench.neighbors(), [(id("victim"), dead)]);
    bench.wait(1_000);
    assert_eq!(bench.closed(), [(dead, CloseMode::Abort)]);
    assert_eq!(bench.neighbors(), [(id("victim"), newcomer)]);
    assert_eq!(bench.events(), [], "it was a neighbor all the time");
    bench.call(|node, now| node.broadcast(now, &["x"])).unwrap();
    assert_eq!(bench.said(newcomer).last().unwrap(), "broadcast broadcast x");
    assert!(
        bench.node.troubles().any(|trouble| matches!(trouble.reason, CloseReason::Silent { .. }))
    );
}

#[test]
fn t26_a_neighbor_that_dies_while_it_is_asked_has_five_seconds_for_each_question() {
    let mut bench = Bench::new();
    let dead = bench.neighbor(1, "victim", Some(11));
    let newcomer = bench.accept(1);
    bench.receive(newcomer, &handshake("victim", Some(12), None));
    bench.wait(300);
    bench.receive(dead, &frame("whisper", "victim", &["whisper", "last word"]));
    bench.wait(9_699);
    assert_eq!(bench.neighbors(), [(id("victim"), dead)]);
    bench.wait(1);
    assert_eq!(bench.neighbors(), [(id("victim"), newcomer)]);
}

#[test]
fn t26_a_neighbor_that_takes_what_is_queued_for_it_is_alive() {
    let mut bench = Bench::new();
    let busy = bench.neighbor(1, "victim", Some(11));
    let newcomer = bench.accept(1);
    bench.node.connections.get_mut(&busy).unwrap().backlog_len = 1_000_000;
    bench.receive(newcomer, &handshake("victim", Some(12), None));
    for _ in 0..50 {
        bench.wait(1_000);
        bench.input(Input::Sent { conn: busy, len: 1_000 });
    }
    assert_eq!(bench.neighbors(), [(id("victim"), busy)]);
}

#[test]
fn t26_no_more_than_four_newcomers_wait_and_none_for_more_than_a_minute() {
    let mut bench = Bench::new();
    let victim = bench.neighbor(1, "victim", Some(11));
    let newcomers = [12, 13, 14, 15, 16].map(|link| {
        let conn = bench.accept(1);
        bench.receive(conn, &handshake("victim", Some(link), None));
        conn
    });
    assert_eq!(bench.closed(), [(newcomers[4], CloseMode::Flush)]);
    for _ in 0..70 {
        bench.wait(1_000);
        bench.receive(victim, &frame("whisper", "victim", &["whisper", "busy"]));
    }
    let flushed: Vec<_> =
        bench.closed().into_iter().filter(|(_, mode)| *mode == CloseMode::Flush).collect();
    assert_eq!(flushed.len(), 4);
    assert_eq!(bench.neighbors(), [(id("victim"), victim)]);
}

#[test]
fn t26_a_neighbor_that_is_slow_to_answer_and_says_other_things_keeps_its_place() {
    let mut bench = Bench::new();
    let busy = bench.neighbor(1, "victim", Some(11));
    let newcomer = bench.accept(1);
    bench.receive(newcomer, &handshake("victim", Some(12), None));
    for _ in 0..19 {
        bench.wait(3_000);
        bench.receive(busy, &frame("whisper", "victim", &["whisper", "busy"]));
    }
    assert_eq!(bench.neighbors(), [(id("victim"), busy)]);
    assert_eq!(bench.closed(), []);
    assert!(answer(&mut bench, busy) >= 1);
    assert_eq!(bench.closed(), [(newcomer, CloseMode::Flush)]);
}

#[test]
fn a_question_that_found_no_room_is_asked_again() {
    let mut bench = Bench::new();
    let busy = bench.neighbor(1, "victim", Some(11));
    let newcomer = bench.accept(1);
    let full = bench.node.config().limits.max_backlog_len;
    bench.node.connections.get_mut(&busy).unwrap().backlog_len = full;
    bench.receive(newcomer, &handshake("victim", Some(12), None));
    assert_eq!(bench.sent(busy).len(), 0);
    bench.node.connections.get_mut(&busy).unwrap().backlog_len = 0;
    bench.receive(busy, &frame("whisper", "victim", &["whisper", "busy"]));
    bench.wait(4_000);
    bench.receive(busy, &frame("whisper", "victim", &["whisper", "busy"]));
    bench.wait(3_000);
    assert!(answer(&mut bench, busy) >= 1);
    assert_eq!(bench.closed(), [(newcomer, CloseMode::Flush)]);
}

#[test]
fn t28_a_py2p_node_that_connects_twice_is_written_to_on_the_newest_and_read_on_both() {
    let mut bench = Bench::new();
    let old = bench.neighbor(1, "py", None);
    let new = bench.neighbor(1, "py", None);
    assert_eq!(bench.neighbors(), [(id("py"), new)]);
    for second in 0..60 {
        bench.wait(999);
        bench.call(|node, now| node.broadcast(now, &[&second.to_string()])).unwrap();
        assert_eq!(bench.said(new), [format!("broadcast broadcast {second}")]);
        assert_eq!((bench.said(old).len(), bench.closed().len()), (0, 0), "second {second}");
        for (conn, text) in [(old, "old"), (new, "new")] {
            bench.receive(conn, &frame("whisper", "py", &["whisper", text]));
        }
        assert_eq!(bench.texts(), ["old", "new"]);
    }
    bench.wait(1_000);
    assert_eq!(bench.closed(), [(old, CloseMode::Abort)]);
    assert_eq!((bench.neighbors(), bench.events()), (vec![(id("py"), new)], vec![]));
    assert_eq!(bench.node.stats().impostors, 0);
}

#[test]
fn a_neighbor_is_told_of_its_own_connections_and_of_nobody_elses() {
    let mut bench = Bench::new();
    let first = bench.neighbor(1, "rs", Some(11));
    let other = bench.neighbor(2, "other", Some(22));
    let parked = bench.accept(1);
    bench.receive(parked, &handshake("rs", Some(33), None));
    bench.forget();
    let name = bench.link(first);
    for (asker, yours, mine, expected) in [
        (first, name, 11, LinkVerdict::Settled),
        (parked, name, 11, LinkVerdict::Open),
        (first, name, 12, LinkVerdict::Unknown),
        (first, name ^ 1, 11, LinkVerdict::Unknown),
        (other, name, 11, LinkVerdict::Unknown),
    ] {
        let ask = Control::Ask(LinkName { yours, mine });
        bench.receive(asker, &frame("whisper", "rs", &ask.encode()));
        let said = bench.sent(asker);
        let link = LinkName { yours: mine, mine: yours };
        let answer = Control::Answer { link, verdict: expected };
        assert_eq!(Control::decode(said[0].payload()), Some(answer));
    }
}

#[test]
fn only_the_connection_that_was_asked_can_answer() {
    let mut bench = Bench::new();
    bench.neighbor(1, "victim", Some(11));
    let other = bench.neighbor(2, "other", Some(22));
    let parked = bench.accept(1);
    bench.receive(parked, &handshake("victim", Some(33), None));
    let link = LinkName { yours: bench.link(parked), mine: 33 };
    for (conn, verdict) in [other, parked].into_iter().zip([LinkVerdict::Unknown; 2]) {
        let answer = Control::Answer { link, verdict };
        bench.receive(conn, &frame("whisper", "other", &answer.encode()));
    }
    assert_eq!((bench.closed(), bench.node.stats().impostors), (vec![], 0));
}

#[test]
fn t28_a_py2p_neighbor_cannot_be_asked_and_makes_room_for_any_newcomer() {
    let mut bench = Bench::new();
    bench.neighbor(1, "py", None);
    let new = bench.accept(1);
    bench.receive(new, &handshake("py", Some(2), None));
    assert_eq!(bench.neighbors(), [(id("py"), new)]);
}

#[test]
fn a_question_about_a_connection_without_a_handshake_waits_for_it_or_for_its_end() {
    for comes in [true, false] {
        let mut bench = Bench::new();
        let first = bench.neighbor(1, "rs", Some(11));
        let dialed = bench.call(|node, now| node.dial(now, super::net::addr(1))).unwrap();
        bench.input(Input::Connected { conn: dialed });
        let yours = bench.link(dialed);
        let ask = Control::Ask(LinkName { yours, mine: 33 });
        bench.receive(first, &frame("whisper", "rs", &ask.encode()));
        assert_eq!(bench.said(first).len(), 0);
        let verdict = if comes {
            bench.receive(dialed, &handshake("rs", Some(33), None));
            LinkVerdict::Settled
        } else {
            bench.input(Input::Closed { conn: dialed, error: None });
            LinkVerdict::Unknown
        };
        let link = LinkName { yours: 33, mine: yours };
        let said = bench.sent(first);
        let answer = Control::Answer { link, verdict };
        assert!(said.iter().any(|m| Control::decode(m.payload()) == Some(answer)));
    }
}

#[test]
fn a_py2p_nodes_whisper_under_the_word_of_this_crate_is_a_whisper() {
    let mut bench = Bench::new();
    let py = bench.neighbor(1, "py", None);
    let ask = Control::Ask(LinkName { yours: 1, mine: 2 });
    bench.receive(py, &frame("whisper", "py", &ask.encode()));
    assert_eq!((bench.said(py).len(), bench.texts()), (0, vec!["link?".to_owned()]));
}

#[test]
fn t28_of_one_id_four_replaced_connections_are_read_on() {
    let mut bench = Bench::new();
    let conns: Vec<_> = (0..6).map(|_| bench.neighbor(1, "py", None)).collect();
    assert_eq!(bench.node.incoming().0, 5);
    let last = bench.neighbor(1, "py", None);
    assert_eq!(bench.closed(), [], "forgotten with the greetings");
    assert_eq!((bench.node.incoming().0, bench.neighbors()), (5, vec![(id("py"), last)]));
    for (index, conn) in conns.iter().enumerate() {
        bench.receive(*conn, &frame("whisper", "py", &["whisper", &index.to_string()]));
    }
    assert_eq!(bench.texts(), ["2", "3", "4", "5"], "the youngest");
}
