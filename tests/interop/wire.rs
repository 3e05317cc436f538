//! The wire room against a real node: [`rs2p::wire`] on a plain socket, nothing above it.

use std::net::TcpListener;

use rs2p::wire::{Compression, Flag, PathfindingMessage, PeerEntry};

use super::py2p::{PATIENCE, Py2p};
use super::speaker::Speaker;

/// Has a py2p node that knows this compression only, or none, talk with a [`Speaker`].
fn talks_under(method: Option<Compression>) {
    let name = method.map_or("none", Compression::name);
    let options = ["--max-outgoing", "0", "--compression", name];

    let mut node = Py2p::start(&options);
    let speaker = Speaker::dial(node.addr());
    talk(&mut node, speaker, method);

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut node = Py2p::start(&options);
    assert!(node.connect(listener.local_addr().unwrap()));
    let speaker = Speaker::accept(&listener);
    talk(&mut node, speaker, method);
}

fn talk(node: &mut Py2p, mut speaker: Speaker, method: Option<Compression>) {
    let theirs = speaker.shake_hands();
    assert_eq!((theirs.id, theirs.address), (node.id(), Some(node.addr().into())));
    assert_eq!(theirs.compressions, method.into_iter().collect());

    let heard = speaker.recv_until(|message| message.sub_flag() == Some(Flag::Peers));
    let peers = PeerEntry::decode_list(heard.message.payload(), 8).unwrap();
    let own_entry = PeerEntry { address: Some(speaker.address()), id: speaker.id() };
    assert_eq!((peers, heard.method), (vec![own_entry], method));
    node.wait_for_peer(speaker.id());

    for (flag, word) in [(Flag::Broadcast, "to all"), (Flag::Whisper, "to one")] {
        let said = [word.as_bytes(), b"\0\xff", b""];
        speaker.send(flag, &[&[flag.as_bytes()], &said[..]].concat());
        let message = node.recv_until(PATIENCE, |message| message.says(&said));
        assert_eq!((message.sender, message.main_flag.as_str()), (speaker.id(), flag.as_str()));
        assert_eq!(message.packets.first().unwrap(), flag.as_bytes());
        assert!(!message.compression_fail);
    }

    let said = [&b"from python"[..], b"\0\xff", b""];
    node.send_bytes(&said);
    let heard = speaker.recv_until(|message| from(message, node) && says(message, &said));
    assert_eq!((heard.message.msg_type(), heard.method), (Flag::Broadcast.as_bytes(), method));
    assert_eq!(heard.message.sub_flag(), Some(Flag::Broadcast));
    assert_eq!(heard.message.stated_id(), heard.message.id().as_bytes());

    node.whisper(speaker.id(), &["psst"]);
    let heard = speaker.recv_until(|message| from(message, node) && says(message, &[b"psst"]));
    assert_eq!((heard.message.msg_type(), heard.method), (Flag::Whisper.as_bytes(), method));
    node.assert_nominal();
}

fn from(message: &PathfindingMessage, node: &Py2p) -> bool {
    message.sender() == node.id().as_bytes()
}

/// Whether the packets behind the sub-flag are these.
fn says(message: &PathfindingMessage, packets: &[&[u8]]) -> bool {
    message.payload().skip(1).eq(packets.iter().copied())
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn the_wire_room_talks_with_py2p_uncompressed() {
    talks_under(None);
}

#[test]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn the_wire_room_talks_with_py2p_under_gzip() {
    talks_under(Some(Compression::Gzip));
}

#[test]
#[cfg(feature = "bzip2")]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn the_wire_room_talks_with_py2p_under_bz2() {
    talks_under(Some(Compression::Bz2));
}

#[test]
#[cfg(feature = "xz")]
#[ignore = "needs a Python with py2p 0.2.136: RS2P_PYTHON"]
fn the_wire_room_talks_with_py2p_under_lzma() {
    talks_under(Some(Compression::Lzma));
}
