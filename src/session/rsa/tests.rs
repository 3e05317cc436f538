//! Two sessions, or one and somebody who means it ill.

use std::sync::LazyLock;

use bytes::Bytes;

use super::packets::with_count;
use super::*;
use crate::rsa::{Hash, encrypt_with, newkeys_with, sign_with};

/// Keys of these sizes, the first with a room for pieces that is a multiple of nothing.
static SMALL: LazyLock<[PrivateKey; 2]> = LazyLock::new(|| [354, 512].map(key));

fn key(bits: usize) -> PrivateKey {
    let mut rng = SeededRng::from_seed([9; 32]);
    newkeys_with(KeySize::weak(bits).unwrap(), &mut rng).unwrap().1
}

fn pair() -> [RsaSession; 2] {
    let [client, server] = SMALL.clone();
    [
        RsaSession::new(Role::Client, client, Limits::ALONE, [1; 32]),
        RsaSession::new(Role::Server, server, Limits::ALONE, [2; 32]),
    ]
}

/// Gives a session bytes and has it work to the end; what it transmits and the messages.
fn feed(session: &mut RsaSession, data: &[u8]) -> Result<(Vec<u8>, Vec<Bytes>), SessionError> {
    assert_eq!(session.received(data), data.len());
    let progress = session.step(usize::MAX)?;
    let transmits = std::iter::from_fn(|| session.take_transmit());
    Ok((transmits.collect::<Vec<_>>().concat(), progress.messages))
}

/// Lets two sessions talk until both are silent; what each said, and the messages that each got.
fn talk(pair: &mut [RsaSession; 2]) -> [(Vec<u8>, Vec<Bytes>); 2] {
    let [client, server] = pair;
    let mut said = [(Vec::new(), Vec::new()), (Vec::new(), Vec::new())];
    let (mut to_server, _) = feed(client, &[]).unwrap();
    loop {
        let (to_client, got) = feed(server, &to_server).unwrap();
        said[0].0.extend(&to_server);
        said[1].1.extend(got);
        let (next, got) = feed(client, &to_client).unwrap();
        said[1].0.extend(&to_client);
        said[0].1.extend(got);
        if to_client.is_empty() && next.is_empty() {
            return said;
        }
        to_server = next;
    }
}

/// A server that has been asked everything and has asked everything, and its peer's key.
fn established() -> (RsaSession, PrivateKey, SeededRng) {
    let mut pair = pair();
    let _ = talk(&mut pair);
    let [_, server] = pair;
    assert!(server.is_established());
    (server, SMALL[0].clone(), SeededRng::from_seed([3; 32]))
}

/// Encrypts pieces for the server that [`established`] makes.
fn blocks<P: AsRef<[u8]>>(pieces: &[P], rng: &mut SeededRng) -> Vec<u8> {
    let key = SMALL[1].public();
    pieces.iter().flat_map(|piece| encrypt_with(piece.as_ref(), key, rng).unwrap()).collect()
}

fn part(bytes: &[u8], rng: &mut SeededRng) -> Vec<u8> {
    blocks(&construct_packets(bytes, chunk_len(SMALL[1].size())), rng)
}

#[test]
fn two_sessions_exchange_keys_in_the_order_of_the_protocol() {
    let mut pair = pair();
    let [(client, _), (server, _)] = talk(&mut pair);
    let mut expected = b"Requesting key sizeRequesting key354             ".to_vec();
    expected.extend(format!("{:<354}", SMALL[0].public().to_string()).bytes());
    assert_eq!(client, expected);
    let mut expected = b"512             ".to_vec();
    expected.extend(format!("{:<512}", SMALL[1].public().to_string()).bytes());
    expected.extend(b"Requesting key sizeRequesting key");
    assert_eq!(server, expected);
    for (own, other) in [(0, 1), (1, 0)] {
        assert!(pair[own].is_established() && !pair[own].is_authenticated());
        assert_eq!(pair[own].peer_key(), Some(SMALL[other].public()));
        assert_eq!(pair[own].peer_key_size(), Some(SMALL[other].size()));
    }
}

