//! What the user asks of `rs2p encode`.

use std::ffi::OsString;

use lexopt::Arg::{Long, Short, Value};
use rs2p::{Compression, Compressions};

use crate::args::{self, UsageError};
use crate::hex;

pub(crate) const SUMMARY: &str = "Make a frame, the inverse of decode";

pub(crate) const HELP: &str = "\
rs2p encode: make a frame, the inverse of decode

Makes the frame of one message, its size header included, and prints it as hexadecimal digits.
Nothing is checked but the length, so that bad messages can be made as well. The message id is
computed as the protocol has it.

Usage: rs2p encode KIND [PACKET...] [OPTIONS]
       rs2p encode --from-json [--raw | --json]

KIND gives the flags, and the PACKETs of the payload follow the sub-flag:
  broadcast, waterfall, whisper    A user's message
  handshake                        ID PROTOCOL_ID ADDRESS COMPRESSIONS [EXTENSION]
  peers                            LIST
  request                          REQUEST_ID WANTED_ID
  response                         REQUEST_ID PLACE
  compression                      LIST
  resend
  rs2p                             VERB LINK LINK, between rs2p nodes
PROTOCOL.md §3 and §5 describe these packets.

Options:
  --sender ID           The id of the node that made the message (default encode)
  --time SECONDS        When, in Unix seconds (default: now)
  --main FLAG           Another main flag than that of KIND, any text
  --sub-flag WORD       Another sub-flag than that of KIND, any text
  --hex                 The PACKETs are hexadecimal digits, not text
  --compression METHOD  gzip, bz2, lzma or none (default none)
  --from-json           Make a frame of each line that `rs2p decode --json` prints: of the `hex` of
                        its `packets`, under its `compression`; lines have up to 67108864 bytes
  --raw                 Write the bytes themselves
  --json                Print one JSON object a frame: {hex, id, len}, where id is the message id
                        and len counts the size header too
  -h, --help            Print this

A PACKET that begins with a dash follows --.

Exit code: 0 where every frame was made, 1 where one could not be, 2 where the arguments are wrong.

Examples:
  rs2p encode broadcast 'hello mesh'
  rs2p encode whisper --hex 00ff --sender me --time 1466965490
  rs2p encode broadcast hello --compression gzip --json
  rs2p encode peers '[[[\"127.0.0.1\", 4444], \"me\"]]' | rs2p decode
  rs2p encode broadcast hello --raw | rs2p decode --json | rs2p encode --from-json
";

/// Every option, for suggestions.
const NAMES: [&str; 10] = [
    "--sender",
    "--time",
    "--main",
    "--sub-flag",
    "--hex",
    "--compression",
    "--from-json",
    "--raw",
    "--json",
    "--help",
];

/// Each kind of message with its main flag and its sub-flag.
const KINDS: [(&str, (&str, &str)); 10] = [
    ("broadcast", ("broadcast", "broadcast")),
    ("waterfall", ("waterfall", "broadcast")),
    ("whisper", ("whisper", "whisper")),
    ("handshake", ("whisper", "handshake")),
    ("peers", ("whisper", "peers")),
    ("request", ("broadcast", "request")),
    ("response", ("whisper", "response")),
    ("compression", ("renegotiate", "compression")),
    ("resend", ("renegotiate", "resend")),
    ("rs2p", ("whisper", "rs2p")),
];

const DEFAULT_SENDER: &str = "encode";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    Hex,
    Raw,
    Json,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Task {
    Message {
        main: Vec<u8>,
        sender: Vec<u8>,
        /// Unix seconds.
        time: Option<u64>,
        /// The sub-flag first.
        payload: Vec<Vec<u8>>,
        compression: Option<Compression>,
    },
    /// Each line of the standard input is one.
    Lines,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) task: Task,
    pub(super) output: Output,
}

/// What stands on the command line, before it is put together.
#[derive(Default)]
struct Given {
    words: Vec<OsString>,
    sender: Option<Vec<u8>>,
    time: Option<u64>,
    main: Option<Vec<u8>>,
    sub_flag: Option<Vec<u8>>,
    hex: bool,
    compression: Option<Compression>,
    output: Option<Output>,
    from_json: bool,
    /// An option about one message.
    about_message: Option<&'static str>,
}

impl Options {
    pub(super) fn parse(mut parser: lexopt::Parser) -> Result<Self, UsageError> {
        let mut given = Given::default();
        while let Some(arg) = parser.next()? {
            match arg {
                Value(word) => given.words.push(word),
                Long(name) => {
                    let name = name.to_owned();
                    given.set(&name, &mut parser)?;
                }
                short @ Short(_) => return Err(args::refuse(short, &NAMES)),
            }
        }
        let output = given.output.unwrap_or(Output::Hex);
        Ok(Self { task: given.task()?, output })
    }
}

