//! Two ends of a link in memory, and everything that can be done to what passes between them.

use super::*;
use crate::identity::Identity;

fn identity(number: u8) -> Identity {
    Identity::from_secret(&[number; 32]).unwrap()
}

fn context(number: u8, protocol_id: &str) -> TlsContext {
    TlsContext::new(&identity(number), protocol_id).unwrap()
}

/// Both ends of a link, dialled by the first.
fn ends() -> [TlsSession; 2] {
    [context(1, "mesh").dial().unwrap(), context(2, "mesh").accept().unwrap()]
}

type Outcome = Result<Vec<u8>, SessionError>;

/// Lets everything through, changed on the way, until nobody has anything to say.
fn run(
    ends: &mut [TlsSession; 2],
    mut change: impl FnMut(usize, Vec<u8>) -> Vec<u8>,
) -> [Outcome; 2] {
    let mut outcomes = [Ok(Vec::new()), Ok(Vec::new())];
    loop {
        let mut is_quiet = true;
        for from in [0, 1] {
            let Some(data) = ends[from].take_transmit() else { continue };
            is_quiet = false;
            let data = change(from, data.to_vec());
            let other = usize::from(from == 0);
            let to = &mut ends[other];
            for piece in data.chunks(1_000) {
                assert_eq!(to.received(piece), piece.len());
                match to.step() {
                    Ok(progress) => {
                        let plain: Vec<u8> = progress.messages.concat();
                        outcomes[other].as_mut().unwrap().extend(plain);
                    }
                    Err(error) => outcomes[other] = Err(error),
                }
                if outcomes[other].is_err() {
                    break;
                }
            }
        }
        if is_quiet {
            return outcomes;
        }
    }
}

fn keep(_: usize, data: Vec<u8>) -> Vec<u8> {
    data
}

#[test]
fn both_ends_prove_their_keys_and_share_a_secret() {
    let mut ends = ends();
    assert_eq!(run(&mut ends, keep), [Ok(vec![]), Ok(vec![])]);
    let keys = ends.each_ref().map(|end| end.peer_key().unwrap());
    assert_eq!(keys, [identity(2).public_key(), identity(1).public_key()]);
    let [dialer, acceptor] = ends.each_ref().map(|end| end.binding().unwrap());
    assert_eq!(dialer, acceptor);
    let mut others = self::ends();
    let _ = run(&mut others, keep);
    assert_ne!(others[0].binding().unwrap(), dialer);
}

#[test]
fn what_is_sent_arrives_both_ways_and_nothing_of_it_is_on_the_wire() {
    let mut ends = ends();
    let _ = run(&mut ends, keep);
    let long = vec![b'x'; 300_000];
    ends[0].send(b"to the acceptor").unwrap();
    ends[1].send(&long).unwrap();
    let mut wire = Vec::new();
    let outcomes = run(&mut ends, |_, data| {
        wire.extend_from_slice(&data);
        data
    });
    assert!(outcomes == [Ok(long), Ok(b"to the acceptor".to_vec())]);
    ends[1].end();
    assert_eq!(run(&mut ends, keep), [Ok(vec![]), Ok(vec![])]);
    assert!(!wire.windows(8).any(|window| window == b"acceptor" || window == b"xxxxxxxx"));
    assert_eq!(ends.each_ref().map(TlsSession::is_cut_off), [false, true]);
}

#[test]
fn ends_of_two_protocols_tell_each_other() {
    let mut ends = [context(1, "mesh").dial().unwrap(), context(2, "other").accept().unwrap()];
    let outcomes = run(&mut ends, keep);
    assert_eq!(outcomes, [Err(SessionError::WrongProtocol), Err(SessionError::WrongProtocol)]);
}

#[test]
fn what_is_no_tls_fails_at_once() {
    for rubbish in
        [&b"Requesting key size"[..], &[0, 0, 1, 0x54, 0, 0, 0, 7], b"GET / HTTP/1.1\r\n\r\n"]
    {
        for mut end in ends() {
            assert_eq!(end.received(rubbish), rubbish.len());
            assert_eq!(end.step(), Err(SessionError::NotTls), "{rubbish:?}");
            assert_eq!(end.step(), Err(SessionError::NotTls));
            assert!(!end.is_established());
        }
    }
}