#[test]
fn messages_of_every_length_arrive_both_ways() {
    let mut pair = pair();
    let lengths = (0..140).chain([8_382, 8_410, 8_411]);
    let messages: Vec<Vec<u8>> =
        lengths.map(|len: usize| vec![len.to_le_bytes()[0]; len]).collect();
    for message in &messages {
        pair.iter_mut().for_each(|session| session.send(message).unwrap());
    }
    assert!(!pair[0].is_flushed());
    let [(_, at_client), (_, at_server)] = talk(&mut pair);
    assert_eq!(at_client, messages);
    assert_eq!(at_server, messages);
    assert!(pair.iter().all(|session| session.is_flushed() && !session.is_mid_message()));
}

#[test]
fn what_arrives_in_two_pieces_cut_anywhere_means_the_same() {
    let whole = |session: &mut RsaSession| {
        session.send(b"one").unwrap();
        session.send(b"another").unwrap();
    };
    let mut reference = pair();
    reference.iter_mut().for_each(whole);
    let [(stream, _), (answers, messages)] = talk(&mut reference);
    for cut in 0..=stream.len() {
        let [_, mut server] = pair();
        whole(&mut server);
        let (first, mut got) = feed(&mut server, &stream[..cut]).unwrap();
        let (second, more) = feed(&mut server, &stream[cut..]).unwrap();
        got.extend(more);
        assert_eq!(got, messages, "cut at {cut}");
        assert_eq!([first, second].concat().len(), answers.len(), "cut at {cut}");
        assert!(server.is_established() && !server.is_mid_message());
    }
}

#[test]
fn a_session_repeats_to_the_byte() {
    let run = || {
        let mut pair = pair();
        pair.iter_mut().for_each(|session| session.send(b"the same").unwrap());
        talk(&mut pair)
    };
    assert_eq!(run(), run());
}

#[test]
fn t47_a_step_does_no_more_than_its_budget_and_serves_both_directions() {
    let (mut server, client, mut rng) = established();
    let signature = sign_with(&[7; 300], &client, Hash::Md5, &mut rng).unwrap();
    let record = [part(&[7; 300], &mut rng), part(&signature, &mut rng)].concat();
    let count = record.len() / SMALL[1].size().block_len();
    assert_eq!(server.received(&record), record.len());
    server.send(&[8; 300]).unwrap();
    let mut steps = 0;
    let mut sent_at = None;
    loop {
        let progress = server.step(1).unwrap();
        assert!(progress.spent <= 1);
        steps += 1;
        if server.take_transmit().is_some() {
            sent_at = Some(steps);
        }
        if !progress.messages.is_empty() {
            assert_eq!(progress.messages, [vec![7; 300]]);
            break;
        }
    }
    // Signing, and two blocks of eight.
    assert!(sent_at.unwrap() < steps && steps >= count + 3, "{sent_at:?} of {steps}, {count}");
    assert!(server.step(1).unwrap().is_idle);
}

#[test]
fn only_as_much_is_buffered_as_there_is_room_for() {
    let mut limits = Limits::ALONE;
    limits.max_buffered_len = 0;
    let mut session = RsaSession::new(Role::Server, SMALL[1].clone(), limits, [1; 32]);
    let room = session.room();
    assert_eq!(room, 8_192);
    assert_eq!(session.received(&vec![b'R'; room + 5]), room);
    assert_eq!(session.received(b"R"), 0);
    assert_eq!(session.step(1), Err(SessionError::BadRequest));
    assert_eq!(session.received(&vec![0; 1 << 20]), 1 << 20, "a failed session discards");
}

