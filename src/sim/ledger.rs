//! What was sent in a world, and who got it how often.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::trace::hash_of_packets;
use crate::time::{Instant, UnixTime};
use crate::wire::NodeId;

/// How long py2p's repetitions of one message are told from a new one: equal messages of one
/// sender may be one to a mesh with py2p nodes in it only while they are less than this apart.
/// PROTOCOL.md §4.3.
const ECHO: Duration = Duration::from_secs(60);

/// What was sent, and who got it how often.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    index: BTreeMap<(NodeId, u64), usize>,
    contents: Vec<Content>,
    delivered: u64,
    /// In microseconds.
    latencies: Vec<u32>,
    /// Who goes, or went, by an id.
    lives: BTreeMap<NodeId, Life>,
    /// How many deliveries had come over how many links.
    hops: Vec<u64>,
    /// How many messages each machine has sent or got.
    held: BTreeMap<usize, u32>,
    /// Broadcasts that machines have come to hold, until somebody asks: which machine and content.
    fresh: Vec<(usize, usize)>,
    /// Of messages that strangers have said or heard: a hash of all that makes one.
    marks: BTreeSet<u64>,
    /// Whether there are nodes that stamp anew what they pass on.
    pub(super) has_echoes: bool,
}

/// A machine, and which of its lives.
pub(super) type Life = (usize, u64);

/// Everything that was sent by one name with the same packets.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// When, for each time that it was sent.
    sent_at: Vec<Instant>,
    /// Who sent it, if it was sent once, to everybody, and by a node under its own name.
    origin: Option<Origin>,
    /// What each machine has got of it. There is one for each delivery, so they are small.
    got: BTreeMap<u32, Receipt>,
}

/// How a node came to send a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    /// Which node.
    pub(super) life: Life,
    /// What its calendar showed.
    pub(super) wall: UnixTime,
    /// How many messages it had sent or got, with this one; `None` where its program sent it in the
    /// midst of what the node told it, and others may have gone out first.
    pub(super) place: Option<u32>,
}

/// What a machine has got of a content in the latest of its lives that got any.
#[derive(Clone, Copy, Debug, Default)]
struct Receipt {
    life: u32,
    times: u32,
    /// Over how many links the latest had come.
    hops: u32,
    /// When the latest came, in milliseconds.
    at: u32,
    /// How many messages the machine had sent or got, with the first of these.
    place: u32,
}

/// A delivery as it was entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entered {
    /// What was delivered.
    pub(super) content: usize,
    /// The place of the message among those that the neighbor has sent or got, where that is known
    /// and one.
    pub(super) place: Option<u32>,
}

impl Content {
    /// What a life of a machine has got.
    fn receipt(&self, (machine, life): Life) -> Receipt {
        let of_none = Receipt { life: small(life), ..Receipt::default() };
        let found = self.got.get(&small(machine));
        found.copied().filter(|receipt| receipt.life == of_none.life).unwrap_or(of_none)
    }

    /// The one node that has sent this, once and to everybody.
    pub(super) fn origin(&self) -> Option<Origin> {
        self.origin
    }

    /// Whether a life of a machine has sent or got it.
    pub(super) fn is_held_by(&self, life: Life) -> bool {
        self.receipt(life).times > 0 || self.origin.is_some_and(|origin| origin.life == life)
    }

    /// The place of this among the messages that a life of a machine has sent or got.
    pub(super) fn place(&self, life: Life) -> Option<u32> {
        let origin = self.origin?;
        if origin.life == life {
            return origin.place;
        }
        let receipt = self.receipt(life);
        (receipt.times == 1).then_some(receipt.place)
    }
}

/// More than four billion machines, lives, deliveries of one content or links on a way there are
/// not, and no world lasts as many milliseconds.
fn small(number: impl TryInto<u32>) -> u32 {
    number.try_into().unwrap_or(u32::MAX)
}

impl Ledger {
    /// Enters a node that has been started.
    pub(super) fn note_started(&mut self, id: NodeId, life: Life) {
        self.lives.insert(id, life);
    }

