//! What peers write, from bytes alone to every word that the protocol has.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use rs2p::wire::{
    CatchUp, CatchUpVerb, Compression, Compressions, Control, Extension, Flag, Handshake, LinkName,
    LinkVerdict, Origin, PathfindingMessage, PeerEntry, Protocol, Request, Response, Run, Runs,
    Source, Wanted,
};
use rs2p::{NodeId, RequestId};

use super::super::script::Script;
use super::ID;
use super::driver::{Driver, WALL};

/// Lower and higher than the node's, its own, and one that nobody has.
const IDS: [&str; 6] = ["a", "z", "b", "y", ID, "nobody"];

const MAINS: [&[u8]; 6] = [b"broadcast", b"waterfall", b"whisper", b"renegotiate", b"x", b""];

/// Around the borders of the time for which messages count as fresh.
const OFFSETS: [i64; 9] = [0, 1, -1, 30, -30, 60, 61, -60, -3_600];

/// The longest packet of zeros, as a power of two.
const MAX_ZEROS: usize = 18;

pub(super) fn addr(number: u8) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, number)), 4_000)
}

pub(super) fn id(script: &mut Script<'_>) -> NodeId {
    script.pick(&IDS).parse().unwrap()
}

/// The frame around a body, which need not be a message.
pub(super) fn framed(body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&len, body].concat()
}

/// A handshake: whose, whether it is extended and reachable, its methods.
pub(super) fn handshake(script: &mut Script<'_>) -> Vec<u8> {
    let id = id(script);
    let bits = script.byte();
    let subnet = if bits & 1 == 0 { "mesh" } else { "other" };
    let catches_up = bits & 16 == 0;
    let extension = Extension { catches_up, ..Extension::new(1, u64::from(bits >> 4)) };
    let handshake = Handshake {
        extension: (bits & 2 == 0).then_some(extension),
        ..Handshake::new(
            id,
            &Protocol::new(subnet, "Plaintext"),
            (bits & 4 == 0).then(|| addr(bits >> 4).into()),
            if bits & 8 == 0 { Compressions::supported() } else { Compressions::NONE },
        )
    };
    let payload = handshake.encode();
    let message = PathfindingMessage::new(b"whisper", id.as_bytes(), WALL.as_secs(), &payload);
    message.unwrap().encode().unwrap()
}

/// A message: its main flag, sender, time, number or none, method or none, and payload.
pub(super) fn message(driver: &mut Driver, script: &mut Script<'_>) -> Vec<u8> {
    let main = script.pick(&MAINS);
    let sender = id(script);
    let offset = script.pick(&OFFSETS);
    let time = driver.node.wall(driver.now).as_secs().saturating_add_signed(offset);
    let (number, method) = (script.byte(), script.byte());
    let payload = payload(driver, script);
    let message = match number {
        0 => PathfindingMessage::new(main, sender.as_bytes(), time, &payload),
        _ => {
            let origin = Origin { incarnation: u64::from(number >> 6), sequence: number.into() };
            PathfindingMessage::numbered(main, sender.as_bytes(), origin, time, &payload)
        }
    };
    let method = match method & 7 {
        0 => Some(Compression::Gzip),
        1 => Some(Compression::Bz2),
        // Setting up its encoder costs 90 MiB.
        2 if driver.may_be_heavy() => Some(Compression::Lzma),
        _ => None,
    };
    let body = message.unwrap().packets().body().clone();
    framed(&method.and_then(|method| method.compress(&body).ok()).unwrap_or_else(|| body.to_vec()))
}

