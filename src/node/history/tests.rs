//! What is held, offered and displaced.

use std::net::Ipv4Addr;

use super::*;
use crate::wire::Run;

const SECOND: u64 = 1_000_000;

fn id(text: &str) -> NodeId {
    text.parse().unwrap()
}

fn limits(max_history_len: usize) -> Limits {
    Limits { max_history_len, ..Limits::default() }
}

struct Bench {
    history: History,
    limits: Limits,
}

impl Bench {
    fn new(max_history_len: usize) -> Self {
        Self { history: History::default(), limits: limits(max_history_len) }
    }

    fn hold_at(&mut self, secs: u64, sender: &str, sequence: u64, time: u64) -> u64 {
        let origin = Origin { incarnation: 1, sequence };
        let message = PathfindingMessage::numbered(
            b"broadcast",
            sender.as_bytes(),
            origin,
            time,
            &["broadcast", "hello"],
        );
        let now = Instant::from_secs(secs);
        let entry = Entry::new(now, message.unwrap(), (id(sender), origin), None);
        self.history.hold(entry, None, &self.limits)
    }

    fn hold(&mut self, secs: u64, sender: &str, sequence: u64) -> u64 {
        self.hold_at(secs, sender, sequence, SECOND)
    }

    fn offered(&self, secs: u64, second: u64, to: &str) -> Vec<(String, Vec<(u64, u64)>)> {
        let now = Instant::from_secs(secs);
        let sources = self.history.to_offer(now, Duration::from_secs(60), second, &id(to));
        let runs =
            |source: &Source| source.numbers.iter().map(|run| (run.first, run.last)).collect();
        sources.iter().map(|it| (it.sender.to_string(), runs(it))).collect()
    }

    fn check(&self) {
        let History { slots, holes, held, all, brought, .. } = &self.history;
        let mut sizes = SortedMap::default();
        let mut total = Size::default();
        for held in held.values() {
            let mut its = sizes.remove(&held.bringer).unwrap_or_default();
            for size in [&mut its, &mut total] {
                size.change(Size::default(), held.size());
            }
            sizes.insert(held.bringer, its);
        }
        assert!(sizes.iter().eq(brought.iter()) && *all == total);
        assert_eq!(all.len, self.history.entries().map(Entry::len).sum::<usize>());
        let count: u64 = held.values().map(|held| held.numbers.count()).sum();
        assert_eq!(usize::try_from(count).unwrap(), self.history.count());
        assert_eq!(*holes, slots.iter().filter(|slot| slot.entry.is_none()).count());
        assert!(*holes == 0 || *holes <= slots.len() / 5);
        for Slot { place, entry } in slots {
            let Some(entry) = entry else { continue };
            let held = held.get(&entry.key()).unwrap();
            assert!(held.numbers.contains(entry.origin.sequence) && held.places.contains(place));
        }
        for (key, held) in held.iter() {
            let its = || self.history.entries().filter(|entry| entry.key() == *key);
            for (bringer, len) in held.brought.iter() {
                let of_it = its().filter(|entry| entry.bringer == *bringer);
                assert_eq!(of_it.map(Entry::len).sum::<usize>(), *len);
                assert!(*len <= held.brought_by(held.bringer), "most of it");
            }
            assert_eq!(held.brought.values().sum::<usize>(), held.len);
        }
    }
}

#[test]
fn t42_what_is_offered_is_what_came_within_the_time_and_is_still_taken() {
    let mut bench = Bench::new(1 << 20);
    for (secs, sender, sequence) in
        [(0, "ann", 1), (1, "bob", 9), (2, "ann", 2), (3, "ann", 4), (4, "ann", 3)]
    {
        assert_eq!(bench.hold(secs, sender, sequence), 0);
    }
    assert_eq!(bench.hold_at(5, "zoe", 7, SECOND - 100), 0);
    let offered = |secs, second, to| bench.offered(secs, second, to);
    let all = [("ann", vec![(1, 4)]), ("bob", vec![(9, 9)]), ("zoe", vec![(7, 7)])]
        .map(|(sender, runs)| (sender.to_owned(), runs));
    assert_eq!(offered(5, SECOND, "who"), all);
    assert_eq!(offered(5, SECOND, "ann"), all[1..], "not what it has made");
    assert_eq!(offered(59, SECOND, "bob"), [all[0].clone(), all[2].clone()]);
    assert_eq!(offered(60, SECOND, "bob")[0].1, [(2, 4)], "exactly a minute");
    assert_eq!(offered(62, SECOND, "bob")[0].1, [(3, 4)]);
    assert_eq!(offered(63, SECOND, "bob")[0].1, [(3, 3)]);
    assert_eq!(offered(5, SECOND + 20, "who"), all);
    assert_eq!(offered(5, SECOND + 21, "who"), all[..2], "too old to be taken");
    assert_eq!(offered(65, SECOND, "who"), []);
    bench.check();
}

