//! Two sockets on loopback, or one and somebody who means it ill.

mod attacks;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use super::*;
use crate::rsa::{SeededRng, newkeys_with};
use crate::session::rsa::{KEY_REQUEST, SIZE_REQUEST};

const PATIENCE: Option<Duration> = Some(Duration::from_secs(60));
/// For what never comes.
const SHORT: Option<Duration> = Some(Duration::from_millis(30));

static KEYS: LazyLock<[PrivateKey; 2]> = LazyLock::new(|| {
    [512, 1_024].map(|bits| {
        let mut rng = SeededRng::from_seed([4; 32]);
        newkeys_with(KeySize::weak(bits).unwrap(), &mut rng).unwrap().1
    })
});

fn builder(key: usize) -> RsaSocketBuilder {
    RsaSocket::builder().key(KEYS[key].clone()).timeout(PATIENCE)
}

/// A client with a small key and a server with a large one.
fn pair() -> (RsaSocket, RsaSocket) {
    let listener = builder(1).bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let accepting = thread::spawn(move || {
        let (server, _) = listener.accept().unwrap();
        server.exchange_keys().unwrap();
        server
    });
    let client = builder(0).connect(addr).unwrap();
    (client, accepting.join().unwrap())
}

/// A socket and whatever its peer does, on the other end of a bare connection.
fn against_raw() -> (RsaSocket, TcpStream) {
    let listener = builder(1).bind("127.0.0.1:0").unwrap();
    let raw = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (listener.accept().unwrap().0, raw)
}

#[test]
fn messages_arrive_whole_and_in_order_both_ways() {
    let (client, server) = pair();
    let messages = [&b"one"[..], b"", &[7; 5_000], b"last"];
    for (from, to) in [(&client, &server), (&server, &client)] {
        for message in messages {
            from.send(message).unwrap();
        }
        for message in messages {
            assert_eq!(to.recv_message().unwrap().unwrap(), message);
        }
    }
    client.close();
    assert_eq!(server.recv_message().unwrap(), None);
    assert!(server.recv(10).unwrap().is_empty());
}

#[test]
fn a_socket_tells_what_it_knows_of_both_ends() {
    let (client, server) = pair();
    for (own, other) in [(&client, &server), (&server, &client)] {
        assert_eq!(own.peer_key().as_ref(), Some(other.public_key()));
        assert_eq!(own.peer_key_size(), Some(other.key_size()));
        assert_eq!(own.send_charlimit(), Some(other.recv_charlimit()));
        assert_eq!(own.peer_addr().unwrap(), other.local_addr().unwrap());
        assert!(!own.is_authenticated());
        let signature = own.sign(b"mine", None).unwrap();
        let hash = best_hash(own.key_size());
        assert_eq!(other.verify(b"mine", &signature, None), Ok(hash));
        assert_eq!(own.verify(b"mine", &signature, Some(own.public_key())), Ok(hash));
        assert_eq!(own.verify(b"mine", &signature, None), Err(VerificationError));
        let signature = own.sign(b"mine", Some(Hash::Sha1)).unwrap();
        assert_eq!(other.verify(b"mine", &signature, None), Ok(Hash::Sha1));
    }
}

#[test]
fn a_message_can_be_taken_in_pieces() {
    let (client, server) = pair();
    client.send(b"hello").unwrap();
    client.send(b"world").unwrap();
    assert_eq!(server.recv(2).unwrap(), "he");
    assert_eq!(server.recv(20).unwrap(), "llo", "no piece goes beyond its message");
    assert_eq!(server.recv(1).unwrap(), "w");
    assert_eq!(server.recv_message().unwrap().unwrap(), "orld");
}

