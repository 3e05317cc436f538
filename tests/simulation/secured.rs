//! Whole meshes under encryption, in virtual time.

#[cfg(all(feature = "rsa", feature = "tls"))]
use rs2p::sim::Swarm;
use rs2p::sim::{Topology, World};
use rs2p::{Config, Protocol};

use crate::{SECOND, settle};

/// Everybody hears everybody once, also after cuts and a crash. Who has crashed hears once more what
/// is not a minute old, of itself only where it goes by another id now.
fn live(world: &mut World, count: usize, keeps_id: bool) {
    world.link(&Topology::Random { degree: 3 });
    world.link_back();
    settle(world);
    for from in 0..count {
        world.broadcast(from, &[format!("from {from}")]).unwrap();
    }
    world.run_for(20 * SECOND);
    let everybody = (count * (count - 1)) as u64;
    assert_eq!(world.deliveries(), everybody);
    for _ in 0..5 {
        world.cut_any();
        world.run_for(SECOND);
    }
    world.crash(1);
    world.run_for(5 * SECOND);
    world.restart(1);
    world.run_for(120 * SECOND);
    let heard_again = (count - usize::from(keeps_id)) as u64;
    assert_eq!(world.deliveries(), everybody + heard_again);
    for from in 0..count {
        world.broadcast(from, &[format!("again from {from}")]).unwrap();
    }
    world.run_for(20 * SECOND);
    assert_eq!(world.deliveries(), 2 * everybody + heard_again);
}

#[cfg(feature = "tls")]
fn tls_world(count: u8, signatures: rs2p::Signatures) -> World {
    let mut world = World::new(11);
    world.keep_trace();
    for number in 0..count {
        let identity = rs2p::Identity::from_secret(&[number + 1; 32]).unwrap();
        let mut config = Config::new(Protocol::new("mesh", "tls13-rpk/1"));
        config.limits.max_outgoing = 0;
        config.identity = Some(identity);
        config.signatures = signatures;
        world.add(config, rs2p::sim::Recorder::default());
    }
    world
}

/// The traces agree but for the bytes that TLS makes of its entropy: what happened when, where and
/// to whom, each event, and the length of everything that was sent.
#[cfg(feature = "tls")]
#[test]
fn a_mesh_under_tls_lives_through_cuts_and_a_crash_and_repeats_but_for_its_bytes() {
    use rs2p::Signatures::{Never, WhereProven};

    let run = |signatures| {
        let mut world = tls_world(10, signatures);
        live(&mut world, 10, true);
        for number in 0..10 {
            let stats = world.node(number).unwrap().stats();
            assert_eq!(stats.dropped.forged, 0);
            // Each message is checked once, however many copies come.
            let verified = if signatures == Never { 0 } else { stats.delivered };
            assert_eq!(stats.verified, verified);
        }
        (world.trace().collect::<Vec<_>>(), world.trace_hash(), world.deliveries())
    };
    for signatures in [WhereProven, Never] {
        let [once, again] = [run(signatures), run(signatures)];
        let differ = once.0.iter().zip(&again.0).find(|(a, b)| a != b);
        assert_eq!(differ, None);
        assert_eq!(once, again);
    }
}

