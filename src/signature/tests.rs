//! Signatures hold for what was signed and for nothing else.

use proptest::collection::vec;
use proptest::prelude::*;

use super::verifier::MAX_REMEMBERED;
use super::{Check, Leaf, Signer, Verifier};
use crate::identity::Identity;
use crate::wire::{NodeId, Origin, Protocol, SignedOrigin, Step, TreePath};

const TIME: u64 = 1_466_965_490;

/// Everything in a message that its sender chose.
#[derive(Clone, Debug)]
struct Message {
    sender: NodeId,
    origin: Origin,
    time: u64,
    payload: Vec<Vec<u8>>,
}

impl Message {
    fn numbered(sequence: u64) -> Self {
        let payload = vec![b"broadcast".to_vec(), sequence.to_string().into_bytes()];
        let origin = Origin { incarnation: 7, sequence };
        Self { sender: identity(1).node_id(), origin, time: TIME, payload }
    }

    fn leaf(&self) -> Leaf {
        let payload = self.payload.iter().map(Vec::as_slice);
        Leaf::new(&self.sender, self.origin, self.time, payload)
    }
}

fn identity(number: u8) -> Identity {
    Identity::from_secret(&[number; 32]).unwrap()
}

fn protocol() -> Protocol {
    Protocol::new("mesh", "tls13-rpk/1")
}

fn sign(messages: &[Message]) -> Vec<SignedOrigin> {
    let messages: Vec<_> =
        messages.iter().map(|message| (message.origin, message.leaf())).collect();
    Signer::new(identity(1), protocol()).sign(&messages)
}

/// What a node says that has met nothing yet.
fn check(message: &Message, signed: &SignedOrigin) -> Check {
    // A receiver takes the number from the packet itself.
    let message = Message { origin: signed.origin, ..message.clone() };
    Verifier::new(protocol()).check(&message.sender, signed, message.leaf())
}

#[test]
fn batches_of_all_sizes_are_right_and_each_path_is_as_short_as_it_can_be() {
    for (count, depth) in [(1, 0), (2, 1), (3, 2), (7, 3), (8, 3), (9, 4), (1_024, 10)] {
        let messages: Vec<Message> = (1..=count).map(Message::numbered).collect();
        let signed = sign(&messages);
        assert_eq!(signed.len(), messages.len());
        let mut verifier = Verifier::new(protocol());
        for (index, (message, signed)) in messages.iter().zip(&signed).enumerate() {
            assert!(signed.path.depth() <= depth, "{index} of {count}");
            let expected = if index == 0 { Check::Right } else { Check::Known };
            assert_eq!(verifier.check(&message.sender, signed, message.leaf()), expected);
        }
        assert_eq!(signed[0].path.depth(), depth);
        let len = signed.iter().map(|signed| signed.encode().len()).max();
        assert_eq!(len, Some(SignedOrigin::max_len(messages.len())));
    }
    let too_many: Vec<Message> = (1..=1_025).map(Message::numbered).collect();
    assert!(sign(&too_many).is_empty(), "a path has ten steps at most");
    assert!(sign(&[]).is_empty());
}

#[test]
fn any_changed_bit_of_key_signature_path_or_number_makes_it_wrong() {
    let messages: Vec<Message> = (1..=7).map(Message::numbered).collect();
    let signed = sign(&messages);
    // The deepest leaf, and the one that has nobody beside it.
    for index in [0, 6] {
        let packet = signed[index].encode();
        assert_eq!(check(&messages[index], &signed[index]), Check::Right);
        for bit in 0..packet.len() * 8 {
            let mut changed = packet.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            if let Some(changed) = SignedOrigin::decode(&changed) {
                assert_eq!(check(&messages[index], &changed), Check::Wrong, "bit {bit}");
            }
        }
    }
}

