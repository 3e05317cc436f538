//! What somebody who means it ill can do to a node under RSA, and what comes of it: always the
//! same, and nothing of it stays.

use std::collections::BTreeSet;

use super::super::{CloseMode, Input};
use super::victim::{Peer, Victim, broadcast, handshake};
use crate::conn_id::ConnId;
use crate::rsa::{Hash, PublicKey, SeededRng, sign_with};
use crate::session::rsa::Role;
use crate::time::Instant;

/// The exchange of somebody who dials, up to its answers.
const QUESTIONS: &str = "Requesting key sizeRequesting key";

/// A connection on which a fault is about to be made, and the bytes that make it.
type Attack = (&'static str, ConnId, Vec<u8>);

fn key_text() -> String {
    super::rsa_key().public().to_string()
}

/// Faults in the clear: whatever a stranger can write without a key.
fn attacks_in_the_clear(victim: &mut Victim) -> Vec<Attack> {
    let key = key_text();
    let (n, e) = key.split_once(',').unwrap();
    let even = format!("{}0", &n[..n.len() - 1]);
    let keys = [
        format!("{even},{e}"),
        format!("{n},1"),
        format!("{n},0"),
        format!("{n},65536"),
        format!("{n},8589934592"),
        format!("{n},8589934593"),
        format!("{n},{n}"),
        format!("{},{e}", &n[1..]),
        "garbage".to_owned(),
        String::new(),
    ];
    let sizes = [
        "1000000000000000",
        "999999999999999",
        "88",
        "-5",
        "",
        "0",
        "512",
        "1025",
        "8192",
        "x024",
        "1024 1024",
    ];
    let requests = ["GET / HTTP/1.1\r\n\r\nx", "Requesting key siz\u{e9}", "\0\x01\x01\x54garbage"];
    let second = ["Requesting keX", "requesting key", "1024            "];
    let texts = (requests.iter().map(|text| ("request", (*text).to_owned())))
        .chain(second.iter().map(|text| ("key request", format!("Requesting key size{text}"))))
        .chain(sizes.iter().map(|size| ("size", format!("{QUESTIONS}{size:<16}"))))
        .chain(keys.iter().map(|key| ("key", format!("{QUESTIONS}1024            {key:<1024}"))));
    let mut attacks: Vec<_> =
        texts.map(|(what, text)| (what, victim.accept(), text.into_bytes())).collect();
    let binary = [format!("{QUESTIONS}1024            ").into_bytes(), vec![0xff; 1_024]];
    attacks.push(("no text for a key", victim.accept(), binary.concat()));
    attacks
}

/// Faults of somebody whose key was taken.
fn attacks_under_keys(victim: &mut Victim) -> Vec<Attack> {
    let own = super::rsa_key();
    let mut rng = SeededRng::from_seed([2; 32]);
    let signature = sign_with(b"message", &own, Hash::Sha512, &mut rng).unwrap();
    let other = sign_with(b"another", &own, Hash::Sha512, &mut rng).unwrap();
    let mut altered = signature.clone();
    altered[100] ^= 1;
    let long = [&[0][..], &signature].concat();
    let mut attacks = Vec::new();
    let mut attack = |what, make: &dyn Fn(&Peer) -> Vec<u8>| {
        let peer = Peer::dials(victim);
        attacks.push((what, peer.conn, make(&peer)));
    };
    attack("a block of zeros", &|_| vec![0; 64]);
    attack("a block above the modulus", &|_| vec![0xff; 64]);
    attack("an altered block", &|peer| {
        let mut block = peer.blocks(&[b"\0\0\0\x01\x01message"]);
        block[40] ^= 4;
        block
    });
    attack("no count", &|peer| peer.blocks(&[b"\0\0\0"]));
    attack("a count of nothing", &|peer| peer.blocks(&[b"\0\0\0\0"]));
    attack("a count of zero", &|peer| peer.blocks(&[b"\0\0\0\x01\0"]));
    attack("a count of four thousand million", &|peer| {
        peer.blocks(&[b"\0\0\0\x04\xff\xff\xff\xff"])
    });
    attack("a count that is itself too long", &|peer| peer.blocks(&[b"\xff\xff\xff\xff\x01"]));
    for (what, signature) in [
        ("a signature of another message", &other),
        ("an altered signature", &altered),
        ("a long signature", &long),
        ("no signature", &Vec::new()),
    ] {
        attack(what, &|peer| [peer.part(b"message"), peer.part(signature)].concat());
    }
    attack("a fault behind more than a turn's work", &|peer| {
        [peer.part(&[7; 2_000]), vec![0; 64]].concat()
    });
    attacks
}

/// Plays attacks, each on its connection, while somebody honest talks; each must end in silence
/// within 50 to 200 ms, and nothing may be left of it.
fn all_end_alike(victim: &mut Victim, attacks: Vec<Attack>, has_end: bool) {
    let mut honest = Peer::joins(victim, "honest");
    let used = victim.used().0 - attacks.len();
    for (index, (what, conn, data)) in attacks.into_iter().enumerate() {
        let began = victim.now;
        let spoken = victim.node.stats().bytes_out;
        victim.receive(conn, &data);
        let answer = victim.take_said(conn);
        let text = String::from_utf8_lossy(&answer);
        // What it says is said in the exchange, in front of the fault.
        let is_exchange = answer.is_empty() || text.starts_with("512     ");
        assert!(is_exchange, "{what}: {text}");
        if has_end {
            victim.input(Input::Ended { conn });
        }
        assert_eq!(victim.closed.get(&conn), None, "{what}: closed at once");
        let said = victim.node.stats().bytes_out - spoken;
        assert_eq!(said, answer.len() as u64);

        victim.wait(30);
        // More of the same is not looked at, and does not move the end.
        victim.receive(conn, &data);
        let frame = broadcast(victim.now, "honest", 1 + index as u64, what);
        honest.send(victim, &frame);
        assert_eq!(victim.texts.pop().as_deref(), Some(what), "the honest are served");
        victim.wait(180);
        let (mode, at) = victim.closed.get(&conn).copied().expect(what);
        let delay = at.since(began).as_millis();
        assert_eq!(mode, CloseMode::Abort, "{what}");
        assert!((50..=200).contains(&delay), "{what}: after {delay} ms");
        assert_eq!(victim.take_said(conn), b"", "{what}: something was said");
    }
    // The honest one's timer, too, is only ever stopped late.
    victim.wait(60_000);
    assert_eq!(victim.used(), (used, 0));
}

#[test]
fn every_fault_in_the_clear_ends_in_the_same_silence() {
    for has_end in [false, true] {
        let mut victim = Victim::new();
        let attacks = attacks_in_the_clear(&mut victim);
        all_end_alike(&mut victim, attacks, has_end);
    }
}

#[test]
fn t46_every_fault_under_keys_ends_in_the_same_silence() {
    for has_end in [false, true] {
        let mut victim = Victim::new();
        let attacks = attacks_under_keys(&mut victim);
        all_end_alike(&mut victim, attacks, has_end);
    }
}

#[test]
fn faults_of_somebody_who_was_dialed_end_in_the_same_silence() {
    let mut victim = Victim::new();
    let size = b"1024            ";
    let key = format!("{:<1024}", key_text());
    let answers = [
        ("no size", b"HTTP/1.1 400 Bad".to_vec()),
        ("size", b"999999999999999 ".to_vec()),
        ("size", b"88              ".to_vec()),
        ("key", [&size[..], &[b' '; 1_024]].concat()),
        ("request", [&size[..], key.as_bytes(), b"Requesting the key"].concat()),
        ("block", [&size[..], key.as_bytes(), QUESTIONS.as_bytes(), &[0; 64]].concat()),
    ];
    for (what, answer) in answers {
        let conn = open(&mut victim, Role::Server);
        victim.receive(conn, &answer);
        assert!(!victim.closed.contains_key(&conn), "{what}: closed at once");
        victim.wait(49);
        assert!(!victim.closed.contains_key(&conn), "{what}: closed soon");
        victim.wait(151);
        assert_eq!(victim.closed[&conn].0, CloseMode::Abort, "{what}");
        let said = String::from_utf8(victim.take_said(conn)).unwrap();
        // Its handshake would have come behind its key.
        assert!(said.len() <= 33 + 16 + 512, "{what}: {said}");
        assert_eq!(victim.used().0, 0, "{what}");
    }
}

#[test]
fn an_empty_message_is_the_end_and_nothing_counts_behind_it() {
    let mut victim = Victim::new();
    let mut peer = Peer::joins(&mut victim, "peer");
    let mut seal = |sequence, text| peer.seal(&broadcast(victim.now, "peer", sequence, text));
    let (before, behind) = (seal(1, "before"), seal(2, "behind"));
    let end = peer.seal(b"");
    victim.receive(peer.conn, &[before, end, behind].concat());
    assert_eq!(victim.texts, ["before"]);
    assert_eq!(victim.closed[&peer.conn].0, CloseMode::Flush);
    assert_eq!(victim.node.troubles().count(), 0, "it left in good order");
    assert_eq!(victim.used(), (0, 0));
}

#[test]
fn a_neighbor_that_commits_a_fault_behind_much_work_ends_in_the_same_silence() {
    let mut victim = Victim::new();
    let mut peer = Peer::joins(&mut victim, "neighbor");
    assert_eq!(victim.node.routing_table().count(), 1);
    let record = peer.seal(&broadcast(victim.now, "neighbor", 1, &"long ".repeat(400)));
    victim.receive(peer.conn, &[&record, &[0; 64][..]].concat());
    assert_eq!(victim.texts.len(), 1, "what came in front of the fault counts");
    let began = victim.now;
    victim.wait(200);
    let (mode, at) = victim.closed[&peer.conn];
    assert_eq!(mode, CloseMode::Abort);
    assert!(at.since(began).as_millis() >= 50);
    assert_eq!(victim.used(), (0, 0));
}

#[test]
fn signatures_with_any_of_the_five_hashes_are_taken() {
    let mut victim = Victim::new();
    let mut rng = SeededRng::from_seed([2; 32]);
    for (index, hash) in Hash::ALL.into_iter().enumerate() {
        let peer = Peer::dials(&mut victim);
        let name = format!("peer{index}");
        let message = handshake(&name);
        let signature = sign_with(&message, &super::rsa_key(), hash, &mut rng).unwrap();
        let record = [peer.part(&message), peer.part(&signature)].concat();
        victim.receive(peer.conn, &record);
        assert_eq!(victim.node.routing_table().count(), index + 1, "{hash}");
    }
}

/// What a peer says in a whole conversation, up to its second broadcast.
fn conversation(role: Role) -> Vec<u8> {
    let mut victim = Victim::new();
    let conn = open(&mut victim, role);
    let mut peer = Peer::new(&mut victim, conn, role);
    let say = |sequence, text| broadcast(Instant::ZERO, "peer", sequence, text);
    for frame in [handshake("peer"), say(1, "one"), say(2, "two")] {
        peer.send(&mut victim, &frame);
    }
    assert_eq!(victim.texts, ["one", "two"]);
    peer.stream
}

/// A connection on which the peer has this role.
fn open(victim: &mut Victim, role: Role) -> ConnId {
    match role {
        Role::Client => victim.accept(),
        Role::Server => {
            let conn = victim.call(|node, now| node.dial(now, super::net::addr(1))).unwrap();
            victim.input(Input::Connected { conn });
            conn
        }
    }
}

#[test]
fn a_conversation_cut_at_every_byte_leaves_nothing_and_nobody_waiting() {
    for role in [Role::Client, Role::Server] {
        let stream = conversation(role);
        let mut delivered = BTreeSet::new();
        for len in 0..=stream.len() {
            // The same node each time: it has the same key for its first connection.
            let mut victim = Victim::new();
            let conn = open(&mut victim, role);
            victim.receive(conn, &stream[..len]);
            let spoken = victim.node.stats().bytes_out;
            victim.input(Input::Ended { conn });
            let is_good_order = victim.closed.contains_key(&conn);
            victim.wait(200);
            assert!(victim.closed.contains_key(&conn), "{role:?} cut at {len}");
            assert_eq!(victim.used(), (0, 0), "{role:?} cut at {len}");
            assert_eq!(victim.node.stats().bytes_out, spoken, "{role:?} cut at {len}");
            let faults: Vec<_> = victim.node.troubles().map(|trouble| trouble.reason).collect();
            assert_eq!(is_good_order, faults.is_empty(), "{role:?} cut at {len}: {faults:?}");
            delivered.insert(victim.texts.len());
        }
        assert_eq!(delivered.into_iter().collect::<Vec<_>>(), [0, 1, 2]);
    }
}

#[test]
fn a_peer_that_falls_silent_at_any_byte_is_given_up() {
    let stream = conversation(Role::Client);
    // Every byte of the exchange up to its key, and every thirteenth of the rest.
    for len in (0..60).chain((60..stream.len()).step_by(13)) {
        let mut victim = Victim::new();
        let conn = victim.accept();
        victim.receive(conn, &stream[..len]);
        victim.wait(59_999);
        assert!(!victim.closed.contains_key(&conn));
        victim.wait(1);
        let is_neighbor = victim.node.routing_table().count() == 1;
        assert!(is_neighbor || victim.used() == (0, 0), "silent after {len}");
    }
}

#[test]
fn a_thousand_bad_connections_leave_nothing() {
    let mut victim = Victim::new();
    let mut honest = Peer::joins(&mut victim, "honest");
    let bad = [
        &b""[..],
        b"Requesting key size",
        b"GET / HTTP/1.1\r\n\r\n",
        b"Requesting key sizeRequesting key1000000000000000",
    ];
    for round in 0..1_000 {
        let conn = victim.accept();
        victim.receive(conn, bad[round % bad.len()]);
        victim.wait(1_000);
    }
    victim.wait(60_000);
    assert_eq!(victim.used(), (1, 0));
    assert_eq!(victim.closed.len(), 1_000);
    let frame = broadcast(victim.now, "honest", 1, "still here");
    honest.send(&mut victim, &frame);
    assert_eq!(victim.texts, ["still here"]);
}

#[test]
fn t46_no_two_connections_are_told_the_same_modulus() {
    let mut victim = Victim::new();
    let mut told = BTreeSet::new();
    for _ in 0..super::victim::KEYS.len() {
        let conn = victim.accept();
        victim.receive(conn, QUESTIONS.as_bytes());
        let said = victim.take_said(conn);
        let text = String::from_utf8(said[16..528].to_vec()).unwrap();
        let key: PublicKey = text.parse().unwrap();
        assert!(told.insert(key.n()), "a modulus was told twice");
    }
}

#[test]
fn only_who_asks_for_a_key_uses_one_up() {
    let mut victim = Victim::new();
    let given = victim.keys_given();
    for data in [&b""[..], b"R", b"Requesting key siz", b"GET / HTTP/1.1\r\n\r\n", &[0; 400]] {
        let conn = victim.accept();
        victim.receive(conn, data);
    }
    assert_eq!(victim.keys_given(), given);
    let conn = victim.accept();
    for byte in QUESTIONS.as_bytes().chunks(1) {
        victim.receive(conn, byte);
    }
    assert_eq!(victim.keys_given(), given + 1);
    assert_eq!(victim.take_said(conn).len(), 16 + 512 + 19);
}

#[test]
fn a_node_that_dials_comes_before_strangers_in_the_queue_for_keys() {
    let mut victim = Victim::new();
    victim.withhold_keys();
    let strangers: Vec<_> = (0..20).map(|_| victim.accept()).collect();
    for conn in &strangers {
        victim.receive(*conn, QUESTIONS.as_bytes());
    }
    let conn = open(&mut victim, Role::Server);
    victim.give_key();
    assert_eq!(victim.take_said(conn), b"Requesting key size");
    victim.give_key();
    let answered = strangers.iter().filter(|conn| !victim.take_said(**conn).is_empty()).count();
    assert_eq!(answered, 4 + 1, "those for whom keys lay ready, and one more");
}
