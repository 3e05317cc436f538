//! What a node remembers of its peers and of messages, and tells who asks.

use super::bench::{Bench, frame, frame_at, handshake, id, numbered};
use super::net::{Net, addr, limited, ms};
use crate::error::{CloseReason, Misbehavior, Refusal};
use crate::event::{DropReason, Event, Fate, Favor, Incident, PeerRecord};
use crate::node::{Config, Input};
use crate::wire::{Compressions, DecodeError, DecodeLimits, MessageId, NodeId, PathfindingMessage};

/// What happened, and how often.
fn notes(record: &PeerRecord) -> Vec<(Incident, u32)> {
    record.notes.iter().map(|note| (note.incident, note.count)).collect()
}

#[test]
fn what_goes_wrong_with_a_neighbor_stays_in_its_record_when_it_is_gone() {
    let mut bench = Bench::new();
    let conn = bench.neighbor(1, "bob", Some(1));
    let bob = id("bob");
    let last_error = |bench: &Bench| bench.node.routing_table().next().unwrap().last_error;
    assert_eq!(last_error(&bench), None, "to join is no error");
    bench.call(|node, now| node.whisper(now, &bob, &["x"])).unwrap();
    for _ in 0..5 {
        bench.receive(conn, &frame("renegotiate", "bob", &["resend"]));
    }
    bench.wait(1_000);
    for _ in 0..3 {
        bench.receive(conn, &[0, 0, 0, 2, b'x', b'x']);
    }
    let error = last_error(&bench).unwrap();
    assert!(matches!(error.incident, Incident::Undecodable(_)), "{error:?}");
    assert_eq!((error.count, error.last), (3, bench.node.wall(bench.now)));
    bench.receive(conn, &handshake("bob", Some(2), None));
    let reason = CloseReason::Misbehaved(Misbehavior::SecondHandshake);
    let undecodable = Incident::Undecodable(DecodeError::PacketLengths);
    let record = bench.node.peer_record(&bob).unwrap();
    assert_eq!((record.id, record.addr.ip(), record.addr.port()), (Some(bob), addr(1).ip(), 0));
    let expected = [
        (Incident::Joined, 1),
        (Incident::TooOften(Favor::Resend), 2),
        (undecodable, 3),
        (Incident::Lost(reason), 1),
    ];
    assert_eq!(notes(&record), expected);
    let closed = bench.node.stats().closed;
    assert_eq!((closed.misbehaved, closed.total()), (1, 1));
}

#[test]
fn who_says_no_more_than_an_id_has_a_record_by_its_address() {
    let mut bench = Bench::new();
    bench.neighbor(1, "bob", Some(1));
    // An impostor: a py2p node that goes by the id of a neighbor of this crate.
    let conn = bench.accept(2);
    bench.receive(conn, &handshake("bob", None, None));
    bench.wait(100);
    let record = bench.node.peer_record(&id("bob")).unwrap();
    let impersonated = Incident::Impersonated(addr(2).ip());
    assert_eq!(notes(&record), [(Incident::Joined, 1), (impersonated, 1)]);
    let records: Vec<_> = bench.node.peer_records().collect();
    let of_address = records.iter().find(|record| record.id.is_none()).unwrap();
    assert_eq!(of_address.addr.ip(), addr(2).ip());
    assert_eq!(notes(of_address), [(Incident::Failed(CloseReason::Duplicate), 1)]);
    // And one that says nothing.
    bench.accept(3);
    bench.wait(60_000);
    let silent = bench.node.peer_records().find(|record| record.addr.ip() == addr(3).ip());
    let timeout = Incident::Failed(CloseReason::HandshakeTimeout);
    assert_eq!(notes(&silent.unwrap()), [(timeout, 1)]);
}

#[test]
fn a_neighbor_is_told_apart_by_what_it_brings() {
    let mut bench = Bench::new();
    let [ann, bob] = [(1, "ann"), (2, "bob")]
        .map(|(from, name)| bench.neighbor(from, name, Some(u64::try_from(from).unwrap())));
    for sequence in 1..=5 {
        let data = numbered("waterfall", "far", sequence, "news");
        bench.receive(ann, &data);
        bench.receive(bob, &data);
    }
    let traffic: Vec<_> = bench.node.routing_table().map(|info| *info.traffic).collect();
    assert_eq!([traffic[0].fresh, traffic[1].fresh], [5, 0]);
    assert_eq!([traffic[0].frames_in, traffic[1].frames_in], [6, 6], "with the handshake");
    let sum = |part: fn(&crate::event::PeerTraffic) -> u64| traffic.iter().map(part).sum::<u64>();
    let stats = bench.node.stats();
    assert_eq!(sum(|it| it.bytes_in), stats.bytes_in);
    assert_eq!(sum(|it| it.bytes_out), stats.bytes_out);
    assert_eq!(sum(|it| it.frames_out), stats.frames_out);
}

fn last_id(net: &mut Net, index: usize) -> MessageId {
    let delivered = net.take_events(index).into_iter().rev().find_map(|event| match event {
        Event::Message(delivery) => Some(delivery.message.id()),
        _ => None,
    });
    delivered.unwrap()
}

