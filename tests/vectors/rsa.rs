//! Sections `net` and `rsa`, and the conversations under `PKCS1_v1.5`.
#![expect(clippy::unwrap_used, reason = "a vector that does not hold fails its test")]

use rs2p::rsa::{
    DecryptionError, EncryptionError, Hash, KeySize, PrivateKey, PublicKey, SeededRng, SignError,
    VerificationError, best_hash, decrypt, encrypt_with, public_key, sign, verify,
};
use rs2p::session::rsa::{
    KEY_REQUEST, Limits, Role, RsaSession, SIZE_REQUEST, bin_to_int, charlimit, chunk_len,
    construct_packets, int_to_bin,
};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::golden::{bytes, cases, decimal, field, flag, int, text, value};

fn size(bits: u64) -> KeySize {
    KeySize::weak(usize::try_from(bits).unwrap()).unwrap()
}

fn key(name: &str) -> PrivateKey {
    let parts = value(&format!("/rsa/keys/{name}"));
    let [n, e, d, p, q] = ["n", "e", "d", "p", "q"].map(|part| decimal(text(parts, part)));
    PrivateKey::new(&n, &e, &d, &p, &q).unwrap()
}

fn hash(name: &str) -> Hash {
    Hash::ALL.into_iter().find(|hash| hash.name() == name).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Gives a session bytes; what it says and the messages that it got.
fn feed(session: &mut RsaSession, data: &[u8]) -> (Vec<u8>, Vec<Vec<u8>>) {
    assert_eq!(session.received(data), data.len());
    let progress = session.step(usize::MAX).unwrap();
    let said: Vec<_> = std::iter::from_fn(|| session.take_transmit()).collect();
    (said.concat(), progress.messages.iter().map(|message| message.to_vec()).collect())
}

#[test]
fn the_words_of_the_exchange() {
    assert_eq!(value("/net/size_request").as_str().unwrap().as_bytes(), SIZE_REQUEST);
    assert_eq!(value("/net/key_request").as_str().unwrap().as_bytes(), KEY_REQUEST);
}

#[test]
fn numbers_as_bytes() {
    let (to_bytes, to_numbers) = (cases("/net/int_to_bin"), cases("/net/bin_to_int"));
    for case in to_bytes {
        assert_eq!(int_to_bin(text(case, "int").parse().unwrap()), bytes(case, "hex"));
    }
    for case in to_numbers {
        assert_eq!(bin_to_int(&bytes(case, "hex")).unwrap(), text(case, "int").parse().unwrap());
    }
    assert_eq!((to_bytes.len(), to_numbers.len()), (9, 7));
}

#[test]
fn limits_and_sizes_by_the_size_of_the_key() {
    let mut count = 0;
    for case in cases("/net/charlimit") {
        let bits = usize::try_from(int(case, "keysize")).unwrap();
        // One of the cases has a size that py2p itself cannot work with.
        if let Ok(size) = KeySize::weak(bits) {
            assert_eq!(charlimit(size), text(case, "limit").parse::<u64>().unwrap());
            count += 1;
        }
    }
    assert_eq!(count, 12);
    for case in cases("/net/sizes") {
        let bits = usize::try_from(int(case, "keysize")).unwrap();
        let size = KeySize::weak(bits);
        assert_eq!(size.is_ok(), flag(case, "consistent"), "{bits}");
        if let Ok(size) = size {
            assert_eq!(chunk_len(size) as u64, int(case, "packet_plain_max"));
            assert_eq!(size.block_len() as u64, int(case, "ciphertext_read"));
            assert_eq!(size.block_len() as u64, int(case, "real_ciphertext"));
        }
        count += 1;
    }
    assert_eq!(count, 27);
}

#[test]
fn the_best_hash_changes_where_py2p_changes_it() {
    let steps = cases("/net/best_hash");
    assert_eq!(steps.len(), 5);
    for bits in (354..=8_192).filter(|bits| bits % 8 != 1) {
        let step = steps.iter().rev().find(|step| int(step, "from") <= bits).unwrap();
        assert_eq!(best_hash(size(bits)).name(), text(step, "hash"), "{bits}");
    }
}

#[test]
fn messages_are_cut_and_counted_as_py2p_does() {
    let packet_cases = cases("/net/construct_packets");
    for case in packet_cases {
        let [len, chunk] = ["message_length", "packet_size"].map(|key| int(case, key));
        let message: Vec<u8> = (0..len).map(|i| ((7 * i + 3) % 256).to_le_bytes()[0]).collect();
        let packets = construct_packets(&message, usize::try_from(chunk).unwrap());
        assert_eq!(packets.len() as u64, int(case, "count"));
        assert!(packets[0].starts_with(&bytes(case, "first_hex")));
        assert_eq!(packets.last().unwrap().len() as u64, int(case, "last_length"));
        let digest = Sha256::digest(packets.concat());
        assert_eq!(hex(&digest), text(case, "joined_sha256"), "{len} by {chunk}");
        if let Some(expected) = case.get("packets_hex").and_then(Value::as_array) {
            let packets: Vec<_> = packets.iter().map(|packet| hex(packet)).collect();
            assert_eq!(&packets.into_iter().map(Value::from).collect::<Vec<_>>(), expected);
        }
    }
    assert_eq!(packet_cases.len(), 21);
}

#[test]
fn signatures_are_those_of_py2p_and_verified_by_their_hash() {
    let (mut good, mut too_small) = (0, 0);
    for case in cases("/rsa/cases") {
        let key = key(&int(case, "keysize").to_string());
        assert_eq!(best_hash(key.size()).name(), text(case, "best_hash"));
        for one in field(case, "signatures").as_array().unwrap() {
            let (message, hash) = (bytes(one, "message_hex"), hash(text(one, "hash")));
            let signature = sign(&message, &key, hash);
            if one.get("error").is_some() {
                let size = key.size();
                assert_eq!(signature, Err(SignError::KeyTooSmall { hash, size }));
                too_small += 1;
                continue;
            }
            assert_eq!(signature.unwrap(), bytes(one, "signature_hex"));
            assert_eq!(verify(&message, &bytes(one, "signature_hex"), key.public()), Ok(hash));
            good += 1;
        }
        let bad = field(case, "bad_signature");
        let outcome =
            verify(&bytes(bad, "message_hex"), &bytes(bad, "signature_hex"), key.public());
        assert_eq!(outcome, Err(VerificationError));
    }
    assert_eq!((good, too_small), (112, 12));
}

#[test]
fn ciphertexts_of_py2p_are_decrypted_and_what_is_too_long_is_refused() {
    let mut count = 0;
    for case in cases("/rsa/cases") {
        let key = key(&int(case, "keysize").to_string());
        for one in field(case, "encryptions").as_array().unwrap() {
            let mut ciphertext = bytes(one, "cipher_hex");
            assert_eq!(decrypt(&ciphertext, &key), Ok(bytes(one, "plain_hex")));
            assert_eq!(decrypt(&ciphertext[1..], &key), Err(DecryptionError));
            ciphertext.push(0);
            assert_eq!(decrypt(&ciphertext, &key), Err(DecryptionError));
            count += 1;
        }
        let len = usize::try_from(int(&case["encrypt_too_long"], "length")).unwrap();
        let mut rng = SeededRng::from_seed([1; 32]);
        let (plain, max) = (vec![7; len - 1], key.size().max_plain_len());
        let ciphertext = encrypt_with(&plain, key.public(), &mut rng).unwrap();
        assert_eq!(decrypt(&ciphertext, &key), Ok(plain));
        let outcome = encrypt_with(&vec![7; len], key.public(), &mut rng);
        assert_eq!(outcome, Err(EncryptionError::TooLong { len, max }));
    }
    assert_eq!(count, 24);
}

#[test]
fn keys_go_over_the_wire_as_those_of_py2p() {
    for case in cases("/rsa/cases") {
        let bits = int(case, "keysize");
        let key = key(&bits.to_string());
        let seed = [1; 32];
        let mut server = RsaSession::new(Role::Server, key.clone(), Limits::ALONE, seed);
        let (said, _) = feed(&mut server, SIZE_REQUEST);
        assert_eq!(said, bytes(case, "size_answer_hex"));
        let (said, _) = feed(&mut server, KEY_REQUEST);
        let answer = said.strip_suffix(SIZE_REQUEST).unwrap();
        assert_eq!(answer.len() as u64, int(case, "key_answer_length"));
        assert_eq!(answer.trim_ascii_end(), text(case, "key_answer_prefix").as_bytes());
        assert_eq!(hex(&Sha256::digest(answer)), text(case, "key_answer_sha256"));
        let read: PublicKey = text(case, "key_answer_prefix").parse().unwrap();
        assert_eq!(&read, key.public());
        assert_eq!(public_key(&read.n(), &read.e()), Ok(read));
    }
}

#[test]
fn messages_of_py2p_are_received_with_their_signatures() {
    let mut count = 0;
    for case in cases("/rsa/cases") {
        // They are signed by the key that they are encrypted for.
        let key = key(&int(case, "keysize").to_string());
        let [own, public] = [key.clone(), key.clone()];
        let (bits, public) = (key.size().bits(), public.public().to_string());
        let mut session = RsaSession::new(Role::Server, own, Limits::ALONE, [1; 32]);
        let hello = format!("Requesting key sizeRequesting key{bits:<16}{public:<bits$}");
        let _ = feed(&mut session, hello.as_bytes());
        assert!(session.is_established());
        for one in field(case, "secure_messages").as_array().unwrap() {
            let record = [bytes(one, "message_part_hex"), bytes(one, "signature_part_hex")];
            let (_, messages) = feed(&mut session, &record.concat());
            assert_eq!(messages, [bytes(one, "plain_hex")]);
            count += 1;
        }
    }
    assert_eq!(count, 16);
}

#[test]
fn conversations_of_py2p_nodes_are_read_from_either_end() {
    let mut count = 0;
    for case in cases("/transcripts") {
        if text(case, "encryption") != "PKCS1_v1.5" {
            continue;
        }
        for (own, role, heard, said) in [
            ("server_key", Role::Server, "client_to_server_hex", "server_to_client_hex"),
            ("client_key", Role::Client, "server_to_client_hex", "client_to_server_hex"),
        ] {
            let mut session = RsaSession::new(role, key(text(case, own)), Limits::ALONE, [1; 32]);
            let (exchange, messages) = feed(&mut session, &bytes(case, heard));
            assert!(bytes(case, said).starts_with(&exchange) && exchange.len() > 512);
            assert!(session.is_established() && !session.is_mid_message());
            assert!(messages.len() > 2);
            for message in messages {
                let len = u32::from_be_bytes(*message.first_chunk().unwrap());
                assert_eq!(message.len(), usize::try_from(len).unwrap() + 4, "one frame each");
            }
            count += 1;
        }
    }
    assert_eq!(count, 4);
}
