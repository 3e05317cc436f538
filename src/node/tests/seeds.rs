//! Addresses that are tried for ever.

use std::time::Duration;

use super::bench::{Bench, handshake};
use super::net::{Net, addr, config, ms};
use crate::node::{Config, Input, Node};
use crate::wire::Address;

fn refuse(bench: &mut Bench) {
    let dials = bench.dials();
    let [(conn, _)] = dials[..] else { panic!("one dial: {dials:?}") };
    let error = Some(std::io::ErrorKind::ConnectionRefused.into());
    bench.input(Input::Closed { conn, error });
}

/// The pause until the next dial.
fn pause(bench: &mut Bench) -> Duration {
    let before = bench.now;
    let due = bench.node.poll_timeout().unwrap();
    bench.now = due;
    bench.input(Input::Timeout);
    due.since(before)
}

fn bench(seed: u8) -> Bench {
    let mut bench = Bench::new();
    bench.node = Node::new(config(), [seed; 32], ms(0), super::net::WALL).unwrap();
    bench.call(|node, now| node.add_seed(now, addr(1)));
    bench
}

#[test]
fn t33_a_seed_is_tried_for_ever_after_pauses_that_double_up_to_five_minutes() {
    let mut longest = [Duration::ZERO; 12];
    let mut shortest = [Duration::MAX; 12];
    for seed in 0..100 {
        let mut bench = bench(seed);
        for failure in 0..40_usize {
            refuse(&mut bench);
            let pause = pause(&mut bench);
            let bound = Duration::from_secs((1_u64 << failure.min(16)).min(300));
            assert!(pause <= bound, "{pause:?} after failure {failure}");
            if failure < 12 {
                longest[failure] = longest[failure].max(pause);
                shortest[failure] = shortest[failure].min(pause);
            }
        }
    }
    for failure in 0..12_usize {
        let bound = Duration::from_secs((1_u64 << failure).min(300));
        assert!(longest[failure] > bound.mul_f64(0.9), "{failure}: {:?}", longest[failure]);
        assert!(shortest[failure] < bound.mul_f64(0.1), "{failure}: {:?}", shortest[failure]);
    }
}

#[test]
fn t33_a_minute_of_good_life_makes_the_next_failure_the_first_and_ten_seconds_the_pause_short() {
    for (life, max) in [(60_000, 1), (59_999, 2), (10_000, 2), (9_999, 1 << 7)] {
        let mut longest = Duration::ZERO;
        for seed in 0..50 {
            let mut bench = bench(seed);
            for _ in 0..7 {
                refuse(&mut bench);
                pause(&mut bench);
            }
            let (conn, _) = bench.dials()[0];
            bench.input(Input::Connected { conn });
            bench.receive(conn, &handshake("seed", Some(1), None));
            bench.wait(life);
            bench.input(Input::Ended { conn });
            bench.input(Input::Closed { conn, error: None });
            longest = longest.max(pause(&mut bench));
        }
        let max = Duration::from_secs(max);
        assert!(longest <= max && longest > max / 2, "{longest:?} after {life} ms");
    }
}

#[test]
fn a_seed_that_dies_and_comes_back_is_joined_again() {
    let mut net = Net::new(2);
    net.call(0, |node, now| node.add_seed(now, addr(1)));
    net.run_for(100);
    for _ in 0..5 {
        assert_eq!(net.nodes[0].routing_table().count(), 1);
        net.call(1, Node::close);
        net.run_for(10);
        assert_eq!(net.nodes[0].routing_table().count(), 0);
        net.run_for(30_000);
        let address = Some(addr(1).into());
        let config = Config { out_addr: address, ..config() };
        net.nodes[1] = Node::new(config, [9; 32], net.now, super::net::WALL).unwrap();
        net.run_for(300_000);
    }
}

#[test]
fn a_seed_is_dialled_no_more_once_removed_or_closed_and_never_if_it_is_oneself() {
    let mut bench = bench(0);
    bench.call(|node, now| node.add_seed(now, addr(1)));
    refuse(&mut bench);
    assert!(bench.node.remove_seed(addr(1)));
    assert!(!bench.node.remove_seed(addr(1)));
    assert_eq!(bench.node.poll_timeout(), None);

    bench.call(|node, now| node.add_seed(now, addr(2)));
    refuse(&mut bench);
    bench.call(|node, now| node.close(now));
    assert_eq!(bench.node.poll_timeout(), None);
    bench.call(|node, now| node.add_seed(now, addr(3)));
    assert_eq!(bench.dials(), []);

    let me: Address = addr(0).into();
    let mut bench = Bench::with(Config { out_addr: Some(me), ..config() });
    bench.call(|node, now| node.add_seed(now, addr(0)));
    assert_eq!((bench.dials(), bench.node.poll_timeout()), (vec![], None));
    assert!(!bench.node.remove_seed(addr(0)));
}

#[test]
fn a_seed_that_is_lost_and_reached_again_before_its_socket_is_gone_stays_reached() {
    let mut bench = bench(0);
    let (first, _) = bench.dials()[0];
    bench.input(Input::Connected { conn: first });
    bench.receive(first, &handshake("seed", Some(1), None));
    bench.input(Input::Ended { conn: first });
    pause(&mut bench);
    let (second, _) = bench.dials()[0];
    bench.input(Input::Connected { conn: second });
    bench.receive(second, &handshake("seed", Some(2), None));
    bench.input(Input::Closed { conn: first, error: None });
    assert!(
        bench
            .node
            .seeds
            .values()
            .all(|seed| format!("{seed:?}").contains("failures: 1, reached_at: Some"))
    );
}
