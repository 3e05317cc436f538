//! What the user asks of `rs2p decode`.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use lexopt::Arg::{Long, Value};
use rs2p::Compressions;

use crate::args::{self, UsageError};
use crate::hex::HexReader;
use crate::methods;

pub(crate) const SUMMARY: &str = "Take frames apart and explain every packet";

pub(crate) const HELP: &str = "\
rs2p decode: take frames apart and explain every packet

Reads a stream as it goes over one direction of a connection, of any number of frames, and tells
what each packet is, where it stands and what it means, or at which byte something is no frame, and
why. PROTOCOL.md describes the format.

Usage: rs2p decode [OPTIONS] [HEX...|FILE|-]

HEX is hexadecimal digits with any blanks, line breaks, colons, commas and 0x between the bytes,
such as `xxd -p` writes. Anything else is a FILE; write ./cafe for a file whose name is HEX. Without
an argument, or with -, the stream comes from the standard input. A file or the standard input holds
raw bytes, or HEX if its first byte is visible text. Offsets count the bytes of the stream from 0;
for HEX, those that it stands for.

Options:
  --raw               The input is raw bytes; an argument is a FILE
  --hex               The input is HEX; an argument is a FILE
  --compression LIST  Try only these methods: gzip, bz2, lzma, separated by commas, or none
                      (default: all, as a node does)
  --now SECONDS       Tell ages as at this time in Unix seconds (default: the clock's)
  --full              Show all of long packets and long lists
  --json              Print one JSON object a line for each frame
  -h, --help          Print this

The input may have any length: one frame at a time is held. A frame has up to 4194304 bytes, also
after decompression, and 1024 packets, as a node of rs2p takes them by default. Text that a peer
wrote is shown with control and invisible characters and bytes that are not UTF-8 escaped, and as
0x and digits where most of it is no text.

Exit code: 0 where every frame is good, 1 where something is no frame, is cut short, or has a
payload that is not what its flags say, or where the input cannot be read, 2 where the arguments
are wrong.

JSON, one line for each frame, and for what follows the last one if that is no frame: `ok`;
`frame`, its number from 0; `offset` and `len` of its bytes in the stream, size header included;
`announced`, the length in the size header, or null; `compression`, a method or null; `body_len`
after decompression, or null; `packets` [{name, offset, body_offset, len, hex, text, notes, details,
fault}]: where it stands in the stream (null in a compressed body) and in the decompressed body, its
bytes, as text too if they are UTF-8, the explanation in words and in values, and why it is not what
should stand there, or null; `lacks`, the names of missing packets; `body_hex`, the body where it is
no packets, else null; `error`, null or {kind, text, offset, body_offset, missing}, with one of the
kinds frame_too_long, incomplete (`missing` bytes at the end), empty, hex, decompressed_too_long,
decompression_memory, packet_lengths, too_many_packets, too_few_packets, bad_timestamp. `details` of
a time: {seconds, utc, age, class}, where class is current, too old or too new; of a message id:
{agrees, computed, origin}; of other packets, what they say. All text is as the peer wrote it, in
ASCII with escapes.

Examples:
  rs2p decode 00000019 00000007 00000002 00000000 00000000 77686973706572 6d65
  rs2p encode broadcast hello | rs2p decode
  rs2p encode whisper hello --compression gzip --raw | rs2p decode --raw --json
";

/// Every option, for suggestions.
const NAMES: [&str; 7] = ["--raw", "--hex", "--compression", "--now", "--full", "--json", "--help"];

/// What the bytes of the input are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    ByContent,
    Raw,
    Hex,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Stdin,
    /// The text of the arguments.
    Hex(Vec<u8>),
    File(PathBuf),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) source: Source,
    pub(super) form: Form,
    pub(super) compressions: Compressions,
    /// Unix seconds.
    pub(super) now: Option<u64>,
    pub(super) full: bool,
    pub(super) json: bool,
}

