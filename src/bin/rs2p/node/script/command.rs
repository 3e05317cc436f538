//! A command as a program gives it, read from JSON into what it means.

use std::fmt;
use std::time::Duration;

use rs2p::{Compressions, MessageId, NodeId, RequestId};
use serde_json::{Map, Value};

use super::fields::Fields;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Connect { host: String, port: u16, id: Option<NodeId> },
    Send { packets: Vec<Vec<u8>>, sub_flag: Option<String> },
    Whisper { to: NodeId, packets: Vec<Vec<u8>>, sub_flag: Option<String> },
    Raw { to: NodeId, main: String, packets: Vec<Vec<u8>> },
    Bytes { to: NodeId, data: Vec<u8> },
    Recv { timeout: Duration, max: usize },
    Reply { number: u64, packets: Vec<Vec<u8>> },
    Request { wanted: Wanted, name: Option<RequestId> },
    Renegotiate { to: NodeId, methods: Compressions },
    SetCompressions { to: NodeId, methods: Compressions },
    Resend { to: NodeId },
    Peers,
    Pending,
    Waterfalls,
    Disconnect { to: NodeId },
    Status,
    Stats,
    Explain { id: MessageId },
    Record { of: NodeId },
    ClearStatus,
    Id,
    Ping,
    Quit,
}

/// What a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Everybody,
    Node(NodeId),
}

const NAMES: [&str; 23] = [
    "connect",
    "send",
    "whisper",
    "raw",
    "bytes",
    "recv",
    "reply",
    "request",
    "renegotiate",
    "setcomp",
    "resend",
    "peers",
    "pending",
    "waterfalls",
    "disconnect",
    "status",
    "stats",
    "explain",
    "record",
    "clearstatus",
    "id",
    "ping",
    "quit",
];

impl Command {
    pub(super) fn parse(fields: &Map<String, Value>) -> Result<Self, CommandError> {
        let fields = Fields(fields);
        let to = || fields.id("to");
        Ok(match fields.text("cmd")? {
            "connect" => {
                let port = fields.number("port", "a number from 0 to 65535")?;
                Self::Connect {
                    host: fields.text("addr")?.to_owned(),
                    port: port.ok_or(CommandError::Missing("port"))?,
                    id: fields.word("id")?.map(|_| fields.id("id")).transpose()?,
                }
            }
            "send" => Self::Send {
                packets: fields.packets()?,
                sub_flag: fields.word("type")?.map(str::to_owned),
            },
            "whisper" => Self::Whisper {
                to: to()?,
                packets: fields.packets()?,
                sub_flag: fields.word("flag")?.map(str::to_owned),
            },
            "raw" => Self::Raw {
                to: to()?,
                main: fields.text("main")?.to_owned(),
                packets: fields.packets()?,
            },
            "bytes" => Self::Bytes { to: to()?, data: fields.hex("hex")? },
            "recv" => Self::Recv {
                timeout: fields.timeout("timeout")?,
                max: fields.number("max", "a whole number")?.unwrap_or(usize::MAX),
            },
            "reply" => {
                let number = fields.number("n", "the number of a message")?;
                let number = number.ok_or(CommandError::Missing("n"))?;
                Self::Reply { number, packets: fields.packets()? }
            }
            "request" => Self::Request { wanted: wanted(fields)?, name: request_name(fields)? },
            "renegotiate" => Self::Renegotiate { to: to()?, methods: fields.methods("methods")? },
            "setcomp" => Self::SetCompressions { to: to()?, methods: fields.methods("methods")? },
            "resend" => Self::Resend { to: to()? },
            "peers" => Self::Peers,
            "pending" => Self::Pending,
            "waterfalls" => Self::Waterfalls,
            "disconnect" => Self::Disconnect { to: to()? },
            "status" => Self::Status,
            "stats" => Self::Stats,
            "explain" => Self::Explain { id: fields.message_id("id")? },
            "record" => Self::Record { of: fields.id("of")? },
            "clearstatus" => Self::ClearStatus,
            "id" => Self::Id,
            "ping" => Self::Ping,
            "quit" => Self::Quit,
            _ => return Err(CommandError::Unknown),
        })
    }
}

