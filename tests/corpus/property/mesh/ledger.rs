//! What was sent, and how often everybody got it.

use std::collections::BTreeMap;

use rs2p::{Delivery, NodeId};

/// Who sent it, to whom if not to everybody, and what.
type Content = (NodeId, Option<NodeId>, Vec<u8>);

#[derive(Default)]
pub(super) struct Ledger {
    sent: BTreeMap<Content, usize>,
    got: BTreeMap<(NodeId, Content), usize>,
}

impl Ledger {
    pub(super) fn note_sent(&mut self, sender: NodeId, target: Option<NodeId>, text: &[u8]) {
        *self.sent.entry((sender, target, text.to_vec())).or_default() += 1;
    }

    pub(super) fn note_delivered(&mut self, receiver: NodeId, delivery: &Delivery) {
        let payload: Vec<&[u8]> = delivery.message.payload().collect();
        let &[word, text] = payload.as_slice() else {
            panic!("G1: {} packets arrived of two", payload.len());
        };
        let target = match word {
            b"broadcast" => None,
            b"whisper" => Some(receiver),
            other => panic!("G1: nobody said {other:?}"),
        };
        let content = (delivery.sender, target, text.to_vec());
        let sent = self.sent.get(&content).copied().unwrap_or(0);
        assert!(sent > 0, "G1: {receiver} got what {} never sent", delivery.sender);
        assert_ne!(receiver, delivery.sender, "G1: {receiver} got its own message");
        let got = self.got.entry((receiver, content)).or_default();
        *got += 1;
        assert!(*got <= sent, "G2: {receiver} got {got} times what was sent {sent} times");
    }

    /// How often a node got what another sent to everybody.
    pub(super) fn got(&self, receiver: NodeId, sender: NodeId, text: &[u8]) -> usize {
        self.got.get(&(receiver, (sender, None, text.to_vec()))).copied().unwrap_or(0)
    }
}
