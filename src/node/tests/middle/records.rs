//! Whole records: left out, repeated, exchanged, played back, turned back, replaced.

use std::cell::RefCell;
use std::rc::Rc;

use super::*;
use crate::session::SessionError;

/// Takes a stream apart into records as it comes.
#[derive(Default)]
struct Splitter {
    waiting: Vec<u8>,
}

impl Splitter {
    fn take(&mut self, data: &[u8]) -> Vec<Vec<u8>> {
        self.waiting.extend_from_slice(data);
        let mut whole = Vec::new();
        while let &[_, _, _, high, low, ..] = self.waiting.as_slice() {
            let len = 5 + usize::from(u16::from_be_bytes([high, low]));
            if self.waiting.len() < len {
                break;
            }
            whole.push(self.waiting.drain(..len).collect());
        }
        whole
    }
}

/// Gives each record of one end, with its number, to somebody who says what goes on instead.
fn each_record(
    side: usize,
    mut change: impl FnMut(usize, Vec<u8>) -> Vec<Vec<u8>> + 'static,
) -> impl FnMut(usize, &[u8]) -> Vec<Deed> + 'static {
    let (mut splitter, mut number) = (Splitter::default(), 0);
    move |from, data| {
        if from != side {
            return pass(from, data);
        }
        let mut deeds = Vec::new();
        for record in splitter.take(data) {
            deeds.extend(change(number, record).into_iter().map(Deed::Pass));
            number += 1;
        }
        deeds
    }
}

/// The number of records that each end sends until both are neighbors.
fn counts(trio: &mut Trio) -> [usize; 2] {
    trio.opening().map(|said| records(&said).unwrap().len())
}

#[test]
fn a_record_that_is_left_out_repeated_or_late_ends_the_link() {
    let mut trio = Trio::new();
    let counts = counts(&mut trio);
    for side in [0, 1] {
        for number in 0..counts[side] {
            let name = |what: &str| format!("record {number} of {side} {what}");
            let is_it = move |at: usize| at == number;
            let left_out =
                each_record(side, move |at, record| if is_it(at) { vec![] } else { vec![record] });
            let repeated = each_record(side, move |at, record| {
                if is_it(at) { vec![record.clone(), record] } else { vec![record] }
            });
            let mut kept = None;
            let late = each_record(side, move |at, record| {
                if is_it(at) {
                    kept = Some(record);
                    return vec![];
                }
                [Some(record), kept.take()].into_iter().flatten().collect()
            });
            let outcomes = [
                trio.attack(&name("left out"), left_out),
                trio.attack(&name("repeated"), repeated),
                trio.attack(&name("late"), late),
            ];
            for (outcome, what) in outcomes.iter().zip(["left out", "repeated", "late"]) {
                let record = records(&outcome.said[side]).unwrap()[number];
                // The word that the cipher changes (RFC 8446, 5).
                let means_nothing = record[0] == 0x14;
                assert!(!outcome.stands || means_nothing, "{}: {:?}", name(what), outcome.ends);
            }
        }
    }
}

#[test]
fn what_was_recorded_on_one_connection_opens_no_other() {
    let mut trio = Trio::new();
    let recorded = trio.opening();
    // Each end is alone with what the other has said before.
    let mut parts = [true, true];
    let outcome = trio.attack("played back", move |from, _| {
        let first = std::mem::take(&mut parts[from]);
        if !first {
            return vec![];
        }
        let mut deeds = vec![Deed::Back(recorded[1 - from].clone())];
        if from == 0 {
            deeds.push(Deed::Pass(recorded[0].clone()));
        }
        deeds
    });
    assert!(!outcome.stands, "{:?}", outcome.ends);
    for reasons in &outcome.ends {
        assert!(matches!(reasons[..], [CloseReason::Encryption(_)]), "{reasons:?}");
    }
    // No record under keys was believed: nothing was said but the hellos and complaints.
    assert!(outcome.said.iter().all(|said| said.len() < 700), "{:?}", outcome.ends);
}

#[test]
fn each_flight_played_back_alone_opens_nothing() {
    let mut trio = Trio::new();
    let recorded = trio.opening();
    for side in [0, 1] {
        let all: Vec<Vec<u8>> =
            records(&recorded[side]).unwrap().into_iter().map(<[u8]>::to_vec).collect();
        for (number, old) in all.iter().cloned().enumerate() {
            let is_change = old[0] == 0x14;
            let swapped =
                each_record(
                    side,
                    move |at, record| {
                        if at == number { vec![old.clone()] } else { vec![record] }
                    },
                );
            let outcome = trio.attack(&format!("old record {number} of {side}"), swapped);
            assert_eq!(outcome.stands, is_change, "{number} of {side}: {:?}", outcome.ends);
        }
    }
}