#[test]
fn t42_of_a_number_the_first_message_is_held_and_it_is_forgotten_in_time() {
    let mut bench = Bench::new(1 << 20);
    bench.hold(0, "ann", 1);
    bench.hold(10, "ann", 1);
    bench.hold(20, "ann", 2);
    assert_eq!(bench.history.count(), 2);
    let minute = Duration::from_secs(60);
    assert_eq!(bench.history.forget(Instant::from_secs(59), minute), 0);
    assert_eq!(bench.history.forget(Instant::from_secs(60), minute), 1);
    assert_eq!(bench.history.oldest(), Some(Instant::from_secs(20)));
    bench.check();
    assert_eq!(bench.history.forget(Instant::from_secs(80), minute), 1);
    assert!(bench.history.slots.is_empty());
    assert_eq!((bench.history.bytes(), bench.history.slots.capacity()), (0, 0));
    bench.check();
}

#[test]
fn t42_the_youngest_stay_within_the_limits_of_bytes_sources_and_runs() {
    let mut bench = Bench::new(1 << 20);
    bench.hold(0, "ann", 1);
    let len = bench.history.bytes();
    let mut bench = Bench::new(3 * len);
    let displaced = (1..=4).map(|at| bench.hold(0, "ann", at)).collect::<Vec<_>>();
    assert_eq!(displaced, [0, 0, 0, 1]);
    assert_eq!(bench.offered(0, SECOND, "who")[0].1, [(2, 4)]);
    bench.check();

    let mut bench = Bench::new(1 << 30);
    for sender in 0..1_100 {
        bench.hold(0, &sender.to_string(), 1);
    }
    assert_eq!(bench.history.held.len(), 1_024);
    let is_held = |sender: &str| bench.history.held.contains_key(&(id(sender), 1));
    assert!(!is_held("75") && is_held("76"), "where all have as much, the oldest goes");
    bench.check();

    let mut bench = Bench::new(1 << 30);
    for at in 0..5_000 {
        bench.hold(0, "ann", 2 * at);
    }
    let runs = bench.history.all.runs;
    assert_eq!(runs, bench.history.count());
    assert!((4_096 - 64..=4_096).contains(&runs), "{runs}");
    bench.check();

    let mut bench = Bench::new(len - 1);
    assert_eq!(bench.hold(0, "ann", 1), 0);
    assert!(bench.history.slots.is_empty(), "one that is too long is not held");
    assert!(bench.history.held.is_empty());
}

#[test]
fn t42_what_is_missing_of_an_offer_is_what_is_not_held() {
    let mut bench = Bench::new(1 << 20);
    for at in [1, 2, 5] {
        bench.hold(0, "ann", at);
    }
    let offer = |sender: &str, incarnation, first, last| Source {
        sender: id(sender),
        incarnation,
        numbers: Runs::from_runs(vec![Run { first, last }]).unwrap(),
    };
    let missing = bench.history.missing(&[offer("ann", 1, 2, 5), offer("ann", 2, 1, 1)]);
    assert_eq!(missing, [offer("ann", 1, 3, 4), offer("ann", 2, 1, 1)]);
    assert_eq!(bench.history.missing(&[offer("ann", 1, 1, 2)]), []);
}