impl Given {
    fn set(&mut self, name: &str, parser: &mut lexopt::Parser) -> Result<(), UsageError> {
        match name {
            "sender" => self.sender = Some(text("--sender", parser.value()?)?),
            "time" => self.time = Some(args::number("--time", &parser.value()?, &(0..=u64::MAX))?),
            "main" => self.main = Some(text("--main", parser.value()?)?),
            "sub-flag" => self.sub_flag = Some(text("--sub-flag", parser.value()?)?),
            "hex" => self.hex = true,
            "compression" => {
                let known =
                    Compressions::supported().iter().map(|method| (method.name(), Some(method)));
                let known: Vec<_> = known.chain([("none", None)]).collect();
                self.compression = args::choice("--compression", &parser.value()?, &known)?;
            }
            "from-json" => self.from_json = true,
            "raw" => return self.set_output(Output::Raw, "--raw"),
            "json" => return self.set_output(Output::Json, "--json"),
            other => return Err(args::refuse(Long(other), &NAMES)),
        }
        let option = NAMES.iter().find(|known| known.strip_prefix("--") == Some(name));
        self.about_message = option.copied().filter(|_| name != "from-json").or(self.about_message);
        Ok(())
    }

    fn set_output(&mut self, output: Output, option: &'static str) -> Result<(), UsageError> {
        match self.output.replace(output) {
            Some(other) if other != output => {
                let because = "the frame is written either raw or as JSON".to_owned();
                Err(UsageError::Useless { option, because })
            }
            _ => Ok(()),
        }
    }

    fn task(self) -> Result<Task, UsageError> {
        let mut words = self.words.into_iter();
        if self.from_json {
            let because = "--from-json takes all from the standard input".to_owned();
            return match (words.next(), self.about_message) {
                (Some(word), _) => {
                    Err(UsageError::Unexpected { value: word.to_string_lossy().into_owned() })
                }
                (None, Some(option)) => Err(UsageError::Useless { option, because }),
                (None, None) => Ok(Task::Lines),
            };
        }
        let kind = words.next().ok_or_else(|| {
            let kinds = KINDS.map(|(name, _)| name).join(", ");
            UsageError::Missing { name: "KIND", expected: format!("one of {kinds}") }
        })?;
        let (main, sub_flag) = args::choice("KIND", &kind, &KINDS)?;
        let mut payload = vec![self.sub_flag.unwrap_or_else(|| sub_flag.into())];
        for word in words {
            payload.push(if self.hex { digits(&word)? } else { text("PACKET", word)? });
        }
        Ok(Task::Message {
            main: self.main.unwrap_or_else(|| main.into()),
            sender: self.sender.unwrap_or_else(|| DEFAULT_SENDER.into()),
            time: self.time,
            payload,
            compression: self.compression,
        })
    }
}

fn text(option: &'static str, value: OsString) -> Result<Vec<u8>, UsageError> {
    value.into_string().map(String::into_bytes).map_err(|value| UsageError::BadValue {
        option,
        value: value.to_string_lossy().into_owned(),
        expected: "text in UTF-8".to_owned(),
    })
}

fn digits(word: &OsString) -> Result<Vec<u8>, UsageError> {
    hex::read(word.as_encoded_bytes()).map_err(|_| UsageError::BadValue {
        option: "PACKET",
        value: word.to_string_lossy().into_owned(),
        expected: "two hexadecimal digits for each byte".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Options, String> {
        Options::parse(lexopt::Parser::from_args(args)).map_err(|error| error.to_string())
    }

    #[test]
    fn every_option_is_read() {
        let options = parse(&[
            "whisper",
            "00",
            "--hex",
            "--sender",
            "me",
            "--time",
            "5",
            "--main",
            "m",
            "--sub-flag",
            "",
            "--compression",
            "gzip",
            "--raw",
            "0xff",
        ]);
        let task = Task::Message {
            main: b"m".to_vec(),
            sender: b"me".to_vec(),
            time: Some(5),
            payload: vec![vec![], vec![0], vec![0xff]],
            compression: Some(Compression::Gzip),
        };
        assert_eq!(options, Ok(Options { task, output: Output::Raw }));
        let options = parse(&["--from-json", "--json"]).unwrap();
        assert_eq!((options.task, options.output), (Task::Lines, Output::Json));
        let Ok(Options { task: Task::Message { payload, .. }, output: Output::Hex }) =
            parse(&["resend", "--", "--raw"])
        else {
            panic!("a packet may begin with a dash")
        };
        assert_eq!(payload, [&b"resend"[..], b"--raw"]);
    }

    #[test]
    fn wrong_arguments_are_named() {
        let kinds: Vec<&str> = KINDS.iter().map(|(name, _)| *name).collect();
        let kinds = kinds.join(", ");
        for (args, expected) in [
            (&[][..], format!("KIND is missing: one of {kinds}")),
            (&["shout", "x"], format!("KIND takes one of {kinds}, not `shout`")),
            (
                &["whisper", "--hex", "0"],
                "PACKET takes two hexadecimal digits for each byte, not `0`".to_owned(),
            ),
            (
                &["--from-json", "--hex"],
                "--hex has no effect: --from-json takes all from the standard input".to_owned(),
            ),
            (&["--from-json", "x"], "unexpected argument `x`".to_owned()),
            (
                &["resend", "--raw", "--json"],
                "--json has no effect: the frame is written either raw or as JSON".to_owned(),
            ),
            (&["--sendr"], "unknown option `--sendr`; did you mean `--sender`?".to_owned()),
        ] {
            assert_eq!(parse(args), Err(expected));
        }
    }

    #[test]
    fn the_help_names_every_option_and_kind() {
        for name in NAMES.iter().chain(KINDS.iter().map(|(name, _)| name)) {
            assert!(HELP.contains(name), "{name}");
        }
        for line in HELP.lines() {
            assert!(line.len() <= 100, "{line}");
        }
        assert!(HELP.contains(&format!("(default {DEFAULT_SENDER})")));
    }
}
