//! What a connection under TLS holds: while its handshake goes on, in the hands of somebody who
//! drags it out, and at rest.

#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that it cannot have")]

use rs2p::Identity;
use rs2p::session::tls::{TlsContext, TlsSession};

use super::{ALLOCATOR, KIB, turn};

/// As many connections as what the test harness allocates meanwhile does not matter beside.
const COUNT: usize = 200;

fn context(number: u8) -> TlsContext {
    TlsContext::new(&Identity::from_secret(&[number; 32]).unwrap(), "mesh").unwrap()
}

/// What is held for each of the things that are made, in bytes.
fn held_by<T>(mut make: impl FnMut() -> T) -> usize {
    let first = make();
    let before = ALLOCATOR.allocated();
    let all: Vec<T> = (0..COUNT).map(|_| make()).collect();
    let held = ALLOCATOR.allocated().saturating_sub(before) / COUNT;
    drop((first, all));
    held
}

fn pass(from: &mut TlsSession, to: &mut TlsSession) {
    while let Some(data) = from.take_transmit() {
        assert_eq!(to.received(&data), data.len());
        let _ = to.step().unwrap();
    }
}

/// Both ends, after so many flights.
fn ends(contexts: &[TlsContext; 2], flights: usize) -> [TlsSession; 2] {
    let [dialer, acceptor] = contexts;
    let [mut dialer, mut acceptor] = [dialer.dial().unwrap(), acceptor.accept().unwrap()];
    for flight in 0..flights {
        match flight % 2 {
            0 => pass(&mut dialer, &mut acceptor),
            _ => pass(&mut acceptor, &mut dialer),
        }
    }
    assert_eq!(dialer.is_established(), flights >= 2);
    assert_eq!(acceptor.is_established(), flights >= 3);
    [dialer, acceptor]
}

#[test]
fn a_connection_under_tls_costs_little_in_every_state() {
    let _turn = turn();
    let contexts = [context(1), context(2)];
    for flights in 0..=3 {
        let held = held_by(|| ends(&contexts, flights));
        eprintln!("both ends after {flights} flights: {held} bytes");
        assert!(held < 32 * KIB, "{held} bytes after {flights} flights");
    }
    let held = held_by(|| {
        let mut ends = ends(&contexts, 3);
        for _ in 0..2 {
            let [one, other] = &mut ends;
            one.send(&vec![7; 40 * KIB]).unwrap();
            pass(one, other);
            ends.reverse();
        }
        ends
    });
    eprintln!("both ends at rest after a long message each: {held} bytes");
    assert!(held < 96 * KIB, "{held} bytes at rest");
}

#[test]
fn whoever_drags_out_a_handshake_fills_no_more_than_its_buffers() {
    let _turn = turn();
    let acceptor = context(2);
    // A hello of the longest length, in records of one byte and of many.
    for record_len in [1, 1_000, 16 * KIB] {
        let held = held_by(|| {
            let mut session = acceptor.accept().unwrap();
            let mut stream = vec![1, 0, 0xff, 0xff];
            stream.resize(256 * KIB, 0);
            for piece in stream.chunks(record_len) {
                let len = u16::try_from(piece.len()).unwrap().to_be_bytes();
                let record = [&[0x16, 3, 1, len[0], len[1]], piece].concat();
                if session.received(&record) < record.len() || session.step().is_err() {
                    break;
                }
                let _ = session.take_transmit();
            }
            session
        });
        eprintln!("a hello in records of {record_len}: {held} bytes");
        assert!(held < 96 * KIB, "{held} bytes by records of {record_len}");
    }
    // Bytes that wait for a step.
    let held = held_by(|| {
        let mut session = acceptor.accept().unwrap();
        while session.received(&[0x16, 3, 1, 0x40, 0]) > 0 {}
        session
    });
    eprintln!("a full buffer: {held} bytes");
    assert!(held < 96 * KIB, "{held} bytes wait");
}
