//! One node without sockets: a frame in, and what it makes the node do; a broadcast of its own.

use rs2p::wire::{Compression, Compressions};

use crate::case::{Batch, Case, Source};
use crate::payload::{batch_count, noise, text};
use crate::stage::{Kind, Stage};

pub(crate) fn cases() -> Vec<Case> {
    let noise_cases = [(1, 256, "256B"), (7, 256, "256B"), (31, 256, "256B"), (7, 4 << 10, "4KiB")];
    let relays = noise_cases.map(|(to, len, size)| {
        relay(format!("relay/{size}/to-{to}"), Kind::Extended, to, len, Body::Noise)
    });
    let broadcasts = noise_cases.map(|(to, len, size)| {
        broadcast(format!("broadcast/{size}/to-{to}"), Kind::Extended, to, len, Body::Noise)
    });
    let mut cases = Vec::from(relays);
    cases.push(relay("relay/4KiB-gzip/to-7".into(), Kind::Extended, 7, 4 << 10, Body::Text));
    cases.push(relay("relay/256B/to-7-py2p".into(), Kind::Legacy, 7, 256, Body::Noise));
    cases.extend(broadcasts);
    cases.push(broadcast(
        "broadcast/4KiB-gzip/to-7".into(),
        Kind::Extended,
        7,
        4 << 10,
        Body::Text,
    ));
    cases.push(broadcast("broadcast/256B/to-7-py2p".into(), Kind::Legacy, 7, 256, Body::Noise));
    cases.push(duplicate("duplicate/256B", 256));
    cases.push(duplicate("duplicate/4KiB", 4 << 10));
    cases
}

/// What the messages are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    /// Noise, which neighbors send plain.
    Noise,
    /// Text, which they send under gzip.
    Text,
}

impl Body {
    fn bytes(self, len: usize, number: u64) -> Vec<u8> {
        match self {
            Self::Noise => noise(len, number),
            Self::Text => text(len, number),
        }
    }

    fn methods(self) -> Compressions {
        (self == Self::Text).then_some(Compression::Gzip).into_iter().collect()
    }

    /// Frames of messages that a neighbor passes on, with numbers from `first` on.
    fn frames(self, stage: &Stage, len: usize, first: u64) -> Vec<Vec<u8>> {
        let frame = |number| {
            let message = stage.passed_on(number, &self.bytes(len, number));
            message.with_compression(self.methods()).encode().unwrap()
        };
        (first..first + batch_count(len)).map(frame).collect()
    }
}

/// A broadcast arrives from one neighbor, is given to the user, and goes on to others.
fn relay(name: String, kind: Kind, to: u8, len: usize, body: Body) -> Case {
    Case::new(name, "message", len, move || {
        Source::new(move || {
            let mut stage = Stage::new(kind, to + 1);
            let conn = *stage.conns.first().unwrap();
            // As many before as are measured: the node's memories are in use by then.
            for frame in body.frames(&stage, len, 1) {
                stage.receive(conn, &frame);
            }
            let before = stage.frames_out();
            let frames = body.frames(&stage, len, 1 + batch_count(len));
            let expected = before + frames.len() as u64 * u64::from(to);
            Batch::new(move || {
                for frame in &frames {
                    stage.receive(conn, frame);
                }
                assert_eq!(stage.frames_out(), expected, "every message goes on to {to}");
                frames.len() as u64
            })
        })
    })
}

/// The user's own broadcast goes out.
fn broadcast(name: String, kind: Kind, to: u8, len: usize, body: Body) -> Case {
    Case::new(name, "message", len, move || {
        Source::new(move || {
            let mut stage = Stage::new(kind, to);
            let payloads = |first| {
                (first..first + batch_count(len)).map(|number| body.bytes(len, number)).collect()
            };
            let early: Vec<_> = payloads(1);
            early.iter().for_each(|payload| stage.broadcast(payload));
            let late: Vec<_> = payloads(1 + batch_count(len));
            Batch::each(late, move |payload| stage.broadcast(payload))
        })
    })
}

/// What one neighbor has sent arrives from another: it is dropped.
fn duplicate(name: &str, len: usize) -> Case {
    Case::new(name.to_owned(), "message", len, move || {
        Source::new(move || {
            let mut stage = Stage::new(Kind::Extended, 8);
            let [first, second] = [0, 1].map(|index| *stage.conns.get(index).unwrap());
            let frames = Body::Noise.frames(&stage, len, 1);
            frames.iter().for_each(|frame| stage.receive(first, frame));
            let before = stage.frames_out();
            Batch::new(move || {
                for frame in &frames {
                    stage.receive(second, frame);
                }
                assert_eq!(stage.frames_out(), before, "nothing goes on");
                frames.len() as u64
            })
        })
    })
}
