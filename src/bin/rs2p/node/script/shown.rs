//! What a node has, as JSON shows it.

use rs2p::{
    Address, Compression, Compressions, Direction, Explanation, MessageId, NodeId, PeerInfo,
    PeerNote, PeerRecord, Stats, Trouble,
};
use serde_json::{Map, Value, json};

use super::super::kept::Received;
use crate::{clock, hex};

pub(super) fn address(address: &Address) -> Value {
    json!([address.host, address.port])
}

pub(super) fn methods(methods: &Compressions) -> Value {
    methods.iter().map(Compression::name).collect()
}

/// A message with its number.
pub(super) fn message(received: &Received) -> Map<String, Value> {
    let Received { number, message, at } = received;
    let wire = message.as_pathfinding();
    let sender = message.sender();
    let shown = [
        ("n", json!(number)),
        ("main", text(wire.msg_type())),
        ("sender", json!(sender.as_str())),
        ("sender_hex", json!(hex::write(sender.as_bytes()))),
        ("id", json!(message.id().as_str())),
        ("time", json!(message.time())),
        ("packets", message.packets().map(text).collect()),
        ("packets_hex", message.packets().map(hex::write).collect()),
        ("authenticated", json!(message.is_authenticated())),
        ("compression_fail", json!(wire.compression_fail())),
        ("at", json!(at)),
    ];
    shown.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()
}

/// A neighbor. `addr` is where it says it can be reached, `remote` where the connection leads.
pub(super) fn peer(info: &PeerInfo) -> Value {
    json!({
        "id": info.id.as_str(),
        "handler_id": info.id.as_str(),
        "addr": info.announced.as_ref().map(address),
        "remote": info.addr.to_string(),
        "outgoing": info.direction == Direction::Outgoing,
        "compression": methods(&info.compressions),
        "extended": info.is_extended,
        "authenticated": info.is_authenticated,
        "backlog": info.backlog_len,
        "fresh": info.traffic.fresh,
        "refused": info.traffic.refused,
        "last_error": info.last_error.as_deref().map(note),
    })
}

/// What was counted: only what has occurred.
pub(super) fn stats(stats: &Stats) -> Value {
    let counts = stats.counts().into_iter().filter(|(_, count)| *count > 0);
    counts.map(|(name, count)| (name, Value::from(count))).collect::<Map<_, _>>().into()
}

/// What became of a message. `refused` names neighbors and why they were not sent it.
pub(super) fn explanation(explanation: &Explanation) -> Value {
    let ids = |ids: &[NodeId]| ids.iter().map(NodeId::to_string).collect::<Vec<_>>();
    let refused = explanation.refused.iter().map(|(id, why)| json!([id.as_str(), why.to_string()]));
    json!({
        "id": explanation.id.as_str(),
        "sender": explanation.sender.map(|id| id.to_string()),
        "time": explanation.stamp,
        "from": explanation.from.map(|id| id.to_string()),
        "at": clock::seconds(explanation.seen_wall),
        "fate": explanation.fate.to_string(),
        "repeats": explanation.repeats,
        "repeated_by": ids(&explanation.repeated_by),
        "passed_to": ids(&explanation.passed_to),
        "refused": refused.collect::<Vec<_>>(),
    })
}

pub(super) fn record(record: &PeerRecord) -> Value {
    json!({
        "addr": record.addr.to_string(),
        "notes": record.notes.iter().map(note).collect::<Vec<_>>(),
    })
}

fn note(note: &PeerNote) -> Value {
    json!({
        "text": note.incident.to_string(),
        "error": note.incident.is_error(),
        "first": clock::seconds(note.first),
        "last": clock::seconds(note.last),
        "count": note.count,
    })
}

/// What went wrong: the kind, in words, and with whom.
pub(super) fn trouble(trouble: &Trouble) -> [String; 3] {
    [kind(trouble), trouble.reason.to_string(), trouble.addr.to_string()]
}

/// The name of the reason, without what belongs to it.
fn kind(trouble: &Trouble) -> String {
    let name = format!("{:?}", trouble.reason);
    name.chars().take_while(char::is_ascii_alphanumeric).collect()
}

pub(super) fn waterfall((id, time): &(MessageId, u64)) -> Value {
    json!([id.as_str(), time])
}

/// The text of a packet, null where it is none.
fn text(packet: &[u8]) -> Value {
    std::str::from_utf8(packet).map_or(Value::Null, Value::from)
}