    /// Enters a broadcast that a node's user has sent, when the node's calendar shows `wall`.
    /// Whatever the node has been given before, it has passed on before, if it `is_in_order`.
    pub(super) fn note_broadcast<'a>(
        &mut self,
        (now, wall): (Instant, UnixTime),
        sender: NodeId,
        is_in_order: bool,
        packets: impl Iterator<Item = &'a [u8]>,
    ) {
        let index = self.enter(now, sender, packets);
        let Some(life) = self.lives.get(&sender).copied() else { return };
        let place = is_in_order.then(|| self.next_place(life.0));
        let Some(content) = self.contents.get_mut(index) else { return };
        let is_first = content.sent_at.len() == 1;
        content.origin = is_first.then_some(Origin { life, wall, place });
        self.fresh.push((life.0, index));
    }

    /// Enters a message to one node that a node's user has sent, or a message that a stranger has
    /// sent under some name.
    pub(super) fn note_sent<'a>(
        &mut self,
        now: Instant,
        sender: NodeId,
        packets: impl Iterator<Item = &'a [u8]>,
    ) {
        let index = self.enter(now, sender, packets);
        if let Some(content) = self.contents.get_mut(index) {
            content.origin = None;
        }
    }

    fn enter<'a>(
        &mut self,
        now: Instant,
        sender: NodeId,
        packets: impl Iterator<Item = &'a [u8]>,
    ) -> usize {
        let key = (sender, hash_of_packets(packets));
        let index = *self.index.entry(key).or_insert(self.contents.len());
        if index == self.contents.len() {
            self.contents.push(Content::default());
        }
        if let Some(content) = self.contents.get_mut(index) {
            content.sent_at.push(now);
        }
        index
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
    pub(super) fn note_delivered<'a>(
        &mut self,
        now: Instant,
        receiver: Life,
        sender: NodeId,
        from: Option<Life>,
        packets: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Entered, String> {
        let key = (sender, hash_of_packets(packets));
        let index = self.index.get(&key).copied();
        let place = self.next_place(receiver.0);
        let found = index.and_then(|index| Some((index, self.contents.get_mut(index)?)));
        let Some((index, content)) = found else {
            return Err(format!("G1 broken: delivered what {} never sent", sender.short()));
        };
        // The sender itself has not got it.
        let hops = 1 + from.map_or(0, |from| content.receipt(from).hops);
        let before = content.receipt(receiver);
        let at = small(now.since(Instant::ZERO).as_millis());
        let sent_at = usize::try_from(before.times).ok().and_then(|it| content.sent_at.get(it));
        let age = Duration::from_millis(u64::from(at.saturating_sub(before.at)));
        let is_echo = self.has_echoes && before.times > 0 && age >= ECHO;
        if sent_at.is_none() && !is_echo {
            return Err(format!("G2 broken: delivered once more than {} sent it", sender.short()));
        }
        let sent_at = sent_at.or_else(|| content.sent_at.last()).copied().unwrap_or(now);
        self.latencies.push(small(now.since(sent_at).as_micros()));
        let place_there = from.and_then(|from| content.place(from));
        let first_place = if before.times == 0 { place } else { before.place };
        let (life, times) = (before.life, before.times + 1);
        let receipt = Receipt { life, times, hops, at, place: first_place };
        content.got.insert(small(receiver.0), receipt);
        self.delivered += 1;
        self.note_hops(hops);
        Ok(Entered { content: index, place: place_there })
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
        let held = self.held.entry(machine).or_default();
        *held = held.saturating_add(1);
        *held
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

    /// How often this life of a machine has got what a node sent with these packets.
    pub(super) fn got<'a>(
        &self,
        receiver: Life,
        sender: NodeId,
        packets: impl Iterator<Item = &'a [u8]>,
    ) -> usize {
        let index = self.index.get(&(sender, hash_of_packets(packets)));
        let content = index.and_then(|index| self.contents.get(*index));
        let times = content.map_or(0, |content| content.receipt(receiver).times);
        usize::try_from(times).unwrap_or(usize::MAX)
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

    impl Case {
        fn new() -> Self {
            let ann = "ann".parse().unwrap();
            let mut ledger = Ledger::default();
            ledger.note_started(ann, (0, 1));
            let hello = [&b"hello"[..]].into_iter();
            ledger.note_broadcast((Instant::from_millis(1), UnixTime::default()), ann, true, hello);
            Self { ledger, ann }
        }

        /// The machine `to` is given `text` in ann's name, by the machine `from`.
        fn deliver(&mut self, at: u64, to: Life, from: Life, text: &str) -> Result<(), String> {
            let (now, packets) = (Instant::from_millis(at), [text.as_bytes()].into_iter());
            self.ledger.note_delivered(now, to, self.ann, Some(from), packets).map(drop)
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
        let hello = || [&b"hello"[..]].into_iter();
        let got = |life| case.ledger.got(life, case.ann, hello());
        assert_eq!([(2, 1), (2, 2)].map(got), [0, 1]);
        assert_eq!(case.ledger.hops(), [0, 1, 2]);
        let latencies: Vec<u128> = case.ledger.latencies().map(|it| it.as_millis()).collect();
        assert_eq!(latencies, [2, 8, 9]);
    }

    #[test]
    fn only_where_messages_are_stamped_anew_may_one_come_again_and_only_after_a_minute() {
        for (has_echoes, at, is_right) in
            [(false, 60_001, false), (true, 60_000, false), (true, 60_001, true)]
        {
            let mut case = Case::new();
            case.ledger.has_echoes = has_echoes;
            case.deliver(1, (1, 1), (0, 1), "hello").unwrap();
            assert_eq!(case.deliver(at, (1, 1), (0, 1), "hello").is_ok(), is_right, "{at}");
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