#[test]
fn any_changed_field_of_a_message_makes_it_wrong() {
    let message = Message {
        payload: vec![b"broadcast".to_vec(), b"ab".to_vec(), vec![]],
        ..Message::numbered(1)
    };
    let signed = &sign(std::slice::from_ref(&message))[0];
    assert_eq!(check(&message, signed), Check::Right);
    let payload = |packets: &[&[u8]]| packets.iter().map(|packet| packet.to_vec()).collect();
    let sub_flag = b"broadcast".as_slice();
    let payloads: [Vec<Vec<u8>>; 7] = [
        payload(&[sub_flag, b"ab"]),
        payload(&[sub_flag, b"ab", b"", b""]),
        payload(&[sub_flag, b"a", b"b"]),
        payload(&[sub_flag, b"", b"ab"]),
        payload(&[b"whisper", b"ab", b""]),
        payload(&[b"", b"broadcastab", b""]),
        payload(&[]),
    ];
    for payload in payloads {
        assert_eq!(check(&Message { payload, ..message.clone() }, signed), Check::Wrong);
    }
    for bit in 0..64 {
        let time = TIME ^ 1 << bit;
        assert_eq!(check(&Message { time, ..message.clone() }, signed), Check::Wrong);
    }
    for sender in [identity(2).node_id(), "somebody".parse().unwrap()] {
        assert_eq!(check(&Message { sender, ..message.clone() }, signed), Check::Wrong);
    }
    for (index, packet) in message.payload.iter().enumerate() {
        for bit in 0..packet.len() * 8 {
            let mut changed = message.clone();
            changed.payload[index][bit / 8] ^= 1 << (bit % 8);
            assert_eq!(check(&changed, signed), Check::Wrong, "packet {index}, bit {bit}");
        }
    }
}

#[test]
fn the_example_of_the_paper_is_what_is_signed_here() {
    const PAPER: &str = include_str!("../../PROTOCOL.md");

    let message = |sequence, text: &[u8]| {
        let origin = Origin { incarnation: 0x0123_4567_89ab_cdef, sequence };
        let payload = vec![b"broadcast".to_vec(), text.to_vec()];
        Message { sender: identity(7).node_id(), origin, time: TIME, payload }
    };
    let messages = [message(1, b"hello"), message(2, b"mesh")];
    let leaves: Vec<_> = messages.iter().map(|message| (message.origin, message.leaf())).collect();
    let packet = Signer::new(identity(7), protocol()).sign(&leaves)[0].encode();
    let (_, block) = PAPER.split_once("```hex signed broadcast").unwrap();
    let digits: String =
        block.lines().filter_map(|line| line.split_once("  ")).map(|(hex, _)| hex).collect();
    let hex: String = packet.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(digits.contains(&hex), "{hex}");
}

#[test]
fn another_key_does_not_sign_in_the_senders_name() {
    let message = Message::numbered(1);
    let signer = Signer::new(identity(2), protocol());
    let signed = &signer.sign(&[(message.origin, message.leaf())])[0];
    assert_eq!(check(&message, signed), Check::Wrong);
    // Nor with the sender's key beside its own signature.
    let key = *identity(1).public_key().as_bytes();
    assert_eq!(check(&message, &SignedOrigin { key, ..signed.clone() }), Check::Wrong);
}

#[test]
fn what_was_signed_for_one_mesh_is_wrong_in_another() {
    let message = Message::numbered(1);
    let signed = &sign(std::slice::from_ref(&message))[0];
    let mut other = Verifier::new(Protocol::new("other", "tls13-rpk/1"));
    assert_eq!(other.check(&message.sender, signed, message.leaf()), Check::Wrong);
}

#[test]
fn paths_of_one_batch_are_not_exchanged() {
    let messages: Vec<Message> = (1..=7).map(Message::numbered).collect();
    let signed = sign(&messages);
    let mut verifier = Verifier::new(protocol());
    for (to, message) in messages.iter().enumerate() {
        assert_ne!(verifier.check(&message.sender, &signed[to], message.leaf()), Check::Wrong);
        for (from, path) in signed.iter().map(|signed| signed.path.clone()).enumerate() {
            let swapped = SignedOrigin { path, ..signed[to].clone() };
            let outcome = verifier.check(&message.sender, &swapped, message.leaf());
            assert_eq!(outcome == Check::Wrong, from != to, "{from} to {to}");
        }
    }
}

