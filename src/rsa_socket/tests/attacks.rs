//! Peers that know the protocol, and the keys, and break it at one point.

use super::*;
use crate::rsa::{Hash, encrypt, sign};
use crate::session::rsa::{Limits, Role, RsaSession, chunk_len, construct_packets};

/// A peer on a bare connection, with keys exchanged by the book.
struct Peer {
    raw: TcpStream,
    key: PublicKey,
    /// All that it has said.
    stream: Vec<u8>,
}

/// A socket that has exchanged keys with a peer.
fn against_peer() -> (RsaSocket, Peer) {
    let (socket, mut raw) = against_raw();
    let exchanging = socket.clone();
    let exchanges = thread::spawn(move || exchanging.exchange_keys().unwrap());
    let mut session = RsaSession::new(Role::Client, KEYS[0].clone(), Limits::ALONE, [1; 32]);
    let mut stream = Vec::new();
    let mut buf = [0; 2_048];
    loop {
        let _ = session.step(usize::MAX).unwrap();
        while let Some(data) = session.take_transmit() {
            raw.write_all(&data).unwrap();
            stream.extend_from_slice(&data);
        }
        if session.is_established() {
            break;
        }
        let len = raw.read(&mut buf).unwrap();
        assert_eq!(session.received(&buf[..len]), len);
    }
    exchanges.join().unwrap();
    let key = session.peer_key().unwrap().clone();
    (socket, Peer { raw, key, stream })
}

impl Peer {
    fn blocks(&self, pieces: &[Vec<u8>]) -> Vec<u8> {
        pieces.iter().flat_map(|piece| encrypt(piece, &self.key).unwrap()).collect()
    }

    fn part(&self, bytes: &[u8]) -> Vec<u8> {
        self.blocks(&construct_packets(bytes, chunk_len(self.key.size())))
    }

    fn record(&self, message: &[u8], hash: Hash) -> Vec<u8> {
        [self.part(message), self.part(&sign(message, &KEYS[0], hash).unwrap())].concat()
    }
}

#[test]
fn faults_under_keys_give_the_same_error_and_the_same_silence() {
    let forged = sign(b"another", &KEYS[0], Hash::Sha256).unwrap();
    type Make<'a> = &'a dyn Fn(&Peer) -> Vec<u8>;
    let faults: [Make<'_>; 8] = [
        &|_| vec![0; 128],
        &|_| [&[0], &[0x5a; 127][..]].concat(),
        &|peer| peer.blocks(&[b"\0\0\0".to_vec()]),
        &|peer| peer.blocks(&[b"\0\0\0\x01\0".to_vec()]),
        &|peer| peer.blocks(&[b"\0\0\0\x04\xff\xff\xff\xff".to_vec()]),
        &|peer| [peer.part(b"message"), peer.part(&forged)].concat(),
        &|peer| [peer.part(b"message"), peer.part(&forged[1..])].concat(),
        &|peer| [peer.part(&[7; 20_000]), vec![0xff; 128]].concat(),
    ];
    for (index, make) in faults.iter().enumerate() {
        let (socket, mut peer) = against_peer();
        peer.raw.write_all(&make(&peer)).unwrap();
        let outcome = socket.recv_message();
        assert!(matches!(outcome, Err(RsaSocketError::BadPeer)), "{index}: {outcome:?}");
        let outcome = socket.send(b"never seen");
        assert!(matches!(outcome, Err(RsaSocketError::BadPeer)), "{index}: {outcome:?}");
        peer.raw.set_read_timeout(PATIENCE).unwrap();
        let mut said = Vec::new();
        peer.raw.read_to_end(&mut said).unwrap();
        assert!(said.is_empty(), "{index}: {said:?}");
    }
}

#[test]
fn signatures_with_every_hash_that_the_key_has_room_for_are_taken() {
    let (socket, mut peer) = against_peer();
    for hash in [Hash::Sha256, Hash::Sha1, Hash::Md5] {
        peer.raw.write_all(&peer.record(hash.name().as_bytes(), hash)).unwrap();
        assert_eq!(socket.recv_message().unwrap().unwrap(), hash.name());
    }
}

#[test]
fn a_conversation_cut_at_any_byte_ends_the_call() {
    let (socket, peer) = against_peer();
    let stream = [&peer.stream[..], &peer.record(b"hello", Hash::Sha256)].concat();
    drop(socket);
    let exchange_len = peer.stream.len();
    for len in 0..=stream.len() {
        // The listener's key is the same for all.
        let (socket, mut raw) = against_raw();
        raw.write_all(&stream[..len]).unwrap();
        raw.shutdown(Shutdown::Write).unwrap();
        let outcome = socket.recv_message();
        let is_right = match len {
            // Somebody who leaves before anything was said.
            _ if len <= exchange_len => matches!(outcome, Ok(None)),
            _ if len < stream.len() => matches!(outcome, Err(RsaSocketError::BadPeer)),
            _ => matches!(&outcome, Ok(Some(message)) if message == "hello"),
        };
        assert!(is_right, "cut at {len} of {}: {outcome:?}", stream.len());
    }
}

