//! Whole meshes under encryption, in virtual time.

#[cfg(all(feature = "rsa", feature = "tls"))]
use rs2p::sim::Swarm;
use rs2p::sim::{Topology, World};
use rs2p::{Config, Protocol};

use crate::{SECOND, settle};

/// Everybody hears everybody once, also after cuts and a crash.
fn live(world: &mut World, count: usize) {
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
    for from in 0..count {
        world.broadcast(from, &[format!("again from {from}")]).unwrap();
    }
    world.run_for(20 * SECOND);
    assert_eq!(world.deliveries(), 2 * everybody);
}

/// The traces agree but for the bytes that TLS makes of its entropy: what happened when, where and
/// to whom, each event, and the length of everything that was sent.
#[cfg(feature = "tls")]
#[test]
fn a_mesh_under_tls_lives_through_cuts_and_a_crash_and_repeats_but_for_its_bytes() {
    let run = |seed| {
        let mut world = World::new(seed);
        world.keep_trace();
        for number in 0..10_u8 {
            let identity = rs2p::Identity::from_secret(&[number + 1; 32]).unwrap();
            let mut config = Config::new(Protocol::new("mesh", "tls13-rpk/1"));
            config.max_outgoing = 0;
            config.identity = Some(identity);
            world.add(config, rs2p::sim::Recorder::default());
        }
        live(&mut world, 10);
        (world.trace().collect::<Vec<_>>(), world.trace_hash(), world.deliveries())
    };
    let [once, again] = [run(11), run(11)];
    let differ = once.0.iter().zip(&again.0).find(|(a, b)| a != b);
    assert_eq!(differ, None);
    assert_eq!(once, again);
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
            config.max_outgoing = 0;
            world.add(config, rs2p::sim::Recorder::default());
        }
        live(&mut world, 6);
        world.trace_hash()
    };
    assert_eq!(run(5), run(5));
}
