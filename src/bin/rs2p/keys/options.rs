//! What the user asks of `rs2p keygen` and `rs2p id`.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::Arg::{Long, Value};

use crate::args::{self, UsageError};

pub(crate) const KEYGEN_SUMMARY: &str = "Make a key file, which gives a node its id";

pub(crate) const KEYGEN_HELP: &str = "\
rs2p keygen: make a key file, which gives a node its id

Draws an Ed25519 key and writes it to a new file, which nobody but you may read. A node that is
started with it (rs2p node --identity FILE) has the id that is printed here, always the same, and
proves it to its neighbors. Whoever has the file can be that node: keep it to yourself, and have no
two nodes with one key in a mesh. A file that is there already is never replaced.

Usage: rs2p keygen [OPTIONS] [FILE]

  FILE        Where to write the key, as PKCS#8 in PEM (default node.key)

Options:
  --json      Print one JSON object: `file`, `id`, `public_key` in hexadecimal
  -h, --help  Print this

Exit code: 0 where the file was written, 1 where not, 2 where the arguments are wrong.

Examples:
  rs2p keygen
  rs2p keygen alice.key
";

pub(crate) const ID_SUMMARY: &str = "Tell the id of the node whose key a file holds";

pub(crate) const ID_HELP: &str = "\
rs2p id: tell the id of the node whose key a file holds

Prints the id, and nothing of the key, which `rs2p keygen` or `rs2p node --identity` has made, or
`openssl genpkey -algorithm ED25519`. A file that others than its owner may read or change is
refused.

Usage: rs2p id [OPTIONS] FILE

Options:
  --json      Print one JSON object: `file`, `id`, `public_key` in hexadecimal
  -h, --help  Print this

Exit code: 0 where the file holds a key, 1 where not, 2 where the arguments are wrong.

Examples:
  rs2p id alice.key
";

/// Every option, for suggestions.
const NAMES: [&str; 2] = ["--json", "--help"];

const DEFAULT_FILE: &str = "node.key";

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Keygen {
    pub(super) file: PathBuf,
    pub(super) json: bool,
}

impl Keygen {
    pub(super) fn parse(parser: lexopt::Parser) -> Result<Self, UsageError> {
        let (file, json) = parse(parser)?;
        let file = file.map_or_else(|| DEFAULT_FILE.into(), PathBuf::from);
        Ok(Self { file, json })
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Id {
    pub(super) file: PathBuf,
    pub(super) json: bool,
}

impl Id {
    pub(super) fn parse(parser: lexopt::Parser) -> Result<Self, UsageError> {
        let (file, json) = parse(parser)?;
        let expected = "the file of a key".to_owned();
        let file = file.ok_or(UsageError::Missing { name: "FILE", expected })?;
        Ok(Self { file: file.into(), json })
    }
}

fn parse(mut parser: lexopt::Parser) -> Result<(Option<OsString>, bool), UsageError> {
    let (mut file, mut json) = (None, false);
    while let Some(arg) = parser.next()? {
        match arg {
            Long("json") => json = true,
            Value(value) if file.is_none() && !value.is_empty() => file = Some(value),
            other => return Err(args::refuse(other, &NAMES)),
        }
    }
    Ok((file, json))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parser(args: &str) -> lexopt::Parser {
        lexopt::Parser::from_args(args.split_whitespace())
    }

    #[test]
    fn a_file_and_the_form_of_the_answer_are_read() {
        let read = |args| Keygen::parse(parser(args)).unwrap();
        assert_eq!(read(""), Keygen { file: "node.key".into(), json: false });
        assert_eq!(read("--json a/b"), Keygen { file: "a/b".into(), json: true });
        let id = Id::parse(parser("a --json")).unwrap();
        assert_eq!(id, Id { file: "a".into(), json: true });
    }

    #[test]
    fn wrong_arguments_are_named() {
        let refusal = |args| Id::parse(parser(args)).unwrap_err().to_string();
        assert_eq!(refusal(""), "FILE is missing: the file of a key");
        assert_eq!(refusal("a b"), "unexpected argument `b`");
        assert_eq!(refusal("--jsn a"), "unknown option `--jsn`; did you mean `--json`?");
    }

    #[test]
    fn the_helps_name_every_option() {
        for help in [KEYGEN_HELP, ID_HELP] {
            for name in NAMES {
                assert!(help.contains(name), "{name}");
            }
            for line in help.lines() {
                assert!(line.len() <= 100, "{line}");
            }
        }
    }
}