/// Hostile peers are members there: they have a key, and say what they do inside TLS.
#[cfg(feature = "tls")]
#[test]
fn no_member_of_a_mesh_under_tls_keeps_a_message_from_anybody_or_brings_one_twice() {
    use rs2p::sim::Attack;
    use rs2p::{Event, Signatures};

    let mut joined = Vec::new();
    for attack in Attack::ALL {
        let mut world = tls_world(4, Signatures::WhereProven);
        world.link(&Topology::Ring);
        settle(&mut world);
        world.add_attacker(attack, &[0, 2]);
        let ids: Vec<_> = (0..4).map(|node| world.id(node).unwrap()).collect();
        for round in 0..8 {
            for (node, id) in ids.iter().enumerate() {
                let text = format!("{round} of {node}");
                world.broadcast(node, &[&text]).unwrap();
                world.run_for(5 * SECOND);
                for other in (0..4).filter(|other| *other != node) {
                    assert_eq!(world.received(other, *id, &[&text]), 1, "{attack}: {text}");
                }
            }
        }
        let is_theirs =
            |event: &&Event| matches!(event, Event::Message(it) if ids.contains(&it.sender));
        let theirs = |node| world.app(node).events().iter().filter(is_theirs).count();
        assert_eq!(
            (0..4).map(theirs).sum::<usize>(),
            8 * 4 * 3,
            "{attack}: and nothing in their names"
        );
        let is_stranger = |event: &Event| matches!(event, Event::PeerJoined(info) if info.is_authenticated && !ids.contains(&info.id));
        if world.app(0).events().iter().any(is_stranger) {
            joined.push(attack);
        }
    }
    for attack in [Attack::Sink, Attack::Resend, Attack::Gossip, Attack::EmptyFrames] {
        assert!(joined.contains(&attack), "{attack} is not among {joined:?}");
    }
}

/// Swarms draw every encryption, and what is drawn repeats.
#[cfg(all(feature = "rsa", feature = "tls"))]
#[test]
fn a_swarm_of_each_encryption_holds_and_repeats() {
    for encryption in ["Plaintext", "PKCS1_v1.5", "tls13-rpk/1"] {
        let mut drawn = (0..1_000).map(Swarm::from_seed);
        let swarm = drawn.find(|swarm| swarm.encryption == encryption).unwrap();
        assert_eq!(swarm.run(), swarm.run(), "{swarm}");
    }
}

#[cfg(feature = "rsa")]
#[test]
fn a_mesh_under_rsa_lives_through_cuts_and_a_crash_and_repeats_to_the_byte() {
    let run = |seed| {
        let mut world = World::new(seed);
        for _ in 0..6 {
            let mut config = Config::new(Protocol::new("mesh", "PKCS1_v1.5"));
            config.limits.max_outgoing = 0;
            world.add(config, rs2p::sim::Recorder::default());
        }
        live(&mut world, 6, false);
        world.trace_hash()
    };
    assert_eq!(run(5), run(5));
}

#[cfg(feature = "tls")]
#[test]
fn a_mesh_with_a_secret_keeps_a_stranger_out_and_one_that_is_denied_for_a_minute_comes_back() {
    use std::time::Duration;

    use rs2p::{Identity, MeshSecret, Rule, RuleKind, Subject};

    let identity = |number: u8| Identity::from_secret(&[number + 1; 32]).unwrap();
    let outcast = Subject::Id(identity(1).node_id());
    let mut world = World::new(12);
    for number in 0..5_u8 {
        let mut config = Config::new(Protocol::new("mesh", "tls13-rpk/1"));
        config.limits.max_outgoing = 0;
        config.identity = Some(identity(number));
        // The last one has heard of a secret, and it is another.
        let secret = if number == 4 { [9; 16] } else { [3; 16] };
        config.secret = Some(MeshSecret::from_bytes(&secret).unwrap());
        let lifetime = Some(Duration::from_secs(60));
        config.rules.push(Rule { kind: RuleKind::Deny, subject: outcast, lifetime });
        world.add(config, rs2p::sim::Recorder::default());
    }
    let links = (0..5).flat_map(|from| (0..from).map(move |to| (from, to)));
    world.link(&Topology::Custom(links.collect()));
    world.run_for(50 * SECOND);
    world.broadcast(0, &["without two"]).unwrap();
    assert!(world.broadcast(1, &["to nobody"]).is_err());
    assert!(world.broadcast(4, &["to nobody"]).is_err());
    world.run_for(SECOND);
    assert_eq!(world.deliveries(), 2);
    world.run_for(400 * SECOND);
    world.broadcast(1, &["back again"]).unwrap();
    assert!(world.broadcast(4, &["to nobody"]).is_err());
    world.run_for(SECOND);
    assert_eq!(world.app(1).texts(), ["without two"], "who is let in hears of the last minute");
    assert_eq!(world.deliveries(), 2 + 1 + 3);
}