#[test]
fn a_message_is_explained_where_it_was_sent_where_it_passed_and_where_it_came_twice() {
    let mut ring = Net::linked(4, &[(0, 1), (1, 2), (2, 3), (3, 0)]);
    let ids = [0, 1, 2, 3].map(|index| ring.id(index));
    let sorted = |mut ids: Vec<NodeId>| {
        ids.sort();
        ids
    };
    let id = ring.call(0, |node, now| node.broadcast(now, &["x"])).unwrap().id();
    let sent_at = ring.now;
    ring.run_for(100);
    assert_eq!(last_id(&mut ring, 2), id);
    let sent = ring.nodes[0].explain(&id).unwrap();
    assert_eq!((sent.fate, sent.from, sent.sender), (Fate::Sent, None, Some(ids[0])));
    assert_eq!(sorted(sent.passed_to), sorted(vec![ids[1], ids[3]]));
    assert_eq!((sent.seen_at, sent.repeats), (sent_at, 0));
    let far = ring.nodes[2].explain(&id).unwrap();
    assert_eq!((far.fate, far.repeats, far.refused.len()), (Fate::Delivered, 1, 0));
    let (first, second) = (far.from.unwrap(), far.repeated_by[0]);
    assert_eq!(sorted(vec![first, second]), sorted(vec![ids[1], ids[3]]));
    assert_eq!(far.passed_to, [second]);
    assert_eq!(far.seen_at.since(sent_at), ms(2).since(ms(0)));
    assert_eq!(far.seen_wall, ring.nodes[2].wall(far.seen_at));
    // Who has left meanwhile is named all the same.
    ring.call(2, |node, now| node.disconnect(now, &first));
    ring.run_for(1_000);
    assert_eq!(ring.nodes[2].explain(&id).unwrap().from, Some(first));
}

#[test]
fn a_full_queue_and_a_whisper_are_explained() {
    let config = limited(|limits| {
        (limits.max_frame_len, limits.max_backlog_len) = (1 << 10, 2 << 10);
    });
    let mut line = Net::with(3, Config { compressions: Compressions::NONE, ..config });
    line.dial(0, 1);
    line.dial(1, 2);
    line.run_for(100);
    line.deafen((1, line.conn(1, 2)));
    let far = line.id(2);
    let mut refused = 0;
    for index in 0..20 {
        line.broadcast(0, &format!("{index} {}", "x".repeat(500)));
        line.run_for(10);
        let id = last_id(&mut line, 1);
        let explanation = line.nodes[1].explain(&id).unwrap();
        let to_far = (explanation.passed_to.contains(&far), explanation.refused);
        refused += usize::from(to_far == (false, vec![(far, Refusal::QueueFull)]));
    }
    assert!((10..20).contains(&refused), "{refused}");
    let unsent = line.nodes[1].stats().refused;
    assert_eq!((unsent.queue_full, unsent.total()), (refused as u64, refused as u64));
    let record = line.nodes[1].peer_record(&far).unwrap();
    assert_eq!(
        notes(&record).last(),
        Some(&(Incident::QueueFull, u32::try_from(refused).unwrap()))
    );
    let [first, second] = [0, 1].map(|index| line.id(index));
    line.call(0, |node, now| node.whisper(now, &second, &["secret"])).unwrap();
    line.run_for(10);
    let id = last_id(&mut line, 1);
    let at = |index: usize| line.nodes[index].explain(&id).unwrap();
    assert_eq!((at(0).fate, at(0).passed_to), (Fate::Sent, vec![second]));
    assert_eq!((at(1).fate, at(1).from), (Fate::Delivered, Some(first)));
}

#[test]
fn what_was_dropped_is_explained_with_its_reason_and_displaces_nothing() {
    let mut bench = Bench::new();
    let conn = bench.neighbor(1, "ann", None);
    let of = |data: &[u8]| {
        let limits = DecodeLimits::PROTOCOL;
        PathfindingMessage::decode(data, Compressions::NONE, limits).unwrap().id()
    };
    let good = frame("broadcast", "ann", &["broadcast", "good"]);
    bench.receive(conn, &good);
    for number in 0..2_000 {
        let text = number.to_string();
        let data = frame_at(500, "broadcast", "ann", &["broadcast", &text]);
        bench.receive(conn, &data);
        let fate = bench.node.explain(&of(&data)).unwrap().fate;
        assert_eq!(fate, Fate::Dropped(DropReason::Future));
    }
    bench.receive(conn, &good);
    let explanation = bench.node.explain(&of(&good)).unwrap();
    assert_eq!((explanation.fate, explanation.repeats), (Fate::Delivered, 1));
    let nobodys = MessageId::new([&b"broadcast"[..]].into_iter(), "1");
    assert_eq!(bench.node.explain(&nobodys), None);
    let mut off = Bench::with(limited(|limits| limits.max_explained_count = 0));
    let conn = off.neighbor(1, "ann", None);
    off.input(Input::Received { conn, data: &good });
    assert_eq!((off.texts().len(), off.node.explain(&of(&good))), (1, None));
}
