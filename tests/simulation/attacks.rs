//! Hostile peers, each doing one thing, beside a mesh that must not care.

use rs2p::sim::{Attack, Hand, Outsider, Topology, World};
use rs2p::wire::{DecodeError, Flag, PathfindingMessage};
use rs2p::{CloseReason, ConnId, Event, Misbehavior};

use crate::{SECOND, settle};

/// Four nodes in a ring, of which an attacker has two.
fn ring_with(attack: Attack) -> World {
    let mut world = World::new(1);
    world.add_nodes(4);
    world.link(&Topology::Ring);
    settle(&mut world);
    world.add_attacker(attack, &[0, 2]);
    world
}

/// Lets every node speak each ten seconds, and checks that everybody hears it once.
fn speak_for(world: &mut World, rounds: usize) {
    for round in 0..rounds {
        let said: Vec<_> = (0..4).map(|node| format!("{round} of {node}")).collect();
        for (node, text) in said.iter().enumerate() {
            world.broadcast(node, &[text]).unwrap();
        }
        world.run_for(10 * SECOND);
        for (from, text) in said.iter().enumerate() {
            let id = world.id(from).unwrap();
            for to in (0..4).filter(|to| *to != from) {
                assert_eq!(world.received(to, id, &[text]), 1, "node {to}, {text}");
            }
        }
    }
}

/// How often connections to node 0 have ended for a reason.
fn ended(world: &World, node: usize, is_it: impl Fn(&CloseReason) -> bool) -> usize {
    world.node(node).unwrap().troubles().filter(|trouble| is_it(&trouble.reason)).count()
}

#[test]
fn no_attack_keeps_a_message_from_anybody_or_brings_one_twice() {
    for attack in Attack::ALL {
        let mut world = ring_with(attack);
        speak_for(&mut world, 14);
        for node in 0..4 {
            let ids: Vec<_> = (0..4).filter_map(|other| world.id(other)).collect();
            let lost = world
                .app(node)
                .events()
                .iter()
                .find(|event| matches!(event, Event::PeerLost { id, .. } if ids.contains(id)));
            // It goes by their names, and whoever cannot tell them apart says so.
            if !attack.takes_places() {
                assert_eq!(lost, None, "{attack}: node {node}");
            }
        }
    }
}

