//! What was sent in a world, and who got it how often.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::content::{Content, Entered, Header, Life, Origin, Receipt, small};
use crate::time::{Instant, UnixTime};
use crate::wire::{NodeId, Origin as Number};

/// What was sent, and who got it how often.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// What was sent under each header: one content for each number, and one for all without.
    index: BTreeMap<Header, Vec<usize>>,
    contents: Vec<Content>,
    delivered: u64,
    /// In microseconds.
    latencies: Vec<u32>,
    /// Who goes, or went, by an id.
    lives: BTreeMap<NodeId, Life>,
    /// How many deliveries had come over how many links.
    hops: Vec<u64>,
    /// How many messages each machine has sent or got.
    last_places: BTreeMap<usize, u32>,
    /// Broadcasts that machines have come to hold, until somebody asks: which machine and content.
    fresh: Vec<(usize, usize)>,
    /// Of messages that strangers have said or heard: a hash of all that makes one.
    marks: BTreeSet<u64>,
}

impl Ledger {
    /// Enters a node that has been started.
    pub(super) fn note_started(&mut self, id: NodeId, life: Life) {
        self.lives.insert(id, life);
    }

    /// Enters a message that a node's user has sent, when the node's calendar shows `wall`, and
    /// returns by which number it goes here. Whatever the node has been given before, it has passed
    /// on before, if it `is_in_order`; what waits until its receiver is found is not.
    pub(super) fn note_own(
        &mut self,
        (now, wall): (Instant, UnixTime),
        header: Header,
        number: Option<Number>,
        is_in_order: bool,
    ) -> usize {
        let index = self.enter(now, header, number);
        let Some(life) = self.lives.get(&header.sender).copied() else { return index };
        let is_broadcast = header.to.is_none();
        let place = is_in_order.then(|| self.next_place(life.0));
        let Some(content) = self.contents.get_mut(index) else { return index };
        let is_first = content.sent_at.len() == 1;
        content.origin = is_first.then_some(Origin { life, wall, place });
        if is_broadcast {
            self.fresh.push((life.0, index));
        }
        index
    }

    /// Enters a message that a stranger has sent under some name.
    pub(super) fn note_sent(&mut self, now: Instant, header: Header) {
        let index = self.enter(now, header, None);
        if let Some(content) = self.contents.get_mut(index) {
            content.origin = None;
        }
    }

    fn enter(&mut self, now: Instant, header: Header, number: Option<Number>) -> usize {
        let equals = self.index.entry(header).or_default();
        let has_it = |index: &&usize| {
            self.contents.get(**index).is_some_and(|content| content.number == number)
        };
        let found = equals.iter().find(has_it).copied();
        let index = found.unwrap_or(self.contents.len());
        if found.is_none() {
            equals.push(index);
            self.contents.push(Content { number, ..Content::default() });
            let has_equals = equals.len() > 1;
            let mut is_echoed = false;
            for equal in equals.iter() {
                let Some(content) = self.contents.get_mut(*equal) else { continue };
                content.has_equals = has_equals;
                // It is the last of them.
                is_echoed |= content.is_echoed;
                content.is_echoed = is_echoed;
            }
        }
        if let Some(content) = self.contents.get_mut(index) {
            content.sent_at.push(now);
        }
        index
    }

    /// Enters that a py2p node passes on what has this header.
    pub(super) fn note_echoed(&mut self, header: &Header) {
        for index in self.index.get(header).into_iter().flatten() {
            if let Some(content) = self.contents.get_mut(*index) {
                content.is_echoed = true;
            }
        }
    }

    /// Enters what makes a message that a stranger says or hears. Returns whether no stranger has
    /// said or heard it before: to say again what one has heard is no message of its own.
    pub(super) fn mark(&mut self, mark: u64) -> bool {
        self.marks.insert(mark)
    }