#[test]
fn wrong_requests_are_refused_at_their_first_wrong_byte() {
    for text in ["GET / HTTP/1.1", "Requesting key siza", "requesting", "\0", "Requesting key Size"]
    {
        let [_, mut server] = pair();
        assert_eq!(feed(&mut server, text.as_bytes()), Err(SessionError::BadRequest), "{text}");
    }
    let [_, mut server] = pair();
    let _ = feed(&mut server, SIZE_REQUEST).unwrap();
    assert_eq!(feed(&mut server, b"Requesting kez"), Err(SessionError::BadRequest));
    assert_eq!(server.send(b"late"), Err(SendError::Failed(SessionError::BadRequest)));
    assert_eq!(feed(&mut server, KEY_REQUEST), Err(SessionError::BadRequest), "for good");
}

#[test]
fn t45_sizes_that_cannot_work_are_refused_before_anything_is_read_for_them() {
    let outcome = |text: &str| {
        let [mut client, _] = pair();
        let _ = client.step(usize::MAX).unwrap();
        feed(&mut client, format!("{text:<16}").as_bytes()).unwrap_err()
    };
    for (text, bits) in [
        ("88", 88),
        ("0", 0),
        ("353", 353),
        ("513", 513),
        ("8193", 8_193),
        ("999999999999999", 999_999_999_999_999),
        ("1000000000000000", 1_000_000_000_000_000),
    ] {
        assert_eq!(outcome(text), SessionError::KeySize { bits });
    }
    for text in ["", "-512", "5 12", "0x200", "1024,", "five hundred", "\u{fffd}"] {
        assert_eq!(outcome(text), SessionError::MalformedKeySize, "{text}");
    }
    let mesh = RsaSession::new(Role::Client, SMALL[1].clone(), Limits::MESH, [1; 32]);
    for bits in [512, 1_018, 4_104, 8_192] {
        let mut session = RsaSession::new(Role::Client, mesh.own.clone(), Limits::MESH, [1; 32]);
        let outcome = feed(&mut session, format!("{bits:<16}").as_bytes());
        assert_eq!(outcome, Err(SessionError::KeySize { bits }));
    }
}

#[test]
fn texts_that_are_no_key_of_the_announced_size_are_refused() {
    let good = SMALL[1].public().to_string();
    let (n, e) = good.split_once(',').unwrap();
    let even = format!("{}0,{e}", &n[..n.len() - 1]);
    let texts = [
        String::new(),
        "a,b".to_owned(),
        n.to_owned(),
        format!("{n},"),
        format!("{n};{e}"),
        format!("{n},{e},{e}"),
        format!("-{n},{e}"),
        format!("{n},1"),
        format!("{n},65536"),
        format!("{n},8589934593"),
        format!("{n},{n}"),
        even,
        "3,65537".to_owned(),
        SMALL[0].public().to_string(),
    ];
    for text in texts {
        let [mut client, _] = pair();
        let _ = feed(&mut client, b"512             ").unwrap();
        let outcome = feed(&mut client, format!("{text:<512}").as_bytes());
        assert_eq!(outcome, Err(SessionError::BadKey), "{text}");
    }
    let [mut client, _] = pair();
    let _ = feed(&mut client, b"512             ").unwrap();
    let outcome = feed(&mut client, format!(" {n},{e:<200}").as_bytes());
    assert!(outcome.is_ok(), "and not yet whole");
    assert!(feed(&mut client, &[b' '; 512]).is_err(), "the rest is taken for a request");
    let [mut client, _] = pair();
    let _ = feed(&mut client, b"512             ").unwrap();
    assert_eq!(feed(&mut client, &[0xff; 512]), Err(SessionError::BadKey));
}

#[test]
fn blocks_that_cannot_be_decrypted_end_the_session() {
    let (mut server, _, _) = established();
    assert_eq!(feed(&mut server, &[0; 64]), Err(SessionError::Decryption));
    let (mut server, _, _) = established();
    assert_eq!(feed(&mut server, &[0xff; 64]), Err(SessionError::Decryption), "above the modulus");
    let (mut server, _, mut rng) = established();
    let mut record = part(b"hello", &mut rng);
    record[20] ^= 1;
    assert_eq!(feed(&mut server, &record), Err(SessionError::Decryption));
}

