//! Which messages are taken for new: under load, from attackers, from recordings, and by clocks that
//! are wrong.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::bench::{Bench, id};
use super::net::{WALL, limited};
use crate::conn_id::ConnId;
use crate::event::Event;
use crate::node::{Input, SeenCache, SeenKey, Verdict};
use crate::time::UnixTime;
use crate::wire::{Origin, PathfindingMessage};

const YEAR: u64 = 365 * 86_400;

/// A broadcast as nodes of this crate send it, stamped so many seconds after the beginning.
fn numbered(sender: &str, sequence: u64, secs: u64, packets: &[&str]) -> Vec<u8> {
    let origin = Origin { incarnation: 7, sequence };
    let (sender, time) = (sender.as_bytes(), WALL.as_secs() + secs);
    let message = PathfindingMessage::numbered(b"waterfall", sender, origin, time, packets);
    message.unwrap().encode().unwrap()
}

/// The same as py2p nodes do.
fn plain(main: &str, sender: &str, secs: u64, packets: &[&str]) -> Vec<u8> {
    let (sender, time) = (sender.as_bytes(), WALL.as_secs() + secs);
    let message = PathfindingMessage::new(main.as_bytes(), sender, time, packets);
    message.unwrap().encode().unwrap()
}

/// How many messages were given to the user of late.
fn delivered(bench: &mut Bench) -> usize {
    bench.texts().len()
}

fn cache(keys: usize) -> SeenCache {
    SeenCache::new(keys * 40)
}

fn key(number: u64) -> SeenKey {
    SeenKey::Legacy(number.into())
}

