//! The tables of `rs2p::py2p` name every symbol of py2p 0.2.136's API document, and every
//! counterpart that they name is used here, by the path that stands in the table.
//!
//! `symbols.txt` is the list of symbols in the document: file, then name.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first thing that is not as it must be"
)]

use std::time::Duration;

use rs2p::node::{Input, Node, Output};
use rs2p::time::Instant;
use rs2p::wire::{
    DecodeError, DecodeLimits, Flag, FrameDecoder, PROTOCOL_VERSION, PathfindingMessage, base58,
    decompress, strip_size_header,
};
use rs2p::{
    Address, Builder, Compression, Compressions, Config, ConnId, Direction, Encryption, MeshSocket,
    Message, NodeId, Packets, PeerInfo, Protocol, ProtocolTools, Status, time::UnixTime,
};

#[cfg(feature = "rsa")]
use rs2p::{RsaListener, RsaSocket, RsaSocketBuilder, rsa, session};

const TABLES: &str = include_str!("../../src/py2p.rs");
const SYMBOLS: &str = include_str!("symbols.txt");
const USES: &str = include_str!("main.rs");
const PATIENCE: Duration = Duration::from_secs(30);

/// The rows of the table of one file of py2p's, in its three columns.
fn rows(file: &str) -> Vec<[&'static str; 3]> {
    let heading = match file {
        "package" => "//! # the package".to_owned(),
        file => format!("//! # `{file}`"),
    };
    let table = TABLES.lines().skip_while(|line| **line != *heading).skip(1);
    let table = table.take_while(|line| !line.starts_with("//! # "));
    let rows = table.filter_map(|line| line.strip_prefix("//! | `"));
    rows.map(|row| {
        let mut cells = row.trim_end_matches('|').splitn(3, '|').map(str::trim);
        [(); 3].map(|()| cells.next().unwrap())
    })
    .collect()
}

#[test]
fn every_symbol_of_the_document_has_a_row_with_a_counterpart_or_a_reason() {
    let mut count = 0;
    for line in SYMBOLS.lines() {
        let (file, symbol) = line.split_once(' ').unwrap();
        let names = |cell: &str| cell.split(", ").any(|name| name.trim_matches('`') == symbol);
        let row = rows(file).into_iter().find(|[symbols, ..]| names(symbols));
        let [_, here, remark] = row.unwrap_or_else(|| panic!("{file}: no row for `{symbol}`"));
        assert!(here.starts_with("[`") || here == "—" && !remark.is_empty(), "{symbol}: {here}");
        count += 1;
    }
    assert!(count > 150, "the list was read");
}

#[test]
fn every_counterpart_is_used_in_this_file() {
    let links = TABLES.lines().filter_map(|line| line.strip_prefix("//! [`")?.split_once("`]: "));
    let mut count = 0;
    for (name, target) in links {
        assert!(USES.contains(name), "{name} is not used");
        assert!(target.ends_with(name), "{name} leads to {target}");
        count += 1;
    }
    assert!(count > 80, "the links were read");
}

fn bind(subnet: &str) -> MeshSocket {
    let builder: Builder = MeshSocket::builder();
    let builder = Builder::subnet(builder, subnet);
    let builder = Builder::encryption(builder, Encryption::Plaintext);
    let builder = Builder::max_outgoing(builder, 0);
    let builder = Builder::compressions(builder, Compressions::supported());
    Builder::bind(builder, "127.0.0.1:0").unwrap()
}