#[test]
fn counts_that_are_missing_zero_or_too_large_end_the_session() {
    let counts: [&[u8]; 9] = [
        b"",
        b"\0\0\0",
        b"\0\0\0\0",
        b"\0\0\0\x01",
        b"\0\0\0\x01\0",
        b"\0\0\0\x03\x01\0\0",
        b"\0\0\0\x05\0\0\0\0\x01hello",
        b"\0\0\0\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xff\xff\xff\xff\x01",
    ];
    for count in counts {
        let (mut server, _, mut rng) = established();
        let record = blocks(&[count], &mut rng);
        assert_eq!(feed(&mut server, &record), Err(SessionError::BadCount), "{count:?}");
    }
    // A signature of more blocks than the peer's signatures need.
    let (mut server, _, mut rng) = established();
    let record = [part(b"hello", &mut rng), part(&[0; 100], &mut rng)].concat();
    assert_eq!(feed(&mut server, &record), Err(SessionError::BadCount));
}

#[test]
fn a_message_of_the_longest_length_is_taken_and_one_byte_more_is_not() {
    let send = |len: usize| {
        let mut limits = Limits::ALONE;
        limits.max_message_len = 1_000;
        let mut pair = pair();
        let _ = talk(&mut pair);
        let [mut client, _] = pair;
        client.send(&vec![5; len]).unwrap();
        let (record, _) = feed(&mut client, &[]).unwrap();
        let mut server = RsaSession::new(Role::Server, SMALL[1].clone(), limits, [2; 32]);
        assert_eq!(server.send(&[0; 1_001]), Err(SendError::TooLong { len: 1_001, max: 1_000 }));
        let key = SMALL[0].public().to_string();
        let exchange = format!("Requesting key sizeRequesting key{:<16}{key:<354}", 354);
        let _ = feed(&mut server, exchange.as_bytes()).unwrap();
        feed(&mut server, &record).map(|(_, messages)| messages)
    };
    assert_eq!(send(1_000), Ok(vec![vec![5; 1_000].into()]));
    assert_eq!(send(1_001), Err(SessionError::TooLong));
    assert_eq!(send(10_000), Err(SessionError::BadCount), "refused at its first block");
}

#[test]
fn signatures_by_others_or_over_others_end_the_session_after_what_came_before() {
    let (mut server, client, mut rng) = established();
    let signature = sign_with(b"hello", &client, Hash::Md5, &mut rng).unwrap();
    let mut record = [part(b"hello", &mut rng), part(&signature, &mut rng)].concat();
    record.extend(part(b"other", &mut rng));
    record.extend(part(&signature, &mut rng));
    record.extend(part(b"third", &mut rng));
    let (_, messages) = feed(&mut server, &record).unwrap();
    assert_eq!(messages, ["hello"]);
    assert_eq!(feed(&mut server, &[]), Err(SessionError::BadSignature));
    assert!(!server.is_established());

    let forged = sign_with(b"hello", &SMALL[1], Hash::Md5, &mut rng).unwrap();
    let cut = &signature[1..];
    for wrong in [forged.as_slice(), cut, b""] {
        let (mut server, _, mut rng) = established();
        let record = [part(b"hello", &mut rng), part(wrong, &mut rng)].concat();
        let outcome = feed(&mut server, &record);
        assert!(
            matches!(outcome, Err(SessionError::BadSignature | SessionError::BadCount)),
            "{outcome:?}"
        );
    }
}

#[test]
fn after_a_fault_nothing_more_is_transmitted() {
    let faults: [&[u8]; 3] = [&[0; 64], &[0xff; 64], &[1; 64]];
    for fault in faults {
        let (mut server, _, _) = established();
        // One is encrypted and waits to be taken, the others wait to be encrypted.
        server.send(b"never seen").unwrap();
        let _ = server.step(usize::MAX).unwrap();
        for _ in 0..3 {
            server.send(b"never seen").unwrap();
        }
        assert_eq!(server.received(fault), fault.len());
        while server.step(1).is_ok() {}
        assert_eq!(server.take_transmit(), None);
        assert!(server.is_flushed());
    }
}