    /// Enters a delivery.
    ///
    /// # Errors
    ///
    /// What is wrong with it: G1, that it is not what its sender sent; or G2, that it came more
    /// often than it was sent.
    pub(super) fn note_delivered(
        &mut self,
        now: Instant,
        receiver: Life,
        header: Header,
        number: Option<Number>,
        from: Option<Life>,
    ) -> Result<Entered, String> {
        let index = self.find(&header, number, receiver);
        if let (Some(index), Some(_)) = (index, number) {
            self.correct_guess(&header, index, receiver);
        }
        let place = self.next_place(receiver.0);
        let at = small(now.since(Instant::ZERO).as_millis());
        let equals = self.index.get(&header);
        let has_echo = equals.into_iter().flatten().any(|equal| {
            let equal = self.contents.get(*equal);
            number.is_none() && equal.is_some_and(|equal| equal.may_echo(receiver, at))
        });
        let is_guess = number.is_none() && equals.is_some_and(|equals| equals.len() > 1);
        let found = index.and_then(|index| Some((index, self.contents.get_mut(index)?)));
        let Some((index, content)) = found else {
            let sender = header.sender.short();
            return Err(format!("G1 broken: delivered what {sender} never sent so, or not to it"));
        };
        if content.origin.is_some_and(|origin| origin.life == receiver) {
            return Err("G2 broken: given what it has sent itself".to_owned());
        }
        // The sender itself has not got it.
        let hops = 1 + from.map_or(0, |from| content.receipt(from).hops);
        let before = content.receipt(receiver);
        let sent_at = usize::try_from(before.times).ok().and_then(|it| content.sent_at.get(it));
        let is_news = sent_at.is_some();
        if !is_news && !has_echo && !before.is_doubtful {
            let sender = header.sender.short();
            return Err(format!("G2 broken: delivered once more than {sender} sent it"));
        }
        let sent_at = sent_at.or_else(|| content.sent_at.last()).copied().unwrap_or(now);
        self.latencies.push(small(now.since(sent_at).as_micros()));
        let place_there = from.and_then(|from| content.place(from));
        let first = if before.times == 0 { (place, number.is_some()) } else { before.first() };
        let (place, is_numbered) = first;
        let (life, times) = (before.life, before.times + 1);
        let is_doubtful = is_news && has_echo;
        let receipt = Receipt { life, times, hops, at, place, is_numbered, is_doubtful, is_guess };
        content.got.insert(small(receiver.0), receipt);
        self.delivered += 1;
        self.note_hops(hops);
        Ok(Entered { content: index, place: place_there })
    }

    /// A message has come with its number. Where a receiver has been given it before, and without, that
    /// was another one with the same header, if it has been given fewer of those than were sent.
    fn correct_guess(&mut self, header: &Header, index: usize, receiver: Life) {
        let guess = self.contents.get(index).map(|content| content.receipt(receiver));
        let Some(guess) = guess.filter(|guess| guess.is_guess && guess.times == 1) else { return };
        let is_other = |other: &usize| {
            let content = self.contents.get(*other);
            *other != index && content.is_some_and(|it| it.receipt(receiver).times == 0)
        };
        let others = self.index.get(header).into_iter().flatten().copied();
        let Some(other) = others.into_iter().find(is_other) else { return };
        if let Some(content) = self.contents.get_mut(other) {
            content.got.insert(small(receiver.0), guess);
        }
        if let Some(content) = self.contents.get_mut(index) {
            content.got.remove(&small(receiver.0));
        }
    }

    /// What is delivered with this header and number: the message of that number; or where there is
    /// none, one of those with this header that the receiver has not got as often as it was sent.
    fn find(&self, header: &Header, number: Option<Number>, receiver: Life) -> Option<usize> {
        let equals = self.index.get(header)?;
        let content = |index: &usize| self.contents.get(*index);
        let has_number = |index: &usize| {
            number.is_some() && content(index).is_some_and(|content| content.number == number)
        };
        if let Some(index) = equals.iter().copied().find(has_number) {
            return Some(index);
        }
        let may_be = |index: &usize| {
            number.is_none() || content(index).is_some_and(|content| content.number.is_none())
        };
        let is_left = |index: &usize| {
            may_be(index) && content(index).is_some_and(|content| content.is_left_for(receiver))
        };
        equals.iter().copied().find(is_left).or_else(|| equals.iter().copied().find(may_be))
    }

    /// Enters that a machine has come to hold a broadcast that was delivered to it.
    pub(super) fn note_fresh(&mut self, machine: usize, content: usize) {
        self.fresh.push((machine, content));
    }

    /// Takes the broadcasts that a machine has come to hold since this was last asked.
    pub(super) fn take_fresh(&mut self, machine: usize) -> Vec<usize> {
        // Mostly there are none, or none of others.
        if self.fresh.is_empty() {
            return Vec::new();
        }
        let mut taken = Vec::new();
        self.fresh.retain(|&(holder, content)| {
            let is_others = holder != machine;
            if !is_others {
                taken.push(content);
            }
            is_others
        });
        taken
    }