#[test]
fn a_stream_is_read_and_written_without_bounds() {
    let (client, mut server) = pair();
    let mut text = vec![3; 3_000];
    text.extend(b"the end");
    let mut writer = &client;
    writer.write_all(&text[..1_000]).unwrap();
    assert_eq!(writer.write(b"").unwrap(), 0);
    client.send(b"").unwrap();
    writer.write_all(&text[1_000..]).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut read = Vec::new();
    server.read_to_end(&mut read).unwrap();
    assert_eq!(read, text);
    server.write_all(b"back").unwrap();
    assert_eq!(client.recv_message().unwrap().unwrap(), "back");
}

#[test]
fn one_thread_sends_while_another_waits_for_a_message() {
    let (client, server) = pair();
    let waiting = server.clone();
    let waits = thread::spawn(move || waiting.recv_message().unwrap().unwrap());
    // The answer to what is sent is what the other thread waits for.
    server.send(b"question").unwrap();
    assert_eq!(client.recv_message().unwrap().unwrap(), "question");
    client.send(b"answer").unwrap();
    assert_eq!(waits.join().unwrap(), "answer");
}

#[test]
fn both_ends_may_send_at_once() {
    let (client, server) = pair();
    let big = vec![9; 20_000];
    let talk = |own: RsaSocket, message: Vec<u8>| {
        thread::spawn(move || {
            let sending = own.clone();
            let sends = thread::spawn(move || sending.send(&message).unwrap());
            let got = own.recv_message().unwrap().unwrap();
            sends.join().unwrap();
            got
        })
    };
    let both = [talk(client, big.clone()), talk(server, big.clone())];
    for end in both {
        assert_eq!(end.join().unwrap(), big);
    }
}

#[test]
fn a_message_of_a_mebibyte_arrives_and_a_longer_one_is_refused() {
    let (client, server) = pair();
    let max = 1 << 20;
    let error = client.send(&vec![0; max + 1]).unwrap_err();
    assert!(
        matches!(error, RsaSocketError::TooLong { len, max: most } if (len, most) == (max + 1, max))
    );
    let big: Vec<u8> = (0..max).map(|at| at.to_le_bytes()[1]).collect();
    let message = big.clone();
    let sends = thread::spawn(move || client.send(&message).unwrap());
    assert_eq!(server.recv_message().unwrap().unwrap(), big);
    sends.join().unwrap();
}

#[test]
fn a_silent_peer_holds_up_no_call_that_has_a_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let outcome = builder(0).timeout(SHORT).connect(addr);
    assert!(matches!(outcome, Err(RsaSocketError::TimedOut)), "{outcome:?}");

    let (server, _raw) = against_raw();
    server.set_timeout(SHORT);
    assert!(matches!(server.send(b"hello"), Err(RsaSocketError::TimedOut)));
    assert!(matches!(server.recv_message(), Err(RsaSocketError::TimedOut)));

    let (client, server) = pair();
    server.set_timeout(SHORT);
    assert!(matches!(server.recv(1), Err(RsaSocketError::TimedOut)));
    client.send(b"late").unwrap();
    server.set_timeout(PATIENCE);
    assert_eq!(server.recv(10).unwrap(), "late", "a timeout loses nothing");
}

#[test]
fn a_peer_that_drips_bytes_holds_up_no_call_that_has_a_timeout() {
    let (server, mut raw) = against_raw();
    server.set_timeout(Some(Duration::from_millis(200)));
    raw.write_all(b"Requesting key sizeRequesting key512             ").unwrap();
    let dripping = thread::spawn(move || {
        let mut dripped = 0;
        // The pace is the answer of the socket: a byte each time that a moment has passed.
        raw.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        let mut buf = [0; 4_096];
        while dripped < 511 && raw.write_all(b"1").is_ok() {
            dripped += 1;
            while matches!(raw.read(&mut buf), Ok(len) if len > 0) {}
        }
        dripped
    });
    assert!(matches!(server.recv_message(), Err(RsaSocketError::TimedOut)));
    drop(server);
    assert!(dripping.join().unwrap() > 1);
}

