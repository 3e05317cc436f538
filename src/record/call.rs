//! What a user, or the driver for one, has asked of a node.

use std::fmt;
use std::net::SocketAddr;

use super::words::{
    Hex, kind, methods, packets, read_addr, read_hex, read_id, read_kind, read_methods,
    read_packets, read_rule, read_subject, rule, subject,
};
use crate::node::{Node, Rule, RuleKind, Subject};
use crate::time::Instant;
use crate::wire::{Compressions, NodeId};

/// One call that changes a node. Those that only look are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Accept {
        addr: SocketAddr,
    },
    Dial {
        addr: SocketAddr,
    },
    DialPeer {
        addr: SocketAddr,
        id: NodeId,
    },
    AddSeed {
        addr: SocketAddr,
    },
    AddSeedPeer {
        addr: SocketAddr,
        id: NodeId,
    },
    RemoveSeed {
        addr: SocketAddr,
    },
    /// An address book, as its text.
    TakeAddressBook {
        text: String,
    },
    Broadcast {
        sub_flag: Vec<u8>,
        packets: Vec<Vec<u8>>,
    },
    /// Several messages, each its packets with the sub-flag first.
    Batch {
        messages: Vec<Vec<Vec<u8>>>,
    },
    Whisper {
        id: NodeId,
        sub_flag: Vec<u8>,
        packets: Vec<Vec<u8>>,
    },
    Locate {
        id: NodeId,
    },
    RequestPeers,
    Disconnect {
        id: NodeId,
    },
    Close,
    Abort,
    AddRule(Rule),
    RemoveRule {
        kind: RuleKind,
        subject: Subject,
    },
    ClearRules {
        kind: RuleKind,
    },
    SendRaw {
        id: NodeId,
        main: Vec<u8>,
        payload: Vec<Vec<u8>>,
    },
    SendBytes {
        id: NodeId,
        data: Vec<u8>,
    },
    Renegotiate {
        id: NodeId,
        methods: Compressions,
    },
    SetCompressions {
        id: NodeId,
        methods: Compressions,
    },
    AskResend {
        id: NodeId,
    },
    HoldDeliveries,
    ReleaseDeliveries,
    ClearTroubles,
    /// A key for a connection under RSA, which no record holds.
    SupplyRsaKey,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept { addr } => write!(f, "accept {addr}"),
            Self::Dial { addr } => write!(f, "dial {addr}"),
            Self::DialPeer { addr, id } => write!(f, "dial_peer {addr} {id}"),
            Self::AddSeed { addr } => write!(f, "add_seed {addr}"),
            Self::AddSeedPeer { addr, id } => write!(f, "add_seed_peer {addr} {id}"),
            Self::RemoveSeed { addr } => write!(f, "remove_seed {addr}"),
            Self::TakeAddressBook { text } => {
                write!(f, "take_address_book x{}", Hex(text.as_bytes()))
            }
            Self::Broadcast { sub_flag, packets: list } => {
                write!(f, "broadcast x{} {}", Hex(sub_flag), packets(list))
            }
            Self::Batch { messages } => {
                f.write_str("batch")?;
                messages.iter().try_for_each(|list| write!(f, " {}", packets(list)))
            }
            Self::Whisper { id, sub_flag, packets: list } => {
                write!(f, "whisper {id} x{} {}", Hex(sub_flag), packets(list))
            }
            Self::Locate { id } => write!(f, "locate {id}"),
            Self::RequestPeers => f.write_str("request_peers"),
            Self::Disconnect { id } => write!(f, "disconnect {id}"),
            Self::Close => f.write_str("close"),
            Self::Abort => f.write_str("abort"),
            Self::AddRule(it) => write!(f, "add_rule {}", rule(it)),
            Self::RemoveRule { kind: list, subject: who } => {
                write!(f, "remove_rule {} {}", kind(*list), subject(*who))
            }
            Self::ClearRules { kind: list } => write!(f, "clear_rules {}", kind(*list)),
            Self::SendRaw { id, main, payload } => {
                write!(f, "send_raw {id} x{} {}", Hex(main), packets(payload))
            }
            Self::SendBytes { id, data } => write!(f, "send_bytes {id} x{}", Hex(data)),
            Self::Renegotiate { id, methods: list } => {
                write!(f, "renegotiate {id} {}", methods(*list))
            }
            Self::SetCompressions { id, methods: list } => {
                write!(f, "set_compressions {id} {}", methods(*list))
            }
            Self::AskResend { id } => write!(f, "ask_resend {id}"),
            Self::HoldDeliveries => f.write_str("hold_deliveries"),
            Self::ReleaseDeliveries => f.write_str("release_deliveries"),
            Self::ClearTroubles => f.write_str("clear_troubles"),
            Self::SupplyRsaKey => f.write_str("supply_rsa_key"),
        }
    }
}