#[test]
fn constants_and_methods_of_base() {
    assert_eq!(PROTOCOL_VERSION, "0.2");
    let protocol: Protocol = Protocol::new("mesh", "Plaintext");
    assert_eq!(
        (Protocol::subnet(&protocol), Protocol::encryption(&protocol)),
        ("mesh", "Plaintext")
    );
    assert_eq!(Protocol::id(&protocol).len(), 44);
    let address = Address { host: "127.0.0.1".into(), port: 4444 };
    let id = |salt| NodeId::new(&address, &protocol, salt);
    assert_ne!(id("one salt"), id("another"));
    assert_eq!(base58::encode(&[58]), "21");
    assert_eq!(base58::encode_u64(58), "21");
    assert_eq!(base58::decode(b"21").unwrap(), [58]);
    assert_eq!(base58::decode_u64(b"21").unwrap(), 58);
    assert_eq!(base58::ALPHABET.len(), 58);
    assert_eq!(UnixTime::from_secs(58).as_secs(), 58);
    let packed = Compression::compress(Compression::Gzip, b"hello").unwrap();
    assert_eq!(Compression::decompress(Compression::Gzip, &packed, 5).unwrap(), b"hello");
}

#[test]
fn flags() {
    let words = [
        (Flag::Broadcast, "broadcast"),
        (Flag::Compression, "compression"),
        (Flag::Handshake, "handshake"),
        (Flag::Peers, "peers"),
        (Flag::Waterfall, "waterfall"),
        (Flag::Resend, "resend"),
        (Flag::Response, "response"),
        (Flag::Renegotiate, "renegotiate"),
        (Flag::Request, "request"),
        (Flag::Whisper, "whisper"),
    ];
    assert!(words.iter().all(|(flag, word)| flag.as_str() == *word));
    let methods =
        [(Compression::Bz2, "bz2"), (Compression::Gzip, "gzip"), (Compression::Lzma, "lzma")];
    assert!(methods.iter().all(|(method, word)| method.name() == *word));
}

#[test]
fn pathfinding_message() {
    let gzip = Compressions::from_names(["gzip"]);
    let message = PathfindingMessage::new(b"whisper", b"me", 58, &["whisper", "hi"]).unwrap();
    let message = PathfindingMessage::with_compression(message, gzip);
    let limits = DecodeLimits::PROTOCOL;
    let frame = PathfindingMessage::encode(&message).unwrap();
    let read = PathfindingMessage::decode(&frame, gzip, limits).unwrap();
    let body = PathfindingMessage::encode_body(&read);
    assert_eq!(PathfindingMessage::decode_body(body.clone(), gzip, limits).unwrap(), read);
    assert_eq!(strip_size_header(&frame).unwrap(), body);
    assert_eq!(PathfindingMessage::msg_type(&read), b"whisper");
    assert_eq!(PathfindingMessage::sender(&read), b"me");
    assert_eq!(PathfindingMessage::time(&read), Some(58));
    assert_eq!(PathfindingMessage::time_58(&read), "21");
    assert_eq!(PathfindingMessage::compression(&read), gzip);
    assert_eq!(PathfindingMessage::compression_used(&read), Some(Compression::Gzip));
    assert!(!PathfindingMessage::compression_fail(&read));
    assert_eq!(PathfindingMessage::payload(&read).count(), 2);
    assert_eq!(PathfindingMessage::stated_id(&read), PathfindingMessage::id(&read).as_bytes());
    let plain = decompress(body, gzip, limits.max_body_len).unwrap();
    let packets = Packets::split(plain.body, limits.max_packets).unwrap();
    assert_eq!(packets.count(), PathfindingMessage::packets(&read).count());
    let error: DecodeError = strip_size_header(b"").unwrap_err();
    assert!(!error.to_string().is_empty());
    let mut decoder = FrameDecoder::default();
    let body = FrameDecoder::next_frame(&mut decoder, &mut frame.as_slice(), 1_000).unwrap();
    assert_eq!(body.unwrap(), strip_size_header(&frame).unwrap());
}