#[test]
fn messages_that_wait_for_the_exchange_are_bounded() {
    let mut limits = Limits::ALONE;
    limits.max_queued_len = 10;
    let mut session = RsaSession::new(Role::Client, SMALL[0].clone(), limits, [1; 32]);
    session.send(&[0; 20]).unwrap();
    assert_eq!(session.send(b""), Err(SendError::Full));
    let _ = session.step(10).unwrap();
    assert_eq!(session.send(b""), Err(SendError::Full), "nothing is encrypted without a key");
}

#[test]
fn messages_that_nobody_takes_are_bounded() {
    let (mut server, _, _) = established();
    server.limits.max_queued_len = 10_000;
    let mut len = 0;
    while server.send(&[0; 1_000]).is_ok() {
        let _ = server.step(usize::MAX).unwrap();
        len += 1_000;
    }
    assert!((10_000..30_000).contains(&len), "{len}");
    while server.take_transmit().is_some() {}
    assert_eq!(server.send(&[0; 1_000]), Ok(()));
}

#[test]
fn garbage_in_small_steps_never_panics_and_never_gives_a_message() {
    let mut rng = SeededRng::from_seed([5; 32]);
    for round in 0..200_u32 {
        let (mut server, _, _) = established();
        let mut noise = vec![0; 200];
        rsa_noise(&mut rng, &mut noise);
        // Half of them look like a ciphertext for as long as possible.
        if round % 2 == 0 {
            noise[0] = 0;
        }
        assert_eq!(server.received(&noise), noise.len());
        let outcome = std::iter::repeat_with(|| server.step(1)).find(Result::is_err);
        assert_eq!(outcome, Some(Err(SessionError::Decryption)));
    }
}

fn rsa_noise(rng: &mut SeededRng, noise: &mut [u8]) {
    crate::rsa::rand_core::RngCore::fill_bytes(rng, noise);
}

#[test]
fn counts_include_what_the_count_takes() {
    for chunk in [33, 53, 117] {
        for len in 0..3_000 {
            let framed = with_count(&vec![0; len], chunk);
            let count = framed.len().div_ceil(chunk);
            let digits = int_to_bin(count.try_into().unwrap());
            assert_eq!(framed[4..4 + digits.len()], digits);
            assert!(packets::count_of(len, chunk) >= count);
        }
    }
}

#[test]
fn a_stream_is_cut_off_anywhere_but_between_two_records() {
    let mut ends = pair();
    assert!(ends.iter().all(RsaSession::is_mid_message), "the exchange has not been made");
    let _ = talk(&mut ends);
    let [client, server] = &mut ends;
    client.send(b"message").unwrap();
    let (record, _) = feed(client, &[]).unwrap();
    for (index, byte) in record.iter().enumerate() {
        assert_eq!(server.is_mid_message(), index > 0, "in front of byte {index}");
        let _ = feed(server, &[*byte]).unwrap();
    }
    assert!(!server.is_mid_message());
}

#[test]
fn what_has_been_sent_no_longer_counts_as_waiting() {
    let limits = Limits { max_queued_len: 10, ..Limits::ALONE };
    let [client, server] = SMALL.clone();
    let mut ends = [
        RsaSession::new(Role::Client, client, limits, [1; 32]),
        RsaSession::new(Role::Server, server, limits, [2; 32]),
    ];
    for _ in 0..4 {
        ends[0].send(b"four").unwrap();
        ends[0].send(b"four").unwrap();
        assert_eq!(ends[0].send(b"four"), Err(SendError::Full));
        let _ = talk(&mut ends);
    }
}

#[test]
fn an_answer_that_cannot_be_a_size_is_refused_at_its_first_byte() {
    let [mut client, _] = pair();
    assert_eq!(feed(&mut client, b"\0").err(), Some(SessionError::MalformedKeySize));
}
