//! What a peer under RSA can learn from when its connection ends, and how long it can keep others
//! waiting.

use super::super::Input;
use super::victim::{Peer, Victim, broadcast};
use crate::rsa::{Hash, SeededRng, sign_with};

/// How many connections end by each cause.
const COUNT: usize = 1_000;

/// How long after a fault connections end, in milliseconds, and sorted.
fn closing_times(fault: impl Fn(&Peer) -> Vec<u8>) -> Vec<u128> {
    let mut victim = Victim::new();
    let mut times: Vec<u128> = (0..COUNT)
        .map(|_| {
            let peer = Peer::dials(&mut victim);
            let began = victim.now;
            victim.receive(peer.conn, &fault(&peer));
            victim.wait(1_000);
            victim.closed[&peer.conn].1.since(began).as_millis()
        })
        .collect();
    times.sort_unstable();
    times
}

/// The largest distance between two distributions, each given by its sorted values.
fn distance(one: &[u128], other: &[u128]) -> f64 {
    let share = |values: &[u128], at: u128| {
        values.partition_point(|&value| value <= at) as f64 / values.len() as f64
    };
    let distances = one.iter().chain(other).map(|&at| (share(one, at) - share(other, at)).abs());
    distances.fold(0.0, f64::max)
}

/// The probability of a distance as large as this or larger between two samples of one distribution
/// (Kolmogorov and Smirnov, for many values).
fn probability(distance: f64, count: usize) -> f64 {
    let lambda = distance * (count as f64 / 2.0).sqrt();
    let term = |k: i32| {
        let sign = if k % 2 == 0 { -2.0 } else { 2.0 };
        sign * (-2.0 * f64::from(k * k) * lambda * lambda).exp()
    };
    if lambda < 0.2 { 1.0 } else { (1..=100).map(term).sum::<f64>().clamp(0.0, 1.0) }
}

#[test]
fn the_measure_of_distributions_tells_equal_from_different() {
    let ramp: Vec<u128> = (0..1_000).collect();
    let shifted: Vec<u128> = (100..1_100).collect();
    assert_eq!(distance(&ramp, &ramp), 0.0);
    assert!((distance(&ramp, &shifted) - 0.1).abs() < 1e-9);
    assert_eq!(probability(0.0, 1_000), 1.0);
    // The table's value for one in a hundred is 1.628 times the root of 2 / count.
    assert!((probability(1.628 * (2.0_f64 / 1_000.0).sqrt(), 1_000) - 0.01).abs() < 2e-4);
    assert!(probability(0.1, 1_000) < 1e-3);
}

/// The times are those of the virtual clock: what the node decides. What the processor does until
/// then, and whether it takes longer for one cause than for another, they cannot show; against that
/// there is the fresh key of each connection, and nothing else.
#[test]
fn t46_when_a_connection_ends_does_not_tell_by_which_fault() {
    let own = super::rsa_key();
    let mut rng = SeededRng::from_seed([2; 32]);
    let other = sign_with(b"another", &own, Hash::Sha512, &mut rng).unwrap();
    let by_cause = [
        ("bad padding", closing_times(|_| [&[0], &[0x5a; 63][..]].concat())),
        ("bad count", closing_times(|peer| peer.blocks(&[b"\0\0\0\x01\0"]))),
        ("bad signature", closing_times(|peer| [peer.part(b"m"), peer.part(&other)].concat())),
    ];
    for (index, (one, times)) in by_cause.iter().enumerate() {
        assert!((50..60).contains(&times[0]) && (190..=200).contains(&times[COUNT - 1]), "{one}");
        for (other, others) in &by_cause[index + 1..] {
            let p = probability(distance(times, others), COUNT);
            assert!(p > 0.01, "{one} and {other}: p = {p}");
        }
    }
}

/// How much work the node does, at the most, until a message of one honest neighbor stands ready for
/// the other, while so many others have it work as much as they can: in units of a third to a half
/// of a millisecond.
fn work_until_relayed(heavy_count: usize, is_first: bool) -> usize {
    let mut victim = Victim::new();
    let mut from = Peer::joins(&mut victim, "from");
    let heavy: Vec<_> = (0..heavy_count)
        .map(|index| {
            let name = format!("heavy{index}");
            let mut peer = Peer::joins(&mut victim, &name);
            let record = peer.seal(&broadcast(victim.now, &name, 1, &"x".repeat(50_000)));
            (peer.conn, record)
        })
        .collect();
    let mut to = Peer::joins(&mut victim, "to");
    victim.wait(100);
    to.talk(&mut victim);
    let burst = victim.units_of(heavy.iter().map(|(conn, _)| *conn).collect());
    assert_eq!(burst, heavy_count * 4, "they have rested");
    for (conn, record) in &heavy {
        victim.input(Input::Received { conn: *conn, data: record });
    }
    if !is_first {
        // Those that have worked for a while have used up what they had earned.
        (0..4).for_each(|_| victim.turn());
    }
    let record = from.seal(&broadcast(victim.now, "from", 1, "honest"));
    // It comes right when a turn begins for everybody else.
    let mut units = victim.units_of(victim.paused.clone()) + victim.units_of([from.conn].into());
    units += if is_first { burst } else { 0 };
    victim.turn();
    victim.input(Input::Received { conn: from.conn, data: &record });
    while victim.take_said(to.conn).is_empty() {
        units += victim.units_of(victim.paused.clone());
        victim.turn();
    }
    let is_heavy_done = heavy.iter().any(|(conn, _)| !victim.paused.contains(conn));
    assert!(!is_heavy_done, "the others have not been busy all the time");
    assert_eq!(victim.texts, ["honest"]);
    units
}

#[test]
fn t47_ten_neighbors_at_full_rate_hold_a_short_message_up_for_less_than_50_ms() {
    let alone = work_until_relayed(0, true);
    let at_first = work_until_relayed(10, true);
    let later = work_until_relayed(10, false);
    // Half a millisecond each; and while the ten go on, hardly more than they do in two turns.
    assert!(at_first - alone < 100 && later - alone < 40, "{alone}, {at_first}, {later}");
}