impl Options {
    pub(super) fn parse(mut parser: lexopt::Parser) -> Result<Self, UsageError> {
        let mut options = Self {
            source: Source::Stdin,
            form: Form::ByContent,
            compressions: Compressions::supported(),
            now: None,
            full: false,
            json: false,
        };
        let mut words = Vec::new();
        while let Some(arg) = parser.next()? {
            match arg {
                Long("raw") => options.set_form(Form::Raw, "--raw")?,
                Long("hex") => options.set_form(Form::Hex, "--hex")?,
                Long("compression") => {
                    options.compressions = methods::read("--compression", &parser.value()?)?;
                }
                Long("now") => {
                    options.now = Some(args::number("--now", &parser.value()?, &(0..=u64::MAX))?);
                }
                Long("full") => options.full = true,
                Long("json") => options.json = true,
                Value(word) => words.push(word),
                other => return Err(args::refuse(other, &NAMES)),
            }
        }
        options.source = source(&words, options.form)?;
        if options.json && options.full {
            let because = "--json leaves nothing out".to_owned();
            return Err(UsageError::Useless { option: "--full", because });
        }
        Ok(options)
    }

    fn set_form(&mut self, form: Form, option: &'static str) -> Result<(), UsageError> {
        if self.form != Form::ByContent && self.form != form {
            let because = "the input is either raw or hexadecimal".to_owned();
            return Err(UsageError::Useless { option, because });
        }
        self.form = form;
        Ok(())
    }
}

fn source(words: &[OsString], form: Form) -> Result<Source, UsageError> {
    if form == Form::ByContent && !words.is_empty() && words.iter().all(|word| is_hex(word)) {
        let text = words.iter().flat_map(|word| [word.as_encoded_bytes(), b" "]);
        return Ok(Source::Hex(text.flatten().copied().collect()));
    }
    match words {
        [] => Ok(Source::Stdin),
        [word] if word == "-" => Ok(Source::Stdin),
        [word] => Ok(Source::File(word.into())),
        // Of several files the last is too many, of several words the one that is no HEX.
        _ => {
            let is_odd = |word: &&OsString| form != Form::ByContent || !is_hex(word);
            let odd = words.iter().rfind(is_odd).map(|word| word.to_string_lossy().into_owned());
            Err(UsageError::Unexpected { value: odd.unwrap_or_default() })
        }
    }
}

fn is_hex(word: &OsStr) -> bool {
    let word = word.as_encoded_bytes();
    !word.is_empty() && HexReader::default().read(word, &mut Vec::new()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::limits;

    fn parse(args: &str) -> Result<Options, String> {
        let parser = lexopt::Parser::from_args(args.split_whitespace());
        Options::parse(parser).map_err(|error| error.to_string())
    }

    #[test]
    fn an_argument_of_digits_is_the_stream_and_any_other_a_file() {
        for (args, expected) in [
            ("", Source::Stdin),
            ("-", Source::Stdin),
            ("0xca 0xfe", Source::Hex(b"0xca 0xfe ".to_vec())),
            ("cafe", Source::Hex(b"cafe ".to_vec())),
            ("./cafe", Source::File("./cafe".into())),
            ("capture.bin", Source::File("capture.bin".into())),
            ("--hex cafe", Source::File("cafe".into())),
            ("cafe --raw", Source::File("cafe".into())),
        ] {
            assert_eq!(parse(args).unwrap().source, expected, "{args}");
        }
    }

    #[test]
    fn every_option_is_read() {
        let options = parse("--raw --compression gzip --now 5 --full x").unwrap();
        assert_eq!((options.form, options.now, options.full), (Form::Raw, Some(5), true));
        assert_eq!(options.compressions, Compressions::from_names(["gzip"]));
        assert!(parse("--json --compression none").unwrap().json);
    }

    #[test]
    fn wrong_arguments_are_named() {
        for (args, expected) in [
            ("00 x.bin", "unexpected argument `x.bin`"),
            ("--raw a b", "unexpected argument `b`"),
            ("--raw --hex", "--hex has no effect: the input is either raw or hexadecimal"),
            ("--full --json", "--full has no effect: --json leaves nothing out"),
            ("--rwa", "unknown option `--rwa`; did you mean `--raw`?"),
        ] {
            assert_eq!(parse(args), Err(expected.to_owned()));
        }
    }

    #[test]
    fn the_help_names_every_option_and_the_limits() {
        for name in NAMES {
            assert!(HELP.contains(name), "{name}");
        }
        for line in HELP.lines() {
            assert!(line.len() <= 100, "{line}");
        }
        assert!(HELP.contains(&format!("up to {} bytes", limits().max_body_len)));
        assert!(HELP.contains(&format!("and {} packets", limits().max_packets)));
    }
}