#[test]
fn a_hash_of_hashes_is_no_message() {
    let messages: Vec<Message> = (1..=4).map(Message::numbered).collect();
    let signed = &sign(&messages)[0];
    let steps: Vec<Step> = signed.path.steps().copied().collect();
    // The upper of the two steps alone would lead from the hash of two messages to the root.
    let path = TreePath::from_steps(steps[1..].to_vec()).unwrap();
    let shorter = SignedOrigin { path, ..signed.clone() };
    for message in &messages {
        assert_eq!(check(message, &shorter), Check::Wrong);
    }
}

#[test]
fn a_known_batch_is_not_taken_under_another_signature_or_name() {
    let messages: Vec<Message> = (1..=2).map(Message::numbered).collect();
    let signed = sign(&messages);
    let mut verifier = Verifier::new(protocol());
    let mut check = |message: &Message, signed: &SignedOrigin| {
        verifier.check(&message.sender, signed, message.leaf())
    };
    assert_eq!(check(&messages[0], &signed[0]), Check::Right);
    // A node that has not met the batch would refuse it, and whoever passed it on.
    let signature = [0; 64];
    let false_one = SignedOrigin { signature, ..signed[1].clone() };
    assert_eq!(check(&messages[1], &false_one), Check::Wrong);
    let key = *identity(2).public_key().as_bytes();
    assert_eq!(check(&messages[1], &SignedOrigin { key, ..signed[1].clone() }), Check::Wrong);
    assert_eq!(check(&messages[1], &signed[1]), Check::Known);
}

#[test]
fn the_memory_of_batches_is_bounded_and_forgets_the_oldest() {
    let batch = |number: u64| {
        let messages = [Message::numbered(2 * number), Message::numbered(2 * number + 1)];
        let signed = sign(&messages);
        messages.into_iter().zip(signed).collect::<Vec<_>>()
    };
    let mut verifier = Verifier::new(protocol());
    let count = u64::try_from(MAX_REMEMBERED).unwrap();
    let mut check = |(message, signed): &(Message, SignedOrigin)| {
        verifier.check(&message.sender, signed, message.leaf())
    };
    for number in 0..=count {
        assert_eq!(check(&batch(number)[0]), Check::Right);
    }
    assert_eq!(check(&batch(count)[1]), Check::Known);
    assert_eq!(check(&batch(1)[1]), Check::Known);
    assert_eq!(check(&batch(0)[1]), Check::Right, "it was forgotten, and is checked again");
}

#[test]
fn messages_that_were_signed_alone_push_no_batch_out_of_the_memory() {
    let batch = [Message::numbered(1), Message::numbered(2)];
    let signed = sign(&batch);
    let mut verifier = Verifier::new(protocol());
    let mut check = |message: &Message, signed: &SignedOrigin| {
        verifier.check(&message.sender, signed, message.leaf())
    };
    assert_eq!(check(&batch[0], &signed[0]), Check::Right);
    for number in 0..=u64::try_from(MAX_REMEMBERED).unwrap() {
        let alone = Message::numbered(10 + number);
        assert_eq!(check(&alone, &sign(std::slice::from_ref(&alone))[0]), Check::Right);
    }
    assert_eq!(check(&batch[1], &signed[1]), Check::Known);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_batch_is_right_and_no_flipped_bit_is(
        payloads in vec(vec(vec(any::<u8>(), 0..40), 0..6), 1..20),
        incarnation: u64,
        time: u64,
        chosen: prop::sample::Index,
        flipped: prop::sample::Index,
    ) {
        let message = |(index, payload): (usize, Vec<Vec<u8>>)| {
            let origin = Origin { incarnation, sequence: index as u64 };
            Message { sender: identity(1).node_id(), origin, time, payload }
        };
        let messages: Vec<Message> = payloads.into_iter().enumerate().map(message).collect();
        let signed = sign(&messages);
        for (message, signed) in messages.iter().zip(&signed) {
            let read = SignedOrigin::decode(&signed.encode());
            prop_assert_eq!(read.as_ref(), Some(signed));
            prop_assert_eq!(check(message, signed), Check::Right);
        }
        let index = chosen.index(messages.len());
        let mut packet = signed[index].encode();
        let bit = flipped.index(packet.len() * 8);
        packet[bit / 8] ^= 1 << (bit % 8);
        if let Some(changed) = SignedOrigin::decode(&packet) {
            prop_assert_eq!(check(&messages[index], &changed), Check::Wrong);
        }
    }
}