    /// A content by the number that its deliveries have.
    pub(super) fn content(&self, index: usize) -> Option<&Content> {
        self.contents.get(index)
    }

    fn next_place(&mut self, machine: usize) -> u32 {
        let last = self.last_places.entry(machine).or_default();
        *last = last.saturating_add(1);
        *last
    }

    /// Who goes, or went, by an id.
    pub(super) fn life_of(&self, id: &NodeId) -> Option<Life> {
        self.lives.get(id).copied()
    }

    fn note_hops(&mut self, hops: u32) {
        let hops = usize::try_from(hops).unwrap_or(usize::MAX);
        if self.hops.len() <= hops {
            self.hops.resize(hops + 1, 0);
        }
        if let Some(count) = self.hops.get_mut(hops) {
            *count += 1;
        }
    }

    /// How often this life of a machine has got what was sent with this header.
    pub(super) fn got(&self, receiver: Life, header: &Header) -> usize {
        let equals = self.index.get(header).into_iter().flatten();
        let contents = equals.filter_map(|index| self.contents.get(*index));
        let times = contents.map(|content| content.receipt(receiver).times);
        times.map(|times| usize::try_from(times).unwrap_or(usize::MAX)).sum()
    }

    /// The number of deliveries.
    pub(super) fn delivered(&self) -> u64 {
        self.delivered
    }

    /// How many deliveries had come over how many links, by that number.
    pub(super) fn hops(&self) -> &[u64] {
        &self.hops
    }