/// How a clock goes on: by some seconds, or to a time that is off by so many.
fn change() -> impl Strategy<Value = (u64, i64)> {
    let year = i64::try_from(YEAR).unwrap();
    let offset = prop_oneof![
        20 => Just(None),
        1 => prop::sample::select(vec![0, 1, -1, 59, -59, 61, -61, 121, -121, 300, -300, year, -year])
            .prop_map(Some),
    ];
    (0_u64..4, offset).prop_map(|(secs, offset)| (secs, offset.unwrap_or(i64::MAX)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn t23_t25_whatever_the_load_and_the_clock_no_message_is_fresh_twice(
        max in 1_usize..60,
        steps in prop::collection::vec((change(), 0_u64..8, -130_i64..70), 1..400),
    ) {
        let mut seen = cache(max);
        let mut fresh = BTreeSet::new();
        let (mut real, mut offset) = (2 * YEAR, 0);
        for ((secs, new_offset), number, age) in steps {
            real += secs;
            offset = if new_offset == i64::MAX { offset } else { new_offset };
            let now = real.saturating_add_signed(offset);
            // By the right clock and by this one.
            for base in [real, now] {
                let time = base.saturating_add_signed(age);
                let verdict = seen.insert(key(number), time, now);
                if verdict == Verdict::Fresh {
                    prop_assert!(fresh.insert((number, time)), "{} at {} is fresh again", number, time);
                }
                prop_assert!(seen.len() <= max);
            }
        }
        for (number, time) in fresh {
            for now in [real, time, time + 60, time + 120] {
                prop_assert_ne!(seen.insert(key(number), time, now), Verdict::Fresh);
            }
        }
    }

    #[test]
    fn t23_with_memory_and_a_right_clock_each_message_of_the_window_is_fresh_once(
        steps in prop::collection::vec((0_u64..30, 0_u64..8, -130_i64..70), 1..400),
    ) {
        let mut seen = cache(1_000);
        let mut met = BTreeSet::new();
        let mut now = YEAR;
        for (secs, number, age) in steps {
            now += secs;
            let time = now.saturating_add_signed(age);
            let expected = match age {
                ..-120 => Verdict::Stale,
                61.. => Verdict::Future,
                _ if met.insert((number, time)) => Verdict::Fresh,
                _ => Verdict::Duplicate,
            };
            prop_assert_eq!(seen.insert(key(number), time, now), expected);
        }
    }
}

/// A clock that is right for a while, then wrong, then right. Where there are `others`, some are as
/// wrong as this node, and it forgets part of what they have said meanwhile.
fn set_wrong_and_right(by: u64, is_ahead: bool, duration: u64, others: bool) {
    let mut seen = cache(10_000);
    let mut real = 2 * YEAR;
    let mut spoken = BTreeSet::new();
    let mut hears = |is_wrong: bool| {
        real += 1;
        let now = match (is_wrong, is_ahead) {
            (false, _) => real,
            (true, true) => real + by,
            (true, false) => real - by,
        };
        if others && is_wrong {
            seen.insert(key(1), now, now);
            spoken.insert(now);
        }
        (seen.insert(key(2), real, now) == Verdict::Fresh, spoken.contains(&real))
    };
    assert!((0..200).all(|_| hears(false).0));
    for _ in 0..duration {
        assert_eq!(hears(true).0, by <= 60, "{by} {is_ahead}");
    }
    for second in 0..1_500 {
        let (is_heard, is_spoken) = hears(false);
        assert!(is_heard || is_spoken, "{by} {is_ahead} for {duration}: {second} s later");
    }
}

#[test]
fn t25_a_clock_that_is_set_right_leaves_nothing_deaf_however_long_it_was_wrong() {
    for by in [1, 59, 300, YEAR] {
        for duration in [1, 10, 179, 181, 1_000] {
            for (is_ahead, others) in [(true, false), (true, true), (false, false), (false, true)] {
                set_wrong_and_right(by, is_ahead, duration, others);
            }
        }
    }
}

#[test]
fn t25_what_a_wrong_clock_let_in_takes_no_room_for_good_and_is_not_let_in_again() {
    let (mut seen, now) = (cache(100), 2 * YEAR);
    assert_eq!(seen.insert(key(0), now, now), Verdict::Fresh);
    let ahead = now + YEAR;
    let fresh = (0..200).filter(|&n| seen.insert(key(n), ahead, ahead) == Verdict::Fresh).count();
    assert!(fresh >= 99, "{fresh}");
    for number in 1_000..1_090 {
        assert_eq!(seen.insert(key(number), now + 10, now + 10), Verdict::Fresh, "{number}");
    }
    let again = (0..200).filter(|&n| seen.insert(key(n), ahead, ahead) == Verdict::Fresh);
    assert_eq!(again.count(), 0);
    assert_eq!(seen.insert(key(0), ahead + 1, ahead + 1), Verdict::Fresh, "it goes on behind them");
}

#[test]
fn t20_an_attacker_who_is_first_with_what_looks_alike_suppresses_nothing() {
    for link in [Some(2), None] {
        let mut bench = Bench::new();
        let ann = bench.neighbor(1, "ann", Some(1));
        let eve = bench.neighbor(2, "eve", link);
        let alike = |number: u64, text: &str| {
            let (ab, c) = text.split_at(text.len() - 1);
            let (a, bc) = text.split_at(1);
            let splits =
                [&["broadcast", a, bc][..], &["broadcast", text], &["broadcast", ab, c, ""]];
            splits.map(|packets| match link {
                Some(_) => numbered("ann", number, 0, packets),
                None => plain("waterfall", "ann", 0, packets),
            })
        };
        for number in 1..=200 {
            let text = format!("the truth {number}");
            let (ab, c) = text.split_at(text.len() - 1);
            let packets = ["broadcast", ab, c];
            for data in alike(number, &text) {
                bench.receive(eve, &data);
            }
            for data in [
                numbered("ann", number, 1, &packets),
                numbered("ann", number + 1_000, 0, &["broadcast", "lie"]),
                numbered("bob", number, 0, &packets),
            ] {
                if link.is_some() {
                    bench.receive(eve, &data);
                }
            }
            bench.forget();
            bench.receive(ann, &numbered("ann", number, 0, &packets));
            let events = bench.events();
            let [Event::Message(delivery)] = &events[..] else { panic!("{number}: {events:?}") };
            assert!(delivery.message.payload().eq(packets.map(str::as_bytes)));
            assert_eq!((delivery.sender, delivery.neighbor), (id("ann"), id("ann")));
        }
    }
}

#[test]
fn t23_ten_times_the_memory_brings_no_message_twice_and_every_refusal_is_counted() {
    let mut bench = Bench::with(limited(|limits| limits.max_seen_len = 64 << 10));
    let ann = bench.neighbor(1, "ann", Some(1));
    let room = (64_u64 << 10) / 40;
    let frames: Vec<_> = (0..10 * room)
        .map(|number| numbered("ann", number, number * 20 / (10 * room), &["broadcast", "x"]))
        .collect();
    let mut fresh = 0;
    for (index, data) in frames.iter().enumerate() {
        if index % usize::try_from(room / 2).unwrap() == 0 {
            bench.wait(1_000);
        }
        bench.receive(ann, data);
        bench.receive(ann, &frames[index * 7 % (index + 1)]);
        fresh += delivered(&mut bench);
    }
    for data in &frames {
        bench.receive(ann, data);
    }
    assert!(fresh > frames.len() / 3, "{fresh}");
    let stats = bench.node.stats();
    assert_eq!(stats.delivered, u64::try_from(fresh + delivered(&mut bench)).unwrap());
    assert!(stats.delivered <= 10 * room, "{stats:?}");
    assert!(stats.dropped.overload + stats.dropped.stale > 0, "{stats:?}");
    assert_eq!(stats.received, stats.delivered + stats.dropped.total());
}

#[test]
fn t24_recorded_traffic_is_never_delivered_again() {
    // The memory of what py2p nodes repeat turns over each minute: at every offset from that.
    for start in [0, 1, 30, 59, 60, 61, 90] {
        let mut bench = Bench::new();
        bench.wait(start * 1_000);
        let ann = bench.neighbor(1, "ann", Some(1));
        let old = bench.neighbor(2, "old", None);
        let mut recorded = Vec::new();
        for number in 0..20 {
            let text = number.to_string();
            recorded.push((ann, numbered("ann", number, start, &["broadcast", &text, "numbered"])));
            recorded
                .push((old, plain("broadcast", "old", start, &["broadcast", &text, "straight"])));
            recorded
                .push((old, plain("waterfall", "far", start, &["broadcast", &text, "hearsay"])));
        }
        for (conn, data) in &recorded {
            bench.receive(*conn, data);
        }
        assert_eq!(delivered(&mut bench), recorded.len());
        let mut passed = 0;
        for (round, secs) in [1, 59, 119, 121, 86_400].into_iter().enumerate() {
            bench.wait((secs - passed) * 1_000);
            passed = secs;
            let eve = [Some(9), None].map(|link| {
                bench.neighbor(10 + round, &format!("eve{round}{}", link.is_some()), link)
            });
            for (_, data) in &recorded {
                bench.receive(eve[0], data);
                bench.receive(eve[1], data);
            }
            // As py2p nodes would tell it.
            for number in 0..20 {
                let text = number.to_string();
                for (sender, kind) in [("ann", "numbered"), ("old", "straight"), ("far", "hearsay")]
                {
                    let packets = ["broadcast", &text, kind];
                    bench.receive(eve[1], &plain("waterfall", sender, start, &packets));
                }
            }
            assert_eq!(delivered(&mut bench), 0, "{secs} s after, begun at {start}");
        }
    }
}

fn set_clock(bench: &mut Bench, offset: i64) {
    let secs = (WALL + bench.now.since(super::net::ms(0))).as_secs();
    let wall = UnixTime::from_secs(secs.saturating_add_signed(offset));
    bench.input(Input::ClockSet { wall });
}

/// Has ann say something each 25 ms, stamped by the right clock.
fn say(bench: &mut Bench, conn: ConnId, last: &mut u64, count: usize) -> Vec<Vec<u8>> {
    let say = |_| {
        bench.wait(25);
        *last += 1;
        let secs = (WALL + bench.now.since(super::net::ms(0))).as_secs() - WALL.as_secs();
        let data = numbered("ann", *last, secs, &["broadcast", "x"]);
        bench.receive(conn, &data);
        data
    };
    (0..count).map(say).collect()
}

#[test]
fn t25_a_node_is_deaf_only_while_its_clock_is_wrong_by_more_than_the_window_and_says_so() {
    let year = i64::try_from(YEAR).unwrap();
    for offset in [1, -1, 59, -59, 300, -300, year, -year] {
        let is_deaf = offset.abs() > 60;
        let mut bench = Bench::new();
        let ann = bench.neighbor(1, "ann", Some(1));
        let mut last = 0;
        let mut heard = say(&mut bench, ann, &mut last, 40);
        assert_eq!(delivered(&mut bench), 40);
        for _ in 0..3 {
            set_clock(&mut bench, offset);
            bench.wait(70_000);
            let said = say(&mut bench, ann, &mut last, 1_000);
            let events = bench.events();
            let (suspicions, messages): (Vec<_>, Vec<_>) =
                events.iter().partition(|event| matches!(event, Event::ClockSuspect { .. }));
            if is_deaf {
                assert_eq!((messages.len(), suspicions.len()), (0, 1), "{offset}");
                let [Event::ClockSuspect { ahead_secs }] = suspicions[..] else { panic!() };
                assert!((ahead_secs + offset).abs() <= 1, "{ahead_secs} for {offset}");
            } else {
                assert_eq!((messages.len(), suspicions.len()), (1_000, 0), "{offset}");
                heard.extend(said);
            }
            set_clock(&mut bench, 0);
            heard.extend(say(&mut bench, ann, &mut last, 40));
            assert_eq!(delivered(&mut bench), 40, "it hears again: {offset}");
            for wrong in [0, offset, -offset, 0] {
                set_clock(&mut bench, wrong);
                for data in &heard {
                    bench.receive(ann, data);
                }
                assert_eq!(delivered(&mut bench), 0, "nothing twice: {offset}");
            }
        }
    }
}