#[test]
fn mesh_socket_message_and_connection() {
    let [alice, bob] = [bind("api"), bind("api")];
    let id: NodeId = MeshSocket::connect(&bob, MeshSocket::local_addr(&alice)).unwrap();
    assert_eq!(id, MeshSocket::id(&alice));
    assert!(MeshSocket::start_connect(&bob, alice.local_addr()).wait().is_err());
    MeshSocket::add_seed(&bob, alice.local_addr()).unwrap();
    assert_eq!(alice.wait_for_peers(1, PATIENCE), 1);
    assert_eq!(MeshSocket::protocol(&alice).subnet(), "api");
    assert_eq!(MeshSocket::out_addr(&alice).socket_addr(), Some(alice.local_addr()));

    assert_eq!(MeshSocket::send(&bob, &["one"]).unwrap().queued(), 1);
    assert_eq!(MeshSocket::send_as(&bob, "mine", &["two"]).unwrap().queued(), 1);
    assert_eq!(MeshSocket::send_timeout(&bob, &["three"], PATIENCE).unwrap().queued(), 1);
    assert_eq!(MeshSocket::whisper(&bob, &id, &["four"]), Ok(()));
    let message: Message = MeshSocket::recv(&alice).unwrap();
    assert_eq!(Message::sender(&message), bob.id());
    assert_eq!(Message::packets(&message).count(), 2);
    assert!(Message::contents(&message).eq([b"one"]));
    assert!(Message::time(&message).is_some());
    assert_eq!(Message::protocol(&message), alice.protocol());
    assert_eq!(Message::id(&message), Message::as_pathfinding(&message).id());
    Message::reply(&message, &["five"]).unwrap();
    assert!(MeshSocket::recv_timeout(&bob, PATIENCE).unwrap().unwrap().is_whisper());
    let mut left = 3;
    while left > 0 {
        left -= MeshSocket::recv_many(&alice, left).unwrap().len();
    }
    assert_eq!(MeshSocket::try_recv(&alice), Ok(None));

    let table: Vec<PeerInfo> = MeshSocket::routing_table(&bob);
    let info = table.first().unwrap();
    let PeerInfo { id, addr, announced, direction, compressions, since, .. } = info.clone();
    assert_eq!((id, addr), (alice.id(), alice.local_addr())); // PeerInfo::id, PeerInfo::addr
    assert_eq!(announced.as_ref(), Some(alice.out_addr())); // PeerInfo::announced
    assert_eq!(direction, Direction::Outgoing); // PeerInfo::direction
    assert_eq!(compressions, Compressions::supported()); // PeerInfo::compressions
    assert!(since.as_secs() > 0); // PeerInfo::since
    assert_eq!((MeshSocket::outgoing(&bob), MeshSocket::incoming(&bob)), (vec![id], vec![]));
    assert_eq!(MeshSocket::awaiting(&bob), []);

    let tools: ProtocolTools<'_> = bob.tools();
    ProtocolTools::send_raw(&tools, &id, "whisper", &["whisper", "six"]).unwrap();
    ProtocolTools::ask_resend(&tools, &id).unwrap();
    assert_eq!(ProtocolTools::pending_requests(&tools), []);
    assert!(ProtocolTools::recent_messages(&tools).len() <= 64);

    assert!(MeshSocket::disconnect(&alice, &bob.id()));
    let status: Status = MeshSocket::status(&alice);
    assert!(Status::is_running(&status));
    assert_eq!(Status::troubles(&status), []);
    MeshSocket::clear_status(&alice);
    MeshSocket::close(&alice);
    assert!(MeshSocket::messages(&alice).count() <= 1);
    let address = Address { host: "example.org".to_owned(), port: 4444 };
    let named = Builder::out_addr(MeshSocket::builder(), address.clone());
    let named = Builder::encryption(named, Encryption::Plaintext).bind("127.0.0.1:0").unwrap();
    assert_eq!(*MeshSocket::out_addr(&named), address);
}

#[test]
fn mesh_daemon() {
    let now = Instant::ZERO;
    let config = Config::new(Protocol::new("mesh", "Plaintext"));
    let mut node = Node::new(config, [7; 32], now, UnixTime::from_secs(0)).unwrap();
    let conn: ConnId = Node::accept(&mut node, now, "127.0.0.1:4444".parse().unwrap()).unwrap();
    Node::handle_input(&mut node, now, Input::Received { conn, data: b"GET / HTTP/1.1" });
    assert!(matches!(Node::poll_output(&mut node), Some(Output::Close { .. })));
}