    /// How long each delivery took, in virtual time.
    pub(super) fn latencies(&self) -> impl Iterator<Item = Duration> {
        self.latencies.iter().map(|micros| Duration::from_micros(u64::from(*micros)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ann, who is machine 0 and has said hello, and what comes of it.
    struct Case {
        ledger: Ledger,
        ann: NodeId,
    }

    const HELLO: Number = Number { incarnation: 7, sequence: 1 };

    impl Case {
        fn new() -> Self {
            let ann = "ann".parse().unwrap();
            let mut ledger = Ledger::default();
            ledger.note_started(ann, (0, 1));
            let mut case = Self { ledger, ann };
            case.say(None, "hello", Some(HELLO));
            case
        }

        fn say(&mut self, to: Option<NodeId>, text: &str, number: Option<Number>) {
            let times = (Instant::from_millis(1), UnixTime::default());
            self.ledger.note_own(times, Header::of_user(self.ann, to, &[text]), number, true);
        }

        /// The machine `to` is given `text` in ann's name, by the machine `from`.
        fn deliver(&mut self, at: u64, to: Life, from: Life, text: &str) -> Result<(), String> {
            self.give(at, to, Header::of_user(self.ann, None, &[text]), Some(HELLO), from)
        }

        fn give(
            &mut self,
            at: u64,
            to: Life,
            header: Header,
            number: Option<Number>,
            from: Life,
        ) -> Result<(), String> {
            let now = Instant::from_millis(at);
            self.ledger.note_delivered(now, to, header, number, Some(from)).map(drop)
        }
    }

    #[test]
    fn a_message_is_delivered_once_in_each_life_and_as_it_was_sent() {
        let mut case = Case::new();
        assert_eq!(case.deliver(3, (1, 1), (0, 1), "hello"), Ok(()));
        assert_eq!(case.deliver(9, (2, 1), (1, 1), "hello"), Ok(()));
        let again = case.deliver(9, (2, 1), (1, 1), "hello").unwrap_err();
        assert!(again.starts_with("G2 broken"), "{again}");
        assert_eq!(case.deliver(10, (2, 2), (1, 1), "hello"), Ok(()));
        let changed = case.deliver(9, (1, 1), (0, 1), "hullo").unwrap_err();
        assert!(changed.starts_with("G1 broken"), "{changed}");
        let header = Header::of_user(case.ann, None, &["hello"]);
        let got = |life| case.ledger.got(life, &header);
        assert_eq!([(2, 1), (2, 2)].map(got), [0, 1]);
        assert_eq!(case.ledger.hops(), [0, 1, 2]);
        let latencies: Vec<u128> = case.ledger.latencies().map(|it| it.as_millis()).collect();
        assert_eq!(latencies, [2, 8, 9]);
    }

    #[test]
    fn a_message_is_for_whom_it_was_sent_to_and_under_its_own_flag_and_number() {
        let mut case = Case::new();
        let [bob, cid] = ["bob", "cid"].map(|name| name.parse().unwrap());
        case.say(Some(bob), "psst", None);
        let ann = case.ann;
        let psst = |to| Header::of_user(ann, to, &["psst"]);
        let hello = Header::of_user(case.ann, None, &["hello"]);
        let other = Header::new(case.ann, None, [&b"other"[..], b"hello"].into_iter());
        let other_number = Number { sequence: 2, ..HELLO };
        for (header, number) in [
            (psst(Some(cid)), None),
            (psst(None), None),
            (other, Some(HELLO)),
            (hello, Some(other_number)),
        ] {
            let fault = case.give(3, (1, 1), header, number, (0, 1)).unwrap_err();
            assert!(fault.starts_with("G1 broken"), "{header:?} {number:?}: {fault}");
        }
        assert_eq!(case.give(3, (1, 1), psst(Some(bob)), None, (0, 1)), Ok(()));
    }

    #[test]
    fn equal_messages_are_told_apart_by_their_numbers() {
        let mut case = Case::new();
        let second = Number { sequence: 2, ..HELLO };
        case.say(None, "hello", Some(second));
        let hello = Header::of_user(case.ann, None, &["hello"]);
        assert_eq!(case.give(3, (1, 1), hello, Some(second), (0, 1)), Ok(()));
        assert!(case.give(4, (1, 1), hello, Some(second), (0, 1)).is_err());
        let holds = |case: &Case, index| case.ledger.content(index).unwrap().is_held_by((1, 1));
        assert_eq!([0, 1].map(|index| holds(&case, index)), [false, true]);
        assert_eq!(case.give(5, (1, 1), hello, Some(HELLO), (0, 1)), Ok(()));
        assert_eq!(case.ledger.got((1, 1), &hello), 2);
        assert!(case.give(6, (1, 1), hello, None, (0, 1)).is_err());
    }

    #[test]
    fn only_what_py2p_nodes_pass_on_may_come_again_and_only_without_its_number_after_a_minute() {
        for (is_echoed, at, number, is_right) in [
            (false, 60_001, None, false),
            (true, 60_000, None, false),
            (true, 60_001, None, true),
            (true, 60_001, Some(HELLO), false),
        ] {
            let mut case = Case::new();
            let hello = Header::of_user(case.ann, None, &["hello"]);
            if is_echoed {
                case.ledger.note_echoed(&hello);
            }
            case.deliver(1, (1, 1), (0, 1), "hello").unwrap();
            let again = case.give(at, (1, 1), hello, number, (0, 1));
            assert_eq!(again.is_ok(), is_right, "{is_echoed} {at} {number:?}");
        }
    }

    #[test]
    fn a_message_without_a_number_may_be_any_of_those_with_its_header_but_no_more_of_them() {
        for first in [HELLO, Number { sequence: 2, ..HELLO }] {
            let mut case = Case::new();
            let hello = Header::of_user(case.ann, None, &["hello"]);
            case.say(None, "hello", Some(Number { sequence: 2, ..HELLO }));
            case.say(None, "hello", Some(Number { sequence: 3, ..HELLO }));
            let mut give = |at, number| case.give(at, (1, 1), hello, number, (0, 1));
            assert_eq!(give(1, None), Ok(()));
            assert_eq!(give(2, Some(first)), Ok(()));
            assert!(give(3, Some(first)).is_err(), "once more");
            assert_eq!(give(4, Some(Number { sequence: 3, ..HELLO })), Ok(()));
            let third = Number { sequence: 3 - first.sequence, ..HELLO };
            assert!(give(5, Some(third)).is_err(), "that is what came without its number");
            assert_eq!(case.ledger.got((1, 1), &hello), 3);
        }
    }

    #[test]
    fn what_a_machine_has_come_to_hold_is_told_once() {
        let mut case = Case::new();
        assert_eq!(case.ledger.take_fresh(1), Vec::<usize>::new());
        assert_eq!(case.ledger.take_fresh(0), [0]);
        assert_eq!(case.ledger.take_fresh(0), Vec::<usize>::new());
    }
}