#[test]
fn a_mirror_is_nobody() {
    let mut trio = Trio::new();
    for passes_on in [false, true] {
        let outcome = trio.attack("a mirror", move |_, data| {
            let back = Deed::Back(data.to_vec());
            let on = passes_on.then(|| Deed::Pass(data.to_vec()));
            [Some(back), on].into_iter().flatten().collect()
        });
        assert!(!outcome.stands, "{:?}", outcome.ends);
    }
    let counts = counts(&mut trio);
    for side in [0, 1] {
        for number in 0..counts[side] {
            let (mut splitter, mut at) = (Splitter::default(), 0);
            let outcome = trio.attack("a record turned back", move |from, data| {
                let mut deeds = pass(from, data);
                if from == side {
                    for record in splitter.take(data) {
                        if at == number {
                            deeds.push(Deed::Back(record));
                        }
                        at += 1;
                    }
                }
                deeds
            });
            let record = records(&outcome.said[side]).unwrap()[number];
            assert!(!outcome.stands || record[0] == 0x14, "{number} of {side}");
        }
    }
}

#[test]
fn nobody_is_talked_into_another_encryption() {
    let plain: Vec<u8> = {
        let mut frame = vec![0, 0, 1, 0x54];
        frame.extend(b"whisper");
        frame.resize(4 + 0x154, 0);
        frame
    };
    let other = |name| CloseReason::OtherEncryption(name);
    let not_tls = CloseReason::Encryption(SessionError::NotTls);
    let mut trio = Trio::new();
    for (words, reason) in [
        (plain, other("Plaintext")),
        (b"Requesting key size".to_vec(), other("PKCS1_v1.5")),
        (b"1024            ".to_vec(), not_tls),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), not_tls),
    ] {
        // To the one that dialled, before it hears anything else; and to the other in its place.
        for both in [false, true] {
            let words = words.clone();
            let mut first = true;
            let outcome = trio.attack("stripped", move |from, _| {
                if !std::mem::take(&mut first) {
                    return vec![];
                }
                assert_eq!(from, 0, "the one that dialled speaks first");
                let mut deeds = vec![Deed::Back(words.clone())];
                if both {
                    deeds.push(Deed::Pass(words.clone()));
                }
                deeds
            });
            assert_eq!(outcome.ends[0], [reason]);
            let heard: &[CloseReason] = if both { &[reason] } else { &[] };
            assert_eq!(outcome.ends[1], heard);
        }
    }
}

#[test]
fn the_end_of_a_stream_behind_any_record_is_no_goodbye() {
    let mut trio = Trio::new();
    let counts = counts(&mut trio);
    for side in [0, 1] {
        for number in 0..counts[side] {
            let (mut splitter, mut at) = (Splitter::default(), 0);
            let outcome = trio.attack("an end behind a record", move |from, data| {
                if from != side {
                    return pass(from, data);
                }
                let mut deeds = Vec::new();
                for record in splitter.take(data) {
                    deeds.push(Deed::Pass(record));
                    if at == number {
                        deeds.push(Deed::Fin);
                    }
                    at += 1;
                }
                deeds
            });
            let cut_off = CloseReason::Encryption(SessionError::CutOff);
            assert_eq!(outcome.ends, [vec![cut_off], vec![cut_off]], "{number} of {side}");
        }
    }
}

/// Two nodes alone: what one has said behind a record that was changed never arrives.
#[test]
fn nothing_behind_a_changed_byte_is_delivered() {
    let mut net = net(2);
    let lens = Rc::new(RefCell::new(Vec::new()));
    let text = |number: usize| format!("message {number}");
    let mut at = 0;
    loop {
        let conn = net.dial(0, 1);
        net.run_for(1_000);
        (0..2).for_each(|number| drop(net.take_events(number)));
        let (place, kept) = (at, Rc::clone(&lens));
        let mut number = 0;
        net.tap(0, conn, move |from, data| {
            let mut data = data.to_vec();
            if from == 0 {
                kept.borrow_mut().push(data.len());
                if number == 1 {
                    if let Some(byte) = data.get_mut(place) {
                        *byte ^= 0x40;
                    }
                }
                number += 1;
            }
            vec![Deed::Pass(data)]
        });
        for number in 0..4 {
            net.broadcast(0, &text(number));
        }
        net.run_for(1_000);
        let events = net.take_events(1);
        let lost = reasons(&events);
        let texts: Vec<_> = events
            .iter()
            .filter_map(|event| match event {
                Event::Message(delivery) => delivery.message.payload().nth(1),
                _ => None,
            })
            .collect();
        if at >= lens.borrow()[1] {
            assert_eq!(texts.len(), 4, "{at}");
            break;
        }
        // The kind and the version in the head mean nothing, and a head may announce more.
        if texts.len() != 4 {
            assert_eq!(texts, [text(0).as_bytes()], "{at}");
            let waits = lost.is_empty() && at < 5;
            assert!(waits || matches!(lost[..], [CloseReason::Encryption(_)]), "{at}: {lost:?}");
        } else {
            assert!(at < 3, "{at}");
        }
        net.tap = None;
        lens.borrow_mut().clear();
        let ids = [net.id(0), net.id(1)];
        net.call(0, |node, now| node.disconnect(now, &ids[1]));
        net.call(1, |node, now| node.disconnect(now, &ids[0]));
        net.run_for(6_000);
        at += 1;
    }
    assert!(at > 100, "{at} places");
}
