//! Who is in the book, and who gives way.

use std::net::Ipv4Addr;

use rand::SeedableRng;

use super::*;

fn now(secs: u64) -> Instant {
    Instant::from_secs(secs)
}

/// An address for each pair of a /16 and a number.
fn addr(network: u8, number: u16) -> SocketAddr {
    let [high, low] = number.to_be_bytes();
    SocketAddr::new(Ipv4Addr::new(20, network, high, low).into(), 4_000)
}

fn teller(number: u8) -> IpAddr {
    Ipv4Addr::new(30, number, 0, 1).into()
}

fn id() -> NodeId {
    "node".parse().unwrap()
}

struct Shelf {
    book: Book,
    rng: StdRng,
}

impl Shelf {
    fn new() -> Self {
        Self { book: Book::new(false), rng: StdRng::seed_from_u64(1) }
    }

    fn tell(&mut self, addr: SocketAddr, teller: IpAddr) {
        self.book.tell(now(1), &mut self.rng, (id(), addr), teller);
    }

    fn reach(&mut self, secs: u64, addr: SocketAddr) {
        self.book.on_reached(now(secs), &mut self.rng, addr, id());
    }

    fn gone(&mut self, secs: u64, addr: SocketAddr) {
        self.book.on_gone(now(secs), &mut self.rng, addr, true);
    }

    fn knows(&self, addr: SocketAddr) -> bool {
        self.book.entries.iter().any(|entry| entry.addr == addr)
    }

    fn is_tried(&self, addr: SocketAddr) -> bool {
        self.book.entries.iter().any(|entry| entry.addr == addr && entry.is_tried)
    }

    fn told_by(&self, teller: IpAddr) -> usize {
        self.book.entries.iter().filter(|entry| entry.teller == teller).count()
    }
}

#[test]
fn t31_no_flood_of_addresses_makes_the_book_longer_than_its_bounds() {
    let mut shelf = Shelf::new();
    for number in 0..2_500_u16 {
        let [high, low] = number.to_be_bytes();
        shelf.tell(addr(low, number), teller(100 + low % 50 + high));
        assert!(shelf.book.len() <= MAX_NEW);
    }
    assert_eq!(shelf.book.len(), MAX_NEW);
    for number in 0..400_u16 {
        let [_, low] = number.to_be_bytes();
        shelf.reach(2, addr(low, 60_000 + number));
        shelf.gone(3, addr(low, 60_000 + number));
    }
    let tried = shelf.book.entries.iter().filter(|entry| entry.is_tried).count();
    assert_eq!(tried, MAX_TRIED);
    assert!(shelf.book.len() <= MAX_NEW + MAX_TRIED);
}

#[test]
fn t30_a_teller_has_64_entries_and_the_last_of_them_are_random() {
    let mut shelf = Shelf::new();
    for number in 0..255_u8 {
        shelf.tell(addr(number, 1), teller(1));
    }
    assert_eq!(shelf.told_by(teller(1)), MAX_PER_TELLER);
    let early = (0..64).filter(|number| shelf.knows(addr(*number, 1))).count();
    assert!((1..32).contains(&early), "{early}: neither all of the first nor all of the last");
    // The addresses of one /64 are one teller.
    for number in 0..255_u16 {
        shelf.tell(addr(7, number), format!("2001:db8::{number:x}").parse().unwrap());
    }
    assert!(shelf.told_by("2001:db8::".parse().unwrap()) <= MAX_PER_TELLER);
}

#[test]
fn t30_a_network_has_32_entries_and_whoever_told_most_of_them_gives_way() {
    let mut shelf = Shelf::new();
    for number in 0..100 {
        shelf.tell(addr(1, number), teller(1));
    }
    assert_eq!(shelf.book.len(), MAX_PER_PROVIDER);
    for number in 100..200 {
        shelf.tell(addr(1, number), teller(2));
    }
    assert_eq!((shelf.told_by(teller(1)), shelf.told_by(teller(2))), (16, 16));
    shelf.tell(addr(2, 1), teller(1));
    assert_eq!(shelf.book.len(), MAX_PER_PROVIDER + 1);
}

#[test]
fn t30_a_full_book_has_room_for_who_tells_little() {
    let mut shelf = Shelf::new();
    for number in 0..2_000_u16 {
        let [_, low] = number.to_be_bytes();
        shelf.tell(addr(low, number), teller(low % 20));
    }
    assert_eq!(shelf.book.len(), MAX_NEW);
    for number in 0..10 {
        shelf.tell(addr(200, 20_000 + number), teller(99));
    }
    for number in 20_000..20_500_u16 {
        let [_, low] = number.to_be_bytes();
        shelf.tell(addr(low, number), teller(low % 20));
    }
    assert_eq!(shelf.told_by(teller(99)), 10, "it never was the one with most");
}

#[test]
fn private_addresses_are_in_no_network_unless_the_configuration_says_so() {
    for counts_private in [false, true] {
        let mut shelf = Shelf { book: Book::new(counts_private), ..Shelf::new() };
        for number in 0..200 {
            let private = SocketAddr::new(Ipv4Addr::new(10, 0, 0, number).into(), 4_000);
            let own = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 4_000 + u16::from(number));
            shelf.tell(private, teller(number));
            shelf.tell(own, Ipv4Addr::LOCALHOST.into());
        }
        let private = if counts_private { MAX_PER_PROVIDER } else { 200 };
        assert_eq!(shelf.book.len(), private + 200);
    }
}