fn payload(driver: &mut Driver, script: &mut Script<'_>) -> Vec<Vec<u8>> {
    let word = |word: Flag| word.as_bytes().to_vec();
    match script.below(12) {
        0 => vec![word(Flag::Broadcast), script.text().to_vec()],
        1 => vec![word(Flag::Whisper), script.text().to_vec()],
        2 => vec![b"own".to_vec(), script.text().to_vec(), script.text().to_vec()],
        3 => peers(script),
        4 => {
            let wanted = if script.flag() { Wanted::Node(id(script)) } else { Wanted::Everybody };
            Request { request_id: request_id(driver, script), wanted }.encode()
        }
        5 => {
            let request_id = request_id(driver, script);
            let address = addr(script.byte());
            Response { request_id, id: id(script), address: Some(address.into()) }.encode()
        }
        6 => {
            let names: &[u8] = script.pick(&[&b"[]"[..], b"[\"gzip\"]", b"[\"bz2\", \"x\"]", b"x"]);
            vec![word(Flag::Compression), names.to_vec()]
        }
        7 => vec![word(Flag::Resend)],
        8 => match control(driver, script) {
            Word::Control(control) => control.encode(),
            Word::CatchUp(word) => word.encode(),
        },
        9 => {
            let len = if driver.may_be_heavy() { 1 << script.below(MAX_ZEROS + 1) } else { 0 };
            vec![word(Flag::Broadcast), vec![0; len]]
        }
        10 => {
            let flag = Flag::all().nth(script.below(10)).unwrap();
            vec![word(flag), script.text().to_vec()]
        }
        _ => (0..script.below(24)).map(|_| script.text().to_vec()).collect(),
    }
}

fn peers(script: &mut Script<'_>) -> Vec<Vec<u8>> {
    let mut entries = Vec::new();
    for _ in 0..script.below(5) {
        let number = script.byte();
        let address = (number != 0).then(|| addr(number).into());
        entries.push(PeerEntry { address, id: id(script) });
    }
    PeerEntry::encode_list(&entries)
}

/// The name of a question: one of the node's own, or of a peer's.
fn request_id(driver: &Driver, script: &mut Script<'_>) -> RequestId {
    let choice = script.byte();
    let own = driver.node.pending_requests().nth(usize::from(choice));
    own.unwrap_or_else(|| RequestId::new(u128::from(choice) + 1))
}

/// A word between nodes of this kind.
enum Word {
    Control(Control),
    CatchUp(CatchUp),
}

fn control(driver: &Driver, script: &mut Script<'_>) -> Word {
    let choice = script.byte();
    let mine = u64::from(choice >> 4);
    if choice & 12 == 12 {
        let verb = if choice & 1 == 0 { CatchUpVerb::Offer } else { CatchUpVerb::Want };
        return Word::CatchUp(CatchUp { verb, offer: mine, sources: sources(script) });
    }
    let verdict = [LinkVerdict::Unknown, LinkVerdict::Settled, LinkVerdict::Open]
        .get(usize::from(choice & 3));
    match (verdict, driver.asked) {
        (Some(&verdict), Some(asked)) => {
            let link = LinkName { yours: asked.mine, mine: asked.yours };
            Word::Control(Control::Answer { link, verdict })
        }
        _ => {
            let names = &driver.names;
            let name = names.get(script.below(names.len())).copied();
            Word::Control(Control::Ask(LinkName { yours: name.unwrap_or_default(), mine }))
        }
    }
}

/// Numbers that senders may have given, and some that none can have.
fn sources(script: &mut Script<'_>) -> Vec<Source> {
    let mut sources = Vec::new();
    for _ in 0..script.below(4) {
        let (sender, life, shape) = (id(script), script.byte(), script.byte());
        let last = if shape & 1 == 0 { 255 } else { u64::MAX };
        let (gap, count) = (u64::from(shape >> 1 & 3), u64::from(shape >> 3));
        let step = gap + 1;
        let runs = (0..=count).map(|at| {
            let first = last - (count - at) * step;
            Run { first, last: first.saturating_add(step.saturating_sub(2)) }
        });
        let numbers = Runs::from_runs(runs.collect());
        sources.extend(numbers.map(|numbers| Source {
            sender,
            incarnation: u64::from(life >> 6),
            numbers,
        }));
    }
    sources
}