#[test]
fn a_bit_flipped_anywhere_in_the_handshake_establishes_nothing_at_one_end_at_least() {
    // The lengths of the flights do not change from run to run.
    let mut lens = [Vec::new(), Vec::new()];
    let _ = run(&mut ends(), |from, data| {
        lens[from].push(data.len());
        data
    });
    for from in [0, 1] {
        let total: usize = lens[from].iter().sum();
        for (at, bit) in (0..total).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut ends = ends();
            let mut seen = 0;
            let outcomes = run(&mut ends, |end, mut data| {
                if end == from {
                    if let Some(byte) = at.checked_sub(seen).and_then(|at| data.get_mut(at)) {
                        *byte ^= 1 << bit;
                    }
                    seen += data.len();
                }
                data
            });
            let established = ends.each_ref().map(TlsSession::is_established);
            // The version in a record's head means nothing (RFC 8446, 5.1).
            if established == [true, true] {
                assert_eq!(outcomes, [Ok(vec![]), Ok(vec![])]);
            }
            assert!(
                outcomes
                    .iter()
                    .all(|outcome| outcome.as_ref().is_ok_and(Vec::is_empty) || outcome.is_err())
            );
        }
    }
}

#[test]
fn a_reflected_or_replayed_stream_establishes_nothing() {
    let mut dialer = context(1, "mesh").dial().unwrap();
    let hello = dialer.take_transmit().unwrap();
    let _ = dialer.received(&hello);
    assert!(dialer.step().is_err());

    let mut recorded = Vec::new();
    let _ = run(&mut ends(), |from, data| {
        if from == 0 {
            recorded.extend_from_slice(&data);
        }
        data
    });
    let mut acceptor = context(2, "mesh").accept().unwrap();
    let _ = acceptor.received(&recorded);
    let _ = acceptor.step();
    assert!(!acceptor.is_established());
    assert!(acceptor.step().is_err());
}

#[test]
fn a_key_without_its_secret_proves_nothing() {
    let forged = || TlsContext::forged(&identity(3), &identity(2).public_key(), "mesh");
    let mut ends = [context(1, "mesh").dial().unwrap(), forged().accept().unwrap()];
    let outcomes = run(&mut ends, keep);
    assert_eq!(outcomes[0], Err(SessionError::NoProof));
    assert!(matches!(outcomes[1], Err(SessionError::Alert(_))), "{:?}", outcomes[1]);
    let mut ends = [forged().dial().unwrap(), context(1, "mesh").accept().unwrap()];
    let outcomes = run(&mut ends, keep);
    assert_eq!(outcomes[1], Err(SessionError::NoProof));
    assert_eq!(ends[1].peer_key(), None);
}

#[test]
fn input_is_bounded() {
    let mut acceptor = context(2, "mesh").accept().unwrap();
    assert_eq!(acceptor.received(&[0x16; 100_000]), MAX_BUFFERED_LEN);
    assert_eq!(acceptor.received(&[0x16; 1]), 0);
    assert!(acceptor.step().is_err());
    assert_eq!(acceptor.received(&[0x16; 100_000]), 100_000);
    assert_eq!(acceptor.input.len(), 0);
}

#[test]
fn a_fault_behind_good_bytes_is_told_at_once() {
    let mut ends = ends();
    let _ = run(&mut ends, keep);
    ends[0].send(b"good").unwrap();
    let good = ends[0].take_transmit().unwrap();
    ends[0].send(b"bad").unwrap();
    let mut bad = ends[0].take_transmit().unwrap().to_vec();
    *bad.last_mut().unwrap() ^= 1;
    let _ = ends[1].received(&[&good[..], &bad].concat());
    let progress = ends[1].step().unwrap();
    assert_eq!(progress.messages, ["good"]);
    assert!(!progress.is_idle, "there is more to say");
    assert_eq!(ends[1].step(), Err(SessionError::Corrupt));
    // A session that has failed proves nothing any more, and takes nothing.
    assert!(!ends[1].is_established());
    assert_eq!(ends[1].peer_key(), None);
    let failed = SendError::Failed(SessionError::Corrupt);
    assert_eq!(ends[1].send(b"more"), Err(failed));
}

#[test]
fn who_dials_names_nobody_and_offers_one_exchange_of_keys() {
    let mut dialer = context(1, "a protocol").dial().unwrap();
    let hello = dialer.take_transmit().unwrap();
    let has = |bytes: &[u8]| hello.windows(bytes.len()).any(|window| window == bytes);
    assert!(!has(b"mesh"), "a name of a server");
    // The extension supported_groups, with X25519 alone (RFC 8446, 4.2.7).
    assert!(has(&[0, 10, 0, 4, 0, 2, 0, 29]));
}

#[test]
fn what_arrives_behind_the_end_is_not_looked_at() {
    for waits in [true, false] {
        let mut ends = ends();
        let _ = run(&mut ends, keep);
        let rubbish = [0x17, 3, 3, 0, 20].into_iter().chain([0; 20]).collect::<Vec<_>>();
        if waits {
            let _ = ends[1].received(&rubbish);
        }
        ends[1].end();
        assert_eq!(ends[1].received(&vec![0x17; 100_000]), 100_000);
        let _ = ends[1].received(&rubbish);
        assert_eq!(ends[1].step().map(|progress| progress.messages.len()), Ok(0));
    }
}