#[test]
fn wanted_messages_are_found_in_the_order_in_which_they_came() {
    let mut bench = Bench::new(1 << 20);
    for (at, sender, sequence) in [(0, "bob", 1), (1, "ann", 2), (2, "bob", 2), (3, "ann", 1)] {
        bench.hold(at, sender, sequence);
    }
    let mut wanted =
        bench.history.to_offer(Instant::from_secs(9), Duration::from_secs(60), SECOND, &id("x"));
    wanted[1].numbers.remove(1);
    let found = |bench: &Bench, from| {
        let (place, entry) = bench.history.next_of(from, &wanted)?;
        Some((place, entry.sender.to_string(), entry.origin.sequence))
    };
    assert_eq!(found(&bench, 0), Some((1, "ann".to_owned(), 2)));
    assert_eq!(found(&bench, 2), Some((2, "bob".to_owned(), 2)));
    assert_eq!(found(&bench, 3), Some((3, "ann".to_owned(), 1)));
    assert_eq!(found(&bench, 4), None);
    assert_eq!(bench.history.forget(Instant::from_secs(61), Duration::from_secs(60)), 2);
    assert_eq!(found(&bench, 0), Some((2, "bob".to_owned(), 2)));
    assert_eq!(found(&bench, 3), Some((3, "ann".to_owned(), 1)));
}

impl Bench {
    /// One that somebody at this address has brought, with a text of this length.
    fn bring(&mut self, by: u32, sender: &str, life: u64, sequence: u64, len: usize) -> u64 {
        let origin = Origin { incarnation: life, sequence };
        let text = "x".repeat(len);
        let (sender, payload) = (id(sender), ["broadcast", &text]);
        let message =
            PathfindingMessage::numbered(b"waterfall", sender.as_bytes(), origin, SECOND, &payload);
        let by = Some(Ipv4Addr::from_bits(by).into());
        let entry = Entry::new(Instant::ZERO, message.unwrap(), (sender, origin), None);
        self.history.hold(entry, by, &self.limits)
    }

    fn held_of(&self, sender: &str) -> usize {
        let its = self.history.entries().filter(|entry| entry.sender == id(sender));
        its.count()
    }
}

#[test]
fn t42_whoever_brings_the_most_makes_room_for_it_of_what_it_has_brought() {
    // By bytes, by sources of one sender and of many, and by runs.
    for attack in 0..4_u64 {
        let mut bench = Bench::new(1 << 20);
        for at in 1..=50 {
            bench.hold(0, "own", at);
            bench.bring(1, "ann", 7, 2 * at, 10);
            bench.bring(2, "bob", 7, at, 1_000);
        }
        for at in 1..=5_000 {
            match attack {
                0 => bench.bring(3, "liar", 1, at, 1_000),
                1 => bench.bring(3, "liar", at, 1, 0),
                2 => bench.bring(3, &format!("liar{at}"), 1, 1, 0),
                _ => bench.bring(3, "liar", 1, 2 * at, 0),
            };
        }
        bench.check();
        let held = ["own", "ann", "bob"].map(|sender| bench.held_of(sender));
        assert_eq!(held, [50; 3], "{attack}");
        assert!(bench.history.count() > 150 + 500, "{attack}: {}", bench.history.count());
    }
}

#[test]
fn t42_of_what_one_neighbor_brings_the_sender_with_the_most_makes_room() {
    for attack in 0..3_u64 {
        let mut bench = Bench::new(1 << 20);
        for at in 1..=50 {
            bench.bring(1, "ann", 7, 2 * at, 1_000);
        }
        for at in 1..=5_000 {
            match attack {
                0 => bench.bring(1, "liar", 1, at, 1_000),
                1 => bench.bring(1, "liar", at, 1, 0),
                _ => bench.bring(1, "liar", 1, 2 * at, 0),
            };
        }
        bench.check();
        assert_eq!(bench.held_of("ann"), 50, "{attack}");
        let liars = bench.history.entries().filter(|entry| entry.sender == id("liar"));
        let lives: Vec<_> =
            liars.map(|entry| (entry.origin.incarnation, entry.origin.sequence)).collect();
        assert!(lives.is_sorted() && lives.len() > 500, "of its own the youngest are left");
    }
}

