//! A peer that is quicker than the message: it tells everybody else something that looks like it.

use rand::RngExt;

use super::party::Party;
use crate::conn_id::ConnId;
use crate::sim::conduct::is_broadcast;
use crate::sim::hand::Hand;
use crate::sim::outsider::Outsider;
use crate::sim::world::NodeIndex;
use crate::wire::{Flag, PathfindingMessage};

/// How many messages it changes. Each goes round the whole mesh.
const COUNT: usize = 60;

#[derive(Debug)]
pub(super) struct Racer {
    party: Party,
    left: usize,
}

impl Racer {
    pub(super) fn new(victims: Vec<NodeIndex>) -> Self {
        Self { party: Party::new(victims), left: COUNT }
    }
}

impl Outsider for Racer {
    fn on_start(&mut self, hand: &mut Hand<'_>) {
        let is_extended = hand.rng().random();
        self.party.join(hand, is_extended);
    }

    fn on_open(&mut self, hand: &mut Hand<'_>, conn: ConnId) {
        self.party.on_open(hand, conn);
    }

    fn on_close(&mut self, hand: &mut Hand<'_>, conn: ConnId) {
        self.party.on_close(hand, conn);
    }

    fn on_message(&mut self, hand: &mut Hand<'_>, conn: ConnId, message: &PathfindingMessage) {
        let is_users = message.sub_flag() == Some(Flag::Broadcast);
        if !is_broadcast(message) || !is_users || self.left == 0 {
            return;
        }
        self.left -= 1;
        let payload = if self.left % 4 == 0 {
            // The very packets, in another's name.
            message.payload().map(Vec::from).collect()
        } else {
            split_anew(message)
        };
        let another = self.party.mask(hand).id;
        let sender = if self.left % 4 == 0 { another.as_bytes() } else { message.sender() };
        let (time, stated) = (message.time().unwrap_or_default(), message.stated_id());
        let copy = PathfindingMessage::stated(b"waterfall", sender, stated, time, &payload);
        let Ok(copy) = copy else { return };
        for other in self.party.open.iter().filter(|other| **other != conn) {
            hand.send(*other, &copy);
        }
    }
}

/// The same bytes in other packets: the message id of the 0.2 protocol is the same.
fn split_anew(message: &PathfindingMessage) -> Vec<Vec<u8>> {
    let mut packets = message.payload();
    let flag = packets.next().unwrap_or_default().to_vec();
    let (count, whole) = (packets.clone().count(), packets.collect::<Vec<_>>().concat());
    if count > 1 || whole.is_empty() {
        return vec![flag, whole];
    }
    let (start, end) = whole.split_at(whole.len() / 2);
    vec![flag, start.to_vec(), end.to_vec()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_is_split_anew_has_the_id_that_it_had() {
        for packets in [&["broadcast", "all"][..], &["broadcast", "al", "l"]] {
            let message = PathfindingMessage::new(b"broadcast", b"me", 1, packets).unwrap();
            let anew = split_anew(&message);
            assert_ne!(anew, packets.iter().map(|it| it.as_bytes()).collect::<Vec<_>>());
            let anew = PathfindingMessage::new(b"broadcast", b"me", 1, &anew).unwrap();
            assert_eq!(anew.id(), message.id());
        }
    }
}