#[test]
fn a_peer_that_reads_nothing_holds_up_no_send_that_has_a_timeout() {
    let (client, server) = pair();
    server.set_timeout(SHORT);
    let big = vec![1; 200_000];
    let error = std::iter::repeat_with(|| server.send(&big)).find_map(Result::err);
    assert!(matches!(error, Some(RsaSocketError::TimedOut)), "{error:?}");
    assert!(matches!(server.send(b"x"), Err(RsaSocketError::Closed)), "the stream is cut");
    drop(client);
}

#[test]
fn every_bad_peer_gives_the_same_error_and_the_same_silence() {
    let hello = |key: &str| format!("Requesting key sizeRequesting key512             {key:<512}");
    let good = hello(&KEYS[0].public().to_string()).into_bytes();
    let bad: [Vec<u8>; 6] = [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        b"Requesting key sizeRequesting key1000000000000000".to_vec(),
        b"Requesting key sizeRequesting key88              ".to_vec(),
        hello("garbage").into_bytes(),
        [good.as_slice(), &[0; 128]].concat(),
        [good.as_slice(), &[0xff; 128]].concat(),
    ];
    for bytes in &bad {
        let (server, mut raw) = against_raw();
        raw.write_all(bytes).unwrap();
        let outcome = server.recv_message();
        assert!(matches!(outcome, Err(RsaSocketError::BadPeer)), "{outcome:?}");
        let outcome = server.send(b"never seen");
        assert!(matches!(outcome, Err(RsaSocketError::BadPeer)), "{outcome:?}");
        raw.set_read_timeout(PATIENCE).unwrap();
        let mut said = Vec::new();
        raw.read_to_end(&mut said).unwrap();
        let answers = said.len();
        // What it said was said in the exchange, before the fault.
        assert!([0, 16 + 1_024 + 19, 16 + 1_024 + 19 + 14].contains(&answers), "{answers}");
    }
}

#[test]
fn a_connection_that_is_cut_anywhere_ends_the_call() {
    let (client, server) = pair();
    client.close();
    assert!(client.send(b"x").is_err());
    assert!(matches!(server.recv_message(), Ok(None)));

    let key = KEYS[0].public().to_string();
    let hello = format!("Requesting key sizeRequesting key512             {key:<512}");
    for len in (0..hello.len()).step_by(37) {
        let (server, mut raw) = against_raw();
        raw.write_all(&hello.as_bytes()[..len]).unwrap();
        raw.shutdown(Shutdown::Write).unwrap();
        assert!(matches!(server.recv_message(), Ok(None)), "cut at {len}");
    }
    let (server, mut raw) = against_raw();
    raw.write_all(hello.as_bytes()).unwrap();
    raw.write_all(&[0; 100]).unwrap();
    raw.shutdown(Shutdown::Write).unwrap();
    let outcome = server.recv_message();
    assert!(matches!(outcome, Err(RsaSocketError::BadPeer)), "cut in a block: {outcome:?}");
}

#[test]
fn t45_a_silent_peer_holds_up_no_other_at_the_same_listener() {
    let listener = builder(1).bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let _silent = TcpStream::connect(addr).unwrap();
    let _accepted = listener.accept().unwrap();
    let dials = thread::spawn(move || builder(0).connect(addr).unwrap().recv_message());
    listener.accept().unwrap().0.send(b"you are served").unwrap();
    assert_eq!(dials.join().unwrap().unwrap().unwrap(), "you are served");
}

#[test]
fn a_peer_with_a_key_that_is_not_taken_is_a_bad_one() {
    let listener =
        builder(1).peer_key_sizes(KeySize::DEFAULT, KeySize::MAX).bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let dials = thread::spawn(move || builder(0).connect(addr).and_then(|own| own.recv_message()));
    let outcome = listener.accept().unwrap().0.exchange_keys();
    assert!(matches!(outcome, Err(RsaSocketError::BadPeer)), "{outcome:?}");
    drop(dials.join().unwrap());
}

#[test]
fn the_words_of_the_exchange_are_those_of_py2p() {
    assert_eq!((SIZE_REQUEST.len(), KEY_REQUEST.len()), (19, 14));
}