#[test]
fn a_seed_repeats_to_the_byte_with_attackers_and_py2p_nodes() {
    let run = |seed| {
        let mut world = World::new(seed);
        world.add_nodes(4);
        world.link(&Topology::Ring);
        for attack in Attack::ALL {
            world.add_attacker(attack, &[0, 2]);
        }
        world.add_outsider(rs2p::sim::Legacy::new([0, 1]).saying(3, SECOND));
        world.run_for(5 * SECOND);
        for node in 0..4 {
            world.broadcast(node, &[format!("of {node}")]).unwrap();
        }
        world.run_for(60 * SECOND);
        (world.trace_hash(), world.deliveries(), world.arrivals())
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn t1_a_header_that_announces_too_much_ends_its_connection() {
    let mut world = ring_with(Attack::Oversized);
    world.run_for(20 * SECOND);
    let is_too_long = |reason: &CloseReason| {
        matches!(reason, CloseReason::Malformed(DecodeError::FrameTooLong { .. }))
    };
    assert!(ended(&world, 0, is_too_long) > 3);
    assert!(world.node(0).unwrap().usage().connections <= 4);
}

fn is_malformed(reason: &CloseReason) -> bool {
    matches!(reason, CloseReason::Malformed(_))
}

#[test]
fn t2_t3_t5_t6_t9_what_is_no_message_is_forgiven_a_few_times_and_then_ends_its_connection() {
    for attack in [Attack::HeaderBombs, Attack::EmptyFrames, Attack::BadTexts] {
        let mut world = ring_with(attack);
        world.run_for(60 * SECOND);
        assert!(ended(&world, 0, is_malformed) > 0, "{attack}");
    }
    let mut world = ring_with(Attack::BadJson);
    world.run_for(60 * SECOND);
    let is_told = |reason: &CloseReason| {
        is_malformed(reason) || *reason == CloseReason::Misbehaved(Misbehavior::SecondHandshake)
    };
    assert!(ended(&world, 0, is_told) > 0);
    for attack in [Attack::UnknownFlags, Attack::EmptyFrames] {
        let mut world = ring_with(attack);
        world.run_for(60 * SECOND);
        let stats = world.node(0).unwrap().stats();
        assert!(stats.undecodable.total() + stats.ignored.total() > 0, "{attack}: {stats:?}");
        assert_eq!(stats.relayed, 0, "{attack}: {stats:?}");
    }
}

#[test]
fn t3_empty_frames_draw_no_answer() {
    let mut world = ring_with(Attack::EmptyFrames);
    world.run_for(SECOND);
    let before = world.node(0).unwrap().stats();
    world.run_for(60 * SECOND);
    let after = world.node(0).unwrap().stats();
    let empty = after.frames_in - before.frames_in;
    assert!(empty > 100, "{empty}");
    // A handshake and a peers list for each connection.
    assert!(after.frames_out - before.frames_out <= 2 * 120);
    assert!(after.undecodable.total() <= 8 * 120);
}

#[test]
fn t10_a_handshake_that_drips_is_cut_and_costs_nobody_else_anything() {
    let mut world = ring_with(Attack::Drip);
    world.run_for(20 * SECOND);
    assert!(ended(&world, 0, |reason| *reason == CloseReason::HandshakeTimeout) >= 4);
    let before = world.now();
    world.broadcast(0, &["past the drips"]).unwrap();
    world.run_for(SECOND);
    assert_eq!(world.app(1).texts(), ["past the drips"], "since {before}");
}

#[test]
fn t11_whoever_never_reads_is_cut_and_named_and_slows_nobody() {
    let mut world = ring_with(Attack::Sink);
    world.run_for(2 * SECOND);
    for number in 0..20 {
        world.broadcast(0, &[noise(number, 300_000)]).unwrap();
    }
    world.run_for(10 * SECOND);
    assert_eq!(world.app(1).texts().len(), 20);
    world.run_for(20 * SECOND);
    let is_named = |event: &Event| {
        matches!(event, Event::PeerLost { reason: CloseReason::Stalled { .. }, .. })
    };
    assert!(world.app(0).events().iter().any(is_named));
}

/// Bytes that no method makes shorter.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..len).map(|_| next()).collect()
}

#[test]
fn t13_a_node_joins_past_a_crowd_of_silent_connections() {
    let mut world = World::new(2);
    world.add_nodes(2);
    world.add_attacker(Attack::Crowd, &[0]);
    world.run_for(3 * SECOND);
    world.connect(1, 0);
    world.run_for(2 * SECOND);
    assert_eq!(world.node(1).unwrap().routing_table().count(), 1);
}

#[test]
fn t20_a_racing_copy_with_other_packets_suppresses_nothing() {
    for seed in 0..20 {
        let mut world = World::new(seed);
        world.add_nodes(4);
        world.link(&Topology::Line);
        settle(&mut world);
        world.add_attacker(Attack::Race, &[0, 3]);
        settle(&mut world);
        for number in 0..10 {
            world.broadcast(0, &[format!("to be split {number}")]).unwrap();
        }
        world.run_for(10 * SECOND);
        let id = world.id(0).unwrap();
        for number in 0..10 {
            let got = world.received(3, id, &[format!("to be split {number}")]);
            assert_eq!(got, 1, "seed {seed}, {number}");
        }
    }
}

#[test]
fn t23_window_overload_lets_no_duplicate_in() {
    use rs2p::node::Config;
    use rs2p::sim::Recorder;
    use rs2p::wire::Protocol;
    let mut world = World::new(3);
    for _ in 0..3 {
        let mut config = Config::new(Protocol::new("mesh", "Plaintext"));
        config.limits.max_outgoing = 0;
        // 1,638 messages.
        config.limits.max_seen_len = 64 << 10;
        world.add(config, Recorder::default());
    }
    world.link(&Topology::Ring);
    settle(&mut world);
    for _ in 0..20 {
        world.add_attacker(Attack::Flood, &[0, 1]);
        world.add_attacker(Attack::Replay, &[0, 1, 2]);
    }
    let mut fullest = 0;
    for number in 0..20 {
        world.broadcast(0, &[format!("in the flood {number}")]).unwrap();
        for _ in 0..10 {
            world.run_for(SECOND);
            fullest = fullest.max(world.node(1).unwrap().usage().seen_len);
        }
    }
    let dropped = world.node(1).unwrap().stats().dropped;
    // That none came twice is what the world checks.
    assert!(fullest > 60 << 10, "it has never been full: {fullest}");
    assert!(dropped.overload > 100 && dropped.stale > 1_000, "{dropped:?}");
    assert!(dropped.duplicate > 1_000, "{dropped:?}");
}

#[test]
fn t24_what_is_replayed_after_a_second_or_a_day_is_not_delivered_again() {
    for seed in 0..4 {
        let mut world = World::new(seed);
        world.add_nodes(3);
        world.link(&Topology::Line);
        settle(&mut world);
        world.add_attacker(Attack::Replay, &[0, 1, 2]);
        settle(&mut world);
        world.broadcast(0, &["once"]).unwrap();
        world.run_for(200 * SECOND);
        let dropped = world.node(2).unwrap().stats().dropped;
        assert!(dropped.total() >= 4, "seed {seed}: {dropped:?}");
        world.run_for(86_400 * SECOND);
        assert_eq!(world.app(2).texts(), ["once"]);
        let later = world.node(2).unwrap().stats().dropped;
        assert!(later.stale > dropped.stale, "seed {seed}: {later:?}");
    }
}

#[test]
fn t26_whoever_states_the_id_of_a_neighbor_does_not_get_its_messages() {
    let mut world = ring_with(Attack::Takeover);
    speak_for(&mut world, 10);
    let impostors: u64 = (0..4).map(|node| world.node(node).unwrap().stats().impostors).sum();
    assert!(impostors > 10, "{impostors}");
}

#[test]
fn t27_a_message_before_the_handshake_and_a_second_handshake_end_their_connections() {
    let mut world = ring_with(Attack::Early);
    world.run_for(60 * SECOND);
    for misbehavior in [Misbehavior::NoHandshake, Misbehavior::SecondHandshake] {
        let is_it = |reason: &CloseReason| *reason == CloseReason::Misbehaved(misbehavior);
        assert!(ended(&world, 0, is_it) > 0, "{misbehavior}");
    }
    assert_eq!(world.deliveries(), 0);
}

/// Introduces itself under this name.
fn introduce(hand: &mut Hand<'_>, conn: ConnId, name: &str) {
    use rs2p::wire::{Compressions, Handshake};
    let handshake =
        Handshake::new(name.parse().unwrap(), hand.protocol(), None, Compressions::NONE);
    say(hand, conn, name, &handshake.encode());
}

fn say(hand: &mut Hand<'_>, conn: ConnId, name: &str, payload: &[Vec<u8>]) {
    let (flag, time) = (Flag::Whisper.as_bytes(), hand.wall().as_secs());
    let message = PathfindingMessage::new(flag, name.as_bytes(), time, payload).unwrap();
    hand.send(conn, &message);
}

/// Tells its victim of peers at these addresses, over and over, each time under new names.
#[derive(Debug)]
struct Slanderer {
    victim: usize,
    addrs: Vec<(String, u16)>,
    conn: Option<ConnId>,
    names: u32,
}

impl Outsider for Slanderer {
    fn on_start(&mut self, hand: &mut Hand<'_>) {
        self.conn = Some(hand.dial(self.victim));
    }

    fn on_open(&mut self, hand: &mut Hand<'_>, conn: ConnId) {
        introduce(hand, conn, "slanderer");
        hand.wake_after(SECOND);
    }

    fn on_wake(&mut self, hand: &mut Hand<'_>) {
        use rs2p::wire::{Address, PeerEntry};
        let entry = |(host, port): &(String, u16)| {
            self.names += 1;
            let address = Some(Address { host: host.clone(), port: *port });
            PeerEntry { address, id: format!("peer{}", self.names).parse().unwrap() }
        };
        let entries: Vec<PeerEntry> = self.addrs.iter().map(entry).collect();
        say(hand, self.conn.unwrap(), "slanderer", &PeerEntry::encode_list(&entries));
        hand.wake_after(SECOND);
    }
}

/// How often a node dials one of these addresses in so many seconds of being told of them.
fn dials_of_slandered(addrs: &[(String, u16)], seconds: u32) -> usize {
    let mut world = World::new(5);
    world.keep_trace();
    let mut config = rs2p::node::Config::new(rs2p::wire::Protocol::new("mesh", "Plaintext"));
    config.limits.max_outgoing = 8;
    world.add(config, rs2p::sim::Recorder::default());
    let addrs = addrs.to_vec();
    world.add_outsider(Slanderer { victim: 0, addrs: addrs.clone(), conn: None, names: 0 });
    world.run_for(seconds * SECOND);
    assert!(world.node(0).unwrap().stats().frames.peers_lists > 30);
    let ends: Vec<_> = addrs.iter().map(|(host, port)| format!(" dial {host}:{port}")).collect();
    world.trace().filter(|line| ends.iter().any(|end| line.ends_with(end))).count()
}

#[test]
fn t31_t32_peers_lists_without_end_make_few_dials() {
    let at_one_ip: Vec<_> = (4_000..4_500).map(|port| ("10.0.0.77".to_owned(), port)).collect();
    assert_eq!(dials_of_slandered(&at_one_ip, 590), 3, "as often as in vain within ten minutes");
    let all_over: Vec<_> = (1..250).map(|host| (format!("10.0.9.{host}"), 4_000)).collect();
    let dials = dials_of_slandered(&all_over, 120);
    // Four at once, and one a second.
    assert!((20..=124).contains(&dials), "{dials}");
    for (host, port) in [("127.0.0.1", 4_000), ("169.254.0.9", 4_000), ("10.0.0.77", 22)] {
        assert_eq!(dials_of_slandered(&[(host.to_owned(), port)], 60), 0, "{host}:{port}");
    }
}

#[test]
fn t34_a_question_that_is_answered_by_an_attacker_has_one_outcome() {
    let mut world = World::new(6);
    world.add_nodes(3);
    world.link(&Topology::Line);
    settle(&mut world);
    world.add_attacker(Attack::Answers, &[0, 1]);
    settle(&mut world);
    let far = world.id(2).unwrap();
    for _ in 0..5 {
        world.whisper(0, &far, &["for you alone"]).unwrap();
        world.call(0, |node, now| node.locate(now, &far)).unwrap().unwrap();
    }
    // That each has one is what the world checks, and that none is late.
    world.run_for(30 * SECOND);
    assert_eq!(world.node(0).unwrap().pending_requests().count(), 0);
}

#[test]
fn t35_whoever_asks_for_everybody_gets_one_answer_a_minute() {
    let mut world = World::new(7);
    world.add_nodes(1);
    let asker = world.add_attacker(Attack::AskAll, &[0]);
    world.run_for(60 * SECOND);
    let stats = world.node(0).unwrap().stats();
    assert!(stats.frames_in > 1_000, "{asker} has asked {} times", stats.frames_in);
    // A handshake, a peers list, and an answer at the beginning and the end of the minute.
    assert!((3..=4).contains(&stats.frames_out), "{}", stats.frames_out);
    assert!(stats.ignored.too_many_peers_lists > 400, "{:?}", stats.ignored);
}

#[test]
fn t36_a_thousand_resends_are_answered_three_times_a_minute() {
    let mut world = World::new(8);
    world.add_nodes(1);
    world.add_attacker(Attack::Resend, &[0]);
    world.run_for(5 * SECOND);
    world.broadcast(0, &["again, please"]).unwrap();
    world.run_for(50 * SECOND);
    let stats = world.node(0).unwrap().stats();
    assert!(stats.frames_in > 1_000, "{}", stats.frames_in);
    assert!((1..=6).contains(&stats.resent), "{}", stats.resent);
}

#[test]
fn t37_lists_that_alternate_end_the_connection() {
    let mut world = ring_with(Attack::Renegotiate);
    world.run_for(30 * SECOND);
    let is_it =
        |reason: &CloseReason| *reason == CloseReason::Misbehaved(Misbehavior::Renegotiation);
    assert!(ended(&world, 0, is_it) > 0);
}

/// Says something that only it could know that it never said.
#[derive(Debug)]
struct Liar {
    victim: usize,
}

impl Outsider for Liar {
    fn on_start(&mut self, hand: &mut Hand<'_>) {
        hand.dial(self.victim);
    }

    fn on_open(&mut self, hand: &mut Hand<'_>, conn: ConnId) {
        introduce(hand, conn, "liar");
    }

    fn on_message(&mut self, hand: &mut Hand<'_>, conn: ConnId, message: &PathfindingMessage) {
        if message.sub_flag() == Some(Flag::Peers) {
            let time = hand.wall().as_secs();
            let lie = ["broadcast", "a lie"];
            let lie = PathfindingMessage::new(b"broadcast", b"nobody", time, &lie).unwrap();
            hand.send(conn, &lie);
        }
    }
}

#[test]
fn an_outsider_of_ones_own_can_say_what_it_likes_once() {
    let mut world = World::new(9);
    world.add_nodes(2);
    world.connect(0, 1);
    settle(&mut world);
    world.add_outsider(Liar { victim: 0 });
    settle(&mut world);
    assert_eq!([0, 1].map(|node| world.app(node).texts()), [["a lie"], ["a lie"]]);
}