#[cfg(feature = "rsa")]
#[test]
fn methods_of_net() {
    let size: rsa::KeySize = rsa::KeySize::weak(512).unwrap();
    let (public, private): (rsa::PublicKey, _) = rsa::newkeys(size).unwrap();
    assert_eq!(rsa::public_key(&public.n(), &public.e()).as_ref(), Ok(&public));
    let ciphertext = rsa::encrypt(b"hello", &public).unwrap();
    assert_eq!(rsa::decrypt(&ciphertext, &private).unwrap(), b"hello");
    let mut rng = rsa::SeededRng::from_seed([1; 32]);
    let ciphertext = rsa::encrypt_with(b"again", &public, &mut rng).unwrap();
    assert_eq!(rsa::decrypt(&ciphertext, &private).unwrap(), b"again");
    assert_eq!(rsa::decrypt(b"", &private), Err(rsa::DecryptionError));
    let signature = rsa::sign(b"hello", &private, rsa::Hash::Sha256).unwrap();
    assert_eq!(rsa::verify(b"hello", &signature, &public), Ok(rsa::Hash::Sha256));
    assert_eq!(rsa::verify(b"other", &signature, &public), Err(rsa::VerificationError));
    assert_eq!(session::rsa::SIZE_REQUEST, b"Requesting key size");
    assert_eq!(session::rsa::KEY_REQUEST, b"Requesting key");
}

#[cfg(feature = "rsa")]
#[test]
fn secure_socket() {
    let size = rsa::KeySize::weak(512).unwrap();
    let listener: RsaListener = RsaSocket::bind("127.0.0.1:0", size).unwrap();
    let addr = listener.local_addr().unwrap();
    drop(RsaSocketBuilder::bind(RsaSocket::builder(), "127.0.0.1:0").unwrap());
    let dialling = std::thread::spawn(move || {
        let _first = RsaSocket::connect(addr, size).unwrap();
        let builder = RsaSocketBuilder::max_message_len(RsaSocket::builder(), 100);
        RsaSocketBuilder::connect(builder.key_size(size), addr).unwrap()
    });
    let (first, _) = RsaListener::accept(&listener).unwrap();
    RsaSocket::exchange_keys(&first).unwrap();
    let (server, from) = listener.accept().unwrap();
    server.exchange_keys().unwrap();
    let client = dialling.join().unwrap();
    assert_eq!(RsaSocket::local_addr(&client).unwrap(), from);
    RsaSocket::set_timeout(&server, Some(PATIENCE));
    RsaSocket::send(&client, b"hello").unwrap();
    assert_eq!(RsaSocket::recv(&server, 1).unwrap(), "h");
    let other = RsaSocket::clone(&server);
    assert_eq!(RsaSocket::recv_message(&other).unwrap(), Some("ello".into()));
    assert_eq!(RsaSocket::key_size(&client), size);
    assert_eq!(RsaSocket::peer_key_size(&client), Some(size));
    assert_eq!(RsaSocket::peer_key(&client).as_ref(), Some(RsaSocket::public_key(&server)));
    assert_eq!(RsaSocket::private_key(&client).public(), client.public_key());
    assert_eq!(RsaSocket::send_charlimit(&client), Some(RsaSocket::recv_charlimit(&server)));
    let signature = RsaSocket::sign(&client, b"hello", None).unwrap();
    assert_eq!(RsaSocket::verify(&server, b"hello", &signature, None), Ok(rsa::Hash::Sha256));
    RsaSocket::shutdown(&client, std::net::Shutdown::Write).unwrap();
    assert_eq!(server.recv_message().unwrap(), None);
    RsaSocket::close(&server);
}