impl Call {
    /// Reads what was written; `None` where it is no call.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
        let mut words = rest.split(' ').filter(|word| !word.is_empty());
        let mut next = || words.next();
        let bytes = |word: &str| read_hex(word.strip_prefix('x')?);
        let call = match name {
            "accept" => Self::Accept { addr: read_addr(next()?)? },
            "dial" => Self::Dial { addr: read_addr(next()?)? },
            "dial_peer" => Self::DialPeer { addr: read_addr(next()?)?, id: read_id(next()?)? },
            "add_seed" => Self::AddSeed { addr: read_addr(next()?)? },
            "add_seed_peer" => {
                Self::AddSeedPeer { addr: read_addr(next()?)?, id: read_id(next()?)? }
            }
            "remove_seed" => Self::RemoveSeed { addr: read_addr(next()?)? },
            "take_address_book" => {
                Self::TakeAddressBook { text: String::from_utf8(bytes(next()?)?).ok()? }
            }
            "broadcast" => {
                Self::Broadcast { sub_flag: bytes(next()?)?, packets: read_packets(next()?)? }
            }
            "batch" => {
                return words
                    .map(read_packets)
                    .collect::<Option<_>>()
                    .map(|messages| Self::Batch { messages });
            }
            "whisper" => Self::Whisper {
                id: read_id(next()?)?,
                sub_flag: bytes(next()?)?,
                packets: read_packets(next()?)?,
            },
            "locate" => Self::Locate { id: read_id(next()?)? },
            "request_peers" => Self::RequestPeers,
            "disconnect" => Self::Disconnect { id: read_id(next()?)? },
            "close" => Self::Close,
            "abort" => Self::Abort,
            "add_rule" => return read_rule(rest).map(Self::AddRule),
            "remove_rule" => {
                Self::RemoveRule { kind: read_kind(next()?)?, subject: read_subject(next()?)? }
            }
            "clear_rules" => Self::ClearRules { kind: read_kind(next()?)? },
            "send_raw" => Self::SendRaw {
                id: read_id(next()?)?,
                main: bytes(next()?)?,
                payload: read_packets(next()?)?,
            },
            "send_bytes" => Self::SendBytes { id: read_id(next()?)?, data: bytes(next()?)? },
            "renegotiate" => {
                Self::Renegotiate { id: read_id(next()?)?, methods: read_methods(next()?)? }
            }
            "set_compressions" => {
                Self::SetCompressions { id: read_id(next()?)?, methods: read_methods(next()?)? }
            }
            "ask_resend" => Self::AskResend { id: read_id(next()?)? },
            "hold_deliveries" => Self::HoldDeliveries,
            "release_deliveries" => Self::ReleaseDeliveries,
            "clear_troubles" => Self::ClearTroubles,
            "supply_rsa_key" => Self::SupplyRsaKey,
            _ => return None,
        };
        next().is_none().then_some(call)
    }

    /// Calls a node again. What it answered its user is in no record; what follows from the call is.
    pub(super) fn apply(self, node: &mut Node, now: Instant) {
        match self {
            Self::Accept { addr } => drop(node.accept(now, addr)),
            Self::Dial { addr } => drop(node.dial(now, addr)),
            Self::DialPeer { addr, id } => drop(node.dial_peer(now, addr, id)),
            Self::AddSeed { addr } => node.add_seed(now, addr),
            Self::AddSeedPeer { addr, id } => node.add_seed_peer(now, addr, id),
            Self::RemoveSeed { addr } => {
                node.remove_seed(addr);
            }
            Self::TakeAddressBook { text } => {
                if let Ok(book) = text.parse() {
                    node.take_address_book(now, &book);
                }
            }
            Self::Broadcast { sub_flag, packets } => {
                drop(node.broadcast_as(now, &sub_flag, &packets));
            }
            Self::Batch { messages } => drop(node.broadcast_payloads(now, &messages)),
            Self::Whisper { id, sub_flag, packets } => {
                let _ = node.whisper_as(now, &id, &sub_flag, &packets);
            }
            Self::Locate { id } => drop(node.locate(now, &id)),
            Self::RequestPeers => {
                node.request_peers(now);
            }
            Self::Disconnect { id } => {
                node.disconnect(now, &id);
            }
            Self::Close => node.close(now),
            Self::Abort => node.abort(now),
            Self::AddRule(rule) => drop(node.add_rule(now, rule)),
            Self::RemoveRule { kind, subject } => {
                node.remove_rule(now, kind, &subject);
            }
            Self::ClearRules { kind } => node.clear_rules(kind),
            Self::SendRaw { id, main, payload } => drop(node.send_raw(now, &id, &main, &payload)),
            Self::SendBytes { id, data } => drop(node.send_bytes(now, &id, data.into())),
            Self::Renegotiate { id, methods } => drop(node.renegotiate(now, &id, methods)),
            Self::SetCompressions { id, methods } => drop(node.set_compressions(&id, methods)),
            Self::AskResend { id } => drop(node.ask_resend(now, &id)),
            Self::HoldDeliveries => node.hold_deliveries(now),
            Self::ReleaseDeliveries => node.release_deliveries(now),
            Self::ClearTroubles => node.clear_troubles(),
            Self::SupplyRsaKey => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_read_as_it_was_written() {
        for text in [
            "accept 127.0.0.1:5",
            "dial [::1]:5",
            "dial_peer 127.0.0.1:5 me",
            "add_seed 127.0.0.1:5",
            "take_address_book x627573",
            "add_seed_peer 127.0.0.1:5 me",
            "remove_seed 127.0.0.1:5",
            "broadcast x62 x,x6869",
            "broadcast x -",
            "batch x00,x01 - x02",
            "whisper me x62 x6869",
            "locate me",
            "request_peers",
            "disconnect me",
            "close",
            "abort",
            "add_rule deny net:10.0.0.0/8 7",
            "remove_rule allow id:me",
            "clear_rules deny",
            "send_raw me x62 x00,x01",
            "send_bytes me x00ff",
            "renegotiate me gzip",
            "set_compressions me -",
            "ask_resend me",
            "hold_deliveries",
            "release_deliveries",
            "clear_troubles",
            "supply_rsa_key",
        ] {
            assert_eq!(Call::parse(text).map(|call| call.to_string()).as_deref(), Some(text));
            assert_eq!(Call::parse(&format!("{text} more")), None, "{text}");
        }
        for bad in ["", "frob", "dial", "dial me", "broadcast 62 -", "close now"] {
            assert_eq!(Call::parse(bad), None, "{bad}");
        }
    }
}