fn wanted(fields: Fields<'_>) -> Result<Wanted, CommandError> {
    match fields.text("what")? {
        "*" => Ok(Wanted::Everybody),
        _ => fields.id("what").map(Wanted::Node),
    }
}

fn request_name(fields: Fields<'_>) -> Result<Option<RequestId>, CommandError> {
    let expected = "1 to 66 visible characters";
    let name = fields.word("rid")?.map(|name| RequestId::parse(name.as_bytes())).transpose();
    name.map_err(|_| CommandError::Wrong { field: "rid", expected })
}

/// Why a line is no command. Nothing was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CommandError {
    TooLong,
    NotUtf8,
    NoJson(String),
    NoObject,
    Missing(&'static str),
    Wrong { field: &'static str, expected: &'static str },
    Unknown,
}

impl CommandError {
    /// The word for it in an answer.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::TooLong => "TooLong",
            Self::NotUtf8 => "NotUtf8",
            Self::NoJson(_) => "NoJson",
            Self::NoObject => "NoObject",
            Self::Missing(_) => "MissingField",
            Self::Wrong { .. } => "WrongField",
            Self::Unknown => "UnknownCommand",
        }
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "a line has at most 20 MiB"),
            Self::NotUtf8 => write!(f, "the line is not UTF-8"),
            Self::NoJson(error) => write!(f, "the line is not JSON: {error}"),
            Self::NoObject => write!(f, "a command is an object"),
            Self::Missing(field) => write!(f, "`{field}` is missing"),
            Self::Wrong { field, expected } => write!(f, "`{field}` takes {expected}"),
            Self::Unknown => write!(f, "the commands are {}", NAMES.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Command, CommandError> {
        let value: Value = serde_json::from_str(text).unwrap();
        Command::parse(value.as_object().unwrap())
    }

    fn id(text: &str) -> NodeId {
        text.parse().unwrap()
    }

    #[test]
    fn every_field_is_read() {
        let packets = || vec![b"\x00\xff".to_vec(), Vec::new()];
        let hex = r#""packets_hex": ["00Ff", ""], "packets": ["passed over"]"#;
        for (text, expected) in [
            (
                r#"{"cmd": "connect", "addr": "::1", "port": 7, "id": "a"}"#.to_owned(),
                Command::Connect { host: "::1".to_owned(), port: 7, id: Some(id("a")) },
            ),
            (
                format!(r#"{{"cmd": "send", "type": "t", {hex}}}"#),
                Command::Send { packets: packets(), sub_flag: Some("t".to_owned()) },
            ),
            (
                format!(r#"{{"cmd": "whisper", "to": "a", "flag": "f", {hex}}}"#),
                Command::Whisper {
                    to: id("a"),
                    packets: packets(),
                    sub_flag: Some("f".to_owned()),
                },
            ),
            (
                format!(r#"{{"cmd": "raw", "to": "a", "main": "m", {hex}}}"#),
                Command::Raw { to: id("a"), main: "m".to_owned(), packets: packets() },
            ),
            (
                r#"{"cmd": "bytes", "to": "a", "hex": "0a"}"#.to_owned(),
                Command::Bytes { to: id("a"), data: vec![10] },
            ),
            (
                r#"{"cmd": "recv", "timeout": 1.5, "max": 2}"#.to_owned(),
                Command::Recv { timeout: Duration::from_millis(1500), max: 2 },
            ),
            (
                format!(r#"{{"cmd": "reply", "n": 3, {hex}}}"#),
                Command::Reply { number: 3, packets: packets() },
            ),
            (
                r#"{"cmd": "request", "what": "*", "rid": "r"}"#.to_owned(),
                Command::Request {
                    wanted: Wanted::Everybody,
                    name: Some(RequestId::parse(b"r").unwrap()),
                },
            ),
            (
                r#"{"cmd": "setcomp", "to": "a", "methods": ["gzip", "zip"]}"#.to_owned(),
                Command::SetCompressions {
                    to: id("a"),
                    methods: Compressions::from_names(["gzip"]),
                },
            ),
        ] {
            assert_eq!(parse(&text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_may_be_missing_has_a_default() {
        let nothing = Command::Send { packets: vec![], sub_flag: None };
        assert_eq!(parse(r#"{"cmd": "send"}"#), Ok(nothing.clone()));
        assert_eq!(parse(r#"{"cmd": "send", "type": "", "packets": null}"#), Ok(nothing));
        let at_once = Command::Recv { timeout: Duration::ZERO, max: usize::MAX };
        assert_eq!(parse(r#"{"cmd": "recv"}"#), Ok(at_once));
        let located = Command::Request { wanted: Wanted::Node(id("a")), name: None };
        assert_eq!(parse(r#"{"cmd": "request", "what": "a"}"#), Ok(located));
    }

    #[test]
    fn what_is_missing_or_of_another_type_is_named() {
        for (text, kind, field) in [
            (r#"{}"#, "MissingField", "`cmd`"),
            (r#"{"cmd": null}"#, "MissingField", "`cmd`"),
            (r#"{"cmd": 7}"#, "WrongField", "`cmd`"),
            (r#"{"cmd": "dance"}"#, "UnknownCommand", "connect, send"),
            (r#"{"cmd": "connect", "addr": "a"}"#, "MissingField", "`port`"),
            (r#"{"cmd": "connect", "port": 1}"#, "MissingField", "`addr`"),
            (r#"{"cmd": "connect", "addr": "a", "port": 65536}"#, "WrongField", "`port`"),
            (r#"{"cmd": "connect", "addr": "a", "port": "7"}"#, "WrongField", "`port`"),
            (r#"{"cmd": "send", "packets": "a"}"#, "WrongField", "`packets`"),
            (r#"{"cmd": "send", "packets": [1]}"#, "WrongField", "`packets`"),
            (r#"{"cmd": "send", "packets_hex": ["a"]}"#, "WrongField", "`packets_hex`"),
            (r#"{"cmd": "send", "packets_hex": ["+1"]}"#, "WrongField", "`packets_hex`"),
            (r#"{"cmd": "send", "packets_hex": ["zz"]}"#, "WrongField", "`packets_hex`"),
            (r#"{"cmd": "send", "packets_hex": ["é"]}"#, "WrongField", "`packets_hex`"),
            (r#"{"cmd": "whisper", "packets": []}"#, "MissingField", "`to`"),
            (r#"{"cmd": "whisper", "to": ""}"#, "WrongField", "`to`"),
            (r#"{"cmd": "bytes", "to": "a"}"#, "MissingField", "`hex`"),
            (r#"{"cmd": "recv", "timeout": -1}"#, "WrongField", "`timeout`"),
            (r#"{"cmd": "recv", "timeout": 1e300}"#, "WrongField", "`timeout`"),
            (r#"{"cmd": "recv", "max": -1}"#, "WrongField", "`max`"),
            (r#"{"cmd": "reply"}"#, "MissingField", "`n`"),
            (r#"{"cmd": "reply", "n": 1.5}"#, "WrongField", "`n`"),
            (r#"{"cmd": "request"}"#, "MissingField", "`what`"),
            (r#"{"cmd": "request", "what": "*", "rid": "a b"}"#, "WrongField", "`rid`"),
            (r#"{"cmd": "renegotiate", "to": "a"}"#, "MissingField", "`methods`"),
            (r#"{"cmd": "setcomp", "to": "a", "methods": {}}"#, "WrongField", "`methods`"),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.kind(), kind, "{text}");
            assert!(error.to_string().contains(field), "{text}: {error}");
        }
    }

    #[test]
    fn every_name_is_a_command() {
        for name in NAMES {
            let error = parse(&format!(r#"{{"cmd": "{name}"}}"#)).err();
            assert_ne!(error, Some(CommandError::Unknown), "{name}");
        }
    }
}