#[test]
fn a_tried_entry_gives_way_only_once_it_has_failed() {
    let mut shelf = Shelf::new();
    for number in 0..256_u16 {
        let [_, low] = number.to_be_bytes();
        shelf.reach(1, addr(low, 1));
        shelf.gone(2, addr(low, 1));
    }
    shelf.reach(3, addr(0, 2));
    assert!(shelf.knows(addr(0, 2)) && !shelf.is_tried(addr(0, 2)));
    // A dial that meets nobody.
    shelf.gone(4, addr(77, 1));
    shelf.gone(4, addr(0, 2));
    shelf.reach(5, addr(0, 2));
    assert!(shelf.is_tried(addr(0, 2)) && !shelf.knows(addr(77, 1)));
}

#[test]
fn what_is_new_has_three_dials_and_what_was_tried_ten() {
    let mut shelf = Shelf::new();
    shelf.tell(addr(1, 1), teller(1));
    shelf.reach(1, addr(2, 1));
    shelf.gone(2, addr(2, 1));
    for (dial, knows) in [(1, [true, true]), (2, [true, true]), (3, [false, true])] {
        shelf.gone(2 + dial, addr(1, 1));
        shelf.gone(2 + dial, addr(2, 1));
        assert_eq!([shelf.knows(addr(1, 1)), shelf.knows(addr(2, 1))], knows, "{dial}");
    }
    (4..10).for_each(|dial| shelf.gone(2 + dial, addr(2, 1)));
    assert!(shelf.knows(addr(2, 1)));
    shelf.gone(12, addr(2, 1));
    assert!(!shelf.knows(addr(2, 1)));
    // While nobody at all can be reached, nothing is held against anybody.
    shelf.tell(addr(1, 1), teller(1));
    for dial in 0..100 {
        shelf.book.on_gone(now(dial), &mut shelf.rng, addr(1, 1), false);
    }
    assert!(shelf.knows(addr(1, 1)));
}

#[test]
fn another_id_is_believed_only_where_the_first_was_told_as_well_and_has_failed() {
    let mut shelf = Shelf::new();
    shelf.tell(addr(1, 1), teller(1));
    let other = |shelf: &mut Shelf| {
        let told = ("other".parse().unwrap(), addr(1, 1));
        shelf.book.tell(now(1), &mut shelf.rng, told, teller(2));
        shelf.book.entries[0].id.as_str().to_owned()
    };
    assert_eq!(other(&mut shelf), "node");
    shelf.gone(2, addr(1, 1));
    assert_eq!(other(&mut shelf), "other");
    // Who was met there is there until another is met: hearsay is not to keep anybody from it.
    shelf.reach(3, addr(1, 1));
    shelf.gone(4, addr(1, 1));
    shelf.gone(5, addr(1, 1));
    assert_eq!(other(&mut shelf), "node");
}

#[test]
fn two_neighbors_that_have_lasted_a_minute_are_kept_as_anchors() {
    let mut shelf = Shelf::new();
    for (secs, number) in [(10, 1), (5, 2), (20, 3), (70, 4)] {
        shelf.reach(secs, addr(number, 1));
    }
    shelf.reach(1, addr(5, 1));
    shelf.gone(99, addr(5, 1));
    shelf.tell(addr(6, 1), teller(9));
    // The one that is worth most has not lasted yet.
    let worth = |ip: IpAddr| match ip {
        IpAddr::V4(ip) if ip.octets()[1] == 4 => 1_000,
        IpAddr::V4(ip) => 100 - u64::from(ip.octets()[1]),
        IpAddr::V6(_) => 0,
    };
    let kept = shelf.book.to_value(now(100), worth);
    let of = |standing| {
        let those = kept.entries().iter().filter(move |entry| entry.standing == standing);
        those.map(|entry| entry.addr).collect::<Vec<_>>()
    };
    assert_eq!(of(Standing::Anchor), [addr(1, 1), addr(2, 1)]);
    assert_eq!(of(Standing::Tried), [addr(3, 1), addr(4, 1), addr(5, 1)]);
    assert_eq!(of(Standing::New), [addr(6, 1)]);
    let mut again = Shelf::new();
    again.book.take_up(now(0), &mut again.rng, &kept, Duration::from_secs(2));
    let anchors: Vec<_> =
        again.book.entries.iter().filter(|e| e.is_anchor).map(|e| e.addr).collect();
    assert_eq!(anchors, [addr(1, 1), addr(2, 1)]);
    assert_eq!(again.told_by(teller(9)), 1, "who told what is kept as well");
    let dues: Vec<_> = again.book.entries.iter().map(|entry| entry.due).collect();
    assert!(dues.iter().all(|due| *due == dues[0] && (now(0)..=now(2)).contains(due)));
}

#[test]
fn what_was_only_told_is_not_taken_up_where_nobody_could_have_told_it() {
    let text = "rs2p address book 1\nnew 20.1.0.1:22 one\nnew 224.0.0.1:4000 two\n\
                tried 20.1.0.1:22 three\nnew 10.0.0.1:4000 four\n";
    let mut shelf = Shelf::new();
    let kept = text.parse().unwrap();
    shelf.book.take_up(now(0), &mut shelf.rng, &kept, Duration::ZERO);
    let ids: Vec<_> = shelf.book.entries.iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!(ids, ["three", "four"]);
}