#[test]
fn a_message_that_drips_in_holds_up_no_call_that_has_a_timeout() {
    let (socket, mut peer) = against_peer();
    socket.set_timeout(Some(Duration::from_millis(200)));
    let record = peer.record(&[5; 3_000], Hash::Sha256);
    let dripping = thread::spawn(move || {
        // The pace is what the socket does not say: nothing to read for a moment.
        peer.raw.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
        let mut buf = [0; 16];
        let mut dripped = 0;
        while dripped < record.len() && peer.raw.write_all(&record[dripped..][..1]).is_ok() {
            dripped += 1;
            while matches!(peer.raw.read(&mut buf), Ok(len) if len > 0) {}
        }
        dripped
    });
    assert!(matches!(socket.recv(10), Err(RsaSocketError::TimedOut)));
    socket.close();
    assert!(dripping.join().unwrap() > 1);
}

#[test]
fn work_counts_as_waiting() {
    let (socket, mut peer) = against_peer();
    let record = peer.record(&vec![5; 100_000], Hash::Sha256);
    socket.set_timeout(SHORT);
    let writing = thread::spawn(move || {
        peer.raw.write_all(&record).unwrap();
        peer
    });
    // Nine hundred blocks take a third of a second and more.
    assert!(matches!(socket.recv_message(), Err(RsaSocketError::TimedOut)));
    socket.set_timeout(PATIENCE);
    assert_eq!(socket.recv_message().unwrap().unwrap().len(), 100_000, "nothing is lost");
    drop(writing.join().unwrap());
}

#[test]
fn keys_of_8192_bits_work_at_either_end() {
    let text = include_str!("../../../tests/vectors/rsa-8192.json");
    let parts: serde_json::Value = serde_json::from_str(text).unwrap();
    let number = |part: &str| {
        let text = parts[part].as_str().unwrap();
        ::rsa::BigUint::parse_bytes(text.as_bytes(), 10).unwrap().to_bytes_be()
    };
    let [n, e, d, p, q] = ["n", "e", "d", "p", "q"].map(number);
    let large = PrivateKey::new(&n, &e, &d, &p, &q).unwrap();
    assert_eq!(large.size(), KeySize::MAX);
    let build = |key: &PrivateKey| RsaSocket::builder().key(key.clone()).timeout(PATIENCE);
    for [ours, theirs] in [[&large, &KEYS[1]], [&KEYS[1], &large]] {
        let listener = build(theirs).bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let answers = thread::spawn(move || {
            let (socket, _) = listener.accept().unwrap();
            let message = socket.recv_message().unwrap().unwrap();
            socket.send(&message).unwrap();
        });
        let socket = build(ours).connect(addr).unwrap();
        socket.send(&[6; 1_500]).unwrap();
        assert_eq!(socket.recv_message().unwrap().unwrap(), vec![6; 1_500]);
        answers.join().unwrap();
    }
}

#[test]
fn waiting_for_a_connection_has_the_timeout_of_the_builder() {
    let listener = builder(1).timeout(SHORT).bind("127.0.0.1:0").unwrap();
    assert!(matches!(listener.accept(), Err(RsaSocketError::TimedOut)));
    let addr = listener.local_addr().unwrap();
    // Two at once, of which the poller tells once.
    let dialed = [TcpStream::connect(addr).unwrap(), TcpStream::connect(addr).unwrap()];
    for raw in &dialed {
        assert_eq!(listener.accept().unwrap().1, raw.local_addr().unwrap());
    }
    assert!(matches!(listener.accept(), Err(RsaSocketError::TimedOut)));
}

#[test]
fn several_threads_accept_at_one_listener() {
    let listener = builder(1).bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::scope(|scope| {
        let accepting: Vec<_> =
            (0..4).map(|_| scope.spawn(|| listener.accept().unwrap().1)).collect();
        let dialed: Vec<_> = (0..4).map(|_| TcpStream::connect(addr).unwrap()).collect();
        let mut accepted: Vec<_> =
            accepting.into_iter().map(|thread| thread.join().unwrap()).collect();
        let mut expected: Vec<_> = dialed.iter().map(|raw| raw.local_addr().unwrap()).collect();
        accepted.sort();
        expected.sort();
        assert_eq!(accepted, expected);
    });
}