#[test]
fn places_stay_what_they_are_when_others_around_them_are_displaced() {
    let mut bench = Bench::new(1 << 20);
    for at in 1..=1_000 {
        bench.bring(1, "liar", 1, at, 1_000);
        if at % 100 == 0 {
            bench.bring(2, "ann", 7, at, 10);
            bench.check();
        }
    }
    let wanted = [Source {
        sender: id("ann"),
        incarnation: 7,
        numbers: Runs::from_runs(vec![Run { first: 0, last: 1_000 }]).unwrap(),
    }];
    let (mut from, mut found) = (0, Vec::new());
    while let Some((place, entry)) = bench.history.next_of(from, &wanted) {
        found.push(entry.origin.sequence);
        from = place + 1;
        bench.bring(1, "liar", 1, 2_000 + place, 9_000);
    }
    assert_eq!(found, (1..=10).map(|at| at * 100).collect::<Vec<_>>());
}

#[test]
fn t42_who_brings_one_message_of_a_sender_first_can_displace_nothing_that_others_bring_of_it() {
    for early in [1, 20] {
        let mut bench = Bench::new(1 << 20);
        for at in 1..=50 {
            bench.bring(if at <= early { 3 } else { 1 }, "ann", 7, at, 1_000);
            bench.bring(2, "bob", 7, at, 1_000);
        }
        // By names that have little each, so that ann would have the most of what it has brought.
        for at in 1..=5_000 {
            bench.bring(3, &format!("liar{at}"), 1, 1, 1_000);
        }
        bench.check();
        assert_eq!(["ann", "bob"].map(|sender| bench.held_of(sender)), [50; 2], "{early}");
    }
}

#[test]
fn t42_what_somebody_has_others_bring_one_message_of_counts_as_its_own() {
    let mut bench = Bench::new(1 << 20);
    for at in 1..=50 {
        bench.bring(1, "ann", 7, at, 1_000);
    }
    // The first of each name goes by way of the honest one.
    for at in 1..=1_000 {
        let liar = format!("liar{at}");
        bench.bring(1, &liar, 1, 1, 0);
        for sequence in 2..=4 {
            bench.bring(3, &liar, 1, sequence, 1_000);
        }
    }
    bench.check();
    assert_eq!(bench.held_of("ann"), 50);
}

#[test]
fn t42_who_has_brought_most_is_told_by_what_is_still_held() {
    let mut bench = Bench::new(1 << 20);
    let by = |by: u32| Some(IpAddr::from(Ipv4Addr::from_bits(by)));
    let bringer = |bench: &Bench| bench.history.held.get(&(id("ann"), 7)).unwrap().bringer;
    for (at, from, most) in [(1, 3, 3), (2, 3, 3), (3, 1, 3), (4, 1, 3), (5, 1, 1), (6, 3, 1)] {
        bench.bring(from, "ann", 7, at, 10);
        assert_eq!(bringer(&bench), by(most), "{at}");
        bench.check();
    }
    for most in [1, 1, 1, 1, 3] {
        assert_eq!(bench.history.give_back(1), 1, "the oldest");
        assert_eq!(bringer(&bench), by(most));
        bench.check();
    }
    assert_eq!(bench.history.give_back(usize::MAX), 1);
    bench.check();
    assert_eq!((bench.history.bytes(), bench.history.slots.capacity()), (0, 0));
}

#[test]
fn t44_what_an_entry_takes_beside_its_message_is_charged() {
    let tables_len = size_of::<u64>() + size_of::<(Option<IpAddr>, usize)>();
    assert!(size_of::<Slot>() + tables_len <= ENTRY_LEN, "{}", size_of::<Slot>());
}

#[test]
fn t42_many_short_messages_of_a_sender_make_nothing_ones_own_of_the_long_ones_that_others_bring() {
    let mut bench = Bench::new(1 << 20);
    for at in 0..10 {
        bench.bring(2, "ann", 7, 2 * at, 10_000);
        bench.bring(1, "ann", 7, 2 * at + 1, 10);
    }
    bench.bring(1, "ann", 7, 21, 10);
    for at in 0..4_000 {
        bench.bring(1, &format!("junk{}", at % 400), 7, at, 3_000);
    }
    bench.check();
    let honest = Some(Ipv4Addr::from_bits(2).into());
    assert_eq!(bench.history.entries().filter(|entry| entry.bringer == honest).count(), 10);
}
